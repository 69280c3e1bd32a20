"""How far the reading of a dump has come, and how it goes on from there.

Knows outcomes and their number; knows no format and no file.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from hashlib import blake2b
from itertools import islice

from newslean.dump.records import Outcome, Reject
from newslean.errors import DataError


@dataclass(frozen=True, slots=True)
class Start:
    """Where reading goes on.

    Attributes
    ----------
    file : int
        Files that were read to their end.
    outcomes : int
        Records and rejects of the next file that are known already.
    digest : str
        Hash of those; empty where nothing is to be compared.
    stdin : str
        Hash of what standard input gave, where it is among the files that were read to their end.
    """

    file: int = 0
    outcomes: int = 0
    digest: str = ""
    stdin: str = ""


@dataclass(frozen=True, slots=True)
class Step:
    """One thing read, and how far reading has come with it.

    Attributes
    ----------
    after : Start
        Where reading goes on behind it.
    offset : int
        Byte of its file that the reader has come to, 0 where there is no such place.
    """

    outcome: Outcome
    after: Start
    offset: int


class ChangedError(DataError):
    """An input is not what it was when the run began."""

    def __init__(self, source: str) -> None:
        super().__init__(
            f"{source}: expected what was read there when the run began; found something else. "
            "Give that again, or --overwrite to begin anew."
        )


def numbered(outcomes: Iterable[Outcome], file: int, stdin: str) -> Iterator[tuple[Outcome, Start]]:
    """Yield the outcomes of a file with the place behind each."""
    digest = blake2b(digest_size=16)
    for count, outcome in enumerate(outcomes, 1):
        digest.update(_content(outcome))
        yield outcome, Start(file, count, digest.hexdigest(), stdin)


def pass_over(steps: Iterator[Step], start: Start, *, source: str) -> Iterator[Step]:
    """Leave out what is known of a file already.

    Raises
    ------
    ChangedError
        If that is not what it was.
    """
    if start.outcomes:
        last = next(islice(steps, start.outcomes - 1, None), None)
        if last is None or start.digest not in ("", last.after.digest):
            raise ChangedError(source)
    yield from steps


def _content(outcome: Outcome) -> bytes:
    if isinstance(outcome, Reject):
        parts = [outcome.reason]
    else:
        article = outcome.article
        parts = [outcome.id or "", outcome.date or "", outcome.outlet or "", article.title or "", article.text]
    return "\0".join([outcome.position, *parts, ""]).encode("utf-8", "surrogatepass")
