"""Runs that are killed. Each life of a run is a process of its own, forked from this one, which has loaded all
libraries and done nothing yet.

    python lives.py moments MODEL DUMP FOLDER KILLS    kill at random moments until there were so many
    python lives.py events MODEL DUMP FOLDER           kill before each thing that is done to a file
"""

import os
import random
import signal
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path

import pyarrow

from newslean.dump import Record, open_dump
from newslean.gate import hash_texts
from newslean.scoring import merge, run
from newslean.scoring.job import Job
from newslean.scoring.scorer import ScorerSettings
from newslean.splitting import split_sentences
from newslean.tagger import Tagger

EVENTS = {"os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.chmod"}


def live(job: Job, on_tick: Callable[[], object]) -> int:
    """Begin a life that tells whenever it has scored something or is about to do something to a file of the job."""
    child = os.fork()
    if child:
        return child
    folder = str(job.out.parent)

    def watch(event: str, arguments: tuple[object, ...]) -> None:
        writes = event == "open" and int(str(arguments[2])) & (os.O_WRONLY | os.O_RDWR)
        if (event in EVENTS or writes) and str(arguments[0]).startswith(folder):
            on_tick()

    try:
        sys.addaudithook(watch)
        run.score_dump(job, on_progress=lambda _: on_tick())
        os._exit(0)
    except BaseException:  # noqa: BLE001
        traceback.print_exc()
        os._exit(70)


def whole_life(job: Job) -> None:
    """Live without a kill."""
    end_of(live(job, lambda: None))


def killed_before(job: Job, tick: int) -> bool:
    """Live until a tick; False if there are not so many."""
    left = [tick]

    def count() -> None:
        left[0] -= 1
        if not left[0]:
            os.kill(os.getpid(), signal.SIGKILL)

    return not end_of(live(job, count))


def killed_behind(job: Job, tick: int, seconds: float) -> bool:
    """Live until some time after a tick; False if the end came first."""
    reading, writing = os.pipe()
    child = live(job, lambda: os.write(writing, b"."))
    os.close(writing)
    with os.fdopen(reading, "rb", buffering=0) as ticks:
        while tick and ticks.read(1):
            tick -= 1
    time.sleep(seconds)
    os.kill(child, signal.SIGKILL)
    return not end_of(child)


def end_of(child: int) -> bool:
    """Wait for a life's end: True if it came by itself, False if by a kill."""
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if status not in (0, -signal.SIGKILL):
        raise SystemExit(f"a life ended with {status}")
    return status == 0


def shards(job: Job) -> dict[str, tuple[int, int]]:
    """Give what tells whether a finished shard was written again."""
    return {p.name: (p.stat().st_ino, p.stat().st_mtime_ns) for p in job.beside(".work").glob("shard-*.parquet")}


def check_kept(before: dict[str, tuple[int, int]], job: Job) -> None:
    """Check that no finished shard was written again; they all go once the result stands."""
    after = shards(job)
    if any(after.get(name, facts) != facts for name, facts in before.items()):
        raise SystemExit("a finished shard was written again")
    if not before.keys() <= after.keys() and not job.out.exists():
        raise SystemExit("a finished shard was lost")


def check_names(job: Job) -> None:
    """Check that nothing stands beside the result but its own files."""
    ours = {job.out, job.articles, *map(job.beside, (".rejects.jsonl", ".run.json", ".work"))}
    if others := {*job.out.parent.iterdir()} - ours:
        raise SystemExit(f"left behind: {others}")


def at_moments(job: Job, kills: int) -> None:
    """Kill at random moments, again and again; whenever a run reaches its end, compare and begin anew."""
    draw = random.Random(4)  # noqa: S311 - no secret
    whole_life(job)
    whole = taken(job)
    done = results = further = 0
    while done < kills:
        before = shards(job)
        killed = killed_behind(job, draw.randint(0, 40), draw.uniform(0, 0.004))
        done += killed
        check_kept(before, job)
        check_names(job)
        further += len(shards(job)) > len(before)
        if not killed or done == kills:
            whole_life(job)
            if taken(job) != whole:
                raise SystemExit("another result than without kills")
            results += 1
    print(f"{done} kills, {results} results, {further} lives that came further")


def at_events(job: Job) -> None:
    """Kill before each thing that is done; each time, go on to the end and compare."""
    whole_life(job)
    whole, tick = taken(job), 1
    while killed_before(job, tick):
        before = shards(job)
        check_names(job)
        whole_life(job)
        check_kept(before, job)
        check_names(job)
        if taken(job) != whole:
            raise SystemExit(f"another result than without kills, with one before tick {tick}")
        tick += 1
    print(f"{tick - 1} kills")


def taken(job: Job) -> dict[str, bytes]:
    """Read what stands in the job's folder, and remove it."""
    found = {}
    for path in job.out.parent.iterdir():
        found[path.name] = path.read_bytes()
        path.unlink()
    return found


if __name__ == "__main__":
    how, model, dump, folder, *rest = sys.argv[1:]
    work = Path(folder)
    work.mkdir()
    # What each life would otherwise load and compute anew.
    pyarrow.array([0])  # which imports pandas, if it is there
    Tagger.load(model)
    hash_texts(["word"])
    for outcome in open_dump(dump):
        if isinstance(outcome, Record):
            split_sentences(outcome.article.text)
    run.SHARD_ARTICLES, merge.ROWS = 4, 50
    task = Job((dump,), work / "out.jsonl", ScorerSettings(model), piece_articles=2)
    if how == "moments":
        at_moments(task, int(rest[0]))
    else:
        at_events(task)
