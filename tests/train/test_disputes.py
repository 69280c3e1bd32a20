from typing import Any

import pytest

from newslean.schema import schema_from_dict
from train.disputes import OPPOSITE, distance, find_disputes
from train.labels import Example

SCHEMA = schema_from_dict(
    {
        "dimensions": [
            {"name": "topic", "kind": "multi", "labels": ["x", "y", "z"]},
            {
                "name": "mood",
                "kind": "single",
                "labels": ["rise", "fall", "flat"],
                "neutral": "flat",
                "opposites": [["rise", "fall"]],
            },
        ]
    },
    where="test",
)


def example(**coders: Any) -> Example:
    return Example("d", 0, "t", False, "d", "user", {}, coders=coders)


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [([], [], 0), (["x"], ["x", "y"], 0.5), (["x"], ["y"], 1), (["x"], [], 1), (["x", "y"], ["y", "x"], 0)],
)
def test_distance_of_lists_is_jaccards(one: list[str], other: list[str], expected: float) -> None:
    assert distance(SCHEMA["topic"], one, other) == expected


def test_opposites_lie_furthest_apart() -> None:
    d = SCHEMA["mood"]
    assert [distance(d, "fall", x) for x in ("fall", "flat", "rise")] == [0, 1, OPPOSITE]


def test_the_most_disputed_come_first_and_settled_ones_last() -> None:
    rows = [
        example(a={"mood": "rise"}, b={"mood": "rise"}),
        example(a={"mood": "rise"}, b={"mood": "flat"}),
        example(a={"mood": "rise"}, b={"mood": "fall"}),
        example(a={"mood": "rise"}, b={"mood": "fall"}, adjudicated={"mood": "fall"}),
        example(a={"mood": "rise", "topic": ["x"]}, b={"mood": "flat", "topic": ["y"]}),
        example(a={"mood": "rise"}, b={"mood": "rise"}, c={"mood": "flat"}),
        example(a={"mood": "rise"}, b={"topic": ["y"]}),  # they answered different questions
        example(),
    ]
    found = find_disputes(rows, SCHEMA)
    assert [d.row for d in found] == [4, 2, 1, 5, 3]
    assert found[3].score == pytest.approx(2 / 3, abs=1e-6)
    assert found[0].said == {"topic": {"a": ["x"], "b": ["y"]}, "mood": {"a": "rise", "b": "flat"}}
    assert found[-1].settled == {"mood": "fall"}


def test_only_the_coders_asked_for() -> None:
    rows = [example(a={"mood": "rise"}, b={"mood": "rise"}, c={"mood": "flat"}, adjudicated={"mood": "rise"})]
    assert find_disputes(rows, SCHEMA, coders=["a", "b"]) == []
    assert len(find_disputes(rows, SCHEMA, coders=["c", "adjudicated"])) == 1
