"""Zip and tar archives of articles, read entry by entry.

Knows entries, and writes none of them to the disk: whatever name an entry has,
it is only a name. What is in an entry is for another reader to know.
"""

import io
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import PurePosixPath
from typing import BinaryIO, Self, cast

from newslean.dump.formats import ARCHIVES, Form, form_of
from newslean.dump.place import DamagedError, PassedOver, Place, guarded
from newslean.dump.records import Outcome
from newslean.dump.streams import random_access
from newslean.errors import DataError

ReadForm = Callable[[BinaryIO, Form, Place], Iterator[Outcome]]
"""Reads a file by its form."""

_METHODS = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}  # the others unpack without a bound
_ENCRYPTED = 0x1
_MAX_HEADER = 1 << 20
_MAX_SIZE = 1 << 50
_LONG_HEADERS = {
    tarfile.GNUTYPE_LONGNAME,
    tarfile.GNUTYPE_LONGLINK,
    tarfile.XHDTYPE,
    tarfile.XGLTYPE,
    tarfile.SOLARIS_XHDTYPE,
}


def read_zip(stream: io.BufferedReader, place: Place, read: ReadForm) -> Iterator[Outcome]:
    """Read the articles and tables in a zip archive, in the order of its directory."""
    with random_access(stream, where=place.name) as file:
        try:
            archive = zipfile.ZipFile(file)
        except Exception as error:  # noqa: BLE001 - a broken directory raises anything
            raise DamagedError(
                f"{place.name}: expected a whole zip archive; found: {error}. Fetch or make it again."
            ) from None
        with archive:
            others = PassedOver()
            for entry in archive.infolist():
                form = None if entry.is_dir() else _form_of(entry.filename, others)
                if form is not None:
                    yield from _read_zip_entry(archive, entry, place.inside(entry.filename), form, read)
            others.tell(place.note)


def _read_zip_entry(
    archive: zipfile.ZipFile, entry: zipfile.ZipInfo, place: Place, form: Form, read: ReadForm
) -> Iterator[Outcome]:
    if entry.flag_bits & _ENCRYPTED:
        yield place.reject("", "expected an entry without a password; found an encrypted one. Unpack it first.")
    elif entry.compress_type not in _METHODS:
        found = f"method {entry.compress_type}"
        yield place.reject("", f"expected an entry that is stored or deflated; found {found}. Unpack it first.")
    else:
        try:
            file = archive.open(entry)
        except Exception as error:  # noqa: BLE001 - so does a broken entry
            yield place.reject("", f"expected a whole entry; found: {error}. Make the archive again.")
            return
        with file:
            yield from _read_entry(cast("BinaryIO", file), place, form, read)


def read_tar(stream: io.BufferedReader, place: Place, read: ReadForm) -> Iterator[Outcome]:
    """Read the articles and tables in a tar archive, in its order."""
    others = PassedOver()
    try:
        with tarfile.open(fileobj=stream, mode="r|", tarinfo=_Entry) as archive:
            while (entry := archive.next()) is not None:
                archive.members = []  # type: ignore[attr-defined]  # it would keep all that it has met
                if not 0 <= entry.size <= _MAX_SIZE:  # tarfile would read for ever to pass over it
                    raise tarfile.ReadError(f"an entry of {entry.size:,} bytes")
                form = None if entry.isdir() else _form_of(entry.name, others)
                if form is not None:
                    yield from _read_tar_entry(archive, entry, place.inside(entry.name), form, read)
    except (tarfile.TarError, ValueError, OverflowError) as error:  # of numbers in a header that are none
        raise DamagedError(
            f"{place.name}: expected a whole tar archive; found: {error}. Fetch or make it again."
        ) from None
    others.tell(place.note)


def _read_tar_entry(
    archive: tarfile.TarFile, entry: tarfile.TarInfo, place: Place, form: Form, read: ReadForm
) -> Iterator[Outcome]:
    file = archive.extractfile(entry) if entry.isreg() and not entry.issparse() else None
    if entry.issparse():  # a few bytes may stand for more zeros than can ever be read
        yield place.reject("", "expected a whole file; found a sparse one. Make the archive without --sparse.")
    elif file is None:
        yield place.reject("", "expected a file; found a link or a device. Name what it leads to.")
    else:
        yield from _read_entry(cast("BinaryIO", file), place, form, read)


class _Entry(tarfile.TarInfo):
    """Header of an entry; a broken one is an error, where ``tarfile`` would take it for the archive's end."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Self:
        try:
            entry = super().frombuf(buf, encoding, errors)
        except tarfile.HeaderError as error:
            if any(buf):
                raise tarfile.ReadError(str(error)) from None
            raise  # zeros or nothing: the end it should have
        if entry.type in _LONG_HEADERS and entry.size > _MAX_HEADER:  # it would be read into memory
            raise tarfile.ReadError(f"a name of {entry.size:,} bytes")
        return entry


def _form_of(name: str, others: PassedOver) -> Form | None:
    """Tell the form of an entry; None for what is hidden, and for what is no article, which is counted."""
    parts = PurePosixPath(name).parts
    hidden = any(part == "__MACOSX" or (part.startswith(".") and not part.startswith("..")) for part in parts)
    form = None if hidden else form_of(name)
    if form is None and not hidden:
        others.add(name)
    return form


def _read_entry(file: BinaryIO, place: Place, form: Form, read: ReadForm) -> Iterator[Outcome]:
    if form.format in ARCHIVES:
        yield place.reject("", "expected an article or a table; found an archive in an archive. Unpack it first.")
    else:
        yield from guarded(read(file, form, place), place, caught=DataError)
