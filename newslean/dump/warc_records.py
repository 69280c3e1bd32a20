"""The records of a WARC file, broken ones too.

Knows fastwarc, an extra, which ends at the first broken header: here reading
goes on behind it. Knows nothing of what a record holds.
"""

import io
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, BinaryIO, cast

from newslean.dump.place import DamagedError

if TYPE_CHECKING:
    from fastwarc.warc import WarcRecord

_KEPT = 1 << 18  # fastwarc reads 64 KiB at a time, and stops within the first 32 of a bad header
_PIECE = 1 << 16
_MAX_FAILURES = 1_000  # without a good record between them: enough to see that this is no WARC file
_START = re.compile(rb"WARC/\d\.\d\r?\n")

CUT_OFF = "the file ends within the record"
"""What is wrong with the last record of a file that is not whole."""


def read_records(tape: "Tape") -> "Iterator[tuple[str, WarcRecord | str]]":
    """Yield each record with its position; in place of broken ones next to each other, what is wrong with the first.

    A record is good only until the next one is asked for. Offsets are those in the unpacked file.
    """
    from fastwarc.warc import ArchiveIterator

    number = searched = 0
    position = "record 1, offset 0"
    again, failures = True, 0
    while again:
        again = False
        try:
            for record in ArchiveIterator(cast("BinaryIO", tape), parse_http=False, stream_detect=False):
                number, failures = number + 1, 0
                position = f"record {number}, offset {record.stream_pos}"
                searched = max(searched, record.stream_pos + record.content_length)
                whole = (record.headers.get("Content-Length") or "").strip().isdecimal()
                yield position, record if whole else "a header without the record's length"
        except OSError as error:
            failures += 1
            if failures == 1:  # the first start of a record behind a fault may be that of the broken one itself
                yield (f"after {position}" if number else position), str(error)
                number += 1
            again = failures < _MAX_FAILURES and tape.wind(searched + 1)
            searched = tape.tell()
        if tape.fault is not None:
            raise tape.fault
    if tape.tell() < searched:
        yield position, CUT_OFF


class Tape:
    """A stream that can be wound back a little; fastwarc asks it to read and to tell, nothing else."""

    def __init__(self, stream: io.BufferedReader) -> None:
        self._stream = stream
        self._kept = b""  # the last bytes that were read
        self._again = b""  # bytes to be read once more
        self._at = 0
        self.fault: DamagedError | None = None

    def read(self, size: int = -1) -> bytes:
        """Read about as many bytes."""
        try:
            data = self._again[:size] or self._stream.read1(size)
        except DamagedError as error:  # not every way through fastwarc brings it out whole
            self.fault = error
            raise
        self._again = self._again[size:]
        self._kept = (self._kept + data)[-_KEPT:]
        self._at += len(data)
        return data

    def tell(self) -> int:
        """Offset of the next byte."""
        return self._at

    def wind(self, first: int) -> bool:
        """Go to the first start of a record at this offset or later; False if there is none."""
        while True:
            start = self._at - len(self._kept)
            if found := _START.search(self._kept, max(first - start, 0)):
                self._again = self._kept[found.start() :] + self._again
                self._kept, self._at = self._kept[: found.start()], start + found.start()
                return True
            if not self.read(_PIECE):
                return False
