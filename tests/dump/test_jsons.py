"""JSON dumps: a line each, lists, objects one after the other; and what goes wrong in them."""

import json
import tracemalloc
from pathlib import Path

import pytest

from newslean.articles import Article
from newslean.dump import Columns, Record, Reject, open_dump
from newslean.errors import DataError

ROWS = [
    {"id": 7, "title": "Tin rises", "text": "Tin rose in Arlen.\nBuyers paid more.", "source": "The Arlen Post"},
    {
        "id": 8,
        "title": None,
        "text": "Rain fell on “Borva”.",
        "date": "2031-04-05",
        "source": "https://Borva.example/a",
    },
]
RECORDS = [
    ("7", "Tin rises", "Tin rose in Arlen.\nBuyers paid more.", None, "The Arlen Post"),
    ("8", None, "Rain fell on “Borva”.", "2031-04-05", "borva.example"),
]
LINES = "".join(json.dumps(row) + "\n" for row in ROWS)


def parts(record: Record):
    return record.id, record.article.title, record.article.text, record.date, record.outlet


@pytest.mark.parametrize(
    ("name", "content", "place"),
    [
        ("a.jsonl", LINES, "line"),
        ("a.NDJSON", LINES, "line"),
        ("a.json", json.dumps(ROWS), "item"),
        ("a.json", json.dumps(ROWS, indent=2), "item"),
        ("a.json", LINES, "item"),
    ],
)
def test_every_form_and_compression_gives_the_same_articles(write, read, packed, name, content, place):
    suffix, pack = packed
    path = write(name + suffix, pack(content.encode()))
    records, rejects = read(path)
    assert [parts(record) for record in records] == RECORDS
    assert [record.position for record in records] == [f"{place} 1", f"{place} 2"]
    assert {record.article.source for record in records} == {str(path)}
    assert rejects == []


def test_one_object_is_one_article(write, read):
    records, rejects = read(write("a.json", '{"body": "Tin rose."}'))
    assert records == [Record(Article(str(records[0].article.source), "Tin rose."), None, None, None, "item 1")]
    assert rejects == []


@pytest.mark.parametrize("codec", ["utf-8-sig", "utf-16", "utf-32"])
def test_byte_order_marks_and_odd_line_ends(write, read, codec):
    content = LINES.replace("\n", "\r\n").replace("\\n", "\\n") + "\r\n  \n"
    records, rejects = read(write("a.jsonl", content.encode(codec)))
    assert [parts(record) for record in records] == RECORDS
    assert rejects == []


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b'{"text": "Tin', "Unterminated string"),
        (b"[1, 2]", "found a list"),
        (b"null", "found null"),
        (b'{"title": "no text"}', "expected text in 'text'; found none"),
        (b'{"text": null}', "found none"),
        (b'{"text": ""}', "only white space"),
        (b'{"text": " \\n"}', "only white space"),
        (b'{"text": "***"}', "no letter or digit"),
        (b'{"text": 12}', "found a number"),
        (b'{"text": ["Tin rose."]}', "found a list"),
        (b'{"text": "caf\xe9"}', "no UTF-8 (byte 14)"),
        (b'{"text": "' + b"x" * 200 + b'"}', "at most 150 bytes"),
        (b'{"text":' + b"[" * 140, "JSON object"),
        (b'{"n": ' + b"9" * 120 + b"}", "found none"),
    ],
)
def test_a_bad_line_is_rejected_with_its_number_and_the_others_are_read(write, read, line, reason):
    good = b'{"text": "Tin rose."}\n'
    path = write("a.jsonl", good + b"\n" + line + b"\n" + good)
    records, [reject] = read(path, max_bytes=150)
    assert [record.position for record in records] == ["line 1", "line 4"]
    assert (reject.source, reject.position) == (str(path), "line 3")
    assert reason in reject.reason
    assert str(path) not in reject.reason


@pytest.mark.parametrize("bad", [b"[" * 100_000, b'{"text": ' + b"1" * 5_000 + b"}"])
def test_brackets_and_digits_without_end_are_rejected(write, read, bad):
    records, [reject] = read(write("a.jsonl", b'{"text": "Tin rose."}\n' + bad + b"\n"))
    assert len(records) == 1
    assert reject.position == "line 2"


def test_the_first_lines_may_be_bad(write, read):
    records, rejects = read(write("a.jsonl", "oops\n" * 300 + '{"text": "Tin rose."}\n'))
    assert [record.position for record in records] == ["line 301"]
    assert [reject.position for reject in rejects] == [f"line {n}" for n in range(1, 301)]


def test_order_is_that_of_the_file(write):
    lines = [json.dumps({"text": f"Tin rose {n} times."}) if n % 7 else "oops" for n in range(1, 400)]
    outcomes = list(open_dump(write("a.jsonl", "\n".join(lines))))
    assert [outcome.position for outcome in outcomes] == [f"line {n}" for n in range(1, 400)]
    assert [n for n, outcome in enumerate(outcomes, 1) if isinstance(outcome, Reject)] == list(range(7, 400, 7))


def test_a_bad_item_of_a_list_is_rejected_alone(write, read):
    content = '[{"text": "Tin rose."}, {"text": Tin}, 5, {"text": ""}, {"text": "Zinc \\"fell\\" [in] {Holm}, too."}]'
    records, rejects = read(write("a.json", content))
    assert [record.article.text for record in records] == ["Tin rose.", 'Zinc "fell" [in] {Holm}, too.']
    assert [
        (reject.position, word in reject.reason)
        for reject, word in zip(rejects, ("Expecting", "a number", "white"), strict=True)
    ] == [
        ("item 2", True),
        ("item 3", True),
        ("item 4", True),
    ]


@pytest.mark.parametrize(
    ("content", "read_before", "reason"),
    [
        ('[{"text": "Tin rose."}, {"text": "Zi', 1, "the end within a list"),
        ('[{"text": "Tin rose."}, {"text": "Zinc fell."}', 2, "the end within a list"),
        ('{"text": "Tin rose."}\n{"text": "Zi', 1, "the end within a value"),
        ('[{"text": "Tin rose."}]\n{"text": "Zinc fell."}', 1, "more after the end of the list"),
    ],
)
def test_a_list_that_is_cut_off_keeps_what_came_before(write, read, content, read_before, reason):
    records, [reject] = read(write("a.json", content))
    assert len(records) == read_before
    assert reject.position == f"after item {read_before}"
    assert reason in reject.reason


def test_a_key_may_be_nested_or_have_a_dot_itself(write, read):
    rows = [{"article": {"text": "Tin rose.", "meta": {"site": "Arlen Post"}}, "a.b": "One"}, {"article": "oops"}]
    path = write("a.jsonl", "\n".join(map(json.dumps, rows)))
    columns = Columns(text="article.text", outlet="article.meta.site", title="a.b")
    [record], [reject] = read(path, columns=columns)
    assert (record.article.text, record.outlet, record.article.title) == ("Tin rose.", "Arlen Post", "One")
    assert (reject.position, "found none" in reject.reason) == ("line 2", True)


def test_a_key_that_the_first_objects_lack_is_found(write, read):
    rows = [{"text": "Tin rose."}, {"text": "Zinc fell.", "headline": "Zinc"}]
    records, _ = read(write("a.jsonl", "\n".join(map(json.dumps, rows))))
    assert [record.article.title for record in records] == [None, "Zinc"]


def test_a_named_key_may_come_late_but_for_the_text(write, read):
    lines = [json.dumps({"text": "Tin rose."} | ({"updated": "2024"} if n == 110 else {})) for n in range(120)]
    notes: list[str] = []
    path = write("a.jsonl", "\n".join(lines))
    records, _ = read(path, columns=Columns(date="updated"), on_note=notes.append)
    assert [n for n, record in enumerate(records) if record.date == "2024"] == [110]
    assert any("not in the first objects: 'updated' (date)" in note for note in notes)
    with pytest.raises(DataError, match="expected a column 'tekst'"):
        read(path, columns=Columns(text="tekst"))
    with pytest.raises(DataError, match="expected a column 'updated'"):
        read(write("b.jsonl", "\n".join(lines[:50])), columns=Columns(date="updated"))


def test_objects_and_lists_are_not_taken_for_text_or_outlet(write, read):
    row = {
        "content": {"rendered": "Tin rose."},
        "article": "Zinc fell.",
        "source": {"name": "Post"},
        "domain": "post.example",
    }
    [record], _ = read(write("a.jsonl", json.dumps(row)))
    assert (record.article.text, record.outlet) == ("Zinc fell.", "post.example")


def test_half_characters_are_replaced(write, read):
    [record], _ = read(write("a.jsonl", '{"text": "Tin \\ud83d rose \\ud83d\\ude80.", "title": "\\udc00 Tin"}'))
    assert record.article.text == "Tin \ufffd rose 🚀."
    assert record.article.title == "\ufffd Tin"


def test_a_key_that_does_not_exist_is_an_error_that_lists_what_is_there(write, read):
    path = write("a.jsonl", '{"body": "Tin rose.", "meta": {"site": "Post"}}')
    with pytest.raises(
        DataError, match=r"expected a column 'tekst' \(text\), 'kop' \(title\); found 'body', 'meta', 'meta.site'"
    ):
        read(path, columns=Columns(text="tekst", title="kop", outlet="meta.site"))
    with pytest.raises(DataError, match=r"articles' text \(text, body, .*; found 'lede'"):
        read(write("b.jsonl", '{"lede": "Tin rose."}'))


@pytest.mark.parametrize(
    ("name", "before", "after"),
    [
        ("a.jsonl", b'{"text": "', b'"}\n{"text": "Tin rose."}\n'),
        ("a.json", b'[{"text": "', b'"}, {"text": "Tin rose."}]'),
        ("a.json", b'[{"text": "Zinc fell.", "n": [', b']}, {"text": "Tin rose."}]'),
    ],
)
def test_a_line_of_200_megabytes_is_passed_over_in_bounded_memory(tmp_path: Path, read, name, before, after):
    path = tmp_path / name
    with path.open("wb") as file:
        file.write(before)
        for _ in range(200):
            file.write(b"0123456789" * 100_000)
        file.write(after)
    tracemalloc.start()
    try:
        records, [reject] = read(path)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert [record.article.text for record in records] == ["Tin rose."]
    assert reject.position in ("line 1", "item 1")
    assert "at most 10,000,000 bytes" in reject.reason
    assert peak < 40_000_000
