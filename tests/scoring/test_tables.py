"""Batches before and after scoring."""

import pyarrow as pa
import pytest

from newslean.articles import Article
from newslean.dump import Record
from newslean.dump.columns import is_result
from newslean.results import TaggedSentence, summarise
from newslean.scoring.tables import (
    ARTICLES,
    article_rows,
    is_relevant,
    result_schema,
    sentence_rows,
    to_batch,
    to_results,
)

SKIPPED = TaggedSentence("B.", 3, 5, {"topic": [], "mood": "flat"}, {})


def sentence(topic: list[str], mood: str, *, furniture: bool = False) -> TaggedSentence:
    scores = {
        "topic": {label: float(label in topic) for label in ("metals", "weather")},
        "mood": {label: 0.1234567 if label != mood else -0.0 for label in ("rise", "fall", "mixed", "flat")},
    }
    return TaggedSentence("A.", 0, 2, {"topic": topic, "mood": mood}, scores, furniture)


@pytest.fixture
def batch() -> pa.RecordBatch:
    records = [
        Record(Article("d", "x\ud83d\x00", "T\udc00"), "\ud83d", "2024", None, "line 1"),
        Record(Article("d", "", None), None, None, "Ö", "line 2"),
        Record(Article("d", "z", None), None, None, None, "line 3"),
    ]
    return to_batch(records, 7)


def test_a_batch(batch: pa.RecordBatch):
    assert batch.schema == ARTICLES
    assert batch.column("article").to_pylist() == [7, 8, 9]
    assert batch.column("text").to_pylist() == ["x\ufffd\x00", "", "z"]
    assert batch.column("title").to_pylist() == ["T\ufffd", None, None]
    assert batch.column("id").to_pylist() == ["\ufffd", None, None]
    assert batch.column("outlet").to_pylist() == [None, "Ö", None]


@pytest.mark.parametrize("only_relevant", [True, False])
def test_results(batch: pa.RecordBatch, schema, only_relevant: bool):
    rows = [[sentence(["metals"], "rise"), SKIPPED, sentence([], "flat", furniture=True)], [], [sentence([], "flat")]]
    tagged = [summarise(schema, source="d", title="T\ud800", sentences=row) for row in rows]
    found = to_results(batch, tagged, schema, only_relevant=only_relevant)
    assert found.schema == result_schema(schema)
    assert found.column("relevant").to_pylist() == [True, False, False]
    assert found.column("sentences_total").to_pylist() == [2, 0, 1]
    assert found.column("sentences_skipped").to_pylist() == [1, 0, 0]
    assert found.column("share_topic_metals").to_pylist() == [0.5, 0.0, 0.0]
    assert found.column("lean_mood").to_pylist() == [1.0, 0.0, 0.0]
    assert found.column("title").to_pylist() == ["T\ufffd"] * 3
    lines = sentence_rows(found).to_pylist()
    assert [(row["article"], row["n"]) for row in lines] == (
        [(7, 0)] if only_relevant else [(7, 0), (7, 1), (7, 2), (9, 0)]
    )
    assert lines[0]["score_mood_fall"] == pytest.approx(0.123457, abs=1e-8)
    assert str(lines[0]["score_mood_rise"]) == "0.0"  # never -0.0
    if not only_relevant:
        assert [row["skipped"] for row in lines] == [False, True, False, False]
        assert [row["furniture"] for row in lines] == [False, False, True, False]
        assert lines[1]["score_mood_fall"] is None
        assert lines[1]["label_mood"] == "flat"
    # A part of a batch gives its own sentences.
    assert sentence_rows(found.slice(1)).to_pylist() == [row for row in lines if row["article"] > 7]
    assert article_rows(found).schema == result_schema(schema, articles_only=True)
    assert is_result(sentence_rows(found).schema.names)
    assert is_result(article_rows(found).schema.names)
    assert not is_result(ARTICLES.names)
    short = to_results(batch, tagged, schema, only_relevant=only_relevant, articles_only=True)
    assert short == article_rows(found)


def test_relevant(schema):
    assert not is_relevant({"topic": [], "mood": "flat"}, schema)
    assert is_relevant({"topic": ["metals"], "mood": "flat"}, schema)
    assert is_relevant({"topic": [], "mood": "mixed"}, schema)
