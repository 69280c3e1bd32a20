"""What a stream begins with: byte order marks, and signs that tell what follows.

Knows encodings that have a mark; knows no format.
"""

import codecs
import io
from collections.abc import Iterator

from newslean.decoding import MARKS
from newslean.dump.streams import PIECE, Stream, buffered

_BEFORE_TEXT = b" \t\r\n\0\xef\xbb\xbf\xff\xfe"


def look_ahead(stream: io.BufferedReader, size: int, *, where: str) -> tuple[bytes, io.BufferedReader]:
    """Look at the first ``size`` bytes, and give a stream that still begins with them."""
    head = stream.read(size)
    return head, buffered(Stream(stream.read1, where=where, head=head))


def first_sign(stream: io.BufferedReader, *, where: str) -> tuple[bytes, io.BufferedReader]:
    """Look at the first byte that is no white space or mark, and give a stream that still begins at the first byte.

    Behind a bracket the next one is looked at too: a list of objects, or a text that begins so.
    """
    head = sign = b""
    while sign in (b"", b"[") and len(head) < PIECE and (byte := stream.read(1)):
        head += byte
        sign += byte.strip(_BEFORE_TEXT)
    return sign, buffered(Stream(stream.read1, where=where, head=head))


def to_utf8(stream: io.BufferedReader, *, where: str) -> io.BufferedReader:
    """Drop the byte order mark of a text; if it tells of UTF-16 or UTF-32, turn the text into UTF-8."""
    head = stream.read(4)
    mark, codec = next(((mark, codec) for mark, codec in MARKS if head.startswith(mark)), (b"", "utf-8"))
    if codec in ("utf-8", "utf-8-sig"):
        return buffered(Stream(stream.read1, where=where, head=head[len(mark) :]))
    decoder = codecs.getincrementaldecoder(codec)()
    pieces = _reencode(stream, decoder, head)
    return buffered(Stream(lambda size: next(pieces, b""), where=where))


def _reencode(stream: io.BufferedReader, decoder: codecs.IncrementalDecoder, head: bytes) -> Iterator[bytes]:
    data = head
    while data:
        if text := decoder.decode(data):
            yield text.encode("utf-8")
        data = stream.read1(PIECE)
    if text := decoder.decode(b"", final=True):
        yield text.encode("utf-8")
