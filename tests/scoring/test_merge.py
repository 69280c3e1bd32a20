"""Rows of shards to tables, cut where the table wants it."""

import csv
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from newslean.errors import DataError
from newslean.scoring import FORMATS, merge
from newslean.scoring.merge import articles_in, sentences_in, write_rows
from newslean.scoring.tables import sentence_fields

COLUMNS = pa.schema(
    [pa.field("a", pa.int32()), pa.field("text", pa.string()), pa.field("label_topic", pa.list_(pa.string()))]
)


def batches(*sizes: int) -> list[pa.RecordBatch]:
    start, found = 0, []
    for size in sizes:
        numbers = range(start, start + size)
        labels = [["metals", "weather"][: n % 3] for n in numbers]
        texts = [None if n % 5 == 0 else f'{n} "x",\n\x00é' for n in numbers]
        found.append(pa.RecordBatch.from_arrays([pa.array(numbers, pa.int32()), texts, labels], schema=COLUMNS))
        start += size
    return found


@pytest.mark.parametrize("suffix", [".parquet", ".csv"])
@pytest.mark.parametrize("total", [0, 9, 10, 11, 27])
def test_the_file_hangs_on_the_rows_alone(tmp_path: Path, schema, monkeypatch, suffix: str, total: int):
    monkeypatch.setattr(merge, "ROWS", 10)
    contents = set()
    for sizes in ([total], [1] * total, [0, total // 3, 0, total - total // 3], [total - total // 2, total // 2]):
        path = tmp_path / f"out{suffix}"
        write_rows(iter(batches(*sizes)), COLUMNS, path, schema, {"model": "m"})
        contents.add(path.read_bytes())
    sliced = batches(total + 4)[0]
    write_rows(
        iter([sliced.slice(0, total // 2), sliced.slice(total // 2, total - total // 2)]),
        COLUMNS,
        path,
        schema,
        {"model": "m"},
    )
    contents.add(path.read_bytes())
    assert len(contents) == 1
    if suffix == ".parquet":
        file = pq.ParquetFile(path)
        assert [file.metadata.row_group(n).num_rows for n in range(file.num_row_groups)] == [10] * (total // 10) + [
            total % 10
        ] * (total % 10 > 0)
        assert file.read().select(COLUMNS.names) == pa.Table.from_batches(batches(total), COLUMNS)
        assert file.schema_arrow.names == ["a", "text", "label_topic", "model"]
    else:
        rows = list(csv.reader(path.read_text(encoding="utf-8").splitlines(keepends=True)))
        assert rows[0] == ["a", "text", "label_topic", "model"]
        assert len(rows) == total + 1
        assert rows[1:][2:3] == [["2", '2 "x",\n\x00é', "metals|weather", "m"]] * (total > 0)


def test_nested_lines(tmp_path: Path, schema):
    names = [f"score_topic_{label}" for label in ("metals", "weather")]
    names += [f"score_mood_{label}" for label in ("rise", "fall", "mixed", "flat")]
    row = {"n": 3, "skipped": False, "text": "芯片\u2028", "label_topic": ["metals"], "label_mood": "rise"}
    row |= dict.fromkeys(names, 0.1) | {"model": "m", "splitter": "s"}
    skipped = row | {"skipped": True} | dict.fromkeys(names)
    fields = [pa.field(name, pa.float32()) for name in names]
    columns = pa.schema(
        [
            pa.field("n", pa.int32()),
            pa.field("skipped", pa.bool_()),
            pa.field("text", pa.string()),
            pa.field("label_topic", pa.list_(pa.string())),
            pa.field("label_mood", pa.string()),
            *fields,
        ]
    )
    plain = [{key: value for key, value in r.items() if key in columns.names} for r in (row, skipped)]
    path = tmp_path / "out.jsonl"
    write_rows([pa.RecordBatch.from_pylist(plain, columns)], columns, path, schema, {"model": "m", "splitter": "s"})
    first, second = path.read_text(encoding="utf-8").split("\n")[:2]
    assert json.loads(first)["scores"] == {
        "topic": {"metals": 0.1, "weather": 0.1},
        "mood": dict.fromkeys(("rise", "fall", "mixed", "flat"), 0.1),
    }
    assert json.loads(first)["labels"] == {"topic": ["metals"], "mood": "rise"}
    assert [*json.loads(first)] == ["n", "skipped", "text", "labels", "scores", "model", "splitter"]
    assert json.loads(second)["scores"] is None


def test_shards_of_rejects_alone_have_no_rows(tmp_path: Path):
    pq.write_table(pa.table({}), tmp_path / "a.parquet")
    assert [*sentences_in([tmp_path / "a.parquet"])] == []
    assert [*articles_in([tmp_path / "a.parquet"], only_relevant=True)] == []


def test_a_damaged_shard_is_named(tmp_path: Path, schema):
    shard = tmp_path / "shard.parquet"
    table = pa.table({"text": [f"Tin rose {n * n} times." for n in range(5_000)]})
    pq.write_table(table, shard, compression="zstd", use_dictionary=False)
    data = shard.read_bytes()
    told = r"shard\.parquet: expected a finished shard; found: .*those behind it again"
    for content in (b"", data[:99], data[:99] + bytes(999) + data[1_098:]):  # of the last only the content is bad
        shard.write_bytes(content)
        with pytest.raises(DataError, match=told):
            write_rows(articles_in([shard], only_relevant=False), table.schema, tmp_path / "out.parquet", schema, {})
        assert [path.name for path in tmp_path.iterdir()] == ["shard.parquet"]


@pytest.mark.parametrize("suffix", FORMATS)
def test_what_fails_leaves_nothing(tmp_path: Path, schema, monkeypatch, suffix: str):
    monkeypatch.setattr(merge, "ROWS", 2)  # so that some rows are written before
    columns = pa.schema(sentence_fields(schema))

    def broken():
        yield pa.RecordBatch.from_pylist([{"n": n, "skipped": True} for n in range(3)], schema=columns)
        raise DataError("a shard is gone")

    with pytest.raises(DataError, match=r"^a shard is gone$"):
        write_rows(broken(), columns, tmp_path / f"out{suffix}", schema, {"model": "m", "splitter": "s"})
    assert list(tmp_path.iterdir()) == []
