import numpy as np
import pytest

from train.copies import NEAR, near_pairs, plain_text

WORDS = [
    f"{a}{b}{c}" for a in ("ka", "lo", "mi", "ne") for b in ("ra", "stu", "vi", "wem") for c in ("t", "n", "", "sk")
]


def sentences(count: int, *, words: int = 18, seed: int = 0) -> list[str]:
    rng = np.random.default_rng(seed)
    return [" ".join(rng.choice(WORDS, size=words)) for _ in range(count)]


def jaccard(one: str, other: str) -> float:
    a, b = ({text[k : k + 5] for k in range(len(text) - 4)} for text in (one, other))
    return len(a & b) / len(a | b)


def test_pairs_are_those_of_comparing_each_with_each() -> None:
    base = sentences(120)
    changed = []
    for k, text in enumerate(base):  # from one word to eight words changed
        parts = text.split()
        parts[: 1 + k % 8] = sentences(1, words=1 + k % 8, seed=1000 + k)[0].split()
        changed.append(" ".join(parts))
    texts = base + changed
    expected = {
        (i, j): jaccard(texts[i], texts[j])
        for i in range(len(texts))
        for j in range(i + 1, len(texts))
        if jaccard(texts[i], texts[j]) >= NEAR
    }
    found = {(i, j): similarity for i, j, similarity in near_pairs(texts)}
    assert 15 < len(expected) < 120
    assert found.keys() == expected.keys()
    assert all(found[pair] == pytest.approx(expected[pair], abs=1e-6) for pair in found)


def test_the_most_similar_come_first() -> None:
    text = sentences(1, words=40)[0]
    found = near_pairs([text, text + " x", text + " with an ending", sentences(1, seed=9)[0]])
    assert found[0][:2] == (0, 1)
    assert [pair[2] for pair in found] == sorted((pair[2] for pair in found), reverse=True)


def test_many_alike_make_no_square_of_pairs() -> None:
    stem = sentences(1, words=30)[0]
    texts = [f"{stem} {n:05d}" for n in range(3000)]
    found = near_pairs(texts)
    linked = {n for pair in found for n in pair[:2]}
    assert len(linked) == 3000
    assert len(found) < 3000 * 20 * 17


@pytest.mark.parametrize("texts", [[], ["one"], ["short", "shorf"], ["x" * 50], ["x" * 50, "y" * 50]])
def test_nothing_to_find(texts: list[str]) -> None:
    assert near_pairs(texts) == []


def test_other_scripts_and_lone_surrogates() -> None:
    one = (
        "北京的芯片公司今年生产的处理器数量是去年的两倍，分析师说这超出了他们的预期，而且价格还在下降，但产量仍然有限。"
    )
    pairs = near_pairs([plain_text(one), plain_text(one + "完。")])
    assert [pair[:2] for pair in pairs] == [(0, 1)]


def test_case_and_white_space_make_no_difference() -> None:
    assert plain_text("A  b\tC ") == plain_text("a B c")
