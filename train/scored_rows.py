"""Rows of results: a sentence with its labels and scores, from the forms that results are written in.

Knows JSON and Parquet. Knows no schema, no model and no label.
"""

import json
from collections.abc import Iterable, Iterator
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np

from newslean.errors import DataError
from train.rows import shown

GROUPS = ("doc", "id", "article", "source", "position", "url")
"""Keys that say which article a row belongs to, all that are there together."""

KINDS = {"text": str, "labels": dict, "scores": dict}
"""What a sentence must have, but for scores where the gate kept it from the model."""

MAX_BYTES = 1 << 30
"""Largest JSON file that is read at once, where it is not written with an article a line."""

MOST_ARTICLES = 20_000
"""Articles that are kept of a larger dump, drawn at random."""

Row = dict[str, Any]
"""``text, labels, scores, doc, where``, and ``skipped`` where the gate kept the sentence from the model."""


def has_scores(path: Path) -> bool:
    """Whether a JSON file begins with a result rather than with an article to score."""
    try:
        with path.open("rb") as file:
            start = file.read(1 << 20)
    except OSError as error:
        raise DataError(f"{path}: expected a file to read; found none: {error.strerror}. Check its name.") from None
    return b'"scores"' in start


def refuse_selected(path: Path) -> None:
    """Refuse a result whose run, as the file beside it says, left sentences out or gave fewer answers than the model.

    What a model says of all sentences is known; of those that it finds something in, the share of a label is another.
    """
    try:
        run = json.loads(path.with_name(f"{path.name}.run.json").read_bytes())
    except (OSError, ValueError):
        return
    options = {"only_relevant": "--only-relevant", "min_confidence": "--min-confidence"}
    if used := [told for key, told in options.items() if isinstance(run, dict) and run.get(key)]:
        raise DataError(
            f"{path}: expected all sentences, with what the model says of them; found a result of {' '.join(used)}. "
            "Name the dump itself, or its result without."
        )


def json_rows(path: Path) -> Iterator[Row]:
    """Yield the sentences of a list of articles, of articles one a line, or of rows; a line at a time if it can be."""
    begun = False
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            text = line.strip().removesuffix(b",")
            if text in (b"", b"[", b"]"):
                continue
            try:
                values = json.loads(text)
            except (ValueError, RecursionError):
                if not begun and path.stat().st_size < MAX_BYTES:
                    break  # one value over many lines
                raise _no_json(path, number, text) from None
            begun, several = True, isinstance(values, list)
            for n, value in enumerate(values if several else [values], 1):
                yield from _sentences(value, f"{path}:{number}" + (f", item {n}" if several else ""))
        else:
            return
    try:
        values = json.loads(path.read_bytes())
    except (ValueError, RecursionError):
        raise _no_json(path, 1, text) from None
    for n, value in enumerate(values if isinstance(values, list) else [values], 1):
        yield from _sentences(value, f"{path}, item {n}")


def _no_json(path: Path, number: int, text: bytes) -> DataError:
    found = shown(text.decode("utf-8", "replace"))
    return DataError(f"{path}:{number}: expected results as JSON; found {found}. Run predict.py --format json again.")


def _sentences(value: object, where: str) -> Iterator[Row]:
    """Yield the rows of one article, or the row itself, each with its place; what belongs to the page is left out."""
    if not isinstance(value, dict):
        raise DataError(f"{where}: expected an article or a row as predict.py writes it; found {shown(value)}.")
    rows, whole = value.get("sentences", [value]), "sentences" in value
    # Two articles may have the same source, the name of a file with many: the line then tells them apart.
    keys = [str(value[key]) for key in GROUPS if isinstance(value.get(key), str | int)]
    doc = " ".join([*keys, where] if whole or not keys else keys)
    for n, row in enumerate(rows if isinstance(rows, list) else [None], 1):
        place = f"{where}, sentence {n}" if whole else where
        if isinstance(row, dict) and row.get("skipped"):
            row = {**row, "scores": {}}
        if not isinstance(row, dict) or not all(isinstance(row.get(key), kind) for key, kind in KINDS.items()):
            raise DataError(f"{place}: expected text, labels and scores in each sentence; found {shown(row)}.")
        if not row.get("furniture"):
            yield {**row, "doc": doc, "where": place}


def by_article(rows: Iterable[Row]) -> Iterator[list[Row]]:
    """Yield the rows of each article; those of one follow each other."""
    for _, group in groupby(rows, key=lambda row: row["doc"]):
        yield [*group]


def sample_articles(articles: Iterator[list[Row]], *, seed: int) -> list[list[Row]]:
    """Keep a random sample of articles (Vitter's algorithm R), in bounded memory."""
    random, kept = np.random.default_rng(seed), list[list[Row]]()
    for n, rows in enumerate(article for article in articles if article):
        if len(kept) < MOST_ARTICLES:
            kept.append(rows)
        elif (place := int(random.integers(n + 1))) < MOST_ARTICLES:
            kept[place] = rows
    return kept


def parquet_rows(path: Path) -> Iterator[Row]:
    """Yield the rows of a table of scored sentences, as ``predict.py DUMP --out RESULT.parquet`` writes it."""
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError:
        raise DataError(
            f"{path}: reading Parquet needs pyarrow; it is not installed. pip install 'newslean[dump]'"
        ) from None
    try:
        file = pq.ParquetFile(path)
        names = file.schema_arrow.names
        columns = _score_columns(names)
        if "text" not in names or not all(columns.values()) or not columns:
            raise DataError(f"{path}: expected columns text, label_... and score_...; found {', '.join(names[:20])}.")
        number = 0
        for batch in file.iter_batches(10_000):
            for row in batch.to_pylist():
                number += 1
                row["labels"] = {name: row[f"label_{name}"] for name in columns}
                row["scores"] = {
                    name: {label: row[column] for label, column in found.items()} for name, found in columns.items()
                }
                yield from _sentences(row, f"{path}, row {number}")
    except (pa.ArrowException, OSError, ValueError) as error:
        raise DataError(f"{path}: expected a Parquet table of scored rows; found {error}. Write it again.") from None


def _score_columns(names: list[str]) -> dict[str, dict[str, str]]:
    """Find, per dimension, the column of each label's score; of two dimensions that fit, the longer name is meant."""
    found: dict[str, dict[str, str]] = {n.removeprefix("label_"): {} for n in names if n.startswith("label_")}
    for column in names:
        fitting = [name for name in found if column.startswith(f"score_{name}_")]
        if fitting:
            name = max(fitting, key=len)
            found[name][column.removeprefix(f"score_{name}_")] = column
    return found
