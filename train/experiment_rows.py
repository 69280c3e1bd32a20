"""The rows that an experiment trains and measures on, and the hashes by which it knows them again.

Knows examples; imports no torch, so that a learning curve can look for experiments on the same rows.
"""

from collections.abc import Sequence

from newslean.errors import DataError
from train.folds import SEED_SOURCE
from train.labels import Example
from train.run import part_rows


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


def needed_rows(
    examples: Sequence[Example], *, sources: Sequence[str], on_split: str
) -> tuple[list[Example], list[Example]]:
    """Give the same, or raise a DataError if there are no rows to train or to measure on."""
    training, held_out = experiment_rows(examples, sources=sources, on_split=on_split)
    for rows, option in ((training, "--source"), (held_out, "--on-split")):
        if not rows:
            raise DataError(f"{option}: expected rows of that kind whose text is at hand; found none. See --texts.")
    return training, held_out
