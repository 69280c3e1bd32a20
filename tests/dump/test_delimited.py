"""CSV and TSV dumps: quotes, line ends, odd shapes and huge rows."""

import csv
import tracemalloc
from pathlib import Path

import pytest

from newslean.dump import Columns
from newslean.dump.reading import read_steps
from newslean.dump.steps import Start
from newslean.errors import DataError

TEXT = 'Tin rose in Arlen, by "half".\r\n\r\nBuyers paid more.'
TABLE = (
    "id,Headline,Text,published\r\n"
    '7,Tin rises,"Tin rose in Arlen, by ""half"".\r\n\r\nBuyers paid more.",2031-04-05\r\n'
    "\r\n"
    "8,,Rain fell on “Borva”.,\r\n"
)


def test_every_compression_gives_the_same_articles(write, read, packed):
    suffix, pack = packed
    records, rejects = read(write(f"a.csv{suffix}", pack(TABLE.encode())))
    assert [(r.id, r.article.title, r.article.text, r.date) for r in records] == [
        ("7", "Tin rises", TEXT, "2031-04-05"),
        ("8", None, "Rain fell on “Borva”.", None),
    ]
    assert [record.position for record in records] == ["row 1, line 2", "row 2, line 6"]
    assert rejects == []


@pytest.mark.parametrize("codec", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_tabs_and_byte_order_marks(write, read, codec):
    content = 'id\ttext\r\n7\t"Tin rose, in ""Arlen"".\r\nAnd Holm."\r\n8\tRain fell on “Borva”.\r\n'
    records, rejects = read(write("a.tsv", content.encode(codec)))
    assert [(record.id, record.article.text) for record in records] == [
        ("7", 'Tin rose, in "Arlen".\r\nAnd Holm.'),
        ("8", "Rain fell on “Borva”."),
    ]
    assert rejects == []


def test_semicolons_are_found_and_told(write, read):
    notes: list[str] = []
    [record], _ = read(write("a.csv", "titel;body\nTin;Tin rose, it seems.\n"), on_note=notes.append)
    assert record.article.text == "Tin rose, it seems."
    assert "semicolons" in notes[0]


def test_lines_that_end_with_a_separator_and_spaces_in_the_header(write, read):
    [record], rejects = read(write("a.csv", "title , text,\nTin,Tin rose.,,\n"))
    assert (record.article.title, record.article.text) == ("Tin", "Tin rose.")
    assert rejects == []


def test_of_two_equal_names_the_first_counts(write, read):
    [record], _ = read(write("a.csv", "text,text\nTin rose.,Zinc fell.\n"))
    assert record.article.text == "Tin rose."


def test_a_field_larger_than_the_standard_library_allows_is_read_and_its_limit_left_alone(write, read):
    csv.field_size_limit(131_072)
    text = "Tin rose. " * 50_000
    [record], _ = read(write("a.csv", f"text\n{text}\n"))
    assert record.article.text == text
    assert csv.field_size_limit() == 131_072


def test_nul_bytes_stay(write, read):
    [record], _ = read(write("a.csv", "text\nTin\0 rose.\n"))
    assert record.article.text == "Tin\0 rose."


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (b"7,Tin\n", "2 columns where the header has 3"),
        (b"7,Tin,Tin rose, it seems.\n", "4 columns where the header has 3"),
        (b"7,Tin,\n", "only white space"),
        (b"7,Tin,  \n", "only white space"),
        (b"7,Tin,\xec\xe5\xe4\xfc\n", "no UTF-8"),  # Cyrillic, perhaps
        (b"7,\xcd\xad\xbc\xdb\xc9\xcf,Tin.\n", "no UTF-8"),  # Chinese, perhaps
        (b"7,Tin\rrose,x\n", "carriage return"),
        (b"7,Tin," + b"x" * 100 + b"\n", "more than 60 bytes (max_bytes) in lines 3 to 3"),
        (b'7,Tin,"' + b"x\n" * 100 + b'"\n', "more than 60 bytes (max_bytes) in lines 3 to 103"),
        (b'7,Tin,"a ""b"" ' + b"x\n" * 100 + b'","\n"\n', "more than 60 bytes (max_bytes) in lines 3 to 104"),
    ],
)
def test_a_bad_row_is_rejected_with_its_line_and_the_others_are_read(write, read, row, reason):
    good = b"8,Zinc,Zinc fell.\n"
    records, [reject] = read(write("a.csv", b"id,title,text\n" + good + row + good), max_bytes=60)
    assert [record.article.text for record in records] == ["Zinc fell."] * 2
    assert [record.position.partition(",")[0] for record in records] == ["row 1", "row 3"]
    assert reject.position == "row 2, line 3"
    assert reason in reject.reason


EXCEL = 'id;Überschrift;text\r\n1;Zinn;Tin rose.\r\n2;Öl;"Tin’s café – 5 €\r\nà Arlen."\r\n3;Zink;“Zinc” fell.\r\n'


@pytest.mark.parametrize("header", ["Überschrift", "title"])
def test_what_excel_writes_is_read_as_windows_1252_and_told_once(write, read, header):
    notes: list[str] = []
    path = write("a.csv", EXCEL.replace("Überschrift", header).encode("cp1252"))
    records, rejects = read(path, columns=Columns(title=header), on_note=notes.append)
    assert [record.article.title for record in records] == ["Zinn", "Öl", "Zink"]
    texts = [record.article.text for record in records]
    assert texts == ["Tin rose.", "Tin’s café – 5 €\r\nà Arlen.", "“Zinc” fell."]
    assert rejects == []
    [note] = [note for note in notes if "1252" in note]
    assert f"no UTF-8 in line {1 if header == 'Überschrift' else 3}: read as Windows-1252 from there on" in note


def test_windows_1252_is_read_the_same_from_every_place_on(write):
    path = write("a.csv", EXCEL.encode("cp1252"))
    whole = [*read_steps([path], start=Start())]
    for n, step in enumerate(whole, 1):
        again = [*read_steps([path], start=step.after)]
        assert [(s.outcome, s.after) for s in again] == [(s.outcome, s.after) for s in whole[n:]]


def test_a_table_that_was_utf_8_before_is_no_windows_1252(write, read):
    notes: list[str] = []
    rows = [b"text\n", "“Zinc” fell.\n".encode(), b"Tin in the caf\xe9 rose.\n", "Öl rose.\n".encode()]
    records, [reject] = read(write("a.csv", b"".join(rows)), on_note=notes.append)
    assert [record.article.text for record in records] == ["“Zinc” fell.", "Öl rose."]
    assert (reject.position, "no UTF-8" in reject.reason) == ("row 2, line 3", True)
    assert not any("1252" in note for note in notes)


def test_of_windows_1252_what_is_utf_8_stays_so_and_what_is_neither_is_rejected(write, read):
    rows = [b"text\n", b"Tin in the caf\xe9 rose.\n", "Öl rose.\n".encode(), b"Tin \x81 rose.\n", b"Tin \x80 5.\n"]
    records, [reject] = read(write("a.csv", b"".join(rows)))
    assert [record.article.text for record in records] == ["Tin in the café rose.", "Öl rose.", "Tin € 5."]
    assert (reject.position, "no UTF-8" in reject.reason) == ("row 3, line 4", True)


def test_columns_that_stand_twice_are_told(write, read):
    notes: list[str] = []
    [record], _ = read(write("a.csv", "text,id,text,,\nTin rose.,1,Zinc fell.,,\n"), on_note=notes.append)
    assert record.article.text == "Tin rose."
    assert [note.split(": ", 1)[1] for note in notes if "columns stand" in note] == [
        "columns stand twice, the first is taken: 'text'"
    ]


def test_a_quote_that_another_row_seems_to_close_takes_in_no_row_silently(write, read):
    rows = 'id,text\n1,"Tin rose.\n2,Zinc fell.\n3,"Lead" fell.\n4,"Nickel ""fell"",\nit seems."\n'
    [record], [reject] = read(write("a.csv", rows))
    assert record.article.text == 'Nickel "fell",\nit seems.'
    assert reject.position == "row 1, line 2"
    assert "a quotation mark in lines 2 to 4 that is neither closed nor doubled" in reject.reason


def test_a_quote_that_is_never_closed_is_rejected_once(write, read):
    records, [reject] = read(write("a.csv", 'title,text\nTin,Tin rose.\nZinc,"Zinc fell.\n\nIn Holm, too.\n'))
    assert [record.article.text for record in records] == ["Tin rose."]
    assert reject.position == "row 2, line 3"
    assert "never closed: lines 3 to 5, the last, are lost" in reject.reason


def test_a_compressed_table_that_is_cut_off_keeps_what_came_before(write, read, packed):
    suffix, pack = packed
    rows = [f"{n},Tin rose {n * n * 7919 % 100_003} times in Arlen.\n" for n in range(40_000)]
    data = pack(("id,text\n" + "".join(rows)).encode())
    records, rejects = read(write(f"a.csv{suffix}", data[: len(data) * 9 // 10]))
    assert 20_000 < len(records) < 40_000
    assert [record.id for record in records] == [str(n) for n in range(len(records))]
    if suffix:
        [reject] = rejects
        assert reject.position == f"after {records[-1].position}"
        assert "expected readable data to the end" in reject.reason


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("", "an empty file"),
        ("a\rb\rc", "carriage return"),
        ('"text\nTin', "a quotation mark"),
        ("a,b\n1,2\n", "found 'a', 'b'"),
    ],
)
def test_a_table_without_a_usable_header_is_an_error(write, read, content, reason):
    with pytest.raises(DataError, match=reason):
        read(write("a.csv", content))


def test_a_header_alone_holds_no_article(write, read):
    records, [reject] = read(write("a.csv", "id,text\n"))
    assert records == []
    assert (reject.position, "expected articles; found none" in reject.reason) == ("whole file", True)


def test_named_columns_count_and_are_not_guessed(write, read):
    notes: list[str] = []
    path = write("a.csv", "text,lede\nTin rose.,Zinc fell.\n")
    [record], _ = read(path, columns=Columns(text="lede"), on_note=notes.append)
    assert record.article.text == "Zinc fell."
    assert notes == []
    with pytest.raises(DataError, match=r"expected a column 'Lede' \(text\); found 'text', 'lede'"):
        read(path, columns=Columns(text="Lede"))


@pytest.mark.parametrize("newline", [b"", b"\n"])
def test_a_row_of_200_megabytes_is_passed_over_in_bounded_memory(tmp_path: Path, read, newline):
    path = tmp_path / "a.csv"
    with path.open("wb") as file:
        file.write(b'title,text\nZinc,"')
        for _ in range(200):
            file.write(b"0123456789" * 100_000 + newline)
        file.write(b'"\nTin,Tin rose.\n')
    tracemalloc.start()
    try:
        [record], [reject] = read(path)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert record.article.text == "Tin rose."
    assert reject.position == "row 1, line 2"
    assert peak < 70_000_000


def test_a_comma_within_a_quoted_name_separates_nothing(write, read):
    for name in ("id, nr", "id,\nnr"):
        [record], rejects = read(write("a.csv", f'"{name}";text\r\n1;Tin rose, zinc fell.\r\n'))
        assert (record.article.text, rejects) == ("Tin rose, zinc fell.", [])
