"""Shards that are there or not, and a folder that belongs to a run."""

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from newslean.dump import Reject
from newslean.dump.steps import Start
from newslean.errors import DataError, NewsleanError
from newslean.scoring.work import Counts, Shard, Work

CLAIM = {"format": 1}
REJECT = Reject("a.jsonl", "line 3", "expected\udcff")


def begun(folder: Path) -> Work:
    work = Work(folder)
    folder.mkdir(exist_ok=True)
    work.begin(CLAIM, [{"source": "a"}])
    return work


def shard(number: int, *, rejects: int = 0) -> Shard:
    batch = pa.RecordBatch.from_pydict({"n": [number, number]})
    return Shard([batch, batch], [REJECT] * rejects, Start(0, number, "d"), Counts(4, 9, 2, rejects))


def numbers(work: Work) -> list[int]:
    return [pq.read_table(path)["n"][0].as_py() for path in work.shards() if pq.read_schema(path).names]


def test_counts():
    assert Counts(1, 2, 3, 4) + Counts(10, 20, 30, 40) == Counts(11, 22, 33, 44)


def test_shards_are_found_again(tmp_path: Path):
    work = begun(tmp_path / "work")
    work.add(shard(1, rejects=2))
    work.add(Shard(rejects=[REJECT], after=Start(1, 1, "e"), counts=Counts(rejects=1)))
    work.add(shard(2))
    for again in (work, begun(tmp_path / "work")):
        assert numbers(again) == [1, 2]
        assert again.counts == Counts(8, 18, 4, 3)
        assert again.start == Start(0, 2, "d")
        lines = [json.loads(line) for line in again.rejects()]
        assert lines == [{"source": "a.jsonl", "position": "line 3", "reason": "expected\udcff"}] * 3


def test_what_a_kill_leaves_is_cleared_away(tmp_path: Path):
    work = begun(tmp_path / "work")
    work.add(shard(1))
    for name in (".shard-000001.parquet.abc.part", "made.csv", ".made.csv.abc.part"):
        (work.folder / name).write_bytes(b"half")
    (work.folder / "shard-000001.rejects.jsonl").write_bytes(b"{}\n")  # its table never came
    again = begun(tmp_path / "work")
    assert sorted(p.name for p in again.folder.iterdir()) == ["inputs.jsonl", "manifest.json", "shard-000000.parquet"]
    again.add(shard(2))
    assert list(again.rejects()) == []


def test_shards_behind_a_gap_are_made_again(tmp_path: Path):
    work = begun(tmp_path / "work")
    for number in range(4):
        work.add(shard(number, rejects=1))
    (work.folder / "shard-000001.parquet").unlink()
    again = begun(tmp_path / "work")
    assert numbers(again) == [0]
    again.add(shard(7))
    assert numbers(begun(tmp_path / "work")) == [0, 7]
    assert len(list(again.rejects())) == 1


@pytest.mark.parametrize("content", [b"", b"PAR1", b"PAR1" * 100])
def test_a_damaged_shard_is_told(tmp_path: Path, content: bytes):
    work = begun(tmp_path / "work")
    work.add(shard(1))
    work.add(shard(2))
    path = work.folder / "shard-000001.parquet"
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"shard-000001\.parquet: expected a finished shard; .*Remove it"):
        begun(tmp_path / "work")


@pytest.mark.parametrize("facts", [None, {}, {"after": {}}, {"after": {"x": 1}, "counts": {}}])
def test_a_table_that_is_no_shard_is_told(tmp_path: Path, facts: object):
    work = begun(tmp_path / "work")
    metadata = None if facts is None else {"newslean": json.dumps(facts)}
    pq.write_table(pa.table({"a": [1]}).replace_schema_metadata(metadata), work.folder / "shard-000000.parquet")
    with pytest.raises(DataError, match="expected a finished shard"):
        begun(tmp_path / "work")


def test_begun_for_something_else(tmp_path: Path):
    work = begun(tmp_path / "work")
    other = Work(tmp_path / "work")
    other.begin({"format": 2}, [])  # nothing was done yet
    other.add(shard(1))
    with pytest.raises(DataError, match="format: then 2, now 1"):
        work.begin(CLAIM, [])
    assert numbers(other) == [1]


def test_a_folder_that_is_no_work_is_left_alone(tmp_path: Path):
    folder = tmp_path / "work"
    folder.mkdir()
    (folder / "letter.txt").write_text("mine")
    with pytest.raises(DataError, match=r"found letter\.txt"), Work(folder).held():
        pass
    assert [path.name for path in folder.glob("*.txt")] == ["letter.txt"]


def test_a_folder_in_which_nothing_was_done_goes(tmp_path: Path):
    work = Work(tmp_path / "work")
    with work.held():
        pass
    assert not work.folder.exists()
    with pytest.raises(NewsleanError, match="expected"), work.held():
        work.begin(CLAIM, iter([{"source": float("nan")}]))  # which has no JSON
    assert not work.folder.exists()
    with work.held():
        work.begin(CLAIM, [{"source": "a"}])
        work.add(shard(1))
    assert numbers(begun(work.folder)) == [1]


def test_published_whole(tmp_path: Path):
    work = begun(tmp_path / "work")
    work.publish(tmp_path / "out.csv", lambda path: path.write_text("a"))  # type: ignore[arg-type, return-value]
    assert (tmp_path / "out.csv").read_text() == "a"
    (tmp_path / "taken.csv").mkdir()
    with pytest.raises(DataError, match=r"taken\.csv: expected to write there"):
        work.publish(tmp_path / "taken.csv", lambda path: path.write_text("a"))  # type: ignore[arg-type, return-value]
