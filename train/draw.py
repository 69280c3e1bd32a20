"""Invented sentences drawn from a grammar, to teach an encoder who is ahead before it reads labelled ones.

Knows a grammar and examples; knows no model. The idea of labelled templates
that a rule fills is that of CheckList (Ribeiro et al. 2020), here for training,
not for tests.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from newslean.errors import DataError
from newslean.schema import Schema
from train.grammar import SLOT, Grammar, Pattern, range_of
from train.labels import Example

GENERATED_SOURCE = "generated"
SHARES = {"plain": 0.45, "frame": 0.30, "joint": 0.25}
"""How a clause is used: as it is, inside a frame, with another clause."""


def generate(grammar: Grammar, schema: Schema, number: int, *, seed: int) -> list[Example]:
    """Draw sentences, each an article of its own with ``source`` "generated".

    Parameters
    ----------
    number : int
        How many; fewer come where the grammar says the same thing twice.
    seed : int
        The same seed gives the same sentences.

    Raises
    ------
    DataError
        If a range of numbers is too narrow for two that differ when rounded.
    """
    writer = _Writer(grammar, str(schema[grammar.single].neutral), np.random.default_rng(seed))
    found: dict[str, Example] = {}
    for n in range(number):
        text, before, value, labels = writer.sentence()
        found.setdefault(
            text,
            Example(
                doc=f"generated-{seed}-{n}",
                n=0,
                text=text,
                title=False,
                group=f"generated-{seed}-{n}",
                source=GENERATED_SOURCE,
                labels={
                    grammar.single: value,
                    grammar.multi: [label for label in schema[grammar.multi].labels if label in labels],
                },
                before=before,
            ),
        )
    return list(found.values())


class _Writer:
    """Draws and fills patterns; sides and fillings hold for one sentence and the one before it."""

    def __init__(self, grammar: Grammar, neutral: str, random: np.random.Generator) -> None:
        self.grammar = grammar
        self.neutral = neutral
        self.random = random
        self.clauses = [(text, p) for p in grammar.patterns if p.clause for text in p.texts * p.weight]
        self.whole = [(text, p) for p in grammar.patterns if not p.clause for text in p.texts * p.weight]

    def sentence(self) -> tuple[str, str, str, set[str]]:
        """Give text, the sentence before, the single label and the multi-label ones."""
        if self.random.random() * (len(self.clauses) + len(self.whole)) < len(self.whole):
            return self._filled(*self._one(self.whole))
        use = self.random.choice([*SHARES], p=[*SHARES.values()])
        text, before, value, labels = self._filled(*self._one(self.clauses))
        if use == "frame":
            text = self._one(self.grammar.frames).replace("{clause}", text)
            text = self._fill(text, {}, set(), {})
        elif use == "joint":
            text, value, labels = self._joined(text, value, labels)
        return _finished(f"{text}."), before, value, labels

    def _joined(self, text: str, value: str, labels: set[str]) -> tuple[str, str, set[str]]:
        other, _, found, more = self._filled(*self._one(self.clauses))
        for _ in range(100):
            if found != value or value not in self.grammar.ahead.values():
                break  # "although A leads, A leads" is no sentence
            other, _, found, more = self._filled(*self._one(self.clauses))
        frame, decides = self._one(self.grammar.joints)
        first, second = ((text, value), (other, found)) if decides == 1 else ((other, found), (text, value))
        filled = self._fill(frame.replace("{clause1}", first[0]).replace("{clause2}", second[0]), {}, set(), {})
        # Where only one clause compares the two sides, that clause decides.
        return filled, found if value == self.neutral else value, labels | more

    def _filled(self, text: str, pattern: Pattern) -> tuple[str, str, str, set[str]]:
        names = [*self.grammar.ahead]
        self.random.shuffle(names)
        sides, labels, memory = {"1": names[0], "2": names[1]}, set(pattern.labels), dict[str, str]()
        before = self._fill(self._one(pattern.before), sides, set(), memory) if pattern.before else ""
        text = self._fill(text, sides, labels, memory)
        value = {"first": self.grammar.ahead[names[0]], "second": self.grammar.ahead[names[1]]}.get(pattern.value)
        if not pattern.clause:
            text, before = _finished(text), _finished(before)
        return text, before, value or pattern.value, labels

    def _fill(self, text: str, sides: Mapping[str, str], labels: set[str], memory: dict[str, str]) -> str:
        def word(match: re.Match[str]) -> str:
            if match[0] not in memory:
                memory[match[0]] = self._word(match[1], match[2], sides, labels, memory)
            return memory[match[0]]

        return SLOT.sub(word, text)

    def _word(
        self, side: str | None, name: str, sides: Mapping[str, str], labels: set[str], memory: dict[str, str]
    ) -> str:
        if side:
            owner = sides.get(side, side)
            # What a side's own words speak of ("a lab in {own.city}") is not what other slots of the sentence do.
            return self._fill(self._one(self.grammar.sides[owner][name]), {"own": owner}, labels, {})
        if range_of(name) in self.grammar.ranges:
            memory.update(self._two_numbers(range_of(name)))
            return memory[f"{{{name}}}"]
        if name in self.grammar.labelled:
            word, label = self._one([(w, k) for k, words in self.grammar.labelled[name].items() for w in words])
            labels.update({label} - {""})
            return self._fill(word, sides, labels, {})
        return self._fill(self._one(self.grammar.words[name]), sides, labels, {})

    def _two_numbers(self, stem: str) -> dict[str, str]:
        """Give the smaller and the larger number of a range, by slot, as they are written."""
        bounds = self.grammar.ranges[stem]
        places = bounds.decimals * int(self.random.integers(2))
        for _ in range(1000):
            smaller = bounds.least * (bounds.most / bounds.ratio / bounds.least) ** self.random.random()
            larger = bounds.most * (smaller * bounds.ratio / bounds.most) ** self.random.random()
            low, high = _written(smaller, places), _written(larger, places)
            if low != high:
                return {f"{{{stem}_lo}}": low, f"{{{stem}_hi}}": high}
        raise DataError(f"ranges.{stem}: expected numbers that differ when rounded; found none. Widen the range.")

    def _one(self, choices: Sequence[Any]) -> Any:
        return choices[int(self.random.integers(len(choices)))]


def _written(number: float, places: int) -> str:
    """Write a number as news does: large ones rounded, with commas."""
    return f"{float(f'{number:.2g}'):,.0f}" if number >= 100 else f"{number:.{places}f}"


def _finished(text: str) -> str:
    """Mend spaces and commas where fillings meet, and begin every sentence with a capital."""
    text = re.sub(r",(?=[,.;:?!])|,(?='s\b)|(?<=[.?!])\.", "", re.sub(r"\s+", " ", text.strip()))
    text = text.replace("States's", "States'")
    return re.sub(r"(^[\"“]?|(?<!U\.S)[.?!] )([a-z])", lambda match: match[1] + match[2].upper(), text)
