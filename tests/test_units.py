"""Paragraphs and whole texts: spans on text of every kind, what is title and what is furniture."""

from itertools import pairwise

import pytest

from newslean.schema import UNITS
from newslean.splitting import Sentence, given_units, split_sentences, split_units, splitter_version, title_of
from tests.test_splitting import HOSTILE

NEWS = (
    "Copper Climbs Again in the North\n\nCopper climbed. Buyers paid more.\nZinc slumped.\n\n* * *\n\n"
    "Share this article\n\nFollow us on our channel. The mine in Holm was closed.\n"
)


def spans(text: str, unit: str) -> list[str]:
    found = split_units(text, unit)
    assert all(text[s.start : s.end] == s.text and s.text.strip() for s in found)
    assert all(a.end <= b.start for a, b in pairwise(found))
    return [s.text for s in found]


def test_sentences_are_what_they_were() -> None:
    assert split_units(NEWS, "sentence") == split_sentences(NEWS)


@pytest.mark.parametrize(
    ("text", "paragraphs"),
    [
        ("One. Two.\nThree.\n\nFour.", ["One. Two.\nThree.", "Four."]),
        ("One.\r\nTwo.\r\n\r\nThree.\r\n", ["One.\r\nTwo.", "Three."]),
        ("One.\rTwo.\r\rThree.", ["One.\rTwo.", "Three."]),
        ("One.\n \t\xa0\u3000\n\u200b\ufeff\nTwo.", ["One.", "Two."]),
        ("\n\n\xa0\u3000One.\xa0\nTwo. \x00\n\n", ["One.\xa0\nTwo."]),
        ("  indented\n  and more\n\n\n\n\nnext", ["indented\n  and more", "next"]),
        ("One.\n\n---\n\n2, 3 …\n\n研究。\n", ["One.", "研究。"]),
        ("One.\n\x0b\nTwo.\n\x1c\nThree.\n\x85\nFour.\u2028\u2028Five.", ["One.", "Two.", "Three.", "Four.", "Five."]),
        ("---\ntitle: A\n---\nOne.\n\nTwo.", ["One.", "Two."]),
        ("half \ud83d a pair\n\n\udc00 other", ["half \ud83d a pair", "\udc00 other"]),
        ("🚀 é e\u0301\n\n*bold*", ["🚀 é e\u0301", "*bold*"]),
        ("", []),
        (" \r\n\xa0\n\u3000\t", []),
    ],
)
def test_paragraphs(text: str, paragraphs: list[str]) -> None:
    assert spans(text, "paragraph") == paragraphs


@pytest.mark.parametrize(
    ("text", "whole"),
    [
        ("One. Two.\n\nThree.", ["One. Two.\n\nThree."]),
        ("\ufeff \xa0\r\nOne.\r\n\r\nTwo.\r\n\xa0\x00", ["One.\r\n\r\nTwo."]),
        ("---\ntitle: A\n---\n\nOne.\n\n---\nTwo.\n", ["One.\n\n---\nTwo."]),
        ("🚀🚀 !!!", ["🚀🚀 !!!"]),  # nobody can say that this tweet is none
        ("Share this article", ["Share this article"]),
        ("", []),
        ("\r\n\xa0 \u200b\u3000\x00\n", []),
    ],
)
def test_a_whole_text(text: str, whole: list[str]) -> None:
    assert spans(text, "text") == whole


@pytest.mark.parametrize("unit", UNITS[1:])
@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_text_comes_to_an_end(name: str, unit: str) -> None:
    spans(HOSTILE[name], unit)
    assert len(split_units(HOSTILE[name], "text")) <= 1


def test_a_paragraph_is_title_or_furniture_only_as_a_whole() -> None:
    found = split_units(NEWS, "paragraph")
    assert [(s.text.split()[0], s.title, s.furniture) for s in found] == [
        ("Copper", True, False),
        ("Copper", False, False),
        ("Share", False, True),
        ("Follow", False, False),  # opens as furniture does, but says more
    ]
    assert title_of(found) == "Copper Climbs Again in the North"
    assert [(s.title, s.furniture) for s in split_units(NEWS, "text")] == [(False, False)]
    assert [(s.title, s.furniture) for s in split_units("Share this article", "text")] == [(False, False)]


def test_given_one_by_one_they_are_marked_alike() -> None:
    texts = spans(NEWS, "paragraph")
    found = given_units(texts, "paragraph", title=texts[0])
    assert [(s.title, s.furniture) for s in found] == [(s.title, s.furniture) for s in split_units(NEWS, "paragraph")]
    assert found[1] == Sentence(texts[1], 0, len(texts[1]))
    for unit, furniture in (("sentence", True), ("text", False)):
        both = given_units(["Zinc slumped in Holm.", "Share this article"], unit, title="Zinc slumped in Holm.")
        assert [s.furniture for s in both] == [False, furniture]
        assert both[0].title == (unit == "sentence")
    assert given_units([], "paragraph", title=None) == []


def test_the_version_says_which_splitter_it_was() -> None:
    versions = [splitter_version(unit) for unit in UNITS]
    assert versions[0] == splitter_version()
    assert [v.partition("+")[2].partition("-")[0] for v in versions] == ["sentencex", "paragraph", "text"]
    assert len({v.partition("+")[0] for v in versions}) == 1
