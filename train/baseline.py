"""Fitting the TF-IDF baseline with scikit-learn.

Knows examples and `BaselineParams`; gives a `newslean.baseline.Baseline`.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix, hstack
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.svm import LinearSVC

from newslean.baseline import VIEWS, WORD, Baseline, View, key_of
from newslean.errors import DataError
from newslean.schema import Dimension, Schema
from newslean.tagger import Logits
from train.cores import on_all_cores
from train.labels import AUTHORED_SOURCE, Example
from train.params import BaselineParams


class TooFewWordsError(DataError):
    """There is no n-gram to learn from."""


def too_few_words(rows: int, params: BaselineParams) -> TooFewWordsError:
    """Say what rows to fit on must hold."""
    return TooFewWordsError(
        f"labels: expected texts with words of which some stand in {params.min_df} rows or more (min_df in "
        f"baseline.toml), whichever fold is held out; found too few in {rows:,} rows. Add rows."
    )


def fit_baseline(examples: Sequence[Example], schema: Schema, params: BaselineParams, *, seed: int) -> Baseline:
    """Fit one linear model per dimension on word and character n-grams.

    Parameters
    ----------
    examples : sequence of Example
        A row that lacks a dimension is left out of that dimension's model.
    seed : int
        For the order in which a linear SVM sees its rows.

    Raises
    ------
    TooFewWordsError
        If no n-gram is frequent enough.
    """
    views, blocks = [], []
    for name in VIEWS:
        fitted = _vectorizer(name, params)
        try:
            blocks.append(fitted.fit_transform([example.text for example in examples]))
        except ValueError:  # what the vectorizer raises without a term; it refuses no text
            raise too_few_words(len(examples), params) from None
        keys = np.array([key_of(term) for term in fitted.get_feature_names_out()], np.int64)
        views.append(View(name, fitted.ngram_range, params.sublinear_tf, keys, fitted.idf_.astype(np.float32)))
    features = hstack(blocks, format="csr")
    weights = {d.name: _fit_dimension(d, features, examples, params, seed) for d in schema.dimensions}
    return Baseline(views, weights)


def cross_fit(
    examples: Sequence[Example],
    folds: Sequence[int],
    schema: Schema,
    params: BaselineParams,
    *,
    also: Sequence[Example] = (),
    seed: int,
) -> Logits:
    """Score every example by a baseline fitted on the other folds, one fold a core.

    Parameters
    ----------
    folds : sequence of int
        Fold of each example, 0 to the number of folds - 1.
    also : sequence of Example
        Rows that every fold is fitted on as well.

    Returns
    -------
    dict
        Dimension to float32 array of shape (examples, labels).

    Raises
    ------
    TooFewWordsError
        If no n-gram of a fit is frequent enough.
    """
    assigned = np.array(folds)

    def score(fold: int) -> Logits:
        training = [*(e for e, k in zip(examples, folds, strict=True) if k != fold), *also]
        texts = [e.text for e, k in zip(examples, folds, strict=True) if k == fold]
        return fit_baseline(training, schema, params, seed=seed).logits(texts, [""] * len(texts))

    count, length = max(folds) + 1, sum(len(e.text) for e in (*examples, *also))
    try:
        found = on_all_cores(score, [(fold,) for fold in range(count)], characters=count * length)
    except TooFewWordsError:  # of a fold; the user knows all rows
        raise too_few_words(len(examples) + len(also), params) from None
    result = {d.name: np.zeros((len(examples), len(d.labels)), np.float32) for d in schema.dimensions}
    for fold, part in enumerate(found):
        for name, values in part.items():
            result[name][assigned == fold] = values
    return result


def _vectorizer(view: str, params: BaselineParams) -> Any:
    return TfidfVectorizer(
        analyzer=view,
        ngram_range=(1, params.word_ngrams) if view == "word" else (2, params.char_ngrams),
        sublinear_tf=params.sublinear_tf,
        min_df=params.min_df,
        strip_accents="unicode",
        token_pattern=WORD if view == "word" else None,
        dtype=np.float32,
    )


def _fit_dimension(
    d: Dimension, features: csr_matrix, examples: Sequence[Example], params: BaselineParams, seed: int
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    rows = [n for n, example in enumerate(examples) if d.name in example.labels]
    values = [examples[n].labels[d.name] for n in rows]
    weights = np.array([params.authored_weight if examples[n].source == AUTHORED_SOURCE else 1.0 for n in rows])
    coefficients = np.zeros((len(d.labels), features.shape[1]), dtype=np.float32)
    intercepts = np.full(len(d.labels), -10.0, dtype=np.float32)
    if not rows:
        return coefficients, intercepts
    if d.multi:
        for k, label in enumerate(d.labels):
            gold = np.array([label in value for value in values])
            model = _fit(features[rows], gold, weights, params, seed)
            if model is None:
                intercepts[k] = 10.0 if gold.any() else -10.0
            else:
                coefficients[k], intercepts[k] = model.coef_[0], model.intercept_[0]
        return coefficients, intercepts
    gold = np.array([d.labels.index(str(value)) for value in values])
    model = _fit(features[rows], gold, weights, params, seed)
    if model is None:
        intercepts[gold[:1]] = 10.0
    elif len(model.classes_) == 2:  # scikit-learn gives one row for two classes
        for sign, k in zip((-0.5, 0.5), model.classes_, strict=True):
            coefficients[k], intercepts[k] = sign * model.coef_[0], sign * model.intercept_[0]
    else:
        coefficients[model.classes_], intercepts[model.classes_] = model.coef_, model.intercept_
    return coefficients, intercepts


def _fit(
    features: csr_matrix, gold: NDArray[np.int64], weights: NDArray[np.float64], params: BaselineParams, seed: int
) -> LogisticRegression | LinearSVC | None:
    """Fit one classifier; None where there is only one class to learn."""
    if len(np.unique(gold)) < 2:
        return None
    weight = "balanced" if params.balanced else None
    if params.classifier == "svm":
        return LinearSVC(C=params.C, class_weight=weight, random_state=seed).fit(features, gold, sample_weight=weights)
    return LogisticRegression(C=params.C, class_weight=weight, max_iter=1000).fit(features, gold, sample_weight=weights)
