"""From finished shards to the result: tables of sentences and articles as Parquet, JSON lines or CSV.

Knows the columns of `newslean.scoring.tables` and three formats; scores nothing.
What is written hangs on the rows alone, not on how they were cut into shards.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, Protocol

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq

from newslean.files import open_replacement
from newslean.output import to_json
from newslean.schema import Dimension, Schema
from newslean.scoring.tables import DIGITS, article_rows, sentence_rows
from newslean.scoring.work import damaged

ROWS = 20_000
"""Rows that are written at once, and rows of a row group."""

ARTICLES = 64
"""Articles that are read at once: with their sentences they may be large."""


class Sink(Protocol):
    """Takes the rows of a table, one batch after the other."""

    def write(self, batch: pa.RecordBatch) -> None:
        """Write a batch."""


def sentences_in(shards: Iterable[Path]) -> Iterator[pa.RecordBatch]:
    """Yield the sentences of shards, a row each."""
    for batch in _batches(shards):
        yield sentence_rows(batch)


def articles_in(shards: Iterable[Path], *, only_relevant: bool) -> Iterator[pa.RecordBatch]:
    """Yield the articles of shards, a row each, without their sentences."""
    for batch in _batches(shards):
        rows = article_rows(batch)
        yield rows.filter(rows.column("relevant")) if only_relevant else rows


def write_rows(
    batches: Iterable[pa.RecordBatch], columns: pa.Schema, path: Path, schema: Schema, constants: dict[str, str]
) -> None:
    """Write a table whole or not at all, in the format that its name tells.

    Parameters
    ----------
    columns : Schema
        Of the batches, in case there are none.
    schema : Schema
        The label set, for the nested labels and scores of JSON.
    constants : dict
        Columns with one value: versions.
    """
    fields = [*columns, *(pa.field(name, pa.string()) for name in constants)]
    whole = pa.schema(fields)
    with open_replacement(path) as file, _open_sink(path.suffix, file, whole, schema) as sink:
        for batch in _even(batches):
            values = [pa.repeat(pa.scalar(value), batch.num_rows) for value in constants.values()]
            sink.write(pa.RecordBatch.from_arrays([*batch.columns, *values], schema=whole))


def _batches(shards: Iterable[Path]) -> Iterator[pa.RecordBatch]:
    for path in shards:
        try:
            # Opened here: pyarrow takes no path that is not UTF-8.
            with open(path, "rb") as opened, pq.ParquetFile(opened) as file:
                if file.schema_arrow.names:  # a shard of rejects alone has no columns
                    yield from file.iter_batches(batch_size=ARTICLES)
        except (OSError, pa.ArrowException) as error:  # of its content, which nothing has looked at before
            raise damaged(path, error) from None


def _even(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Cut and join batches to `ROWS` rows each, but for the last."""
    held: list[pa.RecordBatch] = []
    rows = 0
    for batch in batches:
        held.append(batch)
        rows += batch.num_rows
        while rows >= ROWS:
            joined = pa.Table.from_batches(held).combine_chunks()
            yield from joined.slice(0, ROWS).combine_chunks().to_batches()
            held, rows = joined.slice(ROWS).to_batches(), rows - ROWS
    if rows:
        yield from pa.Table.from_batches(held).combine_chunks().to_batches()


@contextmanager
def _open_sink(suffix: str, file: BinaryIO, columns: pa.Schema, schema: Schema) -> Iterator[Sink]:
    if suffix == ".jsonl":
        yield _JsonLines(file, schema)
    elif suffix == ".csv":
        flat = pa.schema([pa.field(f.name, pa.string()) if pa.types.is_list(f.type) else f for f in columns])
        with pyarrow.csv.CSVWriter(file, flat) as writer:
            yield _Csv(writer, flat)
    else:
        constant = [name for name in columns.names if name in ("model", "splitter", "source", "outlet", "date")]
        with pq.ParquetWriter(file, columns, compression="zstd", use_dictionary=constant) as writer:
            yield _Parquet(writer)


class _Parquet:
    def __init__(self, writer: pq.ParquetWriter) -> None:
        self.writer = writer

    def write(self, batch: pa.RecordBatch) -> None:
        self.writer.write_batch(batch, row_group_size=ROWS)


class _Csv:
    def __init__(self, writer: pyarrow.csv.CSVWriter, columns: pa.Schema) -> None:
        self.writer = writer
        self.columns = columns

    def write(self, batch: pa.RecordBatch) -> None:
        """Write a batch; several labels stand in one cell, with bars between them."""
        arrays = [pc.binary_join(a, "|") if pa.types.is_list(a.type) else a for a in batch.columns]
        self.writer.write_batch(pa.RecordBatch.from_arrays(arrays, schema=self.columns))


class _JsonLines:
    def __init__(self, file: BinaryIO, schema: Schema) -> None:
        self.file = file
        self.schema = schema

    def write(self, batch: pa.RecordBatch) -> None:
        """Write a batch; labels, scores and shares are objects, as in the JSON of an article."""
        for row in batch.to_pylist():
            self.file.write((to_json(_nested(row, self.schema)) + "\n").encode())


def _nested(row: dict[str, Any], schema: Schema) -> dict[str, Any]:
    labels = {d.name: row.pop(f"label_{d.name}") for d in schema.dimensions}
    versions = {name: row.pop(name) for name in ("model", "splitter")}
    if "n" in row:
        skipped = row["skipped"]
        scores = {d.name: _values(row, "score", d) for d in schema.dimensions}
        return {**row, "labels": labels, "scores": None if skipped else scores, **versions}
    shares = {d.name: _values(row, "share", d) for d in schema.dimensions}
    leans = {d.name: _round(row.pop(f"lean_{d.name}")) for d in schema.dimensions if d.opposites}
    return {**row, "labels": labels, "shares": shares, "lean": leans, **versions}


def _values(row: dict[str, Any], kind: str, d: Dimension) -> dict[str, float | None]:
    return {label: _round(row.pop(f"{kind}_{d.name}_{label}")) for label in d.labels}


def _round(value: float | None) -> float | None:
    return None if value is None else round(value, DIGITS)  # float32 has more digits than say anything
