import io
import json
from dataclasses import dataclass

import pytest

from newslean.errors import ModelError
from newslean.output import article_to_dict, to_json, write_json
from newslean.results import TaggedArticle, TaggedSentence, summarise
from newslean.schema import Dimension, Schema

SCHEMA = Schema(
    (
        Dimension("topic", "multi", ("chips", "energy")),
        Dimension("stance", "single", ("ahead", "behind", "none"), "none", (("ahead", "behind"),)),
    )
)
TEXT = "• 芯片很快。 The lab leads 🚀 by far.\nShare this page\n"


@dataclass(frozen=True)
class Name:
    name: str = "small"
    version: str = "7"
    kind: str = "baseline"


def sentence(piece: str, topic: list[str], stance: str, *, furniture: bool = False) -> TaggedSentence:
    start = TEXT.index(piece)
    scores = {"topic": {"chips": 1 / 3, "energy": 0.1}, "stance": {"ahead": 2 / 3, "behind": 0.0, "none": 1 / 3}}
    return TaggedSentence(piece, start, start + len(piece), {"topic": topic, "stance": stance}, scores, furniture)


def article(source: str = "a.txt") -> TaggedArticle:
    rows = [
        sentence("芯片很快。", ["chips"], "none"),
        sentence("The lab leads 🚀 by far.", [], "ahead"),
        sentence("Share this page", [], "none", furniture=True),
    ]
    return summarise(SCHEMA, source=source, title=None, sentences=rows)


def test_the_contract_of_an_article():
    data = article_to_dict(article(), Name())
    assert list(data) == ["source", "title", "model", "article", "sentences"]
    assert data["source"] == "a.txt"
    assert data["title"] is None
    assert data["model"] == {"name": "small", "version": "7", "kind": "baseline"}
    assert data["article"] == {
        "labels": {"topic": ["chips"], "stance": "ahead"},
        "shares": {"topic": {"chips": 0.5, "energy": 0.0}, "stance": {"ahead": 0.5, "behind": 0.0, "none": 0.5}},
        "lean": {"stance": 1.0},
    }
    keys = ["n", "start", "end", "text", "labels", "scores"]
    assert [list(row) for row in data["sentences"]] == [keys, keys, [*keys, "furniture"]]
    assert data["sentences"][2]["furniture"] is True
    assert [row["n"] for row in data["sentences"]] == [0, 1, 2]


def test_offsets_are_code_points_also_after_a_trip_through_json():
    data = json.loads(to_json(article_to_dict(article(), Name())))
    assert len(data["sentences"]) == 3
    for row in data["sentences"]:
        assert TEXT[row["start"] : row["end"]] == row["text"]


def test_scores_are_rounded_to_six_digits():
    scores = article_to_dict(article(), Name())["sentences"][0]["scores"]
    assert scores["topic"]["chips"] == 0.333333
    assert scores["stance"]["ahead"] == 0.666667


def test_no_minus_zero():
    tagged = TaggedArticle("a", None, (), lean={"stance": -1e-9})
    assert str(article_to_dict(tagged, Name())["article"]["lean"]["stance"]) == "0.0"


def test_letters_stay_letters_and_lone_surrogates_are_escaped():
    line = to_json({"title": "芯片 é 🚀 \udcff\x1b"})
    assert "芯片 é 🚀" in line
    line.encode("utf-8")
    assert json.loads(line)["title"] == "芯片 é 🚀 \udcff\x1b"


def test_a_backslash_before_a_surrogate_survives():
    assert json.loads(to_json("\\\ud800")) == "\\\ud800"


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_no_json_without_a_form(number: float):
    with pytest.raises(ModelError, match="finite"):
        to_json({"score": number})


@pytest.mark.parametrize("sources", [["a"], ["a", "b"], ["a", "b", "c"]])
def test_a_list_for_several_inputs(sources: list[str]):
    stream = io.StringIO()
    assert write_json(map(article, sources), Name(), stream, as_list=True) == len(sources)
    assert [row["source"] for row in json.loads(stream.getvalue())] == sources
    assert stream.getvalue().endswith("]\n")


def test_an_object_for_one_input():
    stream = io.StringIO()
    assert write_json([article()], Name(), stream, as_list=False) == 1
    assert json.loads(stream.getvalue())["source"] == "a.txt"
    assert stream.getvalue().endswith("}\n")


def test_nothing_for_no_article():
    stream = io.StringIO()
    assert write_json([], Name(), stream, as_list=True) == 0
    assert stream.getvalue() == ""


def test_each_article_is_written_before_the_next_is_read():
    stream = io.StringIO()

    def articles():
        yield article("first")
        assert '"first"' in stream.getvalue()
        yield article("second")

    assert write_json(articles(), Name(), stream, as_list=True) == 2
