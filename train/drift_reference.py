"""What a model should see: the summary of its own training, or sentences scored before.

Knows the reports in a model's folder ``evaluation/`` and scored sentences; judges nothing.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from newslean.baseline import Baseline
from newslean.errors import ModelError
from newslean.manifest import read_manifest
from newslean.mixed import Mixed
from newslean.schema import Dimension
from newslean.tagger import Tagger
from train.metrics import BINS, indicator
from train.scored import Scored

Floats = NDArray[np.float64]

PARTS = ("held_out", "out_of_fold")
"""Parts of an evaluation, the best witness first: rows set aside are as frequent as in news, others were picked."""


@dataclass(frozen=True)
class Errors:
    """How a model errs in one dimension.

    Attributes
    ----------
    confusions : dict
        For ``single`` one table "", shape (labels, labels), gold in rows; for ``multi`` one of (no, yes) per label.
    confidence : array, shape (BINS,)
        Sentences by the probability of the answer (``single``), or labels by their probability (``multi``).
    surest : float
        Mean probability of what was answered; see `confidence_of`.
    accuracy : float
        Share of answers that were right; of a ``multi`` dimension, of yes and no by label.
    """

    confusions: dict[str, Floats]
    confidence: Floats
    surest: float
    accuracy: float


@dataclass(frozen=True)
class Witness:
    """How a model errs, and who says so.

    Attributes
    ----------
    name : str
        Of the labels or the report; "" where nothing is known.
    articles : int
        How many were counted.
    errors : dict
        By dimension.
    unknown_words : float, optional
        Mean share of a sentence's words that the model did not know there; None where the report does not tell.
    """

    name: str
    articles: int
    errors: dict[str, Errors]
    unknown_words: float | None = None


def read_errors(folder: Path, tagger: Tagger) -> Witness:
    """Read how a model erred on text that it had not seen, from the reports in its folder.

    Raises
    ------
    ModelError
        If there is no such report, or it is of other labels.
    """
    model = tagger.model
    kind = "mixed" if isinstance(model, Mixed) else "baseline" if isinstance(model, Baseline) else "transformer"
    part = next((part for part in PARTS if (folder / "evaluation" / part / "report.json").is_file()), None)
    if part is None:
        raise ModelError(
            f"{folder}: expected evaluation/{PARTS[0]} or {PARTS[1]}/report.json, which python -m train writes; "
            "found none. Name labels or a scored result instead of the model."
        )
    path = folder / "evaluation" / part / "report.json"
    try:
        report = json.loads(path.read_bytes())
        found = {
            d.name: _from_report(d, report["dimensions"][d.name]["models"][kind]) for d in tagger.schema.dimensions
        }
        words = report.get("unknown_words")
        known = None if words is None else float(words)
        return Witness(f"{part} of {folder}", int(report["articles"]), found, known)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelError(f"{path}: expected the report of this model; {error!r}. Restore the model folder.") from None


def _from_report(d: Dimension, found: dict[str, Any]) -> Errors:
    bins = found["calibration"]["bins"]
    confidence = np.zeros(BINS)
    for row in bins:
        confidence[round(row["high"] * BINS) - 1] = row["n"]
    tables = found["confusion"] if d.multi else {"": found["confusion"]}
    size = 2 if d.multi else len(d.labels)
    confusions = {
        name: np.array(tables[name], dtype=float).reshape(size, size) for name in (d.labels if d.multi else ("",))
    }
    right = sum(np.trace(table) for table in confusions.values()) / sum(table.sum() for table in confusions.values())
    surest = found["calibration"].get("confidence")
    return Errors(confusions, confidence, float(_from_bins(d, bins) if surest is None else surest), float(right))


def _from_bins(d: Dimension, bins: list[dict[str, Any]]) -> float:
    """Give `Errors.surest` where an older report does not: a hair too low for ``multi``, by the bin around 0.5."""
    sure = [max(row["confidence"], 1 - row["confidence"]) if d.multi else row["confidence"] for row in bins]
    total = sum(row["n"] for row in bins)
    return float(sum(row["n"] * value for row, value in zip(bins, sure, strict=True)) / max(total, 1))


def errors_of(scored: Scored, d: Dimension) -> Errors | None:
    """Count how a model errs in scored sentences that have gold labels in a dimension; None if none have."""
    rows = [n for n, gold in enumerate(scored.gold) if d.name in gold]
    if not rows:
        return None
    gold, answers = (indicator(d, [part[n][d.name] for n in rows]) for part in (scored.gold, scored.answers))
    if d.multi:
        confusions = {label: _table(gold[:, [k]], answers[:, [k]]) for k, label in enumerate(d.labels)}
    else:
        confusions = {"": np.asarray(gold.T.astype(float) @ answers.astype(float))}
    right = (gold == answers).mean() if d.multi else (gold & answers).any(axis=1).mean()
    values = confidence_of(scored, d)[rows]
    return Errors(confusions, np.zeros(BINS), float(values.mean()), float(right))


def _table(gold: NDArray[np.bool_], answers: NDArray[np.bool_]) -> Floats:
    both = [np.hstack([~flags, flags]).astype(float) for flags in (gold, answers)]
    return np.asarray(both[0].T @ both[1])


def confidence_of(scored: Scored, d: Dimension) -> Floats:
    """Say how sure the model is of its answer in each sentence.

    ``single``: the probability of the answer; ``multi``: the mean over labels of that of the likelier of yes and no.
    """
    values = scored.scores[d.name].astype(np.float64)
    if d.multi:
        return np.asarray(np.maximum(values, 1 - values).mean(axis=1))
    answers = indicator(d, [labels[d.name] for labels in scored.answers])
    return np.asarray((values * answers).sum(axis=1))


def is_model(path: Path) -> bool:
    """Whether a path is a model folder."""
    return (path / "manifest.json").is_file() and bool(read_manifest(path))
