"""The relevance gate: a cheap model that tells which sentences can have any label at all.

Knows ``gate.safetensors`` and what the manifest says of it. Hashed n-grams
with one weight each, computed for thousands of sentences at once, so that the
transformer need not read what is of no concern to it. Knows no label.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file, save

from newslean.errors import ModelError
from newslean.files import write_file
from newslean.manifest import GATE_FILE, GATE_NUMBERS, Manifest

BITS = 18
"""The weights are 2 to this."""

MAX_CHARACTERS = 4_000
"""Of a sentence; no model reads more."""

MAX_BYTES = 1 << 20
"""Text that is hashed at once, so that memory stays bounded."""

CHARACTERS = 5
"""Length of the character n-grams (bytes)."""

_PRIME = 0x9E3779B97F4A7C15
_SCATTER = 0xD6E8FEB86659FD93


@dataclass(frozen=True, slots=True)
class Hashed:
    """N-grams of texts as columns of the weights.

    Attributes
    ----------
    texts : array of int64, shape (n-grams,)
        Number of the text that each stands in.
    columns : array of int64, shape (n-grams,)
        Its column, 0 to 2 to the `BITS` - 1.
    values : array of float64, shape (n-grams,)
        What it counts: those of one kind in one text have a length of about 1 together.
    """

    texts: NDArray[np.int64]
    columns: NDArray[np.int64]
    values: NDArray[np.float64]


class Gate:
    """One weight for each hashed n-gram; a sentence counts with the article that it stands in.

    Parameters
    ----------
    weights : array of float32, shape (2 ** BITS,)
        Of the n-grams.
    own, article, intercept : float
        Weights of a sentence's own score and of the mean score of its article, in the log odds of relevance.
    threshold : float
        Probability (0..1) under which a sentence is skipped.
    """

    def __init__(
        self, weights: NDArray[np.float32], *, own: float, article: float, intercept: float, threshold: float
    ) -> None:
        self.weights = weights.astype(np.float16).astype(np.float64)  # as they are kept: a saved gate skips the same
        self.own, self.article, self.intercept = own, article, intercept
        self.threshold = threshold

    def scores(self, texts: Sequence[str]) -> NDArray[np.float64]:
        """Score sentences by themselves: shape (len(texts),). A score does not hang on what stands beside it."""
        found, start = np.zeros(len(texts)), 0
        for part in parts_of(texts):
            hashed = hash_texts(part)
            weighted = self.weights[hashed.columns] * hashed.values
            found[start : start + len(part)] = np.bincount(hashed.texts, weighted, minlength=len(part))
            start += len(part)
        return found

    def relevance(self, texts: Sequence[str], articles: Sequence[int]) -> NDArray[np.float64]:
        """Give the probability that a sentence has any label but the neutral ones.

        Parameters
        ----------
        texts : sequence of str
            Sentences of whole articles.
        articles : sequence of int
            Number of the article of each.

        Returns
        -------
        array of float64, shape (len(texts),)
        """
        scores = self.scores(texts)
        return chances(self.own * scores + self.article * article_means(scores, articles) + self.intercept)

    def passes(self, texts: Sequence[str], articles: Sequence[int]) -> NDArray[np.bool_]:
        """Tell which sentences the model has to read; parameters as for `relevance`."""
        return np.asarray(self.relevance(texts, articles) >= self.threshold)

    def save(self, folder: str | Path) -> None:
        """Write ``gate.safetensors`` into an existing folder; the other numbers stand in the manifest."""
        write_file(Path(folder, GATE_FILE), save({"weights": self.weights.astype(np.float16)}))

    @classmethod
    def load(cls, folder: str | Path, manifest: Manifest) -> Self | None:
        """Load from a model folder whose hashes were checked; None if it has no gate.

        Raises
        ------
        ModelError
            If the weights are not those of a gate.
        """
        if not manifest.gate:
            return None
        try:
            weights = load_file(Path(folder, GATE_FILE))["weights"]
        except (OSError, KeyError, TypeError, ValueError, SafetensorError) as error:
            raise ModelError(f"{folder}: expected the weights of a gate; {error}. Restore the model folder.") from None
        if weights.shape != (1 << BITS,) or not np.isfinite(weights).all():
            raise ModelError(
                f"{folder}: expected {1 << BITS} weights of a gate; found others. Restore the model folder."
            )
        return cls(weights, **{name: manifest.gate[name] for name in GATE_NUMBERS})


def chances(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    """Turn log odds into probabilities."""
    return np.asarray(0.5 * (1 + np.tanh(logits / 2)))


def article_means(scores: NDArray[np.float64], articles: Sequence[int]) -> NDArray[np.float64]:
    """Give each sentence the mean score of its article."""
    numbers = np.asarray(articles, np.int64)
    sums, counts = np.bincount(numbers, scores), np.bincount(numbers)
    return np.asarray((sums / np.maximum(counts, 1))[numbers])


def hash_texts(texts: Sequence[str]) -> Hashed:
    """Cut texts into words, pairs of words and runs of characters, and hash them all at once.

    The hash of a run is that of Rabin and Karp (1987), "Efficient randomized pattern-matching algorithms", from
    running sums modulo 2 ** 64; feature hashing is from Weinberger et al. (2009), "Feature Hashing for Large Scale
    Multitask Learning".
    """
    encoded = [text[:MAX_CHARACTERS].lower().encode("utf-8", "replace") for text in texts]
    data = np.frombuffer(b"\0".join([*encoded, b""]), np.uint8)
    if not len(data):
        empty = np.zeros(0, np.int64)
        return Hashed(empty, empty, np.zeros(0))
    lengths = np.fromiter(map(len, encoded), np.int64, len(encoded))
    text_of = np.repeat(np.arange(len(encoded)), lengths + 1)
    starts, ends = _words(data)
    powers, inverses = _powers(max(MAX_BYTES, len(data)))
    sums = np.concatenate([[np.uint64(0)], np.cumsum(data.astype(np.uint64) * powers[: len(data)], dtype=np.uint64)])
    words = (sums[ends] - sums[starts]) * inverses[starts]
    owners = text_of[starts]
    same = owners[1:] == owners[:-1]
    pairs = (words[:-1] * np.uint64(_SCATTER) + words[1:])[same]
    at = np.arange(max(len(data) - CHARACTERS, 0))
    at = at[text_of[at] == text_of[at + CHARACTERS]] if len(at) else at  # the separator behind may close a run
    runs = (sums[at + CHARACTERS] - sums[at]) * inverses[at]
    families = [(words, owners), (pairs, owners[1:][same]), (runs, text_of[at])]
    columns, values = [], []
    for salt, (hashes, places) in enumerate(families, 1):
        mixed = (hashes ^ (hashes >> np.uint64(29))) * np.uint64(_SCATTER) + np.uint64(salt)
        columns.append(((mixed * np.uint64(_PRIME)) >> np.uint64(64 - BITS)).astype(np.int64))
        counts = np.bincount(places, minlength=len(encoded))
        values.append(1 / np.sqrt(counts[places]))
    return Hashed(np.concatenate([p for _, p in families]), np.concatenate(columns), np.concatenate(values))


def _words(data: NDArray[np.uint8]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Find where runs of letters and digits start and end; bytes of other scripts count as letters."""
    inside = _letters()[data]
    edges = np.diff(inside.astype(np.int8), prepend=0, append=0)
    return np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)


@cache
def _letters() -> NDArray[np.bool_]:
    return np.array([byte >= 128 or chr(byte).isalnum() for byte in range(256)])


@cache
def _powers(size: int) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    """Powers of an odd number modulo 2 ** 64, and their inverses."""
    both = []
    for base in (_PRIME, pow(_PRIME, -1, 1 << 64)):
        steps = np.full(size, base, np.uint64)
        steps[0] = 1
        both.append(np.multiply.accumulate(steps))
    return both[0], both[1]


def parts_of(texts: Sequence[str]) -> list[Sequence[str]]:
    """Cut a sequence of texts where the part before has reached what is hashed at once."""
    parts, start, size = [], 0, 0
    for n, text in enumerate(texts):
        length = 4 * min(len(text), MAX_CHARACTERS) + 1  # a character has at most four bytes
        if size + length > MAX_BYTES and n > start:
            parts.append(texts[start:n])
            start, size = n, 0
        size += length
    return [*parts, texts[start:]] if start < len(texts) else parts
