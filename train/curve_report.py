"""A learning curve for people: in short, as Markdown and as a plot.

Knows only what stands in a curve of `train.curve`.
"""

import io
from collections.abc import Mapping
from typing import Any

import numpy as np

BLUE, ORANGE, GREY = "#0072b2", "#d55e00", "#666666"
SHOWN = 3
"""Labels named in short."""


def render_short(curve: Mapping[str, Any]) -> str:
    """Give the projection of each dimension and the labels that would gain most, a line each."""
    lines = []
    for name, d in curve["dimensions"].items():
        if d["gain"] is None:
            lines.append(f"learning curve of {name}: too few labels or articles to fit one")
            continue
        lines.append(
            f"learning curve of {name} (baseline): macro-F1 {d['now']:.3f} with all {d['sentences']:,} sentences, "
            f"twice as many bring {_gain(d)}"
        )
        best = sorted(_gaining(d), key=lambda item: -item[1]["gain"])[:SHOWN]
        lines += [f"  {label}: {_advice(row)}" for label, row in best]
    return "\n".join(lines)


def render_curve(curve: Mapping[str, Any]) -> str:
    """Give the whole curve as Markdown that shows the plot beside it."""
    parts = [
        "# Learning curve",
        "Of the baseline, because it is cheap: the transformer's may lie higher and be steeper or flatter. Baselines "
        f"are fitted on nested parts of the labels, articles kept whole, with {len(curve['seeds'])} seeds, and "
        "measured on articles held out, without calibration; rows that are only learnt first, and rows set aside, are "
        "left out. "
        "The line is 1 - F1 = a + b n^-c. An interval is from refits on seeds drawn anew: it holds neither the doubt "
        "whether the law goes on beyond the labels there are, nor that the next labels may be of another kind.",
        "![macro-F1 against number of labels](curve.png)",
    ]
    for name, d in curve["dimensions"].items():
        parts.append(f"## {name}")
        if d["gain"] is None:
            parts.append("Too few labels or articles to fit a curve.")
        else:
            law = ", ".join(f"{key} {value:.3g}" for key, value in d["law"].items())
            parts.append(
                f"Macro-F1 {d['now']:.3f} with all {d['sentences']:,} sentences; twice as many bring {_gain(d)} "
                f"({law})."
            )
        parts.append(_label_table(d))
    points = [
        f"| {p['name']} | {p['rows']:,} | {', '.join(f'{name} {value:.3f}' for name, value in p['macro_f1'].items())} |"
        for p in curve["others"]
    ]
    if points:
        parts += [
            "## Transformer",
            "Where it was measured; experiments on rows set aside, so not on the same rows as the curve.",
            "\n".join(["| what | sentences | macro-F1 |", "| --- | --- | --- |", *points]),
        ]
    return "\n\n".join(parts) + "\n"


def _label_table(d: Mapping[str, Any]) -> str:
    lines = [
        "| label | sentences | F1 now | F1 with twice as many | gain (95 % interval) | more sentences for +0.05 |",
        "| --- " * 6 + "|",
    ]
    for label, row in sorted(d["labels"].items(), key=lambda item: -(item[1]["gain"] or 0)):
        cells = ["-"] * 4
        if row["gain"] is not None:
            needed = "more than three times as many" if row["needed"] is None else f"about {row['needed']:,}"
            cells = [f"{row['now']:.2f}", f"{row['twice']:.2f}", _gain(row), needed]
        lines.append(f"| {label} | {row['support']:,} | {' | '.join(cells)} |")
    return "\n".join(lines)


def draw_plot(curve: Mapping[str, Any], suffix: str) -> bytes:
    """Draw a panel a dimension: every baseline measured, the fitted law up to twice the labels, the transformer."""
    import matplotlib
    from matplotlib.figure import Figure

    dimensions = curve["dimensions"]
    with matplotlib.rc_context({"text.parse_math": False, "svg.hashsalt": "newslean", "font.size": 10}):  # type: ignore[arg-type,unused-ignore]
        figure = Figure(figsize=(4.2 * max(len(dimensions), 1), 3.6), layout="constrained")
        for ax, (name, d) in zip(
            figure.subplots(1, len(dimensions), squeeze=False)[0], dimensions.items(), strict=True
        ):
            points = [
                (p["dimensions"][name]["rows"], p["dimensions"][name]["macro_f1"])
                for p in curve["points"]
                if name in p["dimensions"]
            ]
            if points:
                ax.scatter(*zip(*points, strict=True), s=14, color=BLUE, label="baseline, one seed", zorder=3)
            if d["law"]:
                a, b, c = (d["law"][key] for key in "abc")
                n = np.geomspace(min(rows for rows, _ in points), 2 * d["sentences"], 100)
                ax.plot(n, 1 - a - b * n**-c, color=GREY, linestyle="--", label="fitted, up to twice the labels")
                ax.axvline(d["sentences"], color=GREY, linewidth=0.5)
            others = [(p["rows"], p["macro_f1"][name]) for p in curve["others"] if name in p["macro_f1"]]
            if others:
                ax.scatter(*zip(*others, strict=True), s=24, marker="^", color=ORANGE, label="transformer", zorder=3)
            ax.set(title=name, xlabel="sentences to train on", xscale="log", ylim=(0, 1))
            ax.spines[["top", "right"]].set_visible(False)
            if ax.get_legend_handles_labels()[0]:
                ax.legend(fontsize=8, frameon=False)
        figure.supylabel("macro-F1", fontsize=10)
        buffer = io.BytesIO()
        metadata = {"png": {"Software": None}, "svg": {"Date": None}}[suffix]
        figure.savefig(buffer, format=suffix, dpi=144, metadata=metadata)  # type: ignore[arg-type,unused-ignore]
    return buffer.getvalue()


def _gaining(d: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any]]]:
    return [(label, row) for label, row in d["labels"].items() if row["gain"]]


def _advice(row: Mapping[str, Any]) -> str:
    more = "" if row["needed"] is None else f"; about {row['needed']:,} more for +0.05"
    return f"F1 {row['now']:.2f} with {row['support']:,} sentences, as many again bring {_gain(row)}{more}"


def _gain(row: Mapping[str, Any]) -> str:
    between = row["interval"]
    text = f"{row['gain']:+.3f}"
    return f"{text} ({between[0]:+.3f} to {between[1]:+.3f})" if between else text
