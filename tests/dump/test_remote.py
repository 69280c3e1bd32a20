"""Files elsewhere, by way of fsspec's file system in memory."""

import gzip
import io
import json
import sys
import threading
import tomllib
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from fsspec.implementations.memory import MemoryFileSystem

from newslean.dump.fingerprints import fingerprints
from newslean.dump.remote import expand_remote
from newslean.errors import DataError

ROOT = Path(__file__).resolve().parents[2]

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


@pytest.mark.parametrize(
    ("address", "package", "extra"),
    [
        ("s3://bucket/a.jsonl", "s3fs", "s3"),
        ("gs://bucket/a.jsonl", "gcsfs", "gcs"),
        ("hf://datasets/arlen/tin/a.jsonl", "huggingface_hub", "hf"),
        ("simplecache::s3://bucket/a.jsonl", "s3fs", "s3"),
    ],
)
def test_a_missing_package_for_an_address_names_the_extra(read, monkeypatch, address, package, extra):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(DataError, match=rf"{package}.* Run pip install 'newslean\[{extra}\]'\.$") as error:
        read(address)
    assert str(error.value).startswith(f"{address}: expected the package for such addresses")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert package in " ".join(project["optional-dependencies"][extra])


def test_a_missing_package_without_an_extra_is_named(read, monkeypatch):
    monkeypatch.setitem(sys.modules, "adlfs", None)
    with pytest.raises(DataError, match=r"Install adlfs .*Install the package that is named here\.$"):
        read("abfs://bucket/a.jsonl")


def test_a_missing_fsspec_names_the_extra(read, monkeypatch):
    monkeypatch.setitem(sys.modules, "fsspec.core", None)
    with pytest.raises(DataError, match=r"memory://a\.txt: .*pip install 'newslean\[remote\]'"):
        read("memory://a.txt")


CHANGED = "Fri, 31 May 2024 08:00:00 GMT"


class Web(BaseHTTPRequestHandler):
    """Serves files by the path before a question mark; parts of them only where the server is told to."""

    files: dict[str, bytes]
    parts: bool
    asked: list[str]

    def do_GET(self) -> None:
        content = self.files.get(self.path.partition("?")[0])
        self.asked.append(f"{self.command} {self.path}")
        if content is None:
            self.send_error(404)
            return
        first, last = 0, len(content) - 1
        asked = self.headers.get("Range")
        if asked and self.parts:
            first, last = (int(n) for n in asked.removeprefix("bytes=").split("-"))
            last = min(last, len(content) - 1)
        self.send_response(206 if asked and self.parts else 200)
        self.send_header("Content-Length", str(last - first + 1))
        self.send_header("Last-Modified", CHANGED)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(content[first : last + 1])

    def do_HEAD(self) -> None:
        self.do_GET()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture(params=[True, False])
def web(request):
    """Address of a server on this machine, and its files."""

    class Served(Web):
        files: dict[str, bytes] = {}  # noqa: RUF012
        parts = request.param
        asked: list[str] = []  # noqa: RUF012

    with ThreadingHTTPServer(("127.0.0.1", 0), Served) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", Served.files, Served.asked
        server.shutdown()
        thread.join()


def test_files_on_the_web(web, read):
    import pyarrow as pa
    from pyarrow.parquet import write_table

    address, files, asked = web
    rows = [{"text": f"Tin rose {n} times. " + "Zinc fell. " * 100_000, "id": n} for n in range(6)]  # 6.6 MB in all
    lines = "".join(json.dumps(row) + "\n" for row in rows).encode()
    table = io.BytesIO()
    write_table(pa.Table.from_pylist(rows), table, compression="none", use_dictionary=False)
    files |= {"/a.jsonl": lines, "/b.jsonl.gz": gzip.compress(lines), "/c.parquet": table.getvalue(), "/d": b"junk"}
    for name in ("a.jsonl?as=b.csv&what=*", "b.jsonl.gz", "c.parquet?key=[1]"):
        records, rejects = read(f"{address}/{name}")
        assert rejects == []
        assert [(r.article.text, r.id) for r in records] == [(row["text"], str(row["id"])) for row in rows]
        assert {r.article.source for r in records} == {f"{address}/{name}"}
    [state] = fingerprints([f"{address}/a.jsonl?x"])
    assert (state["size"], state["Last-Modified"]) == (len(lines), CHANGED)
    files["/e.txt"], asked[:] = b"Zinc fell.", []
    assert len(read(f"{address}/e.txt")[0]) == 1
    assert asked == ["HEAD /e.txt", "GET /e.txt"]  # what is small is not asked for twice
    [found] = expand_remote(f"{address}/e.txt")
    assert found.system.client_kwargs["timeout"].total is None  # a long file is read as fast as it is scored
    records, rejects = read([f"{address}/gone.jsonl", f"{address}/d?name=d.jsonl", f"{address}/a.jsonl"])
    assert len(records) == 6
    assert [reject.source for reject in rejects] == [f"{address}/gone.jsonl", f"{address}/d?name=d.jsonl"]
    assert "no such file" in rejects[0].reason
    assert "expected a name that ends in" in rejects[1].reason
