"""Words and tokens that a model does not know.

Knows a tagger's vocabulary and tokenizer; knows no label.
"""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from newslean.baseline import Baseline, cut, key_of
from newslean.encoding import encode
from newslean.finetuned import Finetuned
from newslean.mixed import Mixed
from newslean.tagger import Tagger

UNKNOWN_TOKENS = ("[UNK]", "<unk>")


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
        Whether the vocabulary was made from these very sentences: a word that stands in no other article then counts
        as unknown, as it would be if its article were new.
    """
    model = tagger.model
    baseline = model.baseline if isinstance(model, Mixed) else model if isinstance(model, Baseline) else None
    encoder = model.finetuned if isinstance(model, Mixed) else model if isinstance(model, Finetuned) else None
    words, unknown, strange = _words(texts, groups, baseline, seen=seen) if baseline else ([], [], Counter[str]())
    tokens, without = _tokens(texts, encoder, tagger.manifest.max_length) if encoder else ([], [])
    arrays = [np.array(part, dtype=np.float64) for part in (words, unknown, tokens, without)]
    return Strangeness(arrays[0], arrays[1], arrays[2], arrays[3], strange.most_common(10))


def _words(
    texts: Sequence[str], groups: Sequence[str], baseline: Baseline, *, seen: bool
) -> tuple[list[int], list[int], Counter[str]]:
    view = next((view for view in baseline.views if view.name == "word"), None)
    known = view.columns if view else {}
    cuts = [[*cut("word", text, (1, 1))] for text in texts]
    articles: dict[str, set[str]] = defaultdict(set)
    for group, words in zip(groups, cuts, strict=True) if seen else ():
        for word in words:
            if len(articles[word]) < 2:
                articles[word].add(group)
    strange: Counter[str] = Counter()
    counts = []
    for words in cuts:
        unknown = [word for word in words if key_of(word) not in known or (seen and len(articles[word]) < 2)]
        strange.update(unknown)
        counts.append(len(unknown))
    return [len(words) for words in cuts], counts, strange


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
