"""The grammar of a labels folder: patterns with slots, the words for them, and what labels a filling has.

Knows ``words.toml`` and the files of patterns, and checks that whatever is
drawn from them can be filled and labelled. Draws nothing: that is `train.draw`.
"""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from newslean.errors import DataError
from newslean.schema import Schema

SLOT = re.compile(r"\{(?:(\w+)\.)?(\w+)\}")
_KEYS = {"stance", "topics", "text", "alone", "before", "weight"}


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
    weight : int
        How many texts each of its texts counts as when one is drawn.
    """

    value: str
    labels: tuple[str, ...]
    texts: tuple[str, ...]
    before: tuple[str, ...]
    clause: bool
    weight: int = 1


@dataclass(frozen=True, slots=True)
class Range:
    """Two numbers drawn together, for the slots NAME_hi and NAME_lo.

    Attributes
    ----------
    least, most : float
        What the smaller one is at least, and the larger one at most.
    ratio : float
        Least ratio of the larger to the smaller.
    decimals : int
        Decimal places of half of the draws; the others have none.
    """

    least: float
    most: float
    ratio: float
    decimals: int


@dataclass(frozen=True, slots=True)
class Grammar:
    """Patterns, the words for their slots, and what stands round a clause."""

    single: str
    multi: str
    ahead: dict[str, str]
    sides: dict[str, dict[str, list[str]]]
    words: dict[str, list[str]]
    labelled: dict[str, dict[str, list[str]]]
    ranges: dict[str, Range]
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
            sides={
                name: {slot: _strings(words) for slot, words in side.items() if slot != "ahead"}
                for name, side in common["sides"].items()
            },
            words={slot: _strings(words) for slot, words in common["words"].items()},
            labelled={
                slot: {label: _strings(words) for label, words in kinds.items()}
                for slot, kinds in common["labelled"].items()
            },
            ranges={slot: _range(slot, **bounds) for slot, bounds in common.get("ranges", {}).items()},
            frames=tuple(text for block in common["frame"] for text in _strings(block["text"])),
            joints=tuple((text, block["decides"]) for block in common["joint"] for text in _strings(block["text"])),
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


def range_of(slot: str) -> str:
    """Name the range that a slot takes a number from; "" for other slots."""
    stem, _, end = slot.rpartition("_")
    return stem if end in ("hi", "lo") else ""


def _load(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise DataError(f"{path}: expected a TOML file of a grammar; {error}.") from None


def _strings(value: Any) -> list[str]:
    if not isinstance(value, list) or not value or not all(isinstance(text, str) for text in value):
        raise TypeError(f"expected a list of strings; found {str(value)[:60]!r}")
    return value


def _range(slot: str, **bounds: Any) -> Range:
    found = Range(**bounds)
    numbers = {*map(type, bounds.values())} <= {int, float} and type(found.decimals) is int
    if not (
        numbers
        and 0 < found.least < found.most < 1e12
        and 1 < found.ratio < found.most / found.least
        and 0 <= found.decimals <= 3
    ):
        raise TypeError(
            "expected 0 < least < most, a ratio above 1 that fits between, and 0 to 3 decimals; "
            f"found ranges.{slot} {bounds}"
        )
    return found


def _pattern(block: Mapping[str, Any], where: str) -> Pattern:
    if extra := set(block) - _KEYS:
        raise DataError(f"{where}: expected {', '.join(sorted(_KEYS))}; found {', '.join(sorted(extra))}.")
    try:
        texts, before = _strings(block.get("text")), _strings(block["before"]) if "before" in block else []
        labels = _strings(block["topics"]) if block.get("topics") else []
    except TypeError as error:
        raise DataError(f"{where}: {error}.") from None
    if not isinstance(block.get("stance"), str):
        raise DataError(f"{where}: expected stance, a string; found {block.get('stance')!r}.")
    weight = block.get("weight", 1)
    if type(weight) is not int or not 1 <= weight <= 100:
        raise DataError(f"{where}: expected weight, a whole number from 1 to 100; found {weight!r}.")
    alone = bool(block.get("alone")) or bool(before)
    return Pattern(block["stance"], tuple(labels), tuple(texts), tuple(before), not alone, weight)


def _check(grammar: Grammar, schema: Schema, folder: Path) -> None:
    """Find what cannot be filled or labelled before a sentence is drawn."""
    kinds = {d.name: d.kind for d in schema.dimensions}
    for name, kind in ((grammar.single, "single"), (grammar.multi, "multi")):
        if kinds.get(name) != kind:
            raise DataError(f"{folder}: expected a {kind} dimension of the schema; found {name!r}.")
    if (
        len(grammar.ahead) != 2
        or not any(p.clause for p in grammar.patterns)
        or not (grammar.frames and grammar.joints)
    ):
        found = f"{len(grammar.ahead)} sides, {len(grammar.patterns)} patterns"
        raise DataError(f"{folder}: expected two sides, patterns, frames and joints; found {found}.")
    single, multi = {*schema[grammar.single].labels}, {*schema[grammar.multi].labels}
    labels = {label for words in grammar.labelled.values() for label in words} - {""}
    faults = [f"label {label!r}" for label in sorted((labels - multi) | ({*grammar.ahead.values()} - single))]
    faults += [f"decides {decides!r} of {text!r}" for text, decides in grammar.joints if decides not in (1, 2)]
    for p in grammar.patterns:
        if p.value not in single | {"first", "second"}:
            faults.append(f"stance {p.value!r} of {p.texts[0]!r}")
        faults += [f"topic {label!r} of {p.texts[0]!r}" for label in p.labels if label not in multi]
    faults += [f"slot {slot!r} of {text!r}" for text in _texts(grammar) for slot in _unknown(grammar, text)]
    faults += _nested(grammar)
    if faults:
        raise DataError(f"{folder}: expected known labels and slots; found {'; '.join(faults[:20])}.")


def _texts(grammar: Grammar) -> list[str]:
    """All texts with slots, but for words."""
    texts = [text for p in grammar.patterns for text in (*p.texts, *p.before)]
    texts += [text.replace("{clause}", "") for text in grammar.frames]
    return texts + [text.replace("{clause1}", "").replace("{clause2}", "") for text, _ in grammar.joints]


def _nested(grammar: Grammar) -> list[str]:
    """Slots of words that name no word, or one with slots of its own: so no word can name itself."""
    faults = []
    for own in ({}, *grammar.sides.values()):
        for text in (text for words in (own or grammar.words).values() for text in words):
            for match in SLOT.finditer(text):
                words = own.get(match[2], []) if match[1] == "own" else grammar.words.get(match[2], [])
                if match[1] not in (None, "own") or not words or any(SLOT.search(word) for word in words):
                    faults.append(f"slot {match[0]!r} of {text!r}")
    return faults


def _unknown(grammar: Grammar, text: str) -> list[str]:
    found = []
    for match in SLOT.finditer(text):
        side, name = match[1], match[2]
        if side in ("1", "2"):
            known = all(name in words for words in grammar.sides.values())
        elif side:
            known = name in grammar.sides.get(side, {})
        else:
            known = name in grammar.labelled or name in grammar.words or range_of(name) in grammar.ranges
        if not known:
            found.append(match[0])
    return found
