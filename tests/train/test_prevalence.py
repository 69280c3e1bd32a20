import numpy as np
import pytest
from scipy.sparse import csr_matrix

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


def test_without_gold_of_a_label_nothing_is_corrected():
    confusion = CONFUSION * [[1], [0], [1]]
    counted = np.array([0.3, 0.3, 0.4])
    assert adjusted_count(counted, confusion) is None
    assert corrected_shares(np.tile(counted * 10, (9, 1)), confusion, seed=0, replicates=20) is None


@pytest.mark.parametrize(("labels", "gold"), [(4, 10), (60, 10), (60, 50)])
def test_many_labels_do_not_push_an_estimate_out_of_its_interval(labels: int, gold: int):
    """All answers are right: few gold sentences of each of many labels may not look like many errors."""
    shares = np.full(labels, 0.5 / (labels - 1))
    shares[0] = 0.5
    counts = np.random.default_rng(0).multinomial(20, shares, size=200).astype(float)
    found, low, high = corrected_shares(counts, np.eye(labels) * gold, seed=0, replicates=200)
    assert found == pytest.approx(counts.sum(axis=0) / counts.sum(), abs=1e-6)
    assert ((low <= found) & (found <= high)).all()
    assert high[0] < 0.7
    counts[:] = counts.sum(axis=0)  # without any chance in them, all that is drawn lies to one side
    found, low, high = corrected_shares(counts, np.eye(labels) * gold, seed=0, replicates=200)
    assert ((low <= found) & (found <= high)).all()


def test_errors_that_come_together_in_articles_make_the_interval_wider():
    """In one half of the gold articles all answers are right, in the other a half of those of the first label."""
    right, half = [10, 0, 0, 10], [5, 5, 0, 10]
    counts = np.tile([10.0, 10.0], (300, 1))
    tables = csr_matrix(np.array([right, half] * 10, dtype=float))
    confusion = np.asarray(tables.sum(axis=0)).reshape(2, 2)

    def width(confusion: np.ndarray, by_article: csr_matrix | None) -> float:
        _, low, high = corrected_shares(counts, confusion, by_article=by_article, seed=0, replicates=400)
        return float((high - low)[0])

    assert width(confusion, tables) > 1.3 * width(confusion, None)
    table = np.full((2, 2), 50.0) + 50 * np.eye(2)
    one = csr_matrix(table.reshape(1, -1))  # a single article tells nothing of others
    assert width(table, one) == pytest.approx(width(table, None), rel=0.2)


def test_sentences_that_the_model_was_not_asked_about_are_not_corrected():
    counts = np.tile(TRUE @ RATES * 10, (50, 1))
    known = np.tile([0.0, 0.0, 30.0], (50, 1))
    shares, low, high = corrected_shares(counts, CONFUSION * 5, known=known, seed=0, replicates=100)
    assert shares == pytest.approx(TRUE / 4 + [0, 0, 0.75], abs=1e-6)
    assert ((low <= shares) & (shares <= high)).all()
    assert low[2] > 0.7


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


@pytest.mark.parametrize(("articles", "alike", "least"), [(60, 0.0, 0.9), (30, 0.3, 0.9)])
def test_a_rare_label_may_be_there_though_no_answer_has_it(articles: int, alike: float, least: float):
    """Its interval covers it as often as that of others, and is not empty."""
    random, covered, never = np.random.default_rng(2), 0, 0
    truth = np.array([0.03, 0.4, 0.57])
    for n in range(60):
        each = random.dirichlet(truth * (1 / alike - 1), size=articles) if alike else np.tile(truth, (articles, 1))
        counts = np.array([random.multinomial(2, shares) for shares in each], dtype=float)
        shares, low, high = corrected_shares(counts, np.eye(3) * 200, seed=n, replicates=200)
        covered += low[0] <= truth[0] <= high[0]
        never += counts[:, 0].sum() == 0
        assert 0.01 < high[0] < 0.5
        assert ((low <= shares) & (shares <= high)).all()
    assert covered / 60 >= least
    assert never


def test_answers_that_are_all_alike_have_an_interval():
    shares, low, high = corrected_shares(np.tile([0.0, 5.0], (30, 1)), np.eye(2) * 100, seed=0, replicates=100)
    assert shares == pytest.approx([0, 1])
    assert low[0] == pytest.approx(0)
    assert 0.02 < high[0] < 0.12


@pytest.mark.parametrize("share", [0.002, 0.005, 0.01])
def test_a_label_that_nearly_all_have_may_be_missing_though_all_answers_have_it(share: float):
    """Its interval reaches as far down as that of the other, rare one reaches up."""
    random, covered = np.random.default_rng(3), 0
    for n in range(60):
        rare = random.binomial(10, share, size=30).astype(float)
        _, low, high = corrected_shares(np.stack([rare, 10 - rare], axis=1), np.eye(2) * 200, seed=n, replicates=100)
        covered += low[1] <= 1 - share <= high[1]
        assert low[1] == pytest.approx(1 - high[0], abs=1e-3)
    assert covered / 60 >= 0.95
    confusion = np.array([[190.0, 10.0], [2.0, 198.0]])
    shares, low, high = corrected_shares(np.tile([0.0, 10.0], (30, 1)), confusion, seed=0, replicates=100)
    assert (shares[1], high[1]) == (1, 1)
    assert 0.85 < low[1] < 0.95
    _, half, _ = corrected_shares(
        np.tile([0.0, 10.0], (30, 1)), confusion, known=np.tile([0.0, 10.0], (30, 1)), seed=0, replicates=100
    )
    assert 1 - half[1] == pytest.approx((1 - low[1]) / 2)


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
    probabilities = np.array([[0.6, 0.2, 0.2], [0.0, 0.0, 1.0], [0.1, 0.9, 0.0]])
    found = expectation_maximisation(probabilities, np.array([0.5, 0.5, 0.0]))
    assert found[2] == 0
    assert found.sum() == pytest.approx(1)
