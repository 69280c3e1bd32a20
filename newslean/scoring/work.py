"""The work folder of a run: what it is for, and the shards that are done.

A shard is a run of the dump, scored: a Parquet file of articles with their
sentences, and a file of rejects beside it. It appears whole or not at all and
is never written again. Knows files; scores nothing.
"""

import json
import os
import re
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, astuple, dataclass, field
from operator import add, sub
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from newslean.dump import Reject
from newslean.dump.steps import Start
from newslean.errors import DataError
from newslean.files import open_replacement, sync_folder, write_file
from newslean.scoring.claim import INPUTS, MANIFEST, check_claim, read_claim, to_line, write_claim
from newslean.scoring.lock import LOCK, locked

ROWS = 64
"""Articles of a row group, which is what the merge holds in memory."""

OVERWRITE = "overwrite"
"""File in a work folder: what stands at the place of the result is to be replaced, but not before the end.

It holds `TWO` if a table of articles beside the result is to go with it."""

TWO = "two tables"

_PART = re.compile(r"\..*\.part|made\.\w+")
_OURS = re.compile(rf"{_PART.pattern}|{LOCK}|{OVERWRITE}|{MANIFEST}|{INPUTS}|shard-\d+\.(?:parquet|rejects\.jsonl)")


@dataclass(frozen=True, slots=True)
class Counts:
    """How much is done.

    Attributes
    ----------
    sentences : int
        Of the articles themselves, without page furniture.
    skipped : int
        Sentences among them that the gate kept from the model.
    """

    articles: int = 0
    sentences: int = 0
    skipped: int = 0
    rejects: int = 0

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(*map(add, astuple(self), astuple(other)))

    def __sub__(self, other: "Counts") -> "Counts":
        return Counts(*map(sub, astuple(self), astuple(other)))


@dataclass(slots=True)
class Shard:
    """A shard while it grows, in memory."""

    batches: list[pa.RecordBatch] = field(default_factory=list)
    rejects: list[Reject] = field(default_factory=list)
    after: Start = field(default_factory=Start)
    counts: Counts = field(default_factory=Counts)
    bytes: int = 0


def damaged(shard: Path, error: Exception) -> DataError:
    """Make the error of a shard that cannot be read."""
    reason = str(error).partition("\n")[0].rstrip(".") or type(error).__name__
    return DataError(
        f"{shard}: expected a finished shard; found: {reason}. "
        "Remove it: the same command makes it and those behind it again."
    )


class Work:
    """The work folder of one run.

    Parameters
    ----------
    folder : Path
        Beside the result.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.counts = Counts()
        self.start = Start()
        self.fresh = False
        self._number = 0

    @contextmanager
    def held(self) -> Iterator[None]:
        """Keep other runs out while the block lasts; a folder in which nothing was done goes at its end.

        Raises
        ------
        DataError
            If another run is at work there, or the folder is not one of ours.
        """
        with locked(self.folder):
            try:
                if others := sorted(name for name in os.listdir(self.folder) if not _OURS.fullmatch(name)):
                    raise DataError(
                        f"{self.folder}: expected the work of a run; found {others[0]}. Move it or name another result."
                    )
                yield
            finally:
                if self.fresh and not self._number:
                    self.clear()
                with suppress(OSError):
                    if os.listdir(self.folder) == [LOCK]:
                        self.clear()

    def begin(self, claim: Mapping[str, Any], inputs: Iterable[Mapping[str, Any]]) -> None:
        """Claim the folder, or go on where it stands.

        Parameters
        ----------
        claim : mapping
            All that the result hangs on beside the inputs; plain data.
        inputs : iterable of mapping
            Fingerprints of the inputs, read once.

        Raises
        ------
        DataError
            If the folder was claimed for something else, with what differs.
        """
        known = read_claim(self.folder)
        if known is None or not self._shard(0).exists():
            self.fresh = True
            self.discard()
            write_claim(self.folder, claim, inputs)
            return
        check_claim(self.folder, known, claim, inputs)
        self._remove(lambda name: bool(_PART.fullmatch(name)))
        self._count()

    def shards(self) -> Iterator[Path]:
        """Yield the finished shards in order."""
        for number in range(self._number):
            yield self._shard(number)

    def add(self, shard: Shard) -> None:
        """Write a shard: its rejects first, since the table's appearance makes it done."""
        table = self._shard(self._number)
        rejects = table.with_suffix(".rejects.jsonl")
        rejects.unlink(missing_ok=True)
        if shard.rejects:
            with open_replacement(rejects) as file:
                file.writelines(to_line(asdict(reject)) for reject in shard.rejects)
        facts = {"after": asdict(shard.after), "counts": asdict(shard.counts)}
        schema = shard.batches[0].schema if shard.batches else pa.schema([])
        with open_replacement(table) as file:
            schema = schema.with_metadata({"newslean": json.dumps(facts)})
            batches = [batch.replace_schema_metadata(schema.metadata) for batch in shard.batches]
            pq.write_table(pa.Table.from_batches(batches, schema), file, compression="zstd", row_group_size=ROWS)
        self._take(shard.after, shard.counts)

    def publish(self, target: Path, write: Callable[[Path], None]) -> None:
        """Make a file in the folder, where a kill leaves nothing to be seen, and put it at its place."""
        made = self.folder / f"made{target.suffix}"
        write(made)
        try:
            os.replace(made, target)
        except OSError as error:
            raise DataError(f"{target}: expected to write there; {error.strerror}. Name another place.") from None
        sync_folder(target.parent)

    def rejects(self) -> Iterator[bytes]:
        """Yield the rejects of all shards as lines of JSON, in order."""
        for path in self.shards():
            rejects = path.with_suffix(".rejects.jsonl")
            if rejects.exists():
                with open(rejects, "rb") as file:
                    yield from file

    def clear(self) -> None:
        """Remove the folder."""
        with suppress(OSError):
            self._remove(lambda name: name != LOCK)
        shutil.rmtree(self.folder, ignore_errors=True)
        sync_folder(self.folder.parent)

    @property
    def overwrites(self) -> bool:
        """Whether the run that began here was told to replace what stands at the place of the result."""
        return (self.folder / OVERWRITE).exists()

    @property
    def replaces_two(self) -> bool:
        """Whether a table of articles belongs to the result that is to be replaced."""
        return self.overwrites and (self.folder / OVERWRITE).read_text() == TWO

    def begin_anew(self, *, two: bool = False) -> None:
        """Forget what an earlier run did, and remember that its result, of one table or two, is to be replaced."""
        two = two or self.replaces_two  # of a run that was cut off while it replaced them
        self.discard()
        write_file(self.folder / OVERWRITE, TWO if two else "")

    def discard(self) -> None:
        """Remove what an earlier run did."""
        self._remove(lambda name: name not in (LOCK, OVERWRITE))

    def _remove(self, chosen: Callable[[str], bool]) -> None:
        # Without the manifest the rest counts for nothing; with the other, a finished result would be made again.
        for name in sorted(os.listdir(self.folder), key=lambda name: (name != OVERWRITE, name != MANIFEST)):
            if chosen(name):
                (self.folder / name).unlink()

    def _count(self) -> None:
        while (path := self._shard(self._number)).exists():
            try:
                with open(path, "rb") as file:  # pyarrow takes no path that is not UTF-8
                    facts = json.loads(pq.read_schema(file).metadata[b"newslean"])
                after, counts = Start(**facts["after"]), Counts(**facts["counts"])
            except (OSError, ValueError, KeyError, TypeError, pa.ArrowException) as error:
                raise damaged(path, error) from None
            self._take(after, counts)
        # What stands behind a gap was made to follow on a shard that is no more.
        for path in self.folder.glob("shard-*"):
            if int(path.name.split("-")[1].split(".")[0]) >= self._number:
                path.unlink()

    def _take(self, after: Start, counts: Counts) -> None:
        self._number += 1
        self.start, self.counts = after, self.counts + counts

    def _shard(self, number: int) -> Path:
        return self.folder / f"shard-{number:06}.parquet"
