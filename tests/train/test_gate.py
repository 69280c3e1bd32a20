"""Fitting the gate: what it promises holds on articles that it has not seen."""

import random
from dataclasses import replace

import numpy as np
import pytest

from newslean.schema import schema_from_dict
from train import gate as gate_module
from train.gate import MAX_LOST, MIN_RELEVANT, fit_gate, is_relevant
from train.labels import AUTHORED_SOURCE, Example

METALS = ("copper", "zinc", "smelter", "ore", "foundry")
OTHER = ("mayor", "library", "bridge", "festival", "choir", "ferry", "orchard")
FILLER = ("the", "of", "on", "Monday", "people", "said", "that", "new", "near", "town", "was", "and")


def examples(articles: int, *, seed: int = 0, source: str = "user") -> list[Example]:
    """Articles of ten sentences, most of one kind; a word in seven is of the other kind."""
    draw, rows = random.Random(seed), []  # noqa: S311 - no secret
    for doc in range(articles):
        about = doc % 2 == 0
        for n in range(10):
            relevant = draw.random() < (0.9 if about else 0.02)
            kinds = [METALS if relevant == (draw.random() < 6 / 7) else OTHER for _ in range(8)]
            text = " ".join([*draw.choices(FILLER, k=4), *map(draw.choice, kinds)])
            labels = {"topic": ["metals"] if relevant else [], "mood": "flat"}
            doc_name = f"{source}-{seed}-{doc}"
            rows.append(Example(doc_name, n, f"{text} {n}.", title=False, group=doc_name, source=source, labels=labels))
    return rows


@pytest.fixture(scope="module")
def fit(schema):
    found = fit_gate(examples(300), schema, background=background(), seed=0)
    assert found is not None
    return found


def background() -> list[Example]:
    rows = examples(60, seed=9)
    return [row for row in rows if not row.labels["topic"]]


def test_the_promise_holds_on_articles_it_has_not_seen(fit, schema):
    unseen = examples(400, seed=5)
    numbers = np.unique([e.doc for e in unseen], return_inverse=True)[1].tolist()
    passes = fit.gate.passes([e.text for e in unseen], numbers)
    relevant = np.array([is_relevant(e.labels, schema) for e in unseen])
    assert (~passes[relevant]).mean() <= MAX_LOST
    assert (~passes[~relevant]).mean() > 0.1
    assert fit.lost <= MAX_LOST
    assert fit.relevant > 1_000
    assert fit.relevant + fit.others == 3_000
    assert fit.skipped == pytest.approx((~passes[~relevant]).mean(), abs=0.1)
    assert 0 <= fit.background <= 1
    assert fit.numbers().keys() == {
        "own",
        "article",
        "intercept",
        "threshold",
        "lost",
        "skipped",
        "stray",
        "background",
    }


def test_the_same_seed_gives_the_same_gate(fit, schema):
    again = fit_gate(examples(300), schema, background=background(), seed=0)
    assert again.numbers() == fit.numbers()
    assert (again.gate.weights == fit.gate.weights).all()


def test_too_little_to_promise_anything(schema):
    few = examples(2 * MIN_RELEVANT // 10 - 6)
    assert sum(is_relevant(e.labels, schema) for e in few) < MIN_RELEVANT
    assert fit_gate(few, schema, seed=0) is None
    all_relevant = [e for e in examples(300) if e.labels["topic"]]
    assert len(all_relevant) > MIN_RELEVANT
    assert fit_gate(all_relevant, schema, seed=0) is None
    one = [replace(e, doc="one", group="one") for e in examples(10) if not e.labels["topic"]]
    assert fit_gate([*all_relevant, *one], schema, seed=0) is None  # without that article there are no others
    all_in_one = [replace(e, doc="one", group="one") for e in examples(300)]
    assert fit_gate(all_in_one, schema, seed=0) is None


def test_what_is_invented_counts_only_where_there_is_nothing_else(schema):
    real, invented = examples(160, seed=1), examples(160, seed=2, source=AUTHORED_SOURCE)
    found = fit_gate([*real, *invented], schema, seed=0)
    assert found.relevant == sum(is_relevant(e.labels, schema) for e in real)
    found = fit_gate([*real[:100], *invented], schema, seed=0)
    assert found.relevant == sum(is_relevant(e.labels, schema) for e in [*real[:100], *invented])
    assert np.isnan(found.background)


def test_labels_without_a_neutral_one():
    schema = schema_from_dict({"dimensions": [{"name": "topic", "kind": "multi", "labels": ["metals"]}]}, where="test")
    rows = [replace(e, labels={"topic": e.labels["topic"]}) for e in examples(150)]
    assert fit_gate(rows, schema, seed=0) is not None


def test_what_was_not_asked_is_not_neutral(fit, schema):
    """Rows that lack a dimension, or have no label at all, may be about anything."""
    blank = [replace(e, labels={}) for e in examples(50, seed=7)]
    part = [replace(e, labels={"mood": "flat"}) for e in examples(50, seed=8)]
    found = fit_gate([*examples(300), *blank, *part], schema, background=background(), seed=0)
    assert found.numbers() == fit.numbers()
    assert found.others == fit.others
    asked = [replace(e, labels={"mood": "rise"}) for e in examples(50, seed=8)]
    assert fit_gate([*examples(300), *asked], schema, background=background(), seed=0).relevant == fit.relevant + 500


def test_relevant(schema):
    assert not is_relevant({"topic": [], "mood": "flat"}, schema)
    assert not is_relevant({"topic": []}, schema)  # a dimension that was not labelled
    assert is_relevant({"mood": "rise"}, schema)
    assert is_relevant({"topic": ["metals"], "mood": "flat"}, schema)


@pytest.mark.parametrize(("total", "lost"), [(597, -1), (598, 0), (5_000, 16), (200, -1)])
def test_thresholds(total: int, lost: int):
    """Exact bounds: with 598 sentences and none lost, a loss of 0.5 % has a probability of 0.995 ** 598 < 0.05."""
    found = np.arange(total, dtype=float)
    threshold = gate_module._threshold(found, np.ones(total, dtype=bool), np.arange(total))
    assert (found < threshold).sum() == max(lost, 0)
    assert threshold == max(lost, 0)


def test_articles_of_one_publisher_are_one_collection():
    names = ["times-1", "times-22#0", "new-times-0117", "36kr-4", "pool-36kr-5", "post 3", "a3f9c1b2", "a3f9c1d2"]
    found = gate_module._collections([replace(examples(1)[0], doc=name) for name in names]).tolist()
    assert found[0] == found[1] == found[2]
    assert found[3] == found[4]
    assert len(set(found)) == 5


def test_a_collection_that_loses_most_sets_the_threshold():
    found, collections = np.arange(5_000, dtype=float), np.r_[np.zeros(1_000, np.int64), np.ones(4_000, np.int64)]
    threshold = gate_module._threshold(found, np.ones(5_000, dtype=bool), collections)
    assert (found[:1_000] < threshold).sum() == 5  # 0.5 % of the thousand with the lowest scores
