"""The neutral form of a sentence to label, between the rows of label files and the tools of coders.

Knows the row format and the rule by which labels follow from coders. Knows no tool and no file.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from newslean.schema import Labels, Schema
from train.agreement import ADJUDICATED
from train.labels import in_order
from train.rows import digest

NOBODY = ""
"""Name of the coder of labels that no coder is named for."""

ABOUT = ("group", "source", "title", "before", "kind", "split", "sample", "furniture", "reason")
"""Keys of a row that say more of the sentence, and travel with it."""


@dataclass(frozen=True, slots=True)
class Prediction:
    """What a model says of a sentence.

    Attributes
    ----------
    labels : dict
        Labels by dimension.
    scores : dict
        Dimension to label to probability, as far as known.
    score : float or None
        One number for the whole, where a tool gives no more.
    """

    labels: Labels
    scores: dict[str, dict[str, float]] = field(default_factory=dict)
    score: float | None = None


@dataclass(frozen=True, slots=True)
class Task:
    """One sentence with what coders and models say of it.

    Attributes
    ----------
    doc, n, text : str, int, str
        Article, position in it and sentence.
    about : dict
        Those of `ABOUT` that are known.
    coders : dict
        Labels by coder. Under `NOBODY` stand labels that do not follow from those of named coders.
    coded_at : dict
        Time (ISO 8601) by coder, where known.
    predictions : dict
        By name and version of the model.
    """

    doc: str
    n: int
    text: str
    about: dict[str, Any] = field(default_factory=dict)
    coders: dict[str, Labels] = field(default_factory=dict)
    coded_at: dict[str, str] = field(default_factory=dict)
    predictions: dict[str, Prediction] = field(default_factory=dict)


def settle(coders: Mapping[str, Labels], schema: Schema) -> Labels:
    """Give the labels that follow from coders: what they agree on, and what was adjudicated.

    A dimension in dispute is left out (see `train.check.coder_faults`).
    """
    settled, labels = coders.get(ADJUDICATED, {}), dict[str, Any]()
    for name in schema.names:
        given = [row[name] for coder, row in coders.items() if coder not in (ADJUDICATED, NOBODY) and name in row]
        if name in settled:
            labels[name] = settled[name]
        elif given and all(value == given[0] for value in given):
            labels[name] = given[0]
    return labels


def task_of(row: Mapping[str, Any], schema: Schema, *, text: str | None = None) -> Task:
    """Give a row of a label file as a task.

    Parameters
    ----------
    row : mapping
        A row without faults; it may lack labels.
    text : str, optional
        Its text, where the row holds a hash.
    """
    coders = {name: in_order(labels, schema) for name, labels in row.get("coders", {}).items()}
    labels = in_order(row.get("labels", {}), schema)
    if labels != settle(coders, schema):
        coders[NOBODY] = labels
    return Task(
        doc=row["doc"],
        n=row["n"],
        text=row["text"] if text is None else text,
        about={key: row[key] for key in ABOUT if key in row},
        coders=coders,
        coded_at=dict(row.get("coded_at", {})),
        predictions={name: prediction_of(data, schema) for name, data in row.get("predictions", {}).items()},
    )


def row_of(task: Task, schema: Schema) -> dict[str, Any]:
    """Give a task as a row of a label file."""
    named = {name: labels for name, labels in task.coders.items() if name != NOBODY}
    row: dict[str, Any] = {"doc": task.doc, "n": task.n, "text": task.text, **task.about}
    row["labels"] = task.coders[NOBODY] if NOBODY in task.coders else settle(named, schema)
    if named:
        row["coders"] = named
    if task.coded_at:
        row["coded_at"] = dict(task.coded_at)
    if task.predictions:
        row["predictions"] = plain_predictions(task)
    return row


def prediction_of(data: Mapping[str, Any], schema: Schema) -> Prediction:
    """Read a prediction from plain data; what the schema no longer knows is left out."""
    known = {name: value for name, value in data.get("labels", {}).items() if name in schema.names}
    known = {name: value for name, value in known.items() if not schema[name].faults(value)}
    return Prediction(in_order(known, schema), dict(data.get("scores", {})), data.get("score"))


def plain_predictions(task: Task) -> dict[str, dict[str, Any]]:
    """Give a task's predictions as plain data, by model."""
    return {model: _plain(found) for model, found in task.predictions.items()}


def _plain(prediction: Prediction) -> dict[str, Any]:
    data: dict[str, Any] = {"labels": prediction.labels}
    if prediction.scores:
        data["scores"] = prediction.scores
    return data if prediction.score is None else {**data, "score": prediction.score}


def name_by_text(text: str) -> str:
    """Name the article of a sentence that comes without one: by its text, so that all coders' files agree."""
    return f"text-{digest(text)[:12]}"
