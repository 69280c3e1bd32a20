"""WARC files: the web pages in them to articles.

Knows HTTP and what a page without an article looks like; `newslean.html` knows
how to extract one, which is by far the dearest step.
"""

import io
import re
import zlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

from newslean.articles import Article
from newslean.dump.place import Place
from newslean.dump.records import Outcome, Record, Reject
from newslean.dump.rows import host_of
from newslean.dump.warc_records import CUT_OFF, Tape, read_records
from newslean.errors import DataError
from newslean.html import read_page

if TYPE_CHECKING:
    from fastwarc.warc import WarcRecord

_CHARSET = re.compile(r"""charset\s*=\s*["']?\s*([\w.:-]+)""", re.IGNORECASE)
_CHUNK = re.compile(rb"[ \t]*([0-9a-fA-F]{1,8})[^\r\n]{0,200}\r?\n")
_TAG = re.compile(rb"<[^<>]*>")  # stops at the next bracket, so that no page can make it slow
_LETTERS = bytes(byte for byte in range(256) if byte >= 128 or bytes([byte]).isalpha())
_MIN_LETTERS = 200  # two sentences


def read_warc(stream: io.BufferedReader, place: Place) -> Iterator[Outcome]:
    """Read the articles of the pages that were served as HTML with status 200; other records are passed over.

    Raises
    ------
    DataError
        If fastwarc or trafilatura is not installed.
    """
    try:
        import fastwarc  # noqa: F401 - both are slow to import, and an extra
        import trafilatura  # noqa: F401
    except ImportError as error:
        raise DataError(
            f"{place.name}: expected the packages that read WARC files; found: {str(error).partition(chr(10))[0]}. "
            "Run pip install 'newslean[warc]'."
        ) from None
    tape = Tape(stream)
    passed_over = 0
    rejected = ""
    for position, record in read_records(tape):
        if isinstance(record, str):
            if record != CUT_OFF or rejected != position:  # not told already
                fault = f"expected a whole WARC record; found: {record}. Fetch the file again."
                yield place.reject(position, fault)
            rejected = position
        elif not _is_page(record):
            passed_over += 1
        else:
            outcome = _read_page(record, position, place)
            if tape.fault is not None:
                raise tape.fault
            rejected = position if isinstance(outcome, Reject) else rejected
            yield outcome
    if passed_over:
        place.note(f"passed over {passed_over:,} records that are no web pages with status 200")


def _is_page(record: "WarcRecord") -> bool:
    from fastwarc.warc import WarcRecordType

    if record.record_type != WarcRecordType.response or not record.is_http:
        return False
    try:
        record.parse_http()
    except OSError:
        return False
    headers = record.http_headers
    kind = (headers.get("Content-Type") or "").partition(";")[0].strip().lower()
    return headers.status_code == 200 and kind == "text/html"


def _read_page(record: "WarcRecord", position: str, place: Place) -> Outcome:
    url = (record.headers.get("WARC-Target-URI") or "").strip("<> ") or place.source
    charset = _CHARSET.search(record.http_headers.get("Content-Type") or "")
    try:
        body = _body(record, limit=place.max_bytes + 1)
        if len(body) > place.max_bytes:
            return place.too_large(position, "a page")
        if not may_hold_article(body):
            raise DataError("expected an article in the page; found hardly any text. Leave it out.")
        page = read_page(body, where=url, declared=charset[1] if charset else None)
    except DataError as error:
        return place.reject(position, str(error).removeprefix(f"{url}: "))
    date = page.date or record.headers.get("WARC-Date")  # of the article, or that of the visit
    article = Article(url, page.text, page.title)
    return Record(article, url, date, page.outlet or host_of(url), place.position(position))


def _body(record: "WarcRecord", *, limit: int) -> bytes:
    expected = record.content_length
    body = record.reader.read(limit)
    if len(body) < min(expected, limit):
        raise DataError(f"expected a page of {expected:,} bytes; found only {len(body):,}. Fetch the file again.")
    return _decoded(body, record, limit=limit) if len(body) < limit else body


def may_hold_article(page: bytes) -> bool:
    """Say, at a small part of an extraction's cost, whether a page has enough text to hold an article."""
    page = page.lower()
    if b"articlebody" in page or b"\0" in page[:200]:  # text as data in a script; UTF-16
        return True
    for name in (b"script", b"style"):
        page = _without(page, b"<" + name, b"</" + name)
    text = _TAG.sub(b" ", page)
    return len(text) - len(text.translate(None, _LETTERS)) >= _MIN_LETTERS


def _without(page: bytes, opening: bytes, closing: bytes) -> bytes:
    kept, at = [], 0
    while (start := page.find(opening, at)) >= 0:
        kept.append(page[at:start])
        at = page.find(closing, start)
        if at < 0:
            return b"".join(kept)
    return b"".join((*kept, page[at:]))


def _decoded(body: bytes, record: "WarcRecord", *, limit: int) -> bytes:
    """Undo the transfer's coding; many archives have undone it already, and keep the header that says so."""
    headers = record.http_headers
    if "chunked" in (headers.get("Transfer-Encoding") or "").lower():
        body = _unchunk(body)
    coding = (headers.get("Content-Encoding") or "").strip().lower()
    if coding in ("gzip", "x-gzip", "deflate"):
        return _inflate(body, limit)
    return _unbrotli(body, limit) if coding == "br" else body


def _inflate(body: bytes, limit: int) -> bytes:
    unpack = zlib.decompressobj(wbits=47)  # gzip or zlib, as its head says
    try:
        content = unpack.decompress(body, limit)
    except zlib.error:
        return body
    if not unpack.eof and len(content) < limit:
        raise DataError("expected a whole page; found its compressed data cut off. Fetch the file again.")
    return content


def _unbrotli(body: bytes, limit: int) -> bytes:
    import brotli  # fastwarc needs it itself

    try:
        content: bytes = brotli.Decompressor().process(body, output_buffer_limit=limit)
    except brotli.error:
        return body
    return content


def _unchunk(body: bytes) -> bytes:
    parts, at = [], 0
    while size := _CHUNK.match(body, at):
        length = int(size[1], 16)
        parts.append(body[size.end() : size.end() + length])
        at = size.end() + length + 2
        if not length:
            return b"".join(parts)
    return body
