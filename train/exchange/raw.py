"""What a reader finds in a tool's file, before labels are judged; and what our own exports carry beside.

Knows shapes only: no format, and no label.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from newslean.schema import Dimension, Schema
from train.exchange.task import ABOUT, NOBODY, Prediction, Task, plain_predictions
from train.rows import shown, time_of

Answers = dict[str, list[str]]
"""Labels as found, by dimension as found; under "" those of which the tool does not say the dimension."""

PAYLOAD = "newslean"
"""Key (or column, or feature) of what our exports carry beside the tool's own."""

TEXT_KEYS = ("text", "sentence", "content", "body", "data")
"""Where tools keep the sentence, the usual place first."""


@dataclass(frozen=True, slots=True)
class Coding:
    """What one coder says of one sentence; ``coder`` is "" where the file does not tell.

    ``guessed`` says that the coder's name comes from where other things may stand: one that the user gives counts more.
    """

    answers: Answers
    coder: str = NOBODY
    at: str = ""
    guessed: bool = False


@dataclass(frozen=True, slots=True)
class Guess:
    """What a model says of one sentence, as found."""

    model: str
    answers: Answers
    scores: dict[str, dict[str, float]] = field(default_factory=dict)
    score: float | None = None


@dataclass(frozen=True, slots=True)
class Header:
    """How a table's header was read.

    Attributes
    ----------
    where : str
        Its place.
    used : tuple of str
        What was taken from which column, for a person; without the coder.
    labels : bool
        Whether a column is a dimension, or nearly one, which is told already.
    coder : str
        The column that names the coders; "" if there is none.
    guessed : bool
        Whether that column may mean something else.
    left : tuple of str
        Columns that nothing is taken from.
    ours : bool
        Whether our own export wrote the table.
    """

    where: str
    used: tuple[str, ...]
    labels: bool
    coder: str
    guessed: bool
    left: tuple[str, ...]
    ours: bool


@dataclass(frozen=True, slots=True)
class Raw:
    """One sentence of a tool's file.

    Attributes
    ----------
    where : str
        "file:line", or "file: task 7".
    text : object
        As found: a reader judges nothing.
    about : dict
        Keys of a row (doc, n, before, ...) that the file gives.
    payload : dict
        What our own export carried; empty in files made elsewhere.
    asked : tuple of str
        Dimensions that the tool asked for, if the file says so.
    skipped : int
        Annotations that the coder cancelled, skipped or left as a draft.
    unsure : Coding or None
        What is a coder's answer only if the file holds nothing unconfirmed: a suggestion as it was.
    header : Header or None
        Of the table that it is a row of; None in other formats.
    """

    where: str
    text: Any
    about: dict[str, Any] = field(default_factory=dict)
    codings: tuple[Coding, ...] = ()
    guesses: tuple[Guess, ...] = ()
    payload: dict[str, Any] = field(default_factory=dict)
    asked: tuple[str, ...] = ()
    skipped: int = 0
    unsure: Coding | None = None
    header: Header | None = None


def about_in(*places: dict[str, Any]) -> dict[str, Any]:
    """Find what a tool's file tells of a sentence under the keys of a row; of several places the last counts."""
    return {key: place[key] for place in places for key in ("doc", "n", *ABOUT) if key in place}


def payload_of(task: Task, schema: Schema, *, coders: Iterable[str] | None = None) -> dict[str, Any]:
    """Give what a tool has no place for, to be carried beside.

    Parameters
    ----------
    coders : iterable of str, optional
        The coders whose labels stand beside it; by default all.
    """
    names = [*task.coders] if coders is None else [*coders]
    payload = {
        "doc": task.doc,
        "n": task.n,
        "about": task.about,
        "asked": [*schema.names],
        # Tells "asked, and nothing chosen" from "not answered", which no tool does.
        "coded": {name: [*task.coders[name]] for name in names},
        "coded_at": task.coded_at,
        "predictions": plain_predictions(task),
    }
    return {key: value for key, value in payload.items() if value or key in ("doc", "n")}


def payload_from(value: object) -> dict[str, Any]:
    """Read a payload, given as an object or as JSON; anything else is none of ours."""
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            return {}
    shapes = {"about": dict, "asked": list, "coded": dict, "coded_at": dict, "predictions": dict}
    if not isinstance(value, dict) or any(not isinstance(value.get(k, kind()), kind) for k, kind in shapes.items()):
        return {}
    return value


def sound_payload(payload: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """Give a payload without what is broken in it, and say what that is."""
    wrong: dict[str, dict[str, Any]] = {
        "coded": {name: found for name, found in payload.get("coded", {}).items() if not isinstance(found, list)},
        "predictions": {
            model: found for model, found in payload.get("predictions", {}).items() if not _is_plain(found)
        },
    }
    expected = {
        "coded": "the dimensions that coder {!r} answered",
        "predictions": "labels and scores of model {!r}, by dimension",
    }
    faults = [
        f"{PAYLOAD}: {key}: expected {expected[key].format(name)}; found {shown(value)}"
        for key, found in wrong.items()
        for name, value in found.items()
    ]
    kept = {key: {name: v for name, v in payload.get(key, {}).items() if name not in wrong[key]} for key in wrong}
    return {**payload, **kept} if faults else payload, faults


def _is_plain(prediction: object) -> bool:
    """Whether this is a prediction as `plain_predictions` gives it."""
    if not isinstance(prediction, dict):
        return False
    labels, scores = prediction.get("labels", {}), prediction.get("scores", {})
    score = prediction.get("score")
    return (
        isinstance(labels, dict)
        and isinstance(scores, dict)
        and all(isinstance(of, dict) and all(map(_is_number, of.values())) for of in scores.values())
        and (score is None or _is_number(score))
    )


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def compact(payload: dict[str, Any]) -> str:
    """Give a payload as one line of JSON."""
    return json.dumps(payload, ensure_ascii=False, separators=(",", ":"))


def shown_prediction(task: Task) -> tuple[str, Prediction] | None:
    """Choose the prediction that a tool shows, where it can show but one: the last."""
    return next(reversed(task.predictions.items()), None)


def answers_of(labels: dict[str, Any]) -> Answers:
    """Give labels as lists."""
    return {name: [*value] if isinstance(value, list) else [value] for name, value in labels.items()}


def text_in(data: dict[str, Any]) -> Any:
    """Find the sentence: under the usual keys, or, where none of them is, as the only text that is there."""
    there = [data[key] for key in TEXT_KEYS if key in data]
    if there:
        return next((value for value in there if isinstance(value, str)), there[0])
    texts = [value for value in data.values() if isinstance(value, str)]
    return texts[0] if len(texts) == 1 else None


def scores_of(d: Dimension, prediction: Prediction) -> float | None:
    """Give one number for a dimension: the least probable of the labels given, or of those withheld."""
    scores = prediction.scores.get(d.name)
    if not scores or d.name not in prediction.labels:
        return prediction.score
    given = prediction.labels[d.name] if d.multi else [prediction.labels[d.name]]
    sure = [p if label in given else 1 - p for label, p in scores.items() if d.multi or label in given]
    return round(min(sure), 6) if sure else prediction.score


def older(at: str, than: str) -> bool:
    """Whether a time is known to be before another."""
    left, right = time_of(at), time_of(than)
    return left is not None and right is not None and left < right


def same_second(a: str, b: str) -> bool:
    """Whether two times are the same to the second: tools cut the rest."""
    left, right = time_of(a), time_of(b)
    return left is not None and right is not None and int(left.timestamp()) == int(right.timestamp())
