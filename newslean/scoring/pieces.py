"""From a stream of records to batches that are scored at once.

Knows what reading gives and how large a batch may be; knows no model.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

import pyarrow as pa

from newslean.dump import Record, Reject
from newslean.dump.steps import Start, Step
from newslean.scoring.tables import to_batch

PIECE_ARTICLES = 16
"""Articles of a batch, at most."""

PIECE_CHARACTERS = 100_000
"""Characters from which a batch is full."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A run of the dump that is scored at once.

    Attributes
    ----------
    batch : RecordBatch or None
        Its articles, as `to_batch` makes them; None if there are only rejects.
    rejects : list of Reject
        What could not be read in between.
    first, articles : int
        Number of the first article, and how many.
    after : Start
        Where reading goes on behind it.
    offset : int
        Byte of its file that the reader had come to.
    """

    batch: pa.RecordBatch | None
    rejects: list[Reject]
    first: int
    articles: int
    after: Start
    offset: int


@dataclass(slots=True)
class _Open:
    records: list[Record] = field(default_factory=list)
    rejects: list[Reject] = field(default_factory=list)
    characters: int = 0
    outcomes: int = 0


def cut(
    steps: Iterable[Step],
    *,
    first: int,
    articles: int = PIECE_ARTICLES,
    stop: Callable[[], bool] = lambda: False,
) -> Iterator[Piece]:
    """Cut a stream into pieces.

    Parameters
    ----------
    first : int
        Number of the first article.
    articles : int
        Articles of a piece, at most.
    stop : callable
        Asked after each step; once it says so, what was read is the last piece.
    """
    open_, last = _Open(), None
    for step in steps:
        if isinstance(step.outcome, Reject):
            open_.rejects.append(step.outcome)
        else:
            open_.records.append(step.outcome)
            open_.characters += len(step.outcome.article.text)
        open_.outcomes, last = open_.outcomes + 1, step
        if len(open_.records) >= articles or open_.characters >= PIECE_CHARACTERS or open_.outcomes >= 16 * articles:
            yield _close(open_, last, first)
            first, open_ = first + len(open_.records), _Open()
        if stop():
            break
    if open_.outcomes and last is not None:
        yield _close(open_, last, first)


def _close(open_: _Open, last: Step, first: int) -> Piece:
    batch = to_batch(open_.records, first) if open_.records else None
    return Piece(batch, open_.rejects, first, len(open_.records), last.after, last.offset)
