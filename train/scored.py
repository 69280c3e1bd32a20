"""Sentences with what a model says of them: results of predict.py, rows of a scored dump, labels, or text scored now.

Knows the forms of results, of label files and of lists of texts. Measures nothing.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from newslean.articles import Article
from newslean.errors import DataError
from newslean.schema import Dimension, Labels, Schema
from newslean.tagger import Logits, Tagger
from train.candidates import read_candidates, read_dump
from train.common import read_labelled, tell_picked
from train.drift_verdict import FEW_ARTICLES
from train.record import read_record
from train.rows import Faults, read_objects, shown
from train.scored_rows import (
    Row,
    by_article,
    has_scores,
    json_rows,
    parquet_rows,
    refuse_selected,
    sample_articles,
)


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
        Dimension to array of shape (sentences, labels); not numbers where the gate kept a sentence from the model.
    answers : list of dict
        The model's labels by dimension; neutral ones where it was not asked.
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

    @property
    def skipped(self) -> NDArray[np.bool_]:
        """Mark the sentences that the gate kept from the model, shape (sentences,)."""
        return np.asarray(np.isnan(next(iter(self.scores.values()))).any(axis=1))

    def only_read(self) -> "Scored":
        """Leave out the sentences that the gate kept from the model; labelled ones are all read."""
        if not self.skipped.any():
            return self
        rows = np.flatnonzero(~self.skipped).tolist()
        scores = {name: values[rows] for name, values in self.scores.items()}
        texts, answers = [self.texts[n] for n in rows], [self.answers[n] for n in rows]
        return replace(self, groups=self.groups[rows], texts=texts, scores=scores, answers=answers)


def read_scored(
    path: Path,
    tagger: Tagger,
    *,
    seed: int,
    model: Path | None = None,
    texts: Sequence[Path] = (),
    text_column: str | None = None,
    on_note: Callable[[str], None] | None = None,
) -> Scored:
    """Read sentences with scores, or score what has none.

    Parameters
    ----------
    path : Path
        Results of ``predict.py --format json`` (a list, one article, or an article a line); rows of a scored dump
        (.jsonl or .parquet: a sentence a row with text, labels and scores); a label file or folder, scored with the
        model; a .txt file, each of whose lines is taken for an article; or any dump of articles, scored too.
    seed : int
        For the articles that are kept where there are more than `train.scored_rows.MOST_ARTICLES`.
    model : Path, optional
        Folder of the tagger, whose record tells the labelled rows that it has learnt.
    text_column : str, optional
        Column or key of the text in a dump of articles; guessed where not given.
    on_note : callable, optional
        Called with a line for what was guessed or left out.

    Raises
    ------
    DataError
        If it holds no sentence that the model has read, scores of other labels than the model's, or what a run chose
        to keep (``--only-relevant``, ``--min-confidence``).
    ModelError
        If the model's record is damaged.
    """
    note = on_note or (lambda _: None)
    if _is_labels(path):
        return _from_labels(path, tagger, model, texts, note)
    suffix = path.suffix.lower()
    rows: Iterator[Row] | None = None
    if suffix == ".parquet" and not path.is_dir():
        rows = parquet_rows(path)
    elif suffix in (".json", ".jsonl") and has_scores(path):
        rows = json_rows(path)
    if rows is not None:
        refuse_selected(path)
        articles = by_article(rows)
    elif suffix == ".txt" and path.is_file():  # one article would tell nothing, and `labels next` reads a list too
        note(f"{path}: read as a list, an article a line (a folder of .txt files: an article a file)")
        articles = _score(_lines(path, tagger.schema.unit), tagger)
    else:
        articles = _score(read_dump(path, text_column=text_column, on_note=note), tagger)
    kept = sample_articles(articles, seed=seed)
    if not kept:
        raise DataError(f"{path}: expected scored sentences, labels or articles; found none. Name another file.")
    return _gather(str(path), kept, tagger.schema, note)


def _is_labels(path: Path) -> bool:
    if path.is_dir():
        return any((path / "sentences").glob("*.jsonl"))
    if path.suffix != ".jsonl":
        return False
    first = next((row for _, row in read_objects(path, Faults(), {}) if row), {})
    return isinstance(first.get("labels"), dict) and "scores" not in first


def _from_labels(
    path: Path, tagger: Tagger, model: Path | None, texts: Sequence[Path], note: Callable[[str], None]
) -> Scored:
    """Score labelled rows: those that the model has not learnt, if they stand in more than a few articles."""
    from train.assess import tag_examples

    files, label_set = read_labelled([path], tagger.schema, texts=texts)
    asked = _asked_alike(path, label_set, tagger.schema, note)
    examples = [e for e in files.examples if not e.furniture]
    record = read_record(model, tagger.schema) if model else None
    # Without a record all is taken for learnt that its file does not set aside.
    fresh = [e for e in examples if not record.saw(e)] if record else [e for e in examples if e.aside]
    chance = not any(e.aside for e in fresh) and len(fresh) < len(examples)  # that some are new: none sets them aside
    if chance and len({e.group for e in fresh}) < FEW_ARTICLES:
        fresh = []  # all rows, and the model's own report, tell more
    chosen = fresh or examples
    if not chosen:
        raise DataError(f"{path}: expected labelled sentences whose text is at hand; found none. Give --texts.")
    if record and len(chosen) < len(examples):
        left = len(examples) - len(chosen)
        note(f"{path}: {left:,} of {len(examples):,} sentences left out; the model has learnt them or their articles.")
    if told := tell_picked(chosen):
        note(f"{path}: {told} Do not correct shares by them; draw rows with labels next --random 1.")
    found = tag_examples("", tagger, chosen)
    scores = {d.name: _table([s[d.name] for s in found.scores], d.labels) for d in tagger.schema.dimensions}
    groups = np.array([e.group for e in chosen])
    gold = [{d.name: _known(d, e.labels[d.name]) for d in asked if d.name in e.labels} for e in chosen]
    return Scored(str(path), groups, [e.text for e in chosen], scores, found.labels, gold, seen=not fresh)


def _asked_alike(path: Path, label_set: Schema, schema: Schema, note: Callable[[str], None]) -> list[Dimension]:
    """Give the dimensions of a model that the coders were asked as it is, and say what is left out.

    Yes and no to each label of a ``multi`` dimension mean the same whatever other labels there are; the answers to a
    ``single`` one do not, since a new label takes its share from the others.
    """
    there = {d.name: d for d in label_set.dimensions}
    if not {*schema.names} & {*there}:
        raise DataError(
            f"{path}: expected labels of a dimension that the model knows ({', '.join(schema.names)}); found "
            f"{', '.join(there)}. Name a model of this label set with --model."
        )
    if unknown := [name for name in there if name not in schema.names]:
        note(f"{path}: {', '.join(unknown)}: left out; the model does not know it.")
    asked = []
    for d in schema.dimensions:
        other = there.get(d.name, d)
        labels, others = {*d.labels}, {*other.labels}
        if other.kind == d.kind and (labels <= others if d.multi else labels == others):
            asked.append(d)
        else:
            note(f"{path}: {d.name}: the coders' answers are left out; they had other labels to choose from.")
    return asked


def _known(d: Dimension, answer: str | list[str]) -> str | list[str]:
    return [label for label in answer if label in d.labels] if d.multi else answer


def _lines(path: Path, unit: str) -> Iterator[Article]:
    for candidate in read_candidates([path], form="sentences", unit=unit):
        yield Article(candidate.doc, candidate.text)


def _score(articles: Iterable[Article], tagger: Tagger) -> Iterator[list[Row]]:
    for article in tagger.tag_articles(articles):
        yield [
            {"doc": article.source, "text": s.text, "labels": s.labels, "scores": s.scores, "where": article.source}
            for s in article.sentences
            if not s.furniture
        ]


def _gather(name: str, articles: Sequence[list[Row]], schema: Schema, note: Callable[[str], None]) -> Scored:
    rows = [row for article in articles for row in article]
    read = [row for row in rows if not row.get("skipped")]
    if skipped := len(rows) - len(read):
        found = f"{skipped:,} of {len(rows):,} sentences were kept from the model by its gate"
        if not read:
            raise DataError(f"{name}: expected sentences that the model has read; {found}. Score it with --no-gate.")
        note(f"{name}: {found}: they count as neutral answers, and have no scores to compare.")
    for row in read:
        if fault := next(filter(None, (_fault(d, row) for d in schema.dimensions)), ""):
            raise DataError(f"{row['where']}: {fault}. Score it with the model that --model names.")
    scores = {d.name: _table([row["scores"].get(d.name, {}) for row in rows], d.labels) for d in schema.dimensions}
    groups = np.array([str(row["doc"]) for row in rows])
    answers: list[Labels] = [
        {d.name: d.neutral or [] if row.get("skipped") else row["labels"][d.name] for d in schema.dimensions}
        for row in rows
    ]
    return Scored(name, groups, [row["text"] for row in rows], scores, answers)


def _fault(d: Dimension, row: Row) -> str:
    """Say what is wrong with a row's scores and labels of a dimension, or ""."""
    scores = row["scores"].get(d.name)
    if not isinstance(scores, Mapping) or {*scores} != {*d.labels}:
        return f"expected scores of {d.name}: {', '.join(d.labels)}; found {shown(scores)}"
    for label, value in scores.items():
        # Rounded: a sum of floats may lie a hair beyond 1.
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= round(value, 3) <= 1:
            return f"{d.name}: {label}: expected a score from 0 to 1; found {shown(value)}"
    return next(iter(d.faults(row["labels"].get(d.name))), "")


def _table(rows: Sequence[Mapping[str, float]], labels: Sequence[str]) -> NDArray[np.float32]:
    return np.array([[row.get(label, np.nan) for label in labels] for row in rows], dtype=np.float32)
