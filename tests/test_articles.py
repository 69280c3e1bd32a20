"""Inputs as they come: good, odd and broken. No network, no home folder."""

import os
import random
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from newslean import articles
from newslean.articles import Article, read_articles
from newslean.decoding import decode
from newslean.errors import DataError
from newslean.frontmatter import front_matter
from newslean.splitting import split_sentences, title_of

DATA = Path(__file__).parent / "data"
ENGLISH = "A lab in Delft says it is “close”. Others, such as the café owner’s son, doubt it.\r\nSo it goes…\n"


def read_one(path: Path | str) -> Article:
    return next(read_articles([path]))


def write(path: Path, content: bytes | str) -> Path:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


@pytest.mark.parametrize(
    ("codec", "mark"),
    [
        ("utf-8", b""),
        ("utf-8-sig", b""),
        ("utf-16", b""),
        ("utf-16-le", b""),
        ("utf-16-be", b""),
        ("utf-16-be", b"\xfe\xff"),
        ("utf-32", b""),
        ("utf-32-be", b"\x00\x00\xfe\xff"),
        ("cp1252", b""),
    ],
)
def test_unicode_and_western_encodings_give_the_text_as_written(codec: str, mark: bytes) -> None:
    assert decode(mark + ENGLISH.encode(codec), where="x") == ENGLISH


@pytest.mark.parametrize(
    ("codec", "text"),
    [
        ("cp1252", "Les États-Unis restent en tête, mais l’écart se réduit dans les modèles."),
        ("cp1251", "Китай сокращает отставание в области моделей."),
        ("koi8-r", "Китай сокращает отставание в области моделей."),
        ("gb18030", "中国的实验室公布了新的模型。"),
        ("shift_jis", "研究所は新しいモデルを公開した。"),
        ("big5", "研究所公布了新的模型，並且開放權重。"),
        ("euc-kr", "연구소는 새로운 모형을 공개했다."),
        ("cp1252", "It’s so."),
        ("cp1252", "Die Größe überrascht Käufer in Österreich."),
    ],
)
@pytest.mark.parametrize("times", [1, 30])
def test_legacy_encodings_are_recognised(codec: str, text: str, times: int) -> None:
    assert decode((text * times).encode(codec), where="x") == text * times


def test_a_foreign_letter_far_down_is_decoded() -> None:
    text = "Plain words, and more of them. " * 9_000 + "The café closed."
    assert decode(text.encode("cp1252"), where="x") == text


def test_a_declared_encoding_is_honoured_unless_the_bytes_are_utf8() -> None:
    assert decode("Цена выросла".encode("cp1251"), where="x", declared="windows-1251") == "Цена выросла"
    assert decode("“so”".encode("cp1252"), where="x", declared="iso-8859-1") == "“so”"
    assert decode("Цена".encode(), where="x", declared="windows-1251") == "Цена"
    assert decode("“so”, he said".encode("cp1252"), where="x", declared="no-such-name") == "“so”, he said"


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"%PDF-1.7\n1 0 obj", "PDF"),
        (b"\x89PNG\r\n\x1a\n", "PNG"),
        (b"PK\x03\x04\x14\x00", "ZIP"),
        (b"\x1f\x8b\x08\x00", "gzip"),
        (b"PAR1\x15\x04", "Parquet"),
        (b"\xff\xd8\xff\xe0\x00\x10JFIF", "JPEG"),
        (bytes(range(256)) * 8, "binary data"),
        (random.Random(3).randbytes(5_000), "binary data"),  # noqa: S311 - no secret
        (b"\x00" * 999, "binary data"),
        (b"\xff\xfea\x00b", "fault at byte"),
    ],
)
def test_binary_data_is_refused_by_name(data: bytes, kind: str) -> None:
    with pytest.raises(DataError, match=kind) as error:
        decode(data, where="a.txt")
    assert str(error.value).startswith("a.txt: expected")


@pytest.mark.parametrize(
    "data", [b"", b" \r\n\t", b"\xef\xbb\xbf", b"\xef\xbb\xbf \n", "\u200b\u3000\xa0".encode(), b"* * *"]
)
def test_nothing_to_read_is_refused(data: bytes) -> None:
    with pytest.raises(DataError, match="expected an article"):
        decode(data, where="x")


def test_odd_characters_are_kept_and_split() -> None:
    text = "A\0 lab opened.\x1b[31m It grew\x07 fast. \u202eשלום עולם.\u202c \x85 It\u2028 closed 🚀.\r\n"
    assert decode(text.encode(), where="x") == text
    for sentence in split_sentences(text):
        assert text[sentence.start : sentence.end] == sentence.text


def test_newlines_and_offsets_are_those_of_the_file(tmp_path: Path) -> None:
    path = write(tmp_path / "a.txt", b"\xef\xbb\xbf" + "One plain line.\r\n\rTwo “odd” lines.\r\n".encode())
    assert read_one(path) == Article(str(path), "One plain line.\r\n\rTwo “odd” lines.\r\n")


def test_folder_is_read_in_order_without_hidden_or_foreign_files(tmp_path: Path) -> None:
    (tmp_path / "b" / ".git").mkdir(parents=True)
    for name in ("z.txt", "b/2.md", "b/1.TXT", "b/.git/x.txt", ".x.txt", "b/data.csv", "a.txt"):
        write(tmp_path / name, f"Text of {name}.")
    found = [Path(article.source).relative_to(tmp_path).as_posix() for article in read_articles([tmp_path])]
    assert found == ["a.txt", "b/1.TXT", "b/2.md", "z.txt"]


def test_a_linked_folder_in_a_folder_is_told(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "out").mkdir()
    write(tmp_path / "out" / "b.txt", "It pours.")
    (tmp_path / "in" / "link").symlink_to(tmp_path / "out")
    (tmp_path / "in" / ".hidden").symlink_to(tmp_path / "out")
    (tmp_path / "in" / "round").symlink_to(tmp_path / "in")
    with pytest.raises(DataError, match=r"in/link: expected a folder; found a link to one, .* Name it itself"):
        read_one(tmp_path / "in")
    write(tmp_path / "in" / "a.txt", "It rains.")
    rejected: list[tuple[str, str]] = []
    found = list(read_articles([tmp_path / "in"], on_reject=lambda *told: rejected.append(told)))
    assert [article.text for article in found] == ["It rains."]
    assert [source for source, _ in rejected] == [str(tmp_path / "in")] * 2
    assert [reason.partition(":")[0] for _, reason in rejected] == [
        str(tmp_path / "in" / name) for name in ("link", "round")
    ]
    assert [a.text for a in read_articles([tmp_path / "in" / "link"])] == ["It pours."]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_pipe_in_a_folder_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.txt")
    write(tmp_path / "b.txt", "It rains.")
    (tmp_path / "c.txt").symlink_to(tmp_path / "b.txt")
    (tmp_path / "d.txt").symlink_to(tmp_path / "gone")
    rejected: list[str] = []
    found = list(read_articles([tmp_path], on_reject=lambda _, reason: rejected.append(reason)))
    assert [article.text for article in found] == ["It rains."] * 2
    assert f"{tmp_path / 'a.txt'}: expected a regular file; found a pipe" in rejected[0]
    assert "No such file" in rejected[1]


def test_folder_without_articles_is_an_error(tmp_path: Path) -> None:
    write(tmp_path / "a.csv", "a,b")
    with pytest.raises(DataError, match=r"expected files that end in .*\.md.*; found none"):
        read_one(tmp_path)


def test_rejects_are_told_and_reading_goes_on(tmp_path: Path) -> None:
    good, bad, empty = write(tmp_path / "a.txt", "It rains."), write(tmp_path / "b.txt", b"%PDF-1"), tmp_path / "empty"
    empty.mkdir()
    rejected: list[tuple[str, str]] = []
    paths = [bad, tmp_path / "none.txt", empty, "", "a\0b", "https://example.org/a", good]
    texts = [a.text for a in read_articles(paths, on_reject=lambda source, reason: rejected.append((source, reason)))]
    assert texts == ["It rains."]
    assert [source for source, _ in rejected] == [str(p) for p in paths[:-1]]
    words = ("PDF", "No such file", "found none", "empty name", "null byte", "web address")
    assert all(word in reason for word, (_, reason) in zip(words, rejected, strict=True))
    with pytest.raises(DataError, match="No such file"):
        list(read_articles([good, tmp_path / "none.txt"]))


def test_inputs_are_read_one_at_a_time(tmp_path: Path) -> None:
    found = read_articles([write(tmp_path / "a.txt", "It rains."), tmp_path / "later.txt"])
    assert next(found).text == "It rains."
    write(tmp_path / "later.txt", "It pours.")
    assert next(found).text == "It pours."


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="needs a user whom file rights bind")
def test_forbidden_file_and_folder_are_told(tmp_path: Path) -> None:
    write(tmp_path / "a.txt", "It rains.").chmod(0)
    (tmp_path / "locked").mkdir(mode=0)
    rejected: list[str] = []
    assert not list(read_articles([tmp_path], on_reject=lambda _, reason: rejected.append(reason)))
    assert len(rejected) == 2
    assert all("Permission denied" in reason for reason in rejected)


@pytest.mark.skipif(sys.platform != "linux", reason="other systems refuse such names")
def test_a_name_that_is_no_utf8_can_be_printed(tmp_path: Path) -> None:
    path = os.fsencode(tmp_path) + b"/\xff.txt"
    with open(path, "wb") as file:
        file.write(b"It rains.")
    assert read_one(tmp_path).source.encode().endswith("/\ufffd.txt".encode())


def test_too_large_an_input_names_the_limit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stdin: Callable[[bytes], None]
) -> None:
    monkeypatch.setattr(articles, "MAX_BYTES", 20)
    assert read_one(write(tmp_path / "a.txt", "x" * 20)).text == "x" * 20
    with pytest.raises(DataError, match=r"at most 20 bytes \(MAX_BYTES\); found 21 bytes"):
        read_one(write(tmp_path / "b.txt", "x" * 21))
    stdin(b"x" * 21)
    with pytest.raises(DataError, match="at most 20 bytes"):
        read_one("-")


def test_standard_input_is_read_as_bytes(stdin: Callable[[bytes], None]) -> None:
    stdin("One line.\r\nIt’s so.".encode("cp1252"))
    assert read_one("-") == Article("-", "One line.\r\nIt’s so.")
    sys.stdin.close()
    with pytest.raises(DataError, match=r"^-: expected a readable"):
        read_one("-")


def test_unknown_suffix_is_read_by_its_content(tmp_path: Path) -> None:
    assert read_one(write(tmp_path / "a.log", "It rains.")).text == "It rains."
    with pytest.raises(DataError, match="binary data"):
        read_one(write(tmp_path / "a.bin", bytes(200)))


def test_front_matter_gives_the_title_and_no_sentence() -> None:
    article = read_one(DATA / "notes.md")
    assert article.title == "Small labs share their weights"
    assert article.text == (DATA / "notes.md").read_bytes().decode()
    sentences = split_sentences(article.text)
    assert [s.text for s in sentences] == [
        "Small labs share their weights",
        "Three labs in Europe have put their models on a **public** server.",
        "The first runs on a laptop.",
        "The second needs no network.",
        "Anyone may copy them.",
    ]
    assert title_of(sentences) == "Small labs share their weights"


@pytest.mark.parametrize(
    "text",
    ["---\nWe begin.\n---\nThen more.", "--- a: b ---", "---\nkey: value\nnever closed\n", "Text.\n---\na: b\n---\n"],
)
def test_a_rule_is_no_front_matter(text: str) -> None:
    assert front_matter(text) == (0, None)


def test_front_matter_with_windows_newlines() -> None:
    text = "---\r\nTitle: 'So it is'\r\n\r\n# note\r\n---\r\nText"
    assert front_matter(text) == (text.index("Text"), "So it is")


class TestHtml:
    def test_page_gives_title_and_paragraphs(self) -> None:
        article = read_one(DATA / "page.html")
        assert article.title == "Lake town opens chip school"
        found = [s.text for s in split_sentences(article.text)]
        assert found[found.index("Who pays?") :] == [
            "Who pays?",
            "The county carries half of the cost, said Mayor Ines Vogt.",
            "“We waited nine years for this,” she added.",
            "Lessons are free for residents.",
            "Two local firms lend their machines.",
            "A second class is to follow in the autumn, provided that enough teachers "
            "from the U.S. Midwest can be found in time.",
        ]
        assert "Copyright" not in article.text

    def test_page_is_known_by_its_content(self, tmp_path: Path, stdin: Callable[[bytes], None]) -> None:
        page = (DATA / "page.html").read_bytes()
        stdin(b"\n" + page)
        expected = read_one(DATA / "page.html").text
        assert read_one("-").text == expected
        assert read_one(write(tmp_path / "saved", page)).text == expected
        assert read_one(write(tmp_path / "a.txt", page)).text == page.decode()

    @pytest.mark.parametrize("codec", ["utf-8-sig", "utf-16", "utf-16-le", "utf-32"])
    @pytest.mark.parametrize(
        "head",
        [
            "",
            "<!-- saved from (0042) <p> -->\n<!---->",
            '<?xml version="1.0" encoding="utf-8"?>\n<!-- a -->\n<?xml-s?>',
        ],
    )
    def test_page_is_known_by_what_follows_marks_and_comments(
        self, stdin: Callable[[bytes], None], codec: str, head: str
    ) -> None:
        stdin((head + (DATA / "page.html").read_text(encoding="utf-8")).encode(codec))
        assert read_one("-").text == read_one(DATA / "page.html").text

    @pytest.mark.parametrize("text", ["<!-- html --> It rains.", "<!-- <html>", "<!---->" * 5_000, "It rains. <html>"])
    def test_a_comment_makes_no_page(self, text: str) -> None:
        assert not articles.is_page(text.encode(), suffix="")

    def test_a_page_with_a_stray_byte(self, tmp_path: Path) -> None:
        sentence = "“Doors are open – at last,” said the lab’s owner to the first forty “guests”."
        page = f'<html><head><meta charset="utf-8"></head><body><p>{sentence}</p></body></html>'.encode()
        assert sentence in read_one(write(tmp_path / "a.html", page.replace(b"<p>", b"<p>\xff "))).text

    @pytest.mark.parametrize("codec", ["windows-1251", "utf-8", "utf-16"])
    def test_declared_encoding(self, tmp_path: Path, codec: str) -> None:
        sentence = "Лаборатория открыла двери для первых сорока студентов."
        page = f'<html><head><meta charset="{codec}"><title>Озеро</title></head><body><p>{sentence}</p></body></html>'
        assert sentence in read_one(write(tmp_path / "a.htm", page.encode(codec))).text

    @pytest.mark.parametrize(
        "page",
        [
            "<html><body></body></html>",
            "<html><script>var a = 1;</script></html>",
            "<html><body>" + "<div>" * 20_000 + "</body></html>",
            "<html>",
        ],
    )
    def test_page_without_article_is_an_error(self, tmp_path: Path, page: str) -> None:
        with pytest.raises(DataError, match=r"expected (an article in the page|HTML)"):
            read_one(write(tmp_path / "a.html", page))

    def test_missing_library_is_told(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, "trafilatura", None)
        with pytest.raises(DataError, match=r"pip install 'newslean\[html\]'"):
            read_one(DATA / "page.html")


def test_one_path_is_no_list_of_letters(tmp_path: Path):
    (tmp_path / "a.txt").write_text("Tin rose.", encoding="utf-8")
    assert [a.text for a in read_articles(str(tmp_path / "a.txt"))] == ["Tin rose."]
