from dataclasses import replace

import pytest

from newslean.schema import Schema, schema_from_dict
from tests.conftest import SCHEMA
from train.compare import compare, judge, render_comparison, shared_schema
from train.labels import Example


@pytest.fixture
def rows(examples: list[Example]) -> list[Example]:
    return [e for e in examples if "mood" in e.labels]


def wrong(example: Example) -> dict:
    return {"topic": example.labels["topic"], "mood": "fall" if example.labels["mood"] == "rise" else "rise"}


def test_equal_answers_are_not_worse(schema: Schema, rows: list[Example]):
    gold = [e.labels for e in rows]
    found = compare(schema, rows, gold, gold, seed=0)
    assert (found["sentences"], found["articles"]) == (53, 9)
    assert found["dimensions"]["mood"]["macro_f1"] == {"current": 1, "new": 1, "difference": 0, "interval": [0, 0]}
    assert found["dimensions"]["topic"]["labels"]["weather"]["support"] == 17
    verdict = judge({"here": found})
    assert verdict.promote
    assert "not worse" in verdict.reason


def test_a_fall_of_one_label_beyond_its_interval_blocks(schema: Schema, rows: list[Example]):
    gold = [e.labels for e in rows]
    lost = [{**e.labels, "topic": [x for x in e.labels["topic"] if x != "weather"]} for e in rows]
    found = compare(schema, rows, gold, lost, seed=0)
    row = found["dimensions"]["topic"]["labels"]["weather"]
    assert (row["current"], row["new"], row["difference"]) == (1, 0, -1)
    assert row["interval"][1] < 0
    verdict = judge({"a": compare(schema, rows, gold, gold, seed=0), "b": found})
    assert not verdict.promote
    assert "F1 of topic: weather on b -1.000" in verdict.reason
    assert judge({"b": compare(schema, rows, lost, gold, seed=0)}).promote


def test_a_fall_within_its_interval_does_not(schema: Schema, rows: list[Example]):
    gold = [e.labels for e in rows]
    one = [wrong(e) if e.doc == "paper-3" and e.n == 0 else e.labels for e in rows]
    found = compare(schema, rows, gold, one, seed=0)
    assert found["dimensions"]["mood"]["macro_f1"]["difference"] < 0
    assert found["dimensions"]["mood"]["macro_f1"]["interval"][1] == 0
    assert judge({"a": found}).promote


def test_without_intervals_any_fall_counts(schema: Schema, rows: list[Example]):
    article = [replace(e, group="one") for e in rows]
    gold = [e.labels for e in article]
    one = [wrong(e) if n == 0 else e.labels for n, e in enumerate(article)]
    found = compare(schema, article, gold, one, seed=0)
    assert found["dimensions"]["mood"]["macro_f1"]["interval"] is None
    assert not judge({"a": found}).promote


def test_with_nothing_to_compare_it_is_not_promoted(schema: Schema):
    for comparisons in ({}, {"a": compare(schema, [], [], [], seed=0)}):
        verdict = judge(comparisons)
        assert not verdict.promote
        assert "nothing to compare" in verdict.reason


def test_what_two_schemas_share(schema: Schema):
    def changed(**change: object) -> Schema:
        rows = [dict(row) for row in SCHEMA["dimensions"]]
        rows[0].update(change)
        return schema_from_dict({"dimensions": rows}, where="test")

    more = Schema((*schema.dimensions, replace(schema["mood"], name="tone")))
    assert shared_schema(more, schema) == (schema, [])
    assert shared_schema(schema, more) == (schema, ["tone"])
    turned = shared_schema(changed(labels=["weather", "metals"]), schema)
    assert (turned[0].names, turned[1]) == (("topic", "mood"), [])
    for change in ({"labels": ["metals", "weather", "x"]}, {"name": "x"}):
        common, lost = shared_schema(changed(**change), schema)
        assert (common.names, lost) == (("mood",), ["topic"])
    assert shared_schema(Schema((schema["topic"],)), Schema((schema["mood"],))) == (None, ["mood"])


def test_it_is_shown(schema: Schema, rows: list[Example]):
    gold = [e.labels for e in rows]
    text = render_comparison({"there": compare(schema, rows, gold, gold, seed=0)}, names=("a", "b"))
    assert "there: 53 sentences of 9 articles (fewer than 10" in text
    assert "| mood: fall | 18 | 1.000 | 1.000 | +0.000 (+0.000 to +0.000) |" in text
