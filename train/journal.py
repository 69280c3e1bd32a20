"""Several files of a labels folder replaced as one.

Knows paths, bytes and a journal beside them; knows nothing of what stands in
the files. New contents are written beside the old ones first. The journal is
the turning point: without it the old files hold, with it the new ones do, and
`finish` brings them to their places, as often as it takes.
"""

import errno
import json
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from newslean.errors import DataError
from newslean.files import open_replacement, sha256, sync_folder, write_file
from train.folders import locked

STAGING = ".migration"
"""Folder in a labels folder that holds the new contents until they are in place."""

JOURNAL = "journal.json"


@dataclass(frozen=True, slots=True)
class Journal:
    """What was to be replaced.

    Attributes
    ----------
    files : tuple
        (Path in the folder, name of the new content, its SHA-256).
    before : dict
        Path in the folder to the SHA-256 of the content that is to go; empty in journals of earlier versions.
    """

    note: str
    files: tuple[tuple[str, str, str], ...]
    before: dict[str, str] = field(default_factory=dict)


@contextmanager
def lock_folder(folder: Path) -> Iterator[None]:
    """Keep others who would change a folder waiting while the block lasts: from reading it to the last new file.

    Raises
    ------
    DataError
        If the folder cannot be written.
    """
    with ExitStack() as stack:
        try:
            stack.enter_context(locked(folder))
        except OSError as error:
            raise DataError(f"{folder}: expected to write there; {error.strerror}. Nothing was changed.") from None
        yield


@contextmanager
def lock_file(path: str | Path) -> Iterator[None]:
    """Keep others from changing a label file or migrating its folder while the block lasts: read and write it within.

    Raises
    ------
    DataError
        If a migration of the folder was cut short, which would replace the file later, or it cannot be written.
    """
    place = Path(path).absolute().parent
    folder = place.parent if place.name == "sentences" else place
    # Who may write the sentences but not the folder above cannot migrate it either.
    lockable = folder if os.access(folder, os.W_OK) or (folder / ".lock").exists() else place
    with lock_folder(lockable) if lockable.is_dir() else nullcontext():
        refuse_half_done([folder])
        yield


def refuse_half_done(paths: Sequence[str | Path]) -> None:
    """Refuse to read labels while only some of their files may be new.

    Parameters
    ----------
    paths : sequence of str or Path
        Labels folders, or label files in them.

    Raises
    ------
    DataError
        That says how to finish what was begun.
    """
    for path in map(Path, paths):
        for folder in (path, path.parent, path.parent.parent):
            if is_half_done(folder):
                raise DataError(
                    f"{folder}: expected whole label files; found a migration that was cut short "
                    f"({read_journal(folder).note}). Finish it with: python -m train labels migrate --labels {folder}"
                )


def is_half_done(folder: str | Path) -> bool:
    """Say whether a replacement was begun in this folder and is not finished."""
    return Path(folder, STAGING, JOURNAL).is_file()


def read_journal(folder: str | Path) -> Journal:
    """Read the journal of a replacement that is not finished.

    Raises
    ------
    DataError
        If it is no journal: it was then edited or damaged after it was written.
    """
    path = Path(folder, STAGING, JOURNAL)
    try:
        data = json.loads(path.read_bytes())
        files = tuple((str(target), str(name), str(digest)) for target, name, digest in data["files"])
        if any(PurePosixPath(part).is_absolute() or ".." in Path(part).parts for row in files for part in row[:2]):
            raise ValueError("a path that leads out of the folder")
        before = {str(target): str(digest) for target, digest in data.get("before", {}).items()}
        return Journal(str(data["note"]), files, before)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise DataError(
            f"{path}: expected the journal of a migration; found {error}. Restore the folder from a copy."
        ) from None


def replace_all(
    folder: str | Path, contents: Mapping[str, Iterable[bytes]], *, before: Mapping[str, str], note: str
) -> None:
    """Replace files of a folder, all or none.

    Parameters
    ----------
    contents : mapping
        Path in the folder to its new content, in pieces.
    before : mapping
        Path in the folder to the SHA-256 that the old file must still have when all new contents are written.
    note : str
        What is done, for who finds it half done.

    Raises
    ------
    DataError
        If a file cannot be written, or was changed meanwhile; nothing is then replaced.
    """
    folder = Path(folder)
    staging = folder / STAGING
    files = []
    try:
        shutil.rmtree(staging, ignore_errors=True)  # left by a run that was cut short before its journal stood
        staging.mkdir()
        for number, (target, pieces) in enumerate(contents.items()):
            with open_replacement(staging / str(number)) as file:
                file.writelines(pieces)
            shutil.copymode(folder / target, staging / str(number))
            files.append((target, str(number), sha256(staging / str(number))))
        found = {target: sha256(folder / target) for target in {**contents, **before}}
        for target, digest in before.items():
            if found[target] != digest:
                raise DataError(f"{folder / target}: expected it unchanged while it was read; found it changed. Retry.")
        sync_folder(folder)
        old = {target: found[target] for target in contents}
        write_file(staging / JOURNAL, json.dumps({"note": note, "files": files, "before": old}) + "\n")
    except BaseException as error:
        if not (staging / JOURNAL).is_file():
            shutil.rmtree(staging, ignore_errors=True)
        if isinstance(error, OSError):
            raise DataError(f"{folder}: expected to write there; {error.strerror}. Nothing was changed.") from None
        raise
    finish(folder)


def finish(folder: str | Path) -> Journal:
    """Bring the new contents that a journal names to their places; what is there already stays.

    Raises
    ------
    DataError
        If a file was changed since the journal was written, or a new content is gone: nothing is then replaced. Or if
        the system refuses. The journal then stays.
    """
    folder = Path(folder)
    staging, journal = folder / STAGING, read_journal(folder)
    try:
        for target, name, digest in journal.files:
            _check_target(folder / target, staging / name, journal.before.get(target), digest)
        for target, name, _ in journal.files:
            if (staging / name).is_file():
                _put(staging / name, folder / target)
        for parent in {os.path.dirname(os.path.realpath(folder / target)) for target, _, _ in journal.files}:
            sync_folder(parent)
        (staging / JOURNAL).unlink()
        sync_folder(staging)
    except OSError as error:
        raise DataError(
            f"{folder}: expected to replace its files; {error.strerror}. Mend that and run again."
        ) from None
    shutil.rmtree(staging, ignore_errors=True)
    return journal


def _check_target(target: Path, staged: Path, old: str | None, new: str) -> None:
    """Refuse where replacing a file would lose what was changed in it since, or its new content is gone."""
    found = sha256(target) if target.is_file() else None
    if not staged.is_file():
        # In its place already. It may have been changed there: that stands.
        if found in (None, old) or (old is None and found != new):
            raise DataError(
                f"{target}: expected its new content in {staged}; found none. Restore the folder from a copy."
            )
    elif old is not None and found not in (None, old, new):
        raise DataError(
            f"{target}: expected it as it was when the migration was cut short; found it changed since. Nothing was "
            "replaced. Move it out of the folder, run the migration again, and bring in anew what was changed in it."
        )


def _put(staged: Path, target: Path) -> None:
    """Bring a new content to its place; where that is a link, to the file that it leads to."""
    real = Path(os.path.realpath(target))
    try:
        os.replace(staged, real)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        # On another file system. The staged file goes last: after a kill before that, all of this is done again.
        with staged.open("rb") as content, open_replacement(real) as file:
            shutil.copyfileobj(content, file)
        staged.unlink()
