"""Tasks as a table, for CSV and Excel: a row a sentence, a column per dimension and coder.

``topic [anna]`` holds Anna's labels, ``coded_at [anna]`` when; ``topic`` alone holds labels of nobody by name, or
of whom a column ``coder`` names. Several labels are joined by a bar. Knows cells of text, and no file.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from newslean.errors import DataError
from newslean.schema import Schema
from train.exchange.raw import (
    PAYLOAD,
    Answers,
    Coding,
    Raw,
    compact,
    payload_from,
    payload_of,
    scores_of,
    shown_prediction,
    text_in,
)
from train.exchange.spelling import join_labels, part_labels
from train.exchange.task import ABOUT, NOBODY, Task
from train.rows import FLAGS, Faults, nearest

TIMES = ("coded_at", "timestamp", "created_at")
CODERS = ("coder", "annotator", "user")
_NAMED = re.compile(r"(.+?) \[(.*)\]", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Table:
    """A header and rows of cells, each row with its place."""

    header: list[str]
    rows: list[tuple[str, list[str]]]


def table_of(tasks: Sequence[Task], schema: Schema) -> Table:
    """Give tasks as a table; where nobody has coded yet, it has empty columns to fill in."""
    coders = list(dict.fromkeys(coder for task in tasks for coder in task.coders)) or [NOBODY]
    about = [key for key in ABOUT if any(key in task.about for task in tasks)]
    guessed = [name for name in schema.names if any(task.predictions for task in tasks)]
    header = ["text", "doc", "n", *about]
    header += [f"{kind} {name}" for name in guessed for kind in ("predicted", "score of predicted")]
    header += [_column(name, coder) for coder in coders for name in (*schema.names, TIMES[0])]
    if len({*header, PAYLOAD}) <= len(header):
        twice = next(title for title in [*header, PAYLOAD] if [*header, PAYLOAD].count(title) > 1)
        raise DataError(f"table: expected columns of different names; found {twice!r} twice. Export to another format.")
    rows = []
    for task in tasks:
        row = [task.text, task.doc, str(task.n), *(_cell(task.about.get(key)) for key in about)]
        _, found = shown_prediction(task) or ("", None)
        for name in guessed:
            score = scores_of(schema[name], found) if found else None
            row += [join_labels(found.labels[name]) if found and name in found.labels else "", _cell(score)]
        for coder in coders:
            labels = task.coders.get(coder, {})
            row += [join_labels(labels[name]) if name in labels else "" for name in schema.names]
            row.append(task.coded_at.get(coder, ""))
        rows.append(("", [*row, compact(payload_of(task, schema))]))
    return Table([*header, PAYLOAD], rows)


def raws_of(table: Table, where: str, schema: Schema, faults: Faults) -> list[Raw]:
    """Read a table."""
    places: dict[str, dict[str, int]] = {}  # coder to dimension (or "coded_at") to column
    for index, title in enumerate(table.header):
        name, coder = title, NOBODY
        if named := _NAMED.fullmatch(title):
            name, coder = named[1], named[2]
        if name in schema.names or name in TIMES:
            places.setdefault(coder, {}).setdefault(TIMES[0] if name in TIMES else name, index)
        elif coder != NOBODY or nearest(title, schema.names):
            faults.add(
                f"{where}:1",
                f"expected columns {', '.join(schema.names)}; found {title!r}{nearest(name, schema.names)}",
            )
    keys = {title: index for index, title in reversed([*enumerate(table.header)])}
    asked = tuple(name for name in schema.names if any(name in columns for columns in places.values()))
    return [_raw(place, cells, keys, places, asked, schema) for place, cells in table.rows]


def _raw(
    place: str,
    cells: list[str],
    keys: dict[str, int],
    places: dict[str, dict[str, int]],
    asked: tuple[str, ...],
    schema: Schema,
) -> Raw:
    data = {key: cells[index] for key, index in keys.items() if index < len(cells)}
    codings = []
    for named, columns in places.items():
        coder = named or next((data[key].strip() for key in CODERS if data.get(key, "").strip()), NOBODY)
        row = {name: cells[index] for name, index in columns.items() if index < len(cells)}
        at = row.pop(TIMES[0], "").strip()
        answers: Answers = {name: part_labels(cell, schema[name]) for name, cell in row.items()}
        answers = {name: values for name, values in answers.items() if values}
        if answers:
            codings.append(Coding(answers, coder, at))
    about = {key: _value(key, data[key]) for key in ("doc", "n", *ABOUT) if data.get(key, "").strip()}
    others = {k: v for k, v in data.items() if k not in (*CODERS, *TIMES, *ABOUT, *schema.names, "doc", "n", PAYLOAD)}
    payload = payload_from(data.get(PAYLOAD, ""))
    return Raw(place, text_in({k: v for k, v in others.items() if v}), about, tuple(codings), (), payload, asked)


def _column(name: str, coder: str) -> str:
    return name if coder == NOBODY else f"{name} [{coder}]"


def _cell(value: object) -> str:
    return "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def _value(key: str, cell: str) -> object:
    word = cell.strip().lower()
    return {"true": True, "false": False, "1": True, "0": False}.get(word, cell) if key in FLAGS else cell
