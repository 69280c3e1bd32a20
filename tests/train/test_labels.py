import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from newslean.errors import DataError
from newslean.schema import schema_from_dict
from train import rows
from train.labels import LabelFiles, read_examples

SCHEMA = schema_from_dict(
    {
        "dimensions": [
            {"name": "topic", "kind": "multi", "labels": ["chips", "open_source"]},
            {"name": "stance", "kind": "single", "labels": ["china_ahead", "us_ahead", "none"], "neutral": "none"},
        ]
    },
    where="test",
)
NONE = {"topic": [], "stance": "none"}


def row(n: int = 0, text: str = "A foundry opened.", doc: str = "a", **more: object) -> dict[str, object]:
    return {"doc": doc, "n": n, "text": text, "source": "authored", "labels": NONE} | more


def write(path: Path, *lines: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{x if isinstance(x, str) else json.dumps(x)}\n" for x in lines), encoding="utf-8")
    return path


def read(path: Path, *, texts: Sequence[Path] = ()) -> LabelFiles:
    return read_examples([path], SCHEMA, texts=texts)


def faults(path: Path, *, texts: Sequence[Path] = ()) -> list[str]:
    with pytest.raises(DataError) as caught:
        read(path, texts=texts)
    return str(caught.value).split("\n")


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def test_context_title_and_order_of_labels(tmp_path: Path) -> None:
    labels = {"topic": ["open_source", "chips"], "stance": "us_ahead"}
    path = write(
        tmp_path / "x.jsonl",
        row(0, "News"),
        row(1, "Chips abound", kind="title"),
        row(2, "They do.", labels=labels, coders={"a": labels}, split="train", extra=[1]),
        row(3, "Share", kind="boilerplate"),
        row(0, "Other.", doc="b", group="g", source="user"),
    )
    files = read(path)
    news, _, body, _, other = files.examples
    assert [e.article_title for e in files.examples] == ["Chips abound", "", "Chips abound", "Chips abound", ""]
    assert [e.before for e in files.examples] == ["", "News", "Chips abound", "They do.", ""]
    assert [e.title for e in files.examples] == [False, True, False, False, False]
    assert [e.furniture for e in files.examples] == [False, False, False, True, False]
    assert body.labels == body.coders["a"] == {"topic": ["chips", "open_source"], "stance": "us_ahead"}
    assert (body.split, news.group, other.group, other.source) == ("train", "a", "g", "user")
    assert files.places[2] == f"{path}:3"
    assert files.hashes == {"x.jsonl": hashlib.sha256(path.read_bytes()).hexdigest()}


def test_a_folder_is_read_in_the_order_of_names_and_a_row_may_lack_a_dimension(tmp_path: Path) -> None:
    write(tmp_path / "sentences" / "b.jsonl", row(doc="b", labels={"stance": "none"}))
    write(tmp_path / "sentences" / "a.jsonl", row(doc="a", labels={"topic": ["chips"]}))
    assert [(e.doc, e.labels) for e in read(tmp_path).examples] == [
        ("a", {"topic": ["chips"]}),
        ("b", {"stance": "none"}),
    ]


def test_the_first_of_two_titles_is_the_article_title(tmp_path: Path) -> None:
    path = write(tmp_path / "x.jsonl", row(0, "One", title=True), row(1, "Two", title=True), row(2, "Text."))
    assert read(path).examples[2].article_title == "One"


def test_before_is_not_taken_over_a_gap(tmp_path: Path) -> None:
    path = write(tmp_path / "x.jsonl", row(4, "First.", source="user"), row(6, "Third.", source="user"))
    assert [e.before for e in read(path).examples] == ["", ""]


def test_texts_are_joined_by_hash_and_the_rest_is_skipped(tmp_path: Path) -> None:
    sealed = [
        {"doc": "p", "n": n, "sha256": digest(t), "labels": NONE}
        for n, t in enumerate(["Één.", "Two.", "Three.", "Four."])
    ]
    path = write(tmp_path / "x.jsonl", *sealed)
    lines = write(tmp_path / "t.txt", "Één.\r", "Unwanted.")
    texts = write(
        tmp_path / "t.jsonl",
        {"text": "Two.", "doc": "q", "n": 1, "before": "Wrong article."},
        {"text": "Two.", "doc": "p", "n": 1, "before": "Right."},
        {"text": "Two.", "doc": "r", "n": 1, "before": "Wrong again."},
        {"text": "Four."},
    )
    files = read(path, texts=[lines, texts])
    assert [(e.text, e.before) for e in files.examples] == [("Één.", ""), ("Two.", "Right."), ("Four.", "")]
    assert files.skipped == 1
    assert sorted(files.hashes) == ["t.jsonl", "t.txt", "x.jsonl"]
    assert read(path).skipped == 4


def test_what_stands_before_a_text_is_a_text_too(tmp_path: Path) -> None:
    sealed = [{"doc": "p", "n": n, "sha256": digest(t), "labels": NONE} for n, t in ((3, "Three."), (4, "Four."))]
    path = write(tmp_path / "x.jsonl", *sealed)
    three = {"text": "Three.", "doc": "p", "n": 3, "before": "Two."}
    four = {"text": "Four.", "doc": "p", "n": 4, "before": "Three."}
    for known, before in (([four], ""), ([three, four], "Two."), ([four, three], "Two.")):
        files = read(path, texts=[write(tmp_path / "t.jsonl", *known)])
        assert [(e.text, e.before) for e in files.examples] == [("Three.", before), ("Four.", "Three.")]
    assert read(path, texts=[write(tmp_path / "t.jsonl", {"text": "Five.", "before": 4})]).skipped == 2
    alone = [{**row, "before": ""} for row in sealed]  # coded so: what precedes it must not be learnt with it
    files = read(write(tmp_path / "y.jsonl", *alone), texts=[write(tmp_path / "t.jsonl", three, four)])
    assert [(e.text, e.before) for e in files.examples] == [("Three.", ""), ("Four.", "")]


def test_all_faults_of_all_files_come_at_once(tmp_path: Path) -> None:
    one = write(
        tmp_path / "1.jsonl", row(labels={"stance": "china_ahed"}), "{", row(7, source="user", labels={"tone": "x"})
    )
    two = write(tmp_path / "2.jsonl", row(doc=" "), row(0, doc="c"), row(0, doc="c"))
    with pytest.raises(DataError) as caught:
        read_examples([one, two], SCHEMA)
    found = str(caught.value).split("\n")
    assert [line.split(": ")[0] for line in found] == [f"{one}:1", f"{one}:2", f"{one}:3", f"{two}:1", f"{two}:3"]
    assert found[0].endswith("found 'china_ahed' (did you mean 'china_ahead'?)")
    assert found[4].endswith(f"expected each sentence once; found doc 'c', n 0 again (first at {two}:2)")


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("[1]", "expected a JSON object; found [1]"),
        ("{}", "expected a JSON object; found {}"),
        ("[" * 100_000, "expected a JSON object; found '[[["),
        ({"n": 0, "text": "x", "labels": NONE}, "expected doc"),
        (row(-1), "expected n, the sentence's number from 0 on; found -1"),
        (row(True), "expected n"),
        (row(1.0), "expected n"),  # type: ignore[arg-type]
        (row(text=" "), "text: expected the sentence; found ' '"),
        (row(text=None), "text: expected the sentence; found nothing"),  # type: ignore[arg-type]
        (row(text="a\0b"), "text: expected text that UTF-8 can hold, without NUL"),
        (row(text="\ud800"), "text: expected text that UTF-8 can hold, without NUL"),
        (row(group=3), "group: expected text; found 3"),
        (row(title="yes"), "title: expected true or false; found 'yes'"),
        (row(kind="bodi"), "(did you mean 'body'?)"),
        (row(labels=[]), "labels: expected an object of dimensions"),
        (row(labels={"topic": "chips"}), "topic: expected a list"),
        (row(labels={"topic": [[]]}), "topic: expected chips"),
        (row(labels={"topic": ["Open source"]}), "(did you mean 'open_source'?)"),
        (row(labels={"stanse": "none"}), "(did you mean 'stance'?)"),
        (row(coders={"b": {"stance": "us"}}), "coder 'b': stance: expected china_ahead"),
        (row(coders=["b"]), "coders: expected an object of coders"),
        ({"doc": "a", "n": 0, "text": "x"}, "expected labels; found none"),
        ({"doc": "a", "n": 0, "labels": NONE}, "expected text, or sha256"),
        ({"doc": "a", "n": 0, "labels": NONE, "sha256": "ab"}, "sha256: expected 64 hexadecimal digits; found 'ab'"),
        (row(sha256="0" * 64), f"sha256: expected {digest('A foundry opened.')}, that of the text"),
    ],
)
def test_a_bad_row_is_named_with_its_fault(tmp_path: Path, line: object, expected: str) -> None:
    found = faults(write(tmp_path / "x.jsonl", row(doc="fine"), line))
    assert len(found) == 1
    assert found[0].startswith(f"{tmp_path / 'x.jsonl'}:2: ")
    assert expected in found[0]


def test_a_row_may_hold_the_text_and_its_hash(tmp_path: Path) -> None:
    path = write(tmp_path / "x.jsonl", row(sha256=digest("A foundry opened.").upper()))
    assert read(path).examples[0].text == "A foundry opened."


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b'{"doc": "\xff"}\n', "expected UTF-8; found the byte 0xff at 10"),
        (b'{"doc": "\0"}\n', "expected text; found a NUL byte at 10"),
        (b'{"doc": "a", "n"', "expected a whole last line"),
    ],
)
def test_broken_bytes_are_one_fault_and_leave_no_false_gap(tmp_path: Path, content: bytes, expected: str) -> None:
    path = tmp_path / "x.jsonl"
    good = [json.dumps(row(n)).encode() for n in (0, 2)]
    path.write_bytes(good[0] + b"\n" + (content + good[1] if content.endswith(b"\n") else content))
    found = faults(path)
    assert len(found) == 1
    assert found[0].startswith(f"{path}:2: {expected}")


def test_byte_order_mark_blank_lines_and_crlf_are_no_faults(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    path.write_bytes(b"\xef\xbb\xbf" + json.dumps(row(0)).encode() + b"\r\n\r\n" + json.dumps(row(1, "Next.")).encode())
    assert [e.text for e in read(path).examples] == ["A foundry opened.", "Next."]


def test_order_and_gaps(tmp_path: Path) -> None:
    gap = [row(0), row(2)]
    assert "expected n 1 of doc 'a'; found 2: a row is missing" in faults(write(tmp_path / "gap.jsonl", *gap))[0]
    down = [row(5, source="user"), row(3, source="user")]
    assert "in ascending n; found 3 after 5" in faults(write(tmp_path / "down.jsonl", *down))[0]
    read(write(tmp_path / "user.jsonl", *(r | {"source": "user"} for r in gap)))
    read(write(tmp_path / "part.jsonl", row(3), row(7)))


def test_a_row_that_brings_its_context_stands_alone(tmp_path: Path) -> None:
    samples = [row(4, "One.", before="x"), row(2, "Two.", before=""), row(2, "Three.", before="y")]
    assert [e.before for e in read(write(tmp_path / "x.jsonl", *samples)).examples] == ["x", "", "y"]
    assert "expected each sentence once" in faults(write(tmp_path / "y.jsonl", *samples, samples[2]))[0]


def test_many_faults_are_cut_and_counted(tmp_path: Path) -> None:
    found = faults(write(tmp_path / "x.jsonl", *["{"] * 60))
    assert len(found) == rows.MAX_FAULTS + 1
    assert found[-1] == "... and 10 more"


def test_files_that_cannot_be_read_as_labels(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert "expected sentences/*.jsonl in this folder; found none" in faults(tmp_path / "empty")[0]
    assert "expected a file to read; found none" in faults(tmp_path / "absent.jsonl")[0]
    path = write(tmp_path / "x.jsonl", row())
    with pytest.raises(DataError, match="named twice"):
        read_examples([path, path], SCHEMA)
    assert ".jsonl or .txt" in faults(path, texts=[tmp_path / "t.csv"])[0]
    texts = write(tmp_path / "t.jsonl", {"txt": "x"})
    assert f"{texts}:1: text: expected a sentence" in faults(path, texts=[texts])[0]


def test_a_line_without_end_does_not_fill_the_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows, "MAX_LINE", 100)
    found = faults(write(tmp_path / "x.jsonl", "x" * 1000))
    assert found == [
        f"{tmp_path / 'x.jsonl'}:1: expected lines under 100 bytes; found a longer one, and did not read on"
    ]


def test_files_of_one_name_are_all_counted(tmp_path: Path) -> None:
    for n, place in enumerate(("a", "b", "c", "x/c")):
        write(tmp_path / place / "sentences" / "x.jsonl", row(doc=place, text=f"Text {n}."))
    files = read_examples([tmp_path / place for place in ("a", "b", "c", "x/c")], SCHEMA)
    found = [name.replace(tmp_path.name, "T") for name in files.hashes]
    assert found == ["x.jsonl", "sentences/x.jsonl", "c/sentences/x.jsonl", "x/c/sentences/x.jsonl"]


@pytest.mark.parametrize("name", ["", " "])
def test_a_coder_has_a_name(tmp_path: Path, name: str) -> None:
    path = write(tmp_path / "a.jsonl", row(coders={name: NONE}))
    assert faults(path) == [f"{path}:1: coders: expected each coder's name; found one without a name"]
