import json
from pathlib import Path
from typing import Any

import pytest

from newslean.errors import DataError
from train.candidates import Candidate, labelled_hashes, read_candidates
from train.rows import digest

ARTICLE = "Copper climbs in the north again\n\nCopper climbed in Arlen. Zinc slumped in Holm.\n\nShare this article\n"


def write(path: Path, *rows: dict[str, Any]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def test_a_text_file_holds_a_sentence_a_line(tmp_path: Path):
    path = tmp_path / "a.txt"
    path.write_text("Copper climbed in Arlen. It rained.\n\n--\nZinc slumped.\n", encoding="utf-8")
    notes: list[str] = []
    found = list(read_candidates([path], on_note=notes.append))
    lines = {"a-1": "Copper climbed in Arlen. It rained.", "a-4": "Zinc slumped."}
    assert found == [Candidate(f"{start}-{digest(text)[:8]}", 0, text) for start, text in lines.items()]
    assert "a sentence" in notes[0] or "list of sentences" in notes[0]


def test_the_same_file_as_an_article_is_split_and_its_furniture_left_out(tmp_path: Path):
    path = tmp_path / "a.txt"
    path.write_text(ARTICLE, encoding="utf-8")
    title, first, second = read_candidates([path], form="articles")
    assert (title.title, title.doc[:2], title.before) == (True, "a-", "")
    assert (first.text, first.before, first.heading) == ("Copper climbed in Arlen.", title.text, title.text)
    assert (second.n, second.before) == (first.n + 1, first.text)


def test_rows_keep_their_place_and_the_sentence_before(tmp_path: Path):
    path = write(
        tmp_path / "a.jsonl",
        {"doc": "x", "n": 0, "text": "A headline stands here", "title": True},
        {"doc": "x", "n": 1, "text": "Copper climbed."},
        {"doc": "x", "n": 3, "text": "Zinc slumped."},
        {"doc": "x", "n": 4, "text": "Subscribe", "furniture": True},
        {"doc": "y", "n": 1, "text": "It rained.", "before": "We looked up."},
    )
    found = list(read_candidates([path]))
    assert [(c.doc, c.n, c.before, c.heading) for c in found] == [
        ("x", 0, "", ""),
        ("x", 1, "A headline stands here", "A headline stands here"),
        ("x", 3, "", "A headline stands here"),
        ("y", 1, "We looked up.", ""),
    ]


def test_an_article_has_one_name_whatever_is_read_beside_it(tmp_path: Path):
    texts = {"mon": "Copper climbed in Arlen. Zinc rose too.", "tue": "Rain fell on the harbour. Nobody sailed."}
    for day, text in texts.items():
        (tmp_path / day).mkdir()
        (tmp_path / day / "001.txt").write_text(text, encoding="utf-8")
        write(tmp_path / day / "d.jsonl", {"text": f"{text} {text}" * 9})
    names = {}
    for place in ("", "001.txt", "d.jsonl"):
        alone = [[c.doc for c in read_candidates([tmp_path / day / place], form="articles")] for day in texts]
        together = [c.doc for c in read_candidates([tmp_path / day / place for day in texts], form="articles")]
        assert together == alone[0] + alone[1]
        names[place] = {*together}
    assert names[""] == names["001.txt"] | names["d.jsonl"] == {c.doc for c in read_candidates([tmp_path])}
    assert len(names[""]) == 4
    assert {name[:4] for name in names["001.txt"]} == {"001-"}
    lists = [[c.doc for c in read_candidates([tmp_path / day / "001.txt"])] for day in texts]
    assert [doc[:6] for docs in lists for doc in docs] == ["001-1-"] * 2
    assert lists[0] != lists[1]


def test_rows_with_headlines_are_articles_and_keep_their_identifiers(tmp_path: Path):
    path = write(
        tmp_path / "posts.jsonl",
        {"id": "u1", "title": "Metals climb", "text": "Copper climbed."},
        {"id": 2, "title": "Weather", "text": "Rain fell on Arlen."},
    )
    for form, numbers in (("auto", (0, 0)), ("sentences", (1, 2))):
        expected = [("u1", numbers[0], False, "Metals climb"), ("2", numbers[1], False, "Weather")]
        assert [(c.doc, c.n, c.title, c.heading) for c in read_candidates([path], form=form)] == expected, form
    row = {"doc": "d1", "title": "Metals climb", "text": "Copper climbed."}
    rows = read_candidates([write(tmp_path / "rows.jsonl", row, {**row, "text": "Zinc too."})])
    assert [(c.doc, c.n, c.before) for c in rows] == [("d1", 1, ""), ("d1", 2, "Copper climbed.")]


def test_a_result_is_no_list_of_sentences(tmp_path: Path):
    row = {"article": 0, "n": 0, "start": 0, "end": 9, "text": "Tin rose.", "furniture": False, "skipped": False}
    row |= {"labels": {}, "scores": {}}
    path = write(tmp_path / "tags.jsonl", row)
    for form in ("auto", "sentences", "articles"):
        with pytest.raises(DataError, match=r"found a result of predict\.py"):
            list(read_candidates([path], form=form))


def test_a_dump_of_articles_is_told_from_a_list_of_sentences(tmp_path: Path):
    path = write(tmp_path / "dump.jsonl", {"id": "one", "text": ARTICLE}, {"id": "two", "text": ARTICLE})
    assert {c.doc for c in read_candidates([path])} == {"one", "two"}
    assert len(list(read_candidates([path], form="sentences"))) == 2
    posts = write(tmp_path / "posts.jsonl", {"text": "Copper! Zinc!"}, {"text": "Rain fell."})
    assert [c.doc[:8] for c in read_candidates([posts])] == ["posts-1-", "posts-2-"]


def test_what_a_dump_cannot_read_is_told_and_the_rest_goes_on(tmp_path: Path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.txt").write_text(ARTICLE, encoding="utf-8")
    (tmp_path / "in" / "b.txt").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(99))
    rejects: list[Any] = []
    assert len(list(read_candidates([tmp_path / "in"], on_reject=rejects.append))) == 3
    assert "PNG" in rejects[0].reason


def test_the_column_of_the_text_is_named_where_a_dump_calls_it_otherwise(tmp_path: Path):
    table, rows = tmp_path / "a.csv", write(tmp_path / "b.jsonl", {"text": "Not this.", "tweet": "Copper climbed."})
    table.write_text("nr,tweet\n1,Copper climbed.\n", encoding="utf-8")
    for path in (table, rows):  # a .jsonl file is no list then
        assert [c.text for c in read_candidates([path], text_column="tweet")] == ["Copper climbed."]
    with pytest.raises(DataError, match=r"Name the one that holds the text \(--text-column\)"):
        list(read_candidates([table]))
    with pytest.raises(DataError, match="--text-column tweet: expected articles; found --as sentences"):
        list(read_candidates([rows], form="sentences", text_column="tweet"))


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"Copper\n\xff\xfe\n", "a.txt:2: expected UTF-8"),
        (b"Copper\0\n", "a.txt:1: expected text; found a NUL"),
    ],
)
def test_a_list_with_faults_names_them_all(tmp_path: Path, content: bytes, expected: str):
    path = tmp_path / "a.txt"
    path.write_bytes(content)
    with pytest.raises(DataError, match=expected):
        list(read_candidates([path]))


def test_rows_with_faults(tmp_path: Path):
    path = tmp_path / "a.jsonl"
    path.write_text('{"n": 0, "doc": "x", "text": "Copper."}\n{"text": 3}\n{"text": "cut', encoding="utf-8")
    with pytest.raises(DataError) as error:
        list(read_candidates([path]))
    assert "a.jsonl:2: text: expected a sentence; found 3" in str(error.value)
    assert "a.jsonl:3: expected a whole last line" in str(error.value)
    with pytest.raises(DataError, match="expected"):
        list(read_candidates([tmp_path / "none.txt"]))
    with pytest.raises(DataError, match=r"expected a \.txt or \.jsonl"):
        list(read_candidates([tmp_path / "a.csv"], form="sentences"))


def test_labelled_texts_are_known_by_their_hash(tmp_path: Path):
    path = write(tmp_path / "a.jsonl", {"text": "Copper."}, {"sha256": digest("Zinc.").upper()})
    assert labelled_hashes([path]) == {digest("Copper."), digest("Zinc.")}
    (tmp_path / "l" / "sentences").mkdir(parents=True)
    write(tmp_path / "l" / "sentences" / "b.jsonl", {"text": "Tin."})
    assert labelled_hashes([tmp_path / "l"]) == {digest("Tin.")}
    with pytest.raises(DataError, match="expected a file"):
        labelled_hashes([tmp_path / "none.jsonl"])


@pytest.mark.parametrize("form", ["auto", "sentences"])
def test_a_name_in_capitals_is_read_as_in_small_letters(tmp_path: Path, form: Any):
    rows = write(tmp_path / "A.JSONL", {"doc": "x", "n": 4, "text": "Copper climbed."})
    assert list(read_candidates([rows], form=form)) == [Candidate("x", 4, "Copper climbed.")]
