"""Text and JSON as tools keep them: read with every fault, and written.

Knows files, lines and objects: no format, and no label.
"""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from train.rows import Faults, read_lines, shown


def read_json(path: Path, faults: Faults) -> Any:
    """Read a JSON file as a whole; None if it is none, after a fault."""
    text = read_text(path, faults)
    if text is None:
        return None
    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as error:
        faults.add(str(path), f"expected JSON; found {shown(text[:40])} ({error})")
        return None
    if data is None:
        faults.add(str(path), "expected a list of tasks; found null")
    return data


def read_text(path: Path, faults: Faults) -> str | None:
    """Read a file in UTF-8 (or UTF-16 that says so); None if it cannot be read, after a fault."""
    try:
        data = path.read_bytes()
    except OSError as error:
        faults.add(str(path), f"expected a file to read; found none: {error.strerror}")
        return None
    encoding = "utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        faults.add(f"{path}:{line}", f"expected UTF-8; found the byte 0x{data[error.start]:02x}. Save it as UTF-8.")
        return None
    if not text.strip():
        faults.add(str(path), "expected tasks; found an empty file")
        return None
    if "\0" in text:
        faults.add(str(path), "expected text; found a NUL byte: this is another kind of file")
        return None
    return text


def read_records(path: Path, faults: Faults) -> list[tuple[str, dict[str, Any]]]:
    """Read the objects of a JSON list, or of a file with one a line, each with its place."""
    if path.suffix.lower() != ".json":
        return _read_lines(path, faults)
    data = read_json(path, faults)
    if data is None:
        return []
    if not isinstance(data, list):
        faults.add(str(path), f"expected a list of tasks; found {shown(data)}")
        return []
    found = []
    for n, item in enumerate(data, 1):
        where = f"{path}: task {item.get('id') or n}" if isinstance(item, dict) else f"{path}: task {n}"
        if isinstance(item, dict):
            found.append((where, item))
        else:
            faults.add(where, f"expected an object; found {shown(item)}")
    return found


def _read_lines(path: Path, faults: Faults) -> list[tuple[str, dict[str, Any]]]:
    found, before = list[tuple[str, dict[str, Any]]](), faults.count
    for where, line in read_lines(path, faults):
        try:
            data = json.loads(line) if line is not None else None
        except (ValueError, RecursionError) as error:
            faults.add(where, f"expected a JSON object; found {shown(line)} ({error})")
            continue
        if isinstance(data, dict):
            found.append((where, data))
        elif line is not None:
            faults.add(where, f"expected a JSON object; found {shown(data)}")
    if not found and faults.count == before:
        faults.add(str(path), "expected tasks; found an empty file")
    return found


def utf16_units(text: str) -> int:
    """Count the UTF-16 units of a text, as Java and Excel do."""
    return len(text) + sum(char > "\uffff" for char in text)


def json_lines(rows: Iterable[dict[str, Any]]) -> bytes:
    """Give objects as JSON, one a line."""
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()


def json_list(rows: Iterable[Any]) -> bytes:
    """Give objects as a JSON list, an object a line."""
    return ("[\n" + ",\n".join(json.dumps(row, ensure_ascii=False) for row in rows) + "\n]\n").encode()
