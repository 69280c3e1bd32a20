"""What a work folder was claimed for: the inputs and options of a run, and how they differ from others.

Knows two files of the folder; knows no shard.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from itertools import zip_longest
from pathlib import Path
from typing import Any

from newslean.errors import DataError
from newslean.files import open_replacement, write_file
from newslean.output import to_json

MANIFEST, INPUTS = "manifest.json", "inputs.jsonl"

SHOWN = 5
"""Differences that are told."""


def write_claim(folder: Path, claim: Mapping[str, Any], inputs: Iterable[Mapping[str, Any]]) -> None:
    """Claim a folder; it is claimed once the last of the files stands."""
    with open_replacement(folder / INPUTS) as file:
        for row in inputs:
            file.write(to_line(row))
    write_file(folder / MANIFEST, to_json(dict(claim)) + "\n")


def read_claim(folder: Path) -> dict[str, Any] | None:
    """Give what a folder was claimed for; None if that was never written down whole.

    Raises
    ------
    DataError
        If it cannot be read.
    """
    try:
        found = json.loads((folder / MANIFEST).read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValueError, RecursionError) as error:
        raise DataError(f"{folder / MANIFEST}: expected JSON; {error}. Remove {folder}.") from None
    if not isinstance(found, dict) or not (folder / INPUTS).exists():
        raise DataError(f"{folder}: expected the work of a run; found something else. Remove it.")
    return found


def check_claim(
    folder: Path, known: Mapping[str, Any], claim: Mapping[str, Any], inputs: Iterable[Mapping[str, Any]]
) -> None:
    """Compare what a folder was claimed for with what is asked for now.

    Raises
    ------
    DataError
        With what differs.
    """
    differences = [
        f"{key}: then {known.get(key)!r}, now {claim.get(key)!r}"
        for key in {**known, **claim}
        if known.get(key) != claim.get(key)
    ]
    differences += _changed_inputs(folder / INPUTS, inputs)
    if differences:
        raise DataError(
            f"{folder}: expected the inputs and options of the run that began there; found others:\n  "
            + "\n  ".join(differences[:SHOWN])
            + "\nGive those again, or --overwrite to begin anew."
        )


def _changed_inputs(path: Path, inputs: Iterable[Mapping[str, Any]]) -> list[str]:
    changed = []
    with open(path, "rb") as file:
        for then, now in zip_longest(file, map(to_line, inputs)):
            if then != now:
                changed.append(f"input: {_told('then', then)}, {_told('now', now)}")
            if len(changed) == SHOWN:
                break
    return changed


def _told(when: str, line: bytes | None) -> str:
    if line is None:
        return f"{when} none"
    try:
        row = json.loads(line)
    except ValueError:
        return f"{when} no JSON"
    rest = ", ".join(f"{key} {value}" for key, value in row.items() if key != "source")
    return f"{when} {row.get('source')}" + (f" ({rest})" if rest else "")


def hash_lines(path: Path) -> str:
    """Hash the fingerprints of the inputs that a folder was claimed for."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def hash_rows(inputs: Iterable[Mapping[str, Any]]) -> str:
    """Hash fingerprints of inputs as `hash_lines` does their file."""
    found = hashlib.sha256()
    for row in inputs:
        found.update(to_line(row))
    return found.hexdigest()


def to_line(row: Mapping[str, Any]) -> bytes:
    """Write plain data as a line of JSON."""
    return (to_json(dict(row)) + "\n").encode()
