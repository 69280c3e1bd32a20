"""Bytes to characters: byte order marks, UTF-8, UTF-16 and the legacy encodings.

Knows what text and what common binary files look like; knows no file and no sentence.
"""

import codecs
import re

from newslean.errors import DataError

MARKS = (  # UTF-32 first: its little-endian mark begins with that of UTF-16
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
"""Byte order marks, and the codecs that read (and drop) them."""

_MAGIC = (
    (b"%PDF-", "a PDF document"),
    (b"\x89PNG", "a PNG image"),
    (b"GIF8", "a GIF image"),
    (b"\xff\xd8\xff", "a JPEG image"),
    (b"PK\x03\x04", "a ZIP archive (or an office document or e-book)"),
    (b"PK\x05\x06", "an empty ZIP archive"),
    (b"\x1f\x8b", "a gzip file"),
    (b"\x28\xb5\x2f\xfd", "a zstd file"),
    (b"BZh", "a bzip2 file"),
    (b"\xfd7zXZ", "an xz file"),
    (b"7z\xbc\xaf", "a 7-Zip archive"),
    (b"Rar!\x1a", "a RAR archive"),
    (b"PAR1", "a Parquet table"),
    (b"ARROW1", "an Arrow table"),
    (b"SQLite format 3\0", "an SQLite database"),
    (b"\xd0\xcf\x11\xe0", "an old office document"),
    (b"{\\rtf", "an RTF document"),
    (b"\x7fELF", "a program"),
)
# C0 controls that text does not use (tab, newlines, form feed and escape are left out).
_CONTROLS = bytes(set(range(32)) - {*b"\t\n\v\f\r\x1b"})
_MAX_CONTROLS = 0.1
_MAX_CONTROLS_LEGACY = 0.05  # any bytes at all decode in some legacy encoding, so be strict there
# A guess among what newsrooms have used. Without this list, Cyrillic is often taken for an old Macintosh's.
_ONE_BYTE = ("cp1252", "cp1250", "cp1251", "cp1253", "cp1254", "cp1255", "cp1256", "cp1257", "koi8_r")
_TWO_BYTES = ("gb18030", "cp932", "euc_jp", "cp949", "big5")
_HIGH = bytes(range(128, 256))
_GUESS_BYTES = 200_000
# As browsers do, a declared name means the superset that pages really use.
_SUPERSETS = {
    "ascii": "cp1252",
    "iso8859-1": "cp1252",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "shift_jis": "cp932",
    "euc_kr": "cp949",
}
_LETTER = re.compile(r"[^\W_]")
# In a legacy encoding faults are far more than what looks like a whole character, of two bytes, by chance.
_EVIDENCE = 2
_EVIDENCE_PER_FAULT = 10


def decode(data: bytes, *, where: str, declared: str | None = None) -> str:
    """Turn the bytes of a text into characters.

    Tried in this order: a byte order mark, UTF-16 without one, UTF-8, UTF-8
    with few faults (each becomes U+FFFD), the declared encoding, a guess among
    legacy encodings by charset-normalizer. The guess is right for Western,
    Cyrillic, Greek, Arabic and East Asian prose; Central European letters may
    be taken for Western ones.

    Parameters
    ----------
    data : bytes
        The whole file.
    where : str
        Its name, for messages.
    declared : str, optional
        Encoding that the file itself names.

    Raises
    ------
    DataError
        If the bytes are no text, or hold nothing but white space.
    """
    kind = next((kind for magic, kind in _MAGIC if data.startswith(magic)), None)
    if kind:
        raise _no_text(where, kind)
    text = _decode_unicode(data, where)
    if text is None:
        _check_controls(data, where, limit=_MAX_CONTROLS_LEGACY)
        text = _decode_damaged(data) or _decode_legacy(data, where, declared)
    if not data:
        raise DataError(f"{where}: expected an article; found an empty file. Leave it out.")
    check_words(text, where=where)
    return text


def beginning(data: bytes, *, size: int = 1 << 16) -> str:
    """Give the first characters of a file, without its mark, to tell its kind by; only those of ASCII are sure."""
    mark = next((codec for mark, codec in MARKS if data.startswith(mark)), None)
    return data[:size].decode(mark or _utf16_without_mark(data) or "latin-1", "ignore")


def check_words(text: str, *, where: str) -> None:
    """Check that a text holds something to read.

    Raises
    ------
    DataError
        If there is no letter or digit in it.
    """
    if not _LETTER.search(text):
        found = "no letter or digit in it" if text.strip() else "only white space"
        raise DataError(f"{where}: expected an article; found {found}. Leave it out.")


def _decode_unicode(data: bytes, where: str) -> str | None:
    mark = next((codec for mark, codec in MARKS if data.startswith(mark)), None)
    codec = mark or _utf16_without_mark(data) or "utf-8"
    try:
        text = data.decode(codec)
    except UnicodeDecodeError as error:
        if mark is None:
            return None
        if codec == "utf-8-sig" and (damaged := _decode_damaged(data)):
            return damaged.removeprefix("\ufeff")
        raise DataError(
            f"{where}: expected {codec}, as its first bytes say; found a fault at byte {error.start:,}. "
            "Save it again as UTF-8."
        ) from None
    if codec == "utf-8":
        _check_controls(data, where, limit=_MAX_CONTROLS)
    return text


def _utf16_without_mark(data: bytes) -> str | None:
    """Name the codec if every other byte is nearly always NUL: Western text in UTF-16."""
    sample = data[: 1 << 16]
    half = len(sample) // 2
    if half < 2 or len(data) % 2:
        return None
    even, odd = sample[0::2].count(0), sample[1::2].count(0)
    if max(even, odd) < 0.6 * half or min(even, odd) > 0.1 * half:
        return None
    return "utf-16-le" if odd > even else "utf-16-be"


def _decode_damaged(data: bytes) -> str | None:
    """Decode UTF-8 with few faults beside its whole characters: stray bytes, or a character cut off at the end."""
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    text = decoder.decode(data)  # keeps back what is cut off, which is no sign against UTF-8
    faults = text.count("\ufffd") - data.count("\ufffd".encode())
    whole = text.replace("\ufffd", "")
    evidence = len(whole.encode()) - len(whole)  # bytes within characters: two in a curly quote
    if evidence < max(_EVIDENCE, _EVIDENCE_PER_FAULT * faults):
        return None
    return text + decoder.decode(b"", final=True)


def _decode_legacy(data: bytes, where: str, declared: str | None) -> str:
    for codec in (declared, _guess(data)):
        try:
            if codec:
                name = codecs.lookup(codec).name
                return data.decode(_SUPERSETS.get(name, name))
        except (LookupError, UnicodeError, ValueError):
            continue
    raise _no_text(where, "bytes in no known encoding")


def _guess(data: bytes) -> str | None:
    from charset_normalizer import from_bytes  # slow to import, and seldom needed

    # From the line of the first foreign letter on, which may stand far down.
    foreign = re.search(rb"[\x80-\xff]", data)
    first = data.rfind(b"\n", 0, foreign.start() if foreign else 0) + 1
    first = max(first, foreign.start() - _GUESS_BYTES // 2 if foreign else 0)
    sample = data[first : first + _GUESS_BYTES]
    # Cut behind a sign that no encoding in the list has inside a character.
    cut = max(sample.rfind(sign) for sign in (b" ", b"\n", b".", b",")) + 1
    sample = sample if len(sample) < _GUESS_BYTES or not cut else sample[:cut]
    # Curly quotes among ASCII are no Chinese: that has many high bytes, and pairs of them.
    high = len(sample) - len(sample.translate(None, _HIGH))
    western = high < 0.05 * len(sample) or not re.search(rb"[\x80-\xff]{2}", sample)
    candidates = [*_ONE_BYTE] if western else [*_ONE_BYTE, *_TWO_BYTES]
    matches = list(from_bytes(sample, cp_isolation=candidates))
    # Where several fit equally well, the Western one is by far the most frequent.
    tied = [match.encoding for match in matches if match.chaos == matches[0].chaos]
    return "cp1252" if "cp1252" in tied else next(iter(tied), None)


def _check_controls(data: bytes, where: str, *, limit: float) -> None:
    controls = len(data) - len(data.translate(None, _CONTROLS))
    if controls > limit * len(data):
        raise _no_text(where, f"binary data ({controls:,} control bytes in {len(data):,})")


def _no_text(where: str, kind: str) -> DataError:
    return DataError(
        f"{where}: expected an article as text, Markdown or HTML; found {kind}. Convert it to UTF-8 text first."
    )
