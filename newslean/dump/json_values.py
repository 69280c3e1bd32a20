"""The values of a JSON text, one at a time, however long their list is.

Knows JSON's brackets, commas and quotation marks, and nothing else of it.
"""

import io
import re
from collections.abc import Iterator

from newslean.dump.place import DamagedError

_PIECE = 1 << 16
_SIGN = re.compile(rb'["{}\[\],]')
_STRING = re.compile(rb'(?:[^"\\]++|\\.)*+', re.DOTALL)
_BLANK = b" \t\r\n"


def split_values(stream: io.BufferedReader, *, limit: int, where: str) -> Iterator[bytes | None]:
    """Yield the bytes of each value of a list or, if there is no list around them, of values one after the other.

    A value of more than ``limit`` bytes is passed over and yielded as None.

    Raises
    ------
    DamagedError
        If the text ends before its last bracket is closed, or goes on after its list.
    """
    splitter = _Splitter(limit)
    while piece := stream.read1(_PIECE):
        yield from splitter.feed(piece)
    yield from splitter.rest()
    if fault := splitter.fault():
        raise DamagedError(f"{where}: expected JSON to the end; found {fault}. Fetch or make the file again.")


class _Splitter:
    """Where values begin and end, told piece by piece."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._base: int | None = None  # depth outside a value: 1 in a list, 0 without one, unknown at first
        self._depth = 0
        self._in_string = False
        self._carry = b""  # a backslash whose character is in the next piece
        self._value: list[bytes] = []
        self._size = 0
        self._closed = False  # the list is
        self._trailing = False

    def feed(self, piece: bytes) -> Iterator[bytes | None]:
        """Take the next bytes and yield the values that end in them."""
        data, self._carry = self._carry + piece, b""
        start = at = self._opening(data)
        while at < len(data) and not self._closed:
            if self._in_string:
                at = self._string(data, at)
            elif sign := _SIGN.search(data, at):
                at = sign.end()
                cut = self._cut(sign[0], at)
                if cut is not None:
                    self._keep(data[start:cut])
                    start = at
                    yield from self._take()
            else:
                at = len(data)
        at -= len(self._carry)
        if self._closed:
            self._trailing = self._trailing or bool(data[start:].strip(_BLANK))
        else:
            self._keep(data[start:at])

    def rest(self) -> Iterator[bytes | None]:
        """Yield the value that nothing has ended but the end of the text."""
        if self._depth == self._base and not self._in_string:
            yield from self._take()

    def fault(self) -> str | None:
        """Say what is wrong with the end of the text."""
        if self._trailing:
            return "more after the end of the list"
        if self._base and not self._closed:
            return "the end within a list"
        return "the end within a value" if self._in_string or self._depth != (self._base or 0) - self._closed else None

    def _opening(self, data: bytes) -> int:
        if self._base is not None:
            return 0
        content = data.lstrip(_BLANK)
        if not content:
            return len(data)
        self._base = self._depth = int(content.startswith(b"["))
        return len(data) - len(content) + self._base

    def _string(self, data: bytes, at: int) -> int:
        """Read on to the end of a string or of the data."""
        found = _STRING.match(data, at)
        at = found.end() if found else at
        if data[at : at + 1] == b'"':
            self._in_string = False
        else:
            self._carry = data[at:]
        return at + 1 if not self._in_string else len(data)

    def _cut(self, sign: bytes, at: int) -> int | None:
        """Follow a sign that ends at ``at``; say where a value ends, if one does."""
        if sign == b'"':
            self._in_string = True
        elif sign in b"{[":
            self._depth += 1
        elif sign == b",":
            return at - 1 if self._depth == self._base == 1 else None
        else:
            self._depth = max(self._depth - 1, 0)
            self._closed = self._base == 1 and self._depth == 0
            return None if self._depth else at - self._closed
        return None

    def _keep(self, part: bytes) -> None:
        self._size += len(part)
        if self._size <= self._limit:
            self._value.append(part)
        else:
            self._value.clear()

    def _take(self) -> Iterator[bytes | None]:
        value, size = b"".join(self._value).strip(_BLANK), self._size
        self._value, self._size = [], 0
        if size > self._limit:
            yield None
        elif value:
            yield value
