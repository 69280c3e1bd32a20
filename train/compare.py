"""Two models on the same rows: paired differences with intervals, and whether the new one may take the place.

Knows gold labels and the answers of both; knows no folder and no model. The
rule stands in `judge`.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import stats

from newslean.schema import Dimension, Labels, Schema
from train import bootstrap, metrics
from train.labels import Example
from train.measure import FEW_ARTICLES

REPLICATES = 2000

Comparison = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a new model may take the place of the current one, and why."""

    promote: bool
    reason: str


@dataclass(frozen=True, slots=True)
class Shared:
    """What two schemas have in common.

    Attributes
    ----------
    schema : Schema, optional
        The dimensions that both know, each with the labels that both know; None where there is none.
    lost : list of str
        Dimensions, and labels of common dimensions, that the current one alone has.
    partial : list of str
        Common dimensions in which one knows labels that the other does not, with these labels.
    """

    schema: Schema | None
    lost: list[str]
    partial: list[str]


def shared_schema(new: Schema, current: Schema) -> Shared:
    """Find what two schemas have in common; a dimension of another kind, or with no label in common, is another one."""
    there = {d.name: d for d in new.dimensions}
    common, lost, partial = list[Dimension](), list[str](), list[str]()
    for d in current.dimensions:
        other = there.get(d.name)
        labels = tuple(x for x in other.labels if x in d.labels) if other and other.kind == d.kind else ()
        if not labels:
            lost.append(d.name)
            continue
        common.append(Dimension(d.name, d.kind, labels))
        lost += [f"{d.name}: {x}" for x in d.labels if x not in labels]
        if apart := sorted({*d.labels, *there[d.name].labels} - {*labels}):
            partial.append(f"{d.name} (not {', '.join(apart)})")
    return Shared(Schema(tuple(common), unit=new.unit) if common else None, lost, partial)


def compare(
    schema: Schema, examples: Sequence[Example], current: Sequence[Labels], new: Sequence[Labels], *, seed: int
) -> Comparison:
    """Compare two models on the same rows, by a paired bootstrap over articles.

    Every replicate draws articles (`Example.group`) with replacement, and both models are measured on the same draw
    (Efron and Tibshirani 1993, chapter 16): what makes an article hard for both falls out of the difference.

    Gold and answers may have labels that the schema lacks, known to one of the models alone. They are left out; a
    sentence whose one gold label (``single``) is among them is left out too, and such an answer to another is wrong.

    Returns
    -------
    dict
        ``sentences``, ``articles``, and per dimension ``macro_f1`` and ``labels``: for each ``current``, ``new``,
        ``difference`` and its ``interval`` of 95 %, None for a single article. Labels also have ``joint_interval``:
        with 95 %, those of all labels of all dimensions hold at once.
    """
    measured = []
    for d in schema.dimensions:
        rows = [n for n, e in enumerate(examples) if d.name in e.labels and (d.multi or _known(d, e.labels))]
        measured += [(d, rows)] if rows else []
    together = sum(len(d.labels) for d, _ in measured)
    dimensions = {
        d.name: _compare_dimension(d, examples, (current, new), rows, seed=seed, together=together)
        for d, rows in measured
    }
    groups = {example.group for example in examples}
    return {"sentences": len(examples), "articles": len(groups), "dimensions": dimensions}


def _known(d: Dimension, labels: Labels) -> list[str]:
    value = labels[d.name]
    return [label for label in ([value] if isinstance(value, str) else value) if label in d.labels]


def _compare_dimension(
    d: Dimension,
    examples: Sequence[Example],
    answers: tuple[Sequence[Labels], Sequence[Labels]],
    rows: Sequence[int],
    *,
    seed: int,
    together: int,
) -> Comparison:
    groups = [examples[n].group for n in rows]
    gold = metrics.indicator(d, [_known(d, examples[n].labels) for n in rows])
    counts = [
        metrics.count(gold, metrics.indicator(d, [_known(d, given[n]) for n in rows]), groups) for given in answers
    ]
    articles = len({*groups})
    weights = bootstrap.resampling_weights(articles, seed=seed, replicates=REPLICATES)
    totals = [c.weighted(np.ones(articles)) for c in counts]
    drawn = None if weights is None else [c.weighted(weights) for c in counts]
    f1, samples = [c.f1() for c in totals], None if drawn is None else [c.f1() for c in drawn]
    labels = {}
    for k, label in enumerate(d.labels):
        row, away = _pair([f[k] for f in f1], None if samples is None else [s[:, k] for s in samples])
        joint = None if away is None else _joint_interval(row, away, articles=articles, together=together)
        labels[label] = {"support": int(gold[:, k].sum()), **row, "joint_interval": joint}
    macros = None if weights is None else [bootstrap.drawn_macro_f1(c, weights) for c in counts]
    macro, _ = _pair([c.macro_f1() for c in totals], macros)
    return {"sentences": len(rows), "articles": articles, "macro_f1": macro, "labels": labels}


def _pair(values: Sequence[Any], samples: Sequence[Any] | None) -> tuple[Comparison, metrics.Floats | None]:
    """Give a measure of both models as a row, and the replicates of its difference."""
    old, new = (float(value) for value in values)
    away = None if samples is None else samples[1] - samples[0]
    row = {"current": round(old, 6), "new": round(new, 6), "difference": round(new - old, 6)}
    return {**row, "interval": None if away is None else [round(b, 6) for b in bootstrap.interval(away)]}, away


def _joint_interval(row: Comparison, away: metrics.Floats, *, articles: int, together: int) -> list[float]:
    """Give a label an interval so wide that, with 95 %, those of ``together`` labels all hold at once.

    Intervals of each by itself refuse an equal model the more surely, the more labels there are. So the 5 % are shared
    out among them (Dunn 1961, JASA 56, 52-64), by Student's t and the bootstrap's standard error: the replicates
    are too few for quantiles so far out. The interval is never narrower than the label's own, for the standard error of
    a label that stands in two or three articles promises too much.
    """
    reach = float(stats.t.ppf(1 - 0.05 / (2 * together), articles - 1) * away.std())
    low, high = row["interval"]
    return [round(min(low, row["difference"] - reach), 6), round(max(high, row["difference"] + reach), 6)]


def judge(comparisons: Mapping[str, Comparison], *, lost: Sequence[str] = (), partial: Sequence[str] = ()) -> Verdict:
    """Say whether a new model is not worse than the current one.

    It is worse where, on any set of rows, the macro-F1 of a dimension falls and the whole interval of 95 % of the
    difference lies below 0, or the F1 of a label falls and its joint interval does. Macro-F1 keeps an interval of its
    own: it is one number a dimension, and the one that tells a small loss of many labels. Where there is no interval,
    any fall counts. With nothing to compare on it is not promoted: what nobody measured is no improvement.

    Parameters
    ----------
    lost, partial : sequence of str
        As in `Shared`; what has lost anything is not promoted, however good the rest.
    """
    verdict = _judge_measured({part: c for part, c in comparisons.items() if c["dimensions"]})
    reasons = [f"the new model does not know as the current one does: {', '.join(lost)}"] if lost else []
    reasons.append(verdict.reason)
    if partial:
        reasons.append(f"only labels that both know count of {', '.join(partial)}")
    return Verdict(verdict.promote and not lost, "; ".join(reasons))


def _judge_measured(measured: Mapping[str, Comparison]) -> Verdict:
    if not measured:
        unlearnt = "no row that the current model has not learnt, with a label that both know"
        return Verdict(False, f"there is nothing to compare on: {unlearnt}")
    worse = [fall for part, comparison in measured.items() for fall in _falls(part, comparison)]
    if worse:
        return Verdict(False, f"worse than the current model: {'; '.join(worse)}")
    gains = [
        f"{name} {_difference(d['macro_f1'])} on {part}"
        for part, comparison in measured.items()
        for name, d in comparison["dimensions"].items()
    ]
    return Verdict(True, f"not worse than the current model: macro-F1 of {'; '.join(gains)}")


def _falls(part: str, comparison: Comparison) -> Iterator[str]:
    """Tell what is worse, each with the interval that says so."""
    for name, d in comparison["dimensions"].items():
        rows = [(f"macro-F1 of {name}", d["macro_f1"], "interval")]
        rows += [(f"F1 of {name}: {label}", row, "joint_interval") for label, row in d["labels"].items()]
        for title, row, kind in rows:
            upper = row[kind][1] if row[kind] else row["difference"]
            if row["difference"] < 0 and upper < 0:
                yield f"{title} on {part} {_difference(row, kind)}"


def _difference(row: Comparison, kind: str = "interval") -> str:
    text = f"{row['difference']:+.3f}"
    joint = " with all labels at once" if kind == "joint_interval" else ""
    return f"{text} ({row[kind][0]:+.3f} to {row[kind][1]:+.3f}{joint})" if row[kind] else text


def render_comparison(comparisons: Mapping[str, Comparison], *, names: tuple[str, str] = ("current", "new")) -> str:
    """Give comparisons as Markdown tables, a row a label."""
    parts = []
    for part, comparison in comparisons.items():
        parts.append(f"{part}: {comparison['sentences']:,} sentences of {comparison['articles']:,} articles")
        if 1 < comparison["articles"] < FEW_ARTICLES:
            parts[-1] += f" (fewer than {FEW_ARTICLES}: take the intervals as too narrow)"
        difference = "difference (95 % interval, each by itself)"
        lines = [f"| F1 | sentences | {names[0]} | {names[1]} | {difference} |", "| --- " * 5 + "|"]
        for name, d in comparison["dimensions"].items():
            rows = [(f"{name}, macro", {"support": d["sentences"], **d["macro_f1"]})]
            for title, row in [*rows, *((f"{name}: {label}", row) for label, row in d["labels"].items())]:
                lines.append(
                    f"| {title} | {row['support']:,} | {row['current']:.3f} | {row['new']:.3f} | {_difference(row)} |"
                )
        parts.append("\n".join(lines))
    return "\n\n".join(parts)
