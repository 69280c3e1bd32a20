"""Argilla: records as its SDK writes them, nested (``records.to_json``) or flat (datasets), and its settings.

One question per dimension. Argilla knows coders by UUID alone: ours are made from the coder's name, which goes
along in the metadata.
"""

import json
import uuid
from pathlib import Path
from typing import Any

from newslean.schema import Dimension, Schema
from train.exchange.raw import (
    PAYLOAD,
    Coding,
    Guess,
    Raw,
    about_in,
    compact,
    payload_from,
    payload_of,
    scores_of,
    shown_prediction,
    text_in,
)
from train.exchange.sources import json_list, read_records
from train.exchange.spelling import Naming, safe_names
from train.exchange.task import ABOUT, NOBODY, Prediction, Task
from train.rows import Faults, digest, shown

NAMESPACE = uuid.UUID("6c2d1e8e-4c25-5a0e-9a0f-1d1b8f8f6a52")


def user_id(coder: str) -> str:
    """Give the UUID that stands for a coder."""
    return str(uuid.uuid5(NAMESPACE, coder.encode("utf-8", "replace").decode()))


def read(path: Path, naming: Naming, faults: Faults) -> list[Raw]:
    """Read records, nested or flat."""
    names = {safe: name for name, safe in _questions(naming.schema).items()}
    found = []
    for where, record in read_records(path, faults):
        nested = record if isinstance(record.get("fields"), dict) else _nest(record, where, faults)
        fields, metadata = nested["fields"], nested.get("metadata") or {}
        responses, suggestions = nested.get("responses") or {}, nested.get("suggestions") or {}
        if not all(isinstance(part, dict) for part in (metadata, responses, suggestions)):
            faults.add(where, f"expected objects of metadata, responses and suggestions; found {shown(record)}")
            continue
        for question, answers in responses.items():
            if answers is not None and not _is_list_of_objects(answers):
                faults.add(where, f"responses of {question!r}: expected a list of objects; found {shown(answers)}")
        payload = payload_from(metadata.get(PAYLOAD))
        coders = {user_id(coder): coder for coder in payload.get("coded", {})}
        codings, skipped = _codings(responses, names, coders)
        about = about_in(metadata, fields)
        guesses = _guesses(suggestions, names)
        found.append(Raw(where, text_in(fields), about, codings, guesses, payload, (), skipped))
    return found


def write(tasks: list[Task], schema: Schema) -> bytes:
    """Write nested records, which ``rg.Record.from_dict`` and ``records.from_json`` read."""
    questions = _questions(schema)
    return json_list(_record(task, schema, questions) for task in tasks)


def setup(schema: Schema) -> bytes:
    """Write the settings, which ``rg.Settings.from_json`` reads."""
    settings = {
        "guidelines": None,
        "allow_extra_metadata": True,
        "fields": [
            {
                "name": name,
                "title": name,
                "required": name == "text",
                "settings": {"type": "text", "use_markdown": False},
            }
            for name in ("text", "before")
        ],
        "questions": [_question(schema[name], safe) for name, safe in _questions(schema).items()],
        "vectors": [],
        "metadata": [],
        "distribution": {"strategy": "overlap", "min_submitted": 1},
    }
    return (json.dumps(settings, ensure_ascii=False, indent=1) + "\n").encode()


def _question(d: Dimension, name: str) -> dict[str, Any]:
    return {
        "name": name,
        "title": d.name,
        "description": None,
        "required": not d.multi,
        "settings": {
            "type": "multi_label_selection" if d.multi else "label_selection",
            "options": [{"value": label, "text": label, "description": None} for label in d.labels],
            "visible_options": len(d.labels) if len(d.labels) > 2 else None,
            **({"options_order": "natural"} if d.multi else {}),
        },
    }


def _questions(schema: Schema) -> dict[str, str]:
    return safe_names(schema, "_-")


def _record(task: Task, schema: Schema, questions: dict[str, str]) -> dict[str, Any]:
    responses: dict[str, list[dict[str, Any]]] = {}
    for coder, labels in task.coders.items():
        for name, value in labels.items():
            if value == []:
                continue  # Argilla takes no answer without a label: payload tells it from none
            responses.setdefault(questions[name], []).append({"value": value, "user_id": user_id(coder)})
    suggestions = {}
    model, found = shown_prediction(task) or ("", Prediction({}))
    for name, value in found.labels.items():
        if value == []:
            continue
        scores = found.scores.get(name, {})
        each = [scores[label] for label in value] if isinstance(value, list) and {*value} <= {*scores} else None
        score = each if isinstance(value, list) else scores_of(schema[name], found)
        suggestions[questions[name]] = {"value": value, "score": score or None, "agent": model}
    before = task.about.get("before")
    return {
        "id": digest(f"{task.doc}\n{task.n}\n{task.text}")[:32],
        "fields": {"text": task.text, **({"before": before} if before else {})},
        "metadata": {"doc": task.doc, "n": task.n, PAYLOAD: compact(payload_of(task, schema))},
        "suggestions": suggestions,
        "responses": responses,
        "vectors": {},
        "status": "pending",
    }


def _nest(record: dict[str, Any], where: str, faults: Faults) -> dict[str, Any]:
    """Bring a flat record into the nested shape."""
    responses, suggestions = dict[str, Any](), dict[str, Any]()
    for key, value in record.items():
        name, _, kind = key.rpartition(".")
        if kind == "responses" and value is not None:
            parts = (key, f"{key}.users", f"{key}.status")
            lists = {part: record[part] for part in parts if record.get(part) is not None}
            if wrong := [part for part, found in lists.items() if not isinstance(found, list)]:
                faults.add(where, f"{wrong[0]}: expected a list; found {shown(lists[wrong[0]])}")
                continue
            users, status = (lists.get(f"{key}.{part}", []) for part in ("users", "status"))
            responses[name] = [
                {
                    "value": answer,
                    "user_id": users[n] if n < len(users) else None,
                    "status": status[n] if n < len(status) else None,
                }
                for n, answer in enumerate(value)
            ]
        elif kind == "suggestion" and value is not None:
            score, agent = record.get(f"{key}.score"), record.get(f"{key}.agent")
            suggestions[name] = {"value": value, "score": score, "agent": agent}
    plain = {key: value for key, value in record.items() if "." not in key}
    # Flat records mix fields and metadata: the latter are ours, or numbers and lists, or keys of a row.
    metadata = {key: value for key, value in plain.items() if key not in ("id", "status", "_server_id")}
    fields = {k: v for k, v in metadata.items() if k not in ("doc", "n", PAYLOAD, *ABOUT)}
    return {"fields": fields, "metadata": metadata, "responses": responses, "suggestions": suggestions}


def _is_list_of_objects(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(item, dict) for item in value)


def _codings(
    responses: dict[str, Any], names: dict[str, str], coders: dict[str, str]
) -> tuple[tuple[Coding, ...], int]:
    by_user, dropped = dict[str, dict[str, list[Any]]](), set[str]()
    for question, answers in responses.items():
        for answer in answers if _is_list_of_objects(answers) else []:
            user = str(answer.get("user_id") or "")
            coder = coders.get(user, user)
            if answer.get("status") in ("discarded", "draft"):
                dropped.add(coder)
                continue
            value = answer.get("value")
            values: list[Any] = value if isinstance(value, list) else [value]
            by_user.setdefault(coder, {})[names.get(question, question)] = values
    found = tuple(Coding(answers, coder) for coder, answers in by_user.items() if coder not in dropped)
    return found, len(dropped)


def _guesses(suggestions: dict[str, Any], names: dict[str, str]) -> tuple[Guess, ...]:
    by_agent: dict[str, tuple[dict[str, list[Any]], dict[str, dict[str, float]]]] = {}
    for question, data in suggestions.items():
        if not isinstance(data, dict) or data.get("value") is None:
            continue
        answers, scores = by_agent.setdefault(str(data.get("agent") or NOBODY), ({}, {}))
        name, value, score = names.get(question, question), data["value"], data.get("score")
        answers[name] = value if isinstance(value, list) else [value]
        each = score if isinstance(score, list) else [score] * len(answers[name])
        pairs = zip(answers[name], each, strict=False)  # a ranking has objects in place of labels
        known = {label: p for label, p in pairs if isinstance(label, str) and isinstance(p, (int, float))}
        if known:
            scores[name] = known
    return tuple(Guess(agent, answers, scores) for agent, (answers, scores) in by_agent.items())
