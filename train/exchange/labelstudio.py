"""Label Studio: its JSON of tasks, and the labelling configuration that goes with a label set.

One Choices control per dimension, named as the dimension. Documented at labelstud.io/guide/task_format; held
against label-studio-sdk in the tests' data.
"""

from pathlib import Path
from typing import Any
from xml.sax.saxutils import quoteattr

from newslean.schema import Labels, Schema
from train.exchange.raw import (
    PAYLOAD,
    Answers,
    Coding,
    Guess,
    Raw,
    about_in,
    answers_of,
    payload_from,
    payload_of,
    scores_of,
    text_in,
)
from train.exchange.sources import json_list, read_records
from train.exchange.spelling import Naming
from train.exchange.task import NOBODY, Prediction, Task
from train.rows import Faults, digest, shown, time_of

TEXT = "text"

CONTEXT = "sentence_before"
"""The sentence before, as it is shown: "" without one, since Label Studio asks each task for all that it shows."""


def read(path: Path, naming: Naming, faults: Faults) -> list[Raw]:
    """Read an export (JSON, not JSON-MIN)."""
    found = []
    for where, task in read_records(path, faults):
        data = task.get("data")
        if not isinstance(data, dict):
            faults.add(where, f"expected data, an object with the text; found {shown(data)}. Export as JSON.")
            continue
        codings, guesses, payload = list[Coding](), list[Guess](), payload_from(data.get(PAYLOAD))
        annotations = _objects(task, "annotations") or _objects(task, "completions")
        skipped = max(0, len(payload.get("coded", {})) - len(annotations))  # deleted: each coder was sent as one
        for annotation in annotations:
            if annotation.get("was_cancelled") or annotation.get("skipped"):
                skipped += 1
            else:
                coder, at = _who_and_when(annotation, payload)
                codings.append(Coding(_answers(annotation), coder, at))
        for prediction in _objects(task, "predictions"):
            score = prediction.get("score")
            version = prediction.get("model_version")
            guesses.append(
                Guess(
                    version if isinstance(version, str) else "",
                    _answers(prediction),
                    score=float(score) if isinstance(score, (int, float)) else None,
                )
            )
        about = about_in(data)
        found.append(Raw(where, text_in(data), about, tuple(codings), tuple(guesses), payload, (), skipped))
    return found


def write(tasks: list[Task], schema: Schema) -> bytes:
    """Write tasks with annotations and predictions, to be imported into a project set up by `setup`."""
    texts = {(task.doc, task.n): task.text for task in tasks}
    return json_list(_task(task, schema, texts.get((task.doc, task.n - 1), "")) for task in tasks)


def setup(schema: Schema) -> bytes:
    """Write the labelling configuration."""
    lines = [
        "<View>",
        f'  <Text name="{CONTEXT}" value="${CONTEXT}"/>',
        f'  <Text name="{TEXT}" value="${TEXT}"/>',
    ]
    for d in schema.dimensions:
        choice = "multiple" if d.multi else "single"
        required = "false" if d.multi else "true"
        lines += [
            f"  <Header value={quoteattr(d.name)}/>",
            f'  <Choices name={quoteattr(d.name)} toName="{TEXT}" choice="{choice}" required="{required}">',
            *(f"    <Choice value={quoteattr(label)}/>" for label in d.labels),
            "  </Choices>",
        ]
    return "\n".join([*lines, "</View>", ""]).encode()


def _task(task: Task, schema: Schema, previous: str) -> dict[str, Any]:
    data = {
        CONTEXT: task.about.get("before", previous) or "",
        TEXT: task.text,
        "doc": task.doc,
        "n": task.n,
        **task.about,
        PAYLOAD: payload_of(task, schema),
    }
    return {
        "data": data,
        "annotations": [
            {
                "id": number,  # comes back as import_id
                "result": _results(task, labels, schema, None),
                # Label Studio finds its user by email; without one it takes who imports.
                **({"completed_by": {"email": coder}} if coder != NOBODY else {}),
                **({"created_at": task.coded_at[coder]} if coder in task.coded_at else {}),
            }
            for number, (coder, labels) in enumerate(task.coders.items(), 1)
        ],
        "predictions": [
            {
                "model_version": model,
                **_score(task, found, schema),
                "result": _results(task, found.labels, schema, found),
            }
            for model, found in task.predictions.items()
        ],
    }


def _score(task: Task, found: Prediction, schema: Schema) -> dict[str, float]:
    scores = [score for d in schema.dimensions if (score := scores_of(d, found)) is not None]
    return {"score": min(scores)} if scores else {}


def _results(task: Task, labels: Labels, schema: Schema, found: Prediction | None) -> list[dict[str, Any]]:
    results: list[dict[str, Any]] = []
    for name, values in answers_of(dict(labels)).items():
        if values:
            score = scores_of(schema[name], found) if found else None
            results.append(
                {
                    "id": digest(f"{task.doc} {task.n} {name}")[:10],
                    "from_name": name,
                    "to_name": TEXT,
                    "type": "choices",
                    "value": {"choices": values},
                    **({} if score is None else {"score": score}),
                }
            )
    return results


def _objects(task: dict[str, Any], key: str) -> list[dict[str, Any]]:
    value = task.get(key)
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _answers(annotation: dict[str, Any]) -> Answers:
    answers: Answers = {}
    for result in _objects(annotation, "result"):
        value = result.get("value")
        if result.get("type") == "choices" and isinstance(value, dict):
            found: Any = value.get("choices")
            name = str(result.get("from_name") or "")
            answers.setdefault(name, []).extend(found if isinstance(found, list) else [found])
    return answers


def _who_and_when(annotation: dict[str, Any], payload: dict[str, Any]) -> tuple[str, str]:
    """Give coder and time; of an annotation that we sent, and nobody has edited, those that we sent."""
    sent, names = annotation.get("import_id"), [*payload.get("coded", {})]
    times = [annotation.get(key) for key in ("created_at", "updated_at")]
    created, updated = (time_of(at) if isinstance(at, str) else None for at in times)
    at = next((at for at in reversed(times) if isinstance(at, str)), "")
    if not isinstance(sent, int) or not 0 < sent <= len(names):
        return _coder(annotation.get("completed_by")), at
    same = created is None or updated is None or abs((updated - created).total_seconds()) < 1
    # The times are then those of Label Studio's import, and it names its user by number.
    return names[sent - 1], str(payload.get("coded_at", {}).get(names[sent - 1], "")) if same else at


def _coder(value: object) -> str:
    """Name a coder by email, else by name, else by number."""
    if isinstance(value, dict):
        full = " ".join(str(value[key]) for key in ("first_name", "last_name") if value.get(key))
        return str(value.get("email") or value.get("username") or full or value.get("id") or NOBODY)
    return NOBODY if value is None else str(value)
