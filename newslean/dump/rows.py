"""Rows and objects of a dump to articles.

Knows columns and values as Python has them; knows no format.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

from newslean.articles import Article
from newslean.decoding import check_words
from newslean.dump.columns import Columns, Found, choose
from newslean.dump.place import DamagedError, Place
from newslean.dump.records import Outcome, Record, Reject
from newslean.errors import DataError

_SAMPLE = 100
_SAMPLE_BYTES = 1_000_000
_MAX_DEPTH = 8
_MAX_NAMES = 10_000
_TAGS = re.compile(
    r"</(?:p|div|span|li|ul|ol|a|b|i|em|strong|h[1-6]|td|tr|table|article|section|blockquote|figure|pre)\s*>"
    r"|<br\s*/?>",
    re.IGNORECASE,
)
_SURROGATE = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Row:
    """One row or object: its position, its values, and about how many bytes it had."""

    position: str
    values: Mapping[str, Any]
    size: int


def read_objects(rows: Iterator[Row | Reject], place: Place) -> Iterator[Outcome]:
    """Make articles of objects whose keys are not known before.

    The columns are those of the first 100 objects (or megabyte), so that a key
    that the first one lacks is found all the same, and stay the same to the end.
    """
    sample: list[Row | Reject] = []
    fault: DamagedError | None = None
    whole = True
    size = 0
    try:
        for row in rows:
            if isinstance(row, Reject) and not sample:
                yield row
                continue
            sample.append(row)
            size += row.size if isinstance(row, Row) else 0
            if len(sample) == _SAMPLE or size > _SAMPLE_BYTES:
                whole = False
                break
    except DamagedError as error:  # what stood before it is good
        fault = error
    if sample:
        found = _columns_of([row for row in sample if isinstance(row, Row)], whole=whole)
        columns = choose(place.columns, found, where=place.name, note=place.note)
        for row in sample:
            yield row if isinstance(row, Reject) else make_record(row, columns, place)
        sample.clear()
        for row in rows:
            yield row if isinstance(row, Reject) else make_record(row, columns, place)
    if fault is not None:
        raise fault


def _columns_of(rows: list[Row], *, whole: bool) -> Found:
    names: dict[str, None] = {}  # in place of a set, which keeps no order
    texts: dict[str, None] = {}
    values: dict[str, None] = {}
    for row in rows:
        for name, value in _leaves(row.values):
            if len(names) > _MAX_NAMES:
                break
            names[name] = None
            if isinstance(value, str):
                texts[name] = values[name] = None
            elif _to_text(value) is not None:
                values[name] = None
    return Found(tuple(names), tuple(texts), tuple(values), whole)


def _leaves(values: Mapping[str, Any], prefix: str = "", depth: int = 0) -> Iterator[tuple[str, Any]]:
    for key, value in values.items():
        yield f"{prefix}{key}", value
        if isinstance(value, dict) and depth < _MAX_DEPTH:
            yield from _leaves(value, f"{prefix}{key}.", depth + 1)


def make_record(row: Row, columns: Columns, place: Place) -> Outcome:
    """Make the article of a row, or the reject that says what is wrong with its text; its size is the reader's care."""
    text = _value(row.values, columns.text)
    if text is None:
        return place.reject(row.position, f"expected text in {columns.text!r}; found none. Leave it out.")
    if not isinstance(text, str):
        found = kind_of(text)
        return place.reject(row.position, f"expected text in {columns.text!r}; found {found}. Name another column.")
    text = _SURROGATE.sub("\ufffd", text)  # halves of characters, which JSON can write and nobody can encode
    try:
        check_words(text, where=place.name)
    except DataError as error:
        return place.reject(row.position, error)
    if ("</" in text or "<br" in text) and _TAGS.search(text):
        place.note_once("texts hold HTML tags, which are read as words: make them plain text, or pages of their own")
    title, when, outlet, identifier = (
        _to_text(_value(row.values, name)) for name in (columns.title, columns.date, columns.outlet, columns.id)
    )
    if outlet and ("://" in outlet or str(columns.outlet).lower() == "url"):
        outlet = host_of(outlet) or outlet
    return Record(Article(place.source, text, title), identifier, when, outlet, place.position(row.position))


def _value(values: Mapping[str, Any], name: str | None) -> Any:
    """Look up a name; one with dots that is no key itself leads into nested objects."""
    if name is None or name in values:
        return values.get(name) if name is not None else None
    found: Any = values
    for part in name.split("."):
        found = found.get(part) if isinstance(found, Mapping) else None
    return found


def _to_text(value: Any) -> str | None:
    """Write a single value as text; None for nothing and for whatever has parts."""
    if isinstance(value, str):
        return _SURROGATE.sub("\ufffd", value).strip() or None
    if isinstance(value, date):  # and so a datetime
        return value.isoformat()
    if isinstance(value, int | float | Decimal) and value == value:  # not NaN, as pandas writes for nothing
        return str(value)
    return None


def kind_of(value: Any) -> str:
    """Say what kind of value it is, in words of JSON where it has some."""
    kinds = {
        dict: "an object",
        list: "a list",
        str: "a text",
        bool: "true or false",
        int: "a number",
        float: "a number",
    }
    return "null" if value is None else kinds.get(type(value), type(value).__name__)


def host_of(address: str) -> str | None:
    """Give the host of a web address, in lower case."""
    try:
        return urlsplit(address if "://" in address else f"//{address}").hostname
    except ValueError:
        return None
