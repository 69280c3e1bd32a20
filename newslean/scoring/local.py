"""Scoring on one machine: a process a core, a few batches under way, results in the order of the dump.

Knows processes; knows neither what is read nor where results go.
"""

import os
import signal
import sys
import threading
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait

import pyarrow as pa

from newslean.errors import NewsleanError
from newslean.scoring.pieces import Piece
from newslean.scoring.scorer import Scorer, ScorerSettings

UNDER_WAY = 3
"""Batches per worker that are read ahead: enough that none waits, few enough that memory stays bounded."""

Scored = tuple[Piece, pa.RecordBatch | None]
"""A piece, and its articles tagged; None if it has none."""

_scorer: Scorer | Exception | None = None


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
    context = get_context("spawn")
    leash, held = context.Pipe(duplex=False)  # its other end closes with this process, or before
    pool = ProcessPoolExecutor(workers, mp_context=context, initializer=_start, initargs=(settings, leash))
    try:
        waiting: deque[tuple[Piece, Future[pa.RecordBatch] | None]] = deque()
        for piece in pieces:
            waiting.append((piece, None if piece.batch is None else _submit(pool, piece.batch)))
            if len(waiting) >= UNDER_WAY * workers:
                yield _finished(*waiting.popleft())
        while waiting:
            yield _finished(*waiting.popleft())
    except BrokenProcessPool:
        _let_go(pool)
        raise NewsleanError(
            "expected the workers to go on; found that one has ended, as happens when memory runs out. "
            "The same command goes on where it was: give it fewer --workers."
        ) from None
    except BaseException:  # nobody waits for what is under way
        held.close()
        _let_go(pool)
        raise
    finally:
        pool.shutdown(cancel_futures=True)
        held.close()
        leash.close()


def _let_go(pool: ProcessPoolExecutor) -> None:
    """Have a pool write no more to workers that are ending.

    Before Python 3.11.5 it waits for ever for a large batch to be read that was half written when its workers ended
    (CPython issue 94777).
    """
    if sys.version_info < (3, 11, 5):
        pool._call_queue._reader.close()  # type: ignore[attr-defined,unused-ignore]


def _submit(pool: ProcessPoolExecutor, batch: pa.RecordBatch) -> "Future[pa.RecordBatch]":
    """Hand a batch to a worker, which may start one: interrupts are held back, and a worker never gets any."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        return pool.submit(_score, batch)
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        return pool.submit(_score, batch)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _finished(piece: Piece, future: "Future[pa.RecordBatch] | None") -> Scored:
    return piece, None if future is None else future.result()


def _start(settings: ScorerSettings, leash: Connection) -> None:
    """Set a worker up. An interrupt is the main process's to answer; a worker without one has nothing to do."""
    global _scorer
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with, args=(leash,), daemon=True).start()
    try:
        _scorer = Scorer(settings, threads=1)
    except Exception as error:  # noqa: BLE001 - told with the first batch: here it would only break the pool
        _scorer = error


def _end_with(leash: Connection) -> None:
    wait([leash])
    os._exit(1)


def _score(batch: pa.RecordBatch) -> pa.RecordBatch:
    if not isinstance(_scorer, Scorer):
        raise _scorer or RuntimeError("a worker was asked before it was set up")
    return _scorer(batch)
