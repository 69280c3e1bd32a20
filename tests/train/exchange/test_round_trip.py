"""import(export(x)) == x, for each format, and for label sets of every shape."""

import json
import random
from importlib.util import find_spec
from pathlib import Path

import pytest

from newslean.errors import DataError
from newslean.schema import schema_from_dict
from train.exchange.answers import Judge
from train.exchange.formats import FORMATS, guess_format
from train.exchange.gather import Gatherer, gather
from train.exchange.importing import import_labels
from train.exchange.reading import Reading
from train.exchange.task import Task, row_of, task_of
from train.labels import read_examples
from train.rows import Faults, row_faults

LIBRARIES = {"excel": "openpyxl", "cas": "cassis"}
ALPHABET = "aé…“”\"'|\\[]_*;-># =+@,:\t\n\r\x0b\x85\u2028\ufeff😀𠀀\u200d🏽{}<&"


def _needs(name):
    library = LIBRARIES.get(name, "json")
    return pytest.param(name, marks=pytest.mark.skipif(not find_spec(library), reason=f"{library} is not installed"))


each_format = pytest.mark.parametrize("name", [_needs(name) for name in FORMATS])


def back(path: Path, schema):
    faults = Faults()
    tasks, notes = gather([path], Gatherer(schema, Judge(schema), Reading(), faults))
    faults.throw()
    return [task for _, task in tasks], notes


def test_rows_are_rows(coded, rows):
    assert not [fault for row in rows for fault in row_faults(row, coded)]
    assert [row_of(task_of(row, coded), coded) for row in rows] == rows


@each_format
def test_import_of_export(name, coded, tasks, tmp_path):
    path = tmp_path / f"tasks{FORMATS[name].suffix}"
    path.write_bytes(FORMATS[name].write(tasks, coded))
    assert guess_format(path, Faults()) is FORMATS[name]
    found, notes = back(path, coded)
    for task, other in zip(tasks, found, strict=True):
        assert other == task
    assert not notes.changes
    assert (notes.repeated, notes.skipped) == ([], 0)


@each_format
def test_a_label_file_comes_back_as_it_was(name, coded, rows, tasks, tmp_path):
    path, out = tmp_path / f"tasks{FORMATS[name].suffix}", tmp_path / "x.jsonl"
    path.write_bytes(FORMATS[name].write(tasks, coded))
    assert import_labels([path], out, coded).merged.added == len(rows)
    assert [json.loads(line) for line in out.open(encoding="utf-8")] == rows
    assert len(read_examples([out], coded).examples) == len(rows)
    # Again, it changes no byte.
    before = out.stat()
    done = import_labels([path], out, coded, append=True)
    assert (done.merged.added, done.merged.updated, done.wrote) == (0, 0, False)
    assert out.stat() == before


SETS = {
    "one multi": [{"name": "type", "kind": "multi", "labels": ["x", "y: z", "|"]}],
    "one single": [{"name": "Stance/2", "kind": "single", "labels": ["for", "against"], "neutral": "against"}],
    "60 classes": [{"name": "class", "kind": "single", "labels": [f"c{n}" for n in range(60)], "neutral": "c0"}],
    "names that clash": [
        {"name": name, "kind": "multi", "labels": ["a", "b\\", "ü,;"]} for name in ("coder", "Coder", "n", "2", "text")
    ],
}


@pytest.mark.parametrize("kind", SETS)
@each_format
def test_any_label_set_and_any_text(name, kind, tmp_path):
    schema, rng = schema_from_dict({"dimensions": SETS[kind]}, where="test"), random.Random(f"{name}{kind}")  # noqa: S311 - a test
    if kind == "names that clash" and name in ("csv", "tsv", "excel"):
        for coders in ({}, {"anna": {}}):  # whose columns are "text [anna]" and the like
            with pytest.raises(DataError, match="expected dimensions of other names than the columns about"):
                FORMATS[name].write([Task("d", 0, "x", coders=coders)], schema)
        return

    def labels():
        names = [d for d in schema.dimensions if rng.random() < 0.8]
        return {d.name: [x for x in d.labels if rng.random() < 0.4] if d.multi else rng.choice(d.labels) for d in names}

    tasks = []
    for n in range(40):
        text = "w" + "".join(rng.choices(ALPHABET, k=rng.randrange(30))) + "."
        coders = {coder: labels() for coder in ("a [x]", "ä,b") if rng.random() < 0.5}
        tasks.append(task_of({"doc": "d", "n": n, "text": text, "labels": {}, "coders": coders}, schema))
    path = tmp_path / f"tasks{FORMATS[name].suffix}"
    path.write_bytes(FORMATS[name].write(tasks, schema))
    found, _ = back(path, schema)
    assert found == tasks


@each_format
def test_sentences_that_nobody_has_coded(name, coded, tmp_path):
    tasks = [Task("a", 0, "One."), Task("a", 1, "Two.")]
    path, out = tmp_path / f"tasks{FORMATS[name].suffix}", tmp_path / "x.jsonl"
    path.write_bytes(FORMATS[name].write(tasks, coded))
    assert back(path, coded)[0] == tasks
    import_labels([path], out, coded)
    assert [json.loads(line)["labels"] for line in out.open()] == [{}, {}]


@each_format
def test_what_was_exported_before_dimensions_were_renamed(name, schema, tmp_path):
    labels, scores = {"topic": ["metals", "weather"], "mood": "rise"}, {"mood": {"rise": 0.75}}
    coders = {"a": labels, "b": {"topic": [], "mood": "fall"}, "c": {"topic": []}}
    old = {"doc": "d", "n": 0, "text": "One.", "labels": {}, "coders": coders}
    old["predictions"] = {"m": {"labels": labels, "scores": scores}}
    path, out = tmp_path / f"tasks{FORMATS[name].suffix}", tmp_path / "x.jsonl"
    path.write_bytes(FORMATS[name].write([task_of(old, schema)], schema))
    data = schema.to_dict()
    data["dimensions"][0]["name"], data["dimensions"][1]["name"] = "theme", "tone"
    after = schema_from_dict(data, where="test")
    with pytest.raises(DataError, match=r"expected .*(theme|tone).*; found .*'topic\b"):
        import_labels([path], out, after)
    judge = Judge(after, rename={"topic": "theme", "mood": "tone"})
    import_labels([path], out, after, judge=judge)
    [row] = map(json.loads, out.open(encoding="utf-8"))
    both = {"theme": ["metals", "weather"], "tone": "rise"}
    assert row["coders"] == {"a": both, "b": {"theme": [], "tone": "fall"}, "c": {"theme": []}}
    assert row["predictions"] == {"m": {"labels": both, "scores": {"tone": {"rise": 0.75}}}}


def test_a_table_whose_columns_would_have_one_name_is_refused():
    dimensions = [{"name": name, "kind": "single", "labels": ["x", "y"]} for name in ("mood", "mood [anna]")]
    tasks = [Task("d", 0, "x", coders={"": {}, "anna": {}})]
    with pytest.raises(DataError, match=r"expected columns of different names; found 'mood \[anna\]' twice"):
        FORMATS["csv"].write(tasks, schema_from_dict({"dimensions": dimensions}, where="test"))


@pytest.mark.parametrize("way", ["anna", "anna@example.org", "deleted"])
@pytest.mark.parametrize("name", ["labelstudio", "prodigy", "argilla"])
def test_an_answer_taken_back_is_no_answer(name, way, coded, tmp_path):
    """A coder who cancels, whatever the tool calls them, has not said that there is no label: what was known stays."""
    multi = next(d for d in coded.dimensions if d.multi)
    task = Task("doc", 0, "Zinc is dear.", {"source": "user"}, {"anna": {multi.name: [multi.labels[0]]}})
    path, out = tmp_path / f"tasks{FORMATS[name].suffix}", tmp_path / "x.jsonl"
    path.write_bytes(FORMATS[name].write([task], coded))
    assert import_labels([path], out, coded).merged.added == 1
    before, found = out.read_bytes(), json.loads(path.read_text(encoding="utf-8"))
    if name == "labelstudio":
        [annotation] = found[0]["annotations"]
        annotation |= {"was_cancelled": True, "completed_by": {"email": way}, "id": 7}
        found[0]["annotations"] = [] if way == "deleted" else [annotation]
    elif name == "prodigy":
        found |= {"answer": "ignore", "_annotator_id": way}
    else:
        [answers] = found[0]["responses"].values()
        answers[0] |= {"status": "discarded", "user_id": way}
    path.write_text(json.dumps(found) + "\n", encoding="utf-8")
    done = import_labels([path], out, coded, append=True)
    assert done.notes.skipped == 1
    assert out.read_bytes() == before
