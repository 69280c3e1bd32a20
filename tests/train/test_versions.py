import json
import shutil
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from newslean.errors import DataError
from newslean.gate import BITS, Gate
from newslean.manifest import read_manifest
from newslean.schema import Schema
from tests.conftest import SCHEMA_TOML
from tests.scoring.dumps import make_model
from train import __main__ as program
from train.gate import GateFit
from train.gate_files import add_gate
from train.history import append_history, read_history
from train.promotion import BEGIN, END, current_name, promote
from train.versions import diff_models, find_model, list_models, rollback_target, show_model


@pytest.fixture
def models(trained: SimpleNamespace, tmp_path: Path) -> Path:
    """The tiny models, the fine-tuned one current, and a later version of it."""
    folder = tmp_path / "models"
    shutil.copytree(trained.path.parent, folder)
    promote(folder, trained.path.name, event="promotion", reason="the first")
    shutil.copytree(trained.path, folder / "later")
    data = json.loads((folder / "later" / "manifest.json").read_text("utf-8"))
    data["params"]["finetuned"]["epochs"] = 99
    changes = {"version": "later", "seed": 8, "data": {**data["data"], "new.jsonl": "ab"}}
    (folder / "later" / "manifest.json").write_text(json.dumps({**data, **changes}), "utf-8")
    return folder


@pytest.fixture
def cli(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    def run(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["train", "models", *map(str, arguments)])
        with pytest.raises(SystemExit) as end:
            program.run()
        return int(end.value.code or 0), *capsys.readouterr()

    return run


def test_list(models: Path, trained: SimpleNamespace):
    name = trained.path.name
    (models / "broken").mkdir()
    (models / "broken" / "manifest.json").write_text("{")
    lines = list_models(models).splitlines()[2:]
    assert [line.split("|")[2].strip() for line in lines] == [name, f"{name}-baseline", "broken", "later"]
    assert [line.split("|")[1].strip() for line in lines] == ["*", "", "", ""]
    assert "finetuned" in lines[0]
    assert "(held_out)" in lines[0]
    assert "does not load" in lines[2]
    shutil.rmtree(models / name)
    assert any(line.startswith(f"| * | {name} |") for line in list_models(models).splitlines())
    assert list_models(models / "none").count("\n") == 1


def test_the_list_goes_by_the_time_of_training(models: Path, trained: SimpleNamespace):
    """Versions of one day are named after a hash, which knows no order."""
    first, day = trained.path.name, trained.path.name[:10]

    def copy(source: Path, folder: str, version: str) -> None:
        shutil.copytree(source, models / folder)
        data = json.loads((source / "manifest.json").read_text("utf-8"))
        (models / folder / "manifest.json").write_text(json.dumps({**data, "version": version}), "utf-8")

    for hour, version in ((12, f"{day}-000000"), (10, first), (8, f"{day}-ffffff")):
        time = f"{day.replace('.', '-')}T{hour:02}:00:00.000000Z"
        append_history(models / "history.jsonl", {"time": time, "event": "training", "version": version})
        if version != first:
            copy(trained.path, version, version)
            copy(trained.baseline, f"{version}-baseline", version)
    copy(trained.path, f"{day}-888888", f"{day}-888888")  # the history does not know it
    rows = [[cell.strip() for cell in line.split("|")[2:5]] for line in list_models(models).splitlines()[2:]]
    ordered = [
        f"{version}{kind}" for version in (f"{day}-ffffff", first, f"{day}-000000") for kind in ("", "-baseline")
    ]
    assert [row[0] for row in rows] == [f"{day}-888888", *ordered, "later"]
    assert rows[0][2] == day.replace(".", "-")
    assert rows[1][2] == rows[2][2] == f"{day.replace('.', '-')}T08:00:00.000000Z"


def test_show(models: Path, trained: SimpleNamespace):
    text = show_model(models, "current")
    assert text == show_model(models, trained.path.name)
    for expected in ("- mood (single): rise, fall", "- tiny.jsonl: ", "## held_out", "promotion of", "the first"):
        assert expected in text


def test_diff(models: Path, trained: SimpleNamespace):
    text = diff_models(models, "current", "later")
    assert "| new.jsonl | - | ab | new |" in text
    assert "| seed | 3 | 8 | +5 |" in text
    assert "| finetuned epochs | 8 | 99 | +91 |" in text
    assert "## labels\n\nthe same" in text
    assert "gone" in diff_models(models, "current", f"{trained.path.name}-baseline")


def test_names(models: Path):
    with pytest.raises(DataError, match=r"found no 'latter' .there are later"):
        find_model(models, "latter")
    for name in ("..", "../models/later", "", "no\0ne"):
        with pytest.raises(DataError, match="expected a version of that name"):
            find_model(models, name)


def test_promote_and_roll_back(cli, models: Path, trained: SimpleNamespace):
    first = trained.path.name
    code, out, _ = cli("promote", "later", "--models", models, "--reason", "I say so")
    assert (code, out.strip(), current_name(models)) == (0, str(models / "current"), "later")
    promote(models, f"{first}-baseline", event="promotion", reason="another")
    for expected in ("later", first):
        assert cli("rollback", "--models", models)[0] == 0
        assert current_name(models) == expected
    code, out, err = cli("rollback", "--models", models)
    assert (code, out) == (2, "")
    assert "expected a model before" in err
    assert cli("rollback", "later", "--models", models, "--reason", "better after all")[0] == 0
    assert [(e["event"], e["reason"]) for e in read_history(models / "history.jsonl")][-1] == (
        "rollback",
        "better after all",
    )
    code, _, err = cli("promote", "later", "--models", models, "--reason", "again")
    assert code == 2
    assert "it is current already" in err
    assert cli("promote", first, "--models", models)[0] == 2  # a reason is asked for


def test_a_gate_makes_a_version_of_its_own(models: Path, trained: SimpleNamespace):
    first, table = trained.path.name, "the table"
    assert (models / first / "model.float.onnx").exists()
    (models / "README.md").write_text(f"{BEGIN}\n{table}\n{END}\n")
    ones = np.ones(1 << BITS, np.float32)

    def gate(threshold: float) -> Gate:
        return Gate(ones, own=1.0, article=1.0, intercept=0.0, threshold=threshold)

    fit = GateFit(gate(0.5), 0.0, 0.0, 0.1, 0.2, 3, 4)
    made = add_gate(models / first, fit)
    assert (made.parent, current_name(models), find_model(models, made.name)) == (models, first, made)
    assert read_manifest(made).version == made.name
    assert all((models / name / "model.float.onnx").exists() for name in (first, made.name))
    assert add_gate(models / "current", fit, readme=models / "README.md") == made
    assert (current_name(models), rollback_target(models)) == (made.name, first)
    assert (made / "model.float.onnx").exists()
    assert add_gate(models / "current", fit) == models / "current"  # the gate that it has
    other = add_gate(models / "current", replace(fit, gate=gate(0.7)))
    assert (current_name(models), read_manifest(models / "current").gate["threshold"]) == (other.name, 0.7)
    assert read_manifest(made).gate["threshold"] == 0.5
    assert table not in (models / "README.md").read_text()


def test_rollback_heeds_a_model_put_there_by_hand(models: Path):
    append_history(models / "history.jsonl", {"event": "promotion", "version": "x", "previous": "y", "reason": ""})
    with pytest.raises(DataError, match="expected a model before"):
        rollback_target(models)


def test_diff_on_a_file(cli, models: Path, label_folder: Path, trained: SimpleNamespace):
    on = label_folder / "sentences" / "tiny.jsonl"
    arguments = ("diff", "current", f"{trained.path.name}-baseline", "--models", models, "--on", on)
    code, out, _ = cli(*arguments, "--split", "test")
    assert code == 0
    assert "--on: 6 sentences of 1 articles" in out
    assert "| topic: metals | 4 |" in out
    code, _, err = cli(*arguments, "--split", "none")
    assert code == 2
    assert "found none" in err


def test_diff_on_labels_that_have_grown(
    cli, models: Path, label_folder: Path, trained: SimpleNamespace, tmp_path: Path
):
    """Read by the label set beside them, whichever of the two versions is the older one."""
    folder = Path(shutil.copytree(label_folder, tmp_path / "labels"))
    tone = '[[dimensions]]\nname = "tone"\nkind = "single"\nlabels = ["dry", "warm"]\n'
    grown = SCHEMA_TOML.replace('"flat"]', '"flat", "wild"]') + tone
    (folder / "schema.toml").write_text(grown, "utf-8")
    path = folder / "sentences" / "tiny.jsonl"
    rows = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    for row in rows:
        row["labels"] |= {"tone": "warm", "mood": "wild"}
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    for versions in (("current", "later"), ("later", "current")):
        code, out, err = cli("diff", *versions, "--models", models, "--on", path)
        assert code == 0
        assert "| mood: wild | 54 | 0.000 | 0.000 |" in out
        assert "| topic: metals | 36 |" in out
        assert "tone: left out; current, later does not know it" in err.replace("later, current", "current, later")
    alone = Path(shutil.copy(path, tmp_path / "alone.jsonl"))
    code, _, err = cli("diff", "current", "later", "--models", models, "--on", alone)
    assert code == 2
    assert "put the labels' own schema.toml beside them" in err


def test_diff_without_a_label_set_beside_the_labels(
    cli, models: Path, label_folder: Path, schema: Schema, tmp_path: Path
):
    """They are read as the version does that knows more, the first or the second."""
    (models / "small").mkdir()
    make_model(models / "small", Schema(schema.dimensions[:1]), version="small", gate=False)
    on = Path(shutil.copy(label_folder / "sentences" / "tiny.jsonl", tmp_path / "alone.jsonl"))
    for versions in (("current", "small"), ("small", "current")):
        code, out, err = cli("diff", *versions, "--models", models, "--on", on)
        assert code == 0
        assert "| topic: metals | 36 |" in out
        assert "mood: left out; small does not know it." in err


def test_list_and_show_from_the_command_line(cli, models: Path):
    assert "| * |" in cli("list", "--models", models)[1]
    assert "## Data" in cli("show", "later", "--models", models)[1]
    code, _, err = cli("show", "none", "--models", models)
    assert code == 2
    assert "expected a version of that name" in err
    assert read_manifest(models / "later").params["finetuned"]["epochs"] == 99
