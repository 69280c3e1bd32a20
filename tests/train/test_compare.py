from dataclasses import replace

import numpy as np
import pytest

from newslean.schema import Dimension, Labels, Schema, schema_from_dict
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

    def labels(new: Schema, current: Schema) -> tuple[dict[str, tuple[str, ...]], list[str], list[str]]:
        shared = shared_schema(new, current)
        return {d.name: d.labels for d in shared.schema.dimensions}, shared.lost, shared.partial

    mood = {"mood": schema["mood"].labels}
    both = {"topic": ("metals", "weather"), **mood}
    more = Schema((*schema.dimensions, replace(schema["mood"], name="tone")))
    assert labels(more, schema) == (both, [], [])
    assert labels(schema, more) == (both, ["tone"], [])
    assert labels(changed(labels=["weather", "metals"]), schema) == ({**both, "topic": ("weather", "metals")}, [], [])
    grown = changed(labels=["metals", "towns", "weather"])
    assert labels(grown, schema) == (both, [], ["topic (not towns)"])
    assert labels(schema, grown) == (both, ["topic: towns"], ["topic (not towns)"])
    renamed = changed(labels=["metals", "storms"])
    assert labels(renamed, schema) == (
        {"topic": ("metals",), **mood},
        ["topic: weather"],
        ["topic (not storms, weather)"],
    )
    for change in ({"labels": ["x", "y"]}, {"name": "x"}, {"kind": "single"}):
        assert labels(changed(**change), schema) == (mood, ["topic"], [])
    nothing = shared_schema(Schema((schema["topic"],)), Schema((schema["mood"],)))
    assert (nothing.schema, nothing.lost) == (None, ["mood"])


def row(n: int, group: int, labels: Labels) -> Example:
    return Example(
        doc=f"paper-{group}", n=n, text="", title=False, group=f"paper-{group}", source="user", labels=labels
    )


Case = tuple[Schema, list[Example], list[Labels], list[Labels]]


def equal_models(labels: int, articles: int, seed: int) -> Case:
    """Answers of two equally good models, to sentences that are as hard for the one as for the other."""
    names = tuple(f"section-{n}" for n in range(labels))
    random = np.random.default_rng(seed)
    gold = random.choice(names, 1500)
    ease = random.normal(0.9, 1, 1500) + np.resize(random.normal(0, 0.6, articles), 1500)
    answers = [
        [{"section": name} for name in np.where(ease + random.normal(0, 1, 1500) > 0, gold, random.choice(names, 1500))]
        for _ in range(2)
    ]
    rows = [row(n, n % articles, {"section": str(name)}) for n, name in enumerate(gold)]
    return Schema((Dimension("section", "single", names),)), rows, *answers


@pytest.mark.parametrize(("labels", "articles"), [(20, 150), (60, 150), (20, 5)])
def test_many_labels_do_not_refuse_an_equal_model(labels: int, articles: int):
    cases = [(equal_models(labels, articles, seed), seed) for seed in range(20)]
    verdicts = [judge({"rows": compare(*case, seed=seed)}) for case, seed in cases]
    assert sum(not verdict.promote for verdict in verdicts) <= 2  # one in ten


@pytest.mark.parametrize("labels", [20, 60])
def test_many_labels_do_not_hide_the_loss_of_one(labels: int):
    schema, rows, current, new = equal_models(labels, 150, 0)
    assert judge({"rows": compare(schema, rows, current, new, seed=0)}).promote
    lost = [{"section": "section-1"} if answer == {"section": "section-0"} else answer for answer in new]
    verdict = judge({"rows": compare(schema, rows, current, lost, seed=0)})
    assert not verdict.promote
    assert "F1 of section: section-0 on rows -0." in verdict.reason
    assert "with all labels at once" in verdict.reason


def test_joint_intervals_hold_for_the_labels_of_all_dimensions():
    tones = tuple("abcdefgh")
    small = Dimension("mood", "single", ("rise", "fall"))
    gold = [{"mood": ("rise", "fall")[n % 2], "tone": tones[n % 8]} for n in range(200)]
    rows = [row(n, n // 10, labels) for n, labels in enumerate(gold)]
    new = [{**g, "mood": "rise" if n % 7 == 0 else g["mood"]} for n, g in enumerate(gold)]
    alone = compare(Schema((small,)), rows, gold, new, seed=0)["dimensions"]["mood"]
    both = compare(Schema((small, Dimension("tone", "single", tones))), rows, gold, new, seed=0)["dimensions"]["mood"]
    assert alone["macro_f1"] == both["macro_f1"]
    for label in small.labels:
        widths = [np.ptp(d["labels"][label]["joint_interval"]) for d in (alone, both)]
        assert np.ptp(alone["labels"][label]["interval"]) < widths[0] < widths[1]


def test_a_label_of_two_articles_is_too_rare_to_block():
    """One replicate in seven has neither article; the standard error alone would overlook that."""
    names = ("rise", "fall", "mixed", "flat")
    gold = [{"mood": "mixed" if n in (5, 105) else names[n % 2]} for n in range(500)]
    rows = [row(n, n // 10, labels) for n, labels in enumerate(gold)]
    new = [{"mood": "flat"} if g["mood"] == "mixed" else g for g in gold]
    schema = Schema((Dimension("mood", "single", names),))
    for models, difference, bound in (((gold, new), -1, 1), ((new, gold), 1, 0)):
        found = compare(schema, rows, *models, seed=0)["dimensions"]["mood"]["labels"]["mixed"]
        assert found["difference"] == difference
        assert found["joint_interval"][bound] == 0


def test_labels_that_one_model_alone_knows_are_left_out():
    """The new model knows towns and calm; the current one knows storms."""
    schema = Schema((Dimension("topic", "multi", ("metals", "weather")), Dimension("mood", "single", ("rise", "fall"))))
    gold = [
        {"topic": ["metals", "towns"], "mood": "rise"},
        {"topic": ["towns"], "mood": "calm"},
        {"topic": ["weather"], "mood": "fall"},
        {"topic": [], "mood": "fall"},
    ]
    current = [
        {"topic": ["metals"], "mood": "rise"},
        {"topic": ["storms"], "mood": "fall"},
        {"topic": ["weather", "storms"], "mood": "fall"},
        {"topic": ["storms"], "mood": "fall"},
    ]
    new = [{**g, "mood": "calm" if n > 1 else g["mood"]} for n, g in enumerate(gold)]
    found = compare(schema, [row(n, n, g) for n, g in enumerate(gold)], current, new, seed=0)["dimensions"]
    topic, mood = found["topic"], found["mood"]
    assert (topic["sentences"], mood["sentences"]) == (4, 3)  # the gold of one is calm
    assert (topic["macro_f1"]["current"], topic["macro_f1"]["new"]) == (1, 1)
    assert {label: (r["current"], r["new"]) for label, r in mood["labels"].items()} == {"rise": (1, 1), "fall": (1, 0)}
    unknown = compare(schema, [row(0, 0, {"mood": "calm"})], current[:1], new[:1], seed=0)
    assert unknown["dimensions"] == {}


def test_what_lost_a_label_is_not_promoted_however_good(schema: Schema, rows: list[Example]):
    gold = [e.labels for e in rows]
    same = {"a": compare(schema, rows, gold, gold, seed=0)}
    verdict = judge(same, partial=["topic (not towns)"])
    assert verdict.promote
    assert verdict.reason.endswith("on a; only labels that both know count of topic (not towns)")
    verdict = judge(same, lost=["mood: calm"])
    assert not verdict.promote
    assert verdict.reason.startswith("the new model does not know as the current one does: mood: calm; not worse than")


def test_it_is_shown(schema: Schema, rows: list[Example]):
    gold = [e.labels for e in rows]
    text = render_comparison({"there": compare(schema, rows, gold, gold, seed=0)}, names=("a", "b"))
    assert "there: 53 sentences of 9 articles (fewer than 10" in text
    assert "| mood: fall | 18 | 1.000 | 1.000 | +0.000 (+0.000 to +0.000) |" in text
