"""Lines of a stream, however long they are.

Knows line ends; knows nothing of what stands in a line.
"""

import io
from collections.abc import Iterator

_PIECE = 1 << 20


def read_lines(stream: io.BufferedReader, *, limit: int) -> Iterator[tuple[int, bytes | None]]:
    """Yield the lines with their numbers, from 1 on; None for one of more than ``limit`` bytes.

    Such a line is read in pieces to its end and not kept.
    """
    number = 0
    while line := stream.readline(limit + 1):
        number += 1
        if len(line) <= limit or line.endswith(b"\n"):
            yield number, line
            continue
        skip_line(stream)
        yield number, None


def skip_line(stream: io.BufferedReader) -> int:
    """Read to the end of a line that has begun, and count the quotation marks on the way."""
    quotes = 0
    while piece := stream.readline(_PIECE):
        quotes += piece.count(b'"')
        if piece.endswith(b"\n"):
            break
    return quotes
