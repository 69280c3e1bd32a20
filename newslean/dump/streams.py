"""Bytes of an input, decompressed, one piece after the other.

Knows gzip, bzip2, xz and zstd; knows nothing of what the
bytes mean. Memory stays bounded whatever a compressed file pretends to hold.
"""

import bz2
import gzip
import io
import lzma
import re
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO

from newslean.dump.place import DamagedError
from newslean.errors import DataError

COMPRESSIONS = {".gz": "gzip", ".bz2": "bzip2", ".xz": "xz", ".zst": "zstd", ".zstd": "zstd"}
"""Endings of compressed files."""

MAX_COPY = 50_000_000_000
"""Largest temporary copy (bytes) of a file that must be read in any order, but cannot be."""

_MAGIC = {
    "gzip": re.compile(rb"\x1f\x8b\x08"),
    "bzip2": re.compile(rb"BZh[1-9]1AY&SY"),  # all of it: a text may well begin with BZh
    "xz": re.compile(rb"\xfd7zXZ\0"),
    "zstd": re.compile(rb"\x28\xb5\x2f\xfd"),
}
PIECE = 1 << 16
"""Bytes that are read at a time."""

_ZSTD_PIECE = 256  # which can stand for 8 MiB, and the decompressor gives out all of them at once


class Stream(io.RawIOBase):
    """Bytes that a function gives out piece by piece; whatever it raises becomes a `DamagedError`.

    Parameters
    ----------
    pull : callable
        Gives the next bytes, about as many as it is asked for; none at the end.
    where : str
        Name of the input, for messages.
    head : bytes
        Bytes that come before those of ``pull``.
    file : file, optional
        The file behind them, if these are its bytes and it can be read in any order.
    """

    def __init__(
        self, pull: Callable[[int], bytes], *, where: str, head: bytes = b"", file: BinaryIO | None = None
    ) -> None:
        self._pull = pull
        self._ready = io.BytesIO(head)
        self.where = where
        self.file = file

    def readable(self) -> bool:
        """Say that it can be read."""
        return True

    def readinto(self, buffer: Any, /) -> int:
        """Fill the buffer as far as the next piece goes."""
        data = self._ready.read(len(buffer))
        if not data:
            self._ready = io.BytesIO(self._next(len(buffer)))
            data = self._ready.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def _next(self, size: int) -> bytes:
        try:
            return self._pull(size)
        except DataError:
            raise
        except Exception as error:  # noqa: BLE001 - file systems and decompressors raise anything
            reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
            raise DamagedError(
                f"{self.where}: expected readable data to the end; found: {reason}. "
                "What comes before is read; fetch or make the file again."
            ) from None


def to_stream(
    file: BinaryIO, *, where: str, compression: str | None = None, ordered: bool = False
) -> io.BufferedReader:
    """Make a stream of a file, decompressed.

    Parameters
    ----------
    file : binary file
        It need not be seekable. The caller closes it.
    where : str
        Its name, for messages.
    compression : str, optional
        A value of `COMPRESSIONS`; otherwise the first bytes tell.
    ordered : bool
        The file can only be read from its beginning to its end, whatever it says itself.

    Raises
    ------
    DataError
        If the package that reads zstd is not installed.
    """
    seekable = not ordered and bool(getattr(file, "seekable", lambda: False)())
    direct = file if seekable and compression is None else None
    stream = buffered(Stream(_puller(file), where=where, file=direct))
    if compression is None:
        head = stream.read(10)
        compression = next((kind for kind, magic in _MAGIC.items() if magic.match(head)), None)
        stream = buffered(Stream(stream.read1, where=where, head=head, file=direct))
    if compression is None:
        return stream
    return buffered(Stream(_decompressor(stream, compression, where), where=where))


def buffered(stream: Stream) -> io.BufferedReader:
    """Put a buffer before a stream, so that it can be read by lines."""
    return io.BufferedReader(stream, PIECE)


def _puller(file: BinaryIO) -> Callable[[int], bytes]:
    """Give the file's way of reading that returns what there is instead of waiting for all."""
    pull: Callable[[int], bytes] = getattr(file, "read1", file.read)
    return pull


def _rewinds(file: BinaryIO) -> bool:
    try:
        file.seek(0, io.SEEK_END)
        file.seek(0)
    except Exception:  # noqa: BLE001 - some servers cannot serve parts of a file, and say so only now, each in its way
        return False
    return True


def _decompressor(stream: io.BufferedReader, compression: str, where: str) -> Callable[[int], bytes]:
    # read1 hands out what was decompressed before a fault; read would lose it.
    if compression == "gzip":
        return gzip.GzipFile(fileobj=stream).read1
    if compression == "bzip2":
        return bz2.BZ2File(stream).read1
    if compression == "xz":
        return lzma.LZMAFile(stream).read1
    try:
        import zstandard  # noqa: F401 - an extra
    except ImportError:
        raise DataError(
            f"{where}: expected the package that reads zstd; found it is not installed. "
            "Run pip install 'newslean[dump]', or unpack the file."
        ) from None
    pieces = _unpack_zstd(stream)
    return lambda size: next(pieces, b"")


def _unpack_zstd(stream: io.BufferedReader) -> Iterator[bytes]:
    """Yield the content of all frames. The package's own reader is silent about a frame that is cut off."""
    from zstandard import ZstdDecompressor

    frame = None
    while data := stream.read1(_ZSTD_PIECE):
        while data:
            frame = frame or ZstdDecompressor().decompressobj()
            if content := frame.decompress(data):
                yield content
            data = frame.unused_data if frame.eof else b""
            frame = None if frame.eof else frame
    if frame is not None:
        raise EOFError("the file ends within a frame")


@contextmanager
def random_access(stream: io.BufferedReader, *, where: str) -> Iterator[BinaryIO]:
    """Give a file that can be read in any order: the one behind the stream, or a temporary copy of all of it.

    Raises
    ------
    DataError
        If a copy has no room on the disk, or would be larger than `MAX_COPY`.
    """
    file = stream.raw.file if isinstance(stream.raw, Stream) else None
    if file is not None and _rewinds(file):
        yield file
        return
    with tempfile.TemporaryFile() as copy:
        while piece := stream.read(PIECE):
            if copy.tell() > MAX_COPY:
                raise DataError(f"{where}: expected at most {MAX_COPY:,} bytes unpacked; found more. Unpack it first.")
            try:
                copy.write(piece)
            except OSError as error:
                raise DataError(
                    f"{where}: expected room for a temporary copy; {error.strerror}. Free space, or unpack it first."
                ) from None
        copy.seek(0)
        yield copy
