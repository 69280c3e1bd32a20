"""JSON of articles: a line each, a list of them, or one after the other.

Knows JSON; knows nothing of what the objects mean.
"""

import io
import json
from collections.abc import Iterator
from typing import Any

from newslean.dump.beginnings import to_utf8
from newslean.dump.json_values import split_values
from newslean.dump.lines import read_lines
from newslean.dump.place import Place
from newslean.dump.records import Outcome, Reject
from newslean.dump.rows import Row, kind_of, read_objects

_BLANK = b" \t\r\n"


def read_jsonl(stream: io.BufferedReader, place: Place) -> Iterator[Outcome]:
    """Read an object a line; empty lines are passed over."""
    return read_objects(_line_objects(to_utf8(stream, where=place.name), place), place)


def read_json(stream: io.BufferedReader, place: Place) -> Iterator[Outcome]:
    """Read a list of objects, or objects one after the other, each as soon as it is complete."""
    return read_objects(_list_objects(to_utf8(stream, where=place.name), place), place)


def _line_objects(stream: io.BufferedReader, place: Place) -> Iterator[Row | Reject]:
    for number, line in read_lines(stream, limit=place.max_bytes):
        position = f"line {number}"
        if line is None:
            yield place.too_large(position, "a line")
        elif line := line.strip(_BLANK):
            yield _parse(line, position, place)


def _list_objects(stream: io.BufferedReader, place: Place) -> Iterator[Row | Reject]:
    for number, value in enumerate(split_values(stream, limit=place.max_bytes, where=place.name), 1):
        position = f"item {number}"
        yield place.too_large(position, "an object") if value is None else _parse(value, position, place)


def _parse(data: bytes, position: str, place: Place) -> Row | Reject:
    values: Any = None
    try:
        values = json.loads(data.decode("utf-8"))
        fault = "" if isinstance(values, dict) else kind_of(values)
    except UnicodeDecodeError as error:
        fault = f"bytes that are no UTF-8 (byte {error.start + 1:,})"
    except json.JSONDecodeError as error:
        fault = f"{error.msg} (character {error.pos + 1:,})"
    except (ValueError, RecursionError) as error:  # a number of thousands of digits, thousands of brackets
        fault = f"{type(error).__name__}: {error}"
    if fault:
        return place.reject(position, f"expected a JSON object; found {fault}. Mend it or leave it out.")
    return Row(position, values, len(data))
