"""The numbers behind a choice, on probabilities made by hand."""

import numpy as np
import pytest

from newslean.schema import Schema
from train.choose import Strategy, disagreement, pick, rarity, term_rows, uncertainty, utilities

SURE = [0.97, 0.01, 0.01, 0.01]
TORN = [0.5, 0.48, 0.01, 0.01]


def probabilities(*moods: list[float], topics: list[list[float]] | None = None) -> dict[str, np.ndarray]:
    topics = topics or [[0.0, 0.0]] * len(moods)
    return {"mood": np.array(moods, np.float32), "topic": np.array(topics, np.float32)}


def test_a_model_is_unsure_where_two_labels_are_near(schema: Schema):
    found = uncertainty(probabilities(SURE, TORN, SURE, topics=[[0, 1], [0, 1], [0, 0.5]]), schema)
    assert found == pytest.approx([0.02, 0.49, 0.52], abs=1e-6)


def test_models_disagree_where_their_answers_lie_apart(schema: Schema):
    first = probabilities(SURE, SURE, [1, 0, 0, 0], topics=[[0, 0], [0, 0.5], [1, 0]])
    second = probabilities(SURE, TORN, [0, 1, 0, 0], topics=[[0, 0], [0, 0.5], [0, 0]])
    found = disagreement(first, second, schema)
    assert found[0] == 0
    assert 0 < found[1] < 0.5
    assert found[2] == pytest.approx(1)  # wholly apart in both dimensions: one bit each
    assert found == pytest.approx(disagreement(second, first, schema))


def test_rare_labels_count_more_and_no_label_counts_nothing(schema: Schema):
    shares = {"mood": np.array([0.05, 0.05, 0.0, 0.9]), "topic": np.array([0.5, 0.01])}
    flat, rise = [0.0, 0.0, 0.0, 1.0], [1.0, 0.0, 0.0, 0.0]
    found = rarity(probabilities(flat, rise, flat, topics=[[0, 0], [0, 0], [0, 1]]), schema, shares)
    assert found[0] < found[1]
    assert found[0] < found[2]
    assert np.isfinite(found).all()


def test_reasons_are_weighed_by_rank():
    reasons = {"uncertainty": np.array([0.0, 0.001, 0.002]), "rarity": np.array([900.0, 5.0, 0.0])}
    assert utilities(reasons, Strategy(uncertainty=1, rarity=0)).argmax() == 2
    assert utilities(reasons, Strategy(uncertainty=0, rarity=1)).argmax() == 0
    assert len({*utilities(reasons, Strategy(uncertainty=1, rarity=1)).tolist()}) == 1
    assert utilities(reasons, Strategy(uncertainty=0, rarity=0)).tolist() == [0, 0, 0]


def test_a_batch_repeats_nothing():
    texts = ["Copper climbed in Arlen.", "Copper climbed in Arlen!", "Rain fell on Holm all week.", "Zinc slumped."]
    utility, terms = np.array([1.0, 0.99, 0.5, 0.4]), term_rows(texts)
    assert pick(utility, terms, 3, strategy=Strategy()) == [0, 2, 3]
    assert pick(utility, terms, 4, strategy=Strategy()) == [0, 2, 3]  # the repetition is never asked for
    assert pick(utility, terms, 2, strategy=Strategy(spread=0, repeat=2)) == [0, 1]
    assert pick(utility, terms, 2, strategy=Strategy(), taken=[1]) == [2, 3]


def test_likeness_takes_from_what_a_sentence_is_worth():
    texts = ["Copper climbed in Arlen today.", "Copper climbed in Borva, they say.", "Rain fell on Holm all week."]
    utility, terms = np.array([1.0, 0.6, 0.5]), term_rows(texts)
    assert pick(utility, terms, 2, strategy=Strategy(spread=0)) == [0, 1]
    assert pick(utility, terms, 2, strategy=Strategy(spread=1)) == [0, 2]


def test_other_scripts_have_terms_too():
    rows = term_rows(["市场上涨了", "市场上涨了。", "球队赢了比赛", "."])
    likeness = (rows @ rows.T).toarray()
    assert likeness[0, 1] > 0.5 > likeness[0, 2]
