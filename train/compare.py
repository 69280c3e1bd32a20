"""Two models on the same rows: paired differences with intervals, and whether the new one may take the place.

Knows gold labels and the answers of both; knows no folder and no model. The
rule stands in `judge`.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from newslean.schema import Dimension, Labels, Schema
from train import metrics
from train.labels import Example
from train.measure import FEW_ARTICLES

REPLICATES = 2000

Comparison = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a new model may take the place of the current one, and why."""

    promote: bool
    reason: str


def shared_schema(new: Schema, current: Schema) -> tuple[Schema | None, list[str]]:
    """Give the dimensions that two schemas have in common, and those of the current one that the new one lacks.

    A dimension with another kind or other labels is another dimension. The first is None where there is none in common.
    """
    there = {d.name: d for d in new.dimensions}

    def same(d: Dimension) -> bool:
        other = there.get(d.name)
        return other is not None and (d.kind, {*d.labels}) == (other.kind, {*other.labels})

    common = tuple(there[d.name] for d in current.dimensions if same(d))
    return Schema(common, unit=new.unit) if common else None, [d.name for d in current.dimensions if not same(d)]


def compare(
    schema: Schema, examples: Sequence[Example], current: Sequence[Labels], new: Sequence[Labels], *, seed: int
) -> Comparison:
    """Compare two models on the same rows, by a paired bootstrap over articles.

    Every replicate draws articles (`Example.group`) with replacement, and both models are measured on the same draw
    (Efron and Tibshirani 1993, chapter 16): what makes an article hard for both falls out of the difference.

    Returns
    -------
    dict
        ``sentences``, ``articles``, and per dimension ``macro_f1`` and ``labels``: for each ``current``, ``new``,
        ``difference`` and its ``interval`` of 95 %, None for a single article.
    """
    dimensions = {}
    for d in schema.dimensions:
        rows = [n for n, example in enumerate(examples) if d.name in example.labels]
        if rows:
            dimensions[d.name] = _compare_dimension(d, examples, current, new, rows, seed)
    groups = {example.group for example in examples}
    return {"sentences": len(examples), "articles": len(groups), "dimensions": dimensions}


def _compare_dimension(
    d: Dimension,
    examples: Sequence[Example],
    current: Sequence[Labels],
    new: Sequence[Labels],
    rows: Sequence[int],
    seed: int,
) -> Comparison:
    groups = [examples[n].group for n in rows]
    gold = metrics.indicator(d, [examples[n].labels[d.name] for n in rows])
    counts = [
        metrics.count(gold, metrics.indicator(d, [answers[n][d.name] for n in rows]), groups)
        for answers in (current, new)
    ]
    articles = len({*groups})
    weights = metrics.resampling_weights(articles, seed=seed, replicates=REPLICATES)
    totals = [c.weighted(np.ones(articles)) for c in counts]
    drawn = None if weights is None else [c.weighted(weights) for c in counts]

    def pair(values: Sequence[Any], samples: Sequence[Any] | None) -> Comparison:
        old, other = (float(value) for value in values)
        bounds = None if samples is None else [round(b, 6) for b in metrics.interval(samples[1] - samples[0])]
        return {
            "current": round(old, 6),
            "new": round(other, 6),
            "difference": round(other - old, 6),
            "interval": bounds,
        }

    f1, samples = [t.f1() for t in totals], None if drawn is None else [c.f1() for c in drawn]
    return {
        "sentences": len(rows),
        "articles": articles,
        "macro_f1": pair([t.macro_f1() for t in totals], None if drawn is None else [c.macro_f1() for c in drawn]),
        "labels": {
            label: {
                "support": int(gold[:, k].sum()),
                **pair([f[k] for f in f1], None if samples is None else [s[:, k] for s in samples]),
            }
            for k, label in enumerate(d.labels)
        },
    }


def judge(comparisons: Mapping[str, Comparison]) -> Verdict:
    """Say whether a new model is not worse than the current one.

    It is worse where, on any set of rows, the macro-F1 of a dimension or the F1 of a label falls and the whole interval
    of 95 % of the difference lies below 0. Where there is no interval, any fall counts. With nothing to compare on it
    is not promoted: what nobody measured is no improvement.
    """
    measured = {part: c for part, c in comparisons.items() if c["dimensions"]}
    if not measured:
        return Verdict(False, "there is nothing to compare on: no row that the current model has not learnt")
    worse = [
        f"{name} on {part} {_difference(found)}"
        for part, comparison in measured.items()
        for name, found in _differences(comparison)
        if _falls(found)
    ]
    if worse:
        return Verdict(False, f"worse than the current model: {'; '.join(worse)}")
    gains = [
        f"{name} {_difference(d['macro_f1'])} on {part}"
        for part, comparison in measured.items()
        for name, d in comparison["dimensions"].items()
    ]
    return Verdict(True, f"not worse than the current model: macro-F1 of {'; '.join(gains)}")


def render_comparison(comparisons: Mapping[str, Comparison], *, names: tuple[str, str] = ("current", "new")) -> str:
    """Give comparisons as Markdown tables, a row a label."""
    parts = []
    for part, comparison in comparisons.items():
        parts.append(f"{part}: {comparison['sentences']:,} sentences of {comparison['articles']:,} articles")
        if 1 < comparison["articles"] < FEW_ARTICLES:
            parts[-1] += f" (fewer than {FEW_ARTICLES}: take the intervals as too narrow)"
        lines = [f"| F1 | sentences | {names[0]} | {names[1]} | difference (95 % interval) |", "| --- " * 5 + "|"]
        for name, d in comparison["dimensions"].items():
            rows = [(f"{name}, macro", {"support": d["sentences"], **d["macro_f1"]})]
            for title, row in [*rows, *((f"{name}: {label}", row) for label, row in d["labels"].items())]:
                lines.append(
                    f"| {title} | {row['support']:,} | {row['current']:.3f} | {row['new']:.3f} | {_difference(row)} |"
                )
        parts.append("\n".join(lines))
    return "\n\n".join(parts)


def _differences(comparison: Comparison) -> Iterator[tuple[str, Comparison]]:
    for name, d in comparison["dimensions"].items():
        yield f"macro-F1 of {name}", d["macro_f1"]
        for label, row in d["labels"].items():
            yield f"F1 of {name}: {label}", row


def _falls(found: Comparison) -> bool:
    upper = found["interval"][1] if found["interval"] else found["difference"]
    return bool(found["difference"] < 0 and upper < 0)


def _difference(row: Comparison) -> str:
    text = f"{row['difference']:+.3f}"
    return f"{text} ({row['interval'][0]:+.3f} to {row['interval'][1]:+.3f})" if row["interval"] else text
