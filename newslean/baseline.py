"""The TF-IDF baseline: n-grams, their weights, nothing else.

Knows ``weights.safetensors`` and ``vocabulary.json``. Cuts and weighs a
sentence as scikit-learn's ``TfidfVectorizer`` does, which the trainer fits,
so that tagging does without scikit-learn.

A model knows its n-grams by their keys alone: no words of what it was trained
on, which may not be its maker's to pass on, stand in its folder. That is no
secret: who guesses an n-gram can look whether its key is there.
"""

import binascii
import json
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file, save

from newslean.errors import ModelError
from newslean.files import write_file
from newslean.manifest import Manifest
from newslean.schema import Schema

VIEWS = ("word", "char_wb")
"""The two ways a sentence is cut into n-grams."""

WORD = r"(?u)\b[\w.]*\w\b"
"""A word: keeps "U.S.", "o1" and single characters, which scikit-learn's own pattern drops."""

LONGEST_WORD = 32
"""Characters of a word whose columns are kept for when it comes again: few words make up most of a text."""

WORDS_REMEMBERED = 2**13
"""Words whose columns are kept; with one more, all are forgotten, which comes seldom and costs little."""

_BROKEN = (OSError, ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError, SafetensorError)

BASELINE_FILES = ("weights.safetensors", "vocabulary.json")


@dataclass(frozen=True, slots=True)
class View:
    """One way to cut a sentence, and what its terms weigh.

    Attributes
    ----------
    ngram_range : (int, int)
        Shortest and longest n-gram, in words or characters.
    sublinear_tf : bool
        Whether a term that stands n times counts 1 + log(n).
    keys : array of int64, shape (terms,)
        Key of each term, see `key_of`.
    idf : array of float32, shape (terms,)
        Inverse document frequencies.
    columns : dict
        Key to the number of its term. Of two terms with one key, which among 100,000 terms happens about once in 50,000
        trainings, the latter counts.
    remembered : dict
        Word to the columns of its known n-grams, of up to `WORDS_REMEMBERED` words.
    """

    name: str
    ngram_range: tuple[int, int]
    sublinear_tf: bool
    keys: NDArray[np.int64]
    idf: NDArray[np.float32]
    columns: dict[int, int] = field(init=False, repr=False)
    # No `lru_cache`: one that a view has for itself does not go from process to process.
    remembered: dict[str, list[int]] = field(init=False, repr=False, compare=False, default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "columns", dict(zip(self.keys.tolist(), range(len(self.keys)), strict=True)))

    def weigh(self, text: str) -> tuple[NDArray[np.intp], NDArray[np.float32]]:
        """Give the columns of a sentence's known terms, and their TF-IDF scaled to length 1."""
        counts = Counter(self._columns_in(text))
        columns = np.fromiter(counts, np.intp, len(counts))
        values = np.fromiter(counts.values(), np.float32, len(counts))
        if self.sublinear_tf:
            values = 1 + np.log(values)
        values = values * self.idf[columns]
        return columns, values / max(float(np.sqrt(values @ values)), 1e-12)

    def _columns_in(self, text: str) -> list[int]:
        """Give the column of each known term of a text, remembering those of words."""
        if self.name == "word":
            return self._known(cut(self.name, text, self.ngram_range))
        found: list[int] = []
        for word in _plain(text.lower()).split():
            columns = self.remembered.get(word)
            if columns is None:
                columns = self._known(_cut_word(word, *self.ngram_range))
                if len(word) <= LONGEST_WORD:  # a longer one is no word, and a megabyte of it must not be kept
                    if len(self.remembered) >= WORDS_REMEMBERED:
                        self.remembered.clear()
                    self.remembered[word] = columns
            found += columns
        return found

    def _known(self, terms: Iterable[str]) -> list[int]:
        columns = self.columns
        return [column for term in terms if (column := columns.get(key_of(term))) is not None]


def key_of(term: str) -> int:
    """Give the key of an n-gram: its CRC of 32 bits, then one of 16 of another kind.

    Examples
    --------
    >>> key_of("chips")
    78166470392132
    """
    data = term.encode("utf-8", "surrogatepass")
    return binascii.crc32(data) << 16 | binascii.crc_hqx(data, 0xFFFF)


def cut(view: str, text: str, ngram_range: tuple[int, int]) -> Iterator[str]:
    """Cut a text into n-grams of words, or of the characters of each word with a space on either side.

    Examples
    --------
    >>> [*cut("word", "The U.S. café", (1, 2))]
    ['the', 'u.s', 'cafe', 'the u.s', 'u.s cafe']
    >>> [*cut("char_wb", "ab c", (2, 3))]
    [' a', 'ab', 'b ', ' ab', 'ab ', ' c', 'c ', ' c ']
    """
    low, high = ngram_range
    text = _plain(text.lower())
    if view == "word":
        words = re.findall(WORD, text)
        for n in range(low, min(high, len(words)) + 1):
            yield from (" ".join(words[k : k + n]) for k in range(len(words) - n + 1))
        return
    for word in text.split():
        yield from _cut_word(word, low, high)


def _cut_word(word: str, low: int, high: int) -> Iterator[str]:
    padded = f" {word} "
    for n in range(low, high + 1):
        yield from (padded[k : k + n] for k in range(max(1, len(padded) - n + 1)))
        if n >= len(padded):  # counted once, however short
            break


class Baseline:
    """TF-IDF of word and character n-grams, one linear model per dimension.

    Parameters
    ----------
    views : sequence of View
        Their columns stand side by side.
    weights : mapping
        Dimension to (coefficients, shape (labels, terms of all views); intercepts, shape (labels,)).
    """

    def __init__(
        self, views: Sequence[View], weights: Mapping[str, tuple[NDArray[np.float32], NDArray[np.float32]]]
    ) -> None:
        self.views = views
        self.weights = weights
        # A row a term, over all dimensions: a sentence then needs a few hundred rows instead of whole columns.
        self._rows = np.ascontiguousarray(np.concatenate([c for c, _ in weights.values()]).T, dtype=np.float32)
        self._intercepts = np.concatenate([i for _, i in weights.values()]).astype(np.float32)

    def logits(self, texts: Sequence[str], contexts: Sequence[str]) -> dict[str, NDArray[np.float32]]:
        """Score sentences: dimension to float32 array of shape (len(texts), labels). Contexts are not used."""
        found = np.array([self._score(text) for text in texts], np.float32).reshape(len(texts), len(self._intercepts))
        ends = np.cumsum([len(intercepts) for _, intercepts in self.weights.values()])
        return dict(zip(self.weights, np.split(found, ends[:-1], axis=1), strict=True))

    def _score(self, text: str) -> NDArray[np.float32]:
        score, start = self._intercepts, 0
        for view in self.views:
            columns, values = view.weigh(text)
            score = score + values @ self._rows[start + columns]
            start += len(view.idf)
        return score

    def save(self, folder: str | Path) -> None:
        """Write ``weights.safetensors`` and ``vocabulary.json`` into an existing folder."""
        views, arrays = {}, {}
        for view in self.views:
            keys = view.keys.tolist()
            views[view.name] = {"keys": keys, "ngram_range": view.ngram_range, "sublinear_tf": view.sublinear_tf}
            arrays[f"idf.{view.name}"] = view.idf.astype(np.float32)
        for name, (coefficients, intercepts) in self.weights.items():
            arrays[f"coefficients.{name}"] = np.ascontiguousarray(coefficients, dtype=np.float32)
            arrays[f"intercepts.{name}"] = intercepts.astype(np.float32)
        write_file(Path(folder, "weights.safetensors"), save(arrays))
        write_file(Path(folder, "vocabulary.json"), json.dumps(views) + "\n")

    @classmethod
    def load(cls, folder: str | Path, manifest: Manifest) -> Self:
        """Load from a model folder whose hashes were checked.

        Raises
        ------
        ModelError
            If the arrays do not fit the schema or each other.
        """
        try:
            arrays = load_file(Path(folder, "weights.safetensors"))
            stored = json.loads(Path(folder, "vocabulary.json").read_bytes())
            views = [_view(name, stored[name], arrays[f"idf.{name}"]) for name in VIEWS if name in stored]
            return cls(views, _weights(arrays, manifest.schema, sum(len(view.idf) for view in views)))
        except _BROKEN as error:
            raise ModelError(
                f"{folder}: expected the arrays of a baseline; {error}. Restore the model folder."
            ) from None


def _plain(text: str) -> str:
    """Take accents away, as scikit-learn's strip_accents_unicode does."""
    if text.isascii():
        return text
    return "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))


def _view(name: str, stored: Mapping[str, Any], idf: NDArray[np.float32]) -> View:
    keys = stored["keys"] if "keys" in stored else [key_of(term) for term in stored["terms"]]  # terms: to format 4
    low, high = stored["ngram_range"]
    sound = {*map(type, keys)} <= {int} and type(low) is type(high) is int and 1 <= low <= high
    if idf.shape != (len(keys),) or not sound or not np.isfinite(idf).all():
        raise ValueError(f"{name}: {len(keys)} terms of {low} to {high} for {idf.shape} idf")
    return View(name, (low, high), bool(stored["sublinear_tf"]), np.array(keys, np.int64), idf)


def _weights(
    arrays: Mapping[str, Any], schema: Schema, terms: int
) -> dict[str, tuple[NDArray[np.float32], NDArray[np.float32]]]:
    weights = {}
    for d in schema.dimensions:
        coefficients, intercepts = arrays[f"coefficients.{d.name}"], arrays[f"intercepts.{d.name}"]
        if coefficients.shape != (len(d.labels), terms) or intercepts.shape != (len(d.labels),):
            raise ValueError(f"{d.name}: {coefficients.shape} coefficients for {len(d.labels)} labels, {terms} terms")
        if not (np.isfinite(coefficients).all() and np.isfinite(intercepts).all()):
            raise ValueError(f"{d.name}: weights that are no numbers")
        weights[d.name] = (coefficients, intercepts)
    return weights
