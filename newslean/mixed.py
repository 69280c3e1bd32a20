"""A fine-tuned encoder and a baseline that answer together.

Knows two models and how much each counts; knows nothing of how they compute.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from newslean.baseline import Baseline
from newslean.finetuned import Finetuned
from newslean.tagger import Logits


def mix_logits(finetuned: Logits, baseline: Logits, mix: Mapping[str, float]) -> Logits:
    """Average two models' logits.

    The encoder reads what a sentence means, the n-grams remember the words it was said in; they err on different
    sentences. An average of logits is the log-linear pool of their answers (Genest and Zidek 1986).

    Parameters
    ----------
    mix : mapping
        Dimension to the share of the fine-tuned model, 0 to 1; 1 where it is not named.
    """
    result = {}
    for name, values in finetuned.items():
        share = np.float32(mix.get(name, 1.0))
        result[name] = share * values + (1 - share) * baseline[name]
    return result


class Mixed:
    """Both models as one."""

    def __init__(self, finetuned: Finetuned, baseline: Baseline, mix: Mapping[str, float]) -> None:
        self.finetuned = finetuned
        self.baseline = baseline
        self.mix = mix

    def logits(self, texts: Sequence[str], contexts: Sequence[str]) -> Logits:
        """Score sentences: dimension to float32 array of shape (len(texts), labels)."""
        return mix_logits(self.finetuned.logits(texts, contexts), self.baseline.logits(texts, contexts), self.mix)
