"""Texts that are almost the same, found without comparing each with each.

Knows texts; knows no row. MinHash (Broder 1997) with banding finds candidates,
which are then compared exactly.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.feature_extraction.text import HashingVectorizer

NEAR = 0.8
"""Share of their character 5-grams (Jaccard's index) from which two texts are near-duplicates."""

MIN_LENGTH = 40
"""Shorter texts ("Conclusion", "Read more") stand in many articles and tell nothing of each other."""

BANDS, ROWS = 16, 4
"""Two texts with Jaccard's index s meet in a band with probability 1 - (1 - s^4)^16: 0.9998 at 0.8, 0.1 at 0.3."""

WINDOW = 20
"""In a band, a text is compared with so many that stand beside it, so that 10,000 alike do not make 10^8 pairs."""

SLACK = 0.15
"""The estimate from 64 hashes may be so much too low (three standard errors)."""

BLOCK = 4096
PAIRS = 20_000

Array = NDArray[Any]


def plain_text(text: str) -> str:
    """Give a text as it is compared: case and white space make no difference."""
    return " ".join(text.casefold().split())


def near_pairs(texts: Sequence[str], *, threshold: float = NEAR) -> list[tuple[int, int, float]]:
    """Find pairs of near-duplicates.

    Parameters
    ----------
    texts : sequence of str
        All different, as `plain_text` gives them.
    threshold : float
        Least similarity.

    Returns
    -------
    list of (int, int, float)
        Numbers of two texts, the lower first, and their similarity; the most similar first. Memory grows with the
        number of texts, not with its square.
    """
    long = np.array([n for n, text in enumerate(texts) if len(text) >= MIN_LENGTH], dtype=np.int64)
    if len(long) < 2:
        return []
    chosen = [texts[n] for n in long]
    signatures = np.concatenate([_signatures(chosen[k : k + BLOCK]) for k in range(0, len(chosen), BLOCK)])
    candidates = np.unique(np.concatenate([*_candidates(signatures, threshold - SLACK)]))
    first, second = np.divmod(candidates, len(chosen))
    found: list[tuple[int, int, float]] = []
    for k in range(0, len(candidates), PAIRS):
        left, right = first[k : k + PAIRS], second[k : k + PAIRS]
        similar = _similarities(chosen, left, right)
        near = similar >= threshold
        found += zip(long[left[near]].tolist(), long[right[near]].tolist(), similar[near].tolist(), strict=True)
    return sorted(found, key=lambda pair: (-pair[2], pair[:2]))


def _grams(texts: Sequence[str]) -> Any:
    """Give the set of hashed 5-grams of each text, as a sparse array of ones."""
    vectorizer = HashingVectorizer(
        analyzer="char",
        ngram_range=(5, 5),
        n_features=2**26,
        lowercase=False,
        binary=True,
        norm=None,
        alternate_sign=False,
        dtype=np.float32,
    )
    return vectorizer.transform(texts)


def _signatures(texts: Sequence[str]) -> Array:
    """MinHash signatures, shape (texts, BANDS * ROWS); multiply-add-shift hashing."""
    grams = _grams(texts)
    rng = np.random.default_rng(0)  # any numbers do; the same ones each time
    factors = rng.integers(1, 2**63, size=BANDS * ROWS, dtype=np.uint64) | np.uint64(1)
    terms = rng.integers(0, 2**63, size=BANDS * ROWS, dtype=np.uint64)
    values, starts = grams.indices.astype(np.uint64), grams.indptr[:-1]
    found = np.empty((len(texts), BANDS * ROWS), np.uint32)
    for k, (factor, term) in enumerate(zip(factors, terms, strict=True)):
        found[:, k] = np.minimum.reduceat(((values * factor + term) >> np.uint64(32)).astype(np.uint32), starts)
    return found


def _candidates(signatures: Array, least: float) -> Iterator[Array]:
    """Yield pairs of texts, as first * texts + second, that share a band and seem similar enough."""
    size = len(signatures)
    for band in range(BANDS):
        key = np.zeros(size, np.uint64)
        for column in signatures[:, band * ROWS : (band + 1) * ROWS].T:
            key = (key ^ column) * np.uint64(0x9E3779B97F4A7C15)
            key ^= key >> np.uint64(29)
        order = np.argsort(key, kind="stable")
        key = key[order]
        for step in range(1, min(WINDOW + 1, size)):
            same = np.flatnonzero(key[step:] == key[:-step])
            if not len(same):
                break
            for k in range(0, len(same), PAIRS):
                one, other = order[same[k : k + PAIRS]], order[same[k : k + PAIRS] + step]
                near = (signatures[one] == signatures[other]).mean(axis=1) >= least
                yield np.minimum(one, other)[near] * size + np.maximum(one, other)[near]
    yield np.array([], dtype=np.int64)


def _similarities(texts: Sequence[str], left: Array, right: Array) -> Array:
    """Jaccard's index of pairs of texts."""
    rows, place = np.unique(np.concatenate([left, right]), return_inverse=True)
    grams = _grams([texts[n] for n in rows])
    one, other = grams[place[: len(left)]], grams[place[len(left) :]]
    both = np.asarray(one.multiply(other).sum(axis=1)).ravel()
    sizes = np.diff(one.indptr) + np.diff(other.indptr)
    return np.asarray(both / (sizes - both))
