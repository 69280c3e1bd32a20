"""``python -m train``: exit codes and messages."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
HELP = """
import runpy, sys
sys.argv = ["train", "--help"]
try:
    runpy.run_module("train", run_name="__main__")
except SystemExit as end:
    assert not end.code
heavy = {"torch", "transformers", "datasets", "optuna", "sklearn", "numpy", "onnxruntime"} & set(sys.modules)
assert not heavy, heavy
"""


@pytest.fixture
def labels(label_rows: list[dict[str, Any]], label_folder: Path, tmp_path: Path) -> Callable[..., Path]:
    """Write a label file with one change to its rows, beside the tiny schema."""

    def write(change: Callable[[list[dict[str, Any]]], object] = lambda rows: None) -> Path:
        rows = json.loads(json.dumps(label_rows))
        change(rows)
        folder = tmp_path / "labels"
        (folder / "sentences").mkdir(parents=True, exist_ok=True)
        (folder / "schema.toml").write_bytes((label_folder / "schema.toml").read_bytes())
        (folder / "sentences" / "a.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        return folder

    return write


def test_help_loads_nothing():
    result = subprocess.run(
        [sys.executable, "-c", HELP], cwd=ROOT, capture_output=True, text=True, timeout=250, check=False
    )
    assert result.returncode == 0, result.stderr
    assert "labels" in result.stdout
    assert "tune" in result.stdout
    assert result.stderr == ""


def test_a_fault_ends_the_process_with_a_message(tmp_path: Path):
    command = [sys.executable, "-m", "train", "labels", "check", "--labels", str(tmp_path / "none.jsonl")]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=250, check=False)
    assert result.returncode == 2
    assert "none.jsonl: expected a file to read" in result.stderr
    assert "Traceback" not in result.stderr
    assert result.stdout == ""


def test_good_labels(cli, labels):
    code, out, err = cli("labels", "check", "--labels", labels(), "--json")
    assert (code, err) == (0, "")
    assert json.loads(out)["rows"] == 54
    code, out, _ = cli("labels", "check", "--labels", labels())
    assert code == 0
    assert "54" in out


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda rows: rows[5]["labels"].update(topic=["metal"]), "a.jsonl:6: .*'metal' .did you mean 'metals'"),
        (lambda rows: rows[5]["labels"].update(tone="flat"), "a.jsonl:6: .*'tone'"),
        (lambda rows: rows.pop(2), "a.jsonl:3: expected n 2 of doc 'paper-0'; found 3: a row is missing"),
        (lambda rows: rows.insert(3, dict(rows[2])), "a.jsonl:4: expected each sentence once"),
        (lambda rows: rows[0].pop("text"), "a.jsonl:1: expected text, or sha256"),
        (lambda rows: rows[0].pop("labels"), "a.jsonl:1: expected labels"),
    ],
)
def test_broken_labels(cli, labels, change: Callable[[list[dict[str, Any]]], object], expected: str):
    import re

    code, out, err = cli("labels", "check", "--labels", labels(change))
    assert (code, out) == (2, "")
    assert re.search(expected, err), err


def test_a_broken_schema(cli, labels):
    folder = labels()
    (folder / "schema.toml").write_text('[[dimensions]]\nname = "topic"\n')
    code, _, err = cli("labels", "check", "--labels", folder)
    assert code == 2
    assert "schema.toml: dimension 'topic': expected kind" in err
    code, _, err = cli("labels", "check", "--labels", folder, "--schema", folder / "none.toml")
    assert code == 2
    assert "none.toml: expected a schema file" in err


def test_training_on_nothing(cli, labels, tmp_path: Path):
    folder = labels(lambda rows: rows.__delitem__(slice(6, None)))
    code, _, err = cli("--labels", folder, "--work", tmp_path / "w", "--models", tmp_path / "m")
    assert code == 2
    assert "at least two articles" in err
    assert not (tmp_path / "m").exists()


def test_usage(cli):
    assert cli("--folds", "1")[0] == 2
    assert cli("fly")[0] == 2
    assert cli("tune", "oracle")[0] == 2


def test_evaluate(cli, label_folder: Path, trained: SimpleNamespace, tmp_path: Path):
    on = label_folder / "sentences" / "tiny.jsonl"
    models = ["--model", trained.path, "--model", trained.baseline]
    code, out, _ = cli("evaluate", "--on", on, *models, "--split", "test", "--out", tmp_path / "report")
    assert code == 0
    assert "topic" in out
    assert "newslean-baseline" in out
    report = json.loads((tmp_path / "report" / "report.json").read_text("utf-8"))
    assert set(report["dimensions"]) == {"topic", "mood"}


def test_evaluate_finds_faults(cli, label_folder: Path, trained: SimpleNamespace, tmp_path: Path):
    on = label_folder / "sentences" / "tiny.jsonl"
    for arguments, expected in (
        (["--on", on, "--model", trained.path, "--split", "dev"], "with split 'dev' whose text is at hand; found none"),
        (["--on", on, "--model", tmp_path], "expected a model folder"),
        (["--on", tmp_path / "none.jsonl", "--model", trained.path], "none.jsonl: expected a file"),
    ):
        code, out, err = cli("evaluate", *arguments)
        assert (code, out) == (2, "")
        assert expected in err


def test_evaluate_tells_what_was_learnt(cli, labels, trained: SimpleNamespace, tmp_path: Path):
    """One row is new, in an article that was learnt; six rows were set aside."""
    on = labels(lambda rows: rows[5].update(text="Nickel rallied in Arlen after the storm.")) / "sentences" / "a.jsonl"
    name = f"newslean {trained.path.name}"
    code, _, err = cli("evaluate", "--on", on, "--model", trained.path)
    assert code == 0
    assert f"47 of 54 sentences were learnt by {name}, as were others of the articles of 1 more: their" in err
    code, _, err = cli("evaluate", "--on", on, "--model", trained.path, "--unseen", "--out", tmp_path / "report")
    assert code == 0
    assert "their scores say nothing" not in err
    assert json.loads((tmp_path / "report" / "report.json").read_text("utf-8"))["sentences"] == 6
    assert cli("evaluate", "--on", on, "--model", trained.path, "--split", "test")[2] == ""


def test_evaluate_tells_what_a_model_chose(cli, labels, trained: SimpleNamespace, tmp_path: Path):
    def choose(rows: list[dict[str, Any]]) -> None:
        for row in rows[:50]:
            row["sample"] = "picked"

    on, rest = labels(choose) / "sentences" / "a.jsonl", ("--model", trained.baseline)
    code, _, err = cli("evaluate", "--on", on, *rest)
    assert code == 0
    assert "50 of 54 sentences were chosen by a model (sample picked): labels and errors are not as frequent" in err
    code, _, err = cli("evaluate", "--on", on, *rest, "--natural", "--out", tmp_path / "report")
    assert (code, "50 of 54 sentences were chosen by a model (sample picked): left out." in err) == (0, True)
    assert json.loads((tmp_path / "report" / "report.json").read_text("utf-8"))["sentences"] == 4
    on.write_text("".join(on.read_text("utf-8").splitlines(keepends=True)[:50]), encoding="utf-8")
    code, _, err = cli("evaluate", "--on", on, *rest, "--natural")
    assert (code, "expected sentences that no model chose; found none" in err) == (2, True)


def test_evaluate_with_a_model_that_keeps_no_record(cli, labels, model_folder: Path, trained: SimpleNamespace):
    on = labels(lambda rows: rows.__delitem__(slice(12, None))) / "sentences" / "a.jsonl"
    (model_folder / "out_of_fold.npz").unlink()
    code, _, err = cli("evaluate", "--on", on, "--model", model_folder, "--unseen")
    assert code == 0
    assert "which of these sentences it knows is unknown" in err
    code, out, err = cli("evaluate", "--on", on, "--model", model_folder, "--model", trained.baseline, "--unseen")
    assert (code, out) == (2, "")
    assert f"12 of 12 sentences were learnt by newslean-baseline {trained.path.name}: left out." in err
    assert "expected sentences that no model has learnt; found none" in err


def test_options_before_a_command_are_refused(cli: Callable[..., tuple[int, str, str]]):
    code, _, err = cli("--seed", "9", "labels", "check")
    assert code == 2
    assert "--seed: expected behind labels" in err


def test_evaluate_wants_different_models(cli: Callable[..., tuple[int, str, str]], trained: SimpleNamespace, labels):
    code, _, err = cli("evaluate", "--on", labels(), "--model", trained.path, "--model", trained.path)
    assert code == 2
    assert "expected different models" in err


def test_behaviour(cli: Callable[..., tuple[int, str, str]], trained: SimpleNamespace, tmp_path: Path):
    case = {"id": "a", "capability": "rain", "rule": "plain", "before": "", "text": "Rain."}
    cases = tmp_path / "cases.jsonl"
    lines = [{**case, "labels": {"topic": []}}, {**case, "id": "b", "labels": {"topic": ["metals", "weather"]}}]
    cases.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    code, out, _ = cli("behaviour", "--on", cases, "--model", trained.path, "--failed")
    assert code == 0
    assert "| rain | 2 | " in out
    assert "(plain): Rain." in out  # at most one of the two can be right
    code, out, err = cli("behaviour", "--on", tmp_path / "none.jsonl", "--model", trained.path)
    assert (code, out) == (2, "")
    assert "none.jsonl: expected a file" in err
