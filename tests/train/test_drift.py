"""Drift with the real tiny model: what it is used to, and what it is not."""

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from newslean.articles import Article
from newslean.errors import DataError, ModelError
from newslean.output import article_to_dict
from newslean.scoring.job import Job
from newslean.scoring.run import score_dump
from newslean.scoring.scorer import ScorerSettings
from newslean.tagger import Tagger
from train.drift import measure_drift
from train.drift_verdict import judge, render_drift
from train.scored import read_scored
from train.words import strangeness

TOWNS = ("Arlen", "Borva", "Cimbel", "Dorsk", "Elmira", "Fennick", "Garth", "Holm", "Istra", "Jorvik")
USUAL = ("Copper and zinc climbed in {} as buyers paid more.", "Rain fell on the {} harbour for most of the week.")
STRANGE = (
    "Qubits decohere whenever {} physicists misalign interferometers.",
    "Soufflés collapse if {} chefs hesitate.",
)


@pytest.fixture
def tagger(trained: SimpleNamespace) -> Tagger:
    return Tagger.load(trained.path)


@pytest.fixture
def results(tagger: Tagger, tmp_path: Path) -> Callable[..., Path]:
    """Tag invented articles of two sentences and write them as predict.py does."""

    def write(name: str, patterns: tuple[str, ...], *, articles: int = 30) -> Path:
        texts = [" ".join(p.format(TOWNS[(n + k) % 10]) for k, p in enumerate(patterns)) for n in range(articles)]
        tagged = tagger.tag_articles(Article(f"{name}-{n}", text) for n, text in enumerate(texts))
        rows = [article_to_dict(article, tagger.manifest) for article in tagged]
        path = tmp_path / f"{name}.json"
        path.write_text("[\n" + ",\n".join(json.dumps(row) for row in rows) + "\n]\n", encoding="utf-8")
        return path

    return write


def measure(reference: Path, new: Path, tagger: Tagger, model: Path) -> dict[str, Any]:
    report = measure_drift(reference, new, tagger, model=model, replicates=100)
    report |= judge(report)
    assert json.loads(json.dumps(report)) is not None
    assert report["verdict"] in render_drift(report)
    return report


def test_more_of_the_same_is_the_same(results: Any, tagger: Tagger, trained: SimpleNamespace):
    report = measure(results("old", USUAL), results("new", USUAL), tagger, trained.path)
    assert report["verdict"] == "same"
    assert report["words"]["difference"] == pytest.approx(0, abs=1e-9)
    assert report["new"] == {"name": report["new"]["name"], "sentences": 60, "articles": 30, "seen": False}
    assert report["dimensions"]["mood"]["labels"]["flat"]["corrected"] >= 0


def test_another_subject_is_told(results: Any, tagger: Tagger, trained: SimpleNamespace):
    report = measure(results("old", USUAL), results("new", STRANGE), tagger, trained.path)
    assert report["verdict"] == "label again"
    said = " ".join(sign["what"] for sign in report["signs"])
    assert "words that the model does not know" in said
    assert "qubits" in [word for word, _ in report["words"]["top"]]
    assert "labels next" in render_drift(report)
    assert len(report["unsure"]) == 5


def test_few_articles_give_no_all_clear(results: Any, tagger: Tagger, trained: SimpleNamespace):
    report = measure(results("old", USUAL), results("new", USUAL, articles=5), tagger, trained.path)
    assert report["verdict"] == "cannot tell"


def test_the_model_itself_is_a_reference(results: Any, tagger: Tagger, trained: SimpleNamespace):
    report = measure(trained.path, results("new", USUAL), tagger, trained.path)
    assert report["reference"]["errors"].startswith("held_out of ")
    assert report["length"] is None
    assert report["words"]["reference"] is None
    gold = [e.labels["mood"] for e in trained.run.held_out if "mood" in e.labels]
    assert report["dimensions"]["mood"]["labels"]["flat"]["reference"] == pytest.approx(gold.count("flat") / len(gold))
    with pytest.raises(ModelError, match="evaluation"):
        measure_drift(trained.baseline, results("new", USUAL), Tagger.load(trained.baseline), model=trained.baseline)


def test_labels_are_a_reference(results: Any, tagger: Tagger, trained: SimpleNamespace, label_folder: Path):
    new = results("new", USUAL)
    report = measure(label_folder, new, tagger, trained.path)  # it has rows that are set aside
    assert report["reference"]["errors"] == str(label_folder)
    assert not report["reference"]["seen"]
    assert report["dimensions"]["mood"]["labels"]["rise"]["pacc"] is not None
    rows = [json.loads(line) for line in (label_folder / "sentences" / "tiny.jsonl").read_text().splitlines()]
    path = new.with_name("labels.jsonl")
    path.write_text("".join(json.dumps(row) + "\n" for row in rows if row.get("split") != "test"), encoding="utf-8")
    report = measure(path, new, tagger, trained.path)
    assert report["reference"]["seen"]
    assert report["reference"]["errors"].startswith("held_out of ")
    assert report["words"]["reference"] > 0  # the name of a town stands in one article only


def test_every_form_of_scores_is_read_alike(results: Any, tagger: Tagger, trained: SimpleNamespace, tmp_path: Path):
    path = results("old", USUAL, articles=4)
    first = read_scored(path, tagger, seed=0)
    articles = json.loads(path.read_text(encoding="utf-8"))
    (tmp_path / "one.json").write_text(json.dumps(articles, indent=1), encoding="utf-8")
    (tmp_path / "lines.jsonl").write_text("".join(json.dumps(a) + "\n" for a in articles), encoding="utf-8")
    rows = [{"doc": a["source"], **s} for a in articles for s in a["sentences"]]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    (tmp_path / "raw").mkdir()
    for n, a in enumerate(articles):
        (tmp_path / "raw" / f"{n}.txt").write_text(" ".join(s["text"] for s in a["sentences"]), encoding="utf-8")
    for suffix in (".parquet", ".jsonl"):  # as a dump is scored
        job = Job(
            inputs=(str(tmp_path / "raw"),),
            out=tmp_path / f"dump{suffix}",
            settings=ScorerSettings(str(trained.path), gate=False),
        )
        score_dump(job)
    skipped = {"source": "0", "text": "Rain.", "labels": {"mood": "flat"}, "scores": None, "skipped": True}
    with (tmp_path / "dump.jsonl").open("a", encoding="utf-8") as file:
        file.write(json.dumps(skipped) + "\n")
    for name in ("one.json", "lines.jsonl", "rows.jsonl", "dump.parquet", "dump.jsonl", "raw"):
        found = read_scored(tmp_path / name, tagger, seed=0)
        assert found.texts == first.texts, name
        assert found.answers == first.answers
        assert len({*found.groups}) == 4
        np.testing.assert_allclose(found.scores["mood"], first.scores["mood"], atol=2e-6)


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("a.json", b'[{"sentences": [{"text": "x", "scores": {"mood": {"up": 1}}, "labels": {}}]}]', "expected scores"),
        ("a.json", b'[{"sentences": [{"text": "x", "scores": 3}]}]', "expected text, labels and scores"),
        ("a.json", b'{"scores": ', "expected results as JSON"),
        ("a.json", b'[3, "scores"]', "expected an article or a row"),
        ("a.jsonl", b'{"text": "x", "scores": {}, "labels": {}}\n{"cut', "expected results as JSON"),
        ("a.json", b'[{"sentences": [], "scores": 1}]', "found none"),
        ("a.parquet", b"PAR1 no", "Parquet"),
        ("a.txt", b"\x89PNG\r\n\x1a\n", "PNG"),
        ("none.json", None, "expected"),
    ],
)
def test_what_cannot_be_read(tmp_path: Path, tagger: Tagger, name: str, content: bytes | None, expected: str):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError) as error:
        read_scored(tmp_path / name, tagger, seed=0)
    assert expected in str(error.value)
    assert name in str(error.value)


def test_words_that_only_one_article_of_the_training_set_holds_are_no_common_knowledge(tagger: Tagger):
    texts, groups = ["Copper climbed.", "Copper slumped."], ["a", "b"]
    seen = strangeness(texts, groups, tagger, seen=True)
    assert seen.unknown_words.tolist() == [1, 1]
    assert strangeness(texts, groups, tagger).unknown_words.tolist() == [0, 0]
    tokens = strangeness(["Copper ☃ 🜚"], ["a"], tagger)
    assert tokens.unknown_tokens.tolist() == [2]
    assert tokens.words.tolist() == [1]


def test_the_command(cli: Any, results: Any, trained: SimpleNamespace, tmp_path: Path):
    old, new = results("old", USUAL), results("new", STRANGE)
    code, out, _ = cli("drift", old, new, "--model", trained.path)
    assert code == 0
    assert "Verdict: label again" in out
    code, out, _ = cli("drift", old, new, "--model", trained.path, "--json")
    assert json.loads(out)["verdict"] == "label again"
    assert cli("drift", old, tmp_path / "none.json", "--model", trained.path)[0] == 2
