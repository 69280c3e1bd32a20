"""Sentences that coders label differently, the most disputed first.

Knows examples and their coders; knows no file, and does not say who is right.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

from newslean.schema import Dimension, Schema
from train.agreement import ADJUDICATED
from train.labels import Example

OPPOSITE = 1.5
"""Distance of opposite labels; of other labels it is 1."""

Said = dict[str, dict[str, Any]]
"""Disputed dimension to coder to labels."""


@dataclass(frozen=True, slots=True)
class Dispute:
    """One disputed sentence.

    Attributes
    ----------
    row : int
        Number of the example.
    said : dict
        Disputed dimension to coder to labels.
    settled : dict
        Disputed dimension to the adjudicated labels, where there are any.
    score : float
        Sum over dimensions of the mean distance of two coders.
    """

    row: int
    said: Said
    settled: dict[str, Any]
    score: float


def find_disputes(examples: Sequence[Example], schema: Schema, *, coders: Sequence[str] | None = None) -> list[Dispute]:
    """Find disputed sentences: those not settled first, of these the most disputed first.

    Parameters
    ----------
    coders : sequence of str, optional
        Whom to compare; by default all but ``adjudicated``.
    """
    found = []
    for n, example in enumerate(examples):
        said = disputed(example, schema, coders=coders)
        if said:
            score = sum(_mean_distance(schema[name], [*values.values()]) for name, values in said.items())
            settled = {k: v for k, v in example.coders.get(ADJUDICATED, {}).items() if k in said}
            found.append(Dispute(n, said, settled, round(score, 6)))
    return sorted(found, key=lambda d: (len(d.settled) == len(d.said), -d.score, d.row))


def disputed(example: Example, schema: Schema, *, coders: Sequence[str] | None = None) -> Said:
    """Give what coders say in each dimension in which they differ."""
    said = {name: said_of(example, name, coders=coders) for name in schema.names}
    return {name: values for name, values in said.items() if differ([*values.values()])}


def said_of(example: Example, name: str, *, coders: Sequence[str] | None = None) -> dict[str, Any]:
    """Give what each coder says in one dimension."""
    return {c: labels[name] for c, labels in example.coders.items() if name in labels and is_compared(c, coders)}


def is_compared(coder: str, coders: Sequence[str] | None = None) -> bool:
    """Say whether a coder is one of those asked for; by default all are but ``adjudicated``."""
    return coder in coders if coders is not None else coder != ADJUDICATED


def differ(values: Sequence[Any]) -> bool:
    """Say whether coders gave different labels; the order in a list is no difference."""
    plain = [sorted(value) if isinstance(value, list) else value for value in values]
    return any(value != plain[0] for value in plain)


def distance(d: Dimension, one: Any, other: Any) -> float:
    """Say how far two answers lie apart: Jaccard's distance of lists; more for opposites than for other labels."""
    if d.multi:
        return 1 - len({*one} & {*other}) / max(1, len({*one, *other})) if {*one} != {*other} else 0.0
    if one == other:
        return 0.0
    return OPPOSITE if any({one, other} == {*pair} for pair in d.opposites) else 1.0


def _mean_distance(d: Dimension, values: list[Any]) -> float:
    found = [distance(d, one, other) for one, other in combinations(values, 2)]
    return sum(found) / len(found)
