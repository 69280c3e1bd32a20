"""Where a stream is cut."""

from collections.abc import Iterator

import pytest

from newslean.articles import Article
from newslean.dump.records import Outcome, Record, Reject
from newslean.dump.steps import Start, Step
from newslean.scoring.pieces import PIECE_CHARACTERS, Piece, cut


def steps(kinds: str, *, size: int = 1) -> Iterator[Step]:
    """An article for an a, a reject for an r."""
    for n, kind in enumerate(kinds, 1):
        outcome: Outcome = (
            Reject("x", str(n), "") if kind == "r" else Record(Article("x", "a" * size), None, None, None, str(n))
        )
        yield Step(outcome, Start(0, n), n * 10)


def shape(pieces: Iterator[Piece]) -> list[tuple[int, int, int, int, int]]:
    """First article, articles, rejects, outcomes behind it, offset."""
    return [(p.first, p.articles, len(p.rejects), p.after.outcomes, p.offset) for p in pieces]


def test_by_articles():
    found = [*cut(steps("aarara"), first=5, articles=2)]
    assert shape(iter(found)) == [(5, 2, 0, 2, 20), (7, 2, 2, 6, 60)]
    assert [p.batch.column("article").to_pylist() for p in found if p.batch] == [[5, 6], [7, 8]]
    assert [p.batch.column("position").to_pylist() for p in found if p.batch] == [["1", "2"], ["4", "6"]]


def test_by_size():
    assert shape(cut(steps("aaa", size=PIECE_CHARACTERS // 2), first=0)) == [(0, 2, 0, 2, 20), (2, 1, 0, 3, 30)]


def test_rejects_alone():
    found = [*cut(steps("r" * 40), first=3, articles=2)]
    assert [(p.first, len(p.rejects), p.batch) for p in found] == [(3, 32, None), (3, 8, None)]
    assert [*cut(iter([]), first=0)] == []


@pytest.mark.parametrize("number", [1, 2, 3])
def test_stopped(number: int):
    asked = iter(range(1, 9))
    read: list[Step] = []
    source = (read.append(step) or step for step in steps("aaaaaa"))  # type: ignore[func-returns-value]
    found = [*cut(source, first=0, articles=2, stop=lambda: next(asked) >= number)]
    assert sum(p.articles for p in found) == number == len(read)
