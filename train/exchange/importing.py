"""Coders' files into a label file: read, judge, merge, write whole or not at all.

Knows the label files and their folder; leaves formats, judging and merging to their rooms.
"""

import json
import re
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from newslean.errors import DataError
from newslean.files import sha256, write_file
from newslean.schema import Schema
from train.exchange.answers import Judge
from train.exchange.gather import Gatherer, gather
from train.exchange.merge import Key, Merged, key_of, merge_rows
from train.exchange.reading import ImportFaults, Notes, Reading
from train.exchange.task import Task
from train.labels import read_examples
from train.rows import Faults, digest, read_objects, row_faults

MAX_CHANGES = 20
"""Changed and repeated answers that are listed of each; the rest is counted."""


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import did."""

    notes: Notes
    merged: Merged
    rows: int
    wrote: bool


def import_labels(
    paths: Sequence[str | Path],
    out: str | Path,
    schema: Schema,
    *,
    reading: Reading | None = None,
    judge: Judge | None = None,
    append: bool = False,
    all_faults: bool = False,
) -> Imported:
    """Merge what coders did in their tools into a label file.

    The same sentence (doc, n, text) stays one row: new coders are added to it, and the same file read again
    changes nothing. The caller keeps others from changing the file meanwhile: `train.journal.lock_file`.

    Parameters
    ----------
    paths : sequence of str or Path
        Files of coders' tools.
    out : str or Path
        The label file (``.jsonl``).
    append : bool
        Whether it may exist already.
    all_faults : bool
        Whether the error is to show all faults, however many there are.

    Raises
    ------
    DataError
        With the faults of all files at once; nothing is written then.
    """
    out = Path(out)
    _check_place(out, append=append)
    before = _hash_of(out)
    old, faults = _old_rows(out, schema), ImportFaults(every=all_faults)
    rows = [row for _, _, row in old]
    gatherer = Gatherer(schema, judge or Judge(schema), reading or Reading(), faults, known=rows)
    tasks, notes = gather([Path(path) for path in paths], gatherer)
    merged, done = merge_rows(rows, tasks, schema, faults)
    places = _places(old, tasks, faults)
    _check_beside(out, tasks, {key_of(row) for row in rows}, faults)
    for where, said in notes.repeated if faults.count else ():
        faults.add(where, said)  # no fault alone, but who mends the file wants to know
    faults.throw()
    wrote = bool(done.added or done.updated)
    if wrote:
        lines = {id(row): line for _, line, row in old}
        content = "".join(lines.get(id(row)) or json.dumps(row, ensure_ascii=False) + "\n" for row in merged)
        _check(content, out, schema, [places[key_of(row)] for row in merged])
        if _hash_of(out) != before:  # by another name of it, or by a program that knows no lock
            raise DataError(f"{out}: expected it unchanged while it was read; found it changed. Import again.")
        write_file(out, content)
    return Imported(notes, done, len(merged), wrote)


def _hash_of(path: Path) -> str | None:
    return sha256(path) if path.exists() else None


def render_import(done: Imported, out: Path, *, every: bool = False) -> str:
    """Give what an import did as lines for a person: the first `MAX_CHANGES` of changed answers, or all."""
    notes, merged = done.notes, done.merged
    lines = list(notes.lines)
    said = ", ".join(f"{coder or 'nobody by name'} {count:,}" for coder, count in sorted(notes.coders.items()))
    lines.append(f"coded sentences: {said or 'none'}")
    for count, what in (
        (notes.skipped, "annotations were cancelled, skipped or drafts: left out"),
        (notes.uncoded, "sentences without a coder's answer (--confirmed counts blanks and suggestions as they were)"),
        (len(notes.repeated), "answers stood twice, the same"),
    ):
        lines += [f"{count:,} {what}"] if count else []
    repeated = [f"{where}: {said}" for where, said in notes.repeated]
    changed = [*notes.changes, *merged.changes]
    for kind, found in (("repeated", repeated), ("changed", changed), ("kept as it stood", merged.kept)):
        shown = found if every else found[:MAX_CHANGES]
        lines += [f"{kind}: {line}" for line in shown]
        rest = len(found) - len(shown)
        lines += [f"... and {rest:,} more {kind}"] if rest else []
    counts = f"{merged.added:,} rows added, {merged.updated:,} updated, {merged.unchanged:,} as they were"
    lines.append(f"{out}: {counts}; {done.rows:,} in all" + ("" if done.wrote else "; nothing to write"))
    return "\n".join(lines)


def _check_place(out: Path, *, append: bool) -> None:
    if out.suffix != ".jsonl":
        raise DataError(f"{out}: expected a label file, .jsonl, to write; found another kind.")
    if out.exists() and not append:
        raise DataError(f"{out}: expected no such file yet; found one. Add --append to merge into it.")


def _old_rows(out: Path, schema: Schema) -> list[tuple[str, str, dict[str, Any]]]:
    """Read the label file that is there, each row with its place and its line."""
    if not out.exists():
        return []
    faults, rows = Faults(), list[tuple[str, dict[str, Any]]]()
    for where, row in read_objects(out, faults):
        for fault in row_faults(row, schema) if row else ():
            faults.add(where, fault)
        rows.append((where, row))
    faults.throw()
    lines = [line for line in out.read_bytes().decode("utf-8-sig").split("\n") if line.strip()]
    return [(where, line + "\n", row) for (where, row), line in zip(rows, lines, strict=True)]


def _places(
    old: list[tuple[str, str, dict[str, Any]]], tasks: list[tuple[str, Task]], faults: Faults
) -> dict[Key, str]:
    """Give where each sentence stands: in the label file, or where it comes from; two of one number are a fault."""
    places, first = dict[Key, str](), dict[tuple[Any, ...], str]()
    for where, row in [*((where, row) for where, _, row in old), *((where, _head(task)) for where, task in tasks)]:
        key = key_of(row)
        # As `train.labels` has it: a row that brings its context, or keeps its text back, is a sample by itself.
        spot = key if {"before", "sha256"} & row.keys() else key[:2]
        known = first.setdefault(spot, where)
        if known != where and key not in places:
            found = f"found doc {key[0]!r}, n {key[1]} again, of another text (first at {known})"
            faults.add(where, f"expected each sentence once; {found}")
        places.setdefault(key, where)
    return places


def _head(task: Task) -> dict[str, Any]:
    return {"doc": task.doc, "n": task.n, "text": task.text, **task.about}


def _check_beside(out: Path, tasks: list[tuple[str, Task]], here: set[Any], faults: Faults) -> None:
    """Find sentences that would be added although another label file beside has them."""
    new = {key: where for where, task in tasks if (key := (task.doc, task.n, digest(task.text))) not in here}
    for path in sorted(out.parent.glob("*.jsonl")) if new and out.parent.name == "sentences" else ():
        for where, row in read_objects(path, Faults()) if path.name != out.name else ():
            try:
                place = new.get(key_of(row))
            except (KeyError, AttributeError, TypeError):
                continue  # a fault of that file, which labels check reports
            if place:
                faults.add(
                    place, f"expected a sentence that no other label file has; found it at {where}: name that --out"
                )


def _check(content: str, out: Path, schema: Schema, places: list[str]) -> None:
    """Read the new label file as training would, before it takes the old one's place; its rows come from `places`."""
    with tempfile.TemporaryDirectory() as folder:
        draft = Path(folder) / out.name
        draft.write_bytes(content.encode("utf-8", "surrogatepass"))
        try:
            read_examples([draft], schema)
        except DataError as error:
            said = re.sub(f"{re.escape(str(draft))}:(\\d+)", lambda match: places[int(match[1]) - 1], str(error))
            raise DataError(said.replace(str(draft), f"{out} (as it would be)")) from None
