"""Batch in, batch out; an article's answer hangs on the article alone."""

from pathlib import Path

import pyarrow as pa
import pytest

from newslean.articles import Article
from newslean.dump import Record
from newslean.errors import ModelError
from newslean.files import sha256
from newslean.scoring import scorer as scorer_module
from newslean.scoring.scorer import Scorer, ScorerSettings
from newslean.scoring.tables import sentence_rows, to_batch
from newslean.tagger import Tagger
from tests.scoring.dumps import articles

ROOT = Path(__file__).resolve().parents[2]


def batch_of(texts: list[str], *, first: int = 0) -> pa.RecordBatch:
    return to_batch([Record(Article("d", text), None, None, None, "") for text in texts], first)


@pytest.fixture(scope="module")
def texts() -> list[str]:
    return [row["text"] for row in articles(40, seed=5)]


def test_alone_or_among_others(model: Path, texts: list[str]):
    scorer = Scorer(ScorerSettings(str(model)))
    whole = scorer(batch_of(texts))
    for n in range(len(texts)):
        assert Scorer(ScorerSettings(str(model)))(batch_of(texts[n : n + 1], first=n)).equals(whole.slice(n, 1))
    other = Scorer(ScorerSettings(str(model)))(batch_of(texts[::-1])).take(pa.array(range(len(texts))[::-1]))
    for name in whole.schema.names:
        if name != "article":
            assert other.column(name).to_pylist() == whole.column(name).to_pylist()
    assert scorer(batch_of(texts)).equals(whole)  # now from memory


def test_each_text_is_read_once(model: Path, texts: list[str], monkeypatch):
    asked: list[str] = []
    ask = Tagger.score

    def score(tagger: Tagger, sentences: list[str], contexts: list[str]):
        asked.extend(sentences)
        return ask(tagger, sentences, contexts)

    monkeypatch.setattr(Tagger, "score", score)
    scorer = Scorer(ScorerSettings(str(model), gate=False))
    whole = scorer(batch_of(texts))
    read = [row["text"] for row in sentence_rows(whole).to_pylist() if not row["furniture"]]
    assert len(asked) == len(set(asked)) == len(set(read)) < len(read)
    assert scorer.repeated == len(read) - len(asked)
    assert (scorer.sentences, scorer.skipped) == (len(read), 0)
    scorer(batch_of(texts[:10]))
    assert len(asked) == len(set(read))
    scores: dict[str, set[str]] = {}
    for row in sentence_rows(whole).to_pylist():
        if not row["furniture"]:
            scores.setdefault(row["text"], set()).add(str([v for k, v in row.items() if k.startswith("score_")]))
    assert all(len(found) == 1 for found in scores.values())


def test_memory_of_sentences_is_bounded(model: Path, texts: list[str], monkeypatch):
    whole = Scorer(ScorerSettings(str(model)))(batch_of(texts))
    monkeypatch.setattr(scorer_module, "REMEMBERED", 3)
    scorer = Scorer(ScorerSettings(str(model)))
    for n in range(len(texts)):
        assert scorer(batch_of(texts[n : n + 1], first=n)).equals(whole.slice(n, 1))
        assert len(scorer._known) <= 3


def test_the_title_is_context_where_the_model_asks_for_it():
    """With the shipped model: the sentence before is context, so two of the same text are two questions."""
    scorer = Scorer(ScorerSettings(str(ROOT / "models" / "current"), gate=False), threads=1)
    texts = [
        "China builds chips. They are fast.",
        "The US builds phones. They are fast.",
        "China builds chips. They are fast.",
    ]
    found = scorer(batch_of(texts))
    assert scorer.sentences == 6
    assert scorer.repeated == 2
    tagged = Tagger.load(ROOT / "models" / "current", threads=1).tag_articles(Article("d", text) for text in texts)
    expected = [sentence.scores["stance"]["none"] for article in tagged for sentence in article.sentences]
    assert sentence_rows(found).column("score_stance_none").to_pylist() == pytest.approx(expected, abs=1e-6)


def test_no_article_has_to_have_a_sentence(model: Path):
    scorer = Scorer(ScorerSettings(str(model)))
    assert scorer(batch_of(["1", "", "\n"])).column("sentences_total").to_pylist() == [0, 0, 0]
    assert scorer(batch_of([])).num_rows == 0
    assert set(scorer.seconds) == {"split", "gate", "model", "table"}


def test_a_model_without_a_gate_reads_all(tmp_path: Path, schema, texts: list[str]):
    from tests.scoring.dumps import make_model

    scorer = Scorer(ScorerSettings(str(make_model(tmp_path, schema, gate=False))))
    scorer(batch_of(texts))
    assert scorer.gate is None
    assert scorer.skipped == 0


def test_a_sentence_with_a_nul_has_a_key_of_its_own():
    """With the shipped model, whose context is the sentence before."""
    scorer = Scorer(ScorerSettings(str(ROOT / "models" / "current"), gate=False), threads=1)
    texts = [f"The weather was fine today.\n\n{end}" for end in ("Z.\n\nQ\0Y", "Y\0Z.\n\nQ")]
    alone = [scorer(batch_of([text], first=n)) for n, text in enumerate(texts)]
    fresh = Scorer(ScorerSettings(str(ROOT / "models" / "current"), gate=False), threads=1)
    assert [fresh(batch_of([text], first=n)) for n, text in reversed([*enumerate(texts)])] == alone[::-1]


def test_another_model_in_the_place_of_the_one_that_was_meant_is_refused(model: Path, texts: list[str]):
    told = sha256(model / "manifest.json")
    assert Scorer(ScorerSettings(str(model), model_hash=told))(batch_of(texts)).num_rows == len(texts)
    with pytest.raises(ModelError, match="expected the model that the run was started with; found another"):
        Scorer(ScorerSettings(str(model), model_hash=told[::-1]))
