import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from newslean.errors import DataError, ModelError
from newslean.manifest import read_manifest
from newslean.tagger import Tagger
from train import folders
from train.history import append_history, read_history
from train.promotion import (
    BEGIN,
    END,
    current_name,
    finish_promotion,
    promote,
    promote_model,
    results_text,
    stored_report,
    update_readme,
)
from train.publish import publish

ROOT = Path(__file__).resolve().parent.parent.parent
SWAP = """
import itertools, sys
from pathlib import Path
from train.promotion import promote_model
for source in itertools.cycle(sys.argv[2:]):
    promote_model(Path(source), Path(sys.argv[1]))
    print(source, flush=True)
"""


@pytest.fixture
def two(model_folder: Path) -> list[Path]:
    """Two versions of a model."""
    other = model_folder.with_name("other")
    shutil.copytree(model_folder, other)
    data = json.loads((other / "manifest.json").read_text("utf-8"))
    (other / "manifest.json").write_text(json.dumps({**data, "version": "other"}), encoding="utf-8")
    return [model_folder, other]


def test_current_is_replaced(two: list[Path], tmp_path: Path):
    current = tmp_path / "models" / "current"
    current.parent.mkdir()
    for source in (*two, two[0]):
        promote_model(source, current)
        assert read_manifest(current) == read_manifest(source)
        assert Tagger.load(current).tag_text("Zinc slumped in Holm.").sentences
    assert os.listdir(current.parent) == ["current"]
    assert all(path.is_dir() for path in two)


def test_the_float_graph_stays_behind(trained: SimpleNamespace, tmp_path: Path):
    assert (trained.path / "model.float.onnx").is_file()
    promote_model(trained.path, tmp_path / "current")
    assert {p.name for p in (tmp_path / "current").iterdir()} == {
        "manifest.json",
        "model.onnx",
        "tokenizer.json",
        "out_of_fold.npz",
        "vocabulary.json",
        "weights.safetensors",
        "README.md",
        "evaluation",
    }


def test_a_damaged_model_does_not_take_the_place(two: list[Path], tmp_path: Path):
    current = tmp_path / "current"
    promote_model(two[0], current)
    (two[1] / "tokenizer.json").write_text("{}")
    with pytest.raises(ModelError, match="SHA-256"):
        promote_model(two[1], current)
    assert read_manifest(current) == read_manifest(two[0])
    promote_model(two[0], current)  # what the failure left is no hindrance


def test_without_the_systems_swap(two: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(folders, "exchange", lambda left, right: False)
    current = tmp_path / "models" / "current"
    current.parent.mkdir()
    for source in two:
        promote_model(source, current)
        assert read_manifest(current) == read_manifest(source)
    assert os.listdir(current.parent) == ["current"]


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux swaps two folders in one step")
def test_a_reader_always_finds_a_model(two: list[Path], tmp_path: Path):
    current = tmp_path / "current"
    promote_model(two[0], current)
    stop, faults, versions = threading.Event(), list[str](), set[str]()

    def read() -> None:
        while not stop.is_set():
            try:
                versions.add(read_manifest(current).version)
            except ModelError as error:
                faults.append(str(error))

    reader = threading.Thread(target=read)
    reader.start()
    for n in range(30):
        promote_model(two[n % 2], current)
    stop.set()
    reader.join()
    assert faults == []
    assert len(versions) == 2


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux swaps two folders in one step")
def test_a_kill_at_any_moment_leaves_a_model(two: list[Path], tmp_path: Path):
    current = tmp_path / "models" / "current"
    current.parent.mkdir()
    for delay in (0.0, 0.003, 0.007, 0.012):
        process = subprocess.Popen(
            [sys.executable, "-c", SWAP, str(current), *map(str, two)], cwd=ROOT, stdout=subprocess.PIPE
        )
        try:
            process.stdout.readline()
            time.sleep(delay)
        finally:
            process.send_signal(signal.SIGKILL)
            process.communicate()
        assert read_manifest(current).version in {read_manifest(path).version for path in two}
    promote_model(two[0], current)
    assert os.listdir(current.parent) == ["current"]


def test_the_readmes_table(trained: SimpleNamespace, tmp_path: Path):
    path = tmp_path / "README.md"
    path.write_text(f"# Name\n\n{BEGIN}\nold\n{END}\n\nRest.\n", encoding="utf-8")
    update_readme(path, trained.report)
    first = path.read_text("utf-8")
    assert first.startswith(f"# Name\n\n{BEGIN}\n")
    assert first.endswith(f"\n{END}\n\nRest.\n")
    assert "old" not in first
    assert "| " in first
    update_readme(path, trained.report)
    assert path.read_text("utf-8") == first
    update_readme(path, {})
    assert path.read_text("utf-8") == f"# Name\n\n{BEGIN}\n\n{END}\n\nRest.\n"


@pytest.mark.parametrize("text", [None, "# Name\n", f"{BEGIN}\n", f"{END}\n{BEGIN}\n"])
def test_a_readme_without_markers(tmp_path: Path, text: str | None):
    path = tmp_path / "README.md"
    if text is not None:
        path.write_text(text)
    with pytest.raises(DataError, match=r"README\.md: expected"):
        update_readme(path, {})
    assert text is None or path.read_text() == text


PROMOTE = """
import itertools, sys
from pathlib import Path
from train.promotion import promote
print(flush=True)
for name in itertools.cycle(sys.argv[2:]):
    promote(Path(sys.argv[1]), name, event="promotion", reason="again", readme=Path(sys.argv[1], "README.md"))
"""


@pytest.fixture
def models(two: list[Path], tmp_path: Path) -> Path:
    """A folder of two versions, and a README that follows the current one."""
    folder = tmp_path / "versions"
    for path in two:
        shutil.copytree(path, folder / read_manifest(path).version)
    (folder / "README.md").write_text(f"{BEGIN}\n{END}\n")
    return folder


def versions(two: list[Path]) -> list[str]:
    return [read_manifest(path).version for path in two]


def test_a_promotion_is_written_down(models: Path, two: list[Path]):
    first, second = versions(two)
    promote(models, first, event="promotion", reason="the first", readme=models / "README.md")
    shutil.rmtree(models / first)  # as in a clone, which holds the current model only
    promote(models, second, event="promotion", reason="better")
    assert current_name(models) == second
    assert read_manifest(models / first).version == first
    entries = read_history(models / "history.jsonl")
    assert [(e["version"], e["previous"], e["reason"]) for e in entries] == [
        (first, None, "the first"),
        (second, first, "better"),
    ]
    assert (models / "README.md").read_text() == f"{BEGIN}\n{results_text(stored_report(models / first))}\n{END}\n"
    assert not (models / ".promotion.json").exists()


@pytest.mark.parametrize("done", ["nothing", "model", "history"])
def test_a_promotion_that_was_cut_off_is_finished(models: Path, two: list[Path], done: str):
    first, second = versions(two)
    promote(models, first, event="promotion", reason="the first")
    entry = {"event": "promotion", "time": "t", "version": second, "previous": first, "reason": "better"}
    (models / ".promotion.json").write_text(json.dumps(entry))
    if done != "nothing":
        promote_model(models / second, models / "current")
    if done == "history":
        append_history(models / "history.jsonl", entry)
    assert finish_promotion(models, readme=models / "README.md") == second
    assert finish_promotion(models) == ""
    assert current_name(models) == second
    assert read_history(models / "history.jsonl")[1:] == [entry]
    assert len((models / "README.md").read_text()) > 200


def test_a_promotion_that_cannot_be(models: Path, two: list[Path]):
    first, second = versions(two)
    promote(models, first, event="promotion", reason="the first")
    (models / second / "tokenizer.json").write_text("{}")
    for name, expected in ((second, "SHA-256"), ("none", "expected a model folder")):
        with pytest.raises(ModelError, match=expected):
            promote(models, name, event="promotion", reason="better")
        assert current_name(models) == first
    (models / ".promotion.json").write_text(json.dumps({"event": "promotion", "version": second}))
    with pytest.raises(ModelError, match="SHA-256"):
        finish_promotion(models)
    assert finish_promotion(models) == ""  # given up, not tried for ever
    (models / ".promotion.json").write_text("{")
    with pytest.raises(DataError, match="expected a promotion to finish"):
        finish_promotion(models)
    assert len(read_history(models / "history.jsonl")) == 1


def test_only_the_model_that_was_compared_is_replaced(models: Path, two: list[Path]):
    first, second = versions(two)
    promote(models, first, event="promotion", reason="the first", compared="")
    for compared, shown in (("", "no model"), ("another", "another")):
        with pytest.raises(DataError, match=rf"expected {shown}, .*found {first}\. .* promote {second} --reason"):
            promote(models, second, event="promotion", reason="better", compared=compared)
        assert current_name(models) == first
        assert (models / second).is_dir()
    promote(models, second, event="promotion", reason="better", compared=first)
    promote(models, second, event="promotion", reason="the same training twice", compared=first)
    assert [e["version"] for e in read_history(models / "history.jsonl")] == [first, second, second]
    assert not (models / ".promotion.json").exists()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux swaps two folders in one step")
def test_kills_leave_model_history_and_readme_of_one_state(models: Path, two: list[Path]):
    promote(models, versions(two)[0], event="promotion", reason="the first")
    longest = 0
    for delay in (0.0, 0.012, 0.031, 0.067, 0.11, 0.19):
        command = [sys.executable, "-c", PROMOTE, str(models), *reversed(versions(two))]
        process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE)
        try:
            process.stdout.readline()
            time.sleep(delay)
        finally:
            process.send_signal(signal.SIGKILL)
            process.communicate()
        assert read_manifest(models / "current").version in versions(two)
        finish_promotion(models, readme=models / "README.md")
        entries = read_history(models / "history.jsonl")
        assert entries[-1]["version"] == current_name(models)
        assert [e["previous"] for e in entries[1:]] == [e["version"] for e in entries[:-1]]
        longest = max(longest, len(entries))
    assert longest > 2
    assert {path.name for path in models.iterdir() if path.name.startswith(".")} <= {".lock", ".current.new"}


def test_publishing_replaces_a_folder_whole(model_folder: Path, tmp_path: Path):
    path = tmp_path / "models" / "version"
    for _ in range(2):
        assert publish(model_folder, path, reports=[model_folder / "evaluation" / "seeds"]) == path
        assert read_manifest(path) == read_manifest(model_folder)
    assert os.listdir(path.parent) == ["version"]
    assert (path / "evaluation" / "seeds" / "report.json").is_file()
