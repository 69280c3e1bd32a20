"""How far the reading of a dump has come, and how it goes on from there.

Knows outcomes and their number; knows no format and no file.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from hashlib import blake2b
from itertools import islice

from newslean.dump.records import CutOff, Outcome, Reject
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
        Hash of what standard input gave, an error too, where it is among the files that were read to their end.
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
    failed : DataError or None
        Why its file gives nothing more; the outcome says it too.
    """

    outcome: Outcome
    after: Start
    offset: int
    failed: DataError | None = None


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


def behind_failure(last: Start, reject: Reject, *, is_stdin: bool) -> Start:
    """Give the place behind a file that cannot be read on from its last place; standard input's keeps its words."""
    digest = blake2b(last.digest.encode() + _content(reject), digest_size=16).hexdigest() if is_stdin else ""
    return Start(last.file + 1, stdin=last.stdin + digest)


def read_past(
    steps: Iterator[Step], start: Start, *, whole: bool, is_stdin: bool, source: str, stop: Callable[[], bool]
) -> Start | None:
    """Read once more what is known of a file, and compare.

    Parameters
    ----------
    whole : bool
        All of the file is known, which can be told of standard input alone; otherwise ``start.outcomes`` of it.
    stop : callable
        Asked after each outcome.

    Returns
    -------
    Start or None
        The place behind what is known; None if it was told to stop before.

    Raises
    ------
    ChangedError
        If it is not what it was.
    DataError
        If the file cannot be read now.
    """
    after, cut = Start(), None
    for step in islice(steps, None if whole else start.outcomes):
        if step.failed is not None and not is_stdin:
            raise DataError(f"{step.failed} Once it can be read, the run goes on behind what is known of it.")
        if stop():
            return None
        after, cut = step.after, step.outcome if isinstance(step.outcome, CutOff) else None
    if whole:
        same = start.stdin.startswith(after.stdin + after.digest)
    else:
        same = after.outcomes == start.outcomes and start.digest in ("", after.digest)
    if not same and cut is not None and not is_stdin:  # a connection that broke, say, is no other content
        raise DataError(f"{source}: {cut.reason} Once it can be read, the run goes on behind what is known of it.")
    if not same:
        raise ChangedError(source)
    return after


def _content(outcome: Outcome) -> bytes:
    if isinstance(outcome, Reject):
        parts = [outcome.reason]
    else:
        article = outcome.article
        parts = [outcome.id or "", outcome.date or "", outcome.outlet or "", article.title or "", article.text]
    return "\0".join([outcome.position, *parts, ""]).encode("utf-8", "surrogatepass")
