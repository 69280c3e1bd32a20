from dataclasses import replace

import numpy as np
import pytest

from newslean.calibration import Calibration, decide, probabilities
from newslean.errors import ModelError
from newslean.schema import Dimension, Labels, Schema, schema_from_dict
from newslean.tagger import Logits
from train.assess import cross_calibrated
from train.calibrate import MIN_NATURAL, _threshold, calibrate, choose_mix, mean_macro_f1, natural_rows
from train.labels import Example
from train.metrics import indicator

N = 4000


def sample(schema: Schema, *, scale: float, seed: int = 0) -> tuple[Logits, list[Labels]]:
    """Logits whose labels are drawn by their own probabilities, then multiplied by ``scale``."""
    rng = np.random.default_rng(seed)
    logits = {d.name: rng.normal(0, 2, (N, len(d.labels))) for d in schema.dimensions}
    topics = rng.random((N, 2)) < 1 / (1 + np.exp(-logits["topic"]))
    noise = rng.gumbel(size=(N, 4))
    moods = (logits["mood"] + noise).argmax(1)  # a draw from the softmax
    gold: list[Labels] = [
        {"topic": [label for label, yes in zip(schema["topic"].labels, row, strict=True) if yes], "mood": mood}
        for row, mood in zip(topics, (schema["mood"].labels[k] for k in moods), strict=True)
    ]
    return {name: (values * scale).astype(np.float32) for name, values in logits.items()}, gold


@pytest.mark.parametrize("scale", [0.4, 1.0, 5.0])
def test_temperature_finds_the_scale(schema: Schema, scale: float):
    found = calibrate(*sample(schema, scale=scale), schema)
    assert found.temperature["topic"] == pytest.approx(scale, rel=0.1)
    assert found.temperature["mood"] == pytest.approx(scale, rel=0.1)
    assert found.beta["mood"] == pytest.approx((1, 1, 0), abs=0.25)


@pytest.mark.parametrize(("shift", "smoothed"), [(-1.5, False), (2.0, False), (0.0, True), (1.0, True)])
def test_beta_gives_the_neutral_label_what_it_lacks(schema: Schema, shift: float, smoothed: bool):
    """As after a training that counted the other labels more, or less, than there are of them, or smoothed labels."""
    logits, gold = sample(schema, scale=1.0)
    logits["mood"][:, 3] -= shift
    logits["mood"] = 3 * (np.tanh(logits["mood"] / 3) if smoothed else logits["mood"])
    found = calibrate(logits, gold, schema)
    if not smoothed:
        assert found.beta["mood"][2] == pytest.approx(shift, abs=0.3)
        assert found.temperature["mood"] == pytest.approx(3, rel=0.1)
    scores, truth = probabilities(logits, schema, found)["mood"], indicator(schema["mood"], [g["mood"] for g in gold])
    assert scores.mean(0) == pytest.approx(truth.mean(0), abs=0.01)
    for sure in (0.5, 0.8):
        claims = scores[:, :3][scores[:, :3] >= sure]
        assert truth[:, :3][scores[:, :3] >= sure].mean() == pytest.approx(claims.mean(), abs=0.03)


def test_with_true_probabilities_there_is_little_to_decide(schema: Schema):
    found = calibrate(*sample(schema, scale=1.0), schema)
    assert all(0.2 <= threshold <= 0.6 for threshold in found.thresholds["topic"].values())
    assert all(0.1 <= threshold <= 0.6 for threshold in found.thresholds["mood"].values())
    assert [*found.thresholds["mood"]] == ["rise", "fall", "mixed"]


@pytest.mark.parametrize("odd", [{"sample": "picked"}, {"source": "authored"}])
def test_what_was_picked_or_invented_is_not_natural(schema: Schema, odd: dict[str, str]):
    def examples(count: int) -> list[Example]:
        kinds = [{"source": "user", **(odd if n % 2 else {})} for n in range(count)]
        labels = [{"topic": []} if n % 4 else {"topic": [], "mood": "flat"} for n in range(count)]
        return [
            Example("d", n, "t", title=False, group="d", labels=given, **kind)
            for n, (kind, given) in enumerate(zip(kinds, labels, strict=True))
        ]

    found = natural_rows(examples(2 * MIN_NATURAL), schema)
    assert found["topic"].tolist() == [n % 2 == 0 for n in range(2 * MIN_NATURAL)]
    assert found["mood"].all()  # only half of the natural ones have it: too few to go by
    assert natural_rows(examples(2 * MIN_NATURAL - 2), schema)["topic"].all()


def test_the_temperature_of_multi_dimensions_is_that_of_the_natural_rows(schema: Schema):
    logits, gold = sample(schema, scale=1.0)
    mixed = {name: np.concatenate([values * 3, values]) for name, values in logits.items()}
    natural = {name: np.arange(2 * N) < N for name in schema.names}
    found = calibrate(mixed, [*gold, *gold], schema, natural=natural)
    assert found.temperature["topic"] == pytest.approx(3.0, rel=0.1)


def test_the_share_of_the_neutral_label_is_that_of_the_natural_rows(schema: Schema):
    """What was picked holds fewer neutral sentences than its scores say; their steepness is the same."""
    logits, gold = sample(schema, scale=1.0)
    other, more = sample(schema, scale=1.0, seed=1)
    other["mood"][:, 3] += 2
    both = {name: np.concatenate([values, other[name]]) for name, values in logits.items()}
    natural = {name: np.arange(2 * N) < N for name in schema.names}
    found = calibrate(both, [*gold, *more], schema, natural=natural)
    chosen = probabilities(logits, schema, found)["mood"].mean(0)
    truth = indicator(schema["mood"], [g["mood"] for g in gold]).mean(0)
    assert chosen[3] == pytest.approx(truth[3], abs=0.005)
    assert probabilities(logits, schema, calibrate(both, [*gold, *more], schema))["mood"].mean(0)[3] < truth[3] - 0.05


@pytest.mark.parametrize("edge", [0.2, 0.5, 0.75])
def test_a_threshold_stands_where_the_positives_begin(edge: float):
    scores = np.linspace(0.01, 0.99, 981, dtype=np.float32)
    assert _threshold(scores, scores > edge) == pytest.approx(edge, abs=0.025)


def test_one_lucky_sentence_moves_no_threshold():
    """Any threshold from 0.4 to 0.6 is as good: the one in the middle is taken."""
    scores = np.float32([0.1, 0.2, 0.3, 0.38, 0.62, 0.7, 0.8, 0.9])
    assert _threshold(scores, scores > 0.5) == 0.5


def test_rows_without_a_dimension_change_nothing_there(schema: Schema):
    logits, gold = sample(schema, scale=2.0)
    found = calibrate(logits, gold, schema)
    more = {name: np.concatenate([values, np.full_like(values[:50], 30)]) for name, values in logits.items()}
    assert (
        calibrate(more, [*gold, *[{"topic": []}] * 25, *[{}] * 25], schema).temperature["mood"]
        == (found.temperature["mood"])
    )
    assert calibrate(more, [*gold, *[{}] * 50], schema) == found


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    "labels", [{"topic": [], "mood": "flat"}, {"topic": ["metals", "weather"], "mood": "rise"}, {}]
)
@pytest.mark.parametrize("count", [0, 1, 20])
def test_labels_that_teach_nothing(schema: Schema, labels: Labels, count: int):
    rng = np.random.default_rng(0)
    logits = {d.name: rng.normal(0, 9, (count, len(d.labels))).astype(np.float32) for d in schema.dimensions}
    found = calibrate(logits, [labels] * count, schema)
    assert all(np.isfinite(t) and t > 0 for t in found.temperature.values())
    assert found.thresholds["topic"] == {"metals": 0.5, "weather": 0.5}
    assert [*found.thresholds["mood"]] == ["rise", "fall", "mixed"]
    assert all(0 < threshold <= 0.5 for threshold in found.thresholds["mood"].values())
    assert np.isfinite(found.beta["mood"]).all()


@pytest.mark.filterwarnings("error")
def test_logits_that_are_certain(schema: Schema):
    logits = {"topic": np.full((40, 2), 500, np.float32), "mood": np.full((40, 4), -500, np.float32)}
    logits["mood"][:, 0] = 500
    found = calibrate(logits, [{"topic": ["metals"] * (n % 2), "mood": "fall"} for n in range(40)], schema)
    assert all(np.isfinite(t) and t > 0 for t in found.temperature.values())


@pytest.mark.parametrize("neutral", [None, "flat"])
def test_few_right_answers_do_not_make_a_model_certain(neutral: str | None):
    labels = ("rise", "fall", "flat")
    d = Dimension("mood", "single", labels, neutral=neutral)
    gold: list[Labels] = [{"mood": labels[n % 3]} for n in range(40)]
    logits = {"mood": np.float32(3 * np.eye(3)[[n % 3 for n in range(40)]])}
    found = calibrate(logits, gold, Schema((d,)))
    assert found.temperature["mood"] > 0.2
    assert 0.95 < probabilities(logits, Schema((d,)), found)["mood"].max() < 1 - 1e-6


def test_a_label_that_is_never_likely_is_given_all_the_same():
    rng = np.random.default_rng(0)
    scores = rng.beta(0.5, 20, 20_000).clip(0, 0.09).astype(np.float32)
    truth = rng.random(20_000) < scores
    assert _threshold(scores, truth) < 0.1


def test_a_rare_label_is_given_as_often_as_it_is_due():
    """One sentence in five is a rise at even odds against it: never the likeliest label, yet due."""
    mood = schema_from_dict(
        {"dimensions": [{"name": "mood", "kind": "single", "labels": ["rise", "flat"], "neutral": "flat"}]}, where="t"
    )
    rng = np.random.default_rng(0)
    doubtful = np.arange(N) % 5 == 0
    logits = {"mood": np.where(doubtful[:, None], [-0.4, 0.4], [-3.0, 3.0]).astype(np.float32)}
    logits["mood"] += rng.normal(0, 0.1, (N, 2)).astype(np.float32)
    rise = rng.random(N) < 1 / (1 + np.exp(logits["mood"][:, 1] - logits["mood"][:, 0]))
    found = calibrate(logits, [{"mood": "rise" if yes else "flat"} for yes in rise], mood)
    assert found.thresholds["mood"]["rise"] < 0.35
    assert decide(mood["mood"], {"rise": 0.35, "flat": 0.65}, found) == "rise"
    assert decide(mood["mood"], {"rise": 0.05, "flat": 0.95}, found) == "flat"


def test_doubtful_answers_become_neutral_where_that_is_better(schema: Schema):
    """Sure answers are right, unsure ones are really neutral."""
    sure, unsure = np.float32([9, 0, 0, 0]), np.float32([0.3, 0, 0, 0])
    mood = Schema((schema["mood"],))
    logits = {"mood": np.stack([sure, unsure] * 50)}
    found = calibrate(logits, [{"mood": "rise"}, {"mood": "flat"}] * 50, mood)
    rows = probabilities(logits, mood, found)["mood"][:2].tolist()
    answers = [decide(schema["mood"], dict(zip(schema["mood"].labels, row, strict=True)), found) for row in rows]
    assert answers == ["rise", "flat"]


def test_without_neutral_rows_none_is_taken_for_neutral(schema: Schema):
    mood = Schema((schema["mood"],))
    rng = np.random.default_rng(0)
    logits = {"mood": rng.normal(0, 1, (300, 4)).astype(np.float32)}
    gold: list[Labels] = [{"mood": schema["mood"].labels[k]} for k in logits["mood"][:, :3].argmax(1)]
    found = calibrate(logits, gold, mood)
    scores = probabilities(logits, mood, found)["mood"]
    answers = [decide(schema["mood"], dict(zip(mood["mood"].labels, r, strict=True)), found) for r in scores.tolist()]
    assert "flat" not in answers


def test_where_no_natural_row_has_a_dimension_all_count(schema: Schema):
    logits, gold = sample(schema, scale=2.0)
    natural = {"topic": np.ones(N, dtype=bool), "mood": np.zeros(N, dtype=bool)}
    assert calibrate(logits, gold, schema, natural=natural) == calibrate(logits, gold, schema)


def test_indicator(schema: Schema):
    assert indicator(schema["topic"], [["weather"], []]).tolist() == [[False, True], [False, False]]
    assert indicator(schema["mood"], ["fall"]).tolist() == [[False, True, False, False]]
    assert indicator(schema["mood"], []).shape == (0, 4)


def test_mean_macro_f1(schema: Schema):
    def example(**labels: str | list[str]) -> Example:
        return Example("a", 0, "t", False, "a", "user", labels)

    logits = {"topic": np.float32([[1, -1], [1, 1]]), "mood": np.float32([[9, 0, 0, 0], [9, 0, 0, 0]])}
    examples = [example(topic=["metals"], mood="rise"), example(topic=["metals"])]
    # topic: metals 1, weather 0 (said once, wrongly); mood: rise 1, the three others 0.
    assert mean_macro_f1(logits, examples, schema) == pytest.approx((0.5 + 0.25) / 2)
    assert mean_macro_f1(logits, [example(), example()], schema) == 0.0


def test_mean_macro_f1_of_a_dimension_with_one_label():
    """A false negative and nothing right: F1 is nought, and silence elsewhere earns nothing."""
    from newslean.schema import Dimension

    schema = Schema((Dimension("flag", "multi", ("on",)),))
    examples = [Example("a", n, "t", False, "a", "user", {"flag": ["on"] * (n == 0)}) for n in range(4)]
    assert mean_macro_f1({"flag": np.full((4, 1), -1, np.float32)}, examples, schema) == 0.0


def test_default_calibration_is_empty():
    assert Calibration() == Calibration({}, {}, {}, {})


def test_the_mix_follows_the_better_model(schema: Schema):
    random = np.random.default_rng(0)
    labels = ("rise", "fall", "mixed", "flat")
    examples = [
        Example(f"d{n}", 0, "Text.", False, f"d{n}", "user", {"mood": labels[n % 4], "topic": ["metals"] * (n % 2)})
        for n in range(400)
    ]
    noise = {"mood": random.normal(size=(400, 4)), "topic": random.normal(size=(400, 2))}
    right = {
        "mood": 3 * np.eye(4)[[n % 4 for n in range(400)]] + random.normal(size=(400, 4)) * 0.1,
        "topic": np.array([[3.0, -3.0] if n % 2 else [-3.0, -3.0] for n in range(400)]),
    }
    good, bad = choose_mix(right, noise, examples, schema), choose_mix(noise, right, examples, schema)
    assert all(good[name] >= 0.5 >= bad[name] for name in schema.names)
    assert good != bad
    assert choose_mix(right, right, examples, schema) == {"topic": 1.0, "mood": 1.0}
    assert choose_mix(noise, noise, [replace(e, labels={}) for e in examples], schema) == {"topic": 1.0, "mood": 1.0}


def test_the_mix_counts_how_likely_the_right_label_is(schema: Schema):
    """Both models give the same labels; only the baseline is unsure where they are wrong."""
    mood = Schema((schema["mood"],))
    examples = [Example(f"d{n}", 0, "Text.", False, f"d{n}", "user", {"mood": "rise"}) for n in range(100)]
    said = np.eye(4)[[0 if n % 5 else 1 for n in range(100)]]
    sure, unsure = 3 * said, said * np.where(np.arange(100) % 5, 3.0, 0.1)[:, None]
    assert choose_mix({"mood": sure}, {"mood": unsure}, examples, mood)["mood"] < 0.5
    assert choose_mix({"mood": unsure}, {"mood": sure}, examples, mood)["mood"] == 1.0
    near = {"mood": unsure + 0.001 * sure}
    assert choose_mix(near, {"mood": unsure}, examples, mood)["mood"] == 1.0, "the larger one of shares alike"


def test_the_mix_does_not_hang_on_the_scale_of_both_models(schema: Schema):
    random, mood = np.random.default_rng(0), Schema((schema["mood"],))
    kinds = random.integers(0, 4, 400)
    examples = [
        Example(f"d{n}", 0, "Text.", False, f"d{n}", "user", {"mood": mood["mood"].labels[k]})
        for n, k in enumerate(kinds)
    ]
    truth = np.eye(4)[kinds]
    one, other = 1.5 * truth + 0.7 * random.normal(size=(400, 4)), 2 * truth + 2 * random.normal(size=(400, 4))
    found = [choose_mix({"mood": k * one}, {"mood": k * other}, examples, mood)["mood"] for k in (1, 0.2)]
    assert found[0] == found[1] >= 0.6


@pytest.mark.parametrize("number", [np.nan, np.inf])
def test_logits_that_are_no_numbers_are_told(number: float, schema: Schema):
    examples = [Example(f"d{n}", 0, "Text.", False, f"d{n}", "user", {"mood": "rise"}) for n in range(4)]
    right, wrong = np.eye(4), np.eye(4)
    wrong[2, 1] = number
    for pair in ((right, wrong), (wrong, right)):
        with pytest.raises(ModelError, match="mood: expected finite numbers as logits"):
            choose_mix(*({"mood": logits} for logits in pair), examples, Schema((schema["mood"],)))


def test_invented_sentences_do_not_choose_the_mix(schema: Schema):
    """Of 2,000 real sentences the baseline knows all, of as many invented ones the encoder."""
    examples = [
        Example(
            f"d{n}", 0, "Text.", False, f"d{n}", "user" if n < 2000 else "authored", {"mood": ("rise", "fall")[n % 2]}
        )
        for n in range(4000)
    ]
    gold = np.eye(4)[[n % 2 for n in range(4000)]]
    wrong = 1 - gold
    encoder, baseline = {"mood": gold.copy()}, {"mood": gold.copy()}
    encoder["mood"][:2000], baseline["mood"][2000:] = wrong[:2000], wrong[2000:]
    assert choose_mix(encoder, baseline, examples, Schema((schema["mood"],)))["mood"] < 0.5


def test_what_a_fold_answers_does_not_hang_on_its_own_labels(schema: Schema):
    random, labels = np.random.default_rng(1), schema["mood"].labels
    examples = [
        Example(f"d{n}", 0, "Text.", False, f"d{n}", "user", {"mood": labels[n % 4], "topic": ["metals"] * (n % 2)})
        for n in range(400)
    ]
    folds = [n // 4 % 4 for n in range(400)]
    gold = {"mood": np.eye(4)[[n % 4 for n in range(400)]], "topic": np.eye(2)[[n % 2 for n in range(400)]]}
    encoder, baseline = (
        {name: (values * 2 + random.normal(size=values.shape)).astype(np.float32) for name, values in gold.items()}
        for _ in range(2)
    )
    wrong = {"mood": "flat", "topic": []}
    changed = [e if k else replace(e, labels=wrong) for e, k in zip(examples, folds, strict=True)]
    first, second = (
        cross_calibrated("mixed", encoder, rows, folds, schema, beside=baseline) for rows in (examples, changed)
    )
    inside = [n for n, k in enumerate(folds) if k == 0]
    assert [first.labels[n] for n in inside] == [second.labels[n] for n in inside]
    assert [first.scores[n] for n in inside] == [second.scores[n] for n in inside]
    assert first.scores != second.scores  # the others may well change
    alone = cross_calibrated("encoder", encoder, examples, folds, schema)
    right = [sum(p.labels[n]["mood"] == labels[n % 4] for n in range(400)) for p in (first, alone)]
    assert right[0] > right[1]  # two models that err on different rows
