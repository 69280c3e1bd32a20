"""The loader and the measure of ``benchmarks/tweeteval.py``, on invented tweets."""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from newslean.errors import DataError

BENCHMARKS = Path(__file__).resolve().parent.parent / "benchmarks"


@pytest.fixture
def tweeteval(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    import tweeteval as module

    yield module
    for name in ("tweeteval", "tweeteval_fit", "machine"):
        sys.modules.pop(name, None)


@pytest.fixture
def folder(tweeteval: Any, tmp_path: Path) -> Path:
    (tmp_path / "mapping.txt").write_text("0\tnone\n1\tagainst\n2\tfavor\n", encoding="utf-8")
    words = ("maybe", "never", "yes")
    for target in tweeteval.TARGETS:
        (tmp_path / target).mkdir()
        for split, number in (("train", 30), ("val", 6), ("test", 9)):
            texts = "".join(f"@user {words[n % 3]} to that {n}\x85 #SemST\n" for n in range(number))
            (tmp_path / target / f"{split}_text.txt").write_text(texts, encoding="utf-8")
            numbers = "".join(f"{n % 3}\n" for n in range(number))
            (tmp_path / target / f"{split}_labels.txt").write_text(numbers, encoding="utf-8")
    return tmp_path


def test_the_folder_is_read_and_the_baseline_learns_it(tweeteval: Any, folder: Path, monkeypatch: pytest.MonkeyPatch):
    import tweeteval_fit

    monkeypatch.setattr(tweeteval_fit, "SETTINGS", tweeteval_fit.SETTINGS[:2])
    labels, targets = tweeteval.read_stance(folder)
    assert labels == ["none", "against", "favor"]
    assert targets["climate"]["train"][1] == ("@user never to that 1\x85 #SemST", "against")
    rows = {t: {s: tweeteval.to_examples(t, s, p) for s, p in splits.items()} for t, splits in targets.items()}
    _, logits = tweeteval_fit.fit_baselines(labels, rows, say=lambda line: None)
    assert logits["hillary"].shape == (9, 3)
    assert tweeteval._scores(labels, rows, logits)["all"] == 100


def test_the_official_measure_leaves_none_out(tweeteval: Any):
    gold = ["favor", "favor", "against", "none", "none"]
    assert tweeteval.official(gold, gold) == 100
    # favor: 1 of 2 found, nothing wrong: F1 2/3; against: found, with one none beside it: F1 2/3.
    answers = ["favor", "none", "against", "against", "none"]
    assert tweeteval.official(gold, answers) == pytest.approx(200 / 3)
    assert tweeteval.official(["none"], ["none"]) == 0


def test_tweets_of_all_targets_are_measured_together(tweeteval: Any):
    # Target a holds one tweet for, answered right, and none against; target b four against, answered right. The mean
    # over targets would be 50.
    labels = ["none", "against", "favor"]
    gold = {"a": ["favor"], "b": ["against"] * 4}
    rows = {t: {"test": tweeteval.to_examples(t, "test", [("x", g) for g in gold[t]])} for t in gold}
    logits = {t: np.eye(3)[[labels.index(g) for g in gold[t]]] for t in gold}
    assert tweeteval._scores(labels, rows, logits) == {"a": 50, "b": 50, "all": 100}


def test_all_faults_of_the_folder_are_told_at_once(tweeteval: Any, folder: Path):
    (folder / "atheism" / "val_labels.txt").write_text("0\n1\n", encoding="utf-8")
    (folder / "climate" / "test_labels.txt").write_text("7\n" * 9, encoding="utf-8")
    (folder / "hillary" / "train_text.txt").write_bytes(b"\xff")
    (folder / "abortion" / "train_text.txt").unlink()
    with pytest.raises(DataError) as error:
        tweeteval.read_stance(folder)
    for part in (
        "6 texts and 2 labels",
        "test_labels.txt:1: expected one of 0, 1, 2; found '7'",
        "UTF-8",
        "No such file",
    ):
        assert part in str(error.value)
    with pytest.raises(DataError, match=r"mapping\.txt"):
        tweeteval.read_stance(folder / "atheism")
