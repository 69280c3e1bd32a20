"""What the reading of a dump gives: articles with what is known of them, and what could not be read.

Knows no format and no file.
"""

from dataclasses import dataclass
from typing import TypeAlias

from newslean.articles import Article

WHOLE = "whole file"
"""Position of an input that is one article, or that cannot be read at all."""


@dataclass(frozen=True, slots=True)
class Record:
    """One article of a dump.

    Attributes
    ----------
    article : Article
        Its text and title; its source is the input's name, for a web page of a
        WARC file its address.
    id : str or None
        Identifier that the dump gives it.
    date : str or None
        Date as the dump writes it; times of a Parquet table as ISO 8601. Of a web page its own, otherwise that of
        the WARC record.
    outlet : str or None
        Who published it: a name, or the host of an address. Of a web page what it names itself, otherwise the host.
    position : str
        Place in the input: ``line 12``, ``row 3``, ``entry a/b.txt``, ``record 7, offset 1234``.
    """

    article: Article
    id: str | None
    date: str | None
    outlet: str | None
    position: str


@dataclass(frozen=True, slots=True)
class Reject:
    """Something of a dump that cannot be read.

    Attributes
    ----------
    source : str
        Name of the input.
    position : str
        Place in it, as in `Record`; ``after …`` names the last place that was read.
    reason : str
        What was expected, what was found, what to do.
    """

    source: str
    position: str
    reason: str


class CutOff(Reject):
    """A reject behind which an input gives nothing, because its bytes end too early or turn bad."""

    __slots__ = ()


Outcome: TypeAlias = Record | Reject
"""What a reader yields."""
