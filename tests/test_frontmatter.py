"""What is front matter, what is text between two rules, and titles as YAML writes them."""

import time

import pytest

from newslean.frontmatter import front_matter
from newslean.splitting import split_sentences

TEXT = "Three labs share their weights.\n"


@pytest.mark.parametrize(
    ("fields", "title"),
    [
        ("title: >-\n  The gap\n  narrows\n\n  fast", "The gap narrows fast"),
        ("title: |\n  The gap\n  narrows", "The gap narrows"),
        ("title: >2 # folded\n  The gap", "The gap"),
        ("title: The gap between the two\n  narrows", "The gap between the two narrows"),
        ("title: 'The gap between the two\n  narrows'", "The gap between the two narrows"),
        ("title: >", None),
        ("title:\n  en: The gap", None),
        ("title: ''", None),
        ("title: 'China''s gap'", "China's gap"),
        (r'title: "The \"Gap\"" # working title', 'The "Gap"'),
        (r'title: "Caf\u00e9 \\ bar\n opens"', "Café \\ bar opens"),
        (r'title: "China\'s gap"', "China's gap"),
        ('title: "Gap" and "Rift"', '"Gap" and "Rift"'),
        ("title: The 'gap'", "The 'gap'"),
        ("title: > 3 % of labs", "> 3 % of labs"),
        ('"Title": x', "x"),
    ],
)
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_titles_as_yaml_writes_them(fields: str, title: str | None, newline: str) -> None:
    head = f"---\n{fields}\ntags:\n  - chips\n---\n".replace("\n", newline)
    assert front_matter(head + TEXT) == (len(head), title)


@pytest.mark.parametrize(
    "fields",
    [
        "Published on: 12 May",
        "Read time: 2\nTAGS: chips",
        "og.image: x\nog/a b: y\ndate_published: z",
        "date : x",
    ],
)
def test_keys_may_have_spaces(fields: str) -> None:
    head = f"---\n{fields}\n---\n\n"
    [sentence] = split_sentences(head + TEXT)
    assert (sentence.start, sentence.text) == (len(head), TEXT.strip())


@pytest.mark.parametrize(
    "box",
    [
        "“We lead,” said the minister.",
        "Minister: We lead, and by far.\nAnalyst: We do not.",
        "He said to them: We lead.",
        "Chips: 3 of 4 labs lack them",
    ],
)
def test_a_boxed_quotation_is_text(box: str) -> None:
    text = f"---\n{box}\n---\n{TEXT}"
    assert front_matter(text) == (0, None)
    told = " ".join(s.text for s in split_sentences(text))
    assert all(line in told for line in box.splitlines())


@pytest.mark.parametrize(
    "text",
    [
        "---\na" + " " * 500_000,
        "---\na" + " 'b" * 200_000,
        "---\ntitle: a\n" + "  b\n" * 199 + "x",
        "---\ntitle: a\n" + " \t\n" * 150 + "x",
        "---\ntitle: '" + "''" * 200_000 + "\n---\n",
        '---\ntitle: "' + r"\a" * 200_000 + "\n---\n",
    ],
    ids=range(6),
)
def test_odd_text_takes_no_time(text: str) -> None:
    begin = time.process_time()
    front_matter(text)
    assert time.process_time() - begin < 2
