"""The plots of a report: confusion tables and reliability diagrams.

Knows only what stands in a report of `train.evaluate`. Keeps no state: every
figure is made, turned into bytes and forgotten.
"""

import io
import math
import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

BLUE, ORANGE, GREY = "#0072b2", "#d55e00", "#666666"
"""Of the palette of Okabe and Ito, which colour-blind readers can tell apart."""

MAX_PANELS = 6
"""Reliability panels by label; more labels are shown together in one."""

FEW = 8
"""Up to so many labels, a confusion table has room for large cells."""

# A label is no formula, and the same report gives the same bytes.
_STYLE: dict[Any, Any] = {
    "text.parse_math": False,
    "svg.hashsalt": "newslean",
    "font.size": 10,
    "axes.titlesize": 10,
    "figure.autolayout": False,
    "figure.constrained_layout.use": False,
}
_METADATA: dict[str, Any] = {"png": {"Software": None}, "svg": {"Date": None}}


def draw_all(report: Mapping[str, Any]) -> Iterator[tuple[str, bytes]]:
    """Yield name and content of every plot: ``confusion-`` and ``reliability-<model>-<dimension>``, .png and .svg."""
    for name, dimension in report["dimensions"].items():
        for model, result in dimension["models"].items():
            title, content = f"{model}: {name}", {}
            with matplotlib.rc_context(_STYLE):
                confusion = _draw_confusion(result["confusion"], dimension["labels"], title)
                reliability = _draw_reliability(result["calibration"], title)
                for kind, figure in (("confusion", confusion), ("reliability", reliability)):
                    for suffix, drawn in _draw(figure).items():
                        content[plot_name(kind, model, name, suffix)] = drawn
            yield from content.items()


def plot_name(kind: str, model: str, dimension: str, suffix: str) -> str:
    """Name the file of a plot; what a file name cannot hold becomes an underscore."""
    return "-".join(re.sub(r"[^\w.-]+", "_", part) for part in (kind, model, dimension)) + f".{suffix}"


def _draw_confusion(confusion: Any, labels: Sequence[str], title: str) -> Figure:
    """Draw counts, shaded by their share of the gold label's row; for ``multi`` one 2x2 table per label."""
    if isinstance(confusion, Mapping):
        columns, size = min(len(confusion), 4 if len(confusion) <= 12 else 8), 10 if len(confusion) <= 12 else 7
        lines = math.ceil(len(confusion) / columns)
        figure = Figure(figsize=(max(2.0 * columns, 3.0) + 0.4, 2.2 * lines + 0.6), layout="constrained")
        axes = list(figure.subplots(lines, columns, squeeze=False).flat)
        for ax, (label, table) in zip(axes, confusion.items(), strict=False):
            _draw_table(ax, np.asarray(table), ["no", "yes"], 0.75)
            ax.set_title(_short(label), fontsize=size)
        for ax in axes[len(confusion) :]:
            ax.set_axis_off()
        figure.supxlabel("predicted", fontsize=10)
        figure.supylabel("gold", fontsize=10)
    else:
        cell = 0.85 if len(labels) <= FEW else 0.45 if len(labels) <= 20 else 0.3
        names = [_short(label) for label in labels]
        width = 0.085 * max(map(len, names)) + 0.4
        height = width * (0.6 if len(labels) <= FEW else 1) + 0.3
        figure = Figure(figsize=(cell * len(labels) + width, cell * len(labels) + height), layout="constrained")
        ax = figure.subplots()
        _draw_table(ax, np.asarray(confusion), names, cell)
        ax.set(xlabel="predicted", ylabel="gold")
    figure.suptitle(title, fontsize=11)
    return figure


def _draw_table(ax: Axes, counts: Any, names: Sequence[str], cell: float) -> None:
    """Draw one table with cells of about that many inches."""
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    # pcolormesh and not imshow: cells stay vectors in SVG.
    ax.pcolormesh(shares, cmap="Blues", vmin=0, vmax=1, edgecolors="white", linewidth=1)
    for (row, column), n in np.ndenumerate(counts):
        if n or len(names) <= FEW:  # zeros of a large table only hide the rest
            colour = "white" if shares[row, column] > 0.55 else "black" if n else GREY
            size = min(15 * math.sqrt(cell), 100 * cell / len(f"{n:,}"))  # in points: the number must fit the cell
            ax.text(column + 0.5, row + 0.5, f"{n:,}", ha="center", va="center", color=colour, fontsize=size)
    slanted = len(names) <= FEW and max(map(len, names)) > 3
    middles = np.arange(len(names)) + 0.5
    ax.set_xticks(middles, names, rotation=30 if slanted else 90 if len(names) > FEW else 0)
    if slanted:
        for text in ax.get_xticklabels():
            text.set(ha="right", rotation_mode="anchor")
    ax.set_yticks(middles, names)
    ax.tick_params(length=0, labelsize=min(15 * math.sqrt(cell), 10))
    ax.invert_yaxis()
    ax.set_aspect("equal")
    ax.spines[:].set_visible(False)


def _draw_reliability(calibration: Mapping[str, Any], title: str) -> Figure:
    """Draw stated probability against how often it came true, and under it how many answers each bin holds."""
    labels = calibration.get("labels", {})
    panels = dict(labels) if 0 < len(labels) <= MAX_PANELS else {"all labels together" if labels else "": calibration}
    columns = min(len(panels), 3)
    lines = math.ceil(len(panels) / columns)
    figure = Figure(figsize=(max(2.9 * columns, 3.6), 3.9 * lines + 0.3), layout="constrained")
    axes = figure.subplots(2 * lines, columns, squeeze=False, sharex=True, height_ratios=[3, 1] * lines)
    for ax in axes.flat:
        ax.set_axis_off()
    for place, (label, panel) in enumerate(panels.items()):
        line, column = divmod(place, columns)
        _draw_panel(axes[2 * line, column], axes[2 * line + 1, column], panel, single=not labels, first=column == 0)
        axes[2 * line, column].set_title(_short(label))
    figure.suptitle(title, fontsize=11)
    figure.supxlabel("confidence of the answer" if not labels else "probability of the label", fontsize=10)
    return figure


def _draw_panel(top: Axes, bottom: Axes, panel: Mapping[str, Any], *, single: bool, first: bool) -> None:
    bins = panel["bins"]
    stated, right = [row["confidence"] for row in bins], [row["accuracy"] for row in bins]
    largest = max(row["n"] for row in bins)
    for ax in (top, bottom):
        ax.set_axis_on()
        ax.set_xlim(0, 1)
        ax.spines[["top", "right"]].set_visible(False)
    top.plot([0, 1], [0, 1], color=GREY, linestyle="--", linewidth=1)
    top.vlines(stated, stated, right, color=ORANGE, linewidth=1.5)
    top.plot(stated, right, color=BLUE, linewidth=1)
    top.scatter(stated, right, s=[14 + 46 * row["n"] / largest for row in bins], color=BLUE, zorder=3, clip_on=False)
    top.set_ylim(0, 1)
    top.text(
        0.04, 0.95, f"{'mean ' if panel.get('labels') else ''}ECE {panel['ece']:.3f}", transform=top.transAxes, va="top"
    )
    lows, sizes = [row["low"] for row in bins], [row["n"] for row in bins]
    width = bins[0]["high"] - bins[0]["low"]
    bottom.bar(lows, sizes, width=width, align="edge", color=BLUE, edgecolor="white", linewidth=0.5)
    bottom.yaxis.set_major_locator(MaxNLocator(nbins=3, integer=True))
    bottom.yaxis.set_major_formatter("{x:,.0f}")
    if first:
        top.set_ylabel("share correct" if single else "share of gold")
        bottom.set_ylabel("answers")


def _draw(figure: Figure) -> dict[str, bytes]:
    """Draw a figure in all formats; the layout, which takes longer than the drawing, is made once for them."""
    found = {}
    with warnings.catch_warnings():  # a label in a script that the font lacks is drawn as boxes: report.md has it
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        if layout := figure.get_layout_engine():
            layout.execute(figure)
        figure.set_layout_engine(None)  # or every format is drawn twice, once for its size
        for suffix, metadata in _METADATA.items():
            buffer = io.BytesIO()
            figure.savefig(buffer, format=suffix, dpi=144, metadata=metadata)
            found[suffix] = buffer.getvalue()
    return found


def _short(label: str) -> str:
    return label if len(label) <= 24 else label[:23] + "…"
