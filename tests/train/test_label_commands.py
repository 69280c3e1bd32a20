"""``python -m train labels ...`` and ``evaluate`` with another label set: what is printed, and exit codes."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from newslean.schema import read_schema
from train.adjudicate import Adjudication
from train.journal import replace_all
from train.options import label_paths, params_folder
from train.params import PARAMS

ROOT = Path(__file__).resolve().parent.parent.parent

Cli = Callable[..., tuple[int, str, str]]


@pytest.fixture
def folder(label_rows: list[dict[str, Any]], label_folder: Path, tmp_path: Path) -> Path:
    place = tmp_path / "labels"
    (place / "sentences").mkdir(parents=True)
    (place / "schema.toml").write_bytes((label_folder / "schema.toml").read_bytes())
    rows = json.loads(json.dumps(label_rows))
    for n, row in enumerate(rows):
        other = row["labels"] | ({"mood": "mixed"} if n == 30 else {})
        row["coders"] = {"a": row["labels"], "b": other}
    write(place, rows)
    return place


def write(folder: Path, rows: list[dict[str, Any]]) -> None:
    (folder / "sentences" / "a.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def read(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "sentences" / "a.jsonl").read_text("utf-8").splitlines()]


def test_agree(cli: Cli, folder: Path) -> None:
    code, out, err = cli("labels", "agree", "--labels", folder, "--disputed", "3")
    assert (code, err) == (0, "")
    assert "disputed sentences: 1 open, 0 settled" in out
    assert "a.jsonl:31" in out
    code, out, _ = cli("labels", "agree", "--labels", folder, "--json", "--coder", "a", "--coder", "b")
    assert code == 0
    assert json.loads(out)["sources"]["user"]["coders"] == ["a", "b"]
    code, out, err = cli("labels", "agree", "--labels", folder, "--coder", "nobody")
    assert (code, out) == (2, "")
    assert "expected a coder of these rows (a, b)" in err


def test_check_options(cli: Cli, folder: Path) -> None:
    code, out, _ = cli("labels", "check", "--labels", folder, "--support", "20", "--no-near")
    assert code == 0
    assert "Labels with fewer than 20 rows to train on" in out
    assert "Near-duplicates" not in out
    code, out, _ = cli("labels", "check", "--labels", folder, "--json")
    found = json.loads(out)
    assert found["near"]["threshold"] == 0.8
    assert found["sources"]["user"]["open"] == 1


def test_migrate(cli: Cli, folder: Path) -> None:
    before = read(folder)
    options = ["--labels", folder, "--rename", "mood:mixed=both"]
    code, out, _ = cli("labels", "migrate", *options, "--dry-run")
    assert code == 0
    assert "rows would change" in out
    assert read(folder) == before
    code, out, _ = cli("labels", "migrate", *options)
    assert code == 0
    assert "a.jsonl: 10 of 54 rows changed" in out
    assert sum(row["labels"].get("mood") == "both" for row in read(folder)) == 9
    code, _, err = cli("labels", "migrate", *options)
    assert code == 2
    assert "found 'mixed'. Was this change made before?" in err
    code, _, err = cli("labels", "migrate", "--labels", folder)
    assert code == 2
    assert "expected --rename, --merge or --drop" in err


SECOND = """
import sys
from train import folders, journal, __main__ as program

def lock(*given, **how):
    print("asks", flush=True)
    return take(*given, **how)

take, folders.lock = folders.lock, lock
sys.argv = ["train", "labels", *sys.argv[1:]]
program.run()
"""


@pytest.fixture
def meanwhile(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Start a labels command in a process of its own while this one writes; gives what lets it end."""
    sync, begun = os.fsync, list[subprocess.Popen[str]]()

    def start(*arguments: object) -> Callable[[], None]:
        def fsync(handle: int) -> None:
            if not begun:
                command = [sys.executable, "-c", SECOND, *map(str, arguments)]
                begun.append(
                    subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
                )
                begun[0].stdout.readline()  # it asks for the lock, or has ended without
            sync(handle)

        def end() -> None:
            said, _ = begun[0].communicate()
            assert begun[0].returncode == 0, said

        monkeypatch.setattr(os, "fsync", fsync)
        return end

    return start


@pytest.mark.skipif(sys.platform == "win32", reason="no locks there")
def test_two_migrations_come_one_after_the_other(cli: Cli, folder: Path, meanwhile: Any) -> None:
    """The second starts while the first writes, and must not find a folder that is half old and half new."""
    end = meanwhile("migrate", "--labels", folder, "--rename", "mood:fall=drop")
    code, _, err = cli("labels", "migrate", "--labels", folder, "--rename", "mood:rise=ascent")
    assert (code, err) == (0, "")
    end()
    found = {row["labels"].get("mood") for row in read(folder)}
    assert found == {"ascent", "drop", "mixed", "flat", None}
    assert sorted(path.name for path in folder.iterdir()) == [".lock", "schema.toml", "sentences"]


@pytest.mark.skipif(sys.platform == "win32", reason="no locks there")
@pytest.mark.parametrize("first", ["import", "adjudicate", "migrate"])
def test_no_row_that_is_imported_meanwhile_is_lost(
    cli: Cli, folder: Path, meanwhile: Any, tmp_path: Path, first: str
) -> None:
    file, rows = folder / "sentences" / "a.jsonl", len(read(folder))
    for name in ("one", "two"):
        (tmp_path / f"{name}.csv").write_text(f"text,mood\nThe {name}.,flat\n")
    work = Adjudication(file, read_schema(folder / "schema.toml"))
    end = meanwhile("import", tmp_path / "two.csv", "--out", file, "--append")
    if first == "adjudicate":
        work.settle(work.cases[0], {"mood": "mixed"}, "So it says.")
    elif first == "import":
        assert cli("labels", "import", tmp_path / "one.csv", "--out", file, "--append")[0] == 0
    else:
        assert cli("labels", "migrate", "--labels", folder, "--rename", "mood:rise=ascent")[0] == 0
    end()
    found = read(folder)
    assert len(found) == rows + 1 + (first == "import")
    assert {"The two."} <= {row["text"] for row in found}
    assert any("adjudicated" in row.get("coders", {}) for row in found) == (first == "adjudicate")
    assert ("ascent" in (folder / "schema.toml").read_text()) == (first == "migrate")


def test_a_folder_that_is_not_there_is_not_made(cli: Cli, tmp_path: Path) -> None:
    code, _, err = cli("labels", "migrate", "--labels", tmp_path / "none", "--rename", "mood:rise=ascent")
    assert (code, (tmp_path / "none").exists()) == (2, False)
    assert "schema.toml: expected a schema file" in err


def test_what_was_cut_short_is_refused_until_it_is_finished(
    cli: Cli, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("train.journal.finish", lambda folder: None)
        cli("labels", "migrate", "--labels", folder, "--drop", "topic")
    file = folder / "sentences" / "a.jsonl"
    for command in (["check"], ["agree"]):
        code, out, err = cli("labels", *command, "--labels", folder)
        assert (code, out) == (2, "")
        assert f"cut short (--drop topic). Finish it with: python -m train labels migrate --labels {folder}" in err
    assert cli("labels", "adjudicate", file)[0] == 2
    before = file.read_bytes()
    (folder.parent / "in.csv").write_text("text,mood\nNew.,flat\n")
    for target in (file, folder / "sentences" / "new.jsonl"):
        code, out, err = cli("labels", "import", folder.parent / "in.csv", "--out", target, "--append")
        assert (code, out, "cut short (--drop topic)" in err) == (2, "", True)
    assert file.read_bytes() == before
    assert cli("--labels", folder)[0] == 2
    code, _, err = cli("labels", "migrate", "--labels", folder, "--dry-run")
    assert (code, "Finish it first" in err) == (2, True)
    code, out, _ = cli("labels", "migrate", "--labels", folder, "--drop", "topic")
    assert (code, "finished what was cut short: --drop topic" in out) == (0, True)
    assert all("topic" not in row["labels"] for row in read(folder))
    assert cli("labels", "check", "--labels", folder)[0] == 0


def test_other_changes_follow_what_was_cut_short(cli: Cli, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("train.journal.finish", lambda folder: None)
        replace_all(folder, {"schema.toml": [(folder / "schema.toml").read_bytes()]}, before={}, note="--drop x")
    code, out, _ = cli("labels", "migrate", "--labels", folder, "--rename", "mood:mixed=both")
    assert code == 0
    assert "finished what was cut short: --drop x" in out
    assert "both" in (folder / "schema.toml").read_text()


def test_an_old_model_scores_the_dimensions_that_it_knows(cli: Cli, folder: Path, trained: SimpleNamespace) -> None:
    schema = folder / "schema.toml"
    frame = '\n[[dimensions]]\nname = "frame"\nkind = "single"\nlabels = ["race", "other"]\nneutral = "other"\n'
    schema.write_text(schema.read_text() + frame)
    rows = [row | {"labels": row["labels"] | {"frame": "race"}} for row in read(folder)]
    write(folder, rows)
    on = folder / "sentences" / "a.jsonl"
    code, out, err = cli("evaluate", "--on", on, "--model", trained.baseline, "--model", trained.path)
    assert code == 0
    assert "frame: left out;" in err
    assert "does not know it" in err
    assert "## mood" in out
    assert "## frame" not in out
    moved = folder.parent / "moved.jsonl"
    on.rename(moved)
    code, _, err = cli("evaluate", "--on", moved, "--model", trained.baseline)
    assert code == 2
    assert "name the files' own with --schema" in err
    assert cli("evaluate", "--on", moved, "--model", trained.baseline, "--schema", schema)[0] == 0


def test_an_old_model_never_predicts_a_label_that_it_does_not_know(
    cli: Cli, folder: Path, trained: SimpleNamespace, tmp_path: Path
) -> None:
    cli("labels", "migrate", "--labels", folder, "--rename", "mood:mixed=both")
    on = folder / "sentences" / "a.jsonl"
    code, _, err = cli("evaluate", "--on", on, "--model", trained.baseline, "--out", tmp_path / "out")
    assert code == 0
    assert "does not know both: counted as never predicted" in err
    assert "knows mixed" in err
    mood = json.loads((tmp_path / "out" / "report.json").read_text())["dimensions"]["mood"]
    [model] = mood["models"].values()
    assert mood["labels"] == ["rise", "fall", "both", "flat", "mixed"]
    assert (model["labels"]["both"]["predicted"], model["labels"]["both"]["recall"]) == (0, 0)


def test_the_label_set_beside_a_label_file(cli: Cli, tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    (mine / "sentences").mkdir(parents=True)
    (mine / "schema.toml").write_text(
        '[[dimensions]]\nname = "section"\nkind = "single"\nlabels = ["world", "sport"]\n'
    )
    rows = [{"doc": "d", "n": n, "text": f"Text {n}.", "labels": {"section": "world"}} for n in range(3)]
    write(mine, rows)
    file = mine / "sentences" / "a.jsonl"
    for command in (("check", "--no-near"), ("export", "--to", "csv", "--out", tmp_path / "t.csv")):
        code, _, err = cli("labels", *command, "--labels", file)
        assert (code, err) == (0, "")
    assert label_paths([file], None) == ([file], mine / "schema.toml")
    assert label_paths([file], tmp_path / "s.toml")[1] == tmp_path / "s.toml"
    assert params_folder([file], None) == mine / "params"


def test_the_projects_own_label_set_is_found_as_ever(folder: Path) -> None:
    own = ROOT / "labels" / "schema.toml"
    shipped = ROOT / "labels" / "sentences" / "seed.jsonl"
    for labels in ((), [ROOT / "labels"], [shipped], [folder.parent / "none.jsonl"]):
        assert label_paths(labels, None)[1] == own
        assert params_folder(labels, None) == PARAMS
    assert label_paths([shipped, folder], None)[1] == folder / "schema.toml"  # a folder that is named comes first


def test_the_check_for_errors_takes_the_parameters_of_the_label_set(cli: Cli, folder: Path) -> None:
    (folder / "params").mkdir()
    (folder / "params" / "baseline.toml").write_text("least_count = 3\n")
    command = ("labels", "check", "--labels", folder, "--no-near")
    code, _, err = cli(*command, "--errors", "1")
    assert (code, f"{folder / 'params' / 'baseline.toml'}: expected one of classifier" in err) == (2, True)
    assert cli(*command)[0] == 0  # which needs none
