"""Tasks as a table, for CSV and Excel: a row a sentence, a column per dimension and coder.

``topic [anna]`` holds Anna's labels, ``coded_at [anna]`` when; ``topic`` alone holds labels of nobody by name, or
of whom a column ``coder`` names. A bar joins several labels, in our own tables. Knows cells of text, and no file.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from newslean.errors import DataError
from newslean.schema import Schema
from train.exchange.raw import (
    PAYLOAD,
    TEXT_KEYS,
    Answers,
    Coding,
    Header,
    Raw,
    compact,
    payload_from,
    payload_of,
    scores_of,
    shown_prediction,
)
from train.exchange.spelling import Naming, join_labels, part_labels, way_out
from train.exchange.task import ABOUT, NOBODY, Task
from train.rows import FLAGS, Faults, nearest

TIMES = ("coded_at", "timestamp", "created_at")
CODERS = ("coder", "annotator")
VAGUE = ("content", "body", "data")
"""Of `TEXT_KEYS`, those that mean something else as well, such as a date."""
PREDICTED = ("predicted", "score of predicted")
KNOWN = (*TEXT_KEYS, "doc", "n", *ABOUT, *CODERS, "user", *TIMES, PAYLOAD)
"""Columns that mean something, beside those of labels; ``user`` is as often a text's author as its coder."""

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
    header += [f"{kind} {name}" for name in guessed for kind in PREDICTED]
    header += [_column(name, coder) for coder in coders for name in (*schema.names, TIMES[0])]
    if own := [name for name in schema.names if name in ("text", "doc", "n", *about)]:
        raise DataError(
            f"table: expected dimensions of other names than the columns about a sentence; found {own[0]!r}, which "
            "could not be read back. Export to another format."
        )
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


def raws_of(table: Table, head: str, naming: Naming, faults: Faults, *, left: Sequence[str] = ()) -> list[Raw]:
    """Read a table.

    Parameters
    ----------
    head : str
        The place of its header.
    left : sequence of str
        What is left out beside columns.
    """
    before = faults.count
    columns = _columns(table.header, head, naming, faults)
    near = faults.count > before
    filled = {index for _, cells in table.rows for index, cell in enumerate(cells) if cell.strip()}
    coder = next((key for key in CODERS if columns.others.get(key) in filled), "")
    text = _text_column(columns, table, head, filled, faults)
    titles = [title or ("(without a name)" if n in filled else "") for n, title in enumerate(table.header)]
    header = _header(columns, titles, head, naming, text=text, coder=coder, near=near)
    header = replace(header, left=(*header.left, *left))
    return [_raw(place, cells, columns, text, naming, header) for place, cells in table.rows]


@dataclass(frozen=True, slots=True)
class _Columns:
    """Where what stands: columns of labels and times by coder and name as found, and all others by their title."""

    coded: dict[str, dict[str, int]]
    others: dict[str, int]


def _columns(header: Sequence[str], head: str, naming: Naming, faults: Faults) -> _Columns:
    """Tell a header's columns apart; what would be lost, or is but nearly a dimension, is a fault."""
    names, columns = naming.schema.names, _Columns({}, {})
    expected = {*KNOWN, *(f"{kind} {name}" for kind in PREDICTED for name in names)}
    first: dict[tuple[str, str], int] = {}
    of_tool = any(naming.column(title) in CODERS for title in header if title not in naming.ignored)
    for index, found in enumerate(header):
        title = found if found in naming.ignored else naming.column(found)
        name, coder = title, NOBODY
        if named := _NAMED.fullmatch(title):
            name, coder = named[1], named[2]
        if title in naming.ignored or name in naming.ignored:
            continue
        dimension = naming.dimension(name)
        before = first.setdefault((coder, dimension or name), index)
        if before != index and (dimension or name in expected):
            faults.add(
                head,
                f"expected one column of {dimension or title!r}; found {header[before]!r} ({before + 1}) and {found!r} "
                f"({index + 1}): rename or remove one"
                + (f"; if two people coded, as '{dimension} [NAME]'" if dimension else ""),
            )
        # Beside no coder, other tools' times may be those of the text.
        elif dimension or name == TIMES[0] or (name in TIMES and (coder != NOBODY or of_tool)):
            columns.coded.setdefault(coder, {})[name] = index
        elif coder != NOBODY or (title not in expected and (nearest(title, names) or _of_coder(title, names))):
            faults.add(
                head,
                f"expected columns {', '.join(names)}; found {title!r}{nearest(name, names)}{way_out(name)}"
                + _of_coder(title, names),
            )
        else:
            columns.others.setdefault(title, index)
    return columns


def _of_coder(title: str, names: Sequence[str]) -> str:
    """Say what a column such as "topic (anna)" is to be called, if it may be that of one coder of several."""
    name, _, rest = title.partition("(")
    if name.strip() not in names or not rest.endswith(")"):
        return ""
    called = f"{name.strip()} [{rest[:-1].strip()}]"
    return f"; of one coder of several, it is called {called!r} (--rename '{title}={called}')"


def _text_column(columns: _Columns, table: Table, head: str, filled: set[int], faults: Faults) -> int | None:
    """Find the sentence's column, the same for all rows: of a usual name, or the only other one that is filled."""
    others = columns.others
    usual = [key for key in TEXT_KEYS if key in others]
    found = next((key for key in usual if others[key] in filled), usual[0] if usual else "")
    left = [title for title, index in others.items() if title not in KNOWN and index in filled]
    rivals = [title for title in left if title.lower() != "id" and _has_words(table, others[title])]
    if found and (found not in VAGUE or not rivals):
        return others[found]
    left = [found, *rivals] if found else left
    if len(left) == 1:
        return others[left[0]]
    if table.rows:
        faults.add(
            head,
            f"expected the sentences in a column {', '.join(TEXT_KEYS)}, or in the only one left; found "
            f"{', '.join(map(repr, left)) or 'none'}: rename one (--rename 'COLUMN=text'), or leave out the others "
            "(--ignore-column)",
        )
    return None


def _has_words(table: Table, index: int) -> bool:
    """Whether a column holds other than numbers."""
    return any(cells[index].strip(" .,0123456789") for _, cells in table.rows if index < len(cells))


def _header(
    columns: _Columns, titles: Sequence[str], head: str, naming: Naming, *, text: int | None, coder: str, near: bool
) -> Header:
    """Say what is taken from which column, and from which nothing."""
    others, ours = columns.others, PAYLOAD in columns.others
    place = ("doc", "n") if "doc" in others else ()  # a number of a sentence says nothing without its article
    used = {"text": text, **{key: others[key] for key in (*place, *ABOUT) if key in others}}
    labels = False
    for who, found in columns.coded.items():
        for name, index in found.items():
            dimension = naming.dimension(name)
            labels = labels or dimension is not None
            used[_column(dimension or TIMES[0], who)] = index
    guesses = {f"{kind} {name}" for kind in PREDICTED for name in naming.schema.names} if ours else set()
    taken = {*used.values(), *(others[title] for title in {coder, PAYLOAD, *guesses} - {""} if title in others)}
    left = tuple(titles[index] for title, index in others.items() if index not in taken and titles[index])
    said = {name: titles[index] for name, index in used.items() if index is not None}
    told = tuple(name if name == title else f"{name} from {title!r}" for name, title in said.items())
    who = titles[others[coder]] if coder else ""
    return Header(head, told, labels or near, who, coder in CODERS[1:], left, ours)


def _raw(place: str, cells: list[str], columns: _Columns, text: int | None, naming: Naming, header: Header) -> Raw:
    data = {title: cells[index] for title, index in columns.others.items() if index < len(cells)}
    ours, schema = PAYLOAD in columns.others, naming.schema
    asked = {naming.dimension(name) for found in columns.coded.values() for name in found}
    codings = list[Coding]()
    for named, found in columns.coded.items():
        key = next((key for key in CODERS if data.get(key, "").strip()), "") if not named else ""
        row = {name: cells[index] for name, index in found.items() if index < len(cells)}
        answers: Answers = {
            name: values
            for name, cell in row.items()
            if (dimension := naming.dimension(name)) and (values := part_labels(cell, schema[dimension], ours=ours))
        }
        if answers:
            at = next((row[key].strip() for key in TIMES if row.get(key, "").strip()), "")
            who = named or (data[key].strip() if key else "")  # "" may be a column's name too
            codings.append(Coding(answers, who, at, key in CODERS[1:]))
    about = {key: _value(key, data[key]) for key in ("doc", "n", *ABOUT) if data.get(key, "").strip()}
    payload = payload_from(data.get(PAYLOAD, ""))
    sentence = (cells[text] or None) if text is not None and text < len(cells) else None
    names = tuple(name for name in schema.names if name in asked)
    return Raw(place, sentence, about, tuple(codings), (), payload, names, header=header)


def _column(name: str, coder: str) -> str:
    return name if coder == NOBODY else f"{name} [{coder}]"


def _cell(value: object) -> str:
    return "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def _value(key: str, cell: str) -> object:
    word = cell.strip().lower()
    return {"true": True, "false": False, "1": True, "0": False}.get(word, cell) if key in FLAGS else cell
