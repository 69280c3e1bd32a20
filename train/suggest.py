"""What to label next: from any number of sentences to a file of tasks.

Knows the stages (a cheap look at everything, a full look at the best, a
batch) and the row that a task is. The numbers behind the choice are those of
`train.choose`.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np

from newslean.baseline import Baseline
from newslean.calibration import decide, probabilities
from newslean.context import context_of
from newslean.errors import DataError
from newslean.mixed import Mixed, mix_logits
from newslean.output import DIGITS
from newslean.tagger import Logits, Tagger
from train.candidates import Candidate
from train.choose import SHIPPED, Floats, Strategy, pick, rarity, reasons_for, term_rows, uncertainty, utilities
from train.labels import PICKED
from train.pool import Best, Sample
from train.rows import digest

BATCH = 512
"""Sentences looked at together."""

WHY = {
    "uncertainty": "the model is unsure",
    "disagreement": "baseline and transformer disagree",
    "rarity": "a rare label is likely",
}


@dataclass(frozen=True, slots=True)
class Wish:
    """What is asked for.

    Attributes
    ----------
    number : int
        Sentences to label.
    random_share : float
        Share of them that is drawn at random from all that was read.
    pool : int
        Sentences that the whole model looks at: two thirds the best by a first look, one third drawn at random.
    """

    number: int = 50
    random_share: float = 0.1
    pool: int = 3000
    seed: int = 0
    strategy: Strategy = SHIPPED

    def __post_init__(self) -> None:
        """Raise a DataError where the pool is smaller than what is asked for."""
        if self.pool < self.number:
            raise DataError(
                f"--pool: expected at least as many sentences as are to be labelled, {self.number:,}; found "
                f"{self.pool:,}. Raise it, or lower --number."
            )


def suggest(
    candidates: Iterable[Candidate], tagger: Tagger, wish: Wish, *, labelled: set[str] | None = None
) -> list[dict[str, Any]]:
    """Choose the sentences that are most worth labelling.

    All are read once and looked at with the baseline, where the model has one; the whole model looks at `Wish.pool`
    of them. The same input, model and wish give the same rows.

    Parameters
    ----------
    labelled : set of str
        SHA-256 of texts to leave out.

    Returns
    -------
    list of dict
        Rows of a label file without labels, in random order; ``sample`` is ``random`` or ``picked``, ``predictions``
        says what the model thinks, ``why`` what spoke for a picked row (ranks in the pool, 0..1).

    Raises
    ------
    DataError
        If there is no sentence to choose from.
    """
    best, sample = _read(candidates, tagger, wish, labelled or set())
    drawn, both = sample.items(), Best(wish.pool + wish.number)
    looked = [*drawn, *best.items()]
    both.add(looked, [0.0] * len(looked))  # each text once
    pool = both.items()
    if not pool:
        raise DataError("--from: expected sentences that are not labelled yet; found none. Name other files.")
    known = {c.text for c in drawn}
    at_random = np.array([c.text in known for c in pool])
    found = _look(tagger, pool)
    reasons = _reasons(tagger, found, at_random)
    utility = utilities(reasons, wish.strategy)
    random = np.random.default_rng(wish.seed + 1)
    number = min(round(wish.random_share * wish.number), int(at_random.sum()))
    chance = random.permutation(np.flatnonzero(at_random))[:number].tolist()
    terms = term_rows([c.text for c in pool])
    picked = pick(utility, terms, wish.number - number, strategy=wish.strategy, taken=chance)
    ranks = {name: utilities({name: values}, Strategy(1, 1, 1)) for name, values in reasons.items()}
    rows = [_task(pool[n], tagger, found["all"], n, {}) for n in chance]
    for n in picked:
        rows.append(_task(pool[n], tagger, found["all"], n, {name: float(values[n]) for name, values in ranks.items()}))
    return [rows[k] for k in random.permutation(len(rows))]


def _read(candidates: Iterable[Candidate], tagger: Tagger, wish: Wish, labelled: set[str]) -> tuple[Best, Sample]:
    """Read everything once, keeping a random sample and the best by a cheap look."""
    third = max(wish.pool // 3, wish.number)
    model = tagger.model
    cheap = model.baseline if isinstance(model, Mixed) else model if isinstance(model, Baseline) else None
    best, sample = Best(wish.pool - third if cheap else 0), Sample(third if cheap else wish.pool, seed=wish.seed)
    totals: dict[str, Floats] = {}
    seen, weights = 0, wish.strategy
    for batch in _batches(c for c in candidates if digest(c.text) not in labelled):
        sample.draw(batch)
        if cheap is None:
            continue
        logits = cheap.logits([c.text for c in batch], [""] * len(batch))
        found = probabilities(logits, tagger.schema, tagger.manifest.calibration)
        seen += len(batch)
        totals = {name: totals.get(name, 0) + values.sum(axis=0, dtype=np.float64) for name, values in found.items()}
        shares = {name: total / seen for name, total in totals.items()}
        value = weights.uncertainty * uncertainty(found, tagger.schema)
        best.add(batch, value + weights.rarity * rarity(found, tagger.schema, shares))
    return best, sample


def _batches(candidates: Iterable[Candidate]) -> Iterator[list[Candidate]]:
    rest = iter(candidates)
    while batch := list(islice(rest, BATCH)):
        yield batch


def _look(tagger: Tagger, pool: Sequence[Candidate]) -> dict[str, Logits]:
    """Give the probabilities of the whole model, and of its two parts where it has two."""
    texts = [c.text for c in pool]
    context = tagger.manifest.context
    contexts = [context_of(context, title=c.heading or None, before=c.before or None) for c in pool]
    model = tagger.model
    if isinstance(model, Mixed):
        first, second = model.finetuned.logits(texts, contexts), model.baseline.logits(texts, contexts)
        parts = {"all": mix_logits(first, second, model.mix), "transformer": first, "baseline": second}
    else:
        parts = {"all": model.logits(texts, contexts)}
    return {name: probabilities(found, tagger.schema, tagger.manifest.calibration) for name, found in parts.items()}


def _reasons(tagger: Tagger, found: dict[str, Logits], at_random: np.ndarray[Any, Any]) -> dict[str, Floats]:
    rows = at_random if at_random.any() else ~at_random
    shares = {name: values[rows].mean(axis=0, dtype=np.float64) for name, values in found["all"].items()}
    return reasons_for(found["all"], tagger.schema, shares, [part for name, part in found.items() if name != "all"])


def _task(c: Candidate, tagger: Tagger, found: Logits, n: int, ranks: dict[str, float]) -> dict[str, Any]:
    """Make the row of a label file that waits for its labels."""
    schema, calibration = tagger.schema, tagger.manifest.calibration
    scores = {d.name: dict(zip(d.labels, map(float, found[d.name][n]), strict=True)) for d in schema.dimensions}
    row: dict[str, Any] = {"doc": c.doc, "n": c.n, "text": c.text, "before": c.before, "title": c.title}
    row |= {"source": "user", "sample": PICKED if ranks else "random", "labels": {}}
    found_by = f"{tagger.manifest.name} {tagger.manifest.version}"
    said = {
        "labels": {d.name: decide(d, scores[d.name], calibration) for d in schema.dimensions},
        "scores": {name: {k: round(v, DIGITS) for k, v in values.items()} for name, values in scores.items()},
    }
    row["predictions"] = {found_by: said}
    if ranks:
        row["why"] = {"reason": WHY[max(ranks, key=lambda name: ranks[name])]}
        row["why"] |= {name: round(rank, 3) for name, rank in ranks.items()}
    return row
