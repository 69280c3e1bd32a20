"""Results for a person: an article as a page of plain text.

Knows tagged articles, the schema and the width of a screen; knows no label by
name. Everything that comes from an article or a schema passes through
`newslean.screen` before it is shown.
"""

import os
import shutil
import sys
from collections import Counter
from collections.abc import Container, Iterable, Sequence
from heapq import nlargest
from itertools import accumulate
from typing import TextIO

import click

from newslean.results import TaggedArticle, TaggedSentence
from newslean.schema import Dimension, Schema
from newslean.screen import cell, columns_of, visible, wrap

TOP = 3
"""Sentences shown behind each label."""

MANY = 8
"""Label sets longer than this are cut to the labels that occur."""

MAX_SHOWN = 600
"""Longest stretch (characters) of a title or sentence that is shown."""

MIN_WIDTH = 50
"""Narrowest screen (columns) that the report is laid out for."""

BAR = 20
"""Width (columns) of a bar."""

_NO_LABEL = ""  # row of the cross table for sentences without any label; no label can be empty

_Numbered = Sequence[tuple[int, TaggedSentence]]


def render_article(article: TaggedArticle, schema: Schema, *, width: int = 80, color: bool = False) -> str:
    """Render one article for a person.

    Parameters
    ----------
    article : TaggedArticle
        What the model said.
    schema : Schema
        The model's dimensions.
    width : int
        Columns of the screen, at least `MIN_WIDTH`.
    color : bool
        Whether to use ANSI colours.

    Returns
    -------
    str
        Lines with a newline at the end: title, source, shares and lean of each dimension, a table of
        each ``multi`` by each ``single`` dimension, and the strongest sentences behind each label.
    """
    content = [(n, sentence) for n, sentence in enumerate(article.sentences) if not sentence.furniture]
    aside = len(article.sentences) - len(content)
    title = wrap(_short(article.title or "(no title)"), width)
    counted = f"{len(content)} {schema.unit}{'s' * (len(content) != 1)}"
    if aside:
        counted += f", {aside} more set aside as page furniture"
    counted += "; * marks the article's own labels"
    lines = [*(_style(line, color, bold=True) for line in title), *wrap(f"{article.source}: {counted}", width)]
    for dimension in schema.dimensions:
        lines += ["", *_shares(article, dimension, content, width, color, schema.unit)]
    for rows in schema.dimensions:
        for columns in schema.dimensions:
            if rows.multi and not columns.multi:
                lines += ["", *_table(rows, columns, content, width, color, schema.unit)]
    for dimension in schema.dimensions:
        for label in dimension.labels:
            if label != dimension.neutral:
                lines += _strongest(dimension, label, content, width, color)
    return "\n".join(lines) + "\n"


def write_text(articles: Iterable[TaggedArticle], schema: Schema, stream: TextIO, *, color: str) -> int:
    """Write articles for a person, each as soon as it is tagged, and return their number.

    Parameters
    ----------
    articles : iterable of TaggedArticle
        Read once; one is held at a time.
    schema : Schema
        The model's dimensions.
    stream : text stream
        Where to write; only standard output gets colour and the width of its screen.
    color : {"auto", "always", "never"}
        ``auto``: on a terminal, unless ``NO_COLOR`` is set (no-color.org).
    """
    from newslean.report import render_article

    screen = stream is sys.stdout
    plain = os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb" or not stream.isatty()
    colored = screen and (color == "always" or (color == "auto" and not plain))
    width = min(max(shutil.get_terminal_size().columns, MIN_WIDTH), 120) if screen else 80
    done = 0
    for done, article in enumerate(articles, 1):
        if done > 1:
            stream.write(f"\n{'=' * width}\n\n")
        stream.write(render_article(article, schema, width=width, color=colored))
    return done


def _style(text: str, color: bool, *, bold: bool = False, dim: bool = False, fg: str | None = None) -> str:
    return click.style(text, bold=bold or None, dim=dim or None, fg=fg) if color else text


def _labels_of(sentence: TaggedSentence, dimension: Dimension) -> Sequence[str]:
    value = sentence.labels[dimension.name]
    return [value] if isinstance(value, str) else value


def _shares(
    article: TaggedArticle, dimension: Dimension, content: _Numbered, width: int, color: bool, unit: str
) -> list[str]:
    counts = Counter(label for _, sentence in content for label in _labels_of(sentence, dimension))
    own = article.labels[dimension.name]
    shown = _shown(dimension, counts)
    name_width = min(max((columns_of(visible(label)) for label in shown), default=0), max(width - BAR - 17, 8))
    lines = [_style(visible(dimension.name), color, bold=True, fg="cyan")]
    for label in shown:
        share = article.shares[dimension.name][label]
        mine = label == own if isinstance(own, str) else label in own
        bar = "#" * round(share * BAR)
        line = f"{'*' if mine else ' '} {cell(label, name_width)}  {bar:.<{BAR}}  {share:4.0%}  {counts[label]:5d}"
        lines.append(_style(line, color and mine, bold=True))
    if len(shown) < len(dimension.labels):
        lines.append(f"  ({len(dimension.labels) - len(shown)} more labels have no {unit})")
    return lines + (_lean(article, dimension, width, color, unit) if dimension.name in article.lean else [])


def _lean(article: TaggedArticle, dimension: Dimension, width: int, color: bool, unit: str) -> list[str]:
    """Say the lean in words and as a mark on a line from the second of the pair to the first."""
    lean = article.lean[dimension.name]
    first, second = dimension.opposites[0]
    if abs(lean) >= 0.005:
        words = f"lean {lean:+.2f} towards {first if lean > 0 else second}"
    elif lean:
        words = f"lean 0.00: nearly balanced between {first} and {second}"
    elif article.shares[dimension.name][first]:
        words = f"lean 0.00: balanced between {first} and {second}"
    else:
        words = f"lean 0.00: no {unit} says {first} or {second}"
    scale = ["-"] * (BAR + 1)
    scale[BAR // 2] = "|"
    scale[round((lean + 1) / 2 * BAR)] = "O"
    room = max((width - BAR - 9) // 2, 4)
    left, right = (cell(label, min(columns_of(visible(label)), room)) for label in (second, first))
    return [*(_style(line, color, bold=True) for line in wrap(words, width)), f"  {left} [{''.join(scale)}] {right}"]


def _table(rows: Dimension, columns: Dimension, content: _Numbered, width: int, color: bool, unit: str) -> list[str]:
    """Count sentences by both dimensions; columns that do not fit go into a further block."""
    counts = Counter(
        (row, column)
        for _, sentence in content
        for row in _labels_of(sentence, rows) or [_NO_LABEL]
        for column in _labels_of(sentence, columns)
    )
    names = {label: label for label in _shown(rows, {row for row, _ in counts})} | {_NO_LABEL: f"(no {rows.name})"}
    heads = _shown(columns, {column for _, column in counts})
    name_width = min(max(columns_of(visible(name)) for name in names.values()), 24)
    sizes = {head: min(max(columns_of(visible(head)), 5), 16) for head in heads}
    lines = [_style(visible(f"{rows.name} x {columns.name} ({unit}s)"), color, bold=True, fg="cyan")]
    while heads:
        ends = accumulate((2 + sizes[head] for head in heads), initial=2 + name_width)
        fitting = max(sum(end <= width for end in ends) - 1, 1)
        block, heads = heads[:fitting], heads[fitting:]
        lines.append(" " * (2 + name_width) + "".join("  " + cell(head, sizes[head], right=True) for head in block))
        for row, name in names.items():
            cells = "".join(f"  {counts[row, head] or '.':>{sizes[head]}}" for head in block)
            lines.append(f"  {cell(name, name_width)}{cells}")
    return lines


def _shown(dimension: Dimension, found: Container[str]) -> list[str]:
    return [label for label in dimension.labels if len(dimension.labels) <= MANY or label in found]


def _strongest(dimension: Dimension, label: str, content: _Numbered, width: int, color: bool) -> list[str]:
    """Show the sentences with a label that the model is surest of."""
    scored = [(s.scores[dimension.name][label], -n, s.text) for n, s in content if label in _labels_of(s, dimension)]
    if not scored:
        return []
    lines = ["", _style(visible(f"{dimension.name}: {label}"), color, bold=True, fg="cyan")]
    for score, minus_n, text in nlargest(TOP, scored):
        mark = f"  {score:.2f}  [{-minus_n}] "
        for k, line in enumerate(wrap(_short(text), max(width - len(mark), 20))):
            lines.append((_style(mark, color, dim=True) if k == 0 else " " * len(mark)) + line)
    return lines


def _short(text: str) -> str:
    return text if len(text) <= MAX_SHOWN else text[:MAX_SHOWN] + "…"
