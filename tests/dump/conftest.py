"""Dumps made on the spot; every text in them is invented."""

import bz2
import gzip
import lzma
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "": bytes,
    ".gz": gzip.compress,
    ".bz2": bz2.compress,
    ".xz": lzma.compress,
}


@pytest.fixture(params=[*PACKERS, ".zst"])
def packed(request: pytest.FixtureRequest) -> tuple[str, Callable[[bytes], bytes]]:
    """Each compression: the end of its files' names, and the function that compresses."""
    import zstandard

    return request.param, {**PACKERS, ".zst": zstandard.compress}[request.param]


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str, bytes | str], Path]:
    """Write a file in the test's folder, and the folders above it."""

    def write(name: str, content: bytes | str) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


@pytest.fixture
def read() -> Callable[..., Any]:
    """Read a dump to its end: what could be read, and what not."""
    from newslean.dump import Record, Reject, open_dump

    def read(inputs: Any, **options: Any) -> tuple[list[Record], list[Reject]]:
        outcomes = list(open_dump(inputs, **options))
        return [o for o in outcomes if isinstance(o, Record)], [o for o in outcomes if isinstance(o, Reject)]

    return read
