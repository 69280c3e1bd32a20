"""What runs in the actors of a Ray cluster: one that holds the batches under way, and the scorers.

Knows a scorer and what Ray Data gives and takes; knows no order of things.
"""

import asyncio
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa

from newslean import __version__
from newslean.errors import ModelError
from newslean.manifest import read_manifest
from newslean.scoring.scorer import Scorer, ScorerSettings
from newslean.splitting import splitter_version

RESULT = pa.schema([pa.field("number", pa.int64()), pa.field("result", pa.large_binary())])
"""A row a batch; no result where the dump has ended before it."""


class Feed:
    """Holds the batches that are under way, for whoever asks; an actor beside the reader."""

    def __init__(self) -> None:
        self._batches: dict[int, pa.RecordBatch] = {}
        self._end: int | None = None
        self._changed = asyncio.Condition()
        self._waiting = 0

    async def give(self, number: int, batch: pa.RecordBatch | None, done: int) -> None:
        """Take a batch in, None for the end; forget those below ``done``, whose results have arrived."""
        async with self._changed:
            for old in [n for n in self._batches if n < done]:
                del self._batches[old]
            if batch is None:
                self._end = number
            else:
                self._batches[number] = batch
            self._changed.notify_all()

    async def take(self, number: int) -> pa.RecordBatch | None:
        """Give a batch as soon as it is there; None if the dump has ended before."""
        async with self._changed:
            self._waiting += 1
            try:
                await self._changed.wait_for(
                    lambda: number in self._batches or (self._end is not None and number >= self._end)
                )
            finally:
                self._waiting -= 1
            return self._batches.get(number)

    async def starved(self) -> bool:
        """Say whether somebody waits for a batch."""
        return self._waiting > 0


class RayScorer:
    """The scorer as Ray Data wants it: numbers of batches in, their results out.

    Parameters
    ----------
    feed : handle of a `Feed`
    files : reference to a dict
        Names and contents of the model folder's files.
    expected : tuple of str
        The `versions` where the run was started.
    """

    def __init__(self, *, settings: ScorerSettings, feed: Any, files: Any, expected: tuple[str, str]) -> None:
        import ray

        if expected != versions():
            raise ModelError(
                f"{ray.util.get_node_ip_address()}: expected newslean {' with '.join(expected)}, as where the run was "
                f"started; found {' with '.join(versions())}. Install the same there."
            )
        self.feed = feed
        with tempfile.TemporaryDirectory(prefix="newslean-") as folder:
            for name, data in ray.get(files).items():
                Path(folder, name).write_bytes(data)
            self.scorer = Scorer(replace(settings, model=folder), threads=1)  # checks the hashes

    def __call__(self, numbers: pa.Table) -> pa.Table:
        """Score one batch after the other."""
        import ray

        asked = numbers.column("number").to_pylist()
        batches = (ray.get(self.feed.take.remote(number)) for number in asked)
        results = [b"" if batch is None else pack(self.scorer(batch)) for batch in batches]
        return pa.table([asked, results], schema=RESULT)


def versions() -> tuple[str, str]:
    """Name what every node must have in the same version: newslean and the splitter."""
    return __version__, splitter_version()


def model_files(folder: str) -> dict[str, bytes]:
    """Read the files of a model folder whose hashes are right, without those that scoring can do without."""
    names = ["manifest.json", *read_manifest(folder).files]
    return {name: Path(folder, name).read_bytes() for name in names}


def pack(batch: pa.RecordBatch) -> bytes:
    """Write a batch as bytes: Ray Data would make something of its own of nested columns."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema) as writer:
        writer.write_batch(batch)
    return bytes(sink.getvalue())


def unpack(data: bytes) -> pa.RecordBatch:
    """Read what `pack` has written."""
    with pa.ipc.open_stream(data) as stream:
        return stream.read_next_batch()
