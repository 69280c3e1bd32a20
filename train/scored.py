"""Sentences with what a model says of them: results of predict.py, rows of a scored dump, labels, or text scored now.

Knows the forms of results and of label files. Measures nothing.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from newslean.dump import Record, open_dump
from newslean.errors import DataError
from newslean.schema import Labels, Schema
from newslean.tagger import Logits, Tagger
from train.rows import Faults, read_objects, shown
from train.scored_rows import Row, has_scores, json_rows, parquet_rows

MOST_ARTICLES = 20_000
"""Articles that are kept of a larger dump, drawn at random."""


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
        rows = parquet_rows(path)
    elif suffix in (".json", ".jsonl") and has_scores(path):
        rows = json_rows(path)
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
    aside = [e for e in examples if e.aside]
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
