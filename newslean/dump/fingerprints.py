"""What tells one state of a dump from another: names, sizes and dates of its files.

Knows files here and elsewhere; reads no article.
"""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from newslean.dump.inputs import Found, expand
from newslean.dump.remote import RemoteFile

_REMOTE = ("ETag", "etag", "checksum", "md5Hash", "LastModified", "last_modified", "mtime", "updated")
"""Keys under which file systems elsewhere tell a file's state."""

_LAST_RESORT = ("Last-Modified",)
"""Those that count where there is none of these: some servers send the time of the request."""


def fingerprints(inputs: Iterable[str | Path]) -> Iterator[dict[str, Any]]:
    """Describe the files of a dump, in the order in which they are read.

    Yields
    ------
    dict
        Plain data: ``source``, ``size`` (bytes; None if unknown) and what else tells a file's state. Standard input
        has no state that could be told.
    """
    for name in inputs:
        for found in expand(name):
            yield {"source": found.source, **_state(found)}


def _state(found: Found) -> dict[str, Any]:
    if isinstance(found.file, RemoteFile):
        try:
            info = found.file.system.info(found.file.path)
        except Exception:  # noqa: BLE001 - each file system raises its own; reading will tell
            return {"size": None}
        keys = [key for key in _REMOTE if info.get(key)] or [key for key in _LAST_RESORT if info.get(key)]
        return {"size": info.get("size"), **{key: str(info[key]) for key in keys}}
    if found.file is None:
        return {"size": None}
    try:
        state = os.stat(found.file)
    except (OSError, ValueError):  # it is reported when it is read
        return {"size": None}
    return {"size": state.st_size, "modified": state.st_mtime_ns}
