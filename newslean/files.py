"""Files written whole or not at all, and their fingerprints.

Knows paths and bytes; knows nothing of what stands in them.
"""

import hashlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from newslean.errors import DataError


def sha256(path: str | Path) -> str:
    """Hex SHA-256 of a file's bytes."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_file(path: str | Path, content: str | bytes) -> None:
    """Write a file so that a reader sees the old one or the whole new one, even after a power cut.

    Raises
    ------
    DataError
        If the folder does not exist or the disk is full; nothing is left behind.
    """
    with open_replacement(path) as file:
        file.write(content.encode("utf-8") if isinstance(content, str) else content)


@contextmanager
def open_replacement(path: str | Path) -> Iterator[BinaryIO]:
    """Open a file for bytes that takes the place of another only when the block ends well.

    Written beside, fsynced, renamed. The mode of an existing file is kept, and a link stays a link: the file that it
    leads to is replaced.

    Raises
    ------
    DataError
        If the file cannot be written, because of a missing folder, rights or a
        full disk. The old file is then untouched, and nothing is left.
    """
    real, temporary = Path(os.path.realpath(path)), ""
    try:
        handle, temporary = tempfile.mkstemp(prefix=f".{real.name[:50]}.", suffix=".part", dir=real.parent)
        with os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, real.stat().st_mode & 0o7777 if real.exists() else 0o666 & ~_umask())
        os.replace(temporary, real)
        sync_folder(real.parent)
    except OSError as error:
        raise DataError(
            f"{path}: expected to write there; {error.strerror or error}. Free space or name another place."
        ) from None
    finally:
        if temporary and os.path.exists(temporary):
            os.unlink(temporary)


def sync_folder(path: str | Path) -> None:
    """Make a rename in a folder last through a power cut, where the system can."""
    try:
        handle = os.open(path, os.O_RDONLY)
    except OSError:  # Windows opens no folder
        return
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sync_tree(path: str | Path) -> None:
    """Make all files and folders below a folder, and itself, last through a power cut."""
    for folder, _, names in os.walk(path):
        for name in names:
            with open(Path(folder, name), "r+b") as file:
                os.fsync(file.fileno())
        sync_folder(folder)


def lock(handle: int, *, wait: bool) -> bool:
    """Lock an open file against other processes, where the system and the file system can; closing it frees the lock.

    A process that dies, however it dies, closes its files.

    Returns
    -------
    bool
        Whether it is locked; False where that cannot be had.

    Raises
    ------
    BlockingIOError
        If another process holds the lock, and this one is not to wait for it.
    """
    try:
        import fcntl
    except ImportError:  # Windows
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise
    except OSError:  # a file system without locks
        return False
    return True


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
