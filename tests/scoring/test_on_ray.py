"""The engine for many machines, on clusters of several nodes that all live on this one."""

import _thread
import asyncio
import contextlib
import json
import subprocess
import sys
import threading
import time
from importlib.util import find_spec
from pathlib import Path
from queue import SimpleQueue
from types import SimpleNamespace

import pytest

pa = pytest.importorskip("pyarrow")
pq = pytest.importorskip("pyarrow.parquet")

from newslean.errors import DataError, ModelError  # noqa: E402
from newslean.scoring import on_ray  # noqa: E402
from newslean.scoring.job import Job  # noqa: E402
from newslean.scoring.pieces import cut  # noqa: E402
from newslean.scoring.ray_actors import Feed, RayScorer, pack, unpack  # noqa: E402
from newslean.scoring.run import score_dump  # noqa: E402
from newslean.scoring.scorer import ScorerSettings  # noqa: E402

ROOT = Path(__file__).resolve().parent.parent.parent
needs_ray = pytest.mark.skipif(find_spec("ray") is None, reason="Ray is not installed: pip install -e '.[ray]'")
TOWNS = ("Arlen", "Borva", "Cimbel", "Dorsk", "Elmira")


@pytest.fixture(scope="module")
def dump(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sixty articles; some lines are none."""
    lines = []
    for n in range(60):
        town = TOWNS[n % 5]
        text = f"Copper climbed {n} cents in {town}.\n\nRain fell there for {n} days.\n\nThe mayor of {town} slept."
        lines.append(json.dumps({"id": str(n), "title": f"News of {town}", "text": text}))
        lines += ["no JSON"] if n % 17 == 3 else []
    path = tmp_path_factory.mktemp("dump") / "dump.jsonl"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def settings(trained) -> ScorerSettings:
    return ScorerSettings(str(trained.path))


def job(dump: Path, out: Path, settings: ScorerSettings) -> Job:
    return Job(inputs=(str(dump),), out=out, settings=settings, piece_articles=2)


def files(out: Path) -> dict[str, bytes]:
    """Everything that a run has left."""
    return {path.name: path.read_bytes() for path in out.parent.iterdir()}


@pytest.fixture(scope="module")
def expected(dump: Path, settings: ScorerSettings, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    out = tmp_path_factory.mktemp("local") / "result.parquet"
    score_dump(job(dump, out, settings))
    found = files(out)
    ends = ("articles.parquet", "parquet", "parquet.rejects.jsonl", "parquet.run.json")
    assert sorted(found) == [f"result.{end}" for end in ends]
    assert pq.read_metadata(out).num_rows == 180
    return found


@pytest.fixture
def cluster():
    """A head that scores nothing, and two nodes of one core."""
    import ray
    from ray.cluster_utils import Cluster

    sizes = {"object_store_memory": 80 << 20}
    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False, **sizes})
    for _ in range(2):
        made.add_node(num_cpus=1, **sizes)
    yield made
    ray.shutdown()
    with contextlib.suppress(Exception):
        made.shutdown()


@needs_ray
def test_a_node_killed_midway_changes_nothing(cluster, dump, settings, expected, tmp_path):
    """The command line first, with all nodes; then a run that loses one."""
    out = tmp_path / "all" / "result.parquet"
    out.parent.mkdir()
    words = [str(dump), "--out", str(out), "--model", settings.model, "--batch-size", "2"]
    done = subprocess.run(
        [sys.executable, "predict.py", *words, "--engine", "ray", "--address", cluster.address, "--workers", "2"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (1, ""), done.stderr
    assert files(out) == expected
    assert "Traceback" not in done.stderr

    lost = next(iter(cluster.worker_nodes))

    def homes():
        from ray._private.state import actors  # the public way asks a dashboard, which there is not

        return {actor["Address"]["NodeID"] for actor in actors().values() if actor["State"] == "ALIVE"}

    def engine(pieces, settings):
        for n, scored in enumerate(on_ray.score_on_ray(pieces, settings, address=cluster.address)):
            if n == 3:  # more batches are under way than one actor may hold: the other has some once it is there
                limit = time.monotonic() + 120
                while lost.node_id not in homes():
                    assert time.monotonic() < limit
                    time.sleep(0.1)
                cluster.remove_node(lost, allow_graceful=False)
            yield scored

    out = tmp_path / "one lost" / "result.parquet"
    out.parent.mkdir()
    counts = score_dump(job(dump, out, settings), engine=engine)
    assert (counts.articles, counts.rejects) == (60, 4)
    assert files(out) == expected
    assert len(cluster.worker_nodes) == 1


@needs_ray
def test_no_thread_may_ask_ray_any_more_when_it_is_shut_down(dump, settings, expected, tmp_path, monkeypatch):
    """One that does ends the process, without a word and with the result not yet there."""
    import ray

    known, shut, left = {*threading.enumerate()}, ray.shutdown, []

    def shutdown():
        left.append({thread.name for thread in {*threading.enumerate()} - known})
        shut()

    def engine(pieces, settings):
        for n, scored in enumerate(on_ray.score_on_ray(pieces, settings, address="local", actors=1)):
            time.sleep(0.3 * (n > 25))  # Ray Data has then filled its buffers, and its threads wait for room
            yield scored

    monkeypatch.setattr(ray, "shutdown", shutdown)
    out = tmp_path / "result.parquet"
    score_dump(job(dump, out, settings), engine=engine)
    assert files(out) == expected
    [names] = left
    assert names <= {"PythonGCThread", "ray_listen_error_messages", "Prefetcher"}, "the first two are Ray's own"


def test_threads_that_cannot_be_joined_are_not_waited_for():
    """Python knows the threads of other code by placeholders; a result may be given up in a later thread, too."""
    begun, end, found = threading.Event(), threading.Event(), []
    known = {*threading.enumerate()}

    def foreign():
        threading.current_thread()  # a placeholder from here on
        begun.set()
        end.wait(30)

    _thread.start_new_thread(foreign, ())
    assert begun.wait(30)
    own = threading.Thread(target=lambda: found.append(on_ray._wait_for_others(known)))
    own.start()
    own.join(30)
    end.set()
    assert found == [None]


@needs_ray
def test_a_node_with_another_newslean_is_refused(settings):
    with pytest.raises(ModelError, match=r"expected newslean 0\.0 with other, .* found "):
        RayScorer(settings=settings, feed=None, files=None, expected=("0.0", "other"))


@needs_ray
def test_where_no_cluster_answers_it_is_said_at_once():
    with pytest.raises(DataError, match=r"--address 127\.0\.0\.1:9: expected a Ray cluster; found none"):
        on_ray.check_ray("127.0.0.1:9")
    with pytest.raises(DataError, match="found Ray Client's"):
        on_ray.check_ray("ray://127.0.0.1:10001")


def test_without_ray_it_is_said_what_to_install(monkeypatch):
    for name in ("ray", "ray.data"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(DataError, match=r"--engine ray: expected Ray Data; .* pip install 'newslean\[dump,ray\]'"):
        on_ray.check_ray(None)


def test_an_address_is_for_ray_alone(dump, settings, tmp_path):
    from click.testing import CliRunner

    import predict

    words = [str(dump), "--out", str(tmp_path / "a.csv"), "--model", settings.model, "--address", "auto"]
    done = CliRunner().invoke(predict.main, words)
    assert done.exit_code == 2
    assert "--address auto: expected --engine ray; found --engine local" in done.stderr
    assert [*tmp_path.iterdir()] == []


def test_a_batch_comes_back_as_it_was():
    batch = pa.RecordBatch.from_pydict({"a": [[{"b": None, "c": "ü"}], None], "d": pa.array([1, None], pa.int32())})
    assert unpack(pack(batch)).equals(batch)


def test_a_batch_may_be_asked_for_again_until_it_is_done():
    batches = [pa.RecordBatch.from_pydict({"n": [n]}) for n in range(3)]

    async def use() -> None:
        feed = Feed()
        waiting = asyncio.create_task(feed.take(1))
        await feed.give(0, batches[0], 0)
        await asyncio.sleep(0)
        assert not waiting.done()
        await feed.give(1, batches[1], 0)
        assert (await waiting).equals(batches[1])
        assert (await feed.take(0)).equals(batches[0])
        late = asyncio.create_task(feed.take(3))
        await feed.give(2, batches[2], 1)  # the result of batch 0 has arrived
        assert len(feed._batches) == 2
        assert (await feed.take(1)).equals(batches[1])
        await feed.give(3, None, 1)
        assert await late is None

    asyncio.run(asyncio.wait_for(use(), timeout=10))


def test_the_feed_says_whether_somebody_waits():
    batch = pa.RecordBatch.from_pydict({"n": [5]})

    async def use() -> None:
        feed = Feed()
        assert not await feed.starved()
        waiting = asyncio.create_task(feed.take(5))
        await asyncio.sleep(0)
        assert await feed.starved()
        await feed.give(5, batch, 0)
        assert (await waiting).equals(batch)
        assert not await feed.starved()
        gone = asyncio.create_task(feed.take(6))
        await asyncio.sleep(0)
        gone.cancel()
        await asyncio.gather(gone, return_exceptions=True)
        assert not await feed.starved()

    asyncio.run(asyncio.wait_for(use(), timeout=10))


@needs_ray
def test_what_the_reader_raises_reaches_the_caller():
    def broken():
        raise DataError("no dump")
        yield

    run = object.__new__(on_ray._Run)  # of a cluster that nothing is asked of
    run.room, run.most, run.under_way, run.asked = threading.Condition(), 1, 0, float("inf")
    run.read, run.done, run.left = SimpleQueue(), 0, False
    with pytest.raises(DataError, match="no dump"):
        list(run.score(cut(broken(), first=0)))


@needs_ray
@pytest.mark.parametrize(
    ("starved", "asked", "come", "given"),
    [(True, True, False, 6), (False, True, False, 2), (True, False, False, 2), (True, True, True, 2)],
)
def test_more_is_read_where_a_lost_result_waits_behind_a_later_batch(monkeypatch, starved, asked, come, given):
    """An actor that waits for what there is no room for would never get to what is done anew, and waited for."""
    import ray

    class Call:
        def __init__(self, work):
            self.remote = work

    got = []
    monkeypatch.setattr(ray, "get", lambda answer: answer)
    monkeypatch.setattr(on_ray, "STALL", 0.0)
    monkeypatch.setattr(on_ray, "PATIENCE", 0.01)
    run = object.__new__(on_ray._Run)  # of a cluster that answers at once

    def answer() -> bool:
        if come:  # the result, while this was being asked
            run._ask(float("inf"))
        return starved

    run.feed = SimpleNamespace(give=Call(lambda number, batch, done: got.append(number)), starved=Call(answer))
    run.room, run.most, run.under_way, run.asked = threading.Condition(), 2, 0, 0.0 if asked else float("inf")
    run.read, run.done, run.left = SimpleQueue(), 0, False
    batch = pa.RecordBatch.from_pydict({"n": [1]})
    reader = threading.Thread(target=run._read, args=([SimpleNamespace(batch=batch)] * 6,), daemon=True)
    reader.start()
    reader.join(timeout=2 if given < 6 else 60)
    assert reader.is_alive() == (given < 6)
    assert got[:6] == [*range(given)]
    assert run.under_way == given  # what was read without room counts: there is none until it has come back
    run.left = True
    reader.join(timeout=60)
