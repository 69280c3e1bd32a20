"""Rows of label files: reading them line by line, and what one row must look like.

Knows the row format of ``labels/sentences/*.jsonl`` and the schema. Knows no
order of rows and no examples: that is `train.labels`.
"""

import difflib
import hashlib
import json
import re
from collections.abc import Container, Iterator, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path, PurePath
from typing import Any

from newslean.errors import DataError
from newslean.schema import Schema

MAX_FAULTS = 50
"""Faults shown in one message; the rest is counted."""

MAX_LINE = 1 << 24
"""Longest line (bytes): a file without line ends must not fill the memory."""

KINDS = ("title", "body", "list", "question", "quote", "boilerplate")

_TEXTS = ("group", "source", "before", "kind", "split", "sample", "reason")
FLAGS = ("title", "furniture")
"""Keys of a row that are true or false."""

FIELDS = ("doc", "n", "text", "sha256", "labels", "coders", *_TEXTS, *FLAGS)
"""Keys of a row that have a meaning here."""

_SHA256 = re.compile(r"[0-9a-fA-F]{64}")
# JSON can spell half of a surrogate pair, which no UTF-8 file can hold.
_UNFIT = re.compile("[\0\ud800-\udfff]")


class Faults:
    """Faults gathered over all files, to be raised as one error."""

    def __init__(self) -> None:
        self.shown: list[str] = []
        self.count = 0

    def add(self, where: str, message: str) -> None:
        """Note one fault."""
        self.count += 1
        if self.count <= MAX_FAULTS:
            self.shown.append(f"{where}: {message}")

    def throw(self) -> None:
        """Raise a DataError with all faults, if there are any."""
        if self.count:
            rest = [f"... and {self.count - MAX_FAULTS:,} more"] if self.count > MAX_FAULTS else []
            raise DataError("\n".join([*self.shown, *rest]))


def label_files(paths: Sequence[str | Path], faults: Faults) -> list[Path]:
    """List the label files meant, those of a folder by name; one that is named twice is a fault and listed once."""
    found: dict[Path, Path] = {}
    for path in map(Path, paths):
        files = sorted((path / "sentences").glob("*.jsonl")) if path.is_dir() else [path]
        if not files:
            faults.add(
                str(path),
                "expected sentences/*.jsonl in this folder; found none. Name a labels folder or a .jsonl file",
            )
        for file in files:
            if found.setdefault(file.resolve(), file) is not file:
                faults.add(str(file), "expected each file once; found it named twice")
    return list(found.values())


def read_objects(
    path: Path, faults: Faults, hashes: dict[str, str] | None = None
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the "file:line" and object of each row; an empty object stands for a row that cannot be read."""
    for where, line in read_lines(path, faults, hashes):
        data: Any = {}
        if line is not None:
            try:
                data = json.loads(line)
            except (ValueError, RecursionError) as error:
                expected = "a JSON object" if line.endswith("\n") else "a whole last line"
                faults.add(where, f"expected {expected}; found {shown(line)} ({error})")
            else:
                if not isinstance(data, dict) or not data:
                    faults.add(where, f"expected a JSON object; found {shown(data)}")
        yield where, data if isinstance(data, dict) else {}


def read_lines(path: Path, faults: Faults, hashes: dict[str, str] | None = None) -> Iterator[tuple[str, str | None]]:
    """Yield the "file:line" and text of each line that is not blank, None for one that cannot be read.

    After the last line, ``hashes``, if given, holds the SHA-256 of the file.
    """
    sha256 = hashlib.sha256()
    try:
        with path.open("rb") as file:
            for number, raw in enumerate(iter(partial(file.readline, MAX_LINE), b""), 1):
                if hashes is not None:
                    sha256.update(raw)
                where = f"{path}:{number}"
                line, fault = _decode(raw, "utf-8-sig" if number == 1 else "utf-8")
                if fault:
                    faults.add(where, fault)
                if line is None or line.strip():
                    yield where, line
                if len(raw) == MAX_LINE:
                    return
    except OSError as error:
        faults.add(
            str(path), f"expected a file to read; found none: {error.strerror}. Name a .jsonl file or a labels folder"
        )
    if hashes is not None:
        hashes[_free_name(path, hashes)] = sha256.hexdigest()


def _free_name(path: Path, taken: Container[str]) -> str:
    """Name a file, with as many of its folders as tell it from those that are named already."""
    parts = path.absolute().parts
    names = (PurePath(*parts[-n:]).as_posix() for n in range(1, len(parts) + 1))
    return next((name for name in names if name not in taken), str(path))


def _decode(raw: bytes, encoding: str) -> tuple[str | None, str]:
    """Give a line's text, or None and what is wrong with it."""
    if len(raw) == MAX_LINE:
        return None, f"expected lines under {MAX_LINE:,} bytes; found a longer one, and did not read on"
    if b"\0" in raw:
        return None, f"expected text; found a NUL byte at {raw.index(0) + 1}"
    try:
        return raw.decode(encoding), ""
    except UnicodeDecodeError as error:
        return None, f"expected UTF-8; found the byte 0x{raw[error.start]:02x} at {error.start + 1}"


def row_faults(row: dict[str, Any], schema: Schema) -> list[str]:
    """Say what is wrong with one row of a label file; an empty list if nothing is."""
    doc, n, coders = row.get("doc"), row.get("n"), row.get("coders", {})
    faults = [] if isinstance(doc, str) and doc.strip() else [f"expected doc, the article's name; found {shown(doc)}"]
    if isinstance(n, bool) or not isinstance(n, int) or n < 0:
        faults.append(f"expected n, the sentence's number from 0 on; found {shown(n)}")
    for names, kind, expected in ((_TEXTS, str, "text"), (FLAGS, bool, "true or false")):
        faults += [
            f"{name}: expected {expected}; found {shown(row[name])}"
            for name in names
            if name in row and not isinstance(row[name], kind)
        ]
    faults += [
        f"{name}: expected text that UTF-8 can hold, without NUL; found {shown(row[name])}"
        for name in ("doc", "text", *_TEXTS)
        if isinstance(row.get(name), str) and _UNFIT.search(row[name])
    ]
    if isinstance(row.get("kind"), str) and row["kind"] not in KINDS:
        faults.append(f"kind: expected {', '.join(KINDS)}; found {row['kind']!r}{nearest(row['kind'], KINDS)}")
    faults += _text_faults(row)
    faults += _label_faults(row["labels"], schema) if "labels" in row else ["expected labels; found none in this row"]
    faults += _kept_faults(row)
    if not isinstance(coders, dict):
        return [*faults, f"coders: expected an object of coders; found {shown(coders)}"]
    if not all(name.strip() for name in coders):
        faults.append("coders: expected each coder's name; found one without a name")
    return faults + [f"coder {name!r}: {fault}" for name in coders for fault in _label_faults(coders[name], schema)]


def digest(text: str) -> str:
    """Hex SHA-256 of a text in UTF-8."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def time_of(at: str) -> datetime | None:
    """Read a time; one without a zone is taken as UTC. None if it is no time."""
    try:
        time = datetime.fromisoformat(at)
    except ValueError:
        return None
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def shown(value: object) -> str:
    """Give a value as a message shows it: short, on one line."""
    text = "nothing" if value is None else repr(value)
    return text if len(text) <= 80 else text[:77] + "..."


def _text_faults(row: dict[str, Any]) -> list[str]:
    if "text" not in row and "sha256" not in row:
        return ["expected text, or sha256 where the text may not be passed on; found neither"]
    text, sha256 = row.get("text"), row.get("sha256")
    if "text" in row and not (isinstance(text, str) and text.strip()):
        return [f"text: expected the sentence; found {shown(text)}"]
    if "sha256" not in row:
        return []
    if not isinstance(sha256, str) or not _SHA256.fullmatch(sha256):
        return [f"sha256: expected 64 hexadecimal digits; found {shown(sha256)}"]
    if isinstance(text, str) and digest(text) != sha256.lower():
        return [f"sha256: expected {digest(text)}, that of the text; found {sha256}"]
    return []


def _kept_faults(row: dict[str, Any]) -> list[str]:
    """Faults of what is kept of the labelling and not trained on: its times, and models' predictions."""
    times, predictions, faults = row.get("coded_at", {}), row.get("predictions", {}), list[str]()
    if not isinstance(times, dict):
        faults.append(f"coded_at: expected an object of coders and times; found {shown(times)}")
    else:
        found = [(name, at) for name, at in times.items() if not isinstance(at, str) or time_of(at) is None]
        faults += [
            f"coded_at: expected a time such as 2026-05-31T12:00:00Z of {n!r}; found {shown(at)}" for n, at in found
        ]
    if not isinstance(predictions, dict):
        return [*faults, f"predictions: expected an object of models; found {shown(predictions)}"]
    # A model may know another label set than this one: its labels are not held against the schema.
    return faults + [
        f"predictions: expected an object with labels of model {name!r}; found {shown(data)}"
        for name, data in predictions.items()
        if not isinstance(data, dict) or any(not isinstance(data.get(key, {}), dict) for key in ("labels", "scores"))
    ]


def _label_faults(labels: object, schema: Schema) -> list[str]:
    """Faults of the labels, with the nearest known word where one is unknown."""
    faults = schema.faults(labels)
    if not faults or not isinstance(labels, dict):
        return faults
    values = [value for value in labels.values() if not isinstance(value, list)]
    items = [item for value in labels.values() if isinstance(value, list) for item in value]
    hints = {
        f"found {word!r}": nearest(word, _words(schema)) for word in [*labels, *values, *items] if isinstance(word, str)
    }
    return [fault + next((hint for end, hint in hints.items() if fault.endswith(end)), "") for fault in faults]


def _words(schema: Schema) -> list[str]:
    return [*schema.names, *(label for dimension in schema.dimensions for label in dimension.labels)]


def nearest(word: str, known: Sequence[str]) -> str:
    """Suggest the nearest known word, for messages; "" if none is near or the word is known itself."""
    near = difflib.get_close_matches(word.strip().lower(), known, n=1)
    return f" (did you mean {near[0]!r}?)" if near and near[0] != word else ""
