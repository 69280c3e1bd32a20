"""Scoring on a Ray cluster: an actor a core, a few batches under way, results in the order of the dump.

Knows Ray, an extra; knows neither what is read nor where results go. The dump
is read where the run was started. Ray Data only hands out the numbers of
batches: whoever scores one asks for it by its number, and may ask again, so
that what a dying node had begun is done anew elsewhere.
"""

import logging
import threading
import time
from collections.abc import Generator, Iterable, Iterator
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import Any

import pyarrow as pa

from newslean.errors import NewsleanError
from newslean.scoring.local import Scored
from newslean.scoring.pieces import Piece
from newslean.scoring.ray_actors import Feed, RayScorer, model_files, unpack, versions
from newslean.scoring.ray_cluster import cause, check_ray, connect, lost
from newslean.scoring.scorer import ScorerSettings, check_model

UNDER_WAY = 4
"""Batches per actor that are read ahead: enough that none waits, few enough that memory stays bounded."""

ROUND = 512
"""Batches per actor after which Ray Data begins anew, and every actor with it: minutes of work for seconds of loss."""

SHARE = 0.5
"""Of a core, that an actor claims: half of the nodes may die, and the rest still has room for all actors."""

STALL = 5.0
"""Seconds that a result may be waited for until more is read than there is room for, if an actor waits for that."""

LEAVING = 5.0
"""Seconds that threads have to end."""

PATIENCE = 0.2
"""Seconds between two looks at whether to go on waiting."""


def score_on_ray(
    pieces: Iterable[Piece], settings: ScorerSettings, *, address: str | None = None, actors: int | None = None
) -> Iterator[Scored]:
    """Score pieces on a Ray cluster and yield them in their order.

    Parameters
    ----------
    settings : ScorerSettings
        The model's folder need only be on this machine: its files are sent to the actors.
    address : str, optional
        As for `ray.init`; where not given that of ``RAY_ADDRESS``, or a cluster that is started on this machine. A
        connection that is open already is used.
    actors : int, optional
        Processes in the whole cluster, each with a model of its own; one a core where not given.

    Raises
    ------
    DataError
        If Ray is not installed, or no cluster answers.
    NewsleanError
        If the cluster fails in a way that it does not mend itself.
    """
    check_ray(address)
    import ray

    own = not ray.is_initialized()
    try:
        if own:
            connect(address)
        actors = actors or max(1, int(ray.cluster_resources().get("CPU", 1)))
        yield from _Run(settings, actors).score(pieces)
    except ray.exceptions.RayTaskError as error:
        raise cause(error) from None
    except (ray.exceptions.RayError, ConnectionError) as error:
        raise lost(error) from None
    finally:
        if own:
            ray.shutdown()


class _Run:
    """One dump on a cluster that is connected."""

    def __init__(self, settings: ScorerSettings, actors: int) -> None:
        import ray
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
        options = {"num_cpus": 0, "scheduling_strategy": here, "max_concurrency": 100 + 4 * actors}
        self.actors = actors
        self.feed = ray.remote(Feed).options(**options).remote()
        files = model_files(settings.model)
        check_model(settings)
        self.kwargs = {
            "settings": settings,
            "feed": self.feed,
            "files": ray.put(files),
            "expected": versions(),
        }
        self.room, self.most, self.under_way = threading.Condition(), UNDER_WAY * actors, 0
        self.asked = float("inf")  # since when a result is waited for, or since more was read for its sake
        self.read: SimpleQueue[Piece | Exception | None] = SimpleQueue()
        self.done = 0
        self.left = False

    def score(self, pieces: Iterable[Piece]) -> Iterator[Scored]:
        """Read in a thread of its own, and yield what comes back."""
        reader = threading.Thread(target=self._read, args=(pieces,), daemon=True)
        reader.start()
        known = {*threading.enumerate()}
        results = self._results()
        try:
            while (piece := self._next()) is not None:
                result = None
                if piece.batch is not None:
                    self._ask(time.monotonic())
                    result = next(results)
                    self._ask(float("inf"))
                    self.done += 1
                with self.room:
                    self.under_way -= 1
                    self.room.notify()
                yield piece, result
        finally:
            self.left = True
            results.close()
            reader.join(timeout=LEAVING)
            _wait_for_others(known)

    def _ask(self, since: float) -> None:
        with self.room:  # the reader may be about to write it, too
            self.asked = since

    def _next(self) -> Piece | None:
        while True:
            with suppress(Empty):  # a wait without end could not be interrupted
                found = self.read.get(timeout=PATIENCE)
                if isinstance(found, Exception):
                    raise found
                return found

    def _read(self, pieces: Iterable[Piece]) -> None:
        """Give what is read to the feed, never more than there is room for."""
        import ray

        number = 0
        try:
            for piece in pieces:
                self._wait_for_room()
                if self.left:
                    return
                if piece.batch is not None:
                    ray.get(self.feed.give.remote(number, piece.batch, self.done))
                    number += 1
                self.read.put(piece)
            ray.get(self.feed.give.remote(number, None, self.done))
            self.read.put(None)
        except Exception as error:  # noqa: BLE001 - told to the thread that asks
            self.read.put(error)

    def _wait_for_room(self) -> None:
        """Wait until a piece more may be under way, the caller has left, or the run stands still without it."""
        while True:
            with self.room:
                if self.room.wait_for(lambda: self.left or self.under_way < self.most, timeout=PATIENCE):
                    break
            if self._stands_still():
                break
        with self.room:
            self.under_way += 1

    def _stands_still(self) -> bool:
        """Say whether a result has been waited for too long while an actor waits for a batch.

        What a dying node took with it is done anew by an actor that may have begun with a later batch, and waits for
        that: it would not be read before the lost result has come.
        """
        import ray

        asked = self.asked
        if time.monotonic() - asked < STALL or not ray.get(self.feed.starved.remote()):
            return False
        with self.room:
            if self.asked != asked:  # the result has come meanwhile
                return False
            self.asked = time.monotonic()
        return True

    def _results(self) -> Generator[pa.RecordBatch, None, None]:
        """Yield the results of batch 0, 1, ... without end: the caller knows when it has all."""
        number = 0
        while True:
            rows = iter(
                self._dataset(number, ROUND * self.actors).iter_batches(batch_size=None, batch_format="pyarrow")
            )
            try:
                for table in rows:
                    for row in table.to_pylist():
                        if row["number"] != number or not row["result"]:
                            raise NewsleanError(f"expected result {number} of the cluster; found {row['number']}.")
                        yield unpack(row["result"])
                        number += 1
            finally:
                rows.close()

    def _dataset(self, first: int, count: int) -> Any:
        """Let Ray Data score a run of batches: each number is a block, so that it goes to an actor by itself."""
        import ray.data

        logging.getLogger("ray.data").setLevel(logging.ERROR)
        numbers = ray.data.from_items([{"number": n} for n in range(first, first + count)], override_num_blocks=count)
        dataset = numbers.map_batches(
            RayScorer,
            batch_size=None,
            batch_format="pyarrow",
            compute=ray.data.ActorPoolStrategy(size=self.actors, max_tasks_in_flight_per_actor=2),
            fn_constructor_kwargs=self.kwargs,
            num_cpus=SHARE,
        )
        context = dataset.context
        context.execution_options.preserve_order = True
        context.execution_no_progress_timeout_s = -1  # a pipe may be slow, and an article long
        context.raise_original_map_exception = True
        context.enable_progress_bars = context.print_on_execution_start = False
        return dataset


def _wait_for_others(known: set[threading.Thread]) -> None:
    """Wait for the threads that Ray Data has begun: one that asks Ray when it is shut down ends the whole process."""
    end = time.monotonic() + LEAVING
    for thread in {*threading.enumerate()} - known - {threading.current_thread()}:
        # "Prefetcher" sleeps for good and asks no more; those of other code are no plain ones, and cannot be joined.
        if type(thread) is threading.Thread and thread.name != "Prefetcher":
            thread.join(timeout=max(0.0, end - time.monotonic()))
