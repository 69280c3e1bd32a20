"""Shares of labels in new text: invented scores whose truth is known, and what a real model's folder tells."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from newslean.errors import ModelError
from newslean.schema import Dimension
from newslean.tagger import Tagger
from train.alone import train_baseline
from train.drift_prior import calibration_shares
from train.drift_reference import Errors, errors_of
from train.drift_shares import label_shares, missing_gold
from train.drift_table import dimension_lines
from train.drift_verdict import _share_signs
from train.record import RECORD
from train.run import Run
from train.scored import Scored

TOPIC = Dimension("topic", "multi", ("chips",))
STANCE = Dimension("stance", "single", ("none", "ahead", "closing"), "none")
CALIBRATED = np.array([0.6, 0.4, 0.0])


def scored(number: int, share: float, *, gold: bool, seed: int) -> Scored:
    """Two normal distributions, with exact probabilities where the second has a share of 40 %."""
    random = np.random.default_rng(seed)
    truth = random.random(number) < share
    values = random.normal(np.where(truth, 1, -1), 1.2)
    second = 1 / (1 + np.exp(-2 * values / 1.44) * 0.6 / 0.4)

    def labels(flags: np.ndarray) -> list[dict[str, str | list[str]]]:
        return [{"topic": ["chips"] if flag else [], "stance": "ahead" if flag else "none"} for flag in flags]

    groups = np.array([f"a{n // 10}" for n in range(number)])
    stance = np.stack([1 - second, second, np.zeros(number)], axis=1)
    scores = {"topic": second[:, None].astype(np.float32), "stance": stance.astype(np.float32)}
    return Scored("x", groups, ["t"] * number, scores, labels(second >= 0.5), labels(truth) if gold else [])


def shares_in(d: Dimension, new: Scored, errors: Errors | None, **options: np.ndarray) -> dict[str, dict]:
    return label_shares(scored(1000, 0.15, gold=True, seed=1), errors, new, d, seed=0, replicates=200, **options)


def errors_in(d: Dimension, old: Scored) -> Errors:
    found = errors_of(old, d)
    assert found is not None
    return found


@pytest.mark.parametrize("share", [0.15, 0.5])
def test_expectation_maximisation_starts_from_the_rows_that_were_calibrated_on(share: float):
    """Whatever the shares in the labelled reference are: here 15 %."""
    old, new = scored(1000, 0.15, gold=True, seed=1), scored(3000, share, gold=False, seed=2)
    chips = shares_in(TOPIC, new, errors_in(TOPIC, old), prior=np.array([0.4]))["chips"]
    assert [chips[way] for way in ("em", "corrected", "pacc")] == pytest.approx([share] * 3, abs=0.05)
    for row in shares_in(TOPIC, new, errors_in(TOPIC, old)).values():
        assert row["em"] is None
    signs = _share_signs("topic", {"chips": {**chips, "em": None}})
    assert len(signs) == (share == 0.5)
    assert "disagree" not in str(signs)
    assert "disagree" in str(_share_signs("topic", {"chips": {**chips, "em": 0.99}}))


def alike(articles: int, *, gold: bool, seed: int, share: float = 0.3) -> Scored:
    """Ten sentences an article, which have much in common; one answer in ten is wrong."""
    random = np.random.default_rng(seed)
    truth = random.random(articles * 10) < np.repeat(random.beta(share * 2, (1 - share) * 2, articles), 10)
    labels = [
        [{"topic": ["chips"] if flag else [], "stance": "ahead" if flag else "none"} for flag in flags]
        for flags in (truth ^ (random.random(len(truth)) < 0.1), truth)
    ]
    groups = np.repeat([f"a{n}" for n in range(articles)], 10)
    scores = {"topic": np.zeros((len(truth), 1), np.float32), "stance": np.zeros((len(truth), 3), np.float32)}
    return Scored("x", groups, ["t"] * len(truth), scores, labels[0], labels[1] if gold else [])


def chips_in(kind: str, seed: int, *, share: float = 0.3, articles: int = 20) -> dict:
    """Compare with labels, with the model's own report, or with what was scored before without labels."""
    old, new = alike(articles, gold=True, seed=seed), alike(100, gold=False, seed=seed + 1000, share=share)
    errors = errors_in(TOPIC, old if kind != "answers" else alike(100, gold=True, seed=seed + 2000))
    if kind != "labels":
        errors = replace(errors, by_article={})
    before = {"labels": old, "report": None, "answers": replace(old, gold=[])}[kind]
    return label_shares(before, errors, new, TOPIC, seed=seed, replicates=100)["chips"]


@pytest.mark.parametrize("kind", ["labels", "report", "answers"])
def test_a_reference_of_few_articles_is_uncertain_too(kind: str):
    """Its share varies with the articles that it happens to have: that is no drift."""
    rows = [chips_in(kind, seed) for seed in range(60)]
    low, high = np.array([row["reference_interval"] for row in rows]).T
    reference = np.array([row["reference"] for row in rows])
    assert ((low <= reference) & (reference <= high)).all()
    assert np.mean((low <= 0.3) & (high >= 0.3)) > 0.75
    known = [{key: value for key, value in row.items() if key != "reference_interval"} for row in rows]
    false = [np.mean([bool(_share_signs("topic", {"chips": row})) for row in part]) for part in (rows, known)]
    assert false[0] < 0.16
    assert false[1] > 2 * false[0]  # as if the reference's share were known
    assert all(_share_signs("topic", {"chips": chips_in(kind, seed, share=0.65)}) for seed in range(5))
    widths = [np.diff(chips_in(kind, 0, articles=n)["reference_interval"])[0] for n in (20, 200)]
    assert widths[1] < widths[0] / 2


@pytest.mark.parametrize(("corrected", "reference"), [(0.5, 0.4), (0.4, 0.5)])
def test_a_difference_is_one_beyond_both_intervals(corrected: float, reference: float):
    def found(width: float, before: float) -> bool:
        bounds = [[value - w, value + w] for value, w in ((corrected, width), (reference, before))]
        row = {"corrected": corrected, "reference": reference, "em": None}
        return bool(_share_signs("a", {"b": {**row, "interval": bounds[0], "reference_interval": bounds[1]}}))

    assert found(0.09, 0.0)
    assert found(0.07, 0.07)
    assert not found(0.08, 0.08)
    assert not found(0.0, 0.11)


def test_the_side_of_an_interval_that_faces_the_other_counts():
    row = {"corrected": 0.5, "reference": 0.4, "em": None, "interval": [0.45, 0.99], "reference_interval": [0.0, 0.45]}
    assert _share_signs("a", {"b": row})
    assert not _share_signs("a", {"b": {**row, "interval": [0.4, 0.99]}})
    assert not _share_signs("a", {"b": {**row, "reference_interval": [0.39, 0.5]}})


def test_a_reference_of_one_article_tells_of_no_difference():
    old, new = alike(1, gold=True, seed=3), alike(100, gold=False, seed=4, share=0.9)
    row = label_shares(old, errors_in(TOPIC, old), new, TOPIC, seed=0, replicates=50)["chips"]
    assert row["reference_interval"] is None
    assert row["interval"] is not None
    assert _share_signs("topic", {"chips": row}) == []
    errors = replace(errors_in(TOPIC, alike(30, gold=True, seed=3)), by_article={})
    one = label_shares(None, errors, alike(1, gold=False, seed=4), TOPIC, seed=0, replicates=50)["chips"]
    assert (one["interval"], one["reference_interval"]) == (None, None)


def test_the_table_shows_both_intervals():
    row = chips_in("labels", 0)
    found = {"confidence": None, "accuracy": None, "labels": {"chips": row}, "missing_gold": []}
    head, line = dimension_lines("topic", found)[1:]
    before, after = (f"[{low:.1%}, {high:.1%}]" for low, high in (row["reference_interval"], row["interval"]))
    assert f"{row['reference']:.1%} {before}" in line
    assert f"{row['corrected']:.1%} {after}" in line
    places = [head.index("reference"), line.index(before), head.index("counted")]
    places += [head.index("corrected"), line.index(after), head.index("EM")]
    assert places == sorted(places)
    assert len(head) == len(line)
    older = {**found, "labels": {"chips": {k: v for k, v in row.items() if k != "reference_interval"}}}
    assert before not in dimension_lines("topic", older)[2]


def test_a_label_without_gold_is_not_corrected_and_no_sign():
    old, new = scored(1000, 0.15, gold=True, seed=1), scored(3000, 0.5, gold=False, seed=2)
    errors = errors_in(STANCE, old)
    found = shares_in(STANCE, new, errors, prior=CALIBRATED)
    assert [row["corrected"] for row in found.values()] == [row["interval"] for row in found.values()] == [None] * 3
    assert [found[label]["em"] for label in ("none", "ahead")] == pytest.approx([0.5, 0.5], abs=0.05)
    assert found["closing"]["em"] is None
    assert _share_signs("stance", found) == []
    dimension = {"confidence": None, "accuracy": None, "labels": found, "missing_gold": missing_gold(errors, STANCE)}
    lines = dimension_lines("stance", dimension)
    assert lines[-1] == "  (not corrected, since errors are unknown: no gold sentence with closing)"
    assert lines[-2].split() == ["closing", "0.0%", "0.0%", "-", "-"]


def test_which_gold_is_missing():
    old = scored(100, 0.15, gold=True, seed=1)
    assert missing_gold(None, TOPIC) == missing_gold(errors_in(TOPIC, old), TOPIC) == []
    assert missing_gold(errors_in(TOPIC, scored(9, 0.0, gold=True, seed=1)), TOPIC) == ["with chips"]
    assert missing_gold(errors_in(TOPIC, scored(9, 1.0, gold=True, seed=1)), TOPIC) == ["without chips"]


def test_errors_are_counted_article_by_article():
    old = scored(100, 0.3, gold=True, seed=1)
    for d, name, size in ((TOPIC, "chips", 2), (STANCE, "", 3)):
        errors = errors_in(d, old)
        assert errors.articles == errors.by_article[name].shape[0] == 10
        table = np.zeros((size, size))
        for gold, answer in zip(old.gold, old.answers, strict=True):
            places = [int(part["topic"] == ["chips"]) for part in (gold, answer)]
            table[places[0], places[1]] += 1
        assert errors.confusions[name].tolist() == table.tolist()
        assert errors.by_article[name].sum() == 100


def test_what_a_model_was_calibrated_on_is_read_where_all_rows_were(make_run: Callable[..., Run], tmp_path: Path):
    run = make_run(tmp_path)
    model_folder, _ = train_baseline(run)
    tagger, path = Tagger.load(model_folder), model_folder / "evaluation" / "out_of_fold" / "report.json"
    found = calibration_shares(model_folder, tagger)
    rows = [e for e in run.examples if "topic" in e.labels]
    expected = [np.mean([label in e.labels["topic"] for e in rows]) for label in ("metals", "weather")]
    assert found["topic"] == pytest.approx(expected)
    report = json.loads(path.read_bytes())
    topic = report["dimensions"]["topic"]

    def known(**changes: object) -> bool:
        path.write_text(json.dumps({**report, "dimensions": {**report["dimensions"], "topic": topic | changes}}))
        return "topic" in calibration_shares(model_folder, tagger)

    assert known()
    assert not known(support={"metals": 1, "weather": 1})  # shares that its own probabilities do not give
    many = {label: 25 * number for label, number in topic["support"].items()}
    assert not known(sentences=25 * topic["sentences"], support=many)  # only the natural ones of so many rows
    assert not known(sentences=0)
    few = {**report, "sentences": report["sentences"] - 1}  # an update measures what is at hand, and keeps all answers
    path.write_text(json.dumps(few))
    assert calibration_shares(model_folder, tagger) == {}
    path.write_text("{}")
    with pytest.raises(ModelError, match="expected the report of this model"):
        calibration_shares(model_folder, tagger)
    (model_folder / RECORD).unlink()
    assert calibration_shares(model_folder, tagger) == {}
    shutil.rmtree(model_folder / "evaluation")
    assert calibration_shares(model_folder, tagger) == {}
