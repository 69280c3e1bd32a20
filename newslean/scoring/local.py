"""Scoring on one machine: a process a core, a few batches under way, results in the order of the dump.

Knows processes; knows neither what is read nor where results go.
"""

import os
import signal
import threading
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context, parent_process

import pyarrow as pa

from newslean.errors import NewsleanError
from newslean.scoring.pieces import Piece
from newslean.scoring.scorer import Scorer, ScorerSettings

UNDER_WAY = 3
"""Batches per worker that are read ahead: enough that none waits, few enough that memory stays bounded."""

Scored = tuple[Piece, pa.RecordBatch | None]
"""A piece, and its articles tagged; None if it has none."""

_scorer: Scorer | None = None


def score_locally(pieces: Iterable[Piece], settings: ScorerSettings, *, workers: int) -> Iterator[Scored]:
    """Score pieces on this machine and yield them in their order.

    Parameters
    ----------
    workers : int
        Processes, each with a model of its own; with one, this process does the work.

    Raises
    ------
    NewsleanError
        If a worker ends, as when memory runs out.
    """
    if workers == 1:
        scorer = Scorer(settings, threads=1)
        for piece in pieces:
            yield piece, None if piece.batch is None else scorer(piece.batch)
        return
    # Spawned, not forked: the libraries behind a model have threads of their own.
    pool = ProcessPoolExecutor(workers, mp_context=get_context("spawn"), initializer=_start, initargs=(settings,))
    try:
        waiting: deque[tuple[Piece, Future[pa.RecordBatch] | None]] = deque()
        for piece in pieces:
            waiting.append((piece, None if piece.batch is None else pool.submit(_score, piece.batch)))
            if len(waiting) >= UNDER_WAY * workers:
                yield _finished(*waiting.popleft())
        while waiting:
            yield _finished(*waiting.popleft())
    except BrokenProcessPool:
        raise NewsleanError(
            "expected the workers to go on; found that one has ended, as happens when memory runs out. "
            "The same command goes on where it was: give it fewer --workers."
        ) from None
    finally:
        pool.shutdown(cancel_futures=True)


def _finished(piece: Piece, future: "Future[pa.RecordBatch] | None") -> Scored:
    return piece, None if future is None else future.result()


def _start(settings: ScorerSettings) -> None:
    """Set a worker up. An interrupt is the main process's to answer; a worker without one has nothing to do."""
    global _scorer
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    _scorer = Scorer(settings, threads=1)


def _end_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _score(batch: pa.RecordBatch) -> pa.RecordBatch:
    if _scorer is None:
        raise RuntimeError("a worker was asked before it was set up")
    return _scorer(batch)
