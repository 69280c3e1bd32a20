"""The work folder of a run: what it is for, and the shards that are done.

A shard is a run of the dump, scored: a Parquet file of articles with their
sentences, and a file of rejects beside it. It appears whole or not at all and
is never written again. Knows files; scores nothing.
"""

import hashlib
import json
import shutil
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from itertools import zip_longest
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from newslean.dump import Reject
from newslean.dump.reading import Start
from newslean.errors import DataError
from newslean.files import open_replacement, sync_folder, write_file
from newslean.output import to_json

MANIFEST, INPUTS = "manifest.json", "inputs.jsonl"

SHOWN = 5
"""Differences that are told."""


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
        return Counts(*(a + b for a, b in zip(asdict(self).values(), asdict(other).values(), strict=True)))


@dataclass(slots=True)
class Shard:
    """A shard while it grows, in memory: a few megabytes."""

    batches: list[pa.RecordBatch] = field(default_factory=list)
    rejects: list[Reject] = field(default_factory=list)
    after: Start = field(default_factory=Start)
    counts: Counts = field(default_factory=Counts)


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
        self._number = 0

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
        known = self._known()
        if known is None:
            shutil.rmtree(self.folder, ignore_errors=True)
            self.folder.mkdir()
            with open_replacement(self.folder / INPUTS) as file:
                for row in inputs:
                    file.write(_line(row))
            write_file(self.folder / MANIFEST, to_json(dict(claim)) + "\n")
            return
        differences = [
            f"{key}: then {known.get(key)!r}, now {claim.get(key)!r}"
            for key in {**known, **claim}
            if known.get(key) != claim.get(key)
        ]
        differences += self._changed_inputs(inputs)
        if differences:
            raise DataError(
                f"{self.folder}: expected the inputs and options of the run that began there; found others:\n  "
                + "\n  ".join(differences[:SHOWN])
                + "\nGive those again, or --overwrite to begin anew."
            )
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
            write_file(rejects, b"".join(_line(asdict(reject)) for reject in shard.rejects))
        facts = {"after": asdict(shard.after), "counts": asdict(shard.counts)}
        schema = shard.batches[0].schema if shard.batches else pa.schema([])
        with open_replacement(table) as file:
            schema = schema.with_metadata({"newslean": json.dumps(facts)})
            with pq.ParquetWriter(file, schema, compression="zstd") as writer:
                for batch in shard.batches:
                    writer.write_batch(batch.replace_schema_metadata(schema.metadata))
        self._take(shard.after, shard.counts)

    def rejects(self) -> Iterator[bytes]:
        """Yield the rejects of all shards as lines of JSON, in order."""
        for path in self.shards():
            rejects = path.with_suffix(".rejects.jsonl")
            if rejects.exists():
                with open(rejects, "rb") as file:
                    yield from file

    def clear(self) -> None:
        """Remove the folder."""
        shutil.rmtree(self.folder, ignore_errors=True)
        sync_folder(self.folder.parent)

    def _known(self) -> dict[str, Any] | None:
        """Give what the folder was claimed for; None if that was never written down whole."""
        try:
            found = json.loads((self.folder / MANIFEST).read_bytes())
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            raise DataError(f"{self.folder / MANIFEST}: expected JSON; {error}. Remove {self.folder}.") from None
        if not isinstance(found, dict) or not (self.folder / INPUTS).exists():
            raise DataError(f"{self.folder}: expected the work of a run; found something else. Remove it.")
        return found

    def _changed_inputs(self, inputs: Iterable[Mapping[str, Any]]) -> list[str]:
        changed = []
        with open(self.folder / INPUTS, "rb") as file:
            for then, now in zip_longest(file, map(_line, inputs)):
                if then != now:
                    changed.append(f"input: {_told('then', then)}, {_told('now', now)}")
                if len(changed) == SHOWN:
                    break
        return changed

    def _count(self) -> None:
        while (path := self._shard(self._number)).exists():
            try:
                facts = json.loads(pq.read_schema(path).metadata[b"newslean"])
            except (OSError, ValueError, KeyError, TypeError, pa.ArrowException) as error:
                raise DataError(f"{path}: expected a finished shard; {error}. Remove it: it is made again.") from None
            self._take(Start(**facts["after"]), Counts(**facts["counts"]))

    def _take(self, after: Start, counts: Counts) -> None:
        self._number += 1
        self.start, self.counts = after, self.counts + counts

    def _shard(self, number: int) -> Path:
        return self.folder / f"shard-{number:06}.parquet"


def hash_lines(path: Path) -> str:
    """Hash the fingerprints of the inputs that a run was claimed for."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def hash_rows(inputs: Iterable[Mapping[str, Any]]) -> str:
    """Hash fingerprints of inputs as `hash_lines` does their file."""
    found = hashlib.sha256()
    for row in inputs:
        found.update(_line(row))
    return found.hexdigest()


def _line(row: Mapping[str, Any]) -> bytes:
    return (to_json(dict(row)) + "\n").encode()


def _told(when: str, line: bytes | None) -> str:
    if line is None:
        return f"{when} none"
    row = json.loads(line)
    rest = ", ".join(f"{key} {value}" for key, value in row.items() if key != "source")
    return f"{when} {row.get('source')}" + (f" ({rest})" if rest else "")
