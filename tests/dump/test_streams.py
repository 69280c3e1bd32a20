"""Compressed streams: whole, in parts, cut off, hostile."""

import bz2
import gzip
import hashlib
import io
import lzma
import os
import sys
import tracemalloc
import zlib

import pytest
import zstandard

from newslean.dump import streams
from newslean.dump.beginnings import first_sign, to_utf8
from newslean.dump.place import DamagedError
from newslean.dump.streams import Stream, random_access, to_stream
from newslean.errors import DataError

PACKERS = {"gzip": gzip.compress, "bzip2": bz2.compress, "xz": lzma.compress, "zstd": zstandard.compress}
UNPACKERS = {
    "gzip": lambda: zlib.decompressobj(31),
    "bzip2": bz2.BZ2Decompressor,
    "xz": lzma.LZMADecompressor,
    "zstd": lambda: zstandard.ZstdDecompressor().decompressobj(),
}
DATA = b"".join(b"%s: tin rose in Arlen.\n" % hashlib.sha256(b"%d" % n).hexdigest().encode() for n in range(30_000))


@pytest.mark.parametrize("kind", PACKERS)
@pytest.mark.parametrize("told", [True, False])
def test_parts_packed_by_themselves_are_one_stream(kind, told):
    pack = PACKERS[kind]
    packed = io.BytesIO(pack(DATA[:1_000]) + pack(b"") + pack(DATA[1_000:]))
    assert to_stream(packed, where="x", compression=kind if told else None).read() == DATA


def test_what_only_looks_packed_is_left_alone():
    for data in (b"BZhang said so.", b"\x1f", b""):
        assert to_stream(io.BytesIO(data), where="x").read() == data


def test_a_frame_of_zstd_to_be_skipped_is_skipped():
    skipped = b"\x50\x2a\x4d\x18\x05\x00\x00\x00abcde"
    pack = zstandard.compress
    data = skipped + pack(b"Tin ") + skipped + pack(b"rose.")
    assert to_stream(io.BytesIO(data), where="x", compression="zstd").read() == b"Tin rose."


@pytest.mark.parametrize("kind", PACKERS)
@pytest.mark.parametrize("share", [0.6, 0.999])
def test_a_stream_that_is_cut_off_gives_all_that_came_before_and_then_fails(kind, share):
    packed = PACKERS[kind](DATA)
    packed = packed[: int(len(packed) * share)]
    stream = to_stream(io.BytesIO(packed), where="a.jsonl", compression=kind)
    pieces: list[bytes] = []
    with pytest.raises(DamagedError, match=r"a\.jsonl: expected readable data to the end; found: .*end"):
        pieces.extend(iter(lambda: stream.read1(1_000), b""))
    found = b"".join(pieces)
    assert DATA.startswith(found)
    assert len(found) >= len(UNPACKERS[kind]().decompress(packed)) > 0.3 * len(DATA)


@pytest.mark.parametrize("kind", PACKERS)
def test_what_is_not_packed_as_told_fails(kind):
    with pytest.raises(DamagedError, match="x: expected readable data"):
        to_stream(io.BytesIO(b"Tin rose in Arlen. " * 9), where="x", compression=kind).read()


@pytest.mark.parametrize("kind", PACKERS)
def test_a_file_that_unpacks_to_very_much_is_read_in_bounded_memory(kind):
    part = b"\0" * 100_000_000
    packed = PACKERS[kind](part) * 2
    del part
    stream = to_stream(io.BytesIO(packed), where="x", compression=kind)
    tracemalloc.start()
    try:
        size = 0
        while piece := stream.read1(1 << 16):
            size += len(piece)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert size == 200_000_000
    assert peak < 50_000_000


def test_a_missing_package_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "zstandard", None)
    with pytest.raises(DataError, match=r"x: .*pip install 'newslean\[dump\]'"):
        to_stream(io.BytesIO(zstandard.compress(b"Tin.")), where="x")


@pytest.mark.parametrize("codec", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_text_with_a_mark_becomes_utf8_without_one(codec):
    text = "Tin 🚀 rose.\r\n" * 20_000
    assert to_utf8(to_stream(io.BytesIO(text.encode(codec)), where="x"), where="x").read() == text.encode()


def test_utf16_that_is_broken_on_the_way_fails():
    data = "Tin rose.\n".encode("utf-16") + b"\x00\xd8x"
    with pytest.raises(DamagedError):
        to_utf8(to_stream(io.BytesIO(data), where="x"), where="x").read()


@pytest.mark.parametrize(
    ("data", "sign"),
    [
        (b"", b""),
        (b" \r\n\t{}", b"{"),
        (b"\xef\xbb\xbfTin", b"T"),
        (b"\xff\xfe{\0", b"{"),
        (b"[\n {", b"[{"),
        (b"[1]", b"[1"),
        (b" " * 99_999, b""),
    ],
)
def test_the_first_sign_is_seen_and_nothing_lost(data, sign):
    found, stream = first_sign(to_stream(io.BytesIO(data), where="x"), where="x")
    assert (found, stream.read()) == (sign, data)


class Pipe(io.RawIOBase):
    """A few bytes at a time, and no way back."""

    def __init__(self, data: bytes) -> None:
        self._data = io.BytesIO(data)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer) -> int:
        data = self._data.read(min(7, len(buffer)))
        buffer[: len(data)] = data
        return len(data)


def test_a_file_is_used_itself_and_a_pipe_copied_for_reading_in_any_order(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(DATA)
    with path.open("rb") as file, random_access(to_stream(file, where="x"), where="x") as found:
        assert found is file
        assert found.read() == DATA
    for file in (Pipe(DATA), io.BytesIO(gzip.compress(DATA))):
        with random_access(to_stream(file, where="x"), where="x") as found:
            found.seek(-7, os.SEEK_END)
            assert found.read() == DATA[-7:]
    assert found.closed


def test_a_file_that_cannot_seek_though_it_says_so_is_copied():
    class Server(Pipe):
        def seekable(self) -> bool:
            return True

        def seek(self, *_: int) -> int:
            raise ValueError("cannot seek")

    with random_access(to_stream(Server(DATA), where="x"), where="x") as found:
        assert found.read() == DATA


def test_a_copy_has_a_limit(monkeypatch):
    monkeypatch.setattr(streams, "MAX_COPY", 1_000)
    with (
        pytest.raises(DataError, match="x: expected at most 1,000 bytes unpacked"),
        random_access(to_stream(Pipe(DATA), where="x"), where="x"),
    ):
        pass


def test_whatever_a_file_raises_is_one_error():
    def pull(size: int) -> bytes:
        raise KeyError("the connection is gone")

    with pytest.raises(DamagedError, match=r"x: .*the connection is gone"):
        Stream(pull, where="x").read(1)
