"""A label set of whole texts, from rows to answers, and what refuses another unit."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import CliRunner

from newslean.errors import ModelError
from newslean.manifest import read_manifest
from newslean.schema import Schema
from newslean.splitting import splitter_version
from newslean.tagger import Tagger
from tests.conftest import ROWS, SCHEMA_TOML, TOWNS
from tests.scoring.dumps import make_model, write_lines
from train.candidates import read_candidates
from train.common import common_schema
from train.exchange.exporting import add_predictions
from train.exchange.task import Task
from train.known import find_known
from train.labels import read_examples
from train.migrate import plan_migration, run_migration
from train.params import write_params
from train.retrain import assess_new
from train.run import Run

pytestmark = pytest.mark.usefixtures("undrawn")

Cli = Callable[..., tuple[int, str, str]]

SCHEMA = 'unit = "text"\n\n[[dimensions]]\nname = "mood"\nkind = "single"\nlabels = ["rise", "fall"]\n'
FIRST = {"rise": ROWS[0][0], "fall": ROWS[1][0]}


def tweet(n: int, mood: str) -> str:
    """Two or three sentences, one paragraph or two."""
    return f"{FIRST[mood]} {ROWS[3][0]}{'' if n % 3 else ' ' + ROWS[2][0]}".format(town=TOWNS[n % 10]).replace(
        ". The", ".\n\nThe" if n % 2 else ". The"
    )


@pytest.fixture(scope="module")
def tweets(tmp_path_factory: pytest.TempPathFactory, params: Any) -> Path:
    """Twenty-four texts of three people; the second of a person follows the first."""
    folder = tmp_path_factory.mktemp("tweets")
    for name in ("sentences", "params"):
        (folder / name).mkdir()
    (folder / "schema.toml").write_text(SCHEMA, encoding="utf-8")
    rows = [
        {"doc": f"person-{n % 8}", "n": n // 8, "text": tweet(n, mood), "labels": {"mood": mood}}
        for n in range(24)
        for mood in [("rise", "fall")[n // 2 % 2]]
    ]
    write_lines(folder / "sentences" / "tweets.jsonl", rows)
    quick = replace(params, context="before", epochs=4, max_length=24)
    write_params(quick, folder / "params" / "finetuned.toml", note="tiny")
    return folder


def test_from_texts_to_answers(cli: Cli, tweets: Path, tmp_path: Path):
    models = tmp_path / "models"
    places = ("--models", models, "--work", tmp_path / "work", "--folds", 2, "--no-curve")
    code, _, err = cli("--labels", tweets, *places)
    assert (code, "24 sentences to train on" in err) == (0, True), err
    assert "of 24 texts are longer than max_length, 24 tokens" in err
    current = models / "current"
    manifest = read_manifest(current)
    assert (manifest.schema.unit, manifest.splitter, manifest.context) == ("text", splitter_version("text"), "none")
    card = (current / "README.md").read_text("utf-8")
    assert "Tags texts with mood" in card
    assert "no more than 24 tokens of a text" in card
    texts = ["\u3000\r\n" + tweet(1, "rise") + "\xa0\n", tweet(2, "fall"), "Share this article", " \n\xa0"]
    answers = _predict(current, texts, tmp_path)
    assert [len(rows) for rows in answers] == [1, 1, 1, 0]
    assert answers[0][0]["text"] == tweet(1, "rise")
    assert [rows[0]["labels"] for rows in answers[:2]] == [{"mood": "rise"}, {"mood": "fall"}]
    # From Python each is taken by itself too, whatever stands before it.
    tagged = Tagger.load(current).tag_sentences([tweet(2, "fall"), tweet(1, "rise")])
    assert [s.labels for s in tagged] == [{"mood": "fall"}, {"mood": "rise"}]
    assert tagged[1].scores == {"mood": pytest.approx(answers[0][0]["scores"]["mood"], abs=1e-5)}
    _look_for_more(cli, current, tweets, tmp_path)


def _predict(model: Path, texts: list[str], place: Path) -> list[list[dict[str, Any]]]:
    """Give the answers to texts in files of their own, which those in a dump must equal."""
    import predict

    names = [place / f"{n}.txt" for n in range(len(texts))]
    for name, text in zip(names, texts, strict=True):
        name.write_bytes(text.encode())
    dump = write_lines(place / "dump.jsonl", [{"id": str(n), "text": text} for n, text in enumerate(texts)])
    fixed = ["--model", str(model), "--out"]
    done = CliRunner().invoke(predict.main, [*map(str, names), *fixed, str(place / "a.json"), "--format", "json"])
    assert done.exit_code in (0, 1), done.output
    result = place / "out.jsonl"
    done = CliRunner().invoke(predict.main, [str(dump), *fixed, str(result), "--workers", "1", "--progress", "none"])
    assert done.exit_code in (0, 1), done.output
    single = {Path(a["source"]).stem: a["sentences"] for a in json.loads((place / "a.json").read_text("utf-8"))}
    rows = [json.loads(line) for line in result.read_text("utf-8").splitlines()]
    for n in range(len(texts)):
        found = [row for row in rows if row["id"] == str(n)]
        expected = single.get(str(n), [])
        for key in ("n", "start", "end", "text", "labels", "scores"):
            assert [row[key] for row in found] == [
                {name: pytest.approx(v, abs=1e-5) for name, v in row[key].items()} if key == "scores" else row[key]
                for row in expected
            ]
    return [single.get(str(n), []) for n in range(len(texts))]


def _look_for_more(cli: Cli, model: Path, tweets: Path, place: Path) -> None:
    dump = write_lines(place / "more.jsonl", [{"id": f"m{n}", "text": tweet(n, "rise") * 4} for n in range(6)])
    tasks = place / "tasks.jsonl"
    code, said, err = cli(
        "labels", "next", "--from", dump, "--model", model, "--labels", tweets, "-n", 4, "--out", tasks
    )
    assert (code, "4 texts to label" in said) == (0, True), err
    rows = [json.loads(line) for line in tasks.read_text("utf-8").splitlines()]
    assert {row["text"] for row in rows} <= {tweet(n, "rise") * 4 for n in range(6)}


def test_rows_of_whole_texts_have_nothing_around_them(tweets: Path, schema: Schema, tmp_path: Path):
    one = Schema((replace(schema["mood"], labels=("rise", "fall"), neutral=None, opposites=()),), unit="text")
    assert {(e.before, e.article_title) for e in read_examples([tweets], one).examples} == {("", "")}
    assert any(e.before for e in read_examples([tweets], replace(one, unit="paragraph")).examples)


def test_candidates_are_what_the_model_reads(tmp_path: Path):
    text = "Copper climbed. Zinc slumped.\n\n" + "Rain fell on the harbour. " * 300 + "\n\nShare this article"
    dump = write_lines(tmp_path / "a.jsonl", [{"id": "x", "text": text}])
    found = {unit: [c.text for c in read_candidates([dump], unit=unit)] for unit in ("paragraph", "text")}
    assert found["text"] == [text]
    assert found["paragraph"] == [part.strip() for part in text.split("\n\n")[:2]]


@pytest.fixture
def run(trained: SimpleNamespace, tmp_path: Path) -> Run:
    """The tiny run, whose current model reads sentences, with a label set of paragraphs."""
    shutil.copytree(trained.path, tmp_path / "models" / "current")
    return replace(trained.run, models=tmp_path / "models", schema=replace(trained.run.schema, unit="paragraph"))


def test_a_model_of_another_unit_is_neither_updated_nor_replaced(run: Run, trained: SimpleNamespace):
    assert find_known(run).endswith("reads another unit")
    comparisons, verdict = assess_new(run, trained.path)
    assert (comparisons, verdict.promote) == ({}, False)
    assert verdict.reason == "the current model reads each sentence by itself, the new one each paragraph"
    assert run.key != trained.run.key


def test_commands_refuse_a_model_of_another_unit(cli: Cli, label_folder: Path, schema: Schema, tmp_path: Path):
    for name in ("labels", "a", "b"):
        (tmp_path / name).mkdir()
    texts = make_model(tmp_path / "a", replace(schema, unit="text"))
    shutil.copytree(label_folder, tmp_path / "labels", dirs_exist_ok=True)
    code, _, err = cli("gate", "--labels", tmp_path / "labels", "--model", texts)
    assert (code, "expected a model of the label set; found one of another" in err) == (2, True)
    sentences = make_model(tmp_path / "b", schema, version="2")
    code, _, err = cli("behaviour", "--model", texts, "--model", sentences)
    assert (code, "expected models of one schema" in err) == (2, True)
    with pytest.raises(
        ModelError, match="reads each sentence by itself, as the label set has it; found one that reads"
    ):
        add_predictions([Task("d", 0, "Copper climbed.")], texts, schema)
    _, notes = common_schema(schema, {"tiny 1": replace(schema, unit="text")})
    assert notes == ["tiny 1 reads each text by itself, the labels are of each sentence: take the numbers with care."]


@pytest.mark.parametrize("head", ['# Ours.\nunit = "text" # tweets\n', 'unit="text"\nsides = {north = ["Arlen"]}\n'])
def test_a_migration_keeps_the_unit(label_folder: Path, tmp_path: Path, head: str):
    from newslean.schema import read_schema
    from train.changes import read_change

    folder = Path(shutil.copytree(label_folder, tmp_path / "labels"))
    # The second cannot be edited in place: labels in one line of tables.
    body = SCHEMA_TOML if "#" in head else SCHEMA_TOML.replace("[[dimensions]]", "[[ 'dimensions' ]]")
    (folder / "schema.toml").write_text(head + body, encoding="utf-8")
    run_migration(plan_migration(folder, [read_change("rename", "mood:rise=ascent")]))
    found = read_schema(folder / "schema.toml")
    assert (found.unit, found["mood"].labels[0]) == ("text", "ascent")
    if "#" in head:
        assert (folder / "schema.toml").read_text("utf-8").startswith(head)
