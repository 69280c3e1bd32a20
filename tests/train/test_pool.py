from train.candidates import Candidate
from train.pool import Best, Sample, text_key


def sentence(n: int, text: str = "") -> Candidate:
    return Candidate("a", n, text or f"Sentence {n}")


def test_the_best_are_kept_and_each_text_once():
    best = Best(3)
    best.add([sentence(n) for n in range(10)], [5, 1, 9, 2, 7, 3, 8, 0, 4, 6])
    best.add([sentence(99, "sentence 2!")], [100])
    assert [c.n for c in best.items()] == [2, 6, 4]
    best.add([sentence(50)], [8.5])
    assert [c.n for c in best.items()] == [2, 50, 6]
    best.add([sentence(4)], [8.6])  # it had been pushed out
    assert [c.n for c in best.items()] == [2, 4, 50]


def test_of_equals_the_first_stay():
    best = Best(2)
    best.add([sentence(n) for n in range(5)], [1] * 5)
    assert [c.n for c in best.items()] == [0, 1]
    nothing = Best(0)
    nothing.add([sentence(1)], [1])
    assert nothing.items() == []


def test_a_sample_is_uniform_and_hangs_on_its_seed():
    counts = [0] * 20
    for seed in range(600):
        sample = Sample(5, seed=seed)
        for start in (0, 7, 14):  # in parts, as a stream comes
            sample.draw([sentence(n) for n in range(start, min(start + 7, 20))])
        assert len(sample.items()) == 5
        for c in sample.items():
            counts[c.n] += 1
    assert min(counts) > 100  # 150 expected, standard deviation 10.6
    assert max(counts) < 200
    again = Sample(5, seed=599)
    again.draw([sentence(n) for n in range(20)])
    assert [c.n for c in again.items()] == [c.n for c in sample.items()]


def test_texts_that_differ_only_in_their_marks():
    assert text_key(" “Copper  climbed.” ") == text_key("copper climbed")
    assert text_key("Copper climbed") != text_key("Copper fell")
