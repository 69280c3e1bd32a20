"""The article rule, on sentences made by hand."""

from dataclasses import replace

import pytest

from newslean.results import ARTICLE_SHARE, TaggedArticle, TaggedSentence, summarise
from newslean.schema import Schema

MOODS = ("rise", "fall", "mixed", "flat")


def sentence(mood: str = "flat", *topics: str, p: float = 0.9, furniture: bool = False) -> TaggedSentence:
    rest = (1 - p) / 3
    scores = {
        "topic": {label: p if label in topics else 1 - p for label in ("metals", "weather")},
        "mood": {label: p if label == mood else rest for label in MOODS},
    }
    return TaggedSentence("Text.", 0, 5, {"topic": list(topics), "mood": mood}, scores, furniture)


def article(schema: Schema, *sentences: TaggedSentence) -> TaggedArticle:
    return summarise(schema, source="s", title="t", sentences=sentences)


def test_shares(schema: Schema):
    found = article(schema, sentence("rise", "metals"), sentence("flat", "metals", "weather"), sentence(), sentence())
    assert found.shares["topic"] == {"metals": 0.5, "weather": 0.25}
    assert found.shares["mood"] == {"rise": 0.25, "fall": 0.0, "mixed": 0.0, "flat": 0.75}
    assert found.labels == {"topic": ["metals", "weather"], "mood": "rise"}
    assert (found.source, found.title, len(found.sentences)) == ("s", "t", 4)


@pytest.mark.parametrize("total", [10, 20, 30, 70, 110, 230, 1000, 1230])
def test_a_tenth_is_enough_and_less_is_not(schema: Schema, total: int):
    assert ARTICLE_SHARE == 0.1
    enough = total // 10
    loud = [sentence("fall", "metals") for _ in range(enough)]
    silent = [sentence() for _ in range(total - enough)]
    assert article(schema, *loud, *silent).labels == {"topic": ["metals"], "mood": "fall"}
    assert article(schema, *loud[1:], *silent, sentence()).labels == {"topic": [], "mood": "flat"}


def test_in_a_short_article_one_sentence_is_enough(schema: Schema):
    assert article(schema, sentence("rise", "weather"), sentence()).labels == {"topic": ["weather"], "mood": "rise"}


def test_labels_other_than_neutral_reach_the_threshold_together(schema: Schema):
    found = article(schema, sentence("rise"), sentence("fall"), sentence("fall"), *[sentence()] * 27)
    assert found.labels["mood"] == "fall"


def test_a_tie_goes_to_the_higher_sum_of_probabilities(schema: Schema):
    assert article(schema, sentence("rise", p=0.6), sentence("fall", p=0.8)).labels["mood"] == "fall"
    assert article(schema, sentence("rise", p=0.8), sentence("fall", p=0.6)).labels["mood"] == "rise"


def test_sentences_that_no_model_was_asked_about_count_as_neutral(schema: Schema):
    skipped = TaggedSentence("Text.", 0, 5, {"topic": [], "mood": "flat"}, {})
    found = article(schema, skipped, sentence("rise", p=0.6), sentence("fall", p=0.8), skipped)
    assert found.labels == {"topic": [], "mood": "fall"}
    assert found.shares["mood"] == {"rise": 0.25, "fall": 0.25, "mixed": 0.0, "flat": 0.5}
    assert article(schema, skipped).labels == {"topic": [], "mood": "flat"}


def test_lean(schema: Schema):
    assert article(schema, sentence("rise")).lean == {"mood": 1.0}
    assert article(schema, sentence("fall"), sentence()).lean == {"mood": -1.0}
    assert article(schema, sentence("fall"), sentence("rise")).lean == {"mood": 0.0}
    assert article(schema, sentence(), sentence()).lean == {"mood": 0.0}


def test_the_third_label_pulls_the_lean_to_nought(schema: Schema):
    assert article(schema, sentence("rise"), sentence("mixed")).lean == {"mood": 0.5}
    assert article(schema, sentence("rise"), *[sentence("mixed")] * 3).lean == {"mood": 0.25}
    assert article(schema, sentence("mixed")).lean == {"mood": 0.0}


def test_without_a_neutral_label_the_most_frequent_one_is_the_articles(schema: Schema):
    mood = replace(schema["mood"], neutral=None)
    schema = Schema((schema["topic"], mood))
    found = article(schema, sentence("rise"), sentence("flat"), sentence("flat"), sentence("fall"))
    assert found.labels["mood"] == "flat"
    assert found.lean == {"mood": 0.0}
    assert article(schema, sentence("rise"), *[sentence("flat")] * 3).lean == {"mood": 0.25}
    assert article(schema, sentence("rise", p=0.6), sentence("fall", p=0.8)).labels["mood"] == "fall"
    assert article(schema).labels == {"topic": [], "mood": ""}
    assert article(schema, sentence("fall", furniture=True)).labels["mood"] == "fall"


def test_furniture_is_left_out(schema: Schema):
    loud = [sentence("fall", "weather", furniture=True) for _ in range(50)]
    found = article(schema, sentence("rise", "metals"), *loud)
    assert found.labels == {"topic": ["metals"], "mood": "rise"}
    assert found.shares["mood"]["rise"] == 1.0
    assert found.lean == {"mood": 1.0}
    assert len(found.sentences) == 51


@pytest.mark.parametrize("sentences", [[], [sentence("rise", "metals", furniture=True)]])
def test_an_article_without_content(schema: Schema, sentences: list[TaggedSentence]):
    found = article(schema, *sentences)
    assert found.labels == {"topic": [], "mood": "flat"}
    assert found.shares == {"topic": {"metals": 0, "weather": 0}, "mood": {"rise": 0, "fall": 0, "mixed": 0, "flat": 1}}
    assert found.lean == {"mood": 0.0}


def test_a_sentence_with_both_opposites_counts_once(schema: Schema):
    topic = replace(schema["topic"], opposites=(("metals", "weather"),))
    found = article(
        Schema((topic, schema["mood"])),
        *[sentence("flat", "metals", "weather")] * 5,
        *[sentence("flat", "metals")] * 5,
        sentence(),
    )
    assert found.lean["topic"] == 0.5  # (10 - 5) of 10 sentences


def test_a_dimension_without_opposites_has_no_lean(schema: Schema):
    assert "topic" not in article(schema, sentence("rise", "metals")).lean
