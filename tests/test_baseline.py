import json
from collections import Counter
from dataclasses import replace
from itertools import product
from pathlib import Path
from random import Random
from types import SimpleNamespace

import numpy as np
import pytest
from safetensors.numpy import load_file, save, save_file
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import FeatureUnion, make_pipeline

from newslean.baseline import LONGEST_WORD, VIEWS, WORD, WORDS_REMEMBERED, Baseline, cut, key_of
from newslean.errors import ModelError
from newslean.files import sha256
from newslean.manifest import read_manifest
from newslean.schema import Schema
from newslean.tagger import Tagger
from train.baseline import cross_fit, fit_baseline
from train.params import BaselineParams

TEXTS = ("Copper climbed again.", "Rain in the U.S. café", "", "\ud800 zinc", "naïve 铜", "storms " * 50)


def test_stored_and_loaded_it_answers_as_scikit_learns_own_pipeline(examples, trained: SimpleNamespace, tmp_path: Path):
    schema = trained.run.schema
    fit_baseline(examples, schema, BaselineParams(word_ngrams=2, char_ngrams=4, C=4.0), seed=0).save(tmp_path)
    manifest = read_manifest(trained.baseline)
    found = Baseline.load(tmp_path, manifest).logits(TEXTS, [""] * len(TEXTS))
    for d in schema.dimensions:
        rows = [e for e in examples if d.name in e.labels]
        for k, label in enumerate(d.labels):
            pipeline = make_pipeline(_features(), LogisticRegression(C=4.0, class_weight="balanced", max_iter=1000))
            # The vectorizers learn from all rows, those without this dimension too.
            pipeline[0].fit([e.text for e in examples])
            gold = [label in e.labels[d.name] if d.multi else d.labels.index(str(e.labels[d.name])) for e in rows]
            pipeline[1].fit(pipeline[0].transform([e.text for e in rows]), gold)
            expected = pipeline.decision_function(TEXTS)
            np.testing.assert_allclose(found[d.name][:, k], expected if d.multi else expected[:, k], atol=1e-4)


def _features() -> FeatureUnion:
    shared = {"sublinear_tf": True, "strip_accents": "unicode", "dtype": np.float32}
    pattern = r"(?u)\b[\w.]*\w\b"
    word = TfidfVectorizer(analyzer="word", ngram_range=(1, 2), token_pattern=pattern, **shared)
    return FeatureUnion([("word", word), ("char", TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 4), **shared))])


@pytest.mark.parametrize("classifier", ["logistic", "svm"])
def test_saving_changes_no_answer(examples, schema: Schema, trained: SimpleNamespace, tmp_path: Path, classifier: str):
    fitted = fit_baseline(examples, schema, BaselineParams(classifier=classifier, char_ngrams=3), seed=0)
    fitted.save(tmp_path)
    loaded = Baseline.load(tmp_path, read_manifest(trained.baseline))
    before, after = (model.logits(TEXTS, [""] * len(TEXTS)) for model in (fitted, loaded))
    for name in schema.names:
        assert after[name].dtype == np.float32
        np.testing.assert_allclose(before[name], after[name], atol=1e-5)


def test_out_of_fold_answers_are_those_of_a_baseline_that_never_saw_the_fold(examples, schema: Schema):
    params, folds = BaselineParams(word_ngrams=1, char_ngrams=3), [n % 3 for n in range(len(examples))]
    found = cross_fit(examples, folds, schema, params, seed=0)
    others = fit_baseline([e for e, k in zip(examples, folds, strict=True) if k != 1], schema, params, seed=0)
    expected = others.logits([e.text for e in examples], [""] * len(examples))
    held_out = np.array(folds) == 1
    for name in schema.names:
        np.testing.assert_allclose(found[name][held_out], expected[name][held_out], atol=1e-5)
        assert not np.allclose(found[name][~held_out], expected[name][~held_out])


def test_arrays_and_json_only(trained: SimpleNamespace):
    assert {p.name for p in trained.baseline.iterdir()} == {
        "weights.safetensors",
        "vocabulary.json",
        "manifest.json",
        "out_of_fold.npz",
    }
    assert all(array.dtype == np.float32 for array in load_file(trained.baseline / "weights.safetensors").values())
    vocabulary = json.loads((trained.baseline / "vocabulary.json").read_text("utf-8"))
    assert set(vocabulary) == {"word", "char_wb"}


def test_no_term_of_what_was_learnt_stands_in_the_folder(trained: SimpleNamespace):
    vocabulary = json.loads((trained.baseline / "vocabulary.json").read_text("utf-8"))
    assert set(vocabulary["word"]) == {"keys", "ngram_range", "sublinear_tf"}
    assert key_of("copper") in vocabulary["word"]["keys"]
    assert all(type(key) is int for view in vocabulary.values() for key in view["keys"])
    assert json.loads((trained.baseline / "manifest.json").read_bytes())["format"] == 5


def test_a_folder_of_format_4_holds_terms(examples, baseline_folder: Path):
    found = Tagger.load(baseline_folder)
    expected = found.model.logits(TEXTS, [""] * len(TEXTS))
    path = baseline_folder / "vocabulary.json"
    vocabulary = json.loads(path.read_bytes())
    for name, view in vocabulary.items():
        terms = {key_of(t): t for e in examples for t in cut(name, e.text, tuple(view["ngram_range"]))}
        view["terms"] = [terms[key] for key in view.pop("keys")]
    _replace(baseline_folder, path.name, json.dumps(vocabulary).encode())
    manifest = json.loads((baseline_folder / "manifest.json").read_bytes())
    (baseline_folder / "manifest.json").write_text(json.dumps({**manifest, "format": 4}), encoding="utf-8")
    for name, values in Tagger.load(baseline_folder).model.logits(TEXTS, [""] * len(TEXTS)).items():
        np.testing.assert_array_equal(values, expected[name])


def test_words_of_any_length_are_weighed_as_they_are_cut(trained: SimpleNamespace):
    """Short words are remembered, long ones are not: a column counts what `cut` gives either way, however often."""
    view = next(
        v for v in Baseline.load(trained.baseline, read_manifest(trained.baseline)).views if v.name == "char_wb"
    )
    for text in ("copper", "copper copper x", "copper" * 50, f"copper {'copper' * 50}"):
        for _ in range(2):
            counts = Counter(view.columns.get(key_of(term)) for term in cut("char_wb", text, view.ngram_range))
            del counts[None]
            columns, values = view.weigh(text)
            assert {*columns.tolist()} == {*counts}
            expected = np.array(
                [(1 + np.log(counts[c]) if view.sublinear_tf else counts[c]) * view.idf[c] for c in columns]
            )
            np.testing.assert_allclose(values, expected / np.linalg.norm(expected), rtol=1e-5)


def test_long_words_are_not_kept(trained: SimpleNamespace):
    """Millions of articles hold blobs of a megabyte."""
    model = Baseline.load(trained.baseline, read_manifest(trained.baseline))
    model.logits([f"{n}{'x' * LONGEST_WORD} prices" for n in range(5)], [""] * 5)
    assert [*model.views[1].remembered] == ["prices"]


def test_few_words_are_kept_however_many_come(trained: SimpleNamespace):
    model = Baseline.load(trained.baseline, read_manifest(trained.baseline))
    text = " ".join(f"w{n}" for n in range(WORDS_REMEMBERED + 5)) + " prices"
    first, again = model.logits(["prices"], [""]), model.logits([text, "prices"], ["", ""])
    assert 0 < len(model.views[1].remembered) <= WORDS_REMEMBERED
    assert all((first[name][0] == again[name][1]).all() for name in first)


def test_keys_tell_n_grams_apart():
    letters = "ab .é铜"
    terms = {"".join(t) for n in range(6) for t in product(letters, repeat=n)} | {"\ud800", "\x00", "\x00\x00"}
    assert len({key_of(term) for term in terms}) == len(terms)


@pytest.mark.parametrize("view", VIEWS)
def test_a_text_is_cut_as_scikit_learn_cuts_it(view: str):
    low, high = (1, 3) if view == "word" else (2, 5)
    pattern = WORD if view == "word" else None
    theirs = TfidfVectorizer(analyzer=view, ngram_range=(low, high), token_pattern=pattern, strip_accents="unicode")
    analyze, random = theirs.build_analyzer(), Random(0)  # noqa: S311 - only texts
    for _ in range(2000):
        text = "".join(random.choices("aZ1 ._-é'\u0301İßﬁ铜\u00a0\n\t\x00\ud800", k=random.randrange(30)))
        assert sorted(cut(view, text, (low, high))) == sorted(analyze(text)), repr(text)


def test_dots_and_single_characters_are_words():
    assert [*cut("word", "U.S. o1 a Zinc.", (1, 1))] == ["u.s", "o1", "a", "zinc"]


def test_no_texts_at_all(trained: SimpleNamespace):
    found = Baseline.load(trained.baseline, read_manifest(trained.baseline)).logits([], [])
    assert {name: values.shape for name, values in found.items()} == {"topic": (0, 2), "mood": (0, 4)}


VOCABULARY = b'{"word": {%b, "ngram_range": %b, "sublinear_tf": true}}'
ODD = (
    (b'"keys": [7, "a"]', b"[1, 2]"),
    (b'"keys": [7, 7.5]', b"[1, 2]"),
    (b'"keys": [7, 1e999]', b"[1, 2]"),
    (b'"keys": [99999999999999999999]', b"[1, 2]"),
    (b'"keys": 5', b"[1, 2]"),
    (b'"keys": [7]', b"[1, Infinity]"),
    (b'"keys": [7]', b"[1.0, 2.0]"),
    (b'"terms": [7]', b"[1, 2]"),
    (b'"terms": 5', b"[1, 2]"),
)
"""Keys or terms, and lengths of n-grams, that are not such; idf of as many terms stand beside."""


def _replace(folder: Path, name: str, data: bytes) -> None:
    """Write a file of the model and its hash, so that only its content is wrong."""
    (folder / name).write_bytes(data)
    manifest = json.loads((folder / "manifest.json").read_text("utf-8"))
    manifest["files"][name] = sha256(folder / name)
    (folder / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")


@pytest.mark.parametrize(
    "array", ["coefficients.topic", "intercepts.mood", "idf.word", "idf.char_wb", "coefficients.mood"]
)
@pytest.mark.parametrize("change", ["shorter", "missing", "nan"])
def test_arrays_that_do_not_fit(baseline_folder: Path, array: str, change: str):
    path = baseline_folder / "weights.safetensors"
    arrays = load_file(path)
    if change == "shorter":
        arrays[array] = np.ascontiguousarray(arrays[array][..., :-1])
    elif change == "nan":
        arrays[array].flat[0] = np.nan
    else:
        del arrays[array]
    save_file(arrays, path)
    _replace(baseline_folder, path.name, path.read_bytes())
    with pytest.raises(ModelError, match="expected the arrays of a baseline"):
        Tagger.load(baseline_folder)


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("weights.safetensors", b""),
        ("weights.safetensors", b"\x80\x04K\x01."),  # a pickle
        ("weights.safetensors", b"\xff" * 64),
        ("vocabulary.json", b""),
        ("vocabulary.json", b"[]"),
        ("vocabulary.json", b'{"word": 5, "char_wb": 5}'),
        ("vocabulary.json", b'{"word": {"terms": ["a"]}}'),
        ("vocabulary.json", b'{"word": []}'),
        ("vocabulary.json", b"[" * 100_000),
    ],
)
def test_files_that_are_something_else(baseline_folder: Path, name: str, data: bytes):
    _replace(baseline_folder, name, data)
    with pytest.raises(ModelError, match="expected the arrays of a baseline"):
        Tagger.load(baseline_folder)


@pytest.mark.parametrize("pair", ODD)
def test_a_vocabulary_that_would_fail_at_the_first_sentence(baseline_folder: Path, pair: tuple[bytes, bytes]):
    stored = json.loads(VOCABULARY % pair)["word"]
    arrays = load_file(baseline_folder / "weights.safetensors")
    terms = stored.get("keys", stored.get("terms"))
    number = len(terms) if isinstance(terms, list) else 1
    del arrays["idf.char_wb"]
    arrays["idf.word"] = arrays["idf.word"][:number]
    for name in ("topic", "mood"):
        arrays[f"coefficients.{name}"] = np.ascontiguousarray(arrays[f"coefficients.{name}"][:, :number])
    _replace(baseline_folder, "weights.safetensors", save(arrays))
    _replace(baseline_folder, "vocabulary.json", VOCABULARY % pair)
    with pytest.raises(ModelError, match="expected the arrays of a baseline"):
        Tagger.load(baseline_folder)


def test_authored_rows_count_as_little_as_they_are_told_to(examples, schema: Schema):
    """Three authored copies of every row, all with another mood, outvote the rows or do not."""
    rows = [e for e in examples if "mood" in e.labels]
    wrong = [replace(e, source="authored", labels={"mood": "fall"}) for e in rows for _ in range(3)]

    def right(weight: float) -> float:
        params = BaselineParams(char_ngrams=3, balanced=False, authored_weight=weight)
        logits = fit_baseline([*rows, *wrong], schema, params, seed=0).logits([e.text for e in rows], [""] * len(rows))
        labels = schema["mood"].labels
        return np.mean([labels[k] == e.labels["mood"] for k, e in zip(logits["mood"].argmax(1), rows, strict=True)])

    assert right(0.01) > 0.9
    assert right(1.0) < 0.5


def test_rows_that_every_fold_is_fitted_on(examples, schema: Schema):
    rows, also = examples[:24], examples[24:]
    folds, params = [e.n % 2 for e in rows], BaselineParams(char_ngrams=3)
    found = cross_fit(rows, folds, schema, params, also=also, seed=0)
    training = [*(e for e, k in zip(rows, folds, strict=True) if k), *also]
    held_out = [e.text for e, k in zip(rows, folds, strict=True) if not k]
    expected = fit_baseline(training, schema, params, seed=0).logits(held_out, [""] * len(held_out))
    for name, values in expected.items():
        np.testing.assert_allclose(found[name][np.array(folds) == 0], values, atol=1e-5)
