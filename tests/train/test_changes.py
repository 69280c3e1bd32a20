from typing import Any, Literal

import pytest

from newslean.errors import DataError
from newslean.schema import Schema, schema_from_dict
from train.changes import Change, change_row, change_schema, fit_changes, read_change

SCHEMA = schema_from_dict(
    {
        "dimensions": [
            {"name": "topic", "kind": "multi", "labels": ["chips", "code", "tests"]},
            {
                "name": "stance",
                "kind": "single",
                "labels": ["east", "west", "closing", "none"],
                "neutral": "none",
                "opposites": [["east", "west"]],
            },
        ]
    },
    where="test",
)
Option = Literal["rename", "merge", "drop"]


def schema(*changes: tuple[Option, str]) -> Schema:
    return change_schema(SCHEMA, [read_change(option, value) for option, value in changes])


def row(changed: dict[str, Any], option: Option, value: str) -> dict[str, Any]:
    change = read_change(option, value)
    return change_row(changed, change, multi=SCHEMA[change.dimension].multi)


def test_what_becomes_of_the_schema() -> None:
    assert schema(("rename", "stance:closing=narrowing"))["stance"].labels == ("east", "west", "narrowing", "none")
    assert schema(("rename", "stance:east=orient"))["stance"].opposites == (("orient", "west"),)
    assert schema(("rename", "stance:none=neither"))["stance"].neutral == "neither"
    assert schema(("rename", "stance=lean")).names == ("topic", "lean")
    merged = schema(("merge", "stance:closing,none=other"))["stance"]
    assert (merged.labels, merged.neutral) == (("east", "west", "other"), "other")
    assert schema(("merge", "stance:east,west=side"))["stance"].opposites == ()
    assert schema(("merge", "topic:chips,code=code"))["topic"].labels == ("code", "tests")
    assert schema(("drop", "stance:west"))["stance"].opposites == ()
    assert schema(("drop", "stance:west=none"))["stance"].opposites == ()
    assert schema(("drop", "topic")).names == ("stance",)
    for value in ("stance:none", "stance:none=closing"):
        assert (dropped := schema(("drop", value))["stance"]).neutral is None
        assert dropped.labels == ("east", "west", "closing")
    assert schema(("drop", "topic:chips=code"))["topic"].labels == ("code", "tests")
    twice = schema(("rename", "stance=lean"), ("rename", "lean:east=orient"), ("drop", "lean:closing=none"))
    assert twice["lean"].labels == ("orient", "west", "none")


@pytest.mark.parametrize(
    ("option", "value", "expected"),
    [
        ("rename", "stance:closed=x", "expected labels of stance .east, west, closing, none.; found 'closed'"),
        ("rename", "mood:x=y", "expected a dimension .topic, stance.; found 'mood'"),
        ("rename", "stance:closing=none", "Merge them with --merge"),
        ("rename", "stance=topic", "found a dimension that is there"),
        ("rename", "stance:closing", "expected DIMENSION:LABEL=NEW"),
        ("rename", "stance:closing=", "expected DIMENSION:LABEL=NEW"),
        ("rename", "", "expected DIMENSION:LABEL=NEW"),
        ("merge", "stance:closing=x", "expected DIMENSION:A,B=NEW"),
        ("merge", "stance:closing,=x", "expected DIMENSION:A,B=NEW"),
        ("merge", "stance:east,west=none", "expected 'none' among the labels to merge"),
        ("drop", "stance:east=new", "for its rows to get; found 'new'"),
        ("drop", "stance=lean", "expected DIMENSION:LABEL,"),
        ("drop", "topic:", "expected DIMENSION:LABEL,"),
    ],
)
def test_what_is_refused(option: Option, value: str, expected: str) -> None:
    with pytest.raises(DataError, match=expected):
        schema((option, value))


def test_what_is_left_must_be_a_schema() -> None:
    with pytest.raises(DataError, match="at least two labels"):
        schema(("merge", "stance:east,west,closing,none=all"))
    with pytest.raises(DataError, match="different words"):
        schema(("drop", "topic:chips"), ("drop", "topic:code"), ("drop", "topic:tests"))
    with pytest.raises(DataError, match="at least one"):
        schema(("drop", "topic"), ("drop", "stance"))


def test_labels_coders_and_predictions_change_alike() -> None:
    before = {
        "doc": "d",
        "n": 0,
        "text": "closing time",
        "labels": {"topic": ["chips", "code"], "stance": "closing"},
        "coders": {"a": {"stance": "closing"}, "b": {"stance": "east"}, "adjudicated": {"stance": "closing"}},
        "predictions": {
            "m": {"labels": {"stance": "closing"}, "scores": {"stance": {"closing": 0.7, "none": 0.3}}, "date": "x"}
        },
        "note": "closing",
    }
    found = row(before, "rename", "stance:closing=narrowing")
    assert found["text"] == "closing time"
    assert found["note"] == "closing"
    assert found["labels"] == {"topic": ["chips", "code"], "stance": "narrowing"}
    assert [labels["stance"] for labels in found["coders"].values()] == ["narrowing", "east", "narrowing"]
    assert found["predictions"]["m"] == {
        "labels": {"stance": "narrowing"},
        "scores": {"stance": {"narrowing": 0.7, "none": 0.3}},
        "date": "x",
    }
    assert row(found, "rename", "stance=lean")["labels"]["lean"] == "narrowing"
    assert row(before, "drop", "topic")["labels"] == {"stance": "closing"}
    assert before["labels"] == {"topic": ["chips", "code"], "stance": "closing"}


def test_merged_scores() -> None:
    kept = {"labels": {}, "predictions": {"m": {"stance": {"east": 0.25, "west": 0.5}}}}
    one = row(kept, "merge", "stance:east,west=side")
    assert one["predictions"] == {"m": {"stance": {"side": 0.75}}}
    kept = {"labels": {}, "predictions": {"m": [{"topic": {"chips": 0.2, "code": 0.9}}]}}
    many = row(kept, "merge", "topic:chips,code=it")
    assert many["predictions"] == {"m": [{"topic": {"it": 0.9}}]}


def test_a_list_holds_a_merged_label_once() -> None:
    before = {"labels": {"topic": ["chips", "code", "tests"]}}
    assert row(before, "merge", "topic:chips,tests=hard")["labels"] == {"topic": ["hard", "code"]}
    assert row(before, "drop", "topic:code")["labels"] == {"topic": ["chips", "tests"]}
    assert row({"labels": {"topic": ["chips"]}}, "drop", "topic:chips")["labels"] == {"topic": []}


def test_a_dropped_answer_takes_the_dimension_of_its_row() -> None:
    coders = {"a": {"stance": "closing"}, "b": {"stance": "none"}, "adjudicated": {"stance": "closing"}}
    found = row({"labels": {"stance": "closing"}, "coders": coders}, "drop", "stance:closing")
    assert found == {"labels": {}, "coders": {"a": {}, "b": {}}}
    coders["adjudicated"] = {"stance": "none"}
    found = row({"labels": {"stance": "none"}, "coders": coders}, "drop", "stance:closing")
    assert found["labels"] == {"stance": "none"}
    assert found["coders"] == {"a": {}, "b": {"stance": "none"}, "adjudicated": {"stance": "none"}}


def test_a_dispute_about_labels_that_are_one_now_is_settled() -> None:
    coders = {"a": {"stance": "closing"}, "b": {"stance": "none"}}
    assert row({"labels": {}, "coders": coders}, "merge", "stance:closing,none=none")["labels"] == {"stance": "none"}
    assert row({"labels": {}, "coders": coders}, "merge", "stance:closing,east=x")["labels"] == {}
    both = {"a": {"topic": ["chips", "code"]}, "b": {"topic": ["code"]}}
    assert row({"labels": {}, "coders": both}, "drop", "topic:chips=code")["labels"] == {"topic": ["code"]}


def test_a_model_may_be_called_as_a_dimension_and_a_dimension_as_a_key() -> None:
    plain = {"labels": {"stance": "east"}, "scores": {"stance": {"east": 0.5}}, "score": 0.5}
    found = row({"labels": {}, "predictions": {"stance": plain, "m": plain}}, "rename", "stance=lean")["predictions"]
    changed = {"labels": {"lean": "east"}, "scores": {"lean": {"east": 0.5}}, "score": 0.5}
    assert found == {"stance": changed, "m": changed}
    change = Change("rename", "score", new="mark")
    kept = {"labels": {}, "predictions": {"m": {"labels": {"score": "x"}, "score": 0.5}}}
    assert change_row(kept, change, multi=False)["predictions"] == {"m": {"labels": {"mark": "x"}, "score": 0.5}}


@pytest.mark.parametrize(
    ("option", "value", "labels"),
    [
        ("rename", "tone:x = y=new", ("new", "a=b", "c")),
        ("rename", "tone:c=y=new", ("x = y", "a=b", "y=new")),
        ("merge", "tone:a=b,c=new", ("x = y", "new")),
        ("drop", "tone:a=b=c", ("x = y", "c")),
        ("drop", "tone:x = y", ("a=b", "c")),
    ],
)
def test_a_label_with_an_equals_sign(option: Option, value: str, labels: tuple[str, ...]) -> None:
    tone = {"dimensions": [{"name": "tone", "kind": "single", "labels": ["x = y", "a=b", "c"]}]}
    before = schema_from_dict(tone, where="test")
    [change] = fit_changes(before, [read_change(option, value)])
    assert change_schema(before, [change])["tone"].labels == labels
    assert str(change) == str(read_change(option, value)) == f"--{option} {value}"
