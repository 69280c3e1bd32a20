"""What a batch of articles looks like before and after scoring, as Arrow tables.

Knows the schema of labels and the columns that follow from it; knows no model
and no file.
"""

import re
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from newslean.dump import Record
from newslean.results import TaggedArticle
from newslean.schema import Schema, is_relevant

DIGITS = 6
"""Decimal places of shares, leans and scores: more would only show the noise of the arithmetic."""

ARTICLES = pa.schema(
    [
        pa.field("article", pa.int64(), nullable=False),
        pa.field("id", pa.string()),
        pa.field("source", pa.string(), nullable=False),
        pa.field("position", pa.string(), nullable=False),
        pa.field("date", pa.string()),
        pa.field("outlet", pa.string()),
        pa.field("title", pa.string()),
        pa.field("text", pa.string(), nullable=False),
    ]
)
"""A batch to score: ``article`` counts the articles of the dump from 0."""

ORIGIN = ("article", "id", "source", "position", "date", "outlet")
"""Columns that say where an article comes from; rows of sentences have them too."""

_SURROGATE = re.compile("[\ud800-\udfff]")


def to_batch(records: Sequence[Record], first: int) -> pa.RecordBatch:
    """Make a batch of records, which count from ``first`` on.

    Half a surrogate pair is no Unicode and becomes U+FFFD: offsets stay true.
    """
    columns: dict[str, list[Any]] = {
        "article": list(range(first, first + len(records))),
        "id": [r.id for r in records],
        "source": [r.article.source for r in records],
        "position": [r.position for r in records],
        "date": [r.date for r in records],
        "outlet": [r.outlet for r in records],
        "title": [r.article.title for r in records],
        "text": [r.article.text for r in records],
    }
    for name, values in columns.items():
        if name != "article":
            columns[name] = [v if v is None or v.isascii() else _SURROGATE.sub("\ufffd", v) for v in values]
    return pa.RecordBatch.from_pydict(columns, schema=ARTICLES)


def result_schema(schema: Schema, *, articles_only: bool = False) -> pa.Schema:
    """Give the columns of scored articles, their sentences as a list in each row."""
    fields = [ARTICLES.field(name) for name in (*ORIGIN, "title")]
    fields.append(pa.field("relevant", pa.bool_()))
    fields += [pa.field("sentences_total", pa.int32()), pa.field("sentences_skipped", pa.int32())]
    for d in schema.dimensions:
        fields.append(pa.field(f"label_{d.name}", pa.list_(pa.string()) if d.multi else pa.string()))
        fields += [pa.field(f"share_{d.name}_{label}", pa.float32()) for label in d.labels]
        fields += [pa.field(f"lean_{d.name}", pa.float32())] if d.opposites else []
    if not articles_only:
        fields.append(pa.field("sentences", pa.list_(pa.struct(sentence_fields(schema)))))
    return pa.schema(fields)


def sentence_fields(schema: Schema) -> list[pa.Field]:
    """Give the columns of a sentence. Scores are null where the gate skipped it: no model was asked."""
    fields = [pa.field("n", pa.int32()), pa.field("start", pa.int32()), pa.field("end", pa.int32())]
    fields += [pa.field("text", pa.string()), pa.field("furniture", pa.bool_()), pa.field("skipped", pa.bool_())]
    for d in schema.dimensions:
        fields.append(pa.field(f"label_{d.name}", pa.list_(pa.string()) if d.multi else pa.string()))
        fields += [pa.field(f"score_{d.name}_{label}", pa.float32()) for label in d.labels]
    return fields


def to_results(
    batch: pa.RecordBatch,
    tagged: Sequence[TaggedArticle],
    schema: Schema,
    *,
    only_relevant: bool = False,
    articles_only: bool = False,
) -> pa.RecordBatch:
    """Put tagged articles beside their batch's columns.

    Parameters
    ----------
    batch : RecordBatch
        As `to_batch` makes it.
    tagged : sequence of TaggedArticle
        One for each row; a sentence without scores was skipped.
    only_relevant : bool
        Leave out sentences without any label but the neutral ones; articles stay, ``relevant`` or not.
    """
    columns: dict[str, Any] = {name: batch.column(name) for name in ORIGIN}
    columns["relevant"] = [any(is_relevant(s.labels, schema) for s in a.sentences) for a in tagged]
    columns["title"] = [_unicode(a.title) for a in tagged]
    columns["sentences_total"] = [sum(not s.furniture for s in a.sentences) for a in tagged]
    columns["sentences_skipped"] = [sum(not s.scores for s in a.sentences) for a in tagged]
    for d in schema.dimensions:
        columns[f"label_{d.name}"] = [a.labels[d.name] for a in tagged]
        for label in d.labels:
            columns[f"share_{d.name}_{label}"] = _rounded([a.shares[d.name][label] for a in tagged])
        if d.opposites:
            columns[f"lean_{d.name}"] = _rounded([a.lean[d.name] for a in tagged])
    if not articles_only:
        columns["sentences"] = _sentences(tagged, schema, only_relevant=only_relevant)
    target = result_schema(schema, articles_only=articles_only)
    arrays = [
        pa.array(columns[f.name], f.type) if isinstance(columns[f.name], list) else columns[f.name] for f in target
    ]
    return pa.RecordBatch.from_arrays(arrays, schema=target)


def sentence_rows(results: pa.RecordBatch) -> pa.RecordBatch:
    """Give a row a sentence, with where its article comes from."""
    lists = results.column("sentences")
    parents = pa.array(np.repeat(np.arange(len(lists)), np.diff(lists.offsets.to_numpy())))
    origin = [results.column(name).take(parents) for name in ORIGIN]
    fields = [*(results.schema.field(name) for name in ORIGIN), *lists.type.value_type]
    return pa.RecordBatch.from_arrays([*origin, *lists.flatten().flatten()], schema=pa.schema(fields))


def article_rows(results: pa.RecordBatch) -> pa.RecordBatch:
    """Give a row an article, without its sentences."""
    return results.select([name for name in results.schema.names if name != "sentences"])


def _sentences(articles: Iterable[TaggedArticle], schema: Schema, *, only_relevant: bool) -> pa.ListArray:
    offsets, rows = [0], []
    for article in articles:
        rows += [(n, s) for n, s in enumerate(article.sentences) if not only_relevant or is_relevant(s.labels, schema)]
        offsets.append(len(rows))
    columns: dict[str, Any] = {
        "n": [n for n, _ in rows],
        "start": [s.start for _, s in rows],
        "end": [s.end for _, s in rows],
        "text": [s.text for _, s in rows],
        "furniture": [s.furniture for _, s in rows],
        "skipped": [not s.scores for _, s in rows],
    }
    for d in schema.dimensions:
        columns[f"label_{d.name}"] = [s.labels[d.name] for _, s in rows]
        for label in d.labels:
            columns[f"score_{d.name}_{label}"] = _rounded(
                [s.scores[d.name][label] if s.scores else None for _, s in rows]
            )
    fields = sentence_fields(schema)
    arrays = [pa.array(columns[field.name], field.type) for field in fields]
    return pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), pa.StructArray.from_arrays(arrays, fields=fields))


def _rounded(values: Sequence[float | None]) -> list[float | None]:
    return [None if value is None else round(value, DIGITS) + 0.0 for value in values]  # + 0.0: never "-0.0"


def _unicode(text: str | None) -> str | None:
    return text if text is None else _SURROGATE.sub("\ufffd", text)
