"""A sentence and its context as the tokens that an encoder reads, in training as in tagging.

Knows a tokenizer; knows neither graph nor labels.
"""

import re
from pathlib import Path

from tokenizers import Encoding, Tokenizer

CHARACTERS_PER_TOKEN = 40
"""Text beyond ``max_length`` times this cannot matter, and tokenizing megabytes of it costs seconds."""

_SURROGATE = re.compile(r"[\ud800-\udfff]")


def load_tokenizer(path: str | Path, *, max_length: int) -> Tokenizer:
    """Load a fast tokenizer and set it to cut (sentence and context, the longer first) but not to pad."""
    tokenizer = Tokenizer.from_file(str(path))
    tokenizer.no_padding()
    tokenizer.enable_truncation(max_length, strategy="longest_first")
    return tokenizer


def encode(tokenizer: Tokenizer, text: str, context: str, *, max_length: int) -> Encoding:
    """Tokenize a sentence behind its context."""
    # Half a surrogate pair (from JSON, say) is no Unicode, and the tokenizer takes nothing else.
    text, context = (_SURROGATE.sub("\ufffd", part[: max_length * CHARACTERS_PER_TOKEN]) for part in (text, context))
    return tokenizer.encode(context, text) if context else tokenizer.encode(text)


def sentence_mask(encoding: Encoding) -> list[int]:
    """Mark the sentence's own tokens with 1, context and special ones with 0; all with 1 where there are none."""
    ids = encoding.sequence_ids
    last = max((i for i in ids if i is not None), default=None)
    mask = [int(i is not None and i == last) for i in ids]
    return mask if any(mask) else [1] * len(mask)
