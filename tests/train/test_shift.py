import numpy as np
import pytest

from train.shift import Counts, compare, count_in_bins, decile_edges, mean_difference


def sample(
    mean: float, articles: int, seed: int, *, alike: float = 0.0, length: int = 10
) -> tuple[np.ndarray, np.ndarray]:
    """Ten values an article; with ``alike`` those of an article share a part."""
    random = np.random.default_rng(seed)
    groups = np.repeat([f"a{n}" for n in range(articles)], length)
    values = random.normal(mean, 1, length * articles) + np.repeat(random.normal(0, alike, articles), length)
    return values, groups


def distances(first: tuple[np.ndarray, np.ndarray], second: tuple[np.ndarray, np.ndarray]) -> dict[str, float]:
    edges = decile_edges(first[0])
    return compare(count_in_bins(*first, edges), count_in_bins(*second, edges), seed=0, replicates=200)


def test_the_same_source_stays_within_chance_and_another_does_not():
    found = distances(sample(0, 60, 1), sample(0, 60, 2))
    assert found["psi"] < found["psi_chance"] < 0.1
    assert found["ks"] < found["ks_chance"]
    moved = distances(sample(0, 60, 1), sample(1, 60, 2))
    assert moved["psi"] > 0.25 > moved["psi_chance"]
    assert moved["ks_interval"][0] > found["ks"]
    assert moved["js"] > found["js"]
    assert all(moved[f"{name}_interval"][0] <= moved[name] * 1.2 for name in ("psi", "js", "ks"))


def test_chance_does_more_where_the_sentences_of_an_article_are_alike():
    single = distances(sample(0, 30, 1), sample(0, 30, 2))
    alike = distances(sample(0, 30, 1, alike=2), sample(0, 30, 2, alike=2))
    assert alike["psi_chance"] > 2 * single["psi_chance"]


@pytest.mark.parametrize(("articles", "length"), [(60, 10), (300, 2)])
def test_articles_that_are_not_told_apart_are_as_alike_as_the_others(articles: int, length: int):
    """Also where the others are shorter, so that there it shows less."""
    edges, ratios = np.linspace(-4, 4, 12), []
    for seed in range(10):
        old, new = sample(0, 53, seed, alike=2), sample(0, articles, seed + 1000, alike=2, length=length)
        apart = count_in_bins(*old, edges)
        pair = (apart, Counts(apart.total[None, :], summed=True, articles=53))
        first, second = (compare(part, count_in_bins(*new, edges), seed=seed, replicates=200) for part in pair)
        widths = [np.diff(found["psi_interval"])[0] for found in (first, second)]
        ratios.append([second["psi_chance"] / first["psi_chance"], widths[1] / widths[0]])
    chance, width = np.mean(ratios, axis=0)
    assert (
        0.9 < chance < (1.1 if length == 10 else 1.3)
    )  # what little shorter ones show is taken for more, not for less
    assert width > 0.6


def test_shorter_articles_that_are_not_told_apart_count_as_much_as_the_others():
    edges, new = np.linspace(-4, 4, 12), sample(0, 60, 1, alike=2)
    table = count_in_bins(*sample(0, 100, 2, alike=2, length=5), edges)
    chances = [
        compare(
            Counts(table.total[None, :], summed=True, articles=n), count_in_bins(*new, edges), seed=0, replicates=99
        )
        for n in (0, 100)
    ]
    assert chances[0] == chances[1]


def test_known_values():
    """Half and half against nine to one: PSI 0.4 * ln 9, KS 0.4, JS the entropy of the middle less the mean entropy."""
    found = compare(Counts(np.array([[5e5, 5e5]])), Counts(np.array([[9e5, 1e5]])), seed=0, replicates=10)
    assert found["psi"] == pytest.approx(0.4 * np.log(9), rel=1e-4)
    assert found["ks"] == pytest.approx(0.4)
    assert found["js"] == pytest.approx(-0.7 * np.log2(0.7) - 0.3 * np.log2(0.3) - (1 + 0.469) / 2, rel=1e-3)


def test_bins_where_many_values_are_equal():
    edges = decile_edges(np.array([1.0] * 50))
    assert count_in_bins(np.array([1.0, 0.5, 2.0]), np.array(["a", "a", "b"]), edges).total.sum() == 3
    assert len(decile_edges(np.array([0.0] * 90 + [1.0] * 10))) >= 3
    table = count_in_bins(np.array([-9.0, 9.0]), np.array(["a", "b"]), np.array([0.0, 0.5, 1.0])).table
    assert table.tolist() == [[1, 0], [0, 1]]


@pytest.mark.parametrize("sign", [1, -1])
def test_drift_away_from_a_value_that_nearly_all_have_is_seen(sign: int):
    """95 % are surest of all (or least sure); half of the new ones are not."""
    random, groups = np.random.default_rng(0), np.repeat([f"a{n}" for n in range(100)], 10)
    old, new = (sign * np.where(random.random(1000) < s, random.random(1000), 1.0) for s in (0.05, 0.5))
    for first, second, moved in ((old, new, True), (old, random.permutation(old), False), (new, old, True)):
        found = distances((first, groups), (second, groups))
        assert (found["psi"] > found["psi_chance"]) == moved
        assert (found["psi"] > 1) == moved


def test_a_single_value_has_its_own_bin_between_those_beyond():
    edges = decile_edges(np.full(20, 0.5))
    assert count_in_bins(np.array([0.4, 0.5, 0.6]), np.array(["a"] * 3), edges).total.tolist() == [1, 1, 1]


def test_values_that_are_all_different_are_cut_at_deciles():
    for number in (2, 9, 10, 11, 100):
        values = np.random.default_rng(number).normal(size=number)
        assert decile_edges(values)[1:-1] == pytest.approx(np.quantile(values, np.linspace(0.1, 0.9, 9)))


@pytest.mark.parametrize("summed", [False, True])
def test_chance_is_exceeded_by_one_pair_in_twenty(summed: bool):
    """Also where the sentences of an article are alike, so that a few bins vary much more than others."""
    edges, exceeded = np.linspace(-4, 4, 11), 0
    for seed in range(200):
        old, new = (count_in_bins(*sample(0, 40, seed + k, alike=1.5), edges) for k in (0, 5000))
        first = Counts(old.total[None, :], summed=True, articles=40) if summed else old
        found = compare(first, new, seed=seed, replicates=100)
        exceeded += found["psi"] > found["psi_chance"]
    assert 0.01 < exceeded / 200 < 0.085


def test_samples_without_any_chance_in_them():
    table = Counts(np.tile([5.0, 0.0], (30, 1)))
    assert compare(table, table, seed=0, replicates=20)["psi_chance"] == 0


def test_a_difference_of_means():
    (first, groups), (second, others) = sample(0, 50, 1), sample(0.5, 50, 2)
    value, bounds = mean_difference((first, groups), (second, others), seed=0, replicates=300)
    assert bounds is not None
    assert bounds[0] < value < bounds[1]
    assert bounds[0] > 0.2
    value, bounds = mean_difference(3.0, (second, others), seed=0, replicates=300)
    assert bounds is not None
    assert bounds[0] < second.mean() - 3 < bounds[1]


def test_one_article_gives_a_number_without_interval_or_chance():
    many, one = sample(0, 50, 1), (np.array([1.0, 3.0]), np.array(["a", "a"]))
    assert mean_difference(many, one, seed=0, replicates=9) == (pytest.approx(2 - many[0].mean()), None)
    assert mean_difference(one, many, seed=0, replicates=9)[1] is None
    for found in (distances(many, one), distances(one, many)):
        assert found["psi"] > 0
        assert [found[key] for key in ("psi_interval", "ks_interval", "psi_chance", "ks_chance")] == [None] * 4
    edges = decile_edges(many[0])
    summed = Counts(count_in_bins(*many, edges).total[None, :], summed=True)  # many articles, not told apart
    assert compare(summed, count_in_bins(*many, edges), seed=0, replicates=9)["psi_interval"] is not None
