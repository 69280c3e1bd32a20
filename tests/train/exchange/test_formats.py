"""What stands in the files that are written, where a round trip alone would not tell."""

import csv
import io
import json
import xml.etree.ElementTree as ET

import pytest

from newslean.errors import DataError
from newslean.schema import schema_from_dict
from train.exchange.formats import FORMATS, guess_format
from train.exchange.spelling import join_labels, part_labels, safe_names
from train.exchange.task import Prediction, Task
from train.rows import Faults

LABELS = {"topic": ["metals"], "mood": "rise"}


def lines(name, tasks, schema):
    return FORMATS[name].write(tasks, schema).decode("utf-8-sig").split("\n")


def test_webanno_counts_utf_16_units(schema):
    found = [line.split("\t")[:3] for line in lines("webanno", [Task("d", 0, "a 😀\n b"), Task("d", 1, " c")], schema)]
    tokens = [fields for fields in found if fields[0][:1].isdigit()]
    assert tokens == [["1-1", "0-1", "a"], ["1-2", "2-4", "😀"], ["1-3", "6-7", "b"], ["2-1", "8-10", " c"]]


def test_webanno_carries_the_payload_on_the_first_token_only(schema):
    tokens = [
        line for line in lines("webanno", [Task("d", 0, "a b c", coders={"x": LABELS})], schema) if line[:1] == "1"
    ]
    assert [("asked" in line, "rise[2]" in line) for line in tokens] == [(True, True), (False, True), (False, True)]


def test_cas_counts_utf_16_units(schema):
    pytest.importorskip("cassis")
    cas = json.loads(FORMATS["cas"].write([Task("d", 0, "😀."), Task("d", 1, "b")], schema))
    spans = {(fs["begin"], fs["end"]) for fs in cas["%FEATURE_STRUCTURES"] if fs["%TYPE"].endswith("Sentence")}
    assert spans == {(0, 3), (4, 5)}


def test_no_cell_is_a_formula(schema):
    tasks = [Task("d", n, text) for n, text in enumerate(("=1+1", "+1", "-1", "@a", "'=1", "'a", "a"))]
    rows = list(csv.reader(io.StringIO(FORMATS["csv"].write(tasks, schema).decode("utf-8-sig"), newline="")))
    assert [row[0] for row in rows[1:]] == ["'=1+1", "'+1", "'-1", "'@a", "''=1", "'a", "a"]
    openpyxl = pytest.importorskip("openpyxl")
    sheet = openpyxl.load_workbook(io.BytesIO(FORMATS["excel"].write(tasks, schema))).active
    assert {(cell.value, cell.data_type) for cell in sheet["A"][1:3]} == {("=1+1", "s"), ("+1", "s")}
    assert sheet.data_validations.dataValidation[0].formula1 == '"rise,fall,mixed,flat"'


def test_predictions_are_there_to_see(schema):
    scores = {"topic": {"metals": 0.9, "weather": 0.2}, "mood": {"rise": 0.6, "fall": 0.4}}
    task = Task("d", 0, "x", predictions={"old": Prediction({}), "m 1": Prediction(LABELS, scores)})
    [studio] = json.loads(FORMATS["labelstudio"].write([task], schema))
    assert [p["model_version"] for p in studio["predictions"]] == ["old", "m 1"]
    assert studio["predictions"][1]["score"] == 0.6
    assert [(r["from_name"], r["value"]["choices"], r["score"]) for r in studio["predictions"][1]["result"]] == [
        ("topic", ["metals"], 0.8), ("mood", ["rise"], 0.6),
    ]  # fmt: skip
    assert json.loads(lines("doccano", [task], schema)[0])["label"] == ["topic:metals", "mood:rise"]
    assert json.loads(lines("prodigy", [task], schema)[0])["accept"] == ["topic:metals", "mood:rise"]
    [record] = json.loads(FORMATS["argilla"].write([task], schema))
    assert record["suggestions"] == {
        "topic": {"value": ["metals"], "score": [0.9], "agent": "m 1"},
        "mood": {"value": "rise", "score": 0.6, "agent": "m 1"},
    }
    header, row = csv.reader(io.StringIO("\n".join(lines("csv", [task], schema))))
    assert dict(zip(header, row, strict=True))["predicted mood"] == "rise"


def test_what_sets_a_tool_up_has_the_label_set(schema):
    root = ET.fromstring(FORMATS["labelstudio"].setup(schema))  # noqa: S314 - our own
    asked = {c.get("name"): (c.get("choice"), [x.get("value") for x in c]) for c in root.iter("Choices")}
    assert asked == {d.name: ("multiple" if d.multi else "single", [*d.labels]) for d in schema.dimensions}
    shown = [text.get("value").removeprefix("$") for text in root.iter("Text")]
    for about in ({}, {"before": "It rained."}):  # Label Studio takes no task without what is shown
        [studio] = json.loads(FORMATS["labelstudio"].write([Task("d", 1, "x", about)], schema))
        assert [studio["data"][name] for name in shown] == [about.get("before", ""), "x"]
    pair = json.loads(FORMATS["labelstudio"].write([Task("d", 0, "w"), Task("d", 1, "x"), Task("e", 2, "y")], schema))
    assert [studio["data"][shown[0]] for studio in pair] == ["", "w", ""]
    labels = json.loads(FORMATS["doccano"].setup(schema))
    assert [label["text"] for label in labels][:3] == ["topic:metals", "topic:weather", "mood:rise"]
    assert json.loads(FORMATS["prodigy"].setup(schema))["choice_style"] == "multiple"
    questions = json.loads(FORMATS["argilla"].setup(schema))["questions"]
    assert [(q["name"], q["settings"]["type"]) for q in questions] == [
        ("topic", "multi_label_selection"), ("mood", "label_selection"),
    ]  # fmt: skip
    pytest.importorskip("cassis")
    assert FORMATS["webanno"].setup(schema) == FORMATS["cas"].setup(schema)
    assert b"webanno.custom.NewsleanCoding" in FORMATS["cas"].setup(schema)


def test_one_dimension_has_bare_labels():
    schema = schema_from_dict({"dimensions": [{"name": "a", "kind": "multi", "labels": ["x", "y"]}]}, where="t")
    row = json.loads(lines("doccano", [Task("d", 0, "t", coders={"c": {"a": ["y"]}})], schema)[0])
    assert row["label"] == ["y"]


def test_cells_of_labels():
    schema = schema_from_dict(
        {"dimensions": [{"name": "a", "kind": "multi", "labels": ["x", "y", "x|y", "b\\"]}]}, where="t"
    )
    for value in (["x", "y"], ["x|y"], ["x", "x|y", "b\\"], ["b\\", "x"], []):
        assert part_labels(join_labels(value), schema["a"]) == value
    assert part_labels("x,y", schema["a"]) == ["x,y"]


def test_safe_names_differ():
    dims = [{"name": name, "kind": "multi", "labels": ["x"]} for name in ("A b", "a-b", "a_b", "2", "ü", "coder")]
    names = safe_names(schema_from_dict({"dimensions": dims}, where="t"), "_", taken=("coder",))
    assert [*names.values()] == ["a_b", "a_b2", "a_b3", "d2", "d_", "coder2"]


def test_a_sentence_too_long_for_excel(schema):
    pytest.importorskip("openpyxl")
    with pytest.raises(DataError, match="doc 'd': expected texts under 32,767 characters for Excel"):
        FORMATS["excel"].write([Task("d", 0, "😀" * 20_000)], schema)


def test_labels_that_excel_cannot_list_have_no_list(tmp_path):
    openpyxl = pytest.importorskip("openpyxl")
    for labels, listed in (
        (["x", "y"], 1),
        (["x,y", "z"], 0),
        (['"x"', "z"], 0),
        ([f"label {n:03}" for n in range(30)], 0),
    ):
        dims = [{"name": "a", "kind": "single", "labels": labels, "neutral": labels[-1]}]
        schema = schema_from_dict({"dimensions": dims}, where="t")
        book = openpyxl.load_workbook(io.BytesIO(FORMATS["excel"].write([Task("d", 0, "x")], schema)))
        assert len(book.active.data_validations.dataValidation) == listed, labels


def test_labels_that_would_be_written_alike():
    dims = [{"name": name, "kind": "multi", "labels": [label]} for name, label in (("a", "b:c"), ("a:b", "c"))]
    schema = schema_from_dict({"dimensions": dims}, where="t")
    for name in ("doccano", "prodigy"):
        with pytest.raises(DataError, match="differ when joined by a colon"):
            FORMATS[name].write([Task("d", 0, "x")], schema)


def test_formats_are_told_apart_or_asked_for(tmp_path):
    for name, content in (("a.json", "{}"), ("a.jsonl", '{"text": "x"}'), ("a.bin", "x"), ("a.jsonl", '{"coders": 1}')):
        (tmp_path / name).write_text(content)
        faults = Faults()
        assert guess_format(tmp_path / name, faults) is None
        with pytest.raises(DataError, match=r"expected a file that shows its format; .* --format"):
            faults.throw()
