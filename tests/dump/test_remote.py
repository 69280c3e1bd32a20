"""Files elsewhere, by way of fsspec's file system in memory."""

import sys

import pytest
from fsspec.implementations.memory import MemoryFileSystem

from newslean.errors import DataError

FILES = {
    "/dump/b.jsonl": b'{"text": "Tin rose."}\noops\n',
    "/dump/a/x.txt": b"Zinc fell.",
    "/dump/a/.hidden.txt": b"junk",
    "/dump/.git/x.txt": b"junk",
    "/dump/picture.png": b"junk",
}


@pytest.fixture
def memory():
    system = MemoryFileSystem()
    system.store.clear()
    for path, content in FILES.items():
        system.pipe(path, content)
    yield system
    system.store.clear()


def test_a_file_a_folder_and_a_pattern(memory, read):
    records, [reject] = read("memory://dump/b.jsonl")
    assert [(r.article.source, r.position) for r in records] == [("memory://dump/b.jsonl", "line 1")]
    assert (reject.source, reject.position) == ("memory://dump/b.jsonl", "line 2")
    for given in ("memory://dump", "memory://dump/**/?.*", "memory://dump/**"):
        records, rejects = read(given)
        assert [record.article.source for record in records] == ["memory:///dump/a/x.txt", "memory:///dump/b.jsonl"]
        assert [reject.source[-9:] for reject in rejects] == ["p/b.jsonl", "cture.png"][: 1 + given.endswith("**")]
    records, _ = read("memory://dump/*.jsonl")
    assert len(records) == 1


def test_packed_files_and_tables_that_are_read_in_any_order(memory, read, packed):
    import io

    import pyarrow as pa
    from pyarrow.parquet import write_table

    suffix, pack = packed
    buffer = io.BytesIO()
    write_table(pa.table({"text": ["Tin rose."]}), buffer)
    memory.pipe(f"/new/a.parquet{suffix}", pack(buffer.getvalue()))
    [record], rejects = read(f"memory://new/a.parquet{suffix}")
    assert (record.position, rejects) == ("row 1", [])


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ("memory://dump/gone.jsonl", "found: no such file"),
        ("memory://dump/*.gone", "found none"),
        ("memory://gone/", "found: no such file"),
        ("nosuchthing://x/a.jsonl", "nosuchthing"),
    ],
)
def test_what_is_not_there_is_an_error_alone_and_a_reject_among_others(memory, read, address, reason):
    with pytest.raises(DataError, match=reason) as error:
        read(address)
    assert str(error.value).startswith(f"{address}: expected")
    records, [reject] = read([address, "memory://dump/a/x.txt"])
    assert len(records) == 1
    assert (reject.source, reason in reject.reason) == (address, True)


def test_a_missing_package_for_an_address_is_named(read, monkeypatch):
    monkeypatch.setitem(sys.modules, "s3fs", None)
    with pytest.raises(DataError, match=r"s3://bucket/a\.jsonl: .*Install s3fs.*newslean\[remote\]"):
        read("s3://bucket/a.jsonl")


def test_a_missing_fsspec_names_the_extra(read, monkeypatch):
    monkeypatch.setitem(sys.modules, "fsspec.core", None)
    with pytest.raises(DataError, match=r"memory://a\.txt: .*pip install 'newslean\[remote\]'"):
        read("memory://a.txt")
