"""A third dimension is an edit of the schema and rows; rows that lack it still train the others."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from newslean.schema import Dimension, Schema
from newslean.tagger import Logits
from train.assess import cross_calibrated
from train.baseline import cross_fit, fit_baseline
from train.calibrate import calibrate, choose_mix, mean_macro_f1
from train.evaluate import evaluate, render_report, write_report
from train.folds import assign_folds
from train.labels import Example
from train.params import BaselineParams

FRAMES = ("race", "security", "economy", "regulation", "cooperation")
PARAMS = BaselineParams(char_ngrams=3)


def with_frame(examples: list[Example], kind: str, rows: dict[int, Any]) -> list[Example]:
    given = {n: ([] if value == "other" else [value]) if kind == "multi" else value for n, value in rows.items()}
    return [replace(e, labels=e.labels | ({"frame": given[n]} if n in given else {})) for n, e in enumerate(examples)]


def dimension(kind: Any) -> Dimension:
    return (
        Dimension("frame", kind, FRAMES) if kind == "multi" else Dimension("frame", kind, (*FRAMES, "other"), "other")
    )


def out_of_fold(rows: list[Example], folds: list[int], schema: Schema) -> Logits:
    """Do what `cross_fit` does, without its processes."""
    result = {d.name: np.zeros((len(rows), len(d.labels)), np.float32) for d in schema.dimensions}
    for fold in set(folds):
        model = fit_baseline([e for e, k in zip(rows, folds, strict=True) if k != fold], schema, PARAMS, seed=0)
        held_out = np.flatnonzero(np.array(folds) == fold)
        for name, values in model.logits([rows[n].text for n in held_out], [""] * len(held_out)).items():
            result[name][held_out] = values
    return result


CASES: dict[str, dict[int, str]] = {
    "no row": {},
    "one row": {7: "race"},
    "one article": {n: "race" if n % 2 else "other" for n in range(6)},
    "one label": dict.fromkeys(range(0, 54, 3), "economy"),
    "neutral alone": dict.fromkeys(range(0, 54, 3), "other"),
    "two labels": {n: ("security", "other")[n % 2] for n in range(54)},
    "all rows": {n: (*FRAMES, "other")[n % 6] for n in range(54)},
}


@pytest.mark.parametrize("kind", ["multi", "single"])
@pytest.mark.parametrize("case", CASES)
def test_a_third_dimension(kind: str, case: str, examples: list[Example], schema: Schema, tmp_path: Path) -> None:
    three = Schema((*schema.dimensions, dimension(kind)))
    rows = with_frame(examples, kind, CASES[case])
    folds = assign_folds(rows, folds=2, seed=0)
    logits = out_of_fold(rows, folds, three)
    assert logits["frame"].shape == (54, len(three["frame"].labels))
    assert all(np.isfinite(values).all() for values in logits.values())
    before = out_of_fold(examples, folds, schema)
    for name in schema.names:  # the others learn what they did
        assert logits[name] == pytest.approx(before[name], abs=1e-4)
    calibration = calibrate(logits, [e.labels for e in rows], three)
    assert 0 < calibration.temperature["frame"] < 21
    assert choose_mix(logits, logits, rows, three)["frame"] == 1.0
    assert 0 <= mean_macro_f1(logits, rows, three) <= 1
    found = cross_calibrated("baseline", logits, rows, folds, three, beside=logits if case == "one article" else None)
    report = evaluate(three, rows, [found], seed=0, replicates=50)
    assert report["dimensions"]["frame"]["sentences"] == len(CASES[case])
    if case == "no row":  # drawing takes seconds
        write_report(report, rows, [found], three, tmp_path)
    assert "frame" in render_report(report)
    if case == "all rows":  # each text stands in every article: n-grams can tell them apart
        assert report["dimensions"]["frame"]["models"]["baseline"]["macro_f1"] > 0.6


def test_cross_fit_with_a_dimension_that_some_folds_lack(examples: list[Example], schema: Schema) -> None:
    three = Schema((*schema.dimensions, dimension("single")))
    rows = with_frame(examples, "single", CASES["one article"])
    folds = assign_folds(rows, folds=2, seed=0)
    logits = cross_fit(rows, folds, three, PARAMS, seed=0)
    for name, values in out_of_fold(rows, folds, three).items():
        assert logits[name] == pytest.approx(values, abs=1e-4)


def test_a_label_is_learnt_from_the_few_rows_that_have_it(examples: list[Example], schema: Schema) -> None:
    three = Schema((*schema.dimensions, dimension("single")))
    rows = with_frame(examples, "single", {n: ("security" if n % 6 == 2 else "other") for n in range(24)})
    model = fit_baseline(rows, three, PARAMS, seed=0)
    scores = model.logits(["Rain fell on the Jorvik harbour for most of the week."], [""])["frame"][0]
    assert three["frame"].labels[scores.argmax()] == "security"
