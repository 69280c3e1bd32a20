"""Invented sentences from a grammar, to teach an encoder who is ahead before it reads labelled ones.

Knows the files of a grammar folder (``words.toml`` and files of patterns) and
examples. Knows no model. The idea of labelled templates that a rule fills is
that of CheckList (Ribeiro et al. 2020), here for training, not for tests.
"""

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from newslean.errors import DataError
from newslean.schema import Schema
from train.labels import Example

GENERATED_SOURCE = "generated"
SHARES = {"plain": 0.45, "frame": 0.30, "joint": 0.25}
"""How a clause is used: as it is, inside a frame, with another clause."""

_SLOT = re.compile(r"\{(?:(\w+)\.)?(\w+)\}")
_KEYS = {"stance", "topics", "text", "alone", "before"}


@dataclass(frozen=True, slots=True)
class Pattern:
    """Texts with slots and the labels that any filling of them has.

    Attributes
    ----------
    value : str
        ``first`` or ``second`` (the side ahead), or a label of the single-label dimension.
    labels : tuple of str
        Labels of the multi-label dimension that the texts bring with them.
    clause : bool
        Whether the texts may stand inside a frame.
    """

    value: str
    labels: tuple[str, ...]
    texts: tuple[str, ...]
    before: tuple[str, ...]
    clause: bool


@dataclass(frozen=True, slots=True)
class Grammar:
    """Patterns, the words for their slots, and what stands round a clause."""

    single: str
    multi: str
    ahead: dict[str, str]
    sides: dict[str, dict[str, list[str]]]
    words: dict[str, list[str]]
    labelled: dict[str, dict[str, list[str]]]
    frames: tuple[str, ...]
    joints: tuple[tuple[str, int], ...]
    patterns: tuple[Pattern, ...]


def read_grammar(folder: str | Path, schema: Schema) -> Grammar:
    """Read ``words.toml`` and the patterns of all other ``.toml`` files of a folder.

    Raises
    ------
    DataError
        If a file is no such grammar, or speaks of a dimension or a label that the schema lacks.
    """
    folder = Path(folder)
    common = _load(folder / "words.toml")
    try:
        grammar = Grammar(
            single=common["labels"]["single"],
            multi=common["labels"]["multi"],
            ahead={name: side["ahead"] for name, side in common["sides"].items()},
            sides={name: {k: v for k, v in side.items() if k != "ahead"} for name, side in common["sides"].items()},
            words=common["words"],
            labelled=common["labelled"],
            frames=tuple(text for block in common["frame"] for text in block["text"]),
            joints=tuple((text, block["decides"]) for block in common["joint"] for text in block["text"]),
            patterns=tuple(
                _pattern(block, f"{path}: pattern {n}")
                for path in sorted(folder.glob("*.toml"))
                if path.name != "words.toml"
                for n, block in enumerate(_load(path).get("pattern", []), 1)
            ),
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise DataError(f"{folder / 'words.toml'}: expected the tables of a grammar; {error!r} is amiss.") from None
    _check(grammar, schema, folder)
    return grammar


def generate(grammar: Grammar, schema: Schema, number: int, *, seed: int) -> list[Example]:
    """Draw sentences, each an article of its own with ``source`` "generated".

    Parameters
    ----------
    number : int
        How many; fewer come where the grammar says the same thing twice.
    seed : int
        The same seed gives the same sentences.
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
        self.clauses = [(text, p) for p in grammar.patterns if p.clause for text in p.texts]
        self.whole = [(text, p) for p in grammar.patterns if not p.clause for text in p.texts]

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
        while found == value and value in self.grammar.ahead.values():  # "although A leads, A leads" is no sentence
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

        return _SLOT.sub(word, text)

    def _word(
        self, side: str | None, name: str, sides: Mapping[str, str], labels: set[str], memory: dict[str, str]
    ) -> str:
        if side:
            owner = sides.get(side, side)
            # What a side's own words speak of ("a lab in {own.city}") is not what other slots of the sentence do.
            return self._fill(self._one(self.grammar.sides[owner][name]), {"own": owner}, labels, {})
        if name in self.grammar.labelled:
            word, label = self._one([(w, k) for k, words in self.grammar.labelled[name].items() for w in words])
            labels.update({label} - {""})
            return self._fill(word, sides, labels, {})
        return self._fill(self._one(self.grammar.words[name]), sides, labels, {})

    def _one(self, choices: Sequence[Any]) -> Any:
        return choices[int(self.random.integers(len(choices)))]


def _finished(text: str) -> str:
    """Mend spaces and commas where fillings meet, and begin every sentence with a capital."""
    text = re.sub(r",(?=[,.;:?!])|,(?='s\b)|(?<=[.?!])\.", "", re.sub(r"\s+", " ", text.strip()))
    text = text.replace("States's", "States'")
    return re.sub(r"(^[\"“]?|(?<!U\.S)[.?!] )([a-z])", lambda match: match[1] + match[2].upper(), text)


def _load(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise DataError(f"{path}: expected a TOML file of a grammar; {error}.") from None


def _pattern(block: Mapping[str, Any], where: str) -> Pattern:
    texts = block.get("text", ())
    if extra := set(block) - _KEYS:
        raise DataError(f"{where}: expected {', '.join(sorted(_KEYS))}; found {', '.join(sorted(extra))}.")
    if not texts or not all(isinstance(text, str) for text in texts) or not isinstance(block.get("stance"), str):
        raise DataError(f"{where}: expected text, a list of strings, and stance, a string.")
    before = tuple(block.get("before", ()))
    alone = bool(block.get("alone")) or bool(before)
    return Pattern(block["stance"], tuple(block.get("topics", ())), tuple(texts), before, not alone)


def _check(grammar: Grammar, schema: Schema, folder: Path) -> None:
    """Find what cannot be filled or labelled before a sentence is drawn."""
    if missing := {grammar.single, grammar.multi} - {*schema.names}:
        raise DataError(f"{folder}: expected dimensions of the schema; found {', '.join(sorted(missing))}.")
    if len(grammar.ahead) != 2 or not grammar.patterns:
        raise DataError(
            f"{folder}: expected two sides and at least one pattern; found {len(grammar.patterns)} patterns."
        )
    kinds = {label for words in grammar.labelled.values() for label in words} - {""}
    single, multi = {*schema[grammar.single].labels}, {*schema[grammar.multi].labels}
    faults = [f"label {label!r}" for label in sorted(kinds - multi)]
    for p in grammar.patterns:
        if p.value not in single | {"first", "second"}:
            faults.append(f"stance {p.value!r} of {p.texts[0]!r}")
        faults += [f"topic {label!r} of {p.texts[0]!r}" for label in p.labels if label not in multi]
        for text in (*p.texts, *p.before):
            faults += [f"slot {slot!r} of {text!r}" for slot in _unknown(grammar, text)]
    if faults:
        raise DataError(f"{folder}: expected known labels and slots; found {'; '.join(faults[:20])}.")


def _unknown(grammar: Grammar, text: str) -> list[str]:
    found = []
    for match in _SLOT.finditer(text):
        side, name = match[1], match[2]
        if side in ("1", "2"):
            known = all(name in words for words in grammar.sides.values())
        elif side:
            known = name in grammar.sides.get(side, {})
        else:
            known = name in grammar.labelled or name in grammar.words
        if not known:
            found.append(match[0])
    return found
