"""Workers that are processes: their order, their end, and what they say when something is wrong."""

import os
import signal
import time
from collections.abc import Iterator
from multiprocessing import active_children
from pathlib import Path

import psutil
import pytest

from newslean.articles import Article
from newslean.dump.records import Record, Reject
from newslean.dump.steps import Start, Step
from newslean.errors import ModelError, NewsleanError
from newslean.scoring.local import UNDER_WAY, score_locally
from newslean.scoring.pieces import Piece, cut
from newslean.scoring.scorer import ScorerSettings
from tests.scoring.dumps import articles, make_model


def pieces(number: int = 24) -> Iterator[Piece]:
    """Pieces of one article, every fourth of a reject alone."""
    steps = []
    for n, row in enumerate(articles(number, seed=9), 1):
        record = Record(Article("d", row["text"]), row["id"], None, None, "")
        steps.append(Step(Reject("d", str(n), "") if n % 4 == 0 else record, Start(0, n), 0))
    for step in steps:
        yield from cut([step], first=step.after.outcomes)


def children() -> list[psutil.Process]:
    """Workers of this process; the tracker of their locks stays for the next ones."""
    return [p for p in psutil.Process().children(recursive=True) if "resource_tracker" not in " ".join(p.cmdline())]


def assert_gone(processes: list[psutil.Process]) -> None:
    _, alive = psutil.wait_procs(processes, timeout=20)
    assert alive == []


def test_results_come_in_order_and_reading_is_bounded(model: Path):
    settings, before, read = ScorerSettings(str(model)), children(), []

    def counted() -> Iterator[Piece]:
        for piece in pieces():
            read.append(piece)
            yield piece

    expected = [*score_locally(pieces(), settings, workers=1)]
    found = []
    for scored in score_locally(counted(), settings, workers=2):
        found.append(scored)
        assert len(read) - len(found) < UNDER_WAY * 2
    assert [piece.after for piece, _ in found] == [piece.after for piece, _ in expected]
    for (_, one), (_, other) in zip(found, expected, strict=True):
        assert one is None if other is None else one.equals(other)
    assert children() == before


@pytest.mark.parametrize("workers", [1, 2])
def test_a_model_that_does_not_load_is_told_as_it_is(tmp_path: Path, schema, capfd, workers: int):
    broken = make_model(tmp_path, schema)
    (broken / "vocabulary.json").write_text("{}")
    with pytest.raises(ModelError, match=r"vocabulary\.json: expected SHA-256"):
        [*score_locally(pieces(), ScorerSettings(str(broken)), workers=workers)]
    assert capfd.readouterr().err == ""


def large_pieces() -> Iterator[Piece]:
    """Batches that take most of a second, and are larger than what a pipe holds."""
    text = "Copper climbed in Arlen. " * 8_000
    steps = [Step(Record(Article("d", text), None, None, None, ""), Start(0, n), 0) for n in range(12)]
    return cut(steps, first=0, articles=1)


@pytest.mark.parametrize("large", [False, True])
def test_a_worker_that_is_killed(model: Path, large: bool):
    before = children()
    scored = score_locally(large_pieces() if large else pieces(200), ScorerSettings(str(model)), workers=2)
    next(scored)
    workers = [p for p in children() if p not in before]
    os.kill(workers[0].pid, signal.SIGKILL)
    with pytest.raises(NewsleanError, match="found that one has ended"):
        list(scored)
    assert_gone(workers)


def test_who_stops_early_waits_for_nothing(model: Path):
    """What is under way is given up, and the workers go."""
    scored = score_locally(large_pieces(), ScorerSettings(str(model)), workers=2)
    next(scored)
    workers = active_children()
    scored.close()
    assert len(workers) == 2
    assert any(worker.exitcode for worker in workers)  # 0 for one that has done all its work


def test_an_error_of_reading_ends_the_workers(model: Path):
    def failing() -> Iterator[Piece]:
        yield from pieces(12)
        raise NewsleanError("unreadable")

    before = children()
    with pytest.raises(NewsleanError, match="unreadable"):
        [*score_locally(failing(), ScorerSettings(str(model)), workers=2)]
    assert_gone([p for p in children() if p not in before])


def test_interrupts_are_the_main_process_own(model: Path):
    """Held back while a worker starts, so that none is born with it; and not lost."""
    come = []
    before = signal.signal(signal.SIGINT, lambda number, _: come.append(number))
    try:
        others = children()
        scored = score_locally(pieces(), ScorerSettings(str(model)), workers=2)
        first = next(scored)
        workers = [p for p in children() if p not in others]
        for pid in (os.getpid(), *(worker.pid for worker in workers)):
            os.kill(pid, signal.SIGINT)
        assert len([first, *scored]) == 24
        limit = time.monotonic() + 10
        while not come and time.monotonic() < limit:
            time.sleep(0.01)
    finally:
        signal.signal(signal.SIGINT, before)
    assert come == [signal.SIGINT]
    assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, [])
