"""doccano: JSONL of texts with one list of labels, and its list of label types.

With more than one dimension the labels are written ``dimension:label``. Each coder's labels are a line of their
own: doccano exports a file per member, and calls no coder by name in it.
"""

import json
from pathlib import Path
from typing import Any

from newslean.schema import Schema
from train.exchange.raw import PAYLOAD, Coding, Raw, about_in, payload_from, payload_of, shown_prediction, text_in
from train.exchange.sources import json_lines, read_records
from train.exchange.spelling import Naming, tag, tag_list, tags, untag
from train.exchange.task import ABOUT, NOBODY, Task
from train.rows import Faults, shown

LABEL_KEYS = ("label", "labels", "cats")
CODER_KEYS = ("user", "username", "annotator")
COLOURS = ("#1967d2", "#188038", "#b06000", "#a50e0e", "#7627bb", "#007b83", "#5f6368", "#9c166b")


def read(path: Path, naming: Naming, faults: Faults) -> list[Raw]:
    """Read an export (JSONL) of a text classification project."""
    found = []
    for where, row in read_records(path, faults):
        key = next((key for key in LABEL_KEYS if key in row), "")
        labels = row.get(key, [])
        labels = [labels] if isinstance(labels, str) else labels
        if not isinstance(labels, list):
            faults.add(where, f"{key}: expected a list of labels; found {shown(labels)}")
            continue
        payload = payload_from(row.get(PAYLOAD))
        given = payload.get("suggested")
        suggested = (
            isinstance(given, list) and all(isinstance(x, str) for x in given) and {*given} == {*map(str, labels)}
        )
        coder = next((row[key] for key in CODER_KEYS if isinstance(row.get(key), str)), NOBODY)
        coding = Coding(untag(labels, naming), coder)
        codings = (coding,) if labels and not suggested else ()
        # doccano, which numbers its rows, may give back a suggestion that a coder agrees with, or has not seen.
        unsure = coding if suggested and labels and "id" in row else None
        about = about_in(row)
        text = text_in({k: v for k, v in row.items() if k not in (*LABEL_KEYS, *CODER_KEYS, PAYLOAD, *ABOUT, "doc")})
        found.append(Raw(where, text, about, codings, payload=payload, unsure=unsure))
    return found


def write(tasks: list[Task], schema: Schema) -> bytes:
    """Write a line for each coder of a task; one with the prediction, as a suggestion, if nobody has coded it."""
    tags(schema)
    return json_lines(line for task in tasks for line in _lines(task, schema))


def setup(schema: Schema) -> bytes:
    """Write the label types, to be imported on doccano's page of labels."""
    labels = [tag(schema, d.name, label) for d in schema.dimensions for label in d.labels]
    types = [
        {
            "text": text,
            "prefix_key": None,
            "suffix_key": str(n + 1) if n < 9 else None,
            "background_color": COLOURS[n % len(COLOURS)],
            "text_color": "#ffffff",
        }
        for n, text in enumerate(labels)
    ]
    return (json.dumps(types, ensure_ascii=False, indent=1) + "\n").encode()


def _lines(task: Task, schema: Schema) -> list[dict[str, Any]]:
    # Each line has the same keys: doccano loads them as a table, and fails at what is missing in some.
    head = {"text": task.text, "doc": task.doc, "n": task.n}
    lines = [
        {
            **head,
            "label": tag_list(labels, schema),
            "user": coder,
            PAYLOAD: payload_of(task, schema, coders=[coder]),
        }
        for coder, labels in task.coders.items()
    ]
    if lines:
        return lines
    shown_one = shown_prediction(task)
    suggested = tag_list(shown_one[1].labels, schema) if shown_one else []
    return [{**head, "label": suggested, "user": NOBODY, PAYLOAD: {**payload_of(task, schema), "suggested": suggested}}]
