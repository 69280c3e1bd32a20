"""What the peers benchmark makes of its fits: scores, what it leaves out, what it says of the ways."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from newslean.schema import Schema
from train.labels import Example

ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.fixture
def peers(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    import peers as module

    return module


def test_the_spread_of_seeds_is_in_the_interval(peers: Any, examples: list[Example], schema: Schema):
    rows = [e for e in examples if "mood" in e.labels]
    right = [[int(label == e.labels["mood"]) for label in schema["mood"].labels] for e in rows]
    wrong = [row[1:] + row[:1] for row in right]
    found = peers.score(schema["mood"], rows, [right, wrong])
    assert found["seeds"] == [1, 0]
    assert found["interval"] == [0, 1]
    assert peers.score(schema["mood"], rows, [right])["interval"] == [1, 1]


def test_ways_that_are_not_asked_for_are_listed(peers: Any, label_folder: Path, tmp_path: Path):
    words = ["--labels", label_folder, "--folds", "2", "--peer", "baseline", "--work", tmp_path, "--out", tmp_path]
    done = subprocess.run(
        [sys.executable, "benchmarks/peers.py", *map(str, words)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    report = json.loads((tmp_path / "peers.json").read_text(encoding="utf-8"))
    assert [way["name"] for way in report["ways"]] == [peers.WAYS["baseline"].title]
    others = [way.title for name, way in peers.WAYS.items() if name != "baseline"]
    assert report["not_measured"] == dict.fromkeys(others, "not asked for")
    text = (tmp_path / "peers.md").read_text(encoding="utf-8")
    assert "SetFit: not measured: not asked for" in text
    assert "with one seed, the spread of seeds is not in it" in text


def test_the_notes_say_what_each_way_reads(peers: Any):
    settings = peers.settings_of(None, epochs=3, steps=1000, warm=None)
    notes = {name: way.note.format(**settings[name]) for name, way in peers.WAYS.items()}
    context = settings["newslean"]["params"]["context"]
    assert f"each sentence with its context ({context}; before: the sentence before it)" in notes["newslean"]
    assert all("the sentence alone, authored rows at" in note for name, note in notes.items() if name != "newslean")
