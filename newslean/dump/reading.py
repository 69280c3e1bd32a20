"""A dump as a stream of articles and of what could not be read.

Knows which reader is for which format, and in which order inputs come; the
readers know the formats.
"""

import io
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import BinaryIO
from urllib.parse import urlsplit

from newslean.articles import MAX_BYTES, unreadable
from newslean.dump.archives import read_tar, read_zip
from newslean.dump.beginnings import first_sign
from newslean.dump.columns import Columns
from newslean.dump.delimited import read_csv, read_tsv
from newslean.dump.formats import ENDINGS, FORMATS, Form, form_of
from newslean.dump.inputs import Found, expand
from newslean.dump.jsons import read_json, read_jsonl
from newslean.dump.parquet import read_parquet
from newslean.dump.place import Place, guarded
from newslean.dump.records import Outcome
from newslean.dump.remote import RemoteFile
from newslean.dump.steps import Start, Step, behind_failure, numbered, read_past
from newslean.dump.streams import COMPRESSIONS, to_stream
from newslean.dump.texts import read_text
from newslean.dump.warc import read_warc
from newslean.errors import DataError

_READERS: dict[str, Callable[[io.BufferedReader, Place], Iterator[Outcome]]] = {
    "jsonl": read_jsonl,
    "json": read_json,
    "csv": read_csv,
    "tsv": read_tsv,
    "parquet": read_parquet,
    "warc": read_warc,
}

_ALL_GUESSED = Columns()


def open_dump(
    inputs: str | Path | Iterable[str | Path],
    *,
    input_format: str | None = None,
    columns: Columns = _ALL_GUESSED,
    max_bytes: int = MAX_BYTES,
    on_note: Callable[[str], None] | None = None,
) -> Iterator[Outcome]:
    """Read the articles of a dump one after the other, in the order of the inputs and of what is in them.

    Memory stays bounded, whatever the size of the dump, of a line or of a packed file: by a few times ``max_bytes``, in
    a Parquet table by those of the 64 rows that are read at once, in a zip archive by its directory too.

    Parameters
    ----------
    inputs : str, Path or iterable of them
        Files, compressed or not (.gz, .bz2, .xz, .zst); patterns (``*``, ``**``);
        folders, which stand for all files of known form in them and below, in the
        order of their paths, hidden ones left out; addresses (``s3://bucket/file``); ``-`` for standard input.
    input_format : str, optional
        ``text``, ``jsonl``, ``json``, ``csv``, ``tsv``, ``parquet``, ``warc``,
        ``zip`` or ``tar``, for all inputs; otherwise the ends of their names tell.
        Standard input is ``jsonl`` if it begins with a brace, otherwise ``text``.
    columns : Columns
        Columns of tables and keys of objects; those not named are guessed.
    max_bytes : int
        Largest article; a line, a row or an entry that has more is rejected.
    on_note : callable, optional
        Called with a line for each input of which something was guessed or left out.

    Yields
    ------
    Record or Reject
        A reject for everything that cannot be read; reading then goes on.

    Raises
    ------
    DataError
        If nothing can be done: there is no input, no such format, or the only input is missing, of unknown form,
        without the columns, or needs a package that is not installed. Among several such a one is a `Reject`.
    """
    _check_format(input_format)
    if max_bytes < 1:
        raise DataError(f"max_bytes: expected a number from 1 on; found {max_bytes}. Leave it out for {MAX_BYTES:,}.")
    given = [inputs] if isinstance(inputs, str | Path) else list(inputs)
    if not given:
        raise DataError("inputs: expected files, folders or addresses; found none. Name one.")
    settings = Place("", columns, max_bytes, on_note)
    return (step.outcome for step in _read_all(given, input_format, settings, Start(), lambda: False))


def read_steps(
    inputs: Iterable[str | Path],
    *,
    start: Start,
    input_format: str | None = None,
    columns: Columns = _ALL_GUESSED,
    on_note: Callable[[str], None] | None = None,
    stop: Callable[[], bool] = lambda: False,
) -> Iterator[Step]:
    """Read as `open_dump` does, from a place on.

    The file in which that place is, and standard input if it comes before, are read from their beginnings and
    compared; other files before it are not opened.

    Parameters
    ----------
    stop : callable
        Asked after each outcome that comes before the place; once it says so, there are no steps.

    Raises
    ------
    DataError
        As by `open_dump`; and if what is compared is not what it was, or cannot be read now.
    """
    _check_format(input_format)
    return _read_all([*inputs], input_format, Place("", columns, MAX_BYTES, on_note), start, stop)


def _check_format(name: str | None) -> None:
    if name is not None and name not in FORMATS:
        raise DataError(f"input_format: expected {', '.join(FORMATS)}; found {name!r}. Name one of them.")


def _read_all(
    given: list[str | Path], input_format: str | None, settings: Place, start: Start, stop: Callable[[], bool]
) -> Iterator[Step]:
    stdin, note = "", settings.on_note or (lambda _: None)
    for number, found in enumerate(chain.from_iterable(expand(name, note) for name in given)):
        whole = number < start.file
        if whole and not found.is_stdin:
            continue
        place = replace(settings, source=found.source, told=set())
        steps, after = _steps(found, input_format, place, number, stdin), Start(number, stdin=stdin)
        if whole or (number == start.file and start.outcomes):
            known = "what is known of it" if whole else f"{start.outcomes:,} articles and rejects that are known"
            place.note(f"reading past {known}")
            past = read_past(steps, start, whole=whole, is_stdin=found.is_stdin, source=found.source, stop=stop)
            if past is None:
                return
            after = past
        for step in steps:
            if step.failed is not None and found.alone and len(given) == 1:
                raise step.failed
            yield step
            after = step.after
        if found.is_stdin:
            stdin = after.stdin + after.digest


def _steps(found: Found, input_format: str | None, place: Place, number: int, stdin: str) -> Iterator[Step]:
    opened: list[BinaryIO] = []
    after = Start(number, stdin=stdin)
    try:
        for outcome, after in numbered(_read_found(found, input_format, place, opened), number, stdin):
            yield Step(outcome, after, _offset(opened))
    except DataError as error:
        reject = place.reject("", error)
        yield Step(reject, behind_failure(after, reject, is_stdin=found.is_stdin), 0, error)


def _offset(opened: list[BinaryIO]) -> int:
    try:
        return opened[0].tell()
    except (IndexError, OSError, ValueError):  # nothing opened, a pipe, or a file that is closed again
        return 0


def _read_found(found: Found, input_format: str | None, place: Place, opened: list[BinaryIO]) -> Iterator[Outcome]:
    if found.error is not None:
        raise found.error
    form = form_of(_name_of(found), input_format=input_format)
    empty = True
    with _opened(found) as file:
        opened.append(file)
        if form is None and found.file is not None:
            raise DataError(
                f"{place.name}: expected a name that ends in {ENDINGS}, and perhaps {', '.join(COMPRESSIONS)}; "
                "found another one. Save it as one of these, or rename it if it is one (predict.py: or --input-format)."
            )
        for outcome in guarded(_read_form(file, form, place), place):
            empty = False
            yield outcome
    if empty:
        yield place.reject("", "expected articles; found none. Leave it out.")


def _name_of(found: Found) -> str:
    """Give the name that tells a file's form: of an address what leads to the file, without a query."""
    if not isinstance(found.file, RemoteFile):
        return found.source
    if found.source.startswith(("http://", "https://")):
        with suppress(ValueError):  # no address, as will be told when it is opened
            return urlsplit(found.source).path
    return found.file.path


@contextmanager
def _opened(found: Found) -> Iterator[BinaryIO]:
    if found.file is None:
        yield io.BytesIO() if sys.stdin is None else sys.stdin.buffer  # closed by the caller: as good as empty
        return
    try:
        file = found.file.open() if isinstance(found.file, RemoteFile) else open(found.file, "rb", buffering=0)  # noqa: SIM115
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        raise unreadable(found.source, error) from None
    with file:
        yield file


def _read_form(file: BinaryIO, form: Form | None, place: Place) -> Iterator[Outcome]:
    """Read a file, or an archive's entry, with the reader for its format."""
    compression = form.compression if form else None
    stream = to_stream(file, where=place.name, compression=compression, ordered=bool(place.entry))
    if form is None:
        sign, stream = first_sign(stream, where=place.name)
        form = Form({b"{": "jsonl", b"[{": "json"}.get(sign, "text"))
        if sign:
            place.note(f"guessed the format: {form.format}")
    if form.format == "text":
        yield from read_text(stream, place, suffix=form.suffix)
    elif form.format in ("zip", "tar"):
        yield from (read_zip if form.format == "zip" else read_tar)(stream, place, _read_form)
    else:
        yield from _READERS[form.format](stream, place)
