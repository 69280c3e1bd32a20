"""The simulation of active_learning.py: a pool whose labels are hidden, batches chosen from it, what each batch brings.

The learner is the trainer's kind of baseline (TF-IDF and balanced logistic
regression), logistic regression on the frozen encoder, or both together as
the shipped model has them. Knows arrays; prints nothing.
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from numpy.typing import NDArray
from scipy.sparse import csr_matrix, hstack
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression

from newslean.baseline import WORD
from newslean.calibration import Calibration, probabilities
from newslean.schema import Schema
from newslean.tagger import Logits
from train.calibrate import hard_labels
from train.choose import SHIPPED, Strategy, pick, reasons_for, term_rows, utilities
from train.folds import assign_folds
from train.labels import Example
from train.metrics import count, indicator

STRATEGIES: dict[str, Strategy | None] = {
    "random": None,
    "uncertainty": replace(SHIPPED, disagreement=0, rarity=0, spread=0, repeat=2),
    "shipped": SHIPPED,
}
"""What is compared; the second is what most tools offer, the first what people do."""

RANDOM_SHARES = {"shipped": 0.1}
"""Share of each batch that ``labels next`` draws at random: simulated too, since it costs labels."""


@dataclass(frozen=True)
class Plan:
    """One simulation: how many labels it begins with, adds at a time and ends with."""

    start: int = 100
    batch: int = 50
    end: int = 1000
    pool: int = 6000
    test: int = 3000


@dataclass(frozen=True)
class World:
    """Pool and test rows of one seed, whole articles on either side, as features and hidden labels."""

    schema: Schema
    pool: list[Example]
    test: list[Example]
    views: list[tuple[Any, Any]]
    terms: csr_matrix


def make_world(examples: Sequence[Example], schema: Schema, plan: Plan, *, seed: int, embeddings: Any = None,
               learner: str = "baseline") -> World:  # fmt: skip
    """Deal articles to pool and test, and turn their sentences into features.

    Parameters
    ----------
    embeddings : array of shape (examples, hidden), optional
        For the learners that need them.
    """
    folds = np.array(assign_folds(examples, folds=4, seed=seed))
    random = np.random.default_rng(seed)
    groups = np.array([e.group for e in examples])

    def deal(rows: NDArray[np.intp], size: int) -> list[int]:
        names = random.permutation(np.unique(groups[rows]))
        order = {name: k for k, name in enumerate(names)}
        chosen = sorted(rows.tolist(), key=lambda n: order[groups[n]])
        last = groups[chosen[min(size, len(chosen)) - 1]]
        return [n for n in chosen if order[groups[n]] <= order[last]]

    pool, test = deal(np.flatnonzero(folds != 0), plan.pool), deal(np.flatnonzero(folds == 0), plan.test)
    texts = [[examples[n].text for n in rows] for rows in (pool, test)]
    views: list[tuple[Any, Any]] = []
    if learner in ("baseline", "both"):
        pairs = [_tfidf(analyzer, *texts) for analyzer in ("word", "char_wb")]
        views.append(tuple(hstack([pair[k] for pair in pairs], format="csr") for k in (0, 1)))
    if learner in ("embeddings", "both"):
        views.append((embeddings[pool], embeddings[test]))
    return World(schema, [examples[n] for n in pool], [examples[n] for n in test], views, term_rows(texts[0]))


def _tfidf(analyzer: str, pool: list[str], test: list[str]) -> tuple[csr_matrix, csr_matrix]:
    """Weigh n-grams as train/params/baseline.toml does. The pool's texts are at hand before any label is."""
    vectorizer = TfidfVectorizer(
        analyzer=analyzer,
        ngram_range=(1, 2) if analyzer == "word" else (2, 5),
        sublinear_tf=True,
        min_df=2,
        strip_accents="unicode",
        token_pattern=WORD if analyzer == "word" else None,
        dtype=np.float32,
    )
    return vectorizer.fit_transform(pool), vectorizer.transform(test)


def simulate(
    world: World, plan: Plan, strategy: Strategy | None, *, seed: int, random_share: float = 0.0
) -> list[tuple[int, float]]:
    """Label batch after batch as a strategy says.

    All strategies begin with the same sentences, drawn at random.

    Returns
    -------
    list of (labels, score)
        Number of labelled sentences, and mean over dimensions of macro-F1 on the test articles.
    """
    random = np.random.default_rng(seed)
    labelled = random.permutation(len(world.pool))[: plan.start].tolist()
    curve = []
    while True:
        answers = [_fit(world, labelled, view) for view in range(len(world.views))]
        curve.append((len(labelled), _score(world, [test for _, test in answers])))
        if len(labelled) >= min(plan.end, len(world.pool)):
            return curve
        free = np.setdiff1d(np.arange(len(world.pool)), labelled)
        if strategy is None:
            labelled += random.permutation(free)[: plan.batch].tolist()
        else:
            drawn = random.permutation(len(free))[: round(random_share * plan.batch)].tolist()
            labelled += _choose(world, free, [pool for pool, _ in answers], plan.batch, strategy, drawn)


def _choose(world: World, free: NDArray[np.intp], answers: list[Logits], number: int, strategy: Strategy,
            drawn: list[int]) -> list[int]:  # fmt: skip
    """Choose as `train.suggest` does."""
    parts = [{name: values[free] for name, values in found.items()} for found in answers]
    everything = {name: np.mean([part[name] for part in parts], axis=0) for name in parts[0]}
    shares = {name: values.mean(axis=0, dtype=np.float64) for name, values in everything.items()}
    utility = utilities(reasons_for(everything, world.schema, shares, parts), strategy)
    picked = pick(utility, world.terms[free], number - len(drawn), strategy=strategy, taken=drawn)
    return free[[*drawn, *picked]].tolist()


def _fit(world: World, labelled: list[int], view: int) -> tuple[Logits, Logits]:
    """Fit one model per dimension; give probabilities of pool and test."""
    pool, test = world.views[view]
    if isinstance(pool, csr_matrix):
        used = np.unique(pool[labelled].indices)  # the others' weights would be 0
        pool, test = pool[:, used], test[:, used]
    train = pool[labelled]
    logits: tuple[Logits, Logits] = ({}, {})
    for d in world.schema.dimensions:
        gold = indicator(d, [world.pool[n].labels[d.name] for n in labelled])
        for found, features in zip(logits, (pool, test), strict=True):
            found[d.name] = np.full((features.shape[0], len(d.labels)), -10.0, np.float32)
        for k, target in enumerate(gold.T if d.multi else [gold.argmax(1)]):
            classes, values = _decision(train, target, (pool, test))
            for found, part in zip(logits, values, strict=True):
                if not d.multi:
                    found[d.name][:, classes] = part
                elif len(classes) > 1:
                    found[d.name][:, k] = part[:, 1] - part[:, 0]
    plain = Calibration(temperature=dict.fromkeys(world.schema.names, 1.0))
    return probabilities(logits[0], world.schema, plain), probabilities(logits[1], world.schema, plain)


def _decision(train: Any, target: NDArray[Any], parts: Sequence[Any]) -> tuple[NDArray[Any], list[NDArray[Any]]]:
    """Fit one model; give its classes, and the logits of each part, shape (sentences, classes)."""
    classes = np.unique(target)
    if len(classes) < 2:
        return classes, [np.full((part.shape[0], 1), 10.0) for part in parts]
    model = LogisticRegression(C=1.34, class_weight="balanced", max_iter=200, tol=1e-3).fit(train, target)
    values = [model.decision_function(part) for part in parts]
    return classes, [np.stack([-v / 2, v / 2], axis=1) if v.ndim == 1 else v for v in values]


def _score(world: World, answers: list[Logits]) -> float:
    scores = []
    for d in world.schema.dimensions:
        found = np.mean([part[d.name] for part in answers], axis=0)
        guess = hard_labels(d, found - 0.5 if d.multi else found)
        gold = indicator(d, [e.labels[d.name] for e in world.test])
        scores.append(float(count(gold, guess, ["all"] * len(gold)).macro_f1()[0]))
    return float(np.mean(scores))
