"""Labels that are likely wrong, by confident learning on out-of-fold probabilities.

Knows examples, the TF-IDF baseline and cleanlab (Northcutt, Jiang and Chuang
2021, "Confident Learning"); changes nothing. No sentence is judged by a model
that has seen its article.
"""

import importlib
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from newslean.calibration import probabilities
from newslean.errors import DataError
from newslean.schema import Dimension, Schema
from train.calibrate import calibrate
from train.labels import Example
from train.metrics import indicator
from train.params import BaselineParams

Array = NDArray[Any]
Issues = Callable[[Array, Array], list[int]]
"""Finds the rows to doubt, from their classes and the probabilities of all."""


def find_label_errors(
    examples: Sequence[Example], schema: Schema, params: BaselineParams, *, seed: int, folds: int = 5
) -> dict[str, list[dict[str, Any]]]:
    """Find rows whose labels a baseline doubts.

    A label, or its absence, that only one fold holds was not learnt where it is judged: it is never doubted.

    Returns
    -------
    dict
        Dimension to ``[{"row", "given", "suggested", "score"}]``, the worst first: ``score`` is the probability of
        what is given (of ``multi`` labels, of the one that is doubted most).

    Raises
    ------
    DataError
        If cleanlab is not installed, or there are too few articles to hold one out, or too few words to learn from.
    """
    find = _cleanlab()
    from train.baseline import cross_fit
    from train.folds import assign_folds

    try:
        assigned = assign_folds(examples, folds=folds, seed=seed)
    except ValueError as fault:
        raise DataError(f"--errors: {fault}. Add rows of other articles.") from None
    logits = cross_fit(examples, assigned, schema, params, seed=seed)
    # Probabilities, not labels: what is doubtful does not hang on the thresholds that balance precision and recall.
    scores = probabilities(logits, schema, calibrate(logits, [e.labels for e in examples], schema))
    found = {}
    for d in schema.dimensions:
        rows = [n for n, e in enumerate(examples) if d.name in e.labels]
        gold = indicator(d, [examples[n].labels[d.name] for n in rows])
        issues = partial(_issues, find, folds=np.array(assigned)[rows])
        errors = (_multi_errors if d.multi else _single_errors)(d, gold, scores[d.name][rows].astype(float), issues)
        for error in errors:
            error["row"] = rows[error["row"]]
        found[d.name] = sorted(errors, key=lambda error: (error["score"], error["row"]))
    return found


def _cleanlab() -> Any:
    try:
        return importlib.import_module("cleanlab.filter").find_label_issues
    except ImportError as error:
        raise DataError(
            f"--errors: expected the package cleanlab; {error}. Install it: python -m pip install '.[labels]'"
        ) from None


def _issues(find: Any, labels: Array, scores: Array, *, folds: Array) -> list[int]:
    """Numbers of the rows that cleanlab doubts; classes that no row has are left out, as it wants each to have one."""
    learnt = [label for label in np.unique(labels) if len({*folds[labels == label].tolist()}) > 1]
    rows = np.flatnonzero(np.isin(labels, learnt))
    classes, dense = np.unique(labels[rows], return_inverse=True)
    if len(classes) < 2:
        return []
    kept = np.maximum(scores[np.ix_(rows, classes)], 1e-12)
    kept /= kept.sum(axis=1, keepdims=True)
    return [int(rows[n]) for n in find(dense, kept, return_indices_ranked_by="self_confidence", n_jobs=1)]


def _single_errors(d: Dimension, gold: Array, scores: Array, issues: Issues) -> list[dict[str, Any]]:
    labels = gold.argmax(axis=1)
    return [
        {
            "row": n,
            "given": d.labels[labels[n]],
            "suggested": d.labels[scores[n].argmax()],
            "score": float(scores[n, labels[n]]),
        }
        for n in issues(labels, scores)
        if scores[n].argmax() != labels[n]
    ]


def _multi_errors(d: Dimension, gold: Array, scores: Array, issues: Issues) -> list[dict[str, Any]]:
    """Judge each label by itself; a row with several doubtful labels is one error."""
    doubted: dict[int, set[int]] = {}
    for k in range(len(d.labels)):
        for n in issues(gold[:, k].astype(int), np.stack([1 - scores[:, k], scores[:, k]], axis=1)):
            doubted.setdefault(n, set()).add(k)
    errors = []
    for n, columns in doubted.items():
        given = [label for label, has in zip(d.labels, gold[n], strict=True) if has]
        better = [label for k, label in enumerate(d.labels) if gold[n, k] != (k in columns)]
        score = min(float(scores[n, k] if gold[n, k] else 1 - scores[n, k]) for k in columns)
        errors.append({"row": n, "given": given, "suggested": better, "score": score})
    return errors
