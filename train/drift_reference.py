"""What a model should see: the summary of its own training, or sentences scored before.

Knows the reports in a model's folder ``evaluation/`` and scored sentences; judges nothing.
"""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from newslean.baseline import Baseline
from newslean.errors import DataError, ModelError
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
    articles : int
        How many were counted.
    by_article : dict
        Each table of ``confusions``, flat, as a sparse matrix with a row an article; empty where articles are not told
        apart.
    """

    confusions: dict[str, Floats]
    confidence: Floats
    surest: float
    accuracy: float
    articles: int
    by_article: dict[str, csr_matrix] = field(default_factory=dict)


@dataclass(frozen=True)
class Witness:
    """How a model errs, and who says so.

    Attributes
    ----------
    name : str
        Of the labels or the report; "" where nothing is known.
    errors : dict
        By dimension.
    unknown_words : float, optional
        Mean share of a sentence's words that the model did not know there; None where the report does not tell.
    """

    name: str
    errors: dict[str, Errors]
    unknown_words: float | None = None

    @property
    def articles(self) -> int:
        """How many were counted in the dimension with the most."""
        return max((errors.articles for errors in self.errors.values()), default=0)


def read_errors(folder: Path, tagger: Tagger) -> Witness:
    """Read how a model erred on text that it had not seen, from the reports in its folder.

    A dimension that the first of `PARTS` has not measured is read from the next; one that none has is left out.

    Raises
    ------
    ModelError, DataError
        If there is no such report, or the model has another label set.
    """
    if not read_manifest(folder).schema.asks_like(tagger.schema):
        raise DataError(
            f"{folder}: expected a model of the label set of {tagger.manifest.name} {tagger.manifest.version}, which "
            "reads the texts; found one of another. Name with --model the one that is meant."
        )
    parts = [part for part in PARTS if (folder / "evaluation" / part / "report.json").is_file()]
    if not parts:
        raise ModelError(
            f"{folder}: expected evaluation/{PARTS[0]} or {PARTS[1]}/report.json, which python -m train writes; "
            "found none. Name labels or a scored result instead of the model."
        )
    name, (found, known) = f"{parts[0]} of {folder}", _read_part(folder, parts[0], tagger)
    missing = [d.name for d in tagger.schema.dimensions if d.name not in found]
    if missing and parts[1:]:
        others, _ = _read_part(folder, parts[1], tagger)
        filled = [dimension for dimension in missing if dimension in others]
        found |= {dimension: others[dimension] for dimension in filled}
        name += f" ({', '.join(filled)}: {parts[1]})" if filled else ""
    return Witness(name, found, known)


def _read_part(folder: Path, part: str, tagger: Tagger) -> tuple[dict[str, Errors], float | None]:
    """Read how a model erred in the dimensions that a report has measured, and its share of unknown words."""
    path = folder / "evaluation" / part / "report.json"
    try:
        report = json.loads(path.read_bytes())
        rows = [(d, report["dimensions"][d.name]) for d in tagger.schema.dimensions]
        kind, words = kind_of(tagger), report.get("unknown_words")
        # A dimension that no row of this part has is measured for no model.
        found = {d.name: _from_report(d, r["models"][kind], int(r["articles"])) for d, r in rows if r["sentences"]}
        return found, None if words is None else float(words)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise damaged_report(path, error) from None


def damaged_report(path: Path, error: Exception) -> ModelError:
    """Say that a model's own report cannot be read."""
    return ModelError(f"{path}: expected the report of this model; {error!r}. Restore the model folder.")


def kind_of(tagger: Tagger) -> str:
    """Name the kind of a model as reports do."""
    model = tagger.model
    return "mixed" if isinstance(model, Mixed) else "baseline" if isinstance(model, Baseline) else "transformer"


def _from_report(d: Dimension, found: dict[str, Any], articles: int) -> Errors:
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
    surest = _from_bins(d, bins) if surest is None else surest
    return Errors(confusions, confidence, float(surest), float(right), articles)


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
    size = 2 if d.multi else len(d.labels)
    if d.multi:
        cells = {label: size * gold[:, k] + answers[:, k] for k, label in enumerate(d.labels)}
    else:
        cells = {"": size * gold.argmax(axis=1) + answers.argmax(axis=1)}
    names, article = np.unique(scored.groups[rows], return_inverse=True)
    shape = len(names), size * size
    tables = {name: csr_matrix((np.ones(len(rows)), (article, cell)), shape=shape) for name, cell in cells.items()}
    confusions = {name: np.asarray(table.sum(axis=0)).reshape(size, size) for name, table in tables.items()}
    right = (gold == answers).mean() if d.multi else (gold & answers).any(axis=1).mean()
    values = confidence_of(scored, d)[rows]
    return Errors(confusions, np.zeros(BINS), float(values.mean()), float(right), len(names), tables)


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
