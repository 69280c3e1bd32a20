"""Whole folders put in the place of others, so that a reader or a kill finds the old one or the new one.

Knows paths; knows nothing of what stands in them.
"""

import ctypes
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from newslean.files import lock, sync_folder, sync_tree

_RENAME_EXCHANGE = 2
_AT_FDCWD = -100


def replace_folder(new: Path, target: Path) -> None:
    """Put a finished folder in the place of another, on Linux in one step; the old one is removed.

    Written to the disk first: after a power cut no folder of empty files stands there.

    Parameters
    ----------
    new : Path
        Beside ``target``, on the same file system.
    """
    sync_tree(new)
    if not target.exists():
        new.rename(target)
    elif not exchange(new, target):
        old = target.with_name(f".{target.name}.old")
        shutil.rmtree(old, ignore_errors=True)
        target.rename(old)
        new.rename(target)
        shutil.rmtree(old)
    sync_folder(target.parent)
    shutil.rmtree(new, ignore_errors=True)


def exchange(left: Path, right: Path) -> bool:
    """Swap two folders in one step, where the system can (Linux's renameat2)."""
    try:
        renameat2 = ctypes.CDLL(None, use_errno=True).renameat2
    except (AttributeError, OSError, TypeError):  # no such call, or no C library to ask
        return False
    return bool(renameat2(_AT_FDCWD, os.fsencode(left), _AT_FDCWD, os.fsencode(right), _RENAME_EXCHANGE) == 0)


@contextmanager
def locked(folder: Path) -> Iterator[bool]:
    """Let one process at a time change a folder, where the system can, and say if it can; a kill frees the lock."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / ".lock"
    # Only read, for it may be another user's: a lock asks for no right to write.
    handle = os.open(path, os.O_RDONLY | (0 if path.exists() else os.O_CREAT), 0o666)
    try:
        yield lock(handle, wait=True)
    finally:
        os.close(handle)
