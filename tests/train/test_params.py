from dataclasses import asdict, fields
from pathlib import Path

import pytest

from newslean.errors import DataError
from train.params import BaselineParams, FinetuneParams, params_path, read_params, write_params


@pytest.mark.parametrize("kind", [BaselineParams, FinetuneParams])
def test_what_is_written_is_read(tmp_path: Path, kind: type):
    changed = {"C": 0.25} if kind is BaselineParams else {"learning_rate": 3e-05, "base": 'a "b" \\ c', "epochs": 9}
    params = kind(**changed)
    path = tmp_path / "p.toml"
    write_params(params, path, note="Found by hand,\nin two lines.")
    assert read_params(kind, path) == params
    assert path.read_text().startswith("# Found by hand,\n# in two lines.\n")


@pytest.mark.parametrize("kind", [BaselineParams, FinetuneParams])
def test_the_projects_own_files_read_and_are_complete(kind: type):
    lines = params_path(kind).read_text(encoding="utf-8").splitlines()
    named = {line.partition("=")[0].strip() for line in lines if line and not line.startswith("#")}
    assert named == {field.name for field in fields(kind)}
    assert set(asdict(read_params(kind))) == named


def test_what_is_not_named_keeps_its_default(tmp_path: Path):
    (tmp_path / "p.toml").write_text("epochs = 2\ndropout = 0\n")
    assert read_params(FinetuneParams, tmp_path / "p.toml") == FinetuneParams(epochs=2, dropout=0)


def test_all_faults_at_once(tmp_path: Path):
    (tmp_path / "p.toml").write_text(
        'epoch = 2\nbatch_size = "8"\nfreeze_embeddings = 1\nepochs = true\ndropout = 0.5\n'
    )
    with pytest.raises(DataError) as caught:
        read_params(FinetuneParams, tmp_path / "p.toml")
    faults = str(caught.value).splitlines()
    assert len(faults) == 4
    assert "found 'epoch'" in faults[0]
    assert faults[1].endswith("batch_size: expected int; found '8'")


@pytest.mark.parametrize("content", [None, b"epochs =", b"epochs = 1\nepochs = 2", b"\xff"])
def test_a_file_that_cannot_be_read(tmp_path: Path, content: bytes | None):
    if content is not None:
        (tmp_path / "p.toml").write_bytes(content)
    with pytest.raises(DataError, match="expected hyperparameters as TOML"):
        read_params(FinetuneParams, tmp_path / "p.toml")


@pytest.mark.parametrize(
    "line",
    [
        'context = "after"',
        'context = "before:0"',
        "epochs = 0",
        "batch_size = 0",
        "max_length = 4",
        "patience = -1",
        "dropout = 1.5",
        "warmup = 2",
        "label_smoothing = -0.1",
        "sharpness_radius = inf",
        "learning_rate = nan",
        "late_context = true",
    ],
)
def test_a_value_that_would_only_fail_after_the_training(tmp_path: Path, line: str):
    (tmp_path / "p.toml").write_text(line)
    with pytest.raises(DataError, match=line.partition(" ")[0]):
        read_params(FinetuneParams, tmp_path / "p.toml")


@pytest.mark.parametrize("line", ['classifier = "oracle"', "C = 0", "min_df = 0", "word_ngrams = 0", "char_ngrams = 1"])
def test_a_baseline_that_cannot_be_fitted(tmp_path: Path, line: str):
    (tmp_path / "p.toml").write_text(line)
    with pytest.raises(DataError, match=line.partition(" ")[0]):
        read_params(BaselineParams, tmp_path / "p.toml")
