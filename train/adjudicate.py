"""Disputes of one label file, settled one by one, each written at once.

Knows the file and its rows; asks nobody: that is `train.dialogue`. The file
itself is the record of what is settled, so that work goes on where it was.
"""

import hashlib
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from newslean.errors import DataError
from newslean.files import sha256, write_file
from newslean.schema import Labels, Schema
from train.agreement import ADJUDICATED
from train.disputes import Said, disputed
from train.journal import lock_file
from train.labels import WHOLE_SOURCES, Example, in_order, read_examples
from train.migrate import written_like


@dataclass(frozen=True, slots=True)
class Case:
    """One sentence with open disputes.

    Attributes
    ----------
    line : int
        Line of the file, from 0 on.
    said : dict
        Open dimension to coder to labels.
    hashed : bool
        Whether the file keeps the text back.
    """

    line: int
    place: str
    example: Example
    said: Said
    hashed: bool

    @property
    def reasoned(self) -> bool:
        """Whether `labels check` wants a reason: the row is of a source that is coded throughout."""
        return self.example.source in WHOLE_SOURCES


class Adjudication:
    """The open disputes of a file, in its order.

    Parameters
    ----------
    path : str or Path
        A label file.
    texts : sequence of str or Path
        As for `train.labels.read_examples`; rows whose text is not at hand are left out and counted in ``skipped``.

    Raises
    ------
    DataError
        If the file has faults.
    """

    def __init__(self, path: str | Path, schema: Schema, *, texts: Sequence[str | Path] = ()) -> None:
        if Path(path).is_dir():
            raise DataError(f"{path}: expected one label file to settle; found a folder. Name a file in it.")
        files = read_examples([path], schema, texts=texts)
        self.schema = schema
        self.skipped = files.skipped
        self._named = Path(path)
        self._path = self._named.resolve()  # a link stays a link
        self._sha256 = files.hashes[self._named.name]  # of what the cases were read from, not of what is there now
        content = self._path.read_bytes()
        self._lines = io.BytesIO(content).readlines()  # ends a line at \n alone, as the reader of rows does
        self.cases = []
        for n, (example, place) in enumerate(zip(files.examples, files.places, strict=True)):
            settled = example.coders.get(ADJUDICATED, {})
            said = {name: given for name, given in disputed(example, schema).items() if name not in settled}
            if said:
                line = int(place.rsplit(":", 1)[1]) - 1
                self.cases.append(Case(line, place, example, said, n in files.hashed))

    def settle(self, case: Case, decided: Labels, reason: str) -> bytes:
        """Write a decision into the file, and give the line as it was.

        Parameters
        ----------
        decided : dict
            Open dimension to labels.
        reason : str
            Why, on one line; put behind the row's reason, if it has one of an earlier decision.
        """
        old = self._lines[case.line]
        row: dict[str, Any] = json.loads(old)  # of bytes it minds a byte order mark
        decided = in_order(decided, self.schema)
        row["labels"] = row["labels"] | decided
        row["coders"] = row["coders"] | {ADJUDICATED: row["coders"].get(ADJUDICATED, {}) | decided}
        earlier = row.get("reason", "").strip()
        if reason or earlier:
            row["reason"] = " ".join(part for part in (earlier, reason) if part)
        self._write(case.line, written_like(row, old))
        return old

    def restore(self, case: Case, line: bytes) -> None:
        """Take a decision back: the line is again as it was."""
        self._write(case.line, line)

    def _write(self, number: int, line: bytes) -> None:
        """Write the file with one line changed; refuse if another program changed it meanwhile."""
        with lock_file(self._named):
            if sha256(self._path) != self._sha256:
                raise DataError(
                    f"{self._path}: expected it as it was written last; another program changed it. "
                    "What was settled before is in it; start again to go on."
                )
            lines = [*self._lines]
            lines[number] = line
            content = b"".join(lines)
            write_file(self._path, content)
        self._lines, self._sha256 = lines, hashlib.sha256(content).hexdigest()
