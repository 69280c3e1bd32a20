"""One dimension of a report: F1 values, confusion, agreement; probabilities are left to `train.measure_scores`.

Knows the examples and answers of one dimension at a time. Writes nothing.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import confusion_matrix

from newslean.results import Scores
from newslean.schema import Dimension, Labels
from train import bootstrap, metrics
from train.labels import Example
from train.measure_scores import measure_scores

ADJUDICATED = "adjudicated"
"""The coder that settles what others disputed: no independent witness, so left out of agreement."""

COLLECTION_LEAST = 100
"""Sentences, of three articles at least, without which a collection is counted among the others."""

FEW_ARTICLES = 10
"""Below this, a percentile bootstrap over articles gives intervals that are plainly too narrow."""

Report = dict[str, Any]


@dataclass(frozen=True)
class Predictions:
    """What one model says of examples, in their order: out of fold or held out.

    Attributes
    ----------
    name : str
        Name of the model in the report and in file names.
    labels : list of dict
        Labels of each example.
    scores : list of dict
        Calibrated probabilities of each example.
    """

    name: str
    labels: list[Labels]
    scores: list[Scores]


def measure_dimension(
    dimension: Dimension,
    examples: Sequence[Example],
    predictions: Sequence[Predictions],
    rows: Sequence[int],
    seed: int,
    replicates: int,
) -> Report:
    """Measure all models in one dimension.

    Parameters
    ----------
    rows : sequence of int
        Numbers of the examples that have the dimension.
    seed, replicates : int
        Of the bootstrap over articles.
    """
    kept = [examples[n] for n in rows]
    answers = {p.name: [p.labels[n][dimension.name] for n in rows] for p in predictions}
    probabilities = {p.name: _probabilities(p, dimension, rows) for p in predictions}
    gold = metrics.indicator(dimension, [example.labels[dimension.name] for example in kept])
    groups = np.asarray([example.group for example in kept], dtype=str)
    result = _describe(dimension, gold, groups) | {"agreement": _agreement(dimension, kept, answers)}
    result["notes"] = _notes(result)
    if not kept:
        return result
    weights = bootstrap.resampling_weights(result["articles"], seed=seed, replicates=replicates)
    macros, sources, collections = {}, [example.source for example in kept], collections_of(kept)
    for name, values in answers.items():
        predicted = metrics.indicator(dimension, values)
        counts = metrics.count(gold, predicted, groups)
        f1 = None if weights is None else bootstrap.drawn_f1(counts, weights)
        macros[name] = None if f1 is None else bootstrap.macro_of(f1)
        result["models"][name] = {
            **_measure_answers(dimension, counts, weights, f1),
            "sources": _measure_parts(dimension, gold, predicted, sources),
            "collections": _measure_parts(dimension, gold, predicted, collections),
            "confusion": _confusion(dimension, gold, predicted),
            **measure_scores(dimension, gold, predicted, probabilities[name], groups, weights),
        }
    result["differences"] = [_difference(result["models"], macros, next(iter(macros)), name) for name in [*macros][1:]]
    return result


def _describe(dimension: Dimension, gold: metrics.Flags, groups: NDArray[np.str_]) -> Report:
    """Say what is measured on, before any model is."""
    return {
        "kind": dimension.kind,
        "labels": list(dimension.labels),
        "neutral": dimension.neutral,
        "sentences": len(gold),
        "articles": len({*groups}),
        "support": dict(zip(dimension.labels, gold.sum(axis=0), strict=True)),
        "label_articles": {
            label: len({*groups[column]}) for label, column in zip(dimension.labels, gold.T, strict=True)
        },
        "models": {},
        "differences": [],
    }


def _probabilities(predictions: Predictions, dimension: Dimension, rows: Sequence[int]) -> metrics.Floats:
    found = [predictions.scores[n][dimension.name] for n in rows]
    return np.array([[row[label] for label in dimension.labels] for row in found], dtype=float)


def _notes(result: Report) -> list[str]:
    """Say what a reader must know before trusting the numbers of a dimension."""
    if not result["sentences"]:
        return ["No example has this dimension."]
    notes = []
    if result["articles"] == 1:
        notes.append("All sentences are of one article: there is nothing to resample, so there are no intervals.")
    elif result["articles"] < FEW_ARTICLES:
        notes.append(f"{result['articles']} articles are few to resample: take the intervals as too narrow.")
    none = [label for label, support in result["support"].items() if not support]
    if none:
        notes.append(
            f"No gold sentence has {', '.join(none)}: F1 is 0 there whatever a model does, and lowers macro-F1."
        )
    rare = [label for label, articles in result["label_articles"].items() if 0 < articles < 4 <= result["articles"]]
    if rare:
        notes.append(f"Fewer than four articles have {', '.join(rare)}: take intervals of F1 there as too narrow.")
    return notes


def _measure_answers(
    dimension: Dimension, counts: metrics.Counts, weights: metrics.Floats | None, f1: metrics.Floats | None
) -> Report:
    """Give F1 values and the like with their intervals; ``f1`` is that of each label in each replicate."""
    total = counts.weighted(np.ones(len(counts.total)))
    resampled = None if weights is None else counts.weighted(weights)
    bounds = None if f1 is None else np.transpose(bootstrap.interval(f1))
    result: Report = {
        "macro_f1": total.macro_f1(),
        "macro_f1_interval": None if f1 is None else bootstrap.interval(bootstrap.macro_of(f1)),
    }
    for name, value in (("micro_f1", "micro_f1"), ("exact_match" if dimension.multi else "accuracy", "exact_share")):
        result[name] = getattr(total, value)()
        result[f"{name}_interval"] = None if resampled is None else bootstrap.interval(getattr(resampled, value)())
    result["labels"] = {
        label: {
            "precision": metrics.ratio(total.tp[n], total.tp[n] + total.fp[n]),
            "recall": metrics.ratio(total.tp[n], total.tp[n] + total.fn[n]),
            "f1": total.f1()[n],
            "f1_interval": None if bounds is None else bounds[n],
            "support": int(total.tp[n] + total.fn[n]),
            "predicted": int(total.tp[n] + total.fp[n]),
        }
        for n, label in enumerate(dimension.labels)
    }
    return result


def _measure_parts(dimension: Dimension, gold: metrics.Flags, predicted: metrics.Flags, names: Sequence[str]) -> Report:
    """Give macro-F1 per part of the rows, how many labels its gold has at all, how claims fare; {} for one part.

    A claim is any label but the neutral one.
    """
    if len({*names}) < 2:
        return {}
    counts = metrics.count(gold, predicted, names)
    seen = (counts.tp + counts.fn > 0).sum(axis=1)
    claim = [label != dimension.neutral for label in dimension.labels]
    tp, fp, fn = (part[:, claim].sum(axis=1) for part in (counts.tp, counts.fp, counts.fn))
    return {
        name: {
            "sentences": int(counts.total[k]),
            "labels_seen": int(seen[k]),
            "macro_f1": counts.macro_f1()[k],
            "claims_in_gold": int(tp[k] + fn[k]),
            "claim_precision": metrics.ratio(tp[k], tp[k] + fp[k]),
            "claim_recall": metrics.ratio(tp[k], tp[k] + fn[k]),
        }
        for k, name in enumerate(sorted({*names}))
    }


def collections_of(examples: Sequence[Example]) -> list[str]:
    """Name the collection of articles that each example is of, where that has enough; "others" is what remains."""
    sizes, articles = Counter(e.collection for e in examples), dict[str, set[str]]()
    for e in examples:
        articles.setdefault(e.collection, set()).add(e.doc)
    named = {name for name, size in sizes.items() if size >= COLLECTION_LEAST and len(articles[name]) > 2}
    return [e.collection if e.collection and e.collection in named else "others" for e in examples]


def _confusion(dimension: Dimension, gold: metrics.Flags, predicted: metrics.Flags) -> Any:
    """Give counts, gold in rows and answers in columns; for ``multi`` a 2x2 table (no, yes) per label."""
    if not dimension.multi:
        return confusion_matrix(gold.argmax(axis=1), predicted.argmax(axis=1), labels=range(len(dimension.labels)))
    columns = zip(dimension.labels, gold.T, predicted.T, strict=True)
    return {label: confusion_matrix(g, p, labels=[False, True]) for label, g, p in columns}


def _difference(models: Report, macros: dict[str, metrics.Floats | None], first: str, second: str) -> Report:
    """Compare macro-F1 of two models, replicate by replicate."""
    base, other = macros[first], macros[second]
    gain = None if base is None or other is None else other - base
    return {
        "model": second,
        "against": first,
        "macro_f1": models[second]["macro_f1"] - models[first]["macro_f1"],
        "interval": None if gain is None else bootstrap.interval(gain),
        "share_above_zero": None if gain is None else (gain > 0).mean(),
    }


def _agreement(
    dimension: Dimension, examples: Sequence[Example], answers: dict[str, list[metrics.Answer]]
) -> list[Report]:
    """Compare each two coders with each other, and each model with both, on the rows that both coders labelled."""
    name = dimension.name
    coders = sorted(
        {c for example in examples for c, labels in example.coders.items() if name in labels} - {ADJUDICATED}
    )
    pairs = []
    for first, second in combinations(coders, 2):
        rows = [n for n, e in enumerate(examples) if all(name in e.coders.get(c, {}) for c in (first, second))]
        if not rows:
            continue
        coded = {c: [examples[n].coders[c][name] for n in rows] for c in (first, second)}
        models = {
            model: {c: metrics.kappa(dimension, [values[n] for n in rows], coded[c]) for c in coded}
            for model, values in answers.items()
        }
        coders_kappa = metrics.kappa(dimension, coded[first], coded[second])
        pairs.append(
            {"coders": [first, second], "sentences": len(rows), "between_coders": coders_kappa, "models": models}
        )
    return pairs
