"""Coders' files into a label file: read, judge, merge, write whole or not at all.

Knows the label files and their folder; leaves formats, judging and merging to their rooms.
"""

import json
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from newslean.errors import DataError
from newslean.files import write_file
from newslean.schema import Schema
from train.exchange.answers import Judge
from train.exchange.gather import Gatherer, gather
from train.exchange.merge import Merged, key_of, merge_rows
from train.exchange.reading import Notes, Reading
from train.exchange.task import Task, row_of
from train.labels import read_examples
from train.rows import Faults, digest, read_objects, row_faults

MAX_CHANGES = 20
"""Changed answers that are listed; the rest is counted."""


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
) -> Imported:
    """Merge what coders did in their tools into a label file.

    The same sentence (doc, n, text) stays one row: new coders are added to it, and the same file read again
    changes nothing.

    Parameters
    ----------
    paths : sequence of str or Path
        Files of coders' tools.
    out : str or Path
        The label file (``.jsonl``).
    append : bool
        Whether it may exist already.

    Raises
    ------
    DataError
        With the faults of all files at once; nothing is written then.
    """
    out = Path(out)
    _check_place(out, append=append)
    lines, rows = _old_rows(out, schema)
    known = {(row["doc"], row["text"]): row["n"] for row in rows if "text" in row}
    gatherer = Gatherer(schema, judge or Judge(schema), reading or Reading(), known=known)
    tasks, notes = gather([Path(path) for path in paths], gatherer)
    faults = Faults()
    for where, task in tasks:
        for fault in row_faults(row_of(task, schema), schema):
            faults.add(where, fault)
    merged, done = merge_rows(rows, tasks, schema, faults)
    old = {id(row): line for row, line in zip(rows, lines, strict=True)}
    _check_beside(out, tasks, {key_of(row) for row in rows}, faults)
    faults.throw()
    content = "".join(old.get(id(row)) or json.dumps(row, ensure_ascii=False) + "\n" for row in merged)
    wrote = bool(done.added or done.updated)
    if wrote:
        _check(content, out, schema)
        write_file(out, content)
    return Imported(notes, done, len(merged), wrote)


def render_import(done: Imported, out: Path) -> str:
    """Give what an import did as lines for a person."""
    notes, merged = done.notes, done.merged
    lines = list(notes.lines)
    said = ", ".join(f"{coder or 'nobody by name'} {count:,}" for coder, count in sorted(notes.coders.items()))
    lines.append(f"coded sentences: {said or 'none'}")
    for count, what in (
        (notes.skipped, "annotations were cancelled, skipped or drafts: left out"),
        (notes.uncoded, "sentences without a coder's answer (--confirmed counts blanks and suggestions as they were)"),
        (notes.repeated, "answers stood twice, the same"),
    ):
        lines += [f"{count:,} {what}"] if count else []
    changes = [*notes.changes, *merged.changes]
    lines += [f"changed: {change}" for change in changes[:MAX_CHANGES]]
    lines += [f"... and {len(changes) - MAX_CHANGES:,} more changed"] if len(changes) > MAX_CHANGES else []
    counts = f"{merged.added:,} rows added, {merged.updated:,} updated, {merged.unchanged:,} as they were"
    lines.append(f"{out}: {counts}; {done.rows:,} in all" + ("" if done.wrote else "; nothing to write"))
    return "\n".join(lines)


def _check_place(out: Path, *, append: bool) -> None:
    if out.suffix != ".jsonl":
        raise DataError(f"{out}: expected a label file, .jsonl, to write; found another kind.")
    if out.exists() and not append:
        raise DataError(f"{out}: expected no such file yet; found one. Add --append to merge into it.")


def _old_rows(out: Path, schema: Schema) -> tuple[list[str], list[dict[str, Any]]]:
    """Read the label file that is there, each row with its line."""
    if not out.exists():
        return [], []
    faults, rows = Faults(), list[dict[str, Any]]()
    for where, row in read_objects(out, faults):
        for fault in row_faults(row, schema) if row else ():
            faults.add(where, fault)
        rows.append(row)
    faults.throw()
    lines = [line for line in out.read_bytes().decode("utf-8-sig").split("\n") if line.strip()]
    return [line + "\n" for line in lines], rows


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


def _check(content: str, out: Path, schema: Schema) -> None:
    """Read the new label file as training would, before it takes the old one's place."""
    with tempfile.TemporaryDirectory() as folder:
        draft = Path(folder) / out.name
        draft.write_bytes(content.encode("utf-8", "surrogatepass"))
        try:
            read_examples([draft], schema)
        except DataError as error:
            raise DataError(str(error).replace(str(draft), f"{out} (as it would be)")) from None
