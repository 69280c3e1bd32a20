import numpy as np
import pytest
from sklearn import metrics as sklearn_metrics

from newslean.schema import Dimension
from train import bootstrap, metrics

TONE = Dimension("tone", "single", ("warm", "cold", "mixed", "flat"), neutral="flat")
THEME = Dimension("theme", "multi", ("rain", "snow", "wind", "hail"))


def random_answers(dimension, n, seed):
    """Answers that never use the dimension's third label."""
    rng = np.random.default_rng(seed)
    labels = [label for place, label in enumerate(dimension.labels) if place != 2]
    if dimension.multi:
        return [[label for label in labels if rng.random() < 0.4] for _ in range(n)]
    return [labels[place] for place in rng.integers(len(labels), size=n)]


def random_case(dimension, n=60, articles=7):
    gold = metrics.indicator(dimension, random_answers(dimension, n, seed=1))
    predicted = metrics.indicator(dimension, random_answers(dimension, n, seed=2))
    return gold, predicted, [f"article-{place % articles}" for place in range(n)]


def whole(counts):
    return counts.weighted(np.ones(len(counts.total)))


@pytest.mark.parametrize("dimension", [TONE, THEME])
def test_f1_is_that_of_scikit_learn(dimension):
    gold, predicted, groups = random_case(dimension)
    counts = whole(metrics.count(gold, predicted, groups))
    for average, found in ((None, counts.f1()), ("macro", counts.macro_f1()), ("micro", counts.micro_f1())):
        np.testing.assert_allclose(found, sklearn_metrics.f1_score(gold, predicted, average=average, zero_division=0))
    assert counts.f1()[2] == 0  # neither gold nor predicted
    assert counts.exact_share() == pytest.approx(sklearn_metrics.accuracy_score(gold, predicted))


@pytest.mark.parametrize("dimension", [TONE, THEME])
def test_a_replicate_equals_its_articles_written_out(dimension):
    gold, predicted, groups = random_case(dimension)
    weights = bootstrap.resampling_weights(7, seed=3, replicates=20)
    resampled = metrics.count(gold, predicted, groups).weighted(weights)
    index = np.array([int(group.removeprefix("article-")) for group in groups])
    for replicate, row in enumerate(weights.astype(int)):
        rows = np.repeat(np.arange(len(groups)), row[index])
        expected = sklearn_metrics.f1_score(gold[rows], predicted[rows], average="macro", zero_division=0)
        assert resampled.macro_f1()[replicate] == pytest.approx(expected)
        assert resampled.exact_share()[replicate] == pytest.approx((gold[rows] == predicted[rows]).all(axis=1).mean())


def test_counts_do_not_depend_on_the_order_of_sentences():
    gold, predicted, groups = random_case(TONE)
    order = np.random.default_rng(0).permutation(len(groups))
    one, other = (
        metrics.count(gold, predicted, groups),
        metrics.count(gold[order], predicted[order], [groups[n] for n in order]),
    )
    np.testing.assert_array_equal(one.tp, other.tp)
    np.testing.assert_array_equal(one.total, other.total)


def test_indicator_refuses_an_unknown_label():
    with pytest.raises(KeyError):
        metrics.indicator(THEME, [["fog"]])


def test_resampling_draws_whole_articles_from_the_seed():
    weights = bootstrap.resampling_weights(5, seed=1, replicates=300)
    assert weights.shape == (300, 5)
    assert (weights.sum(axis=1) == 5).all()
    assert weights.mean(axis=0) == pytest.approx(np.ones(5), abs=0.2)
    np.testing.assert_array_equal(weights, bootstrap.resampling_weights(5, seed=1, replicates=300))
    assert (weights != bootstrap.resampling_weights(5, seed=2, replicates=300)).any()


@pytest.mark.parametrize("groups", [0, 1])
def test_fewer_than_two_articles_cannot_be_resampled(groups):
    assert bootstrap.resampling_weights(groups, seed=1, replicates=10) is None


def test_very_many_groups_get_fewer_replicates(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(bootstrap, "MAX_WEIGHTS", 5_000)
    assert [len(bootstrap.resampling_weights(n, seed=1, replicates=500)) for n in (5, 20, 10_000)] == [500, 250, 200]


def test_interval_holds_the_middle_95_percent():
    assert bootstrap.interval(np.arange(1001.0)) == pytest.approx([25, 975])


def test_rare_labels_do_not_draw_intervals_below_the_estimate():
    rng = np.random.default_rng(3)
    groups = [f"article-{n % 60}" for n in range(180)]  # three articles of each label
    gold = np.eye(60, dtype=bool)[[(n * 7 + n // 60) % 60 for n in range(180)]]
    guess = np.where(rng.random(180) < 0.8, gold.argmax(1), rng.integers(60, size=180))
    for answers in (gold, np.eye(60, dtype=bool)[guess]):
        counts = metrics.count(gold, answers, groups)
        weights = bootstrap.resampling_weights(60, seed=1, replicates=500)
        low, high = bootstrap.interval(bootstrap.drawn_macro_f1(counts, weights))
        assert low <= whole(counts).macro_f1() <= high + 1e-12
        bounds = np.transpose(bootstrap.interval(bootstrap.drawn_f1(counts, weights)))
        assert (bounds[:, 0] <= bounds[:, 1]).all()  # and no NaN
    assert bootstrap.interval(bootstrap.drawn_macro_f1(metrics.count(gold, gold, groups), weights)) == [1, 1]


def test_a_label_that_gold_lacks_counts_as_nought_in_replicates_too():
    gold, predicted, groups = random_case(TONE)
    counts, weights = metrics.count(gold, predicted, groups), bootstrap.resampling_weights(7, seed=1, replicates=50)
    np.testing.assert_allclose(bootstrap.drawn_macro_f1(counts, weights), counts.weighted(weights).macro_f1())


def test_reliability_by_hand():
    confidence, correct = np.array([0.1, 0.2, 0.9, 0.9, 1.0]), np.array([False, True, True, False, True])
    found = metrics.reliability(confidence, correct, bins=2)
    low, high = found["bins"]
    assert low == pytest.approx({"low": 0, "high": 0.5, "n": 2, "confidence": 0.15, "accuracy": 0.5})
    assert high == pytest.approx({"low": 0.5, "high": 1, "n": 3, "confidence": 2.8 / 3, "accuracy": 2 / 3})
    assert found["ece"] == pytest.approx((2 * 0.35 + 3 * (2.8 / 3 - 2 / 3)) / 5)


def test_bins_of_equal_width_are_closed_on_the_right_and_hold_both_ends():
    rows = metrics.reliability(np.array([0.0, 0.5, 0.500001, 1.0]), np.ones(4, dtype=bool), bins=2)["bins"]
    assert [(row["low"], row["n"]) for row in rows] == [(0, 2), (0.5, 2)]


def test_calibrated_probabilities_have_a_small_error_and_overconfident_ones_a_large():
    rng = np.random.default_rng(0)
    truth = rng.random(20_000)
    correct = rng.random(20_000) < truth
    calibrated, overconfident = metrics.reliability(truth, correct), metrics.reliability(truth**0.25, correct)
    assert max(calibrated["ece"], calibrated["adaptive_ece"]) < 0.02
    # The mean of x ** 0.25 over 0..1 is 0.8, that of x is 0.5.
    assert overconfident["ece"] == pytest.approx(0.3, abs=0.01)
    assert overconfident["adaptive_ece"] == pytest.approx(0.3, abs=0.01)


def test_adaptive_bins_find_what_hides_in_one_wide_bin():
    # Below 0.02 too low by 0.01, above too high by 0.01: one bin of equal width sees no error at all.
    confidence, correct = np.repeat([0.01, 0.03], 100), np.arange(200) % 50 == 0
    found = metrics.reliability(confidence, correct, bins=2)
    assert found["ece"] == pytest.approx(0, abs=1e-9)
    assert found["adaptive_ece"] == pytest.approx(0.01)


def test_adaptive_error_does_not_depend_on_order():
    confidence, correct = np.full(100, 0.7), np.arange(100) < 70
    assert metrics.reliability(confidence, correct)["adaptive_ece"] == pytest.approx(0)
    assert metrics.reliability(confidence, correct[::-1])["adaptive_ece"] == pytest.approx(0)


def test_brier_score_and_log_loss_are_those_of_scikit_learn():
    rng = np.random.default_rng(0)
    scores, truth = rng.dirichlet(np.ones(3), size=50), rng.integers(3, size=50)
    gold = np.eye(3, dtype=bool)[truth]
    assert metrics.log_loss(scores[gold]) == pytest.approx(sklearn_metrics.log_loss(truth, scores))
    per_label = [sklearn_metrics.brier_score_loss(gold[:, n], scores[:, n]) for n in range(3)]
    assert metrics.brier_score(gold, scores) == pytest.approx(sum(per_label))


def test_log_loss_of_a_flat_denial_is_finite():
    assert 30 < metrics.log_loss(np.array([0.0])) < 40


def test_selective_prediction_by_hand():
    found = metrics.selective(
        confidence=np.array([0.9, 0.8, 0.7, 0.6]),
        correct=np.array([True, False, True, True]),
        claim=np.array([True, True, False, True]),
        gold_claims=4,
        least=(0.0, 0.7, 0.95),
    )
    assert found[0] == pytest.approx(
        {"min_confidence": 0, "coverage": 1, "precision": 0.75, "claims": 3, "claim_precision": 2 / 3,
         "claim_coverage": 1, "claim_recall": 0.5}
    )  # fmt: skip
    assert found[1] == pytest.approx(
        {"min_confidence": 0.7, "coverage": 0.75, "precision": 2 / 3, "claims": 2, "claim_precision": 0.5,
         "claim_coverage": 2 / 3, "claim_recall": 0.25}
    )  # fmt: skip
    assert (found[2]["coverage"], found[2]["precision"], found[2]["claim_precision"]) == (0, None, None)


def test_selective_prediction_reaches_from_all_to_95_percent():
    assert metrics.CONFIDENCES == (0, 0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95)


def test_kappa_by_hand():
    # Observed agreement 3/4; by chance 1/2 * 3/4 + 1/2 * 1/4 = 1/2.
    found = metrics.kappa(TONE, ["warm", "warm", "cold", "cold"], ["warm", "warm", "warm", "cold"])
    assert found == {"kappa": pytest.approx(0.5), "labels": {}}


def test_kappa_of_one_label_throughout_is_undefined():
    assert metrics.kappa(TONE, ["flat"] * 3, ["flat"] * 3)["kappa"] is None
    assert metrics.kappa(THEME, [[], []], [[], []]) == {"kappa": None, "labels": dict.fromkeys(THEME.labels)}


def test_mean_kappa_is_over_the_labels_that_have_one():
    found = metrics.kappa(THEME, [["rain"], ["rain"], ["snow"], []], [["rain"], ["rain"], ["rain", "snow"], []])
    assert found["labels"] == {"rain": pytest.approx(0.5), "snow": pytest.approx(1), "wind": None, "hail": None}
    assert found["kappa"] == pytest.approx(0.75)
