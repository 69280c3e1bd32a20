"""Prodigy: JSONL of tasks for its ``choice`` interface, as ``db-out`` writes them.

The options are in the tasks themselves; their ids are ``dimension:label`` (the bare label with one dimension).
Documented at prodi.gy/docs/api-interfaces.
"""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from newslean.schema import Schema
from train.exchange.raw import PAYLOAD, Coding, Raw, about_in, payload_from, payload_of, shown_prediction, text_in
from train.exchange.sources import json_lines, read_records
from train.exchange.spelling import Naming, tag, tag_list, tags, untag
from train.exchange.task import NOBODY, Task
from train.rows import Faults, shown, time_of


def read(path: Path, naming: Naming, faults: Faults) -> list[Raw]:
    """Read annotations of the ``choice`` interface (or of ``classification`` with a single label)."""
    found = []
    for where, row in read_records(path, faults):
        answer = row.get("answer")
        chosen = row.get("accept", [row["label"]] if isinstance(row.get("label"), str) else [])
        if not isinstance(chosen, list):
            faults.add(where, f"accept: expected a list of options; found {shown(chosen)}")
            continue
        coder = row.get("_annotator_id") or row.get("_session_id")
        payload = payload_from(row.get(PAYLOAD))
        coding = Coding(
            untag(chosen, naming), coder if isinstance(coder, str) else NOBODY, _time(row.get("_timestamp"))
        )
        meta: Any = row["meta"] if isinstance(row.get("meta"), dict) else {}
        about = about_in(meta, row)
        codings = (coding,) if answer == "accept" else ()
        skipped = int(answer in ("reject", "ignore"))
        found.append(Raw(where, text_in(row), about, codings, payload=payload, skipped=skipped))
    return found


def write(tasks: list[Task], schema: Schema) -> bytes:
    """Write a line for each coder of a task; one with the prediction chosen, and no answer, if nobody has coded it."""
    tags(schema)
    return json_lines(line for task in tasks for line in _lines(task, schema))


def setup(schema: Schema) -> bytes:
    """Write a ``prodigy.json`` for the choice interface."""
    several = len(schema.dimensions) > 1 or schema.dimensions[0].multi
    config = {"choice_style": "multiple" if several else "single", "choice_auto_accept": False}
    return (json.dumps(config, indent=1) + "\n").encode()


def _lines(task: Task, schema: Schema) -> list[dict[str, Any]]:
    several = len(schema.dimensions) > 1
    options = [
        {"id": tag(schema, d.name, label), "text": f"{d.name}: {label}" if several else label}
        for d in schema.dimensions
        for label in d.labels
    ]
    head = {"text": task.text, "options": options, "meta": {"doc": task.doc, "n": task.n}}
    lines = [
        {
            **head,
            "accept": tag_list(labels, schema),
            "answer": "accept",
            **({"_annotator_id": coder, "_session_id": coder} if coder != NOBODY else {}),
            **_timestamp(task.coded_at.get(coder, "")),
            "_view_id": "choice",
            PAYLOAD: payload_of(task, schema, coders=[coder]),
        }
        for coder, labels in task.coders.items()
    ]
    if lines:
        return lines
    shown_one = shown_prediction(task)
    accept = tag_list(shown_one[1].labels, schema) if shown_one else []
    return [{**head, "accept": accept, PAYLOAD: payload_of(task, schema)}]


def _time(value: object) -> str:
    try:
        return datetime.fromtimestamp(value, UTC).isoformat() if isinstance(value, (int, float)) else ""
    except (ValueError, OverflowError, OSError):
        return ""


def _timestamp(at: str) -> dict[str, int]:
    time = time_of(at)
    return {"_timestamp": int(time.timestamp())} if time else {}
