"""CSV and TSV tables of articles, with a header.

Knows quotation marks, line ends and the two encodings of such tables: UTF-8,
and Windows-1252, in which Excel writes them; ``csv`` of the standard library
does the parsing.
"""

import csv
import io
import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from newslean.dump.beginnings import look_ahead, to_utf8
from newslean.dump.columns import Found, choose
from newslean.dump.lines import skip_line
from newslean.dump.place import Place
from newslean.dump.records import Outcome
from newslean.dump.rows import Row, make_record
from newslean.errors import DataError

_ASCII = bytes(range(128))
_QUOTED = re.compile(rb'"[^"]*"')


def read_csv(stream: io.BufferedReader, place: Place) -> Iterator[Outcome]:
    """Read a table whose columns are separated by commas, or by semicolons if its header has those instead."""
    head, stream = look_ahead(to_utf8(stream, where=place.name), 4096, where=place.name)
    bare = _QUOTED.sub(b"", head).partition(b"\n")[0]
    semicolons = b";" in bare and b"," not in bare
    if semicolons:
        place.note("guessed that semicolons separate the columns")
    return _read_table(stream, place, delimiter=";" if semicolons else ",")


def read_tsv(stream: io.BufferedReader, place: Place) -> Iterator[Outcome]:
    """Read a table whose columns are separated by tabs."""
    return _read_table(to_utf8(stream, where=place.name), place, delimiter="\t")


def _read_table(stream: io.BufferedReader, place: Place, *, delimiter: str) -> Iterator[Outcome]:
    rows = _read_rows(_Lines(stream, place.max_bytes, place.note), delimiter=delimiter)
    first = next(rows, _Raw(1, [], "an empty file. Leave it out."))
    if first.fault is not None or not first.cells:
        raise DataError(f"{place.name}: expected a table with a header; found {first.fault}")
    names = [name.strip() for name in first.cells]
    if twice := [name for name, count in Counter(names).items() if name and count > 1]:
        place.note(f"columns stand twice, the first is taken: {', '.join(map(repr, twice[:5]))}")
    columns = choose(place.columns, Found(names, names, names), where=place.name, note=place.note)
    for number, row in enumerate(rows, 1):
        position = f"row {number}, line {row.line}"
        while len(row.cells) > len(names) and not row.cells[-1]:
            row.cells.pop()  # of a line that ends with a separator
        if row.fault is None and len(row.cells) != len(names):
            row.fault = f"{len(row.cells)} columns where the header has {len(names)}. Mend its quotation marks."
        if row.fault is not None:
            yield place.reject(position, f"expected a row as the header says; found {row.fault}")
            continue
        values = dict(reversed(list(zip(names, row.cells, strict=True))))  # of two equal names the first counts
        yield make_record(Row(position, values, 0), columns, place)


@dataclass(slots=True)
class _Raw:
    line: int
    cells: list[str]
    fault: str | None = None


def _read_rows(lines: "_Lines", *, delimiter: str) -> Iterator[_Raw]:
    # Strict: otherwise a quotation mark that is never closed takes in row after row, up to the next one, silently.
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    while True:
        lines.begin_row()
        raw = _Raw(lines.number + 1, [])
        try:
            raw.cells = _next_row(reader, lines.limit)
        except StopIteration:
            return
        except csv.Error as error:
            if "new-line" in str(error):
                raw.fault = "a carriage return within a line. End lines with a line feed."
            else:
                where = f"line {raw.line:,}" if lines.number <= raw.line else f"lines {raw.line:,} to {lines.number:,}"
                raw.fault = f"a quotation mark in {where} that is neither closed nor doubled. Mend it."
        if lines.too_long:
            lines.skip_row()
            raw.fault = f"more than {lines.limit:,} bytes (max_bytes) in lines {raw.line:,} to {lines.number:,}. "
            raw.fault += "Mend its quotation marks or leave it out."
        elif lines.unclosed:
            raw.fault = f"a quotation mark that is never closed: lines {raw.line:,} to {lines.number:,}, the last, are "
            raw.fault += "lost. Close it."
        elif not all(cell.isascii() or _is_text(cell) for cell in raw.cells):
            raw.fault = "bytes that are no UTF-8. Convert the file to UTF-8."
        if raw.cells or raw.fault is not None:  # not an empty line
            yield raw


def _next_row(reader: Iterator[list[str]], limit: int) -> list[str]:
    """Read a row under our limit of a field's size; the limit is the whole process's, so leave it as it was."""
    old = csv.field_size_limit(limit + 1)
    try:
        return next(reader)
    finally:
        csv.field_size_limit(old)


def _is_text(cell: str) -> bool:
    try:
        cell.encode("utf-8")
    except UnicodeEncodeError:  # bytes that were no UTF-8 are kept as halves of characters
        return False
    return True


def _is_western(line: bytes) -> bool:
    """Whether letters beyond ASCII are few, as in Windows-1252; in Cyrillic or Chinese most bytes are none."""
    return 3 * len(line.translate(None, _ASCII)) < len(line)


class _Lines:
    """Lines of a table as ``csv`` asks for them; it asks for another one within a row only if a quote is open.

    Attributes
    ----------
    number : int
        Lines given out.
    limit : int
        Largest row (bytes).
    too_long : bool
        The row at hand has more bytes than that; its rest is not yet read.
    unclosed : bool
        The table ended within the row at hand.
    """

    def __init__(self, stream: io.BufferedReader, limit: int, note: Callable[[str], None]) -> None:
        self._stream = stream
        self.limit = limit
        self._note = note
        self._codec = ""
        self.number = 0
        self.begin_row()

    def begin_row(self) -> None:
        """Forget the row before."""
        self._size = 0
        self._quotes = 0
        self._in_line = False
        self.too_long = False
        self.unclosed = False

    def __iter__(self) -> "_Lines":
        return self

    def __next__(self) -> str:
        line = self._stream.readline(self.limit + 1 - self._size)
        if not line:
            self.unclosed = self._size > 0
            raise StopIteration
        self.number += 1
        self._size += len(line)
        self._quotes += line.count(b'"')
        self.too_long = self._size > self.limit
        if self.too_long:
            self._in_line = not line.endswith(b"\n")
            raise csv.Error
        return self._decode(line)

    def _decode(self, line: bytes) -> str:
        """Decode as UTF-8 what is UTF-8; the first line beyond ASCII settles what the others are in."""
        try:
            text = line.decode("utf-8")
        except UnicodeDecodeError:
            if not self._codec and _is_western(line):
                self._codec = "cp1252"
                self._note(
                    f"no UTF-8 in line {self.number:,}: read as Windows-1252 from there on; if letters look wrong, "
                    "save it as UTF-8"
                )
            self._codec = self._codec or "utf-8"
            return line.decode(self._codec, "surrogateescape")
        if not line.isascii():
            self._codec = self._codec or "utf-8"
        return text

    def skip_row(self) -> None:
        """Read to the end of a row that is too long: the first line end outside of quotation marks."""
        while (self._in_line or self._quotes % 2) and self._stream.peek(1):
            self.number += not self._in_line
            self._quotes += skip_line(self._stream)
            self._in_line = False
