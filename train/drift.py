"""Whether new text still looks like what a model was trained on: the numbers.

Knows a tagger, a reference and scored sentences. What the numbers mean is left to `train.drift_verdict`.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from newslean.output import DIGITS
from newslean.schema import Dimension
from newslean.tagger import Tagger
from train.drift_prior import calibration_shares
from train.drift_reference import (
    Errors,
    Floats,
    Witness,
    confidence_of,
    errors_of,
    is_model,
    read_errors,
)
from train.drift_shares import label_shares, missing_gold
from train.metrics import BINS
from train.scored import Scored, read_scored
from train.shift import Counts, Sample, compare, count_in_bins, decile_edges, mean_difference
from train.words import strangeness

Report = dict[str, Any]

EQUAL_EDGES = np.linspace(0, 1, BINS + 1)


def measure_drift(
    reference: Path, new: Path, tagger: Tagger, *, model: Path, texts: tuple[Path, ...] = (), seed: int = 0,
    replicates: int = 500, text_column: str | None = None, on_note: Callable[[str], None] | None = None,
) -> Report:  # fmt: skip
    """Compare new text with what a model was trained on, or with what it scored before.

    Parameters
    ----------
    reference : Path
        A model folder, for the summary of its own training; otherwise as for `train.scored.read_scored`.
    new : Path
        As for `train.scored.read_scored`.
    model : Path
        Folder of the tagger: what it has learnt is read there, and how it errs, unless the reference holds labels that
        it never saw.
    text_column, on_note : optional
        As for `train.scored.read_scored`.

    Returns
    -------
    dict
        Plain data: ``reference, new, words, tokens, length, gated_alike, dimensions, unsure``; None where something
        cannot be had, as intervals cannot from a single article. What the gate kept from the model counts in words,
        lengths and shares; scores are compared without it, and not at all where it is on one side alone.

    Raises
    ------
    DataError, ModelError
        If something cannot be read, or the new text holds no sentence.
    """
    reading: dict[str, Any] = {"seed": seed, "model": model, "texts": texts}
    reading |= {"text_column": text_column, "on_note": on_note}
    recent = read_scored(new, tagger, **reading)
    old = None if is_model(reference) else read_scored(reference, tagger, **reading)
    witness = _witness(old, tagger, model) if old else read_errors(reference, tagger)
    about = {"name": str(reference), "errors": witness.name, "errors_articles": witness.articles}
    rest = {"seed": seed, "replicates": replicates}
    alike = bool(recent.skipped.any()) == (old is not None and bool(old.skipped.any()))
    priors = calibration_shares(model, tagger)
    return {
        "model": f"{tagger.manifest.name} {tagger.manifest.version}",
        "reference": about | (_size(old) if old else {}),
        "new": {"name": recent.name, **_size(recent)},
        **_compare_words(old, witness.unknown_words, recent, tagger, **rest),
        "length": _compare_lengths(old, recent, **rest) if old else None,
        "gated_alike": alike,
        "dimensions": {
            d.name: _compare(old, witness.errors.get(d.name), recent, d, alike=alike, prior=priors.get(d.name), **rest)
            for d in tagger.schema.dimensions
        },
        "unsure": _unsure(recent.only_read(), tagger),
    }


def _compare(
    old: Scored | None, errors: Errors | None, new: Scored, d: Dimension, *, alike: bool, prior: Floats | None,
    **rest: int,
) -> Report:  # fmt: skip
    return {
        "errors_articles": errors.articles if errors else None,
        **_compare_scores(old, errors, new, d, alike=alike, **rest),
        "labels": label_shares(old, errors, new, d, prior=prior, **rest),
        "missing_gold": missing_gold(errors, d),
    }


def _compare_scores(
    old: Scored | None, errors: Errors | None, new: Scored, d: Dimension, *, alike: bool, **rest: int
) -> Report:
    """Compare the scores of what the model has read; not where the gate chose that on one side alone."""
    if not alike:
        return {"confidence": None, "accuracy": None}
    old, new = old and old.only_read(), new.only_read()
    return {
        "confidence": _compare_confidence(old, errors, new, d, **rest),
        "accuracy": _expected_accuracy(old, errors, new, d, **rest),
    }


def _witness(old: Scored, tagger: Tagger, model: Path) -> Witness:
    """Take errors from labels that the model never saw, otherwise from its own reports, if it has any."""
    found = {d.name: errors_of(old, d) for d in tagger.schema.dimensions}
    if not old.seen and any(found.values()):
        return Witness(old.name, {name: errors for name, errors in found.items() if errors})
    return read_errors(model, tagger) if (model / "evaluation").is_dir() else Witness("", {})


def _size(scored: Scored) -> dict[str, Any]:
    return {
        "sentences": len(scored.texts),
        "skipped": int(scored.skipped.sum()),
        "articles": _articles(scored),
        "articles_read": _articles(scored.only_read()),
        "seen": scored.seen,
    }


def _articles(scored: Scored) -> int:
    return len({*scored.groups.tolist()})


def _compare_words(
    old: Scored | None, known: float | None, new: Scored, tagger: Tagger, *, seed: int, replicates: int
) -> Report:
    """Compare the shares of a sentence's words and tokens that the model does not know.

    Parameters
    ----------
    known : float, optional
        Share of words in the model's own report, for a reference without sentences.
    """
    parts = [old, new] if old else [new]
    found = [strangeness(s.texts, s.groups.tolist(), tagger, seen=s.seen) for s in parts]
    result: Report = {}
    columns = (("words", "words", "unknown_words", known), ("tokens", "tokens", "unknown_tokens", None))
    for key, total, unknown, stored in columns:
        if not len(getattr(found[-1], total)):
            result[key] = None
            continue
        shares = [getattr(f, unknown) / np.maximum(getattr(f, total), 1) for f in found]
        row: Report = {"reference": float(shares[0].mean()) if old else stored, "new": float(shares[-1].mean())}
        before: Sample | float | None = (shares[0], old.groups) if old else stored
        if before is not None:
            row["difference"], row["interval"] = mean_difference(
                before, (shares[-1], new.groups), seed=seed, replicates=replicates
            )
        result[key] = row
    if result["words"]:
        result["words"]["top"] = found[-1].top
    return result


def _compare_lengths(old: Scored, new: Scored, *, seed: int, replicates: int) -> Report:
    """Compare the lengths of sentences in characters, in the deciles of the reference."""
    lengths = [np.array([len(text) for text in scored.texts], dtype=float) for scored in (old, new)]
    edges = decile_edges(lengths[0])
    counts = [count_in_bins(values, s.groups, edges) for values, s in zip(lengths, (old, new), strict=True)]
    found = compare(counts[0], counts[1], seed=seed, replicates=replicates)
    return {"reference": float(np.median(lengths[0])), "new": float(np.median(lengths[1])), **found}


def _sureness(scored: Scored, d: Dimension) -> Sample:
    """Give probabilities, of the answers (``single``) or of all labels (``multi``), and the article of each.

    As results are written: else 0.9999999, scored now, would be another value than the 1 that it was stored as.
    """
    if not d.multi:
        return confidence_of(scored, d).round(DIGITS), scored.groups
    values = scored.scores[d.name].astype(float)
    return values.ravel().round(DIGITS), np.repeat(scored.groups, values.shape[1])


def _compare_confidence(
    old: Scored | None, errors: Errors | None, new: Scored, d: Dimension, *, seed: int, replicates: int
) -> Report | None:
    if old and not old.seen:
        values, groups = _sureness(old, d)
        edges = decile_edges(values)
        before = count_in_bins(values, groups, edges)
    elif errors is not None:
        before, edges = Counts(errors.confidence[None, :], summed=True, articles=errors.articles), EQUAL_EDGES
    else:
        return None
    return compare(before, count_in_bins(*_sureness(new, d), edges), seed=seed, replicates=replicates)


def _expected_accuracy(
    old: Scored | None, errors: Errors | None, new: Scored, d: Dimension, *, seed: int, replicates: int
) -> Report | None:
    """Expect accuracy to fall as much as confidence did (difference of confidences, Guillory et al. 2021).

    Where it was measured on other text than the reference, it is expected of both.
    """
    before: Sample | float
    if old and not old.seen:
        values = confidence_of(old, d)
        before, sure = (values, old.groups), float(values.mean())
    elif errors is not None:
        before = sure = errors.surest
    else:
        return None
    rise, bounds = mean_difference(before, (confidence_of(new, d), new.groups), seed=seed, replicates=replicates)
    found: Report = {"loss": -rise, "interval": [-bounds[1], -bounds[0]] if bounds else None}
    if errors is None:
        return found | {"reference": None, "new": None}
    reference = errors.accuracy + sure - errors.surest
    return found | {"reference": reference, "new": reference + rise}


def _unsure(new: Scored, tagger: Tagger, *, number: int = 5) -> list[Report]:
    """Name the sentences that the model is least sure of."""
    sure = np.mean([confidence_of(new, d) for d in tagger.schema.dimensions], axis=0)
    order = np.argsort(sure, kind="stable")[:number]
    return [{"article": str(new.groups[n]), "text": new.texts[n], "confidence": float(sure[n])} for n in order]
