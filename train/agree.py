"""``labels agree``: how far coders agree, and over which sentences they do not.

Knows label files, and how the numbers of `train.agreement` look to a person.
Sentences whose file keeps their text back are shown on a screen only.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from newslean.errors import DataError
from newslean.schema import Schema
from newslean.screen import columns_of, visible
from train.agreement import ADJUDICATED, agreement
from train.disputes import find_disputes, is_compared
from train.labels import LabelFiles, by_source, read_examples

FEW_GROUPS = 20
"""Under this many articles a bootstrap over articles gives intervals that are too narrow."""

MAX_TABLES = 3
"""Pairs of coders whose confusion is shown; --json holds all."""


def agree_labels(
    paths: Sequence[str | Path], schema: Schema, *, texts: Sequence[str | Path] = (),
    coders: Sequence[str] | None = None, disputed: int = 10, hidden: bool = True, seed: int, replicates: int = 1000,
) -> dict[str, Any]:  # fmt: skip
    """Measure agreement per source of the rows, and list disputed sentences.

    Parameters
    ----------
    paths, schema, texts
        As for `train.labels.read_examples`.
    coders : sequence of str, optional
        Whom to compare; by default all but ``adjudicated``.
    disputed, hidden
        How many disputed sentences to list; whether texts that their file keeps back are left out.
    seed, replicates : int
        Of the bootstrap intervals.

    Returns
    -------
    dict
        Plain data: ``{"files", "rows", "skipped", "sources": {source: as from `train.agreement.agreement`},
        "disputes": {"open", "settled", "first": [{"place", "doc", "n", "source", "text" (None if left out), "said",
        "settled", "score"}]}}``.

    Raises
    ------
    DataError
        If a file has faults, or no row has the coders that are asked for.
    """
    files = read_examples(paths, schema, texts=texts)
    known = {coder for e in files.examples for coder in e.coders}
    if unknown := [coder for coder in coders or () if coder not in known]:
        raise DataError(
            f"--coder {unknown[0]}: expected a coder of these rows ({', '.join(sorted(known)) or 'they have none'}); "
            f"found {unknown[0]!r}."
        )
    measured = {}
    for source, examples in by_source(files.examples).items():
        chosen = [{c: v for c, v in e.coders.items() if is_compared(c, coders)} for e in examples]
        if any(len(row) > 1 for row in chosen):
            names = sorted({coder for row in chosen for coder in row})
            groups = [e.group for e in examples]
            measured[source] = agreement(schema, chosen, groups, seed=seed, replicates=replicates, coders=names)
    return {
        "files": files.hashes,
        "rows": len(files.examples),
        "skipped": files.skipped,
        "sources": measured,
        "disputes": _disputes(files, schema, coders, disputed, hidden=hidden),
    }


def _disputes(
    files: LabelFiles, schema: Schema, coders: Sequence[str] | None, number: int, *, hidden: bool
) -> dict[str, Any]:
    found = find_disputes(files.examples, schema, coders=coders)
    settled = sum(len(d.settled) == len(d.said) for d in found)
    first = []
    for d in found[:number]:
        place = files.place(d.row) | {"source": files.examples[d.row].source}
        text = files.text(d.row, hidden=hidden)
        first.append({**place, "text": text, "said": d.said, "settled": d.settled, "score": d.score})
    return {"open": len(found) - settled, "settled": settled, "first": first}


def render_agree(result: dict[str, Any]) -> str:
    """Give the result of `agree_labels` as lines for a person."""
    lines = [shown_files(result)]
    disputes = result["disputes"]
    lines.append(f"disputed sentences: {disputes['open']:,} open, {disputes['settled']:,} settled")
    for row in disputes["first"]:
        lines += ["", shown_place(row), f"  {shown_text(row)}"]
        for name, said in row["said"].items():
            end = f"; {ADJUDICATED} {shown_labels(row['settled'][name])}" if name in row["settled"] else ""
            given = ", ".join(f"{visible(coder)} {shown_labels(value)}" for coder, value in said.items())
            lines.append(f"  {name}: {given}{end}")
    if not result["sources"]:
        lines += ["", "No row has two coders or more: there is no agreement to measure."]
    for source, found in result["sources"].items():
        lines += ["", *_render_agreement(visible(source), found)]
    return "\n".join(lines)


def shown_labels(value: str | list[str]) -> str:
    """Give the labels of one dimension as a person reads them."""
    return value if isinstance(value, str) else "+".join(value) or "(no label)"


def shown_files(result: dict[str, Any]) -> str:
    """Say how much was read."""
    return f"files {len(result['files'])}, rows {result['rows']:,}, skipped {result['skipped']:,} (text not at hand)"


def shown_place(row: dict[str, Any]) -> str:
    """Say where a sentence stands."""
    return f"{visible(row['place'])} ({visible(row['doc'])} {row['n']})"


def shown_text(row: dict[str, Any]) -> str:
    """Give a sentence's text, or say that its file keeps it back."""
    return visible(row["text"]) if row["text"] is not None else "(text kept back by its file)"


def _render_agreement(source: str, found: dict[str, Any]) -> list[str]:
    articles = {name: measured["groups"] for name, measured in found["dimensions"].items()}
    over = "articles" if max(articles.values()) > 1 else "sentences"
    alone = [name for name, number in articles.items() if number == 1 and over == "articles"]
    alike = len({*articles.values()}) == 1
    few = [f"{number}" if alike else f"{d} {number}" for d, number in articles.items() if 0 < number < FEW_GROUPS]
    key, kappa = ("kappa", "Cohen's kappa") if len(found["coders"]) == 2 else ("fleiss", "Fleiss' kappa")
    names = ", ".join(visible(coder) for coder in found["coders"])
    titles = [title for d, m in found["dimensions"].items() for title in (d, *(f"  {label}" for label in m["labels"]))]
    width = min(40, max(22, *map(columns_of, titles))) + 2
    rows = []
    for name, measured in found["dimensions"].items():
        for title, row in [(name, measured), *((f"  {label}", row) for label, row in measured["labels"].items())]:
            percent = _with_interval(row, "percent", "{:.1f}", 100)
            rows.append((title, row["units"], percent, *(_with_interval(row, m, "{:.3f}", 1) for m in (key, "alpha"))))
    first, second = (max(20, *(len(row[column]) for row in rows)) + 2 for column in (2, 3))
    lines = [
        f"{source}: agreement of {names}, with 95 % intervals over {over}:",
        *([f"  (over sentences, of one article: {', '.join(alone)})"] if alone else []),
        *([f"  (too few articles to trust an interval: {', '.join(dict.fromkeys(few))})"] if few else []),
        f"  {'':<{width}}{'units':>7}  {'percent':<{first}}{kappa:<{second}}Krippendorff's alpha",
    ]
    for title, units, percent, beyond, alpha in rows:
        lines.append(f"  {title:<{width}}{units:>7,}  {percent:<{first}}{beyond:<{second}}{alpha}")
    for name, measured in found["dimensions"].items():
        lines += _render_confusion(name, measured["confusion"])
    return lines


def _render_confusion(name: str, tables: list[dict[str, Any]]) -> list[str]:
    lines = []
    for table in tables[:MAX_TABLES]:
        first, second = map(visible, table["coders"])
        columns, width = table["labels"], max(map(len, table["labels"])) + 2
        lines.append(f"  {name}: {first} (rows) against {second} (columns):")
        if not isinstance(table["counts"][0][0], int):  # a table per label
            lines[-1] = f"  {name}: who has it, {first} or {second}:"
            flat = [[both, one, other, neither] for (neither, other), (one, both) in table["counts"]]
            columns, rows = ["both", f"only {first}", f"only {second}", "neither"], flat
        else:
            rows = table["counts"]
        size = max(width, *(columns_of(column) + 2 for column in columns))
        lines.append("  " + " " * width + "".join(f"{column:>{size}}" for column in columns))
        for label, row in zip(table["labels"], rows, strict=True):
            lines.append(f"  {label:<{width}}" + "".join(f"{count:>{size},}" for count in row))
    if len(tables) > MAX_TABLES:
        lines.append(f"  {name}: confusion of {len(tables) - MAX_TABLES} more pairs of coders with --json")
    return lines


def _with_interval(row: dict[str, Any], key: str, form: str, scale: float) -> str:
    if row[key] is None:
        return "undefined"
    interval = row[f"{key}_interval"]
    low_high = f" [{', '.join(form.format(x * scale) for x in interval)}]" if interval else ""
    return form.format(row[key] * scale) + low_high
