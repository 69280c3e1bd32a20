"""INCEpTION: what stands on a sentence, whichever of its two formats holds it.

Three span layers over whole sentences: one for the task (doc, n and what is carried beside), one for what coders
say, one for what a model predicts. The two latter have a feature per dimension; several labels are joined by a bar
(a backslash before a bar that belongs to a label). Knows no file format: those are `cas` and `webanno`.
"""

import keyword
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from newslean.schema import Labels, Schema
from train.exchange.raw import PAYLOAD, Answers, Coding, Guess, Raw, compact, payload_from, payload_of
from train.exchange.spelling import Naming, join_labels, part_labels, safe_names
from train.exchange.task import NOBODY, Task

TASK = "webanno.custom.NewsleanTask"
CODING = "webanno.custom.NewsleanCoding"
PREDICTION = "webanno.custom.NewsleanPrediction"
SENTENCE = "de.tudarmstadt.ukp.dkpro.core.api.segmentation.type.Sentence"
_TAKEN = (
    "doc",
    "n",
    PAYLOAD,
    "coder",
    "at",
    "model",
    "score",
    "begin",
    "end",
    "sofa",
    "self",
    "type",
    "id",
    "elements",
)


@dataclass(frozen=True, slots=True)
class Span:
    """One annotation over a sentence: its layer, and its features that are not null."""

    layer: str
    features: dict[str, str]


@lru_cache(maxsize=4)
def features(schema: Schema) -> dict[str, str]:
    """Map each dimension to the name of its feature."""
    return safe_names(schema, "_", taken=(*_TAKEN, *keyword.kwlist))


def layers(schema: Schema) -> dict[str, tuple[str, ...]]:
    """Give the layers with their features, in order."""
    names = tuple(features(schema).values())
    return {TASK: ("doc", "n", PAYLOAD), CODING: ("coder", "at", *names), PREDICTION: ("model", "score", *names)}


def spans_of(task: Task, schema: Schema) -> list[Span]:
    """Give what stands on a task's sentence."""
    spans = [Span(TASK, {"doc": task.doc, "n": str(task.n), PAYLOAD: compact(payload_of(task, schema))})]
    for coder, labels in task.coders.items():
        head = {"coder": coder, "at": task.coded_at.get(coder, "")}
        spans.append(_span(CODING, head, labels, schema))
    for model, found in task.predictions.items():
        head = {"model": model, "score": "" if found.score is None else str(found.score)}
        spans.append(_span(PREDICTION, head, found.labels, schema))
    return spans


def raw_from(where: str, text: str, spans: Iterable[tuple[str, dict[str, Any]]], naming: Naming) -> Raw:
    """Make a sentence's finding of the annotations on it: (layer, features) each.

    On our own layers each feature that is none of ours is a dimension: one of another name is the judge's to rename
    or to report. A layer of another name counts as one of coders, if a feature is named as a dimension, or renamed to
    one.
    """
    own = {safe: name for name, safe in features(naming.schema).items()}
    others = own | {name: name for name in (*naming.schema.names, *naming.rename) if naming.dimension(name)}
    about, payload, coded, guesses = dict[str, Any](), dict[str, Any](), dict[str, tuple[Answers, str]](), list[Guess]()
    for layer, found in spans:
        ours = layer in (CODING, PREDICTION)
        names = {key: own.get(key, key) for key in found if key not in _TAKEN} if ours else others
        answers = {
            names[key]: _values(value, naming, names[key], ours=ours) for key, value in found.items() if key in names
        }
        answers = {name: values for name, values in answers.items() if values}
        if layer == TASK:
            payload = payload_from(found.get(PAYLOAD))
            about = {key: found[key] for key in ("doc", "n") if isinstance(found.get(key), str)}
        elif layer == PREDICTION:
            guesses.append(Guess(str(found.get("model") or ""), answers, score=_number(found.get("score"))))
        elif layer == CODING or names.keys() & found.keys():
            known, _ = coded.setdefault(str(found.get("coder") or NOBODY), ({}, str(found.get("at") or "")))
            for name, values in answers.items():
                known.setdefault(name, []).extend(values)
    codings = tuple(Coding(answers, coder, at) for coder, (answers, at) in coded.items())
    return Raw(where, text, about, codings, tuple(guesses), payload)


def _span(layer: str, head: dict[str, str], labels: Labels, schema: Schema) -> Span:
    names = features(schema)
    joined = {names[name]: join_labels(value) for name, value in labels.items()}
    return Span(layer, {key: value for key, value in {**head, **joined}.items() if value})


def _values(value: object, naming: Naming, name: str, *, ours: bool) -> list[str]:
    """Labels of a feature: a text, or the array of a feature with several values."""
    if isinstance(value, str):
        dimension = naming.dimension(name)
        if dimension is None:
            return [value.strip()] if value.strip() else []
        return part_labels(value, naming.schema[dimension], ours=ours)
    elements = getattr(value, "elements", value)
    return [item for item in elements if isinstance(item, str)] if isinstance(elements, list) else []


def _number(value: object) -> float | None:
    try:
        return float(value) if isinstance(value, (str, int, float)) else None
    except ValueError:
        return None
