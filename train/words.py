"""Words and tokens that a model does not know.

Knows a tagger's vocabulary and tokenizer, and the words of examples; knows no label.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import repeat

import numpy as np
from numpy.typing import NDArray

from newslean.baseline import Baseline, cut, key_of
from newslean.encoding import encode
from newslean.finetuned import Finetuned
from newslean.mixed import Mixed
from newslean.tagger import Tagger
from train.labels import Example

UNKNOWN_TOKENS = ("[UNK]", "<unk>")

OwnRows = Counter[tuple[str, str]]
"""How many rows of an article hold a word."""


@dataclass(frozen=True)
class Strangeness:
    """What is strange in some sentences, each array of shape (sentences,).

    Attributes
    ----------
    words, unknown_words : array
        Words, and how many of them are not in the baseline's vocabulary; empty without a baseline.
    tokens, unknown_tokens : array
        Tokens, and how many of them the encoder's tokenizer has no piece for; empty without an encoder.
    top : list of (str, int)
        The most frequent words that are not in the vocabulary.
    """

    words: NDArray[np.float64]
    unknown_words: NDArray[np.float64]
    tokens: NDArray[np.float64]
    unknown_tokens: NDArray[np.float64]
    top: list[tuple[str, int]]


def strangeness(texts: Sequence[str], groups: Sequence[str], tagger: Tagger, *, seen: bool = False) -> Strangeness:
    """Count what a model does not know in sentences.

    Parameters
    ----------
    seen : bool
        Whether the vocabulary was made from these very sentences, among others: a word then counts as unknown where it
        would not be in the vocabulary without the rows of its article, as if the article were new.
    """
    model = tagger.model
    baseline = model.baseline if isinstance(model, Mixed) else model if isinstance(model, Baseline) else None
    encoder = model.finetuned if isinstance(model, Mixed) else model if isinstance(model, Finetuned) else None
    least = int(tagger.manifest.params.get("baseline", {}).get("min_df", 1))
    words, unknown, strange = (
        ([], [], Counter[str]()) if baseline is None else _words(texts, groups, baseline, least=least, seen=seen)
    )
    tokens, without = _tokens(texts, encoder, tagger.manifest.max_length) if encoder else ([], [])
    arrays = [np.array(part, dtype=np.float64) for part in (words, unknown, tokens, without)]
    return Strangeness(arrays[0], arrays[1], arrays[2], arrays[3], strange.most_common(10))


def unknown_share(rows: Sequence[Example], learnt: Sequence[Example], *, least: int) -> float:
    """Give the mean share of a sentence's words that a vocabulary made without the rows of its article would lack.

    Parameters
    ----------
    learnt : sequence of Example
        All rows that the vocabulary is made from; the rows asked for may stand among them.
    least : int
        Rows that must hold a word of the vocabulary.
    """
    total, texts = Counter[str](), defaultdict[str, list[str]](list)
    for e in learnt:
        total.update({*_cut(e.text)})
        texts[e.group].append(e.text)
    asked = defaultdict[str, list[list[str]]](list)
    for e in rows:
        asked[e.group].append(_cut(e.text))
    shares = []
    for group, sentences in asked.items():  # an article at a time: all of them would not fit where texts are long
        own = _own_rows(map(_cut, texts[group]), repeat(group))
        unknown = _unknown(sentences, [group] * len(sentences), total.__getitem__, own, least)
        shares += [len(strange) / max(len(words), 1) for strange, words in zip(unknown, sentences, strict=True)]
    return float(np.mean(shares)) if shares else 0.0


def _words(
    texts: Sequence[str], groups: Sequence[str], baseline: Baseline, *, least: int, seen: bool
) -> tuple[list[int], list[int], Counter[str]]:
    cuts = [_cut(text) for text in texts]
    own = _own_rows(cuts, groups) if seen else OwnRows()
    found = _unknown(cuts, groups, _rows_with(baseline, least), own, least)
    return (
        [len(words) for words in cuts],
        [len(part) for part in found],
        Counter(word for part in found for word in part),
    )


def _cut(text: str) -> list[str]:
    return [*cut("word", text, (1, 1))]


def _own_rows(cuts: Iterable[list[str]], groups: Iterable[str]) -> OwnRows:
    return OwnRows((group, word) for words, group in zip(cuts, groups, strict=False) for word in {*words})


def _unknown(
    cuts: Sequence[list[str]], groups: Sequence[str], rows: Callable[[str], int], own: OwnRows, least: int
) -> list[list[str]]:
    """Give the words of each sentence that too few rows hold beside those of its own article."""
    return [
        [word for word in words if rows(word) - own[group, word] < least]
        for group, words in zip(groups, cuts, strict=True)
    ]


def _rows_with(baseline: Baseline, least: int) -> Callable[[str], int]:
    """Say how many of all training rows hold a word, 0 for one outside the vocabulary.

    The weights tell: a term in ``df`` of ``n`` rows weighs ``log((1 + n) / (1 + df)) + 1``, and of a hundred thousand
    terms the heaviest stand in no more rows than they must.
    """
    view = next((view for view in baseline.views if view.name == "word"), None)
    if view is None:
        return lambda _: 0
    heaviest = max(float(view.idf.max(initial=0)) for view in baseline.views)
    counts = np.rint((1 + least) * np.exp(heaviest - view.idf.astype(np.float64)) - 1).astype(int).tolist()
    columns = view.columns
    return lambda word: counts[column] if (column := columns.get(key_of(word))) is not None else 0


def _tokens(texts: Sequence[str], encoder: Finetuned, max_length: int) -> tuple[list[int], list[int]]:
    marks = {encoder.tokenizer.token_to_id(mark) for mark in UNKNOWN_TOKENS} - {None}
    tokens, without = [], []
    for text in texts:
        encoding = encode(encoder.tokenizer, text, "", max_length=max_length)
        flags = zip(encoding.ids, encoding.special_tokens_mask, strict=True)
        ids = [i for i, special in flags if not special or i in marks]
        tokens.append(len(ids))
        without.append(sum(i in marks for i in ids))
    return tokens, without
