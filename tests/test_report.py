import io
import re
from collections.abc import Sequence

import pytest

from newslean.report import render_article, write_text
from newslean.results import TaggedArticle, TaggedSentence, summarise
from newslean.schema import Dimension, Labels, Schema
from newslean.screen import columns_of

TOPIC = Dimension("topic", "multi", ("chips", "energy"))
STANCE = Dimension("stance", "single", ("ahead", "behind", "none"), "none", (("ahead", "behind"),))
SCHEMA = Schema((TOPIC, STANCE))


def sentence(
    text: str, labels: Labels, *, score: float = 0.5, schema: Schema = SCHEMA, furniture: bool = False
) -> TaggedSentence:
    scores = {d.name: dict.fromkeys(d.labels, score) for d in schema.dimensions}
    return TaggedSentence(text, 0, len(text), labels, scores, furniture)


def article(
    sentences: Sequence[TaggedSentence], *, schema: Schema = SCHEMA, title: str | None = "Title"
) -> TaggedArticle:
    return summarise(schema, source="a.txt", title=title, sentences=sentences)


def both(stances: Sequence[str]) -> TaggedArticle:
    return article([sentence(f"Sentence {n}.", {"topic": [], "stance": s}) for n, s in enumerate(stances)])


def test_head_names_title_source_and_counts():
    rows = [
        sentence("Menu", {"topic": [], "stance": "none"}, furniture=True),
        sentence("A.", {"topic": [], "stance": "none"}),
    ]
    lines = render_article(article(rows), SCHEMA).splitlines()
    assert lines[0] == "Title"
    assert lines[1].startswith("a.txt: 1 sentence, 1 more set aside as page furniture")
    assert render_article(article(rows, title=None), SCHEMA).startswith("(no title)\n")


def test_shares_have_bars_and_a_star_for_the_articles_own_labels():
    text = render_article(both(["ahead", "ahead", "behind", "none"]), SCHEMA)
    assert re.search(r"^\* ahead +#{10}\.{10} +50% +2$", text, re.M)
    assert re.search(r"^  behind +#{5}\.{15} +25% +1$", text, re.M)
    assert re.search(r"^  energy +\.{20} +0% +0$", text, re.M)


@pytest.mark.parametrize(
    ("stances", "words", "bar"),
    [
        (["ahead", "ahead", "behind"], "lean +0.33 towards ahead", "behind [----------|--O-------] ahead"),
        (["behind", "none"], "lean -1.00 towards behind", "behind [O---------|----------] ahead"),
        (["ahead", "behind"], "lean 0.00: balanced between ahead and behind", "behind [----------O----------] ahead"),
        (["none"], "lean 0.00: no sentence says ahead or behind", "behind [----------O----------] ahead"),
        (
            [*["ahead"] * 250, *["behind"] * 251],
            "lean 0.00: nearly balanced between ahead and behind",
            "behind [----------O----------] ahead",
        ),
    ],
)
def test_lean_in_words_and_as_a_bar(stances: list[str], words: str, bar: str):
    lines = [line.strip() for line in render_article(both(stances), SCHEMA).splitlines()]
    assert lines[lines.index(words) + 1] == bar


def test_the_table_counts_topics_by_stances_without_furniture():
    rows = [
        sentence("A.", {"topic": ["chips", "energy"], "stance": "ahead"}),
        sentence("B.", {"topic": ["chips"], "stance": "ahead"}),
        sentence("C.", {"topic": [], "stance": "none"}),
        sentence("Menu", {"topic": [], "stance": "none"}, furniture=True),
    ]
    lines = render_article(article(rows), SCHEMA).splitlines()
    start = lines.index("topic x stance (sentences)")
    assert [line.split() for line in lines[start + 1 : start + 5]] == [
        ["ahead", "behind", "none"],
        ["chips", "2", ".", "."],
        ["energy", "1", ".", "."],
        ["(no", "topic)", ".", ".", "1"],
    ]


def test_the_three_strongest_sentences_of_a_label_best_first():
    rows = [
        sentence(f"S{n}.", {"topic": ["chips"], "stance": "none"}, score=s) for n, s in enumerate([0.5, 0.9, 0.7, 0.9])
    ]
    lines = render_article(article(rows), SCHEMA).splitlines()
    start = lines.index("topic: chips")
    assert lines[start + 1 :] == ["  0.90  [1] S1.", "  0.90  [3] S3.", "  0.70  [2] S2."]
    assert "stance: none" not in lines


@pytest.mark.parametrize("schema", [Schema((TOPIC,)), Schema((STANCE,))], ids=["multi", "single"])
def test_one_kind_of_dimension_needs_no_table(schema: Schema):
    rows = [sentence("A.", {"topic": ["chips"], "stance": "ahead"}, schema=schema)]
    text = render_article(article(rows, schema=schema), schema)
    assert " x " not in text
    assert "0.50  [0] A." in text


def test_sixty_labels_fit_the_screen():
    names = tuple(f"a_rather_long_label_{n}" for n in range(60))
    schema = Schema((Dimension("many", "multi", names), Dimension("one", "single", names, names[0])))
    rows = [sentence("A.", {"many": [name], "one": name}, schema=schema) for name in names[:40]]
    text = render_article(article(rows, schema=schema), schema)
    assert max(map(columns_of, text.splitlines())) <= 80
    assert "(20 more labels have no sentence)" in text
    table = text[text.index("many x one") : text.index("many: a_rather")]
    assert len(re.findall(r"(?<= )1(?= |$)", table, re.M)) == 40
    assert names[45] not in text


def test_an_article_without_sentences():
    for schema in (SCHEMA, Schema((Dimension("d", "single", tuple(map(str, range(60))), "0"),))):
        assert "0 sentences" in render_article(article([], schema=schema), schema)


@pytest.mark.parametrize("width", [50, 80, 120])
def test_wide_characters_stay_within_the_width(width: int):
    schema = Schema(
        (Dimension("主题", "multi", ("芯片和半导体产业", "能源")), Dimension("立场", "single", ("领先", "无"), "无"))
    )
    rows = [sentence("中国的芯片进步很快。" * 20, {"主题": ["芯片和半导体产业"], "立场": "领先"}, schema=schema)]
    text = render_article(article(rows, schema=schema, title="标题" * 60), schema, width=width)
    assert max(map(columns_of, text.splitlines())) <= width


def test_an_article_cannot_steer_the_terminal():
    hostile = "\x1b[2J\x9b31m\u202eevil\x07\r\b\ud800"
    schema = Schema(
        (Dimension(hostile, "multi", (hostile,)), Dimension("s", "single", (hostile, "b"), "b", ((hostile, "b"),)))
    )
    rows = [sentence(hostile, {hostile: [hostile], "s": hostile}, schema=schema)]
    tagged = summarise(schema, source=hostile, title=hostile, sentences=rows)
    text = render_article(tagged, schema)
    assert all(line.isprintable() for line in text.split("\n"))
    assert "evil" in text


def test_colour_only_when_asked():
    plain = render_article(both(["ahead"]), SCHEMA)
    colored = render_article(both(["ahead"]), SCHEMA, color=True)
    assert "\x1b" not in plain
    assert re.sub(r"\x1b\[[0-9;]*m", "", colored) == plain
    assert colored != plain


def test_articles_go_out_one_by_one_and_never_colored_into_a_file():
    stream = io.StringIO()

    def articles():
        yield both(["ahead"])
        assert stream.getvalue().startswith("Title\n")
        yield both(["none"])

    assert write_text(articles(), SCHEMA, stream, color="always") == 2
    assert "\x1b" not in stream.getvalue()
    assert stream.getvalue().count("\n" + "=" * 80 + "\n") == 1
