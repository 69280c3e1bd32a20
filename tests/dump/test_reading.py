"""A dump as a whole: formats by name or by word, standard input, notes, what is loaded."""

import gzip
import json
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from newslean.articles import Article, read_articles
from newslean.dump import Columns, Record, Reject, open_dump
from newslean.errors import DataError

ROOT = Path(__file__).resolve().parents[2]
PROSE = "Copper and zinc climbed in Arlen on Tuesday, as buyers paid more than in any week since the flood. " * 4


@pytest.mark.parametrize("codec", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
@pytest.mark.parametrize("name", ["a.txt", "b.md"])
def test_texts_are_those_that_read_articles_gives(write, read, packed, codec, name):
    suffix, pack = packed
    content = "---\ntitle: “Tin”\n---\r\nTin rose – twice – in Arlen.\r\n".encode(codec)
    plain, path = write(name, content), write(f"sub/{name}{suffix}", pack(content))
    [expected] = read_articles([plain])
    [record], rejects = read(path)
    assert record == Record(Article(str(path), expected.text, expected.title), None, None, None, "whole file")
    assert rejects == []


def test_web_pages_are_extracted(write, read, packed):
    suffix, pack = packed
    page = f"<html><head><title>Metals</title></head><body><nav>Home</nav><p>{PROSE}</p></body></html>"
    for name in ("a.html", "b.htm", "c.xhtml"):
        [record], _ = read(write(f"{name}{suffix}", pack(page.encode())))
        assert (record.article.title, record.article.text) == ("Metals", PROSE.strip())


SIGNED = '<meta property="og:site_name" content="Arlen Post"><meta name="date" content="2024-05-31">'
ELSEWHERE = (
    '<meta property="article:publisher" content="https://faces.example/arlen">'
    '<link rel="canonical" href="https://www.arlen-post.example/tin"><meta name="date" content="2024-05-31">'
)


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        (SIGNED, ("2024-05-31", "Arlen Post")),
        (ELSEWHERE, ("2024-05-31", "arlen-post.example")),  # an address is no name
        ("", (None, None)),
    ],
)
def test_web_pages_tell_date_and_outlet(write, read, head, expected):
    page = f"<html><head><title>Metals</title>{head}</head><body><article><p>{PROSE}</p></article></body></html>"
    [record], _ = read(write("a.html", page))
    assert (record.date, record.outlet) == expected
    assert (record.article.title, record.article.text) == ("Metals", PROSE.strip())


def test_a_page_that_is_known_by_its_content_tells_them_too(stdin, read):
    head = '<title>Metals</title><meta property="article:published_time" content="2024-05-31T10:00:00Z">'
    stdin(f"<html><head>{head}</head><body><article><p>{PROSE}</p></article></body></html>".encode())
    [record], _ = read("-")
    assert (record.date, record.article.title) == ("2024-05-31", "Metals")


@pytest.mark.parametrize(
    ("head", "foot", "date"),
    [
        ("", "In 2003 the mine closed.", None),
        ("", "<footer>© 2011 Arlen Post</footer>", None),
        ('<meta property="article:published_time" content="2099-05-31T10:00:00Z">', "", "2099-05-31"),  # not today's
    ],
)
def test_a_date_is_that_of_the_metadata_on_any_day(write, read, head, foot, date):
    page = f"<html><head>{head}</head><body><article><p>{PROSE}</p><p>{foot}</p></article></body></html>"
    assert [record.date for record in read(write("a.html", page))[0]] == [date]


@pytest.mark.parametrize("headline", ['["Metals"]', '{"a": 1}', "7", "null"])
def test_metadata_that_is_no_text_costs_no_page(write, read, headline):
    data = f'{{"@context": "https://schema.org", "@type": "NewsArticle", "headline": {headline}}}'
    page = f'<html><head><script type="application/ld+json">{data}</script></head><body><p>{PROSE}</p></body></html>'
    [record], rejects = read(write("a.html", page))
    assert (record.article.text, rejects) == (PROSE.strip(), [])


def test_the_name_says_whether_it_is_a_page(write, read):
    fragment = f"<!doctype html><p>{PROSE}</p>"
    for name, text in (("a.html", PROSE.strip()), ("a.txt", fragment)):
        assert [record.article.text for record in read(write(name, fragment))[0]] == [text]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "an empty file"),
        (b" \r\n", "only white space"),
        (b"\xff\xfea\x00b", "fault at byte"),
        (b"%PDF-1.7", "a PDF document"),
        (b"\0" * 99, "binary data"),
        (b"x" * 101, "at most 100 bytes"),
    ],
)
def test_a_bad_text_is_a_reject_even_alone(write, read, packed, content, reason):
    suffix, pack = packed
    path = write(f"a.txt{suffix}", pack(content))
    records, [reject] = read(path, max_bytes=100)
    assert records == []
    assert (reject.source, reject.position) == (str(path), "whole file")
    assert reason in reject.reason
    assert reject.reason.startswith("expected")


def test_a_page_without_article_is_a_reject(write, read):
    _, [reject] = read(write("a.html", "<html><body></body></html>"))
    assert "expected an article in the page" in reject.reason


@pytest.mark.parametrize("name", ["a.jsonl", "a.json", "a.parquet", "a.warc", "a.zip", "a.tar"])
def test_an_empty_file_is_a_reject(write, read, packed, name):
    suffix, pack = packed
    records, rejects = read(write(f"{name}{suffix}", pack(b"")))
    assert records == []
    assert [reject.position for reject in rejects] == ["whole file"]


def test_the_format_may_be_given(write, read):
    path = write("articles", '{"text": "Tin rose."}')
    assert [record.position for record in read(path, input_format="jsonl")[0]] == ["line 1"]
    assert [record.position for record in read(path, input_format="text")[0]] == ["whole file"]
    packed = write("articles.gz", gzip.compress(path.read_bytes()))
    assert [record.position for record in read(packed, input_format="json")[0]] == ["item 1"]


def test_an_unknown_format_is_an_error_at_once():
    with pytest.raises(DataError, match=r"expected text, jsonl, .*; found 'xml'"):
        open_dump(["a.xml"], input_format="xml")
    with pytest.raises(DataError, match="max_bytes: expected a number from 1 on; found 0"):
        open_dump(["a.txt"], max_bytes=0)


@pytest.mark.parametrize(
    ("data", "given", "position"),
    [
        (b'\n {"text": "Tin rose."}\n', None, "line 2"),
        (b'\xef\xbb\xbf{"text": "Tin rose."}\n', None, "line 1"),
        ('{"text": "Tin rose."}\n'.encode("utf-16"), None, "line 1"),
        (gzip.compress(b'{"text": "Tin rose."}\n', mtime=0), None, "line 1"),
        (b'\n[ {"text": "Tin rose."}]', None, "item 1"),
        (b"\n Tin rose.\n", None, "whole file"),
        (b"[1] Tin rose.\n", None, "whole file"),
        (b'{"text": "Tin rose."}', "text", "whole file"),
        (b"text\nTin rose.\n", "csv", "row 1, line 2"),
    ],
)
def test_standard_input(read, stdin, data, given, position):
    stdin(data)
    notes: list[str] = []
    [record], rejects = read("-", input_format=given, on_note=notes.append)
    assert (record.article.source, record.position) == ("-", position)
    assert any("guessed the format" in note for note in notes) == (given is None)
    assert "Tin rose." in record.article.text
    assert rejects == []


def test_text_on_standard_input_keeps_its_offsets(read, stdin):
    stdin(b"\r\n\r\n  Tin rose.\r\n")
    [record], _ = read("-")
    assert record.article.text == "\r\n\r\n  Tin rose.\r\n"


def test_a_pipe_of_what_must_be_read_in_any_order(tmp_path):
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("tin.txt", "Tin rose.")
    program = "import sys; from newslean.dump import open_dump; print(*open_dump('-', input_format='zip'))"
    command = [sys.executable, "-c", program]
    result = subprocess.run(command, cwd=ROOT, input=path.read_bytes(), capture_output=True, timeout=60, check=True)
    assert b"entry tin.txt" in result.stdout
    assert result.stderr == b""


def test_guesses_are_told_once_per_input(write, read):
    notes: list[str] = []
    rows = '{"Body": "Tin rose.", "headline": "Tin", "URL": "https://post.example/1"}\n' * 250
    first, second = write("a.jsonl", rows), write("b.csv", "text,date\nTin rose.,2031\nZinc fell.,2032\n")
    records, _ = read([first, second], on_note=notes.append)
    assert notes == [
        f"{first}: guessed the columns: text from 'Body', title from 'headline', outlet from 'URL', id from 'URL'",
        f"{second}: guessed the columns: text from 'text', date from 'date'",
    ]
    assert {(r.article.title, r.outlet, r.id) for r in records[:250]} == {
        ("Tin", "post.example", "https://post.example/1")
    }


def test_what_a_folder_or_an_archive_holds_beside_articles_is_told(write, read, tmp_path):
    for name in ("tin.txt", "a.docx", "b.DOCX", "sub/c.xlsx", "sub/plain", ".hidden.odt"):
        write(f"press/{name}", "Tin rose.")
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for name in ("tin.txt", "tin.png", "folder/", "__MACOSX/x.bin"):
            archive.writestr(name, b"Tin rose.")
    with tarfile.open(tmp_path / "a.tar", "w") as archive:
        for name in ("press/tin.txt", "press/a.docx"):
            archive.add(tmp_path / name, arcname=name)
    told = {"press": "4 files of other kinds (.docx, .xlsx, no dot)", "a.zip": "1 files of other kinds (.png)"}
    told["a.tar"] = "1 files of other kinds (.docx)"
    for name, expected in told.items():
        notes: list[str] = []
        records, rejects = read(tmp_path / name, on_note=notes.append)
        assert (len(records), rejects, notes) == (1, [], [f"{tmp_path / name}: passed over {expected}"])
    notes = []
    assert len(read(write("more/tin.txt", "Tin rose.").parent, on_note=notes.append)[0]) == 1
    assert notes == []


def test_tags_in_texts_are_told_once_an_input(write, read):
    marked = '{"text": "<p>Tin <b>rose</b>.</p>"}\n'
    first, second = write("a.jsonl", marked * 3), write("b.jsonl", '{"text": "Tin<br/>rose."}\n')
    plain = write("c.jsonl", '{"text": "Tin </3 <p> rose."}')
    notes: list[str] = []
    assert len(read([first, second, plain], on_note=notes.append)[0]) == 5
    assert [note.split(": ")[0] for note in notes if "HTML tags" in note] == [str(first), str(second)]


@pytest.mark.parametrize("end", ["csv", "jsonl"])
def test_results_are_no_articles(write, read, end):
    sentences = {"article": 0, "n": 0, "start": 0, "end": 9, "text": "Tin rose.", "furniture": False, "skipped": False}
    articles = {"article": 0, "title": "Tin", "sentences_total": 1, "sentences_skipped": 0}
    good = write("good.txt", "Tin rose.")
    for row in (sentences, articles):
        table = f"{','.join(row)}\n{','.join(map(str, row.values()))}\n"
        path = write(f"tags.{end}", table if end == "csv" else json.dumps(row) + "\n")
        records, [reject] = read([path, good])
        assert len(records) == 1
        assert reject.reason.startswith("expected articles; found a result of predict.py.")


def test_the_only_input_without_the_columns_is_an_error_and_among_others_a_reject(write, read):
    path, good = write("a.csv", "a,b\n1,2\n"), write("b.csv", "text,a\nTin rose.,1\n")
    for columns, reason in ((Columns(), "found 'a', 'b'"), (Columns(title="b"), "found 'text', 'a'")):
        with pytest.raises(DataError, match=reason):
            read(path if not columns.title else good, columns=columns)
    records, [reject] = read([path, good])
    assert len(records) == 1
    assert (reject.source, "found 'a', 'b'" in reject.reason) == (str(path), True)


def test_reading_is_lazy_and_a_reader_can_be_left(write):
    path = write("a.jsonl", '{"text": "Tin rose."}\n' * 5_000)
    outcomes = open_dump(path)
    assert isinstance(next(outcomes), Record)
    outcomes.close()
    path.unlink()


def test_every_input_gives_at_least_one_outcome_and_all_of_them_in_order(write):
    paths = [write("a.jsonl", "oops\n"), write("b.txt", ""), write("c.json", "[]"), write("d.txt", "Tin rose.")]
    outcomes = list(open_dump(paths))
    assert [isinstance(outcome, Reject) for outcome in outcomes] == [True, True, True, False]


def test_importing_loads_no_library_and_reading_text_only_what_it_needs(write):
    heavy = "{'pyarrow', 'fastwarc', 'trafilatura', 'zstandard', 'fsspec', 'numpy', 'brotli'} & set(sys.modules)"
    path = write("a.jsonl.gz", gzip.compress(json.dumps({"text": "Tin rose."}).encode()))
    program = (
        "import sys, newslean, newslean.dump\n"
        f"assert not {heavy}\n"
        "assert len(list(newslean.dump.open_dump(sys.argv[1]))) == 1\n"
        f"assert not {heavy}, {heavy}"
    )
    subprocess.run([sys.executable, "-c", program, str(path)], cwd=ROOT, check=True, timeout=60)
