"""Drift with the real tiny model: what it is used to, and what it is not."""

import hashlib
import json
import shutil
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from newslean.articles import Article
from newslean.errors import DataError, ModelError
from newslean.output import article_to_dict
from newslean.schema import Schema
from newslean.scoring.job import Job
from newslean.scoring.run import score_dump
from newslean.scoring.scorer import ScorerSettings
from newslean.tagger import Tagger
from tests.conftest import SCHEMA_TOML
from train.assess import tag_examples
from train.baseline import fit_baseline
from train.drift import _compare_confidence, measure_drift
from train.drift_reference import read_errors
from train.drift_verdict import judge, render_drift
from train.labels import Example
from train.record import RECORD
from train.scored import read_scored
from train.words import strangeness, unknown_share

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
    assert report["new"] == {
        "name": report["new"]["name"], "sentences": 60, "skipped": 0, "articles": 30, "articles_read": 30, "seen": False
    }  # fmt: skip
    assert report["dimensions"]["mood"]["labels"]["flat"]["corrected"] >= 0


def test_another_subject_is_told(results: Any, tagger: Tagger, trained: SimpleNamespace):
    report = measure(results("old", USUAL), results("new", STRANGE), tagger, trained.path)
    assert report["verdict"] == "label again"
    said = " ".join(sign["what"] for sign in report["signs"])
    assert "words that the model does not know" in said
    assert "qubits" in [word for word, _ in report["words"]["top"]]
    assert f"Verdict: label again. {report['reason']}" in render_drift(report)
    assert "labels next" in render_drift(report)
    assert len(report["unsure"]) == 5


def test_few_articles_give_no_verdict_whatever_the_signs(results: Any, tagger: Tagger, trained: SimpleNamespace):
    few, many = results("few", USUAL, articles=19), results("many", USUAL, articles=20)
    strange = results("strange", STRANGE)
    assert measure(many, many, tagger, trained.path)["verdict"] == "same"
    assert measure(many, strange, tagger, trained.path)["verdict"] == "label again"
    for reference, new, sides in ((many, few, [few]), (few, many, [few]), (few, strange, [few]), (few, few, [few] * 2)):
        report = measure(reference, new, tagger, trained.path)
        assert report["verdict"] == "cannot tell"
        assert report["reason"].endswith(
            f"compare more. Expected 20 or more on either side; found {'; '.join(f'19 in {side}' for side in sides)}."
        )
        assert bool(report["signs"]) == (new == strange)
    assert "Signs, which chance may have brought:" in render_drift(measure(few, strange, tagger, trained.path))


def test_the_own_report_of_a_model_may_be_of_few_articles(
    results: Any, tagger: Tagger, trained: SimpleNamespace, label_rows: list[dict[str, Any]]
):
    """One article was set aside, whatever else the labels hold."""
    strange, own = results("strange", STRANGE), f"1 in held_out of {trained.path}"
    assert own in measure(trained.path, strange, tagger, trained.path)["reason"]
    path = strange.with_name("learnt.jsonl")
    write_rows(path, [{**row, "doc": f"d{n}", "n": 0} for n, row in enumerate(label_rows[:20])])
    assert measure(path, strange, tagger, trained.path)["reason"].endswith(f"found {own}.")
    # Scored before, they are compared with themselves.
    old = results("old", USUAL)
    assert measure(old, strange, tagger, trained.path)["verdict"] == "label again"


def write_rows(path: Path, rows: list[dict[str, Any]]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def test_a_dimension_has_the_articles_that_it_was_measured_in(model_folder: Path):
    tagger, path = Tagger.load(model_folder), model_folder / "evaluation" / "held_out" / "report.json"
    report = json.loads(path.read_bytes())
    report["articles"], report["dimensions"]["topic"]["articles"], report["dimensions"]["mood"]["articles"] = 40, 40, 2
    path.write_text(json.dumps(report), encoding="utf-8")
    witness = read_errors(model_folder, tagger)
    assert {name: errors.articles for name, errors in witness.errors.items()} == {"topic": 40, "mood": 2}
    assert witness.articles == 40


def test_a_dimension_that_a_report_has_not_measured_is_read_from_the_next_or_left_out(results: Any, model_folder: Path):
    """No row set aside has its labels."""
    tagger, parts = Tagger.load(model_folder), {}
    for part in ("held_out", "out_of_fold"):
        path = model_folder / "evaluation" / part / "report.json"
        parts[part] = path, json.loads(path.read_bytes())

    def change(part: str, **changes: Any) -> None:
        path, report = parts[part]
        mood = report["dimensions"]["mood"] | changes
        path.write_text(json.dumps({**report, "dimensions": {**report["dimensions"], "mood": mood}}), encoding="utf-8")

    before, nothing = read_errors(model_folder, tagger), {"sentences": 0, "articles": 0, "models": {}}
    change("held_out", **nothing)
    witness = read_errors(model_folder, tagger)
    assert witness.name == f"{before.name} (mood: out_of_fold)"
    assert witness.unknown_words == before.unknown_words
    assert witness.errors["topic"].accuracy == before.errors["topic"].accuracy
    counted = parts["out_of_fold"][1]["dimensions"]["mood"]["models"]["mixed"]["confusion"]
    assert witness.errors["mood"].confusions[""].tolist() == counted
    change("out_of_fold", **nothing)
    witness = read_errors(model_folder, tagger)
    assert (witness.name, [*witness.errors]) == (before.name, ["topic"])
    for reference in (model_folder, results("old", USUAL)):
        report = measure(reference, results("new", STRANGE), tagger, model_folder)
        assert report["dimensions"]["mood"]["errors_articles"] is None
        assert "corrected" not in report["dimensions"]["mood"]["labels"]["flat"]
    parts["out_of_fold"][0].unlink()
    assert [*read_errors(model_folder, tagger).errors] == ["topic"]
    change("held_out", models={})  # it has sentences: damaged
    with pytest.raises(ModelError, match="expected the report of this model"):
        read_errors(model_folder, tagger)


def test_scores_are_compared_as_they_are_written(results: Any, tagger: Tagger):
    """A file holds six decimal places: 0.9999999, scored now, is the 1 that was stored."""
    scored = read_scored(results("old", USUAL), tagger, seed=0)
    surest = {name: np.zeros_like(values) for name, values in scored.scores.items()}
    for values in surest.values():
        values[:, 0] = 1
    answers = [{"topic": ["metals"], "mood": "rise"}] * len(scored.texts)
    old = replace(scored, scores=surest, answers=answers)
    new = replace(old, scores={name: np.abs(values - np.float32(1e-7)) for name, values in surest.items()})
    for d in tagger.schema.dimensions:
        assert (new.scores[d.name] != old.scores[d.name]).all()
        found = _compare_confidence(old, None, new, d, seed=0, replicates=20)
        assert found is not None
        assert found["psi"] == pytest.approx(0, abs=1e-9)


def test_a_dimension_measured_in_few_articles_brings_no_sign_and_hides_none(
    results: Any, tagger: Tagger, trained: SimpleNamespace
):
    report = measure_drift(results("old", USUAL), results("new", STRANGE), tagger, model=trained.path, replicates=100)
    for name, found in report["dimensions"].items():
        found["errors_articles"] = 2 if name == "mood" else 40
    report["reference"]["errors_articles"] = 40
    moved = {"reference": 0.1, "corrected": 0.5, "em": None, "interval": [0.4, 0.6], "reference_interval": [0.1, 0.2]}
    report["dimensions"]["mood"]["labels"]["flat"] |= moved
    judged = judge(report)
    assert judged["verdict"] == "label again"
    assert judged["reason"].endswith("fewer than 20 articles: mood (2).")
    assert not [sign for sign in judged["signs"] if sign["what"].startswith("mood")]
    report["dimensions"]["mood"]["errors_articles"] = 40
    assert [sign for sign in judge(report)["signs"] if sign["what"].startswith("mood")]


def test_accuracy_is_expected_alike_whatever_text_the_new_one_is_compared_with(
    results: Any, tagger: Tagger, trained: SimpleNamespace
):
    """It was measured in the model's own report, not on a reference without labels."""
    old, new = results("old", (USUAL[0], STRANGE[1])), results("new", STRANGE)
    own, other = (measure(r, new, tagger, trained.path)["dimensions"]["mood"]["accuracy"] for r in (trained.path, old))
    assert other["loss"] != pytest.approx(own["loss"])
    assert other["new"] == pytest.approx(own["new"])
    assert other["reference"] == pytest.approx(other["new"] + other["loss"])


def test_labels_that_the_model_never_saw_speak_for_themselves(
    results: Any, trained: SimpleNamespace, model_folder: Path, label_rows: list[dict[str, Any]]
):
    """Whether their file sets them aside or not: the model's record knows which rows are fresh."""
    tagger, new = Tagger.load(model_folder), results("new", USUAL)
    labels = {"topic": ["metals"], "mood": "rise"}
    fresh = [{"doc": f"fresh-{n}", "n": 0, "text": f"Tin {n} climbed in Kessel.", "labels": labels} for n in range(20)]
    path = new.with_name("fresh.jsonl")
    write_rows(path, [*fresh, *label_rows[:12], {**fresh[0], "doc": "paper-2", "text": "Of an article learnt."}])
    report = measure(path, new, tagger, model_folder)
    assert not report["reference"]["seen"]
    assert report["reference"]["sentences"] == report["reference"]["errors_articles"] == 20
    assert report["reference"]["errors"] == str(path)
    assert report["dimensions"]["mood"]["labels"]["rise"]["reference"] == 1
    notes: list[str] = []
    assert len(read_scored(path, tagger, seed=0, model=model_folder, on_note=notes.append).texts) == 20
    assert notes == [f"{path}: 13 of 33 sentences left out; the model has learnt them or their articles."]
    write_rows(path, [fresh[0], *label_rows[:12]])  # one new row takes no other's place
    report = measure(path, new, tagger, model_folder)
    assert (report["reference"]["seen"], report["reference"]["sentences"]) == (True, 13)
    (model_folder / RECORD).unlink()
    report = measure(path, new, tagger, model_folder)
    assert report["reference"]["seen"]
    assert report["reference"]["errors"].startswith("held_out of ")


def test_labels_without_text_are_joined_on_either_side(tagger: Tagger, trained: SimpleNamespace, tmp_path: Path):
    texts = [f"{p.format(town)} ({n})" for n, (town, p) in enumerate((t, p) for t in TOWNS for p in USUAL)]
    pool, path = tmp_path / "pool.jsonl", tmp_path / "hashed.jsonl"
    pool.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts), encoding="utf-8")
    hashes = [hashlib.sha256(text.encode()).hexdigest() for text in texts]
    rows = [{"doc": f"d{n}", "n": 0, "sha256": h, "labels": {"mood": "rise"}} for n, h in enumerate(hashes)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    report = measure_drift(path, path, tagger, model=trained.path, texts=(pool,), replicates=10)
    assert [report[side]["sentences"] for side in ("reference", "new")] == [20, 20]


def test_one_article_has_no_intervals(results: Any, tagger: Tagger, trained: SimpleNamespace):
    one = results("one", STRANGE, articles=1)
    for reference in (trained.path, results("old", USUAL)):
        report = measure(reference, one, tagger, trained.path)
        assert report["verdict"] == "cannot tell"
        mood = report["dimensions"]["mood"]
        assert [mood["confidence"]["psi_interval"], mood["accuracy"]["interval"]] == [None, None]
        assert [row["interval"] for row in mood["labels"].values()] == [None] * 4
        assert "[" not in render_drift(report)
        assert [sign for sign in report["signs"] if "tokens" not in sign["what"]] == []


def test_a_list_of_texts_holds_an_article_a_line(cli: Any, tagger: Tagger, trained: SimpleNamespace, tmp_path: Path):
    lines = [f"{USUAL[0].format(town)} {USUAL[1].format(town)}" for town in TOWNS]
    path, folder = tmp_path / "list.txt", tmp_path / "folder"
    path.write_text("\n\n".join([*lines, "1 2 3"]), encoding="utf-8")  # the last one is no text to label
    folder.mkdir()
    for n, line in enumerate(lines):
        (folder / f"{n}.txt").write_text(f"{line}\n\n{line}", encoding="utf-8")
    notes: list[str] = []
    found, files = (read_scored(p, tagger, seed=0, on_note=notes.append) for p in (path, folder))
    assert notes == [f"{path}: read as a list, an article a line (a folder of .txt files: an article a file)"]
    assert [len({*scored.groups}) for scored in (found, files)] == [10, 10]
    assert found.texts == [p.format(town) for town in TOWNS for p in USUAL]
    assert len(files.texts) == 40
    (tmp_path / "one.txt").write_text("Chips are scarce in Arlen.", encoding="utf-8")
    code, out, err = cli("drift", trained.path, tmp_path / "one.txt", "--model", trained.path)
    assert code == 0
    assert "Verdict: cannot tell." in out
    assert "one.txt: read as a list" in err


GROWN = SCHEMA_TOML + '[[dimensions]]\nname = "tone"\nkind = "single"\nlabels = ["dry", "warm"]\n'


@pytest.fixture
def grown(label_folder: Path, tmp_path: Path) -> Path:
    """Labels whose rows have a dimension, and a label of a ``multi`` one, that the model does not know."""
    folder = Path(shutil.copytree(label_folder, tmp_path / "grown"))
    (folder / "schema.toml").write_text(GROWN.replace('"weather"', '"weather", "culture"'), encoding="utf-8")
    path = folder / "sentences" / "tiny.jsonl"
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    for row in rows:
        row["labels"] |= {"tone": "dry", "topic": [*row["labels"]["topic"], "culture"]}
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return folder


def test_labels_that_have_grown_are_read_by_their_own_label_set(grown: Path, label_folder: Path, tagger: Tagger):
    notes: list[str] = []
    before = read_scored(label_folder, tagger, seed=0)
    for path in (grown, grown / "sentences" / "tiny.jsonl"):
        found = read_scored(path, tagger, seed=0, on_note=notes.append)
        assert (found.texts, found.gold) == (before.texts, before.gold)
        assert notes.pop() == f"{path}: tone: left out; the model does not know it."
        assert not notes
    alone = Path(shutil.copy(grown / "sentences" / "tiny.jsonl", grown.parent / "alone.jsonl"))
    with pytest.raises(DataError, match=r"found 'tone'[^$]*put the labels' own schema.toml beside them"):
        read_scored(alone, tagger, seed=0)


def test_answers_to_another_question_are_left_out(grown: Path, tagger: Tagger):
    """A new label takes its share from the others, so that their shares cannot be compared."""
    schema, notes = grown / "schema.toml", list[str]()
    schema.write_text(schema.read_text("utf-8").replace('"flat"]', '"flat", "wild"]'), encoding="utf-8")
    found = read_scored(grown, tagger, seed=0, on_note=notes.append)
    assert all({*gold} == {"topic"} for gold in found.gold)
    assert notes[1:] == [f"{grown}: mood: the coders' answers are left out; they had other labels to choose from."]
    rows = (grown / "sentences" / "tiny.jsonl").read_text("utf-8").splitlines()
    kept = [{**json.loads(row), "labels": {"tone": "dry"}} for row in rows]
    (grown / "sentences" / "tiny.jsonl").write_text("".join(json.dumps(row) + "\n" for row in kept), encoding="utf-8")
    schema.write_text(GROWN.replace(SCHEMA_TOML, ""), encoding="utf-8")
    with pytest.raises(
        DataError, match=r"expected labels of a dimension that the model knows .topic, mood.; found tone"
    ):
        read_scored(grown, tagger, seed=0)


def test_the_model_itself_is_a_reference(results: Any, tagger: Tagger, trained: SimpleNamespace):
    report = measure(trained.path, results("new", USUAL), tagger, trained.path)
    assert report["reference"]["errors"].startswith("held_out of ")
    assert report["length"] is None
    assert report["words"]["reference"] == pytest.approx(
        unknown_share(trained.run.held_out, trained.run.examples, least=trained.run.baseline.min_df), abs=1e-6
    )
    assert report["words"]["interval"] is not None
    gold = [e.labels["mood"] for e in trained.run.held_out if "mood" in e.labels]
    assert report["dimensions"]["mood"]["labels"]["flat"]["reference"] == pytest.approx(gold.count("flat") / len(gold))
    with pytest.raises(ModelError, match="evaluation"):
        measure_drift(trained.baseline, results("new", USUAL), Tagger.load(trained.baseline), model=trained.baseline)
    with pytest.raises(DataError, match="expected a model of the label set of newslean"):
        measure_drift(
            Path(__file__).parents[2] / "models" / "current", results("new", USUAL), tagger, model=trained.path
        )


def test_unknown_words_count_where_the_models_report_knows_their_share(
    results: Any, trained: SimpleNamespace, model_folder: Path, label_rows: list[dict[str, Any]]
):
    tagger, strange = Tagger.load(model_folder), results("strange", STRANGE)
    path = model_folder / "evaluation" / "held_out" / "report.json"
    report = json.loads(path.read_bytes())
    words = {}
    for share in (None, 0.1, 0.99):
        path.write_text(json.dumps({**report, "unknown_words": share, "articles": 20}), encoding="utf-8")
        found = measure(model_folder, strange, tagger, model_folder)
        words[share] = [sign["what"] for sign in found["signs"] if "more words" in sign["what"]]
        assert found["words"]["reference"] == share
        assert ("gives no share to compare with" in render_drift(found)) == (share is None)
        assert share is None or found["words"]["difference"] == pytest.approx(found["words"]["new"] - share)
    assert [len(found) for found in words.values()] == [0, 1, 0]
    assert "was 10.0%" in words[0.1][0]


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


def test_articles_of_one_file_are_told_apart_on_one_line(results: Any, tagger: Tagger, trained: SimpleNamespace):
    path = results("old", USUAL)
    articles = [{**article, "source": "dump.jsonl"} for article in json.loads(path.read_bytes())]
    for indent in (None, 1):
        path.write_text(json.dumps(articles, indent=indent), encoding="utf-8")
        assert measure(path, path, tagger, trained.path)["new"]["articles"] == len(articles), indent


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
    for name in ("one.json", "lines.jsonl", "rows.jsonl", "dump.parquet", "dump.jsonl", "raw"):
        found = read_scored(tmp_path / name, tagger, seed=0)
        assert found.texts == first.texts, name
        assert found.answers == first.answers
        assert len({*found.groups}) == 4
        np.testing.assert_allclose(found.scores["mood"], first.scores["mood"], atol=2e-6)


@pytest.mark.parametrize("option", [{"only_relevant": True}, {"min_confidence": 0.9}])
@pytest.mark.parametrize("suffix", [".parquet", ".jsonl"])
def test_what_a_run_chose_to_keep_is_not_compared(
    tagger: Tagger, trained: SimpleNamespace, tmp_path: Path, option: dict[str, Any], suffix: str
):
    (tmp_path / "a.txt").write_text("Copper climbed as buyers paid more. It rained on the harbour.", "utf-8")
    settings = ScorerSettings(str(trained.path), gate=False)
    for name, its in (("whole", settings), ("part", replace(settings, **option))):
        score_dump(Job(inputs=(str(tmp_path / "a.txt"),), out=tmp_path / f"{name}{suffix}", settings=its))
    assert read_scored(tmp_path / f"whole{suffix}", tagger, seed=0).texts
    with pytest.raises(DataError, match=next(iter(option)).replace("_", "-")):
        read_scored(tmp_path / f"part{suffix}", tagger, seed=0)


@pytest.fixture
def gated(results: Any) -> Callable[..., Path]:
    """Scored rows as a dump has them; of each article the gate let through one sentence in three, or none."""

    def write(
        name: str, patterns: tuple[str, ...], *, articles: int = 30, read: int = 1_000, form: str = "jsonl"
    ) -> Path:
        path = results(name, (*patterns, "The mayor of {} opened a library.", "It rained."), articles=articles)
        rows = []
        for n, article in enumerate(json.loads(path.read_text(encoding="utf-8"))):
            for k, sentence in enumerate(article["sentences"]):
                skipped = k >= len(patterns) or n >= read
                row = {"source": article["source"], **sentence, "skipped": skipped}
                neutral = {"scores": None, "labels": {"topic": [], "mood": "flat"}}
                rows.append({**row, **(neutral if skipped else {})})
        if form == "jsonl":
            write_rows(path.with_suffix(".jsonl"), rows)
            return path.with_suffix(".jsonl")
        for row in rows:
            scores = row.pop("scores") or {"topic": {}, "mood": {}}
            row |= {f"label_{name}": value for name, value in row.pop("labels").items()}
            for name, labels in (("topic", ("metals", "weather")), ("mood", ("rise", "fall", "mixed", "flat"))):
                row |= {f"score_{name}_{label}": scores[name].get(label) for label in labels}
        pq.write_table(pa.Table.from_pylist(rows), path.with_suffix(".parquet"))
        return path.with_suffix(".parquet")

    return write


@pytest.mark.parametrize("form", ["jsonl", "parquet"])
def test_what_the_gate_kept_from_the_model_counts_as_neutral(
    gated: Any, results: Any, tagger: Tagger, trained: SimpleNamespace, form: str
):
    notes: list[str] = []
    path = gated("new", USUAL[:1], form=form)
    found = read_scored(path, tagger, seed=0, on_note=notes.append)
    assert (len(found.texts), found.skipped.sum(), len(found.only_read().texts)) == (90, 60, 30)
    assert found.answers[1] == {"topic": [], "mood": "flat"}
    assert notes == [
        f"{path}: 60 of 90 sentences were kept from the model by its gate: they count as neutral answers, and have no "
        "scores to compare."
    ]
    report = measure(trained.path, path, tagger, trained.path)
    assert report["new"]["sentences"] == 90
    metals = report["dimensions"]["topic"]["labels"]["metals"]
    read = np.mean(["metals" in labels["topic"] for labels in found.only_read().answers])
    assert read > 0.9
    assert metals["counted"] == pytest.approx(read / 3)
    assert metals["corrected"] == pytest.approx(read / 3, abs=0.02)
    assert metals["interval"][1] < 0.34  # errors, counted without a gate, are not taken out of what it kept
    assert report["dimensions"]["mood"]["labels"]["flat"]["counted"] >= 2 / 3


def test_scores_are_compared_only_where_the_gate_chose_on_both_sides(
    gated: Any, results: Any, tagger: Tagger, trained: SimpleNamespace
):
    new = gated("new", USUAL[:1])
    for reference in (trained.path, results("ungated", USUAL)):
        report = measure(reference, new, tagger, trained.path)
        assert not report["gated_alike"]
        assert [report["dimensions"]["mood"][key] for key in ("confidence", "accuracy")] == [None, None]
        assert report["words"]["new"] is not None
        assert report["reason"].endswith("Scores were not compared.")
        assert "60 of them kept from the model by its gate" in render_drift(report)
        assert "on one side alone: scores are not compared" in render_drift(report)
    report = measure(gated("old", USUAL[:1]), new, tagger, trained.path)
    assert report["dimensions"]["mood"]["confidence"]["psi"] == pytest.approx(0, abs=1e-6)
    assert report["verdict"] == "same"
    assert "scores are not compared" not in render_drift(report)
    shares = report["dimensions"]["topic"]["labels"]["metals"]
    assert shares["reference"] == pytest.approx(shares["corrected"])


def test_articles_of_which_the_model_has_read_nothing_do_not_bring_a_verdict(
    gated: Any, tagger: Tagger, trained: SimpleNamespace
):
    old, new = gated("old", USUAL[:1]), gated("new", USUAL[:1], read=19)
    report = measure(old, new, tagger, trained.path)
    assert (report["new"]["articles"], report["new"]["articles_read"]) == (30, 19)
    assert report["verdict"] == "cannot tell"
    assert report["reason"].endswith(f"found 19 in {new}, behind the gate.")
    with pytest.raises(DataError, match=r"90 of 90 sentences were kept from the model by its gate\."):
        read_scored(gated("none", USUAL[:1], read=0), tagger, seed=0)


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
        ("a.txt", b"\x89PNG\r\n\x1a\n", "a.txt:1: expected UTF-8"),
        ("a.md", b"\x89PNG\r\n\x1a\n", "PNG"),
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


@pytest.mark.parametrize(
    ("form", "score"),
    [
        *(("articles", score) for score in ("much", None, True, float("nan"), 1.01, -3, [0.5], {})),
        *(("rows", score) for score in ("0.5", None)),
        *(("table", score) for score in (None, float("nan"), 1.01)),  # a column holds one kind of value
    ],
)
def test_a_score_that_is_no_probability(results: Any, tagger: Tagger, tmp_path: Path, form: str, score: Any):
    articles = json.loads(results("old", USUAL, articles=3).read_text(encoding="utf-8"))
    articles[2]["sentences"][1]["scores"]["mood"]["flat"] = score
    rows = [{"source": a["source"], **s} for a in articles for s in a["sentences"]]
    path = tmp_path / ("a.parquet" if form == "table" else "a.jsonl")
    if form == "table":
        flat = [
            {"source": r["source"], "text": r["text"]}
            | {f"label_{name}": value for name, value in r["labels"].items()}
            | {f"score_{name}_{label}": v for name, found in r["scores"].items() for label, v in found.items()}
            for r in rows
        ]
        pq.write_table(pa.Table.from_pylist(flat), path)
    else:
        lines = articles if form == "articles" else rows
        path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    place = {"articles": f"{path}:3, sentence 2", "rows": f"{path}:6", "table": f"{path}, row 6"}[form]
    with pytest.raises(DataError) as error:
        read_scored(path, tagger, seed=0)
    found = "nothing" if score is None else repr(score)
    assert str(error.value).startswith(f"{place}: mood: flat: expected a score from 0 to 1; found {found}. Score it")


def test_words_that_only_one_article_of_the_training_set_holds_are_no_common_knowledge(
    tagger: Tagger, trained: SimpleNamespace
):
    """Whatever part of the training set is looked at: here one article, of which only the town is not in others."""
    learnt = trained.run.examples
    rows = [e for e in learnt if e.doc == "paper-3"]
    texts, groups = [e.text for e in rows], [e.group for e in rows]
    seen = strangeness(texts, groups, tagger, seen=True)
    assert seen.unknown_words.tolist() == [1] * 6
    assert [word for word, _ in seen.top] == ["dorsk"]
    assert strangeness(texts, groups, tagger).unknown_words.tolist() == [0] * 6
    expected = np.mean(seen.unknown_words / seen.words)
    assert unknown_share(rows, learnt, least=trained.run.baseline.min_df) == pytest.approx(expected)


def test_a_word_needs_as_many_rows_of_other_articles_as_the_vocabulary_asks_for(examples: list[Example]):
    pattern = examples[0]
    texts = [("a", "Tin rose."), ("a", "Tin fell."), ("b", "Tin rose, slowly."), ("c", "Zinc fell.")]
    learnt = [replace(pattern, doc=doc, group=doc, text=text) for doc, text in texts]
    assert unknown_share(learnt[2:3], learnt, least=1) == pytest.approx(1 / 3)  # "slowly"
    assert unknown_share(learnt[2:3], learnt, least=2) == pytest.approx(
        2 / 3
    )  # "rose" stands in one row beside its own
    assert unknown_share(learnt[:2], learnt, least=1) == 0
    assert unknown_share(learnt[:2], learnt, least=2) == 1
    new = replace(pattern, group="new", text="Tin boiled.")
    assert unknown_share([new], learnt, least=1) == unknown_share([new], learnt, least=2) == 0.5
    assert unknown_share([], learnt, least=1) == 0


def test_the_vocabulary_tells_in_how_many_rows_a_word_stands(trained: SimpleNamespace, schema: Schema):
    learnt = trained.run.examples
    for least in (1, 2, 3):
        params = replace(trained.run.baseline, min_df=least)
        manifest = replace(Tagger.load(trained.baseline).manifest, params={"baseline": asdict(params)})
        tagger = Tagger(fit_baseline(learnt, schema, params, seed=0), manifest)
        found = strangeness([e.text for e in learnt], [e.group for e in learnt], tagger, seen=True)
        assert np.mean(found.unknown_words / found.words) == pytest.approx(unknown_share(learnt, learnt, least=least))


def test_how_sure_a_model_is_of_several_labels_is_taken_from_its_report_exactly(
    trained: SimpleNamespace, model_folder: Path
):
    tagger = Tagger.load(model_folder)
    scores = tag_examples("", tagger, trained.run.held_out).scores
    values = np.array([[*row["topic"].values()] for row in scores])
    expected = np.maximum(values, 1 - values).mean()
    assert read_errors(model_folder, tagger).errors["topic"].surest == pytest.approx(expected, abs=2e-6)
    path = model_folder / "evaluation" / "held_out" / "report.json"
    report = json.loads(path.read_bytes())
    report["dimensions"]["topic"]["models"]["mixed"]["calibration"]["confidence"] = 0.75
    path.write_text(json.dumps(report), encoding="utf-8")
    assert read_errors(model_folder, tagger).errors["topic"].surest == 0.75
    del report["dimensions"]["topic"]["models"]["mixed"]["calibration"]["confidence"]  # an older report
    path.write_text(json.dumps(report), encoding="utf-8")
    assert expected - 0.02 < read_errors(model_folder, tagger).errors["topic"].surest <= expected + 1e-6


def test_tokens_without_a_piece_are_counted(tagger: Tagger):
    tokens = strangeness(["Copper ☃ 🜚"], ["a"], tagger)
    assert tokens.unknown_tokens.tolist() == [2]
    assert tokens.words.tolist() == [1]


def test_rows_that_cannot_be_read_and_columns_that_were_guessed_are_told(
    cli: Any, tagger: Tagger, trained: SimpleNamespace, tmp_path: Path
):
    path, notes = tmp_path / "a.csv", list[str]()
    rows = [f"{n},{USUAL[0].format(town)}" if n % 2 else f"{n}," for n, town in enumerate(TOWNS)]
    path.write_text("\n".join(["id,body", *rows]), encoding="utf-8")
    assert len(read_scored(path, tagger, seed=0, on_note=notes.append).texts) == 5
    first = f"{path}: row 1, line 2: expected an article; found only white space. Leave it out."
    assert notes == [
        f"{path}: guessed the columns: text from 'body', id from 'id'",
        f"{path}: 5 of 10 articles could not be read (first: {first})",
    ]
    path.write_text("\n".join(["id,tweet", *rows]), encoding="utf-8")
    code, _, err = cli("drift", trained.path, path, "--model", trained.path)
    assert (code, "Name the one that holds the text (--text-column)." in err) == (2, True)
    code, out, err = cli("drift", path, path, "--model", trained.path, "--text-column", "tweet")
    assert (code, "5 sentences of 5 articles" in out, err.count("5 of 10 articles could not be read")) == (0, True, 2)
    path.write_text("\n".join(["id,body", *rows[::2]]), encoding="utf-8")
    with pytest.raises(DataError) as error:
        read_scored(path, tagger, seed=0)
    assert str(error.value) == first


def test_the_command(cli: Any, results: Any, trained: SimpleNamespace, tmp_path: Path):
    old, new = results("old", USUAL), results("new", STRANGE)
    code, out, _ = cli("drift", old, new, "--model", trained.path)
    assert code == 0
    assert "Verdict: label again" in out
    code, out, _ = cli("drift", old, new, "--model", trained.path, "--json")
    assert json.loads(out)["verdict"] == "label again"
    assert cli("drift", old, tmp_path / "none.json", "--model", trained.path)[0] == 2
