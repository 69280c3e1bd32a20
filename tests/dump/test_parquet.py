"""Parquet dumps: types of columns, batches, and files that are broken."""

import datetime as dt
import io
import os
import sys
from typing import Any

import pyarrow as pa
import pytest
from pyarrow.parquet import ParquetFile, write_table

from newslean.dump import Columns, open_dump
from newslean.errors import DataError

NOON = dt.datetime(2031, 4, 5, 12, 0, 1, 500, tzinfo=dt.UTC)
ROWS: dict[str, Any] = {
    "ID": pa.array([7, 8]),
    "Body": pa.array(["Tin rose in Arlen.", "Rain fell on “Borva”."]),
    "headline": pa.array(["Tin rises", None]),
    "published": pa.array([dt.date(2031, 4, 5), None]),
    "publisher": pa.array(["The Arlen Post", "https://borva.example/a"]),
    "picture": pa.array([b"\x89PNG", b"\xff\xfe"]),
}


def table_bytes(columns: dict[str, Any], **options: Any) -> bytes:
    buffer = io.BytesIO()
    write_table(pa.table(columns), buffer, **options)
    return buffer.getvalue()


def test_every_compression_outside_gives_the_same_articles(write, read, packed):
    suffix, pack = packed
    records, rejects = read(write(f"a.parquet{suffix}", pack(table_bytes(ROWS))))
    assert [(r.id, r.article.title, r.article.text, r.date, r.outlet, r.position) for r in records] == [
        ("7", "Tin rises", "Tin rose in Arlen.", "2031-04-05", "The Arlen Post", "row 1"),
        ("8", None, "Rain fell on “Borva”.", None, "borva.example", "row 2"),
    ]
    assert rejects == []


@pytest.mark.parametrize(
    "kind",
    [
        pa.string(),
        pa.large_string(),
        pa.string_view(),
        pa.binary(),
        pa.large_binary(),
        pa.dictionary(pa.int32(), pa.string()),
    ],
    ids=str,
)
def test_every_type_of_text_is_found_and_read(write, read, kind):
    texts = pa.array(["Tin rose.", None, "“Zinc” fell."]).cast(kind)
    records, [reject] = read(write("a.parquet", table_bytes({"text": texts})))
    assert [record.article.text for record in records] == ["Tin rose.", "“Zinc” fell."]
    assert (reject.position, "found none" in reject.reason) == ("row 2", True)


@pytest.mark.parametrize(
    ("kind", "written"),
    [
        (pa.timestamp("ns", "UTC"), "2031-04-05T12:00:01Z"),
        (pa.timestamp("us", "Europe/Paris"), "2031-04-05T12:00:01Z"),
        (pa.timestamp("ms"), "2031-04-05T12:00:01"),
        (pa.date32(), "2031-04-05"),
        (pa.string(), "2031-04-05 12:00:01.000500Z"),
    ],
    ids=str,
)
def test_dates_are_written_as_iso_8601(write, read, kind, written):
    dates = pa.array([NOON, None]).cast(pa.timestamp("us", "UTC")).cast(kind, safe=False)
    records, _ = read(write("a.parquet", table_bytes({"text": ["Tin rose.", "Zinc fell."], "date": dates})))
    assert [record.date for record in records] == [written, None]


def test_a_date_that_python_does_not_have_costs_no_row(write, read):
    dates = pa.array([4_000_000, 0], pa.date32())
    records, _ = read(write("a.parquet", table_bytes({"text": ["Tin rose.", "Zinc fell."], "date": dates})))
    assert [record.date for record in records][1] == "1970-01-01"


def test_numbers_that_are_none_are_none(write, read):
    table = table_bytes({"text": ["Tin rose."], "id": [float("nan")], "source": pa.array([None], pa.string())})
    [record], _ = read(write("a.parquet", table))
    assert (record.id, record.outlet) == (None, None)


def test_nested_columns_and_those_with_a_dot(write, read):
    articles = pa.array([{"text": "Tin rose.", "pages": [1]}, None])
    path = write("a.parquet", table_bytes({"article": articles, "a.b": ["One", "Two"]}))
    [record], [reject] = read(path, columns=Columns(text="article.text", title="a.b"))
    assert (record.article.text, record.article.title) == ("Tin rose.", "One")
    assert reject.position == "row 2"
    with pytest.raises(DataError, match=r"found 'article', 'article.text', 'article.pages', 'a.b'"):
        read(path)


def test_a_column_of_another_type_is_rejected_row_by_row(write, read):
    records, [reject] = read(write("a.parquet", table_bytes({"n": [5]})), columns=Columns(text="n"))
    assert records == []
    assert (reject.position, "found a number" in reject.reason) == ("row 1", True)


def test_only_the_needed_columns_are_read(write, read):
    columns = {"text": ["Tin rose."] * 50, "picture": [b"x" * 1_000] * 50}
    data = bytearray(table_bytes(columns, compression="none", use_dictionary=False))
    place = ParquetFile(io.BytesIO(data)).metadata.row_group(0).column(1).data_page_offset
    data[place : place + 40] = b"\xff" * 40  # who reads that column stumbles
    records, rejects = read(write("a.parquet", bytes(data)))
    assert len(records) == 50
    assert rejects == []


def test_rows_come_in_order_across_batches_and_row_groups(write):
    texts = [f"Tin rose {n} times." for n in range(1_000)]
    outcomes = list(open_dump(write("a.parquet", table_bytes({"text": texts}, row_group_size=300))))
    assert [outcome.article.text for outcome in outcomes] == texts
    assert [outcome.position for outcome in outcomes] == [f"row {n}" for n in range(1, 1_001)]


def test_bad_texts_are_rejected_with_their_row(write, read):
    raw = pa.array([b"Tin rose.", b"caf\xe9", b"x" * 200, b" ", b"Zinc fell."])
    texts = pa.Array.from_buffers(pa.string(), 5, raw.buffers())
    records, rejects = read(write("a.parquet", table_bytes({"text": texts})), max_bytes=100)
    assert [record.position for record in records] == ["row 1", "row 5"]
    assert [reject.position for reject in rejects] == ["row 2", "row 3", "row 4"]
    words = ("UTF-8", "at most 100 bytes", "white space")
    assert all(word in reject.reason for word, reject in zip(words, rejects, strict=True))
    packed = pa.array(["x" * 200, "Tin rose."]).dictionary_encode()
    records, [reject] = read(write("b.parquet", table_bytes({"text": packed})), max_bytes=100)
    assert (records[0].position, reject.position) == ("row 2", "row 1")


def test_an_identifier_of_bytes_is_written_in_hexadecimal(write, read):
    identifiers = pa.array([b"\xff" * 16, b"seven"], pa.binary())
    records, rejects = read(write("a.parquet", table_bytes({"id": identifiers, "text": ["Tin rose.", "Zinc fell."]})))
    assert ([record.id for record in records], rejects) == (["ff" * 16, "seven"], [])


def test_a_title_as_long_as_a_book_is_rejected(write, read):
    table = table_bytes({"text": ["Tin rose."] * 2, "title": ["x" * 200, "Tin"]})
    [record], [reject] = read(write("a.parquet", table), max_bytes=100)
    assert (record.position, reject.position) == ("row 2", "row 1")
    assert "a value of 'title' of at most 100 bytes" in reject.reason


@pytest.mark.parametrize("share", [0, 0.001, 0.5, 0.9999])
def test_a_table_that_is_cut_off_is_rejected_whole(write, read, share):
    data = table_bytes({"text": [os.urandom(50).hex() for _ in range(500)]})
    records, [reject] = read(write("a.parquet", data[: int(len(data) * share)]))
    assert records == []
    assert (reject.position, reject.reason.startswith("expected a whole Parquet table")) == ("whole file", True)


def test_a_page_broken_on_the_way_keeps_the_rows_before(write, read):
    columns = {"text": [os.urandom(50).hex() for _ in range(500)]}
    data = bytearray(table_bytes(columns, row_group_size=100, use_dictionary=False))
    place = ParquetFile(io.BytesIO(data)).metadata.row_group(3).column(0).data_page_offset
    data[place : place + 60] = b"\xff" * 60
    records, [reject] = read(write("a.parquet", bytes(data)))
    assert 200 < len(records) <= 300  # the batch at hand is lost with the page
    assert reject.position == f"after row {len(records)}"


def test_a_table_without_rows_holds_no_article(write, read):
    records, [reject] = read(write("a.parquet", table_bytes({"text": pa.array([], pa.string())})))
    assert records == []
    assert "expected articles; found none" in reject.reason


def test_a_missing_package_names_the_extra(write, read, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(DataError, match=r"a\.parquet: .*pip install 'newslean\[dump\]'"):
        read(write("a.parquet", b""))
