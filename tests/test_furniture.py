"""The page around an article. The seeds' furniture is what two coders independently agreed on."""

import json
import re
import tomllib
from itertools import product
from pathlib import Path

import pytest

from newslean.furniture import is_furniture
from newslean.splitting import split_sentences

ROOT = Path(__file__).resolve().parent.parent
GOLD = json.loads((Path(__file__).parent / "data" / "seed_spans.json").read_text())
BODY = [
    "The council leased the old fish market to a firm.",
    "It trains models there.",
    "Others spoke of noise and heat.",
]


def flagged(lines: list[str], *, title: int | None = None) -> list[str]:
    return [line for line, flag in zip(lines, is_furniture(lines, title=title), strict=True) if flag]


@pytest.mark.parametrize("name", GOLD)
def test_seeds_as_coded(name: str) -> None:
    sentences = split_sentences((ROOT / "seeds" / name).read_bytes().decode())
    assert [n for n, s in enumerate(sentences) if s.furniture] == GOLD[name]["furniture"]


@pytest.mark.parametrize(
    "line",
    [
        "Share this article",
        "Subscribe to our newsletter",
        "Sign up for our weekly letter on chips.",
        "3 hours ago",
        "vor 2 Stunden",
        "il y a 3 jours",
        "5天前",
        "5 min read",
        "Published on 3 March 2025, 10:15 GMT",
        "March 3, 2025",
        "12 Comments",
        "Your email address will not be published.",
        "Facebook Twitter LinkedIn WhatsApp",
        "Also read: Why the ferry is late",
        "Related | Town council in deadlock",
        "Image credit: A. Poe / The Ferry Post",
        "We use cookies to make this site better.",
        "You are receiving this because you signed up.",
        "The views expressed here are those of the author.",
        "This story was originally published in German by The Lake Post.",
        "Don't miss: Ten ferries to take",
        "Advertisement",
        "Back to top",
        "By Ann Poe and Ole van der Roe",
        "By Ann Poe, Senior Writer",
        "By Ann Poe · 3 March 2025 · 5 min read",
        "3 min read · Updated 2 days ago",
        "From our correspondent in Leith",
        "Share on Facebook Twitter LinkedIn",
        "Follow us on Mastodon",
        "Sort by: newest | oldest",
        "Tags: chips, ferries",
        "Copyright 2025 The Ferry Post",
        "Market data provided by Ferrydata and Cod.",
        "Reporting by Ann Poe in Leith; editing by Ole Roe",
        "Additional reporting by Ann Poe and our Leith desk.",
        "https://example.com/2026/china-overtakes-us-in-ai-chips",
        '[1]: https://example.com/china-beats-america "China leads"',
        "![China leads America](https://example.com/a.png)",
    ],
)
def test_lines_of_a_page(line: str) -> None:
    assert flagged([*BODY, line, *BODY]) == [line]


@pytest.mark.parametrize(
    "line",
    [
        "What steps should the town take to keep its edge?",
        "Conclusion",
        "FAQ",
        "Key Highlights",
        "2024",
        "Why it matters.",
        "Images: Model A holds first place for a second month, with Model B second",
        "Share prices fell after the ban.",
        "Share of Chinese models among downloads rose to 17 percent.",
        "Reporting by The Ferry Post shows that China leads.",
        "Follow the money, and it leads to the chip makers.",
        "Subscribers grew by half as the model beat its rivals.",
        "Related research found that the gap had closed.",
        "The views of engineers differ on who leads.",
        "Search engines now run on Chinese chips.",
        "Home-grown chips are catching up.",
        "Visa and PayPal lead",
        "The author of the model said it beats all others.",
        "By March, the gap had closed.",
        "More models from China are on the way.",
        "Contents of the data set were not disclosed.",
        "Copycats will follow, analysts said.",
        "OpenAI, Google and Meta lead",
        "Disclosure rules for chip makers were tightened.",
        "Research by a council puts Chinese models seven months behind American ones.",
        "Research by Stanford concluded China had closed the gap with America.",
        "Research By Stanford Ranks China Ahead of America",
        "Reporting by the Ferry Post puts Huawei's chips two generations behind Nvidia's.",
        "Copyright lawsuits have slowed OpenAI while Chinese labs pull ahead.",
        "Market data provided by Ferrydata show that Huawei now outsells Nvidia.",
        "Categories where Chinese models lead include mathematics and coding.",
        "Follow US rules or lose American chips, the envoy said.",
        "This article has been updated to say that Huawei overtook Nvidia.",
        "Sort by solved tasks alone and the model is 19th, behind its older sister.",
        "By Some Measures, China Leads America",
        "Posted in March, the scores put China ahead.",
        "[Poe]: China leads, I would say.",
    ],
)
def test_lines_of_an_article(line: str) -> None:
    assert flagged([*BODY, line, *BODY]) == []
    assert flagged([line]) == []


def test_before_the_title_stand_labels() -> None:
    lines = ["Technology", "Front page > News", "A hall by the lake", *BODY]
    assert flagged(lines, title=2) == lines[:2]
    assert flagged(lines) == []
    short = ["China Pulls Ahead", "How a town by the lake won the summer", *BODY]
    assert flagged(short, title=1) == [], "a short headline over a longer line is no section's name"


def test_the_title_and_its_repetition_stay() -> None:
    lines = ["Related articles", *BODY, "Related articles"]
    assert flagged(lines, title=0) == []


def test_by_line_and_biography() -> None:
    person = ["ann-poe", "Ann Poe", "Senior Writer", "I like boats.", "Ten years at sea.", "LinkedIn"]
    lines = ["A hall by the lake", *person, *BODY * 5]
    assert flagged(lines, title=0) == person
    without_link = ["A hall by the lake", *person[:-1], *BODY * 5]
    assert flagged(without_link, title=0) == person[:3], "sentences are flagged only up to a link"
    assert flagged(["A hall by the lake", "By", "Ann Poe", *BODY], title=0) == ["By", "Ann Poe"]


def test_table_of_contents_is_what_comes_again() -> None:
    headings = ["How it began", "What it costs", "Who gains"]
    lines = [
        "A hall by the lake",
        "Table of Contents",
        *headings,
        "How it began",
        *BODY,
        "What it costs",
        *BODY,
        "Who gains",
        *BODY,
    ]
    assert is_furniture(lines, title=0) == [False] + [True] * 4 + [False] * (len(lines) - 5)
    assert flagged(["In this story", *BODY]) == []


def test_links_count_only_at_the_foot() -> None:
    links = ["You may also like", "Ten ferries to take", "Why cod is dear"]
    assert flagged([*BODY, *links]) == links
    assert flagged([*BODY, *links, *BODY]) == links[:1]
    items = [
        "Ferry hits quay",
        "Cod gets dearer",
        "Council in deadlock",
        "More news",
        "Hall opens late",
        "Firm moves on",
    ]
    assert flagged([*BODY, *items]) == ["More news"], "the last section of a digest, whose items have no full stop"
    assert flagged([*BODY, "Other news", "Firm moves on"]) == []


def test_disclaimer_runs_as_far_as_its_words() -> None:
    note = [
        "Disclaimer: The Post informs.",
        "We do not guarantee that it is complete.",
        "We are not liable for losses.",
    ]
    assert flagged([*BODY, *note, *BODY]) == note


def test_nothing_and_hostile_lines() -> None:
    assert is_furniture([], title=None) == []
    lines = ["", "\0", "x" * 1_000_000, "menu " * 100_000, "by " * 100, "(" * 10_000, "A " * 200 + "\u202e"]
    assert len(is_furniture(lines * 20)) == len(lines) * 20
    assert is_furniture(["Table of Contents", *["a", "b"] * 30_000])[-1] is False
    lines = [f"Line {n}" for n in range(20_000)] * 2
    assert sum(is_furniture(["Table of Contents", *lines])) == 20_001
    assert is_furniture(["Sort by: NewestOldest", "Sort by: " + "popular" * 34 + " in price"]) == [True, False]
    for words in product(("Newest", "Most liked", "Most recent", "popular", "first", "Oldest"), repeat=3):
        assert is_furniture([f"Sort by: {', '.join(words)}"]) == [True]
    for line in ("Reporting by " + "A. " * 129, "Market data provided by " + "A." * 180 + "!", "by " + "A, " * 130):
        assert is_furniture([line]) in ([True], [False])


def test_each_pattern_is_a_regular_expression_that_needs_something() -> None:
    data = tomllib.loads((ROOT / "newslean" / "furniture.toml").read_text(encoding="utf-8"))
    for entries in data.values():
        assert len(set(entries)) == len(entries)
        assert not any(re.compile(entry).match("") for entry in entries)
