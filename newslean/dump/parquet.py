"""Parquet tables of articles.

Knows pyarrow, an extra: types of columns, and batches of rows.
"""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO

from newslean.dump.columns import Columns, Found, choose
from newslean.dump.place import DamagedError, Place
from newslean.dump.records import Outcome
from newslean.dump.rows import Row, make_record
from newslean.dump.streams import random_access
from newslean.errors import DataError

_ROWS = 64  # a batch: few, for a row may hold a book
_BUFFER = 1 << 20


def read_parquet(stream: io.BufferedReader, place: Place) -> Iterator[Outcome]:
    """Read a table batch by batch, and of its columns only those that are needed.

    Raises
    ------
    DataError
        If pyarrow is not installed, or no column holds the text.
    DamagedError
        If the file is cut off, or turns out to be broken on the way.
    """
    try:
        import pyarrow  # noqa: F401 - slow to import, and an extra
    except ImportError:
        raise DataError(
            f"{place.name}: expected the package that reads Parquet; found it is not installed. "
            "Run pip install 'newslean[dump]'."
        ) from None
    with random_access(stream, where=place.name) as file:
        yield from _read_rows(file, place)


def _read_rows(file: BinaryIO, place: Place) -> Iterator[Outcome]:
    from pyarrow.parquet import ParquetFile

    with _whole(place):
        table = ParquetFile(file, buffer_size=_BUFFER)
        found = _columns_of(table)
    columns = choose(place.columns, found, where=place.name, note=place.note)
    needed = (columns.text, columns.title, columns.date, columns.outlet, columns.id)
    names = [name for name in dict.fromkeys(needed) if name is not None]
    for number, values in enumerate(_read_values(table, names, place), 1):
        yield _make(f"row {number}", dict(zip(names, values, strict=True)), columns, place)


def _read_values(table: Any, names: list[str], place: Place) -> Iterator[tuple[Any, ...]]:
    with _whole(place):
        for batch in table.iter_batches(batch_size=_ROWS, columns=names, use_threads=False):
            yield from zip(*(_to_python(_column(batch, name)) for name in names), strict=True)


@contextmanager
def _whole(place: Place) -> Iterator[None]:
    """Turn whatever pyarrow raises on a broken file into one error."""
    try:
        yield
    except DataError:
        raise
    except Exception as error:  # noqa: BLE001 - pyarrow's own errors, those of the file, and of decoding names
        reason = str(error).partition("\n")[0]
        raise DamagedError(
            f"{place.name}: expected a whole Parquet table; found: {reason.rstrip('.')}. Fetch or make the file again."
        ) from None


def _columns_of(table: Any) -> Found:
    from pyarrow.types import is_nested

    fields = [(name, kind) for field in table.schema_arrow for name, kind in _flattened(field.name, field.type)]
    texts = [name for name, kind in fields if _is_text(kind)]
    return Found([name for name, _ in fields], texts, [name for name, kind in fields if not is_nested(kind)])


def _flattened(name: str, kind: Any) -> Iterator[tuple[str, Any]]:
    """Yield a column and, with dots, the parts of one that has parts."""
    from pyarrow.types import is_dictionary, is_struct

    yield name, kind.value_type if is_dictionary(kind) else kind
    if is_struct(kind):
        for field in kind:
            yield from _flattened(f"{name}.{field.name}", field.type)


def _is_text(kind: Any) -> bool:
    from pyarrow import types

    strings = types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind)
    return bool(strings or types.is_binary(kind) or types.is_large_binary(kind) or types.is_binary_view(kind))


def _column(batch: Any, name: str) -> Any:
    from pyarrow.compute import struct_field

    if name in batch.schema.names:
        return batch.column(name)
    first, *parts = name.split(".")
    return struct_field(batch.column(first), parts)


def _to_python(column: Any) -> list[Any]:
    """Give the values of a column; texts as bytes, for a single bad one must not cost the others."""
    import pyarrow as pa

    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if _is_text(column.type):
        column = column.cast(pa.large_binary())
    elif pa.types.is_timestamp(column.type):  # Python has no nanoseconds, and news needs none
        utc = "Z" if column.type.tz else ""
        column = column.cast(pa.timestamp("s", column.type.tz), safe=False).cast(pa.timestamp("s")).cast(pa.string())
        return [text and text.replace(" ", "T") + utc for text in column.to_pylist()]
    elif pa.types.is_date(column.type):  # Python's end in the year 9999
        column = column.cast(pa.string())
    values: list[Any] = column.to_pylist()
    return values


def _make(position: str, values: dict[str, Any], columns: Columns, place: Place) -> Outcome:
    for name, value in values.items():
        if isinstance(value, bytes):
            if len(value) > place.max_bytes:
                return place.too_large(position, f"a value of {name!r}")
            try:
                values[name] = value.decode("utf-8")
            except UnicodeDecodeError:
                if name == columns.id and name != columns.text:  # a UUID, say
                    values[name] = value.hex()
                    continue
                return place.reject(position, f"expected UTF-8 in {name!r}; found other bytes. Leave the row out.")
    return make_record(Row(position, values, 0), columns, place)
