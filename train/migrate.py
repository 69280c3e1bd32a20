"""A change of the label set carried through a labels folder: its schema, all rows, its grammar.

Knows the folder, and what is planned before anything is written. What a change
does to a row stands in `train.changes`, how files are replaced as one in
`train.journal`.
"""

import json
import re
import tempfile
from codecs import BOM_UTF8
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from newslean.errors import DataError
from newslean.files import sha256
from newslean.schema import Schema, read_schema
from train.changes import Change, change_row, change_schema, fit_changes
from train.grammar import read_grammar
from train.journal import replace_all
from train.labels import read_examples
from train.rows import Faults, label_files, row_faults
from train.schema_text import edit_schema

SCHEMA = "schema.toml"


@dataclass(frozen=True)
class Plan:
    """What a migration would do.

    Attributes
    ----------
    rows : dict
        Path in the folder to (rows that change, rows).
    texts : dict
        Path in the folder to the new text of the schema, and of grammar files that change.
    mentions : list of str
        Places in CODEBOOK.md that name what goes: they are left to people.
    """

    folder: Path
    changes: tuple[Change, ...]
    before: Schema
    after: Schema
    rows: dict[str, tuple[int, int]] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)
    hashes: dict[str, str] = field(default_factory=dict)
    mentions: list[str] = field(default_factory=list)

    @property
    def note(self) -> str:
        """The changes as options."""
        return " ".join(map(str, self.changes))


def plan_migration(folder: str | Path, changes: Sequence[Change]) -> Plan:
    """Read a labels folder and find what changes would do to it; nothing is written.

    Raises
    ------
    DataError
        If the folder has faults, a change names what is not there, or the grammar speaks of what would go.
    """
    folder = Path(folder)
    before = read_schema(folder / SCHEMA)
    hashes = {SCHEMA: sha256(folder / SCHEMA)}
    paths = label_files([folder], faults := Faults())
    faults.throw()
    hashes |= {str(path.relative_to(folder)): sha256(path) for path in paths}
    read_examples([folder], before)  # throws the faults of all files at once
    fitted = fit_changes(before, changes)
    plan = Plan(folder, fitted, before, change_schema(before, fitted), hashes=hashes)
    for path in paths:
        found = [changed for _, changed in _changed_lines(path, plan)]
        plan.rows[str(path.relative_to(folder))] = (found.count(True), len(found) - found.count(None))
    _plan_texts(plan)
    _plan_grammar(plan)
    return plan


def run_migration(plan: Plan) -> None:
    """Carry a plan out, wholly or not at all.

    Raises
    ------
    DataError
        If a file cannot be written or was changed since it was planned; the folder is then as it was.
    """
    contents: dict[str, Any] = {name: [text.encode()] for name, text in plan.texts.items()}
    for name, (changed, _) in plan.rows.items():
        if changed:
            contents[name] = (line for line, _ in _changed_lines(plan.folder / name, plan))
    replace_all(plan.folder, contents, before=plan.hashes, note=plan.note)


def _changed_lines(path: Path, plan: Plan) -> Iterator[tuple[bytes, bool | None]]:
    """Yield each line of a label file after the changes, and whether it changed (None for a blank one)."""
    multis = []
    schema = plan.before
    for change in plan.changes:
        multis.append(schema[change.dimension].multi)
        schema = change_schema(schema, [change])
    with path.open("rb") as file:
        for number, raw in enumerate(file, 1):
            if not raw.decode("utf-8-sig", errors="replace").strip():
                yield raw, None
                continue
            row = old = _row(raw, f"{path}:{number}")
            for change, multi in zip(plan.changes, multis, strict=True):
                row = change_row(row, change, multi=multi)
            if faults := row_faults(row, plan.after) if row != old else []:
                raise DataError(f"{path}:{number}: expected a sound row after {plan.note}; found {'; '.join(faults)}")
            yield (written_like(row, raw), True) if row != old else (raw, False)


def _row(line: bytes, where: str) -> dict[str, Any]:
    try:
        row: dict[str, Any] = json.loads(line)
    except ValueError:  # the row was sound when the migration was planned
        raise DataError(f"{where}: expected it unchanged while it was read; found it changed. Retry.") from None
    return row


def written_like(row: dict[str, Any], line: bytes) -> bytes:
    """Write a row as its line was written: with escapes or without, with the same end, and the same mark before it."""
    body = line.removeprefix(BOM_UTF8)
    mark, end = line[: len(line) - len(body)], body[len(body.rstrip(b"\r\n")) :]
    escaped = b"\\u" in body and body.isascii()
    return mark + json.dumps(row, ensure_ascii=escaped).encode() + end


def _plan_texts(plan: Plan) -> None:
    """Plan the new text of the schema, and find where the codebook names what goes."""
    rows: list[str | None] = [*plan.before.names]
    words: dict[str, dict[str, str]] = {name: {} for name in plan.before.names}
    for change in plan.changes:
        at = rows.index(change.dimension)
        if not change.old:
            rows[at] = change.new
            continue
        found = words[plan.before.names[at]]
        for old in change.old if change.new is not None else ():
            origins = [word for word, new in found.items() if new == old] or [old]
            found.update(dict.fromkeys(origins, change.new or ""))
    with (plan.folder / SCHEMA).open(encoding="utf-8", newline="") as file:
        text = file.read()
    mark = text[: text.startswith("\ufeff")]
    plan.texts[SCHEMA] = mark + edit_schema(text[len(mark) :], plan.before, plan.after, rows=rows, words=words)
    codebook = plan.folder / "CODEBOOK.md"
    gone = [*_words(plan.before) - _words(plan.after)]
    if gone and codebook.is_file():
        pattern = re.compile("|".join(rf"`{re.escape(word)}`" for word in gone))
        for number, line in enumerate(codebook.read_text(encoding="utf-8", errors="replace").splitlines(), 1):
            if found_words := dict.fromkeys(pattern.findall(line)):
                plan.mentions.append(f"{codebook}:{number}: {', '.join(found_words)}")


def _words(schema: Schema) -> set[str]:
    return {*schema.names, *(label for d in schema.dimensions for label in d.labels)}


def _plan_grammar(plan: Plan) -> None:
    """Plan renamed words in the grammar beside the schema, and refuse where it speaks of what is dropped."""
    folder = plan.folder / "grammar"
    if not folder.is_dir():
        return
    grammar = read_grammar(folder, plan.before)
    single, multi = grammar.single, grammar.multi
    texts = {path.name: path.read_bytes().decode() for path in sorted(folder.glob("*.toml"))}
    for change in plan.changes:
        for name, text in texts.items():
            texts[name] = _in_grammar(text, change, single=single, multi=multi)
        if not change.old and change.new is not None:
            single, multi = (change.new if name == change.dimension else name for name in (single, multi))
    with tempfile.TemporaryDirectory() as place:
        for name, text in texts.items():
            Path(place, name).write_bytes(text.encode())
        try:
            read_grammar(place, plan.after)
        except DataError as error:
            message = str(error).replace(place, str(folder))
            raise DataError(f"{plan.note}: the grammar would no longer fit. {message} Edit it first.") from None
    for name, text in texts.items():
        plan.hashes[f"grammar/{name}"] = sha256(folder / name)
        if text != (folder / name).read_bytes().decode():
            plan.texts[f"grammar/{name}"] = text


def _in_grammar(text: str, change: Change, *, single: str, multi: str) -> str:
    """Change the words of the label set in one file of a grammar, line by line."""
    if change.new is None or change.dimension not in (single, multi):
        return text
    new = json.dumps(change.new, ensure_ascii=False)
    if not change.old:
        key = "single" if change.dimension == single else "multi"
        return re.sub(rf"(?m)^({key}\s*=\s*)(?:\"[^\"]*\"|'[^']*')", lambda match: match[1] + new, text)
    keys = "stance|ahead" if change.dimension == single else "topics"
    olds = "|".join(rf"\"{re.escape(old)}\"|'{re.escape(old)}'" for old in change.old)
    lines, labelled = text.splitlines(keepends=True), False
    for n, line in enumerate(lines):
        if line.lstrip().startswith("["):
            labelled = line.lstrip().startswith("[labelled")
        if re.match(rf"\s*(?:{keys})\s*=", line):
            lines[n] = re.sub(olds, lambda _: new, line)
        elif labelled and change.dimension == multi:
            bare = "|".join(re.escape(old) for old in change.old)
            lines[n] = re.sub(rf"^(\s*)(?:{bare}|{olds})(\s*=)", lambda match: match[1] + new + match[2], line)
    return "".join(lines)
