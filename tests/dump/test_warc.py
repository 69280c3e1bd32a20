"""WARC dumps: pages to articles, what is passed over, what is broken."""

import gzip
import sys
import tracemalloc
import zlib
from collections.abc import Callable
from pathlib import Path

import brotli
import pytest

from newslean.dump import open_dump, warc_records
from newslean.dump.warc import may_hold_article
from newslean.errors import DataError

PROSE = (
    "Copper and zinc climbed in Arlen on Tuesday as buyers paid more than in any week since the flood. "
    "The smelter near the old bridge, which had stood idle for a month, took on forty workers. "
    "Traders at the harbour said that stocks would last until the autumn, or perhaps a little longer."
)


def page(n: int = 1, text: str = PROSE, charset: str = "utf-8") -> bytes:
    html = (
        f"<!doctype html><html><head><title>Metals {n}</title><style>p {{}}</style></head>"
        f"<body><nav>Home</nav><article><h1>Metals {n}</h1><p>{text}</p></article><script>var a;</script></body></html>"
    )
    return html.encode(charset)


def record(
    n: int, body: bytes, *, status: str = "200 OK", kind: str = "text/html; charset=utf-8", headers: str = "",
    type_: str = "response", length: int | str | None = None,
) -> bytes:  # fmt: skip
    block = f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\n{headers}\r\n".encode() + body
    head = (
        f"WARC/1.0\r\nWARC-Type: {type_}\r\nWARC-Target-URI: https://Post.example:8080/{n}?a=b\r\n"
        f"WARC-Date: 2031-04-05T12:00:0{n}Z\r\nWARC-Record-ID: <urn:uuid:{n}>\r\n"
        f"Content-Type: application/http; msgtype={type_}\r\n"
        f"Content-Length: {len(block) if length is None else length}\r\n\r\n"
    )
    return head.encode() + block + b"\r\n\r\n"


PAGES = [record(n, page(n)) for n in range(4)]

OFFSETS = [sum(map(len, PAGES[:n])) for n in range(4)]


def numbers(records) -> list[str]:
    return [r.article.title for r in records]


def test_every_compression_gives_the_same_articles(write, read, packed):
    suffix, pack = packed
    path = write(f"a.warc{suffix}", b"".join(map(pack, PAGES)))  # each record by itself, as WARC files have it
    records, rejects = read(path)
    assert rejects == []
    offset = 0
    for n, (found, data) in enumerate(zip(records, PAGES, strict=True)):
        assert PROSE in found.article.text
        assert found.article.title == f"Metals {n}"
        assert found.article.source == found.id == f"https://Post.example:8080/{n}?a=b"
        assert (found.date, found.outlet) == (f"2031-04-05T12:00:0{n}Z", "post.example")
        assert found.position == f"record {n + 1}, offset {offset}"
        offset += len(data)


def test_a_pages_own_date_and_outlet_come_first(write, read):
    signs = b'<meta property="og:site_name" content="Arlen Post"><meta name="date" content="2024-05-31"></head>'
    records, _ = read(write("a.warc", record(1, page(1).replace(b"</head>", signs)) + PAGES[2]))
    told = [(found.date, found.outlet) for found in records]
    assert told == [("2024-05-31", "Arlen Post"), ("2031-04-05T12:00:02Z", "post.example")]


def test_other_records_are_passed_over_and_counted(write, read):
    notes: list[str] = []
    others = [
        record(1, page(), status="404 Not Found"),
        record(2, page(), status="301 Moved"),
        record(3, b"%PDF-1.7", kind="application/pdf"),
        record(4, b"{}", kind="application/json"),
        record(5, page(), type_="request"),
        record(6, page(), type_="revisit"),
        PAGES[0].replace(b"application/http", b"text/plain"),
        record(8, page()).replace(b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 what\r\n")[:-2] + b"xx",
    ]
    path = write("a.warc", b"".join([others[0], PAGES[1], *others[1:7]]))
    [found], rejects = read(path, on_note=notes.append)
    assert (found.position.partition(",")[0], found.article.title) == ("record 2", "Metals 1")
    assert rejects == []
    assert notes == [f"{path}: passed over 7 records that are no web pages with status 200"]


def test_the_servers_word_on_the_charset_counts(write, read):
    text = "Медь подорожала в Арлене, сказали торговцы в порту. " * 6
    for kind in ("text/html; charset=iso-8859-5", 'text/html; x=y; Charset="ISO-8859-5"'):
        [found], _ = read(write("a.warc", record(1, page(text=text, charset="iso-8859-5"), kind=kind)))
        assert text.strip() in found.article.text


@pytest.mark.parametrize("kind", ["TEXT/HTML", "text/html;charset='windows-1251'", "text/html; charset=nonsense"])
def test_kind_and_charset_of_a_page(write, read, kind):
    text = ("Медь подорожала в Арлене во вторник, как сказали торговцы в порту. " * 5).strip()
    codec = "windows-1251" if "1251" in kind else "utf-8"
    [found], _ = read(write("a.warc", record(1, page(text=text, charset=codec), kind=kind)))
    assert text in found.article.text


def chunked(body: bytes) -> bytes:
    half = len(body) // 2
    parts = [body[:half], body[half:], b""]
    return b"".join(b"%x;q=1\r\n%s\r\n" % (len(part), part) for part in parts)


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ("Content-Encoding: gzip\r\n", gzip.compress),
        ("Content-Encoding: deflate\r\n", zlib.compress),
        ("Content-Encoding: br\r\n", brotli.compress),
        ("Transfer-Encoding: chunked\r\n", chunked),
        ("Transfer-Encoding: chunked\r\nContent-Encoding: gzip\r\n", lambda body: chunked(gzip.compress(body))),
    ],
)
@pytest.mark.parametrize("lie", [False, True])
def test_coded_pages_are_decoded_and_those_decoded_before_left_alone(
    write, read, headers: str, code: Callable[[bytes], bytes], lie: bool
):
    data = record(1, page(1) if lie else code(page(1)), headers=headers)
    records, rejects = read(write("a.warc", data + PAGES[2]))
    assert rejects == []
    assert numbers(records) == ["Metals 1", "Metals 2"]
    assert PROSE in records[0].article.text


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (record(9, b"<html><body><p>Subscribe.</p></body></html>"), "hardly any text"),
        (record(9, b"<html><body>" + b"<div>" * 30_000 + PROSE.encode() + b"</body></html>"), "expected"),
        (record(9, b""), "hardly any text"),
        (record(9, page() + b" " * 50_000), "at most 40,000 bytes"),
        (
            record(9, gzip.compress(page() + b" " * 9_000_000, mtime=0), headers="Content-Encoding: gzip\r\n"),
            "at most 40,000 bytes",
        ),
        (record(9, brotli.compress(b" " * 9_000_000), headers="Content-Encoding: br\r\n"), "at most 40,000 bytes"),
        (record(9, gzip.compress(page(), mtime=0)[:-30], headers="Content-Encoding: gzip\r\n"), "cut off"),
    ],
)
def test_a_bad_page_is_rejected_with_its_place_and_the_others_are_read(write, read, bad, reason):
    path = write("a.warc", PAGES[0] + bad + PAGES[2])
    records, [reject] = read(path, max_bytes=40_000)
    assert numbers(records) == ["Metals 0", "Metals 2"]
    assert (reject.source, reject.position) == (str(path), f"record 2, offset {len(PAGES[0])}")
    assert reason in reject.reason
    assert reject.reason.startswith("expected")


@pytest.mark.parametrize(
    "bad",
    [
        b"junk and more junk\r\n\r\n",
        record(9, page(9), length=100),
        record(9, page(9), length=-5),
        record(9, page(9), length="many"),
        b"WARC/1.0\r\nX: " + b"a" * 300_000 + b"\r\n\r\n" + page(),
        b"\0" * 200_000,
    ],
)
def test_after_a_broken_record_reading_goes_on_with_the_next(write, read, bad):
    records, rejects = read(write("a.warc", PAGES[0] + bad + PAGES[2] + PAGES[3]))
    assert numbers(records) == ["Metals 0", "Metals 2", "Metals 3"]
    assert rejects
    assert rejects[0].position in ("after record 1, offset 0", f"record 2, offset {len(PAGES[0])}")
    assert records[1].position.endswith(f"offset {len(PAGES[0] + bad)}")


def test_several_broken_records_and_headers_without_sense(write, read):
    long, empty = b"WARC/1.0\r\nX: " + b"a" * 70_000 + b"\r\n\r\n", b"WARC/1.0\r\nnonsense\r\n\r\n"
    records, rejects = read(write("a.warc", PAGES[0] + long + long + b"junk\r\n" + empty + PAGES[1] + long))
    assert numbers(records) == ["Metals 0", "Metals 1"]
    assert [reject.position.partition(",")[0] for reject in rejects] == [
        "after record 1",
        "record 3",
        "after record 4",
    ]


@pytest.mark.parametrize("cut", [5, 40, 250, 500, 700])
def test_a_file_that_is_cut_off_keeps_what_came_before(write, read, cut):
    records, [reject] = read(write("a.warc", b"".join(PAGES)[:-cut]))
    assert numbers(records) == ["Metals 0", "Metals 1", "Metals 2"]
    assert reject.position == f"record 4, offset {OFFSETS[3]}"


def test_a_gzip_that_is_cut_off_keeps_what_came_before(write, read):
    data = b"".join(map(gzip.compress, PAGES))
    records, [reject] = read(write("a.warc.gz", data[:-100]))
    assert numbers(records) == ["Metals 0", "Metals 1", "Metals 2"]
    assert reject.position == f"after {records[-1].position}"


def test_a_record_that_is_cut_off_and_would_be_passed_over_is_told(write, read):
    records, [reject] = read(write("a.warc", PAGES[0] + record(1, b"x" * 9_000, kind="image/png")[:-5_000]))
    assert numbers(records) == ["Metals 0"]
    assert "ends within the record" in reject.reason


@pytest.mark.parametrize("content", [b"no such thing\r\n" * 9_000, b"{}"])
def test_what_is_no_warc_is_rejected_once(write, read, content):
    records, [reject] = read(write("a.warc", content))
    assert records == []
    assert reject.position == "record 1, offset 0"


def test_a_large_record_is_not_held_in_memory(tmp_path: Path):
    path = tmp_path / "a.warc"
    with path.open("wb") as file:
        file.write(record(1, b"", kind="video/mp4", length=200_000_100)[:-4])
        for _ in range(200):
            file.write(b"0123456789" * 100_000)
        file.write(b"\r\n\r\n" * 10 + PAGES[1])
    tracemalloc.start()
    try:
        outcomes = list(open_dump(path))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert "Metals 1" in [getattr(getattr(o, "article", None), "title", None) for o in outcomes]
    assert peak < 40_000_000


@pytest.mark.parametrize(("coding", "code"), [("gzip", gzip.compress), ("br", brotli.compress)])
def test_a_page_that_unpacks_to_very_much_is_not_unpacked(write, read, coding, code):
    path = write("a.warc", record(1, code(b" " * 200_000_000), headers=f"Content-Encoding: {coding}\r\n"))
    tracemalloc.start()
    try:
        _, [reject] = read(path)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert "at most 10,000,000 bytes" in reject.reason
    assert peak < 50_000_000


def test_what_never_becomes_a_warc_file_is_given_up(write, read, monkeypatch):
    monkeypatch.setattr(warc_records, "_MAX_FAILURES", 4)
    bad = b"WARC/1.0\r\nX: " + b"a" * 40_000 + b"\r\n\r\n"
    records, rejects = read(write("a.warc", PAGES[0] + bad * 2 + PAGES[1] + bad * 9 + PAGES[2]))
    assert numbers(records) == ["Metals 0", "Metals 1"]
    assert [reject.position.partition(",")[0] for reject in rejects] == ["after record 1", "after record 3"]


@pytest.mark.parametrize(
    ("html", "answer"),
    [
        (page(), True),
        (page().upper(), True),
        (b"<p>" + "Цена меди выросла. ".encode() * 20, True),
        (b'<script type="application/ld+json">{"articleBody": "..."}</script>', True),
        (page().decode().encode("utf-16"), True),
        (b"<p>Short.</p>", False),
        (b"<p title='" + b"x" * 500 + b"'>Short.</p>", False),
        (b"<script>" + b"var x; " * 100 + b"</script><p>Short.</p>", False),
        (b"<style>" + b"p { } abc" * 100, False),
        (b"<" * 1_000_000, False),
        (b"<script" * 100_000, False),
        (b"", False),
    ],
)
def test_the_first_look_tells_pages_without_text(html, answer):
    assert may_hold_article(html) is answer


@pytest.mark.parametrize("package", ["fastwarc", "trafilatura"])
def test_a_missing_package_names_the_extra(write, read, monkeypatch, package):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(DataError, match=r"a\.warc: .*pip install 'newslean\[warc\]'"):
        read(write("a.warc", PAGES[0]))
