"""What labels and models that were made for different label sets have in common.

Knows schemas, label files and predictions; loads no model and measures nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from newslean.errors import DataError
from newslean.schema import Dimension, Schema, read_schema
from train.labels import Example, LabelFiles, read_examples

if TYPE_CHECKING:
    from train.measure import Predictions


def schema_beside(paths: Sequence[Path]) -> Path | None:
    """Find the label set of label files: in the folder that is named, or that they lie in."""
    for path in paths:
        parents = (
            [path] if path.is_dir() else [path.parent, *([path.parent.parent] * (path.parent.name == "sentences"))]
        )
        for folder in parents:
            if (folder / "schema.toml").is_file():
                return folder / "schema.toml"
    return None


def read_labelled(
    paths: Sequence[Path], model: Schema, *, texts: Sequence[Path], schema: Path | None = None,
    hint: str = "Read with a model's label set; put the labels' own schema.toml beside them.",
) -> tuple[LabelFiles, Schema]:  # fmt: skip
    """Read labelled rows by a label set that is named or lies beside them, which may have grown; else by a model's.

    Parameters
    ----------
    hint : str
        For the user, where rows do not keep to the label set of a model.

    Raises
    ------
    DataError
        If they do not keep to it, or cannot be read.
    """
    path = schema or schema_beside(paths)
    label_set = read_schema(path) if path else model
    try:
        return read_examples(paths, label_set, texts=texts), label_set
    except DataError as error:
        raise DataError(f"{error}" if path else f"{error}\n{hint}") from None


def tell_picked(examples: Sequence[Example], *, left_out: bool = False) -> str:
    """Say how many rows a model chose, which measure no whole articles; "" if none.

    Parameters
    ----------
    left_out : bool
        Whether these rows will be left out.
    """
    picked = sum(e.picked for e in examples)
    end = "left out." if left_out else "labels and errors are not as frequent as in whole articles."
    return f"{picked:,} of {len(examples):,} sentences were chosen by a model (sample picked): {end}" if picked else ""


def common_schema(labels: Schema, models: Mapping[str, Schema]) -> tuple[Schema, list[str]]:
    """Give the dimensions that can be scored, and say what is left out.

    A dimension is scored that the label set and all models have, of one kind. It has the labels of both: one that a
    model does not know it never predicts, one that the label set has not is wrong wherever a model predicts it.

    Parameters
    ----------
    labels : Schema
        Of the label files.
    models : mapping
        Name of each model to its schema.

    Returns
    -------
    (schema, notes)
        Notes are sentences for a person.

    Raises
    ------
    DataError
        If there is no such dimension.
    """
    kept, notes = [], []
    for d in labels.dimensions:
        without = [name for name, schema in models.items() if d.name not in schema.names]
        other = [name for name, s in models.items() if d.name in s.names and s[d.name].kind != d.kind]
        if without or other:
            why = [f"{', '.join(without)} does not know it"] if without else []
            why += [f"{', '.join(other)} knows it as another kind than {d.kind}"] if other else []
            notes.append(f"{d.name}: left out; {' and '.join(why)}.")
            continue
        notes += _label_notes(d, models)
        known = [label for schema in models.values() for label in schema[d.name].labels]
        kept.append(replace(d, labels=tuple(dict.fromkeys([*d.labels, *known]))))
    for name, schema in models.items():
        if unlabelled := [found for found in schema.names if found not in labels.names]:
            notes.append(f"{', '.join(unlabelled)}: left out; {name} knows it, the label set has not.")
    notes += [
        f"{name} reads each {schema.unit} by itself, the labels are of each {labels.unit}: take the numbers with care."
        for name, schema in models.items()
        if schema.unit != labels.unit
    ]
    if not kept:
        raise DataError(
            f"--model: expected a dimension of the labels ({', '.join(labels.names)}) that all models know; "
            "found none. Score with a model that was trained on this label set."
        )
    return Schema(tuple(kept), labels.sides, labels.unit), notes


def _label_notes(d: Dimension, models: Mapping[str, Schema]) -> list[str]:
    """Say which labels of a dimension only one side knows."""
    notes = []
    for name, schema in models.items():
        known, neutral = schema[d.name].labels, schema[d.name].neutral
        if neutral not in (None, d.neutral):
            notes.append(f"{d.name}: {neutral} is neutral to {name}, not to the label set: it counts as a claim.")
        if missing := [label for label in d.labels if label not in known]:
            notes.append(f"{d.name}: {name} does not know {', '.join(missing)}: counted as never predicted.")
        if more := [label for label in known if label not in d.labels]:
            notes.append(
                f"{d.name}: {name} knows {', '.join(more)}, which the label set has not: wrong wherever predicted."
            )
    return notes


def fit_predictions(found: "Predictions", schema: Schema) -> "Predictions":
    """Bring a model's answers to the dimensions of `common_schema`; labels that it does not know get probability 0."""
    labels = [{d.name: row[d.name] for d in schema.dimensions} for row in found.labels]
    scores = [{d.name: _all_labels(d, row[d.name]) for d in schema.dimensions} for row in found.scores]
    return replace(found, labels=labels, scores=scores)


def _all_labels(d: Dimension, scores: Mapping[str, float]) -> dict[str, float]:
    return {label: scores.get(label, 0.0) for label in d.labels}
