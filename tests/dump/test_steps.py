"""Reading goes on where it was, if what was read is still the same."""

import gzip
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from newslean.dump import Reject
from newslean.dump.fingerprints import fingerprints
from newslean.dump.reading import read_steps
from newslean.dump.steps import ChangedError, Start, Step
from newslean.errors import DataError

Write = Callable[[str, bytes | str], Path]


@pytest.fixture
def inputs(write: Write) -> list[str]:
    lines = [json.dumps({"text": f"Tin {n}.", "id": n}) for n in range(6)]
    write("folder/a.jsonl", "\n".join([*lines[:3], "{", *lines[3:]]))
    write("folder/b.csv", "words\nx\n")  # no column for the text
    write("folder/c.txt", "Zinc.")
    return [str(write("folder/d.json", "[" + ",".join(lines) + "]").parent), "gone.txt"]


def test_from_every_place_on(inputs: list[str]):
    whole = [*read_steps(inputs, start=Start())]
    assert [step.after.file for step in whole] == [0] * 7 + [2, 2] + [3] * 6 + [5]
    assert [isinstance(step.outcome, Reject) for step in whole].count(True) == 3
    assert len({step.after for step in whole}) == len(whole)
    for n, step in enumerate(whole, 1):
        again = [*read_steps(inputs, start=step.after)]
        assert [(s.outcome, s.after) for s in again] == [(s.outcome, s.after) for s in whole[n:]]


def test_files_before_the_place_are_not_opened(inputs: list[str]):
    whole = [*read_steps(inputs, start=Start())]
    Path(inputs[0], "a.jsonl").write_bytes(b"\x00")
    assert [s.outcome for s in read_steps(inputs, start=whole[9].after)] == [s.outcome for s in whole[10:]]


def test_offsets_grow(write: Write):
    path = write("a.jsonl", "".join(json.dumps({"text": f"Tin {n}. " * 999}) + "\n" for n in range(200)))
    offsets = [step.offset for step in read_steps([path], start=Start())]
    assert offsets == sorted(offsets)
    assert offsets[-1] == path.stat().st_size
    assert 0 < offsets[110] < offsets[-1]


@pytest.mark.parametrize(
    "now",
    [
        '{"text": "Tin 0."}\n{"text": "Tin 9."}\n{"text": "Tin 2."}',
        '{"text": "Tin 0."}\n',
        '{"text": "Tin 0.", "title": "T"}\n{"text": "Tin 1."}',
        '{"text": "Tin 0."}\n{"text": \n',
        '\n{"text": "Tin 0."}\n{"text": "Tin 1."}',
    ],
)
def test_what_was_read_has_changed(write: Write, now: str):
    path = write("a.jsonl", '{"text": "Tin 0."}\n{"text": "Tin 1."}\n{"text": "Tin 2."}')
    steps: list[Step] = [*read_steps([path], start=Start())]
    write("a.jsonl", now)
    for inputs in ([path], [path, "gone.txt"]):  # it is no reject of one input among several
        with pytest.raises(ChangedError, match=r"a\.jsonl: expected what was read there when the run began"):
            list(read_steps(inputs, start=steps[1].after))
    write("a.jsonl", '{"text": "Tin 0."}\n{"text": "Tin 1."}\n{"text": "Zinc."}')
    assert len([*read_steps([path], start=steps[1].after)]) == 1  # what comes behind may be anything


STDIN = [
    b'{"text": "Tin 0."}\n{\n{"text": "Tin 1."}',
    b"",
    b"[]",
    b"\x28\xb5\x2f\xfd",
    b'{"foo": 1}',  # no column for the text
    b'{\n{"foo": 1}',
]


@pytest.mark.parametrize("given", STDIN)
def test_standard_input_is_read_once_more(write: Write, stdin: Callable[[bytes], None], given: bytes):
    inputs = [str(write("a.txt", "Zinc.")), "-", str(write("b.txt", "Lead.")), "gone.txt", "-"]
    stdin(given)
    whole = [*read_steps(inputs, start=Start())]
    assert len(whole) in (5, 6, 7)
    for n, step in enumerate(whole, 1):
        stdin(given)
        again = [*read_steps(inputs, start=step.after)]
        assert [(s.outcome, s.after) for s in again] == [(s.outcome, s.after) for s in whole[n:]]
    for other in (b'{"text": "Tin 2."}', b'{"bar": 1}', b'{\n{"bar": 1}'):
        stdin(other)
        with pytest.raises(ChangedError, match="-: expected what was read there when the run began"):
            list(read_steps(inputs, start=whole[-2].after))


def test_what_cannot_be_read_again_ends_the_run(write: Write, stdin: Callable[[bytes], None]):
    """It is no reject, behind which the rest of it would be lost."""
    good, foreign = b'{"text": "Tin 0."}\n{"text": "Tin 1."}\n{"text": "Tin 2."}', b'{"foo": 1}'
    path = write("a.jsonl", good)
    inputs = [str(path), str(write("b.txt", "Zinc."))]
    place = [*read_steps(inputs, start=Start())][1].after
    again = "Once it can be read, the run goes on behind what is known of it"
    write("a.jsonl", foreign)
    with pytest.raises(DataError, match=rf"a\.jsonl: expected a column with the articles' text.*{again}"):
        list(read_steps(inputs, start=place))
    packed, whole = write("c.jsonl.gz", gzip.compress(good)), [str(path.with_name("c.jsonl.gz")), inputs[1]]
    behind = [*read_steps(whole, start=Start())][1].after
    packed.write_bytes(packed.read_bytes()[:12])  # a connection that breaks looks the same
    with pytest.raises(DataError, match=rf"c\.jsonl\.gz: expected.*{again}"):
        list(read_steps(whole, start=behind))
    path.unlink()
    with pytest.raises(DataError, match=rf"a\.jsonl: expected a readable file.*No such file.*{again}"):
        list(read_steps(inputs, start=place))
    write("a.jsonl", good)
    assert len([*read_steps(inputs, start=place)]) == 2
    inputs[0] = "-"
    stdin(good)
    place = [*read_steps(inputs, start=Start())][1].after
    stdin(foreign)
    with pytest.raises(ChangedError):
        list(read_steps(inputs, start=place))


@pytest.mark.parametrize("number", [1, 2, 3])
def test_asked_to_stop_while_reading_what_is_known(write: Write, stdin: Callable[[bytes], None], number: int):
    data = b'{"text": "Tin 0."}\n{"text": "Tin 1."}\n{"text": "Tin 2."}'
    inputs = ["-", str(write("a.jsonl", data))]
    stdin(data)
    whole = [*read_steps(inputs, start=Start())]
    for place, past in ((whole[2], 3), (whole[5], 6)):
        stdin(data)
        asked: list[int] = []
        notes: list[str] = []

        def stop(asked: list[int] = asked, limit: int = past - 3 + number) -> bool:
            asked.append(1)
            return len(asked) == limit

        assert [*read_steps(inputs, start=place.after, stop=stop, on_note=notes.append)] == []
        assert len(asked) == past - 3 + number
        told = [note for note in notes if "reading past" in note]
        assert len(told) == past // 3
        assert told[-1].endswith(": reading past 3 articles and rejects that are known")


def test_formats_are_checked():
    with pytest.raises(DataError, match="input_format: expected text"):
        read_steps(["a"], start=Start(), input_format="xml")


def test_fingerprints(write: Write, tmp_path: Path):
    write("folder/b.txt", "bb")
    write("folder/a.txt", "a")
    rows = [*fingerprints([str(tmp_path / "folder"), "-", "gone.txt", "bad\0name"])]
    assert [(Path(row["source"]).name, row["size"]) for row in rows] == [
        ("a.txt", 1),
        ("b.txt", 2),
        ("-", None),
        ("gone.txt", None),
        ("bad\0name", None),
    ]
    assert rows[0]["modified"] == (tmp_path / "folder" / "a.txt").stat().st_mtime_ns
    assert json.loads(json.dumps(rows)) == rows


def test_fingerprints_of_files_elsewhere():
    import fsspec

    system = fsspec.filesystem("memory")
    system.pipe("/dump/a.jsonl", b"12345")
    [row] = fingerprints(["memory://dump/a.jsonl"])
    assert row["size"] == 5
    [gone] = fingerprints(["memory://dump/gone.jsonl"])
    assert gone["size"] is None
