"""The gate: the same answer for a text alone and among thousands, and the same after it was kept."""

import random
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from newslean.calibration import Calibration
from newslean.errors import ModelError
from newslean.gate import BITS, MAX_BYTES, MAX_CHARACTERS, Gate, article_means, chances, hash_texts, parts_of
from newslean.manifest import GATE_FILE, Manifest

NUMBERS = {"own": 1.3, "article": 0.7, "intercept": -0.1, "threshold": 0.4}


@pytest.fixture(scope="module")
def gate() -> Gate:
    weights = np.random.default_rng(0).normal(size=1 << BITS).astype(np.float32)
    return Gate(weights, **NUMBERS)


def texts(number: int = 12_000) -> list[str]:
    draw = random.Random(3)  # noqa: S311 - no secret
    words = ["copper", "Zinc", "a", "市场", "naïve", "🚀", "U.S.", "\x00", "\u202eשלום", "\ud83d", "İ", "12", "\n", ""]
    found = [" ".join(draw.choices(words, k=draw.randint(0, 30))) for _ in range(number)]
    return [*found, "", " ", "abcd", "abcde", "x" * (MAX_CHARACTERS + 9), "🚀" * MAX_CHARACTERS, "a b " * 9_000]


def test_alone_and_among_thousands(gate: Gate):
    all_texts = texts()
    whole = gate.scores(all_texts)
    assert len(parts_of(all_texts)) > 1
    assert np.isfinite(whole).all()
    assert len(set(whole.tolist())) > 8_000
    for n in [*range(0, len(all_texts), 23), *range(len(all_texts) - 7, len(all_texts))]:
        assert gate.scores([all_texts[n]])[0] == whole[n]  # to the last bit
    assert (gate.scores(all_texts[::-1])[::-1] == whole).all()
    assert gate.scores([]).shape == (0,)


def test_articles_alone_and_among_others(gate: Gate):
    all_texts = texts()
    articles = [n // 11 for n in range(len(all_texts))]
    whole = gate.relevance(all_texts, articles)
    for start in range(0, len(all_texts), 770):
        part = slice(start, start + 11)
        assert (gate.relevance(all_texts[part], [5] * len(all_texts[part])) == whole[part]).all()
    assert (gate.passes(all_texts, articles) == (whole >= NUMBERS["threshold"])).all()
    assert 0 < gate.passes(all_texts, articles).mean() < 1


def test_the_article_counts(gate: Gate):
    scores = gate.scores(["copper", "zinc"])
    apart, together = gate.relevance(["copper", "zinc"], [0, 1]), gate.relevance(["copper", "zinc"], [0, 0])
    assert apart == pytest.approx(1 / (1 + np.exp(-(2.0 * scores - 0.1))))
    assert together == pytest.approx(1 / (1 + np.exp(-(1.3 * scores + 0.7 * scores.mean() - 0.1))))
    assert article_means(np.array([1.0, 2.0, 4.0]), [3, 0, 3]).tolist() == [2.5, 2.0, 2.5]
    assert chances(np.array([1e9, -1e9])).tolist() == [1.0, 0.0]


def test_what_is_hashed():
    def grams(text: str) -> set[tuple[int, float]]:
        h = hash_texts([text])
        return {*zip(h.columns.tolist(), h.values.tolist(), strict=True)}

    assert grams("Copper, ZINC!") - grams("copper. zinc?") != set()  # runs of characters see the marks
    assert grams("COPPER zinc") == grams("copper ZINC")
    assert len(hash_texts(["ab cd"]).columns) == 2 + 1 + 1  # words, pairs, runs of five
    assert len(hash_texts(["ab", "cd"]).columns) == 2  # no pair over two texts
    h = hash_texts(["ab cd ab", "", "xyz xyz"])
    lengths = np.bincount(h.texts, h.values**2, minlength=3)
    assert lengths == pytest.approx([3, 0, 3])  # each kind has the length 1
    assert grams("a" * MAX_CHARACTERS) == grams("a" * (MAX_CHARACTERS + 1))
    for empty in ([], [""], ["", ""], ["..."]):
        assert len(hash_texts(empty).columns) == 0
    assert h.columns.min() >= 0
    assert h.columns.max() < 1 << BITS


def test_parts_are_bounded_and_whole():
    long = ["x" * 5_000] * 1_000
    parts = parts_of(long)
    assert [text for part in parts for text in part] == long
    assert max(4 * sum(min(len(text), MAX_CHARACTERS) for text in part) for part in parts) <= MAX_BYTES
    assert parts_of([]) == []


@pytest.fixture
def manifest(schema) -> Manifest:
    return Manifest("baseline", "tiny", "1", schema, Calibration(), "s", gate={**NUMBERS, "lost": 0.001})


def test_saved_and_loaded(gate: Gate, manifest: Manifest, tmp_path: Path):
    gate.save(tmp_path)
    loaded = Gate.load(tmp_path, manifest)
    assert loaded is not None
    assert (loaded.own, loaded.article, loaded.intercept, loaded.threshold) == tuple(NUMBERS.values())
    all_texts = texts(500)
    assert (loaded.scores(all_texts) == gate.scores(all_texts)).all()  # also before it was saved
    assert (tmp_path / GATE_FILE).stat().st_size < 3 << (BITS)


def test_a_model_without_a_gate(manifest: Manifest, schema, tmp_path: Path):
    assert Gate.load(tmp_path, Manifest("baseline", "tiny", "1", schema, Calibration(), "s")) is None


@pytest.mark.parametrize(
    "arrays",
    [
        {},
        {"other": np.zeros(1 << BITS, np.float16)},
        {"weights": np.zeros(8, np.float16)},
        {"weights": np.zeros((1 << BITS, 1), np.float16)},
        {"weights": np.full(1 << BITS, np.nan, np.float16)},
        {"weights": np.full(1 << BITS, np.inf, np.float16)},
    ],
)
def test_weights_that_are_none_of_a_gate(manifest: Manifest, tmp_path: Path, arrays: dict[str, np.ndarray]):
    save_file(arrays, tmp_path / GATE_FILE)
    with pytest.raises(ModelError, match=r"weights of a gate.*Restore"):
        Gate.load(tmp_path, manifest)


@pytest.mark.parametrize("content", [b"", b"\x08\0\0\0\0\0\0\0{}", b"\xff" * 64])
def test_a_damaged_file(manifest: Manifest, tmp_path: Path, content: bytes):
    (tmp_path / GATE_FILE).write_bytes(content)
    with pytest.raises(ModelError, match="weights of a gate"):
        Gate.load(tmp_path, manifest)
    (tmp_path / GATE_FILE).unlink()
    with pytest.raises(ModelError, match="weights of a gate"):
        Gate.load(tmp_path, manifest)
