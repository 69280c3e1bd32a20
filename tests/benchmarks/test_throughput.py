"""The throughput benchmark runs from end to end; no number of it is judged here."""

import json
import random
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
BENCHMARKS = ROOT / "benchmarks"


@pytest.fixture(autouse=True)
def on_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(BENCHMARKS))


def test_a_quick_run_measures_everything(trained, tmp_path):
    words = ["--quick", "--no-ray", "--model", str(trained.path), "--peer", "transformers", "--out", str(tmp_path)]
    done = subprocess.run(
        [sys.executable, "benchmarks/throughput.py", *words], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    report = json.loads((tmp_path / "throughput.json").read_text(encoding="utf-8"))
    for news in report["news"].values():
        assert {"newslean, 1 worker", "newslean, 2 workers"} <= {way["name"] for way in news["ways"]}
        assert [peer["name"] for peer in news["peers"]] == ["transformers' pipeline, batches of 32"]
        assert all(way["sentences_per_s"] > 0 for way in (*news["ways"], *news["peers"]))
        [stages, *_] = news["stages"].values()
        assert sum(stages["stages"].values()) == pytest.approx(stages["total"])
        assert {"load", "read", "split", "gate", "model", "table", "shards and result"} == set(stages["stages"])
    assert [row["articles"] for row in report["memory"]] == [20, 40]
    assert all(row["megabytes"] > 20 for row in report["memory"])
    assert 0 < report["int8"]["share"] < 1
    assert [row["pages"]["articles"] for row in report["pages"]] == [6, 6]
    assert [row["trafilatura"]["pages"] for row in report["pages"]] == [6, 12]
    assert all(row["word_f1"] > 0.9 for row in report["pages"])
    assert (tmp_path / "throughput.md").read_text(encoding="utf-8") == done.stdout.removesuffix("\n")

    from throughput_docs import BEGIN, END, fill, numbers
    from throughput_report import misses

    assert all(isinstance(miss, str) for miss in misses(report))
    page = fill((ROOT / "docs" / "cluster.md").read_text(encoding="utf-8"), numbers(report))
    assert "100,000,000 articles ×" in page.split(BEGIN)[1].split(END)[0]


def test_a_peer_that_is_missing_is_named(monkeypatch):
    from throughput_report import misses

    way = {"name": "newslean, 2 workers", "sentences_per_s": 10.0}
    news = {"ways": [way, way], "peers": []}
    report = {"news": {"mixed": news, "relevant": news}, "int8": None, "memory": [], "pages": []}
    assert [miss.rpartition(": ")[2] for miss in misses(report)][:2] == ["SetFit was not measured"] * 2


def test_the_share_of_on_topic_articles_is_that_asked_for():
    from throughput_dump import SHORT, mixed, on_topic, relevant, short

    known = {tuple(text.sentences) for text in on_topic()}
    found = [tuple(text.sentences) in known for text in mixed(200, share=0.25, seed=1)]
    assert sum(found) == 50
    assert found != sorted(found)
    parts = {tuple(text.sentences[k : k + SHORT]) for text in on_topic() for k in range(0, len(text.sentences), SHORT)}
    texts = [tuple(text.sentences) for text in short(200, share=0.25, seed=1)]
    assert sum(text in parts for text in texts) == 50
    assert max(map(len, texts)) == SHORT
    assert len({tuple(text.sentences) for text in relevant(10**6, seed=0)}) == len(relevant(10**6, seed=0))


def test_invented_sentences_seldom_repeat():
    from throughput_dump import invented

    rng = random.Random(0)  # noqa: S311
    assert len({invented(rng) for _ in range(10_000)}) > 9_900
