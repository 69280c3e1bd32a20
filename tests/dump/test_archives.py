"""Zip and tar archives: order, forms within, hostile names and entries."""

import gzip
import io
import os
import tarfile
import tracemalloc
import zipfile
from pathlib import Path

import pytest

ENTRIES = {
    "b/tin.txt": b"Tin rose in Arlen.",
    "a/rain.md": b"---\ntitle: Rain\n---\nRain fell on Borva.",
    "a/picture.png": b"\x89PNG",
    "__MACOSX/a/._rain.md": b"junk",
    ".hidden/x.txt": b"junk",
    "rows.jsonl": b'{"text": "Zinc fell."}\noops\n{"text": "Lead fell."}\n',
    "table.csv.gz": gzip.compress(b"title,text\nNickel,Nickel fell.\n"),
    "c.txt.gz": gzip.compress(b"Copper climbed."),
}
FOUND = [
    ("entry b/tin.txt", "Tin rose in Arlen."),
    ("entry a/rain.md", "---\ntitle: Rain\n---\nRain fell on Borva."),
    ("entry rows.jsonl, line 1", "Zinc fell."),
    ("entry rows.jsonl, line 3", "Lead fell."),
    ("entry table.csv.gz, row 1, line 2", "Nickel fell."),
    ("entry c.txt.gz", "Copper climbed."),
]


def make_zip(entries: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        archive.mkdir("a")
        for name, content in entries.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def make_tar(entries: dict[str, bytes], format_: int = tarfile.PAX_FORMAT) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=format_) as archive:
        folder = tarfile.TarInfo("a")
        folder.type = tarfile.DIRTYPE
        archive.addfile(folder)
        for name, content in entries.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


MAKERS = {"zip": make_zip, "tar": make_tar}


@pytest.mark.parametrize("kind", MAKERS)
def test_articles_and_tables_come_in_the_archives_order(write, read, packed, kind):
    suffix, pack = packed
    path = write(f"a.{kind}{suffix}", pack(MAKERS[kind](ENTRIES)))
    records, [reject] = read(path)
    assert [(record.position, record.article.text) for record in records] == FOUND
    assert {record.article.source for record in records} == {str(path)}
    assert records[1].article.title == "Rain"
    assert (reject.source, reject.position) == (str(path), "entry rows.jsonl, line 2")


@pytest.mark.parametrize("name", ["a.tgz", "a.TAR.GZ"])
def test_short_endings(write, read, name):
    records, _ = read(write(name, gzip.compress(make_tar(ENTRIES))))
    assert len(records) == 6


@pytest.mark.parametrize("kind", MAKERS)
def test_hostile_names_are_only_names_and_nothing_is_written(write, read, tmp_path, monkeypatch, kind):
    monkeypatch.chdir(tmp_path)
    names = ["../../evil.txt", "/etc/evil.txt", "..\\evil.txt", "C:\\evil.txt", "a\x1b[31m\n.txt", "x" * 300 + ".txt"]
    path = write(f"sub/a.{kind}", MAKERS[kind](dict.fromkeys(names, b"Tin rose.")))
    records, rejects = read(path)
    assert [record.position for record in records] == [f"entry {name}" for name in names]
    assert rejects == []
    assert [file for file in tmp_path.rglob("*") if file.is_file()] == [path]
    assert not (tmp_path.parent / "evil.txt").exists()


@pytest.mark.parametrize("kind", MAKERS)
def test_an_entry_that_unpacks_to_too_much_is_cut_and_rejected(write, read, kind):
    bomb = b"Tin rose. " * 5_000_000
    content = MAKERS[kind](
        {"bomb.txt": bomb, "line.jsonl": b'{"text": "' + bomb + b'"}\n{"text": "Zinc fell."}', "c.txt": b"Tin."}
    )
    path = write(f"a.{kind}.gz", gzip.compress(content, 1))
    del bomb, content
    tracemalloc.start()
    try:
        records, rejects = read(path, max_bytes=1_000_000)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert [record.position for record in records] == ["entry line.jsonl, line 2", "entry c.txt"]
    assert [reject.position for reject in rejects] == ["entry bomb.txt", "entry line.jsonl, line 1"]
    assert all("at most 1,000,000 bytes" in reject.reason for reject in rejects)
    assert peak < 10_000_000


@pytest.mark.parametrize("kind", MAKERS)
def test_an_archive_in_an_archive_and_a_table_without_text_are_rejected(write, read, kind):
    entries = {
        "in.zip": make_zip({"x.txt": b"Tin."}),
        "no.csv": b"a,b\n1,2\n",
        "empty.txt": b"",
        "ok.txt": b"Tin rose.",
    }
    [record], rejects = read(write(f"a.{kind}", MAKERS[kind](entries)))
    assert record.position == "entry ok.txt"
    assert [reject.position for reject in rejects] == ["entry in.zip", "entry no.csv", "entry empty.txt"]
    words = ("archive in an archive", "found 'a', 'b'", "empty file")
    assert all(word in reject.reason for word, reject in zip(words, rejects, strict=True))
    assert all(reject.reason.startswith("expected") for reject in rejects)


@pytest.mark.parametrize("kind", MAKERS)
def test_an_archive_without_articles_says_so(write, read, kind):
    records, [reject] = read(write(f"a.{kind}", MAKERS[kind]({"a.png": b"x"})))
    assert records == []
    assert (reject.position, "found none" in reject.reason) == ("whole file", True)


@pytest.mark.parametrize("kind", MAKERS)
@pytest.mark.parametrize("content", [b"", b"no archive at all" * 100])
def test_what_is_no_archive_is_rejected(write, read, kind, content):
    records, [reject] = read(write(f"a.{kind}", content))
    assert records == []
    assert (reject.position, reject.reason.startswith(f"expected a whole {kind} archive")) == ("whole file", True)


def test_an_encrypted_entry_of_a_zip_is_rejected(write, read):
    data = bytearray(make_zip({"a.txt": b"Tin rose.", "b.txt": b"Zinc fell."}))
    central = data.index(b"PK\x01\x02", data.index(b"PK\x01\x02") + 1)  # the first is the folder's
    data[central + 8] |= 1
    [record], [reject] = read(write("a.zip", bytes(data)))
    assert record.position == "entry b.txt"
    assert (reject.position, "without a password" in reject.reason) == ("entry a.txt", True)


def test_a_corrupt_entry_of_a_zip_is_rejected_alone(write, read):
    entries = {"a.txt": b"Tin rose.", "b.txt": b"Zinc fell.", "c.txt": b"Lead fell."}
    data = make_zip(entries, zipfile.ZIP_STORED).replace(b"Tin rose.", b"Tin rosy.")
    data = data.replace(b"PK\x03\x04", b"PK\x03\x05", 3).replace(b"PK\x03\x05", b"PK\x03\x04", 2)  # b.txt's own header
    records, rejects = read(write("a.zip", data))
    assert [record.position for record in records] == ["entry c.txt"]
    assert [(reject.position, "Bad" in reject.reason) for reject in rejects] == [
        ("entry a.txt", True),
        ("entry b.txt", True),
    ]


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_zip_method_that_unpacks_without_bound_is_refused(write, read, method):
    _, [reject] = read(write("a.zip", make_zip({"a.txt": b"Tin rose."}, method)))
    assert (reject.position, "stored or deflated" in reject.reason) == ("entry a.txt", True)


def test_a_tar_that_is_cut_off_keeps_what_came_before(write, read):
    entries = {f"{n}.txt": os.urandom(2_000).hex().encode() for n in range(50)}
    data = gzip.compress(make_tar(entries))
    records, rejects = read(write("a.tar.gz", data[: len(data) * 2 // 3]))
    assert [record.position for record in records] == [f"entry {n}.txt" for n in range(len(records))]
    assert 20 < len(records) < 50
    assert rejects[0].position in (f"entry {len(records)}.txt", f"after entry {len(records) - 1}.txt")


def test_a_broken_header_within_a_tar_is_not_taken_for_its_end(write, read):
    data = bytearray(make_tar({"a.txt": b"Tin rose.", "b.txt": b"Zinc fell.", "c.txt": b"Lead fell."}))
    data[data.index(b"b.txt")] ^= 0xFF
    [record], [reject] = read(write("a.tar", bytes(data)))
    assert record.position == "entry a.txt"
    assert (reject.position, "bad checksum" in reject.reason) == ("after entry a.txt", True)


def test_a_name_of_a_gigabyte_in_a_tar_is_not_read(write, read):
    header = tarfile.TarInfo("x")
    header.type, header.size = tarfile.GNUTYPE_LONGNAME, 1 << 30
    data = make_tar({"a.txt": b"Tin rose."})[: 3 * 512] + header.tobuf() + b"x" * 5_000_000
    [record], [reject] = read(write("a.tar", data))
    assert record.position == "entry a.txt"
    assert "a name of 1,073,741,824 bytes" in reject.reason


@pytest.mark.parametrize("header", [{"GNU.sparse.size": "zz"}, {"size": "9" * 30}, {"size": "-1"}])
def test_numbers_in_a_tar_that_are_none_keep_what_came_before(write, read, header):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name, further in (("a.txt", {}), ("b.txt", header)):
            entry = tarfile.TarInfo(name)
            entry.size, entry.pax_headers = 9, further
            archive.addfile(entry, io.BytesIO(b"Tin rose."))
    [record], [reject] = read(write("a.tar", buffer.getvalue()))
    assert record.position == "entry a.txt"
    assert "expected a whole tar archive" in reject.reason


def test_an_entry_with_holes_is_not_filled(write, read):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
        body = b"1\n33554432\n0\n".ljust(512, b"\0")
        for name, data, headers in (
            ("a.txt", b"Tin rose.", {}),
            ("b.txt", body, {"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.realsize": str(1 << 25)}),
            ("c.txt", b"Tin fell.", {}),
        ):
            entry = tarfile.TarInfo(name)
            entry.size, entry.pax_headers = len(data), headers
            archive.addfile(entry, io.BytesIO(data))
    records, [reject] = read(write("a.tar", buffer.getvalue()))
    assert [record.position for record in records] == ["entry a.txt", "entry c.txt"]
    assert (reject.position, "found a sparse one" in reject.reason) == ("entry b.txt", True)


def test_links_in_a_tar_lead_nowhere(write, read, tmp_path: Path):
    secret = write("secret.txt", "Not for reading.")
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, kind in (
            ("soft.txt", tarfile.SYMTYPE),
            ("hard.txt", tarfile.LNKTYPE),
            ("pipe.txt", tarfile.FIFOTYPE),
        ):
            entry = tarfile.TarInfo(name)
            entry.type, entry.linkname = kind, str(secret)
            archive.addfile(entry)
    records, rejects = read(write("a.tar", buffer.getvalue()))
    assert records == []
    assert [reject.position for reject in rejects] == ["entry soft.txt", "entry hard.txt", "entry pipe.txt"]


def test_names_of_a_tar_in_no_encoding_can_be_printed(write, read):
    data = make_tar({"caf\udce9.txt": b"Tin rose."}, tarfile.GNU_FORMAT)
    [record], _ = read(write("a.tar", data))
    assert record.position == "entry caf\ufffd.txt"


def test_a_parquet_table_in_an_archive_is_read(write, read):
    import pyarrow as pa
    from pyarrow.parquet import write_table

    buffer = io.BytesIO()
    write_table(pa.table({"text": ["Tin rose.", "Zinc fell."]}), buffer)
    for kind, make in MAKERS.items():
        records, rejects = read(write(f"a.{kind}", make({"t.parquet": buffer.getvalue()})))
        assert [record.position for record in records] == ["entry t.parquet, row 1", "entry t.parquet, row 2"]
        assert rejects == []
