"""A label set with what trips formats, and tasks with what trips them more."""

import json
from types import SimpleNamespace
from typing import Any

import pytest

from newslean.schema import schema_from_dict
from train.exchange.answers import Judge
from train.exchange.importing import import_labels, render_import
from train.exchange.reading import Reading
from train.exchange.task import task_of

SCHEMA = {
    "dimensions": [
        {"name": "topic", "kind": "multi", "labels": ["metals", "weather", "sea & sky", "a|b"]},
        {"name": "mood", "kind": "single", "labels": ["rise", "fall", "flat"], "neutral": "flat"},
        {"name": "Frame 2", "kind": "single", "labels": ["race", "law", "none"], "neutral": "none"},
    ]
}
TEXTS = (
    "Copper rose.",
    'She said "no", then; a comma, and | a bar.',
    "Two lines\nof one\tsentence \\ with \\n and _x000B_.",
    "=1+1",
    "-2 degrees @ night, '=quoted",
    "'=1",
    "Emoji 😀 and 𝒜stral 𠀀, e\u0301, \u200bzero, \u2028 line, عربي.",
    "_ * [1] -> ; # #Text=x",
    " leading and trailing ",
    "carriage\rreturn\x0bvertical \x85 next",
)


def row(n: int, **more: Any) -> dict[str, Any]:
    labels = {"topic": ["metals"], "mood": "rise", "Frame 2": "none"}
    return {"doc": "paper-1", "n": n, "text": TEXTS[n], "labels": labels, "coders": {"anna": labels}} | more


A = {"topic": ["metals", "a|b"], "mood": "rise", "Frame 2": "law"}
B = {"topic": [], "mood": "fall", "Frame 2": "law"}
P = {
    "topic": {"metals": 0.9, "weather": 0.1, "sea & sky": 0.2, "a|b": 0.05},
    "mood": {"rise": 0.5, "fall": 0.3, "flat": 0.2},
}
ROWS = [
    row(0, source="user", title=True, group="g"),
    row(1, labels={"topic": [], "mood": "flat"}, coders={}, sample="picked", kind="quote"),
    # In dispute: topic and mood are left out.
    row(2, labels={"Frame 2": "law"}, coders={"anna": A, "b@x.org": B}, coded_at={"anna": "2026-05-01T10:00:00.5Z"}),
    row(
        3,
        labels={"topic": [], "mood": "rise", "Frame 2": "law"},
        coders={"anna": A, "b@x.org": B, "adjudicated": {"topic": [], "mood": "rise"}},
        reason="Rule 2,\nsecond line.",
        coded_at={"anna": "2026-05-01T10:00:00+02:00", "adjudicated": "2026-05-02T10:00:00Z"},
    ),
    row(4, labels={}, coders={}, predictions={"m 1": {"labels": {"topic": ["metals"], "mood": "rise"}, "scores": P}}),
    row(5, labels={"mood": "fall"}, coders={"anna": {"mood": "fall"}}, before="\u00bbBefore\u00ab", split="test"),
    row(6, labels={"topic": []}, coders={"anna": {"topic": []}}, furniture=True),
    row(7, labels={}, coders={}),
    row(8, predictions={"m 1": {"labels": {"mood": "fall"}, "score": 0.25}, "m 2": {"labels": {"topic": []}}}),
    # Labels that do not follow from the coders.
    row(9, labels={"mood": "fall"}, doc="paper \u00ab2\u00bb"),
]  # fmt: skip
ROWS = [{key: value for key, value in row.items() if key != "coders" or value} for row in ROWS]


@pytest.fixture(scope="session")
def coded():
    return schema_from_dict(SCHEMA, where="test")


@pytest.fixture
def rows():
    return json.loads(json.dumps(ROWS))


@pytest.fixture(scope="session")
def tasks(coded):
    return [task_of(row, coded) for row in ROWS]


@pytest.fixture
def load(tmp_path, schema):
    """Import data, given as objects or text, into a label file; gives its rows and what was said."""

    def run(data: Any, *, name="in.json", out="x.jsonl", judge: Any = None, every=False, **options: Any):
        path = tmp_path / name
        if isinstance(data, bytes):
            path.write_bytes(data)
        elif isinstance(data, str):
            path.write_text(data, encoding="utf-8", newline="")
        elif path.suffix == ".jsonl":
            path.write_text("".join(json.dumps(row) + "\n" for row in data), encoding="utf-8")
        else:
            path.write_text(json.dumps(data), encoding="utf-8")
        done = import_labels(
            [path],
            tmp_path / out,
            schema,
            reading=Reading(**options),
            judge=Judge(schema, **(judge or {})),
            append=True,
            all_faults=every,
        )
        rows = [json.loads(line) for line in (tmp_path / out).open(encoding="utf-8")] if done.wrote else []
        return SimpleNamespace(
            rows=rows, said=render_import(done, tmp_path / out, every=every), done=done, out=tmp_path / out
        )

    return run
