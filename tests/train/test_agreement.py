import json

import krippendorff
import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score

from newslean.schema import Labels, schema_from_dict
from train.agreement import agreement

STANCES = ["china_ahead", "us_ahead", "closing", "none"]
SCHEMA = schema_from_dict(
    {
        "dimensions": [
            {"name": "topic", "kind": "multi", "labels": ["chips", "open_source"]},
            {"name": "stance", "kind": "single", "labels": STANCES, "neutral": "none"},
        ]
    },
    where="test",
)
Rows = list[dict[str, Labels]]


def coded(coders: int, units: int, *, missing: float = 0.0, noise: float = 0.3) -> tuple[Rows, list[str]]:
    """Code units at random: each coder sees the truth but for noise, and leaves some cells out."""
    rng = np.random.default_rng(7)
    rows: Rows = []
    for truth in rng.integers(4, size=units):
        row: dict[str, Labels] = {}
        for c in range(coders):
            stance = STANCES[rng.integers(4) if rng.random() < noise else truth]
            topic = [t for t in ("chips", "open_source") if rng.random() < 0.5]
            if rng.random() >= missing:
                row["abc"[c]] = {"topic": topic, "stance": stance}
        rows.append(row)
    return rows, [f"doc {n // 10}" for n in range(units)]


def column(rows: Rows, coder: str) -> list[float]:
    return [STANCES.index(str(row[coder]["stance"])) if coder in row else np.nan for row in rows]


def test_kappa_percent_and_confusion_are_those_of_scikit_learn() -> None:
    rows, groups = coded(2, 200)
    stance = agreement(SCHEMA, rows, groups, seed=0, replicates=50)["dimensions"]["stance"]
    a, b = column(rows, "a"), column(rows, "b")
    assert stance["kappa"] == pytest.approx(cohen_kappa_score(a, b))
    assert stance["percent"] == pytest.approx(np.mean(np.equal(a, b)))
    one = cohen_kappa_score(np.equal(a, 2), np.equal(b, 2))
    assert stance["labels"]["closing"]["kappa"] == pytest.approx(one)
    [table] = stance["confusion"]
    expected = [[sum(x == i and y == j for x, y in zip(a, b, strict=True)) for j in range(4)] for i in range(4)]
    assert table == {"coders": ["a", "b"], "labels": STANCES, "counts": expected}


@pytest.mark.parametrize(("coders", "missing"), [(2, 0.0), (2, 0.3), (3, 0.0), (3, 0.4)])
def test_alpha_is_that_of_the_krippendorff_package(coders: int, missing: float) -> None:
    rows, groups = coded(coders, 150, missing=missing)
    found = agreement(SCHEMA, rows, groups, seed=0, replicates=20)["dimensions"]
    stances = np.array([column(rows, c) for c in "abc"[:coders]])
    chips = [[float("chips" in row[c]["topic"]) if c in row else np.nan for row in rows] for c in "abc"[:coders]]
    assert found["stance"]["alpha"] == pytest.approx(krippendorff.alpha(stances, level_of_measurement="nominal"))
    assert found["topic"]["labels"]["chips"]["alpha"] == pytest.approx(
        krippendorff.alpha(np.array(chips), level_of_measurement="nominal")
    )
    assert found["stance"]["units"] == int(((~np.isnan(stances)).sum(axis=0) >= 2).sum())


def test_kappa_of_three_coders_is_the_mean_over_pairs() -> None:
    rows, groups = coded(3, 120)
    columns = [column(rows, c) for c in "abc"]
    pairs = [cohen_kappa_score(columns[i], columns[j]) for i, j in ((0, 1), (0, 2), (1, 2))]
    found = agreement(SCHEMA, rows, groups, seed=0, replicates=20)["dimensions"]["stance"]
    assert found["kappa"] == pytest.approx(np.mean(pairs))
    assert len(found["confusion"]) == 3


# Fleiss (1971) as it is worked through in textbooks: ten subjects, fourteen raters, five categories; kappa 0.210.
FLEISS = [
    [0, 0, 0, 0, 14], [0, 2, 6, 4, 2], [0, 0, 3, 5, 6], [0, 3, 9, 2, 0], [2, 2, 8, 1, 1],
    [7, 7, 0, 0, 0], [3, 2, 6, 3, 0], [2, 5, 3, 2, 2], [6, 5, 2, 1, 0], [0, 2, 2, 3, 7],
]  # fmt: skip
FIVE = schema_from_dict(
    {"dimensions": [{"name": "d", "kind": "single", "labels": ["1", "2", "3", "4", "5"], "neutral": "1"}]}, where="test"
)


def raters(table: list[list[int]]) -> Rows:
    answers = [[str(k + 1) for k, count in enumerate(row) for _ in range(count)] for row in table]
    return [{f"r{n}": {"d": answer} for n, answer in enumerate(row)} for row in answers]


def test_kappa_of_fleiss_is_that_of_the_published_example() -> None:
    found = agreement(FIVE, raters(FLEISS), [str(n) for n in range(10)], seed=0, replicates=200)["dimensions"]["d"]
    assert found["fleiss"] == pytest.approx(0.2099, abs=5e-5)
    low, high = found["fleiss_interval"]
    assert low < found["fleiss"] < high


def test_kappa_of_fleiss_where_coders_left_rows_out() -> None:
    # By hand: agreement of the units 1, 1/3, 0; values x 4, y 3; chance (16 + 9) / 49.
    rows = raters([[3, 0], [1, 2], [0, 1], [0, 0]])
    rows[3] = {"r0": {"d": "1"}, "r1": {"d": "2"}}
    rows.append({"r2": {"d": "2"}})  # coded once: no witness
    rows[2] = {"r5": {"d": "2"}}
    found = agreement(FIVE, rows, [str(n) for n in range(5)], seed=0, replicates=20)["dimensions"]["d"]
    share, chance = (1 + 1 / 3 + 0) / 3, (5**2 + 3**2) / 8**2
    assert found["units"] == 3
    assert found["fleiss"] == pytest.approx((share - chance) / (1 - chance))


def test_the_interval_of_fleiss_is_that_of_resampled_units() -> None:
    rows, groups = coded(3, 200, missing=0.2)
    found = agreement(SCHEMA, rows, groups, seed=3, replicates=1000)["dimensions"]["stance"]
    rng = np.random.default_rng(5)
    names, number = np.unique(groups, return_inverse=True)
    drawn = []
    for _ in range(60):
        units = np.concatenate([np.flatnonzero(number == g) for g in rng.integers(len(names), size=len(names))])
        one = agreement(SCHEMA, [rows[n] for n in units], ["x"] * len(units), seed=0, replicates=1)
        drawn.append(one["dimensions"]["stance"]["fleiss"])
    assert found["fleiss_interval"] == pytest.approx(np.quantile(drawn, [0.025, 0.975]), abs=0.05)


def test_confusion_of_a_multi_dimension_is_a_table_per_label() -> None:
    rows: Rows = [
        {"a": {"topic": ["chips"]}, "b": {"topic": ["chips"]}},
        {"a": {"topic": ["chips", "open_source"]}, "b": {"topic": ["chips"]}},
        {"a": {"topic": []}, "b": {"topic": ["open_source"]}},
        {"a": {"topic": []}},
    ]
    [table] = agreement(SCHEMA, rows, ["x"] * 4, seed=0, replicates=5)["dimensions"]["topic"]["confusion"]
    assert table["labels"] == ["chips", "open_source"]
    assert table["counts"] == [[[1, 0], [0, 2]], [[1, 1], [1, 0]]]


def test_the_interval_is_that_of_resampled_articles() -> None:
    rows, groups = coded(2, 200)
    found = agreement(SCHEMA, rows, groups, seed=3, replicates=1000)["dimensions"]["stance"]
    names, number = np.unique(groups, return_inverse=True)
    a, b = np.array(column(rows, "a")), np.array(column(rows, "b"))
    rng = np.random.default_rng(99)
    kappas = []
    for _ in range(1000):
        units = np.concatenate([np.flatnonzero(number == g) for g in rng.integers(len(names), size=len(names))])
        kappas.append(cohen_kappa_score(a[units], b[units]))
    assert found["kappa_interval"] == pytest.approx(np.quantile(kappas, [0.025, 0.975]), abs=0.015)
    assert found["groups"] == 20


def test_articles_widen_the_interval_where_errors_come_in_clusters() -> None:
    rows: Rows = [{"a": {"stance": "none"}, "b": {"stance": "none" if n < 80 else "closing"}} for n in range(100)]
    rows += [{"a": {"stance": "closing"}, "b": {"stance": "closing"}} for _ in range(100)]
    by_article = agreement(SCHEMA, rows, [str(n // 20) for n in range(200)], seed=0)["dimensions"]["stance"]
    by_unit = agreement(SCHEMA, rows, ["one"] * 200, seed=0)["dimensions"]["stance"]
    width = [np.ptp(found["percent_interval"]) for found in (by_article, by_unit)]
    assert width[0] > 1.5 * width[1]
    assert (by_article["groups"], by_unit["groups"]) == (10, 1)


def test_the_seed_decides_the_interval() -> None:
    rows, groups = coded(2, 60)
    one, same, other = (agreement(SCHEMA, rows, groups, seed=s, replicates=50) for s in (1, 1, 2))
    assert one == same
    assert one["dimensions"]["stance"]["kappa_interval"] != other["dimensions"]["stance"]["kappa_interval"]
    assert json.loads(json.dumps(one)) == one


def test_one_label_only_leaves_kappa_and_alpha_undefined() -> None:
    rows: Rows = [{"a": {"stance": "none"}, "b": {"stance": "none"}} for _ in range(10)]
    found = agreement(SCHEMA, rows, [str(n) for n in range(10)], seed=0, replicates=20)["dimensions"]["stance"]
    assert (found["percent"], found["kappa"], found["alpha"]) == (1.0, None, None)
    assert found["percent_interval"] == [1.0, 1.0]
    assert found["kappa_interval"] is found["alpha_interval"] is None


@pytest.mark.parametrize(
    "rows",
    [
        [],
        [{"a": {"stance": "none"}}, {"b": {"stance": "none"}}],
        [{"a": {"stance": "none"}, "adjudicated": {"stance": "closing"}}],
    ],
)
def test_without_a_unit_coded_twice_there_is_nothing_to_measure(rows: Rows) -> None:
    found = agreement(SCHEMA, rows, ["x"] * len(rows), seed=0, replicates=5)["dimensions"]["stance"]
    assert found["units"] == 0
    assert found["percent"] is found["kappa"] is found["alpha"] is found["labels"]["none"]["kappa"] is None


def test_adjudicated_is_compared_when_asked() -> None:
    rows: Rows = [{"a": {"stance": s}, "adjudicated": {"stance": s}} for s in ("none", "closing")]
    found = agreement(SCHEMA, rows, ["x", "y"], seed=0, replicates=5, coders=["a", "adjudicated"])
    assert found["dimensions"]["stance"]["kappa"] == 1.0


def test_a_multi_dimension_compares_whole_sets() -> None:
    rows: Rows = [
        {"a": {"topic": ["chips"]}, "b": {"topic": ["chips"]}},
        {"a": {"topic": ["chips", "open_source"]}, "b": {"topic": ["chips"]}},
    ]
    topic = agreement(SCHEMA, rows, ["x", "y"], seed=0, replicates=5)["dimensions"]["topic"]
    assert topic["percent"] == 0.5
    assert topic["labels"]["chips"]["percent"] == 1.0
    assert topic["labels"]["open_source"]["percent"] == 0.5
