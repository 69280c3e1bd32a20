"""Inputs as a user names them to the files that they stand for.

Knows files, folders and patterns of names, here and (through
`newslean.dump.remote`) elsewhere; opens none of them.
"""

import glob
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from newslean.articles import linked_folder, printable_name, unreadable
from newslean.dump.formats import ENDINGS, form_of
from newslean.dump.place import PassedOver
from newslean.dump.remote import RemoteFile, expand_remote, is_remote
from newslean.errors import DataError


@dataclass(frozen=True, slots=True)
class Found:
    """A file that an input stands for, or the error in place of it.

    Attributes
    ----------
    source : str
        Its name, as it can be printed.
    file : Path, RemoteFile or None
        None for standard input.
    error : DataError or None
        Why there is no file.
    alone : bool
        The input is this one file; otherwise a folder or a pattern of several.
    """

    source: str
    file: Path | RemoteFile | None = None
    error: DataError | None = None
    alone: bool = True

    @property
    def is_stdin(self) -> bool:
        """Whether it is standard input."""
        return self.file is None and self.error is None


def expand(given: str | Path, note: Callable[[str], None] = lambda _: None) -> Iterator[Found]:
    """Yield the files that an input stands for, each when it is asked for; what a folder holds beside them is noted."""
    name = os.fspath(given)
    source = printable_name(name)
    if name == "-":
        yield Found(source)
    elif is_remote(name):
        try:
            files = expand_remote(name)
        except DataError as error:
            yield Found(source, error=error)
            return
        yield from (Found(file.name, file, alone=len(files) == 1 and file.name == name) for file in files)
    elif os.path.isdir(name):
        yield from _files_in(Path(name), note)
    elif glob.has_magic(name) and not os.path.lexists(name):
        yield from _matches(name, note)
    elif not name:
        yield Found(source, error=unreadable(source, FileNotFoundError(2, "an empty name")))
    else:
        yield Found(source, Path(name))


def _matches(pattern: str, note: Callable[[str], None]) -> Iterator[Found]:
    paths = sorted(Path(path) for path in glob.iglob(pattern, recursive=True))
    if "**" in pattern:  # which matches what is in a folder too, which must not be read twice
        linked = _linked(pattern)
        paths = [path for path in paths if not path.is_dir() and not any(map(linked, path.parents))]
    if not paths:
        name = printable_name(pattern)
        yield Found(name, error=DataError(f"{name}: expected names of that pattern; found none. Check its folder."))
    for path in paths:
        if path.is_dir():
            yield from _files_in(path, note)
        else:
            yield Found(printable_name(path), path, alone=False)


def _linked(pattern: str) -> Callable[[Path], bool]:
    """Say of a folder whether it is a link behind the part of a pattern that names folders: it may lead in a circle."""
    names = Path(pattern).parts
    fixed = next((n for n, name in enumerate(names) if glob.has_magic(name)), len(names))

    @cache
    def is_linked(folder: Path) -> bool:
        return len(folder.parts) > fixed and folder.is_symlink()

    return is_linked


def _files_in(folder: Path, note: Callable[[str], None]) -> Iterator[Found]:
    empty, others, name = True, PassedOver(), printable_name(folder)
    for found in _walk(folder, others):
        empty = False
        yield found
    others.tell(lambda text: note(f"{name}: {text}"))
    if empty:
        yield Found(
            name,
            error=DataError(f"{name}: expected files that end in {ENDINGS}; found none. Name the files themselves."),
        )


def _walk(folder: Path, others: PassedOver) -> Iterator[Found]:
    """Yield the files of known form in a folder and below, in the order of their paths, a folder at a time."""
    pending = [folder]
    while pending:
        path = pending.pop()
        if path != folder and not path.is_dir():
            yield Found(printable_name(path), path, alone=False)
            continue
        if path != folder and path.is_symlink():  # it may lead round in a circle
            yield Found(printable_name(path), error=linked_folder(path), alone=False)
            continue
        try:
            wanted = [entry for entry in os.scandir(path) if _wanted(entry, others)]
        except OSError as error:
            yield Found(printable_name(path), error=unreadable(printable_name(path), error), alone=False)
            continue
        pending += [Path(entry.path) for entry in sorted(wanted, key=lambda entry: entry.name, reverse=True)]


def _wanted(entry: os.DirEntry[str], others: PassedOver) -> bool:
    """Say whether an entry is read; a file of no known form is counted."""
    if entry.name.startswith("."):
        return False
    try:
        if entry.is_dir():
            return True
        broken_link = entry.is_symlink() and not os.path.exists(entry.path)
        usable = entry.is_file() or broken_link
    except OSError:  # a link that leads to itself, say: who opens it is told, and its neighbours are read
        usable = True
    if usable and form_of(entry.name) is None:
        others.add(entry.name)
        return False
    return usable
