from dataclasses import replace

import numpy as np
import pytest

from newslean.schema import Schema
from train.baseline import cross_fit, fit_baseline
from train.folded import fit_all
from train.folds import assign_folds
from train.labels import Example
from train.params import BaselineParams


@pytest.mark.parametrize("params", [BaselineParams(char_ngrams=3), BaselineParams(min_df=3, sublinear_tf=False)])
def test_the_fits_are_those_of_the_baseline(examples: list[Example], schema: Schema, params: BaselineParams):
    rows, also = examples[:36], [replace(e, source="authored") for e in examples[36:]]
    folds = assign_folds(rows, folds=3, seed=0)
    logits, baseline = fit_all(rows, folds, schema, params, also=also, seed=0)
    expected = cross_fit(rows, folds, schema, params, also=also, seed=0)
    for name, values in expected.items():
        np.testing.assert_allclose(logits[name], values, atol=1e-4)
    alone = fit_baseline([*rows, *also], schema, params, seed=0)
    for ours, theirs in zip(baseline.views, alone.views, strict=True):
        assert ours.columns == theirs.columns
        np.testing.assert_allclose(ours.idf, theirs.idf, rtol=1e-6)
    texts = [e.text for e in examples]
    for name, values in alone.logits(texts, [""] * len(texts)).items():
        np.testing.assert_allclose(baseline.logits(texts, [""] * len(texts))[name], values, atol=1e-4)
