"""Folds that keep articles whole.

Knows examples and groups; knows no model.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase

import numpy as np

from newslean.errors import DataError
from train.labels import Example

SEED_SOURCE = "seed"
"""Source of the articles that are left out one at a time."""


def assign_folds(examples: Sequence[Example], *, folds: int = 5, seed: int) -> list[int]:
    """Assign every example to the fold in which it is held out.

    Seed articles are spread so that no two share a fold while there are
    enough folds (leave one seed article out); the other groups are shuffled
    and each goes to the fold with the fewest sentences. Groups that hold the
    same text move together: a copy in the training part would leak.

    Parameters
    ----------
    folds : int
        Number of folds; fewer where there are fewer groups.
    seed : int
        For the shuffle.

    Returns
    -------
    list of int
        Fold of each example, 0 to folds - 1.

    Raises
    ------
    ValueError
        If there are fewer than two groups to tell apart.
    """
    clusters = _clusters(examples)
    rows: dict[str, list[int]] = defaultdict(list)
    for n, example in enumerate(examples):
        rows[clusters[example.group]].append(n)
    folds = min(folds, len(rows))
    if folds < 2:
        raise ValueError("expected at least two articles with different texts, to hold one out")
    seeds = sorted(name for name, chosen in rows.items() if any(examples[n].source == SEED_SOURCE for n in chosen))
    others = sorted(rows.keys() - set(seeds))
    np.random.default_rng(seed).shuffle(others)
    sizes, result = [0] * folds, [0] * len(examples)
    for k, name in enumerate([*seeds, *others]):
        fold = k % folds if k < len(seeds) else sizes.index(min(sizes))
        sizes[fold] += len(rows[name])
        for n in rows[name]:
            result[n] = fold
    return result


def hold_out(examples: Sequence[Example], *, share: float, seed: int) -> tuple[list[Example], list[Example]]:
    """Split into (training, validation) by whole groups, about ``share`` of the sentences in the second."""
    try:
        folds = assign_folds(examples, folds=max(2, round(1 / share)), seed=seed)
    except ValueError:  # nothing can be held out
        return list(examples), []
    return [e for e, k in zip(examples, folds, strict=True) if k], [
        e for e, k in zip(examples, folds, strict=True) if not k
    ]


def thin(examples: Sequence[Example], shares: Mapping[str, float], seed: int) -> list[Example]:
    """Draw the articles to train on: of those that a pattern names, its share.

    Parameters
    ----------
    shares : mapping of str to float
        As `read_shares` gives it; of several patterns that fit an article the last counts, and articles that no
        pattern names are all kept.
    seed : int
        Other seeds draw other articles.

    Raises
    ------
    DataError
        If nothing is left.
    """
    pattern_of = {e.group: next((p for p in reversed([*shares]) if fnmatchcase(e.doc, p)), "") for e in examples}
    kept: set[str] = set()
    for pattern in sorted({*pattern_of.values()}):
        groups = np.array(sorted(group for group, found in pattern_of.items() if found == pattern))
        number = max(1, round(shares.get(pattern, 1.0) * len(groups))) if shares.get(pattern, 1.0) else 0
        kept.update(np.random.default_rng(seed).permutation(groups)[:number].tolist())
    if examples and not kept:
        raise DataError("--share: expected articles to train on; found none left. Take a larger share.")
    return [e for e in examples if e.group in kept]


def _clusters(examples: Sequence[Example]) -> dict[str, str]:
    """Name of the cluster of each group: groups that share a long text belong together."""
    parent = {example.group: example.group for example in examples}

    def root(name: str) -> str:
        while parent[name] != name:
            parent[name] = name = parent[parent[name]]
        return name

    first: dict[str, str] = {}
    for example in examples:
        # Short lines ("Conclusion", "FAQ") stand in many articles and tell nothing of each other.
        if len(example.text) >= 40:
            other = first.setdefault(" ".join(example.text.casefold().split()), example.group)
            parent[root(example.group)] = root(other)
    return {name: root(name) for name in parent}
