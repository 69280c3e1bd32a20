"""The tiny trained models, and numbers made by hand; nothing stands in for a model here but where it must be broken."""

import hashlib
import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from newslean.articles import Article
from newslean.calibration import Calibration, decide, probabilities
from newslean.context import context_of
from newslean.errors import DataError, ModelError
from newslean.results import TaggedSentence
from newslean.schema import Schema
from newslean.splitting import split_sentences, title_of
from newslean.tagger import Tagger

CALIBRATION = Calibration({"topic": 2.0, "mood": 0.5}, {"topic": {"metals": 0.5, "weather": 0.7}}, {"mood": 0.5})
NEWS = (
    "Copper Prices Climb in Arlen\n\nCopper and zinc climbed in Arlen as buyers paid more. "
    "Rain fell on the Borva harbour for most of the week. The mayor of Garth opened a library near the old bridge.\n\n"
    "Zinc then slumped in Holm when the smelter closed.\n"
)


@pytest.fixture(scope="module", params=["finetuned", "baseline"])
def tagger(request: pytest.FixtureRequest, trained: SimpleNamespace) -> Tagger:
    return Tagger.load(trained.path if request.param == "finetuned" else trained.baseline)


def test_context():
    def contexts(title: str | None, before: str | None) -> list[str]:
        return [context_of(c, title=title, before=before) for c in ("none", "before", "title", "title+before")]

    assert contexts("Title", "Before.") == ["", "Before.", "Title", "Title Before."]
    assert contexts(None, "Before.") == ["", "Before.", "", "Before."]
    assert contexts("Title", None) == ["", "", "Title", "Title"]
    assert contexts(None, None) == [""] * 4
    assert contexts("", "") == [""] * 4


def test_context_of_the_last_words():
    before = "Before that,  it rained\nin Holm."
    assert context_of("before:3", title="Title", before=before) == "rained in Holm."
    assert context_of("title+before:2", title="Title", before=before) == "Title in Holm."
    assert context_of("before:99", title=None, before=before) == "Before that, it rained in Holm."
    assert context_of("before:3", title=None, before=None) == context_of("before:3", title=None, before="") == ""


def test_probabilities(schema: Schema):
    logits = {"topic": np.float32([[2.0, -2.0]]), "mood": np.float32([[1.0, 0.0, 0.0, 0.0]])}
    found = probabilities(logits, schema, CALIBRATION)
    np.testing.assert_allclose(found["topic"][0], [1 / (1 + np.exp(-1)), 1 / (1 + np.exp(1))], rtol=1e-6)
    np.testing.assert_allclose(found["mood"][0], np.exp([2, 0, 0, 0]) / np.exp([2, 0, 0, 0]).sum(), rtol=1e-6)


@pytest.mark.filterwarnings("error")
def test_probabilities_of_huge_logits_do_not_overflow(schema: Schema):
    logits = {"topic": np.float32([[1e30, -1e30]]), "mood": np.float32([[1e30, -1e30, 0, 0]])}
    found = probabilities(logits, schema, CALIBRATION)
    assert found["topic"].tolist() == [[1.0, 0.0]]
    assert found["mood"].tolist() == [[1.0, 0.0, 0.0, 0.0]]


def test_decide(schema: Schema):
    topic, mood = schema["topic"], schema["mood"]
    assert decide(topic, {"metals": 0.5, "weather": 0.69}, CALIBRATION) == ["metals"]
    assert decide(topic, {"metals": 0.9, "weather": 0.7}, CALIBRATION) == ["metals", "weather"]
    assert decide(topic, {"metals": 0.1, "weather": 0.1}, CALIBRATION) == []
    assert decide(mood, {"rise": 0.5, "fall": 0.3, "mixed": 0.1, "flat": 0.1}, CALIBRATION) == "rise"
    assert decide(mood, {"rise": 0.49, "fall": 0.31, "mixed": 0.1, "flat": 0.1}, CALIBRATION) == "flat"
    assert decide(mood, {"rise": 0.3, "fall": 0.3, "mixed": 0.2, "flat": 0.2}, Calibration()) == "rise"


def test_decide_by_thresholds_of_a_single_dimension(schema: Schema):
    mood, limits = schema["mood"], {"rise": 0.2, "fall": 0.3, "mixed": 0.3}
    plain = Calibration(thresholds={"mood": limits})
    assert decide(mood, {"rise": 0.2, "fall": 0.1, "mixed": 0.0, "flat": 0.7}, plain) == "rise"
    assert decide(mood, {"rise": 0.21, "fall": 0.3, "mixed": 0.0, "flat": 0.49}, plain) == "fall"
    assert decide(mood, {"rise": 0.25, "fall": 0.29, "mixed": 0.0, "flat": 0.46}, plain) == "rise"
    assert decide(mood, {"rise": 0.19, "fall": 0.29, "mixed": 0.29, "flat": 0.23}, plain) == "flat"
    strict = replace(plain, min_confidence={"mood": 0.5})
    assert decide(mood, {"rise": 0.2, "fall": 0.1, "mixed": 0.0, "flat": 0.7}, strict) == "flat"
    assert decide(mood, {"rise": 0.5, "fall": 0.1, "mixed": 0.0, "flat": 0.4}, strict) == "rise"
    nothing = dict.fromkeys(mood.labels, float("nan"))
    assert decide(mood, nothing, plain) == "flat"


@pytest.mark.parametrize(("a", "b", "c"), [(1, 1, 0), (1, 1, 1.5), (0.5, 2, -1), (0, 0, 0)])
def test_beta_changes_the_neutral_label_alone(schema: Schema, a: float, b: float, c: float):
    logits = {"topic": np.zeros((3, 2), np.float32), "mood": np.float32([[2, 0, 0, 2], [9, -9, 0, -40], [0, 1, 2, 60]])}
    before = probabilities(logits, schema, CALIBRATION)["mood"].astype(float)
    found = probabilities(logits, schema, replace(CALIBRATION, beta={"mood": (a, b, c)}))
    after = found["mood"].astype(float)
    assert after.sum(axis=1) == pytest.approx(1, rel=1e-6)
    assert after[0, :3] / after[0, :3].sum() == pytest.approx(before[0, :3] / before[0, :3].sum(), rel=1e-5)
    p = before[0, 3]
    assert np.log(after[0, 3] / (1 - after[0, 3])) == pytest.approx(a * np.log(p) - b * np.log(1 - p) + c, abs=1e-5)
    assert found["topic"].tolist() == [[0.5, 0.5]] * 3
    if (a, b, c) == (1, 1, 0):
        np.testing.assert_allclose(after, before, atol=1e-6)


def test_scores_that_are_no_numbers_claim_nothing(schema: Schema):
    nan = float("nan")
    assert decide(schema["topic"], dict.fromkeys(("metals", "weather"), nan), CALIBRATION) == []
    assert decide(schema["mood"], dict.fromkeys(schema["mood"].labels, nan), CALIBRATION) == "flat"


def test_a_stored_model_has_learnt_its_rows(trained: SimpleNamespace, tagger: Tagger):
    examples = [e for e in trained.run.examples if "mood" in e.labels]
    found = tagger.tag_sentences([e.text for e in examples])
    right = sum(s.labels == e.labels for s, e in zip(found, examples, strict=True))
    assert right >= 0.9 * len(examples)


def test_one_article_three_ways(tagger: Tagger):
    article = tagger.tag_text(NEWS)
    [same] = tagger.tag_articles([Article("text", NEWS)])
    assert same == article
    sentences = split_sentences(NEWS)
    assert article.title == title_of(sentences) == "Copper Prices Climb in Arlen"
    found = tagger.tag_sentences([s.text for s in sentences], title=article.title)
    assert [(s.text, s.labels, s.scores) for s in found] == [(s.text, s.labels, s.scores) for s in article.sentences]
    assert [NEWS[s.start : s.end] for s in article.sentences] == [s.text for s in found]


def test_neighbours_do_not_matter(trained: SimpleNamespace, tagger: Tagger):
    texts = [e.text for e in trained.run.files.examples] + ["Zinc.", "Rain " * 40]
    together = tagger.score(texts, [""] * len(texts))
    assert together == [tagger.score([text], [""])[0] for text in texts]
    assert together[::-1] == tagger.score(texts[::-1], [""] * len(texts))


def test_two_loads_give_the_same_answers(trained: SimpleNamespace, tagger: Tagger):
    folder = trained.baseline if tagger.manifest.kind == "baseline" else trained.path
    assert Tagger.load(folder).tag_text(NEWS) == tagger.tag_text(NEWS)


def test_scores_are_probabilities(tagger: Tagger):
    for sentence in tagger.tag_text(NEWS).sentences:
        assert sum(sentence.scores["mood"].values()) == pytest.approx(1)
        assert all(0 <= p <= 1 for scores in sentence.scores.values() for p in scores.values())


@pytest.mark.parametrize(
    "text",
    [
        "",
        " \n\t",
        "\0",
        "\0Zinc\0 slumped\0 in Holm.\0 Rain fell.\0",
        "Zinc \ud800 slumped in Holm. \udfff",
        "\ud800\udc00 Zinc slumped.",
        "\ud800" * 500,
        "铜价上涨。锌价下跌。",
        "ارتفعت أسعار النحاس في المدينة. ثم هبط الزنك.",
        "\u202eZinc slumped in Holm.\u202c \u200f\u200b",
        "🚀" * 300,
        "e" + "\u0301" * 5000,
        "<script>alert(1)</script> {{7*7}} %s %n ../../etc",
    ],
)
def test_hostile_texts(tagger: Tagger, text: str):
    article = tagger.tag_text(text)
    for sentence in article.sentences:
        assert text[sentence.start : sentence.end] == sentence.text
        assert all(np.isfinite(p) for scores in sentence.scores.values() for p in scores.values())
    assert article.labels["mood"] in tagger.schema["mood"].labels
    [row] = tagger.tag_sentences([text])
    assert row.text == text


def test_a_line_of_half_a_megabyte(tagger: Tagger):
    article = tagger.tag_text("x" * 500_000 + " end")
    assert article.sentences
    [row] = tagger.tag_sentences(["Zinc slumped in Holm. " * 25_000])
    assert set(row.scores) == {"topic", "mood"}


def test_nothing_to_tag(tagger: Tagger):
    assert tagger.tag_sentences([]) == []
    assert list(tagger.tag_articles([])) == []
    assert tagger.score([], []) == []


def test_furniture_is_not_scored(tagger: Tagger):
    rows: list[TaggedSentence] = tagger.tag_sentences(["Subscribe to our newsletter", "Zinc slumped in Holm."])
    assert [row.furniture for row in rows] == [True, False]
    assert rows[0].labels == {"topic": [], "mood": "flat"}
    assert rows[0].scores["mood"] == {"rise": 0.0, "fall": 0.0, "mixed": 0.0, "flat": 1.0}


@pytest.mark.parametrize("value", [-0.1, 1.1, float("nan"), float("inf")])
def test_a_confidence_that_cannot_be(trained: SimpleNamespace, value: float):
    with pytest.raises(ModelError, match="from 0 to 1"):
        Tagger.load(trained.path, min_confidence=value)


def test_confidence_turns_doubt_into_neutral(trained: SimpleNamespace):
    tagger = Tagger.load(trained.path, min_confidence=1.0)
    certain = [s for s in tagger.tag_text(NEWS).sentences if max(s.scores["mood"].values()) >= 1]
    assert all(s.labels["mood"] == "flat" for s in tagger.tag_text(NEWS).sentences if s not in certain)
    assert Tagger.load(trained.path, min_confidence=0).manifest.calibration.min_confidence == {"mood": 0}


def test_a_confidence_that_would_change_nothing_is_refused(baseline_folder: Path):
    path = baseline_folder / "manifest.json"
    data = json.loads(path.read_bytes())
    for d in data["schema"]["dimensions"]:
        d.pop("neutral", None)
    data["thresholds"].pop("mood", None)
    path.write_text(json.dumps(data | {"beta": {}}), encoding="utf-8")
    assert Tagger.load(baseline_folder).schema["mood"].neutral is None
    with pytest.raises(ModelError, match=r"dimension of one label a sentence that has a neutral one.*found none"):
        Tagger.load(baseline_folder, min_confidence=0.8)


def test_a_folder_that_is_no_model(tmp_path: Path):
    with pytest.raises(ModelError, match="expected a model folder"):
        Tagger.load(tmp_path)


def test_sentences_may_come_one_by_one_but_not_as_one_text(trained):
    tagger = Tagger.load(trained.path)
    texts = ["Copper climbed in Arlen.", "Rain fell."]
    assert tagger.tag_sentences(text for text in texts) == tagger.tag_sentences(texts)
    with pytest.raises(DataError, match="expected a list of strings"):
        tagger.tag_sentences("Copper climbed in Arlen.")
    with pytest.raises(DataError, match="expected a list of strings"):
        tagger.tag_sentences([None])


def test_an_unknown_precision(trained):
    with pytest.raises(ModelError, match="precision: expected 'int8' or 'float'; found 'fp16'"):
        Tagger.load(trained.path, precision="fp16")


def test_addresses_of_links_are_not_read(tagger: Tagger):
    linked, plain, alone, number = tagger.score(
        [
            'The [smelter](https://example.com/zinc-slumped "Zinc slumped") closed.',
            "The smelter closed.",
            "[1](https://example.com/zinc)",
            "1",
        ],
        ["It [rained](/copper-climbs).", "It rained.", "", ""],
    )
    assert linked == plain
    assert alone != number  # nothing else to read
    [sentence] = tagger.tag_sentences(["The [smelter](https://example.com/a) closed."])
    assert sentence.text == "The [smelter](https://example.com/a) closed."


@pytest.mark.filterwarnings("ignore:invalid value")
def test_scores_that_are_no_numbers_are_refused(tagger: Tagger):
    class Broken:
        def logits(self, texts, contexts):
            return {name: values * np.nan for name, values in tagger.model.logits(texts, contexts).items()}

    with pytest.raises(ModelError, match=r"expected finite scores; found others for \['topic', 'mood'\]"):
        Tagger(Broken(), tagger.manifest).tag_text(NEWS)


def test_a_tokenizer_of_another_graph(model_folder: Path):
    path = model_folder / "tokenizer.json"
    data = json.loads(path.read_text("utf-8"))
    data["model"]["vocab"] = {word: n + 100_000 * (n > 4) for word, n in data["model"]["vocab"].items()}
    path.write_text(json.dumps(data), encoding="utf-8")
    manifest = json.loads((model_folder / "manifest.json").read_text("utf-8"))
    manifest["files"]["tokenizer.json"] = hashlib.sha256(path.read_bytes()).hexdigest()
    (model_folder / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    tagger = Tagger.load(model_folder)
    with pytest.raises(ModelError, match=r"model\.onnx: expected it to take what its tokenizer gives"):
        tagger.tag_text(NEWS)
