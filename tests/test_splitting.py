"""Boundaries of sentences: the seeds as coded, hard cases of news prose, hostile and random text."""

import json
import random
import re
from itertools import pairwise
from pathlib import Path

import pytest

from newslean.splitting import Sentence, split_sentences, splitter_version, title_of

ROOT = Path(__file__).resolve().parent.parent
DATA = Path(__file__).parent / "data"
GOLD = json.loads((DATA / "seed_spans.json").read_text())


def texts(text: str) -> list[str]:
    return [sentence.text for sentence in split_sentences(text)]


def check(text: str, sentences: list[Sentence]) -> None:
    assert all(text[s.start : s.end] == s.text and s.text.strip() for s in sentences)
    assert all(a.end <= b.start for a, b in pairwise(sentences))
    assert sum(s.title for s in sentences) <= 1


@pytest.mark.parametrize("name", GOLD)
def test_seeds_are_split_as_they_were_coded(name: str) -> None:
    text = (ROOT / "seeds" / name).read_bytes().decode()
    sentences = split_sentences(text)
    check(text, sentences)
    assert [[s.start, s.end] for s in sentences] == GOLD[name]["spans"]
    assert [n for n, s in enumerate(sentences) if s.title] == [GOLD[name]["title"]]


@pytest.mark.parametrize(
    "sentences",
    [
        ["The U.S. Commerce Department said no.", "It did."],
        ["In the U.S. Nvidia leads.", "In China Huawei does."],
        ["It was founded in the U.S.", "It grew in China."],
        ["It is No. 1 in the world.", "No. 2 is far behind."],
        ["Some labs, e.g. those in Delft, share weights.", "Others, i.e. most, do not."],
        ["Mr. Wang met Dr. Li.", "They talked."],
        ["It grew 3.5 percent.", "V3.5 beat V2.1.", "Model2.5-72B did too."],
        ["He paused...", "Then he went on."],
        ["“We lead. We will lead,” he said.", "She agreed."],
        ['"We lead."', "He left."],
        ["The lab (see p. 4) won.", "Others lost."],
        ["Q: Who leads?", "A: The U.S. does."],
        ["Q. Who leads?"],
        ["Jan. 20 saw the first.", "On Feb. 3 it fell."],
        ["Holding Co.’s model won.", "Others lost."],
        ["Nvidia Corp. and Intel Inc. fell.", "Apple Inc. rose."],
        ["It scored 88.5% vs. 87% for the other.", "That is close."],
        ["The student left at 5 p.m. Monday.", "He came at 9 a.m. to work."],
        ["Washington, D.C. is watching.", "So is Beijing."],
        ["Is it over?", "No!", "Not yet."],
        ["J. D. Reed spoke.", "Ann W. Poe did not."],
        ["The cost was $5.6m.", "That is low."],
        ["They won.[1]", "Then they lost."],
        ["First point.", "2. Second point."],
        ["Lake Town Builds a Hall With U.S. As Buyers Wait"],
        ["Is It Over? What the Next Year Will Bring"],
    ],
)
def test_english_prose(sentences: list[str]) -> None:
    assert texts(" ".join(sentences)) == sentences


def test_other_scripts() -> None:
    assert texts("研究所公布了模型。真的吗？是的！") == ["研究所公布了模型。", "真的吗？", "是的！"]
    assert len(texts("Лаборатория открылась. Она растёт.")) == 2
    assert len(texts("פתחו מעבדה. היא גדלה.")) == 2


def test_list_markers_are_left_out() -> None:
    text = "Three things:\n  • It rains.\n\t- It snows.\n1. It thaws.\n(b) It dries.\n## It Burns Again\n> It ends.\n"
    text += "I. Newton was here."
    expected = "Three things:|It rains.|It snows.|It thaws.|It dries.|It Burns Again|It ends.|I. Newton was here."
    assert texts(text) == expected.split("|")


def test_bold_heading_glued_to_a_paragraph_is_cut_off() -> None:
    assert texts("They built it.**What comes next**\nNobody knows.") == [
        "They built it.",
        "What comes next",
        "Nobody knows.",
    ]


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_hard_wrapped_text_is_joined(newline: str) -> None:
    text = (DATA / "wrapped.txt").read_text().replace("\n", newline)
    found = [" ".join(sentence.split()) for sentence in texts(text)]
    assert found[0] == "Harbour Town Builds a Data Hall"
    assert found[1].startswith("The council voted")
    assert found[1].endswith("language models.")
    assert found[2] == "Its owners, two sisters from Leith, expect to hire sixty people before the spring."
    assert found[-1] == "The firm must plant a row of trees along the quay and pay for a new bus stop."
    assert title_of(split_sentences(text)) == found[0]


def test_title_is_sought_at_the_head_only() -> None:
    head = "A Hall by the Lake\n\nThe council voted late on Tuesday to lease the old fish market. It was close.\n\n"
    assert (
        title_of(split_sentences(head + "Sport\nWorld\n\nA Longer Heading Than the First One\n"))
        == "A Hall by the Lake"
    )
    assert title_of(split_sentences("It rains a lot here. " * 20)) is None
    assert title_of(split_sentences("Chips grow dear in spring.")) is None, "a lone sentence has no title"
    assert (
        title_of(split_sentences("News\n\nA Hall by the Lake\n\nA Hall by the Lake – Post\n\nIt is so."))
        == "A Hall by the Lake"
    )


HOSTILE = {
    "no full stop": "word " * 400_000,
    "no space": "x" * 2_000_000,
    "open quotes": "«" * 2_000_000,
    "open quotes with letters": "«a " * 300_000,
    "brackets": "(a" * 300_000,
    "full stops": "." * 2_000_000,
    "numbers": "1. " * 600_000,
    "initials": "A. " * 300_000,
    "newlines": "\n" * 1_000_000,
    "blank lines": " \r\n" * 300_000,
    "NULs": "\0" * 2_000_000,
    "one wrapped paragraph": "the quick brown fox jumps over the lazy dog and over some more of them\n" * 20_000,
    "hash marks": "#" * 1_000_000,
    "bold": ".**a" * 20_000,
    "CJK": "研究" * 500_000,
    "right to left": "שלום \u202e" * 200_000,
    "front matter": "---\na: b\n" + "c: d\n" * 20_000,
    "comments": "<!-- a -->" * 60_000,
    "open comments": "<!-- a " * 200_000,
    "fences": "```\na\n" * 60_000,
    "notes": "word.1 A " * 60_000,
    "dashes": "---\n" * 300_000,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_text_comes_to_an_end(name: str) -> None:
    # Each took minutes with a quadratic step somewhere; now each takes well under a second.
    check(HOSTILE[name], split_sentences(HOSTILE[name]))


def test_half_a_surrogate_pair_does_no_harm() -> None:
    text = "It rains \ud83d here. \udc00 It pours."
    assert texts(text)[0] == "It rains \ud83d here."
    check(text, split_sentences(text))


@pytest.mark.parametrize("seed", range(40))
def test_random_text_keeps_every_letter_and_order(seed: int) -> None:
    rng = random.Random(seed)  # noqa: S311 - no secret
    pieces = [
        "word",
        "Word",
        "U.S.",
        "No. 1",
        "3.5",
        ".",
        "!",
        "?",
        "…",
        "“",
        "”",
        '"',
        "«",
        "(",
        ")",
        "\n",
        "\r\n",
        "\n\n",
    ]
    pieces += [
        "\u2028",
        "\t",
        "\0",
        "\x1b",
        "\u202e",
        "\ufeff",
        "*",
        "**",
        "# ",
        "• ",
        "- ",
        "研究。",
        "שלום",
        "🚀",
        "é",
        "e\u0301",
    ]
    text = "".join(rng.choice(pieces) + " " * rng.randrange(2) for _ in range(rng.choice([3, 30, 600])))
    sentences = split_sentences(text)
    check(text, sentences)
    outside = text
    for sentence in reversed(sentences):
        outside = outside[: sentence.start] + outside[sentence.end :]
    assert not re.search(r"[^\W\d_]", outside)
    assert split_sentences(text) == sentences


def test_version_names_both_splitters() -> None:
    assert re.fullmatch(r"newslean-\d+\+sentencex-[\d.]+", splitter_version())


def test_a_short_headline_is_the_title():
    text = (
        "Chip War\n\nBeijing gained ground on Washington.\n\nThe US trails China by a year in the making of new chips."
    )
    found = split_sentences(text)
    assert [s.text for s in found if s.title] == ["Chip War"]
    assert not any(s.furniture for s in found)


BODY = "\n\nThe laboratories released a new model on Tuesday. Nobody knows more yet.\n"


@pytest.mark.parametrize(
    ("head", "title"),
    [
        ("China narrows gap\n\nBy Ann Poe and Ole Roe\n\nMay 25, 2026", "China narrows gap"),
        ("America Is Losing\n\nFrom our correspondent in Leith", "America Is Losing"),
        ("Chips Grow Dear\n\n3 min read · Updated 2 days ago", "Chips Grow Dear"),
        (
            "Skip to main content\n\nHome / News\n\nChina Narrows the Gap With America",
            "China Narrows the Gap With America",
        ),
        ("Oct 3, 2025 at 10:15 AM EDT\n\nChina Narrows the Gap With America", "China Narrows the Gap With America"),
        ("We use cookies to improve your experience.\n\nThe Gap Is Narrow Now", "The Gap Is Narrow Now"),
    ],
)
def test_what_belongs_to_the_page_is_no_title(head: str, title: str) -> None:
    found = split_sentences(head + BODY)
    assert title_of(found) == title
    assert [s.text for s in found if not s.furniture and not s.title] == texts(BODY)


def test_the_number_of_a_note_ends_its_sentence() -> None:
    assert texts("China leads in tests.1 American firms lead in chips.”2,3 Others trail.14 The end.") == [
        "China leads in tests.1",
        "American firms lead in chips.”2,3",
        "Others trail.14",
        "The end.",
    ]
    whole = "It takes GPT-4.1 Mini an hour."
    assert texts(whole) == [whole]
    assert texts("It stands in Vol. 2 of it. Eq. 3 says so. It took approx. 40 days.") == [
        "It stands in Vol. 2 of it.",
        "Eq. 3 says so.",
        "It took approx. 40 days.",
    ]


def test_what_no_reader_of_markdown_sees_is_furniture() -> None:
    code = "```python\nprint('China leads')\nx = 1\n```"
    text = f"It rains.\n\n{code}\n\nIt snows. <!-- China leads. Say so. --> It thaws.\n\n~~~\nopen"
    found = split_sentences(text)
    check(text, found)
    assert [s.text for s in found if not s.furniture] == ["It rains.", "It snows.", "It thaws.", "open"]
    assert [s.text for s in found if s.furniture][1] == "print('China leads')"


def test_a_long_address_does_not_unwrap_a_text() -> None:
    text = (DATA / "wrapped.txt").read_text()
    assert texts(text + "\n\nhttps://example.com/" + "a" * 100)[:-1] == texts(text)
    longer = "\n\n".join([text] * 4)
    assert texts(longer + "\n\n" + "One line is longer than all others are in this text. " * 3)[:-3] == texts(longer)
