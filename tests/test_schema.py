from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from newslean.errors import DataError
from newslean.schema import Schema, check_columns, read_schema, schema_from_dict

MULTI = {"name": "topic", "kind": "multi", "labels": ["metals", "weather"]}
SINGLE = {"name": "mood", "kind": "single", "labels": ["rise", "flat"], "neutral": "flat"}


def faults(*rows: Any, **more: Any) -> str:
    with pytest.raises(DataError) as caught:
        schema_from_dict({"dimensions": list(rows), **more}, where="here.toml")
    return str(caught.value)


def test_the_projects_own_schema_reads_and_survives_the_manifest():
    path = Path(__file__).resolve().parent.parent / "labels" / "schema.toml"
    schema = read_schema(path)
    assert schema.names == ("topic", "stance")
    assert schema_from_dict(schema.to_dict(), where="copy") == schema


def test_dimensions_by_name(schema: Schema):
    assert schema["topic"].multi
    assert not schema["mood"].multi
    assert schema["mood"].opposites == (("rise", "fall"),)
    assert schema.to_dict()["dimensions"][0] == MULTI


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ("topic", "expected a table"),
        ({**MULTI, "name": ""}, "expected a name"),
        ({**MULTI, "kind": "some"}, "'multi' or 'single'"),
        ({**MULTI, "labels": []}, "list of different words"),
        ({**MULTI, "labels": "metals"}, "list of different words"),
        ({**MULTI, "labels": ["a", "a"]}, "list of different words"),
        ({**MULTI, "labels": ["a", 1]}, "list of different words"),
        ({**MULTI, "neutral": "metals"}, "neutral is for kind 'single'"),
        ({**SINGLE, "labels": ["flat"]}, "at least two labels"),
        ({**SINGLE, "neutral": "calm"}, "neutral to be one of"),
        ({**SINGLE, "opposites": [["rise", "calm"]]}, "pairs of its labels"),
        ({**SINGLE, "opposites": [["rise", "rise"]]}, "pairs of its labels"),
        ({**SINGLE, "opposites": [["rise"]]}, "pairs of its labels"),
    ],
)
def test_a_faulty_dimension_is_named(row: Any, expected: str):
    message = faults(row)
    assert expected in message
    assert message.startswith("here.toml: ")


def test_the_neutral_label_has_no_opposite():
    """As a migration once left it, where a side was merged into the neutral label."""
    schema = schema_from_dict({"dimensions": [{**SINGLE, "opposites": [["rise", "flat"]]}]}, where="t")
    assert schema["mood"].opposites == ()


def test_a_single_dimension_may_do_without_a_neutral_label():
    schema = schema_from_dict(
        {"dimensions": [{"name": "mood", "kind": "single", "labels": ["rise", "fall"]}]}, where="x"
    )
    assert schema["mood"].neutral is None
    assert not schema["mood"].multi
    assert schema_from_dict(schema.to_dict(), where="x") == schema


def test_all_faults_are_told_at_once():
    message = faults({**MULTI, "kind": "x"}, {**SINGLE, "neutral": "x"}, MULTI, MULTI, sides={"north": "N"})
    assert len(message.splitlines()) == 4
    assert "'topic' is defined twice" in message
    assert "sides" in message


def test_the_unit_is_kept_and_sentences_are_not_named(tmp_path: Path):
    """Manifests of before have no unit, and the hashes of what is trained on sentences stay as they were."""
    assert "unit" not in schema_from_dict({"dimensions": [MULTI], "unit": "sentence"}, where="x").to_dict()
    assert schema_from_dict({"dimensions": [MULTI]}, where="x").unit == "sentence"
    path = tmp_path / "schema.toml"
    path.write_text('unit = "text"\n[[dimensions]]\nname = "a"\nkind = "multi"\nlabels = ["b"]\n', encoding="utf-8")
    schema = read_schema(path)
    assert schema.unit == "text"
    assert schema_from_dict(schema.to_dict(), where="x") == schema
    assert not schema.asks_like(replace(schema, unit="paragraph"))
    assert schema.asks_like(replace(schema, sides=(("north", ("Arlen",)),)))


@pytest.mark.parametrize("unit", ["tweet", "", "Text", None, 3, ["text"]])
def test_a_faulty_unit_is_named_with_the_other_faults(unit: Any):
    message = faults({**SINGLE, "neutral": "x"}, unit=unit)
    assert len(message.splitlines()) == 2
    assert f"here.toml: unit: expected one of sentence, paragraph, text; found {unit!r}" in message


def test_a_unit_below_a_dimension_is_told_where_it_belongs():
    assert "write it above the first [[dimensions]]" in faults({**MULTI, "unit": "text"})
    assert "sides: expected lists of words" in faults(MULTI, sides={"north": ["N"], "unit": "text"})


@pytest.mark.parametrize("data", [{}, {"dimensions": []}, {"dimensions": {"name": "topic"}}])
def test_no_dimension_at_all(data: dict[str, Any]):
    with pytest.raises(DataError, match="at least one"):
        schema_from_dict(data, where="x")


def test_a_file_that_cannot_be_read(tmp_path: Path):
    path = tmp_path / "schema.toml"
    with pytest.raises(DataError, match="found none"):
        read_schema(path)
    for content in (b"[[dimensions]\n", b"\xff\xfe"):
        path.write_bytes(content)
        with pytest.raises(DataError, match="expected TOML"):
            read_schema(path)


@pytest.mark.parametrize(
    ("labels", "count"),
    [
        ({}, 0),
        ({"topic": [], "mood": "flat"}, 0),
        ({"topic": ["weather", "metals"]}, 0),
        ({"topic": "metals"}, 1),
        ({"topic": ["metals", "metals"]}, 1),
        ({"topic": ["gold", "silver"]}, 2),
        ({"topic": [["metals"]]}, 1),
        ({"mood": ["flat"]}, 1),
        ({"mood": None}, 1),
        ({"moood": "flat", "mood": "calm"}, 2),
        (["flat"], 1),
    ],
)
def test_labels_of_a_row(schema: Schema, labels: object, count: int):
    assert len(schema.faults(labels)) == count


def test_a_mark_before_the_file_is_no_fault(tmp_path: Path):
    path = tmp_path / "schema.toml"
    path.write_text('[[dimensions]]\nname = "a"\nkind = "multi"\nlabels = ["b"]\n', encoding="utf-8-sig")
    assert read_schema(path).names == ("a",)


def test_labels_that_give_two_columns_one_name():
    dimensions = [{"name": "a", "kind": "multi", "labels": ["b_c"]}, {"name": "a_b", "kind": "multi", "labels": ["c"]}]
    schema = schema_from_dict({"dimensions": dimensions}, where="test")
    with pytest.raises(DataError, match="found 'a_b_c' for 'b_c' of 'a' and for 'c' of 'a_b'"):
        check_columns(schema)
    check_columns(Schema(schema.dimensions[:1]))
