"""Sentences with what a model says of them: results of predict.py, rows of a scored dump, labels, or text scored now.

Knows the forms of results and of label files. Measures nothing.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from newslean.dump import Record, open_dump
from newslean.errors import DataError
from newslean.schema import Labels, Schema
from newslean.tagger import Logits, Tagger
from train.rows import Faults, read_objects, shown

MOST_ARTICLES = 20_000
"""Articles that are kept of a larger dump, drawn at random."""

GROUPS = ("doc", "id", "article", "source", "position", "url")
"""Keys that say which article a row belongs to, all that are there together."""

KINDS = {"text": str, "labels": dict, "scores": dict}
"""What a sentence must have."""

MAX_BYTES = 1 << 30
"""Largest JSON file that is read at once, where it is not written with an article a line."""

Row = dict[str, Any]


@dataclass(frozen=True)
class Scored:
    """Sentences with their probabilities.

    Attributes
    ----------
    name : str
        Where they came from.
    groups : array of str, shape (sentences,)
        The article of each.
    texts : list of str
    scores : dict
        Dimension to array of shape (sentences, labels).
    answers : list of dict
        The model's labels by dimension.
    gold : list of dict
        The coders' labels; empty where there are none.
    seen : bool
        Whether the model was trained on these sentences, so that it is surer of them than of others.
    """

    name: str
    groups: NDArray[np.str_]
    texts: list[str]
    scores: Logits
    answers: list[Labels]
    gold: list[Labels] = field(default_factory=list)
    seen: bool = False


def read_scored(path: Path, tagger: Tagger, *, seed: int, texts: Sequence[Path] = ()) -> Scored:
    """Read sentences with scores, or score what has none.

    Parameters
    ----------
    path : Path
        Results of ``predict.py --format json`` (a list, one article, or an article a line); rows of a scored dump
        (.jsonl or .parquet: a sentence a row with text, labels and scores); a label file or folder, scored with the
        model; or any text or dump of articles, scored with the model too.
    seed : int
        For the articles that are kept where there are more than `MOST_ARTICLES`.

    Raises
    ------
    DataError
        If it holds no sentence, or scores of other labels than the model's.
    """
    if _is_labels(path):
        return _from_labels(path, tagger, texts)
    suffix = path.suffix.lower()
    rows: Iterator[Row] | None = None
    if suffix == ".parquet" and not path.is_dir():
        rows = _parquet_rows(path)
    elif suffix in (".json", ".jsonl") and _has_scores(path):
        rows = _json_rows(path)
    articles = _score(path, tagger) if rows is None else _articles(rows, path)
    kept = _sample(articles, seed=seed)
    if not kept:
        raise DataError(f"{path}: expected scored sentences, labels or articles; found none. Name another file.")
    return _gather(str(path), kept, tagger.schema)


def _is_labels(path: Path) -> bool:
    if path.is_dir():
        return any((path / "sentences").glob("*.jsonl"))
    if path.suffix != ".jsonl":
        return False
    first = next((row for _, row in read_objects(path, Faults(), {}) if row), {})
    return isinstance(first.get("labels"), dict) and "scores" not in first


def _from_labels(path: Path, tagger: Tagger, texts: Sequence[Path]) -> Scored:
    """Score labelled rows: those that were set aside, if there are any, since the model has not learnt them."""
    from train.assess import tag_examples
    from train.labels import read_examples

    examples = [e for e in read_examples([path], tagger.schema, texts=texts).examples if not e.furniture]
    aside = [e for e in examples if e.split not in ("", "train")]
    chosen = aside or examples
    if not chosen:
        raise DataError(f"{path}: expected labelled sentences whose text is at hand; found none. Give --texts.")
    found = tag_examples("", tagger, chosen)
    scores = {d.name: _table([s[d.name] for s in found.scores], d.labels) for d in tagger.schema.dimensions}
    groups = np.array([e.group for e in chosen])
    gold = [e.labels for e in chosen]
    return Scored(str(path), groups, [e.text for e in chosen], scores, found.labels, gold, seen=not aside)


def _score(path: Path, tagger: Tagger) -> Iterator[list[Row]]:
    rejected, any_record = "", False
    for outcome in open_dump(path):
        if not isinstance(outcome, Record):
            rejected = rejected or f"{outcome.source}: {outcome.reason.removeprefix(f'{outcome.source}: ')}"
            continue
        any_record = True
        article = next(tagger.tag_articles([outcome.article]))
        name = outcome.id or f"{outcome.article.source} {outcome.position}"
        yield [
            {"doc": name, "text": s.text, "labels": s.labels, "scores": s.scores}
            for s in article.sentences
            if not s.furniture
        ]
    if rejected and not any_record:
        raise DataError(rejected)


def _has_scores(path: Path) -> bool:
    """Whether a JSON file begins with a result rather than with an article to score."""
    try:
        with path.open("rb") as file:
            start = file.read(1 << 20)
    except OSError as error:
        raise DataError(f"{path}: expected a file to read; found none: {error.strerror}. Check its name.") from None
    return b'"scores"' in start


def _json_rows(path: Path) -> Iterator[Row]:
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
            begun = True
            for value in values if isinstance(values, list) else [values]:
                yield from _sentences(value, f"{path}:{number}")
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
    """Yield the rows of one article, or the row itself; what belongs to the page is left out."""
    if not isinstance(value, dict):
        raise DataError(f"{where}: expected an article or a row as predict.py writes it; found {shown(value)}.")
    rows, whole = value.get("sentences", [value]), "sentences" in value
    # Two articles may have the same source, the name of a file with many: the line then tells them apart.
    keys = [str(value[key]) for key in GROUPS if isinstance(value.get(key), str | int)]
    doc = " ".join([*keys, where] if whole or not keys else keys)
    for row in rows if isinstance(rows, list) else [None]:
        if not isinstance(row, dict) or not all(isinstance(row.get(key), kind) for key, kind in KINDS.items()):
            raise DataError(f"{where}: expected text, labels and scores in each sentence; found {shown(row)}.")
        if not row.get("furniture"):
            yield {**row, "doc": doc}


def _parquet_rows(path: Path) -> Iterator[Row]:
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError:
        raise DataError(
            f"{path}: reading Parquet needs pyarrow; it is not installed. pip install 'newslean[dump]'"
        ) from None
    try:
        file = pq.ParquetFile(path)
        if missing := {"text", "scores"} - {*file.schema_arrow.names}:
            raise DataError(f"{path}: expected columns text, labels and scores; found no {', '.join(sorted(missing))}.")
        number = 0
        for batch in file.iter_batches(10_000):
            for row in batch.to_pylist():
                number += 1
                for key in ("labels", "scores"):
                    row[key] = json.loads(row[key]) if isinstance(row.get(key), str) else row.get(key)
                yield from _sentences(row, f"{path}, row {number}")
    except (pa.ArrowException, OSError, ValueError) as error:
        raise DataError(f"{path}: expected a Parquet table of scored rows; found {error}. Write it again.") from None


def _articles(rows: Iterable[Row], path: Path) -> Iterator[list[Row]]:
    for _, group in groupby(rows, key=lambda row: row["doc"]):
        yield [*group]


def _sample(articles: Iterator[list[Row]], *, seed: int) -> list[list[Row]]:
    """Keep a random sample of articles (Vitter's algorithm R), in bounded memory."""
    random, kept = np.random.default_rng(seed), list[list[Row]]()
    for n, rows in enumerate(article for article in articles if article):
        if len(kept) < MOST_ARTICLES:
            kept.append(rows)
        elif (place := int(random.integers(n + 1))) < MOST_ARTICLES:
            kept[place] = rows
    return kept


def _gather(name: str, articles: Sequence[list[Row]], schema: Schema) -> Scored:
    rows = [row for article in articles for row in article]
    scores: Logits = {}
    for d in schema.dimensions:
        found = [row["scores"].get(d.name) for row in rows]
        wrong = next((f for f in found if not isinstance(f, Mapping) or {*f} != {*d.labels}), None)
        if wrong is not None or not all(found):
            raise DataError(
                f"{name}: expected scores of {d.name}: {', '.join(d.labels)}; found {shown(wrong)}. "
                "Score it with the model that --model names."
            )
        scores[d.name] = _table(found, d.labels)
    groups = np.array([str(row["doc"]) for row in rows])
    for row in rows:
        if faults := [f for d in schema.dimensions for f in d.faults(row["labels"].get(d.name))]:
            raise DataError(f"{name}: {faults[0]}. Score it with the model that --model names.")
    answers = [{d.name: row["labels"][d.name] for d in schema.dimensions} for row in rows]
    return Scored(name, groups, [row["text"] for row in rows], scores, answers)


def _table(rows: Sequence[Mapping[str, float]], labels: Sequence[str]) -> NDArray[np.float32]:
    return np.array([[row[label] for label in labels] for row in rows], dtype=np.float32)
