import numpy as np
import pytest

from train.prevalence import adjusted_count, corrected_shares, expectation_maximisation, unmix

CONFUSION = np.array([[80.0, 15.0, 5.0], [10.0, 60.0, 30.0], [20.0, 20.0, 160.0]])
RATES = CONFUSION / CONFUSION.sum(axis=1, keepdims=True)
TRUE = np.array([0.1, 0.2, 0.7])


def test_errors_are_taken_out_again():
    assert adjusted_count(TRUE @ RATES, CONFUSION) == pytest.approx(TRUE, abs=1e-6)
    assert unmix(TRUE @ RATES, RATES) == pytest.approx(TRUE, abs=1e-6)


def test_shares_stay_shares_where_the_errors_do_not_fit():
    found = adjusted_count(np.array([0.0, 0.0, 1.0]), CONFUSION)
    assert (found >= 0).all()
    assert found.sum() == pytest.approx(1)


def test_a_label_without_gold_leaves_the_count_as_it_is():
    confusion = CONFUSION * [[1], [0], [1]]
    counted = np.array([0.3, 0.3, 0.4])
    assert adjusted_count(counted, confusion).tolist() == counted.tolist()
    _, low, high = corrected_shares(np.tile(counted * 10, (9, 1)), confusion, seed=0, replicates=20)
    assert low == pytest.approx(high)


def test_the_interval_covers_the_truth_and_narrows_with_articles():
    random = np.random.default_rng(0)
    widths = []
    for articles in (20, 400):
        counts = random.multinomial(20, TRUE @ RATES, size=articles).astype(float)
        shares, low, high = corrected_shares(counts, CONFUSION * 5, seed=1, replicates=300)
        assert (low <= TRUE).all()
        assert (high >= TRUE).all()
        assert ((low <= shares) & (shares <= high)).all()
        widths.append(high - low)
    assert (widths[1] < widths[0]).all()


@pytest.mark.parametrize("prior", [0.5, 0.2])
def test_maximisation_finds_shares_that_moved(prior: float):
    """Two normal distributions, calibrated at other shares, seen at 10 to 90."""
    random = np.random.default_rng(0)
    values = np.concatenate([random.normal(-1, 1, 400), random.normal(1, 1, 3600)])
    second = 1 / (1 + np.exp(-2 * values) * (1 - prior) / prior)
    found = expectation_maximisation(np.stack([1 - second, second], axis=1), np.array([1 - prior, prior]))
    assert found == pytest.approx([0.1, 0.9], abs=0.02)
    assert second.mean() < 0.85  # what is found without it


def test_maximisation_with_a_label_that_never_was():
    found = expectation_maximisation(np.array([[1.0, 0.0], [1.0, 0.0]]), np.array([1.0, 0.0]))
    assert found == pytest.approx([1, 0])
