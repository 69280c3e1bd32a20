"""Making a model the one that ``predict.py`` loads, and the README's table follow it.

Knows folders and markers; judges no model.
"""

import ctypes
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from newslean.errors import DataError
from newslean.files import sync_folder, write_file
from newslean.manifest import read_manifest
from train.evaluate import readme_table

BEGIN, END = "<!-- results: begin -->", "<!-- results: end -->"
_RENAME_EXCHANGE = 2
_AT_FDCWD = -100


def promote_model(source: Path, current: Path) -> None:
    """Put a copy of a model folder in the place of another, which on Linux is loadable at every moment.

    The copy is checked before it takes the place. The float graph stays behind:
    it is only for comparison.
    """
    current = Path(os.path.realpath(current))  # a link stays a link
    new = current.with_name(f".{current.name}.new")
    shutil.rmtree(new, ignore_errors=True)
    shutil.copytree(source, new, ignore=shutil.ignore_patterns("model.float.onnx"))
    read_manifest(new)
    for path in (path for path in new.rglob("*") if path.is_file()):
        with open(path, "r+b") as file:
            os.fsync(file.fileno())
    if not current.exists():
        new.rename(current)
    elif not _exchange(new, current):
        old = current.with_name(f".{current.name}.old")
        shutil.rmtree(old, ignore_errors=True)
        current.rename(old)
        new.rename(current)
        shutil.rmtree(old)
    sync_folder(current.parent)
    shutil.rmtree(new, ignore_errors=True)


def update_readme(path: Path, report: Mapping[str, Any]) -> None:
    """Write the results between the README's markers."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: expected a README in UTF-8; found {error}. Restore it.") from None
    if not 0 <= text.find(BEGIN) < text.rfind(END):
        raise DataError(f"{path}: expected the markers {BEGIN} and {END}; found none. Put them back.")
    before, rest = text.split(BEGIN, 1)
    write_file(path, f"{before}{BEGIN}\n{results_text(report)}\n{END}{rest.split(END, 1)[1]}")


def results_text(report: Mapping[str, Any]) -> str:
    """Give the README's results: seed articles left out in turn, and rows set aside, where there are any."""
    parts = []
    for part, heading in (
        ("seeds", "Macro-F1 on the seed articles, each left out in turn, with 95 % bootstrap intervals over articles:"),
        (
            "held_out",
            "Macro-F1 of the final models on sentences that were set aside by their label file, never trained on:",
        ),
    ):
        if part in report:
            parts += [heading, "", readme_table(report[part]).strip(), ""]
    return "\n".join(parts).strip()


def _exchange(left: Path, right: Path) -> bool:
    """Swap two folders in one step, where the system can (Linux's renameat2)."""
    try:
        renameat2 = ctypes.CDLL(None, use_errno=True).renameat2
    except (AttributeError, OSError, TypeError):  # no such call, or no C library to ask
        return False
    return bool(renameat2(_AT_FDCWD, os.fsencode(left), _AT_FDCWD, os.fsencode(right), _RENAME_EXCHANGE) == 0)
