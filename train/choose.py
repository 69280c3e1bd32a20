"""Which unlabelled sentences are worth a coder's time: probabilities to numbers, numbers to a batch.

Knows arrays and a schema; knows no file, no model and no label by name. The
benchmark ``active_learning.py`` simulates with this very code.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from scipy.stats import rankdata

from newslean.schema import Schema
from newslean.tagger import Logits
from train.shift import divergence

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Strategy:
    """How much each reason counts. Chosen by `benchmarks/active_learning.py`; see train/LOG.md.

    Attributes
    ----------
    uncertainty, disagreement, rarity : float
        Weights of the three ranks, see `utilities`.
    spread : float
        What likeness (0..1) to a sentence of the batch takes from a sentence's utility (0..1).
    repeat : float
        Likeness from which a sentence says nothing new beside one of the batch.
    """

    uncertainty: float = 1.0
    disagreement: float = 0.5
    rarity: float = 1.0
    spread: float = 0.5
    repeat: float = 0.8


SHIPPED = Strategy()
"""What ``python -m train labels next`` chooses by."""


def uncertainty(probabilities: Logits, schema: Schema) -> Floats:
    """Say how unsure a model is of each sentence: 0..1, the mean over dimensions.

    ``single``: 1 less the margin between the two likeliest labels (Scheffer et al. 2001, "Active Hidden Markov
    Models"). ``multi``: the same margin between yes and no, of the label that is least sure. How sure it is of what is
    true, that is, not how near a label is to the threshold from which it is given.
    """
    parts = []
    for d in schema.dimensions:
        values = probabilities[d.name].astype(np.float64)
        if d.multi:
            parts.append(1 - np.abs(2 * values - 1).min(axis=1))
        else:
            top = np.partition(values, -2, axis=1)
            parts.append(1 - (top[:, -1] - top[:, -2]))
    return np.asarray(np.mean(parts, axis=0))


def disagreement(first: Logits, second: Logits, schema: Schema) -> Floats:
    """Say how far two models' answers lie apart: their Jensen-Shannon divergence in bits, the mean over dimensions.

    The committee of two of Engelson and Dagan (1996), with the divergence of McCallum and Nigam (1998) from the mean.
    ``multi``: of the label where it is greatest.
    """
    parts = []
    for d in schema.dimensions:
        a, b = first[d.name].astype(np.float64), second[d.name].astype(np.float64)
        if d.multi:
            a, b = np.stack([a, 1 - a]), np.stack([b, 1 - b])
            parts.append(divergence(a, b, axis=0).max(axis=1))
        else:
            parts.append(divergence(a, b, axis=1))
    return np.asarray(np.mean(parts, axis=0))


def rarity(probabilities: Logits, schema: Schema, shares: Mapping[str, Floats]) -> Floats:
    """Say how rare the labels are that a model expects in each sentence, the mean over dimensions.

    Parameters
    ----------
    shares : mapping
        Dimension to the share of each label in all that was looked at, shape (labels,).

    Returns
    -------
    array of float
        Sum over labels of probability times surprise, ``-log2(share)``: without a label (``multi``) it is near 0.
    """
    parts = []
    for d in schema.dimensions:
        surprise = -np.log2(np.clip(shares[d.name], 1e-4, 1))
        parts.append(probabilities[d.name].astype(np.float64) @ surprise / max(float(surprise.max()), 1e-9))
    return np.asarray(np.mean(parts, axis=0))


def reasons_for(
    found: Logits, schema: Schema, shares: Mapping[str, Floats], parts: Sequence[Logits]
) -> dict[str, Floats]:
    """Give all that speaks for each sentence, by the names of `Strategy`'s weights.

    Parameters
    ----------
    found : dict
        Probabilities of the whole model.
    shares : mapping
        As for `rarity`.
    parts : sequence of dict
        Probabilities of the two models that it is made of; of fewer there is no disagreement.
    """
    reasons = {"uncertainty": uncertainty(found, schema), "rarity": rarity(found, schema, shares)}
    return reasons | ({"disagreement": disagreement(parts[0], parts[1], schema)} if len(parts) > 1 else {})


def utilities(reasons: Mapping[str, Floats], strategy: Strategy) -> Floats:
    """Weigh reasons together, each as its rank among all sentences (0..1), so that none drowns another.

    Parameters
    ----------
    reasons : mapping
        Names of `Strategy`'s weights to values of shape (sentences,); one that is missing does not count.
    """
    weights = {name: weight for name, weight in asdict(strategy).items() if name in reasons and weight}
    if not weights:
        return np.zeros(len(next(iter(reasons.values()))))
    total = sum(weight * _ranks(reasons[name]) for name, weight in weights.items())
    return np.asarray(total / sum(weights.values()), dtype=np.float64)


def pick(
    utility: Floats, terms: csr_matrix, number: int, *, strategy: Strategy, taken: Sequence[int] = ()
) -> list[int]:
    """Choose a batch: again and again the best sentence after what its likeness to the batch takes away.

    Maximal marginal relevance (Carbonell and Goldstein 1998), as greedy as the k-centre choice of Sener and Savarese
    (2018), in the space of term weights.

    Parameters
    ----------
    terms : sparse array of shape (sentences, terms)
        Rows of length 1: their products are likenesses of 0..1.
    taken : sequence of int
        Sentences that are in the batch already.

    Returns
    -------
    list of int
        At most ``number`` further sentences, the best first; fewer where all others repeat one of the batch.
    """
    likeness, free = np.zeros(len(utility)), np.ones(len(utility), dtype=bool)
    chosen: list[int] = []
    for n in taken:
        likeness, free[n] = np.maximum(likeness, _likeness(terms, n)), False
    while len(chosen) < number:
        value = np.where(free & (likeness < strategy.repeat), utility - strategy.spread * likeness, -np.inf)
        best = int(value.argmax())
        if value[best] == -np.inf:
            break
        chosen.append(best)
        likeness, free[best] = np.maximum(likeness, _likeness(terms, best)), False
    return chosen


def term_rows(texts: Sequence[str]) -> csr_matrix:
    """Weigh the pieces of words in each text (TF-IDF), rows of length 1; any script will do."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    vectorizer = TfidfVectorizer(
        analyzer="char_wb", ngram_range=(2, 4), sublinear_tf=True, strip_accents="unicode", dtype=np.float32
    )
    return csr_matrix(vectorizer.fit_transform(texts))


def _likeness(terms: csr_matrix, n: int) -> Floats:
    return np.asarray((terms @ terms[n].T).toarray()[:, 0], dtype=np.float64)


def _ranks(values: Floats) -> Floats:
    return np.asarray((rankdata(values) - 0.5) / max(len(values), 1), dtype=np.float64)
