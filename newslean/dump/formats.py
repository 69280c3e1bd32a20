"""Forms in which articles are kept, told by the ends of names.

Knows names only.
"""

from dataclasses import dataclass
from pathlib import PurePosixPath

from newslean.articles import HTML_SUFFIXES, TEXT_SUFFIXES
from newslean.dump.streams import COMPRESSIONS

FORMATS = ("text", "jsonl", "json", "csv", "tsv", "parquet", "warc", "zip", "tar")
"""Names of the formats."""

ARCHIVES = frozenset({"zip", "tar"})
"""Formats whose entries are files."""

_SUFFIXES = {
    **dict.fromkeys(sorted(TEXT_SUFFIXES | HTML_SUFFIXES), "text"),
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "json",
    ".csv": "csv",
    ".tsv": "tsv",
    ".parquet": "parquet",
    ".warc": "warc",
    ".zip": "zip",
    ".tar": "tar",
}
_SHORT = {".tgz": ".gz", ".tbz2": ".bz2", ".txz": ".xz", ".tzst": ".zst"}

ENDINGS = ", ".join(_SUFFIXES)
"""Ends of names, for messages."""


@dataclass(frozen=True, slots=True)
class Form:
    """How a file is kept.

    Attributes
    ----------
    format : str
        One of `FORMATS`.
    compression : str or None
        A value of `COMPRESSIONS`; None if the name tells of none.
    suffix : str
        End of the name that told the format, such as ``.html``; empty if none did.
    """

    format: str
    compression: str | None = None
    suffix: str = ""


def form_of(name: str, *, input_format: str | None = None) -> Form | None:
    """Tell from a name how a file is kept; None if its end says nothing and no format is given."""
    suffixes = [suffix.lower() for suffix in PurePosixPath(name).suffixes[-2:]]
    if suffixes and suffixes[-1] in _SHORT:
        suffixes[-1:] = [".tar", _SHORT[suffixes[-1]]]
    compression = COMPRESSIONS.get(suffixes.pop()) if suffixes and suffixes[-1] in COMPRESSIONS else None
    suffix = suffixes[-1] if suffixes and suffixes[-1] in _SUFFIXES else ""
    found = input_format or _SUFFIXES.get(suffix)
    return Form(found, compression, suffix) if found else None
