"""The history of the models of a folder: ``history.jsonl``, to which lines are only ever added.

Knows lines of JSON, what a kill does to the last one and that others may write too; does not know what entries say.
"""

import errno
import json
import os
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from newslean.errors import DataError
from newslean.files import lock, sync_folder

HISTORY = "history.jsonl"

Entry = dict[str, Any]


def now() -> str:
    """Give the time as entries hold it, in UTC."""
    return f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S.%fZ}"


def read_history(path: Path) -> list[Entry]:
    """Read all whole entries, oldest first; none where there is no file.

    A last line that a kill cut off is left out; the next `append_history` removes it.

    Raises
    ------
    DataError
        If a line before the last one is no JSON object, or the file cannot be read.
    """
    try:
        whole = b"".join(_parted(path.read_bytes()))
    except FileNotFoundError:
        return []
    except OSError as error:
        raise DataError(f"{path}: expected the history of models; {error.strerror}. Restore it.") from None
    entries, faults = [], []
    for number, line in enumerate(whole.removesuffix(b"\n").split(b"\n") if whole else (), 1):
        entry = _entry(line)
        if entry is None:
            faults.append(f"{path}:{number}: expected a JSON object; found {line[:60]!r}")
        else:
            entries.append(entry)
    if faults:
        raise DataError("\n".join([*faults, "Restore the file from git, or remove the lines named."]))
    return entries


def append_history(path: Path, entry: Mapping[str, Any]) -> None:
    """Add an entry, so that it stands there whole after a power cut; a line that a kill cut off is removed first.

    One process at a time, where the system can: what looks cut off may be a line that another is writing.

    Raises
    ------
    DataError
        If it cannot be written; what stood there still stands.
    """
    line = json.dumps(entry, ensure_ascii=False).encode() + b"\n"
    try:
        with open(path, "a+b", buffering=0) as file:
            lock(file.fileno(), wait=True)
            file.seek(0)
            content = file.read()
            whole, tail = _parted(content)
            kept = len(whole) + len(tail)
            if kept < len(content):
                file.truncate(kept)
            line = b"\n" + line if tail else line
            if file.write(line) < len(line):
                file.truncate(kept)
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            os.fsync(file.fileno())
        sync_folder(path.parent)
    except OSError as error:
        raise DataError(f"{path}: expected to add a line; {error.strerror}. Free space or set its rights.") from None


def _parted(content: bytes) -> tuple[bytes, bytes]:
    """Give the lines that end, and after them an entry that lacks only its end; what a kill cut off is left out."""
    head, newline, tail = content.rpartition(b"\n")
    return head + newline, tail if _entry(tail) is not None else b""


def _entry(line: bytes) -> Entry | None:
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None
