"""The rows that an experiment trains and measures on, and the hashes by which it knows them again.

Knows examples; imports no torch, so that a learning curve can look for experiments on the same rows.
"""

from collections.abc import Sequence

from train.folds import SEED_SOURCE
from train.labels import Example
from train.run import digest, part_rows


def experiment_rows(
    examples: Sequence[Example], *, sources: Sequence[str], on_split: str
) -> tuple[list[Example], list[Example]]:
    """Give the rows to train on and those to measure on.

    Parted before sources are chosen, so that all experiments on a split are measured on the same rows.

    Parameters
    ----------
    sources : sequence of str
        Of the rows to train on; none for all but the seed articles.
    """
    training, aside = part_rows(examples)
    training = [e for e in training if (e.source in sources if sources else e.source != SEED_SOURCE)]
    return training, [e for e in aside if e.split == on_split]


def training_hash(rows: Sequence[Example]) -> str:
    """Hash what is learnt of rows."""
    return digest([[e.doc, e.n, e.text, e.before, e.article_title, e.labels] for e in rows])


def measured_hash(rows: Sequence[Example]) -> str:
    """Hash of rows what a measure hangs on."""
    return digest([[e.doc, e.n, e.text, e.labels] for e in rows])
