"""Files elsewhere: object stores, the web, whatever fsspec reaches.

Knows fsspec, an extra; knows no format.
"""

import io
import re
from dataclasses import dataclass
from typing import Any, BinaryIO, cast

from newslean.articles import unreadable
from newslean.dump.formats import ENDINGS, form_of
from newslean.errors import DataError

_ADDRESS = re.compile(r"([A-Za-z][\w+.-]+)(?:://|::)")

_EXTRAS = {"http": "remote", "https": "remote", "s3": "s3", "s3a": "s3", "gs": "gcs", "gcs": "gcs", "hf": "hf"}
"""Extras that hold the package for an address's first word."""

_PATIENCE = 60.0
"""Seconds that a server may be silent."""

_MAGIC = re.compile(r"[*?[]")
_HIDDEN = re.compile(r"(?:^|/)\.")


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """A file elsewhere: its address, and the file system and path by which fsspec knows it."""

    name: str
    system: Any
    path: str

    def open(self) -> BinaryIO:
        """Open it for reading; the caller closes it.

        Raises
        ------
        DataError
            If it is not there, or may not be read.
        """
        try:
            file = self.system.open(self.path, "rb")
            if _is_web(self.name) and not _serves_parts(file):
                file.close()
                file = self.system.open(self.path, "rb", block_size=0)  # from the beginning to the end
            return cast("BinaryIO", file)
        except Exception as error:  # noqa: BLE001 - each file system raises its own
            raise _unreachable(self.name, error) from None


def is_remote(name: str) -> bool:
    """Say whether a name is an address, such as ``s3://bucket/file``."""
    return _ADDRESS.match(name) is not None


def expand_remote(address: str) -> list[RemoteFile]:
    """Find the files that an address stands for: itself, a folder's, or those of a pattern, sorted.

    Raises
    ------
    DataError
        If fsspec or the package for this kind of address is not installed, or
        there are no such files.
    """
    try:
        from fsspec.core import url_to_fs
    except ImportError:
        raise DataError(
            f"{address}: expected the package that reads addresses; found it is not installed. "
            "Run pip install 'newslean[remote]', or name a file."
        ) from None
    try:
        system, path = url_to_fs(address, **_settings(address))
        paths = _paths(system, path, web=_is_web(address))
    except ImportError as error:
        extra = _EXTRAS.get(address.rpartition("::")[2].partition("://")[0].lower())
        what = f"Run pip install 'newslean[{extra}]'" if extra else "Install the package that is named here"
        raise DataError(f"{address}: expected the package for such addresses; found: {error}. {what}.") from None
    except Exception as error:  # noqa: BLE001 - each file system raises its own
        raise _unreachable(address, error) from None
    if paths is None:
        return [RemoteFile(address, system, path)]
    if not paths:
        raise DataError(f"{address}: expected files that end in {ENDINGS}; found none. Check the address.")
    return [RemoteFile(str(system.unstrip_protocol(found)), system, found) for found in paths]


def _is_web(address: str) -> bool:
    return address.lower().startswith("http")


def _settings(address: str) -> dict[str, Any]:
    """Give what a file system is opened with: on the web no end to a long file, for it is read as fast as it is scored.

    aiohttp breaks a transfer off after five minutes, however well it goes.
    """
    if not re.match(r"https?://", address, re.IGNORECASE):
        return {}
    from aiohttp import ClientTimeout

    return {"client_kwargs": {"timeout": ClientTimeout(total=None, sock_connect=_PATIENCE, sock_read=_PATIENCE)}}


def _serves_parts(file: Any) -> bool:
    """Say whether a server gives the parts that are asked for: many do not tell, and fail at the second.

    What comes as one part, or is a stream anyway, is not asked for.
    """
    size = getattr(file, "size", None)
    if not size or size <= file.blocksize:
        return True
    try:
        file.seek(-1, io.SEEK_END)
        file.read(1)
        file.seek(0)
    except Exception:  # noqa: BLE001 - each in its way
        return False
    return True


def _paths(system: Any, path: str, *, web: bool) -> list[str] | None:
    """Give the paths of a pattern or folder; None for what is one file.

    On the web a question mark is no pattern, and a folder no thing to ask for.
    """
    if web:
        return None
    if (magic := _MAGIC.search(path)) and not system.exists(path):
        found = (match for match in system.glob(path) if not system.isdir(match))
        return sorted(match for match in found if not _HIDDEN.search(match, max(path.rfind("/", 0, magic.start()), 0)))
    if form_of(path) is not None or not system.isdir(path):
        return None
    found = (file for file in system.find(path) if form_of(file) is not None)
    return sorted(file for file in found if not _HIDDEN.search(file, len(path.rstrip("/"))))


def _unreachable(name: str, error: Exception) -> DataError:
    if isinstance(error, FileNotFoundError):  # whose words are often the address alone
        return unreadable(name, FileNotFoundError(2, "no such file"))
    return unreadable(name, error if str(error) else OSError(type(error).__name__))
