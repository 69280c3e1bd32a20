"""Where results go: a file that appears whole or not at all, or standard output.

Knows paths and streams; knows nothing of what is written.
"""

import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from io import TextIOWrapper
from pathlib import Path
from typing import TextIO

from newslean.errors import DataError
from newslean.files import open_replacement


def check_target(path: str | Path, *, inputs: Iterable[str] = ()) -> None:
    """Refuse a place where `open_new` should not put a file, before any work is done.

    Raises
    ------
    DataError
        If the folder does not exist, or the path is a folder, a device or one of the inputs.
    """
    path = Path(path)
    if not path.parent.is_dir():
        raise DataError(f"{path}: expected a folder {path.parent}; found none. Create it or name another place.")
    if path.is_dir():
        raise DataError(f"{path}: expected a file to write; found a folder. Add a file name.")
    if path.exists() and any(os.path.exists(name) and path.samefile(name) for name in inputs):
        raise DataError(f"{path}: expected a file to write; found one of the articles. Name another file.")
    if path.exists() and not path.is_file():
        raise DataError(f"{path}: expected a file to write; found a device or a pipe. Use '> {path}' for those.")


@contextmanager
def open_new(path: str | Path) -> Iterator[TextIO]:
    """Open a file for streamed UTF-8 text that takes its place only when the block ends well.

    Raises
    ------
    DataError
        If the file cannot be written, because of rights or a full disk.
    """
    check_target(path)
    target = os.path.realpath(path)  # a link stays a link
    with open_replacement(target) as file:
        stream = TextIOWrapper(file, encoding="utf-8", newline="\n")
        try:
            yield stream
            stream.flush()
        finally:
            stream.detach()  # the bytes below are not this wrapper's to close


@contextmanager
def standard_output(*, utf8: bool) -> Iterator[TextIO]:
    """Lend standard output, flushed at the end; a full disk is told like any other error."""
    if sys.stdout is None:
        raise DataError("standard output: expected to write there; it is closed. Open it or use --out.")
    if isinstance(sys.stdout, TextIOWrapper):
        if utf8:
            sys.stdout.reconfigure(encoding="utf-8", newline="\n")
        else:
            sys.stdout.reconfigure(errors="backslashreplace")  # a screen without some letter
    try:
        yield sys.stdout
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        drop_output()
        raise DataError(
            f"standard output: expected to write there; {error.strerror}. Free space or use --out."
        ) from None


def drop_output() -> None:
    """Point standard output at nothing: Python flushes it once more at its exit and would complain."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
