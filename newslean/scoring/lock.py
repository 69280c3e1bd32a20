"""One run at a time in a work folder.

Knows a file and its lock, which the system takes back from a process that dies, however it dies.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from newslean.errors import DataError
from newslean.files import lock

LOCK = "lock"
"""Name of the file."""


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Make a folder, if there is none, and keep other runs out of it while the block lasts.

    Raises
    ------
    DataError
        If another run is in it, or it cannot be made.
    """
    handle = _open(folder)
    try:
        yield
    finally:
        os.close(handle)


def _open(folder: Path) -> int:
    path = folder / LOCK
    while True:
        try:
            folder.mkdir(exist_ok=True)
            handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        except FileNotFoundError:  # a run that has just finished took its folder away
            if not folder.parent.is_dir():
                raise
            continue
        except OSError as error:
            raise DataError(
                f"{folder}: expected to make a folder there; {error.strerror}. Free space or name another result."
            ) from None
        try:
            lock(handle, wait=False)  # Windows has none, and there a folder in use cannot be taken away
            if os.path.exists(path) and os.path.samestat(os.fstat(handle), os.stat(path)):
                return handle
        except BlockingIOError:
            os.close(handle)
            raise DataError(
                f"{folder}: expected no other run that works there; found one. Wait for it, or name another result."
            ) from None
        except BaseException:
            os.close(handle)
            raise
        os.close(handle)
