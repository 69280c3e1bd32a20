import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from newslean.calibration import Calibration
from newslean.errors import ModelError
from newslean.files import sha256
from newslean.manifest import Manifest, read_manifest, write_manifest
from newslean.schema import Schema

NAMES = ("model.onnx", "tokenizer.json")


@pytest.fixture
def folder(tmp_path: Path, schema: Schema) -> Path:
    """A model folder whose files are no model: the manifest knows only their hashes."""
    for name in (*NAMES, "model.float.onnx"):
        (tmp_path / name).write_text(name)
    calibration = Calibration({"topic": 1.5, "mood": 0.5}, {"topic": {"metals": 0.4, "weather": 0.6}}, {"mood": 0.2})
    manifest = Manifest(
        kind="finetuned",
        name="tiny",
        version="1",
        schema=schema,
        calibration=calibration,
        splitter="s-1",
        max_length=32,
        context="before",
        base={"name": "b"},
        data={"a.jsonl": "00"},
        seed=7,
        metrics={"parity": 1.0},
        files=dict.fromkeys(NAMES, ""),
        optional_files={"model.float.onnx": ""},
    )
    write_manifest(tmp_path, manifest)
    return tmp_path


def edit(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    path = folder / "manifest.json"
    data = json.loads(path.read_text())
    change(data)
    path.write_text(json.dumps(data))


def refuse(folder: Path, expected: str) -> None:
    with pytest.raises(ModelError, match=expected) as caught:
        read_manifest(folder)
    assert str(folder) in str(caught.value)


def test_what_is_written_is_read(folder: Path, schema: Schema):
    found = read_manifest(folder)
    assert found.schema == schema
    assert found.files == {name: sha256(folder / name) for name in NAMES}
    assert found.calibration.thresholds == {"topic": {"metals": 0.4, "weather": 0.6}}
    assert (found.context, found.max_length, found.seed, found.metrics) == ("before", 32, 7, {"parity": 1.0})
    before = (folder / "manifest.json").read_bytes()
    write_manifest(folder, replace(found))
    assert (folder / "manifest.json").read_bytes() == before


def test_older_readers_are_kept_from_a_beta_that_they_would_not_use(folder: Path):
    found = read_manifest(folder)
    limits = dict.fromkeys(("rise", "fall", "mixed"), 0.3)
    for more in (
        {"beta": {"mood": (0.5, 2.0, -1.5)}},
        {"thresholds": {**found.calibration.thresholds, "mood": limits}},
    ):
        write_manifest(folder, replace(found, calibration=replace(found.calibration, **more)))
        assert json.loads((folder / "manifest.json").read_bytes())["format"] == 4
        assert read_manifest(folder).calibration == replace(found.calibration, **more)


def test_an_older_folder_knows_no_beta(folder: Path):
    """Its own writer ignored what stood there: it goes on giving the labels that it gave."""
    limits = {"topic": {"metals": 0.4, "weather": 0.6}, "mood": {"rise": 0.1}}
    edit(folder, lambda data: data.update(beta={"mood": [1, 1, 9]}, thresholds=limits))
    found = read_manifest(folder).calibration
    assert (found.beta, [*found.thresholds], found.min_confidence) == ({}, ["topic"], {"mood": 0.2})


def test_older_readers_are_kept_from_a_unit_that_they_would_split(folder: Path, schema: Schema):
    """They know no unit, and would ask a model of whole texts about sentences."""

    def number() -> int:
        return int(json.loads((folder / "manifest.json").read_bytes())["format"])

    assert number() == 2
    found = read_manifest(folder)
    write_manifest(folder, replace(found, schema=replace(schema, unit="text")))
    assert (number(), read_manifest(folder).schema.unit) == (3, "text")
    edit(folder, lambda data: data["schema"].update(unit="tweet"))
    refuse(folder, "manifest.json, schema: unit: expected one of sentence, paragraph, text; found 'tweet'")


def test_older_readers_are_kept_from_a_graph_that_they_cannot_feed(folder: Path):
    assert "late_context" not in json.loads((folder / "manifest.json").read_bytes())
    write_manifest(folder, replace(read_manifest(folder), late_context=True))
    assert json.loads((folder / "manifest.json").read_bytes())["format"] == 6
    assert read_manifest(folder).late_context
    edit(folder, lambda data: data.update(late_context="false"))
    refuse(folder, "expected late_context to be one of true, false; found 'false'")


@pytest.mark.parametrize("name", NAMES)
def test_a_changed_byte(folder: Path, name: str):
    data = bytearray((folder / name).read_bytes())
    data[-1] ^= 1
    (folder / name).write_bytes(data)
    refuse(folder, f"{name}: expected SHA-256")


def test_a_missing_file(folder: Path):
    (folder / "tokenizer.json").unlink()
    refuse(folder, "tokenizer.json: expected a file of the model")


def test_an_optional_file_may_be_absent_but_not_changed(folder: Path):
    (folder / "model.float.onnx").write_text("other")
    refuse(folder, "model.float.onnx: expected SHA-256")
    (folder / "model.float.onnx").unlink()
    assert read_manifest(folder).optional_files


def test_no_folder_and_no_manifest(tmp_path: Path):
    refuse(tmp_path / "nowhere", "expected a model folder")
    refuse(tmp_path, "expected a model folder")


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "expected JSON"),
        (b'{"format": 1', "expected JSON"),
        (b"\xff\xfe", "expected JSON"),
        (b"[" * 100_000, "expected JSON"),
        (b"[]", "format number"),
        (b'{"kind": "finetuned"}', "format number"),
        (b'{"format": "1"}', "format number"),
        (b'{"format": 7}', "Update newslean"),
        (b'{"format": 1}', "expected the key"),
    ],
)
def test_a_manifest_that_is_none(folder: Path, content: bytes, expected: str):
    (folder / "manifest.json").write_bytes(content)
    refuse(folder, expected)


@pytest.mark.parametrize(
    "key",
    ["kind", "name", "version", "schema", "max_length", "context", "temperature", "thresholds", "splitter", "files"],
)
def test_a_missing_key(folder: Path, key: str):
    edit(folder, lambda data: data.pop(key))
    refuse(folder, f"expected the key '{key}'")


def test_keys_of_a_later_writer_are_ignored(folder: Path):
    edit(folder, lambda data: data.update(colour="blue"))
    assert read_manifest(folder).name == "tiny"


@pytest.mark.parametrize(
    "change",
    [
        {"temperature": {"topic": 0, "mood": 1}},
        {"temperature": {"topic": -1, "mood": 1}},
        {"temperature": {"topic": float("nan"), "mood": 1}},
        {"temperature": {"topic": float("inf"), "mood": 1}},
        {"temperature": {"topic": "hot", "mood": 1}},
        {"temperature": {"topic": 1}},
        {"temperature": [1, 1]},
        {"thresholds": {"topic": {"metals": 0.5}}},
        {"thresholds": {"topic": {"metals": 0.5, "weather": float("nan")}}},
        {"thresholds": {"topic": {"metals": 0.5, "weather": 1.5}}},
        {"thresholds": None},
        {"min_confidence": {"mood": -1}},
        {"min_confidence": "high"},
        {"format": 4, "beta": {"mood": [1, 1, float("nan")]}},
        {"format": 4, "beta": {"mood": [1, float("inf"), 1]}},
        {"format": 4, "beta": {"mood": [-1, 1, 1]}},
        {"format": 4, "beta": {"mood": [1, 1]}},
        {"format": 4, "beta": {"mood": 1}},
        {"format": 4, "beta": {"topic": [1, 1, 1]}},
        {"format": 4, "beta": {"nowhere": [1, 1, 1]}},
        {"format": 4, "beta": [1, 1, 1]},
        {"format": 4, "thresholds": {"topic": {"metals": 0.5, "weather": 0.5}, "mood": {"rise": 0.5, "fall": 0.5}}},
        {"format": 4, "thresholds": {"topic": {"metals": 0.5, "weather": 0.5}, "mood": [0.5]}},
        {"max_length": 4},
        {"max_length": "long"},
        {"max_length": float("inf")},
        {"kind": "oracle"},
        {"context": "after"},
        {"context": "before:0"},
        {"context": "before:-1"},
        {"context": "before:many"},
        {"context": "title:3"},
        {"context": "before:20 "},
        {"schema": {"dimensions": []}},
        {"schema": []},
        {"files": []},
        {"files": ["model.onnx"]},
        {"files": {"model.onnx": 5, "tokenizer.json": 5}},
        {"optional_files": ["model.float.onnx"]},
        {"seed": "seven"},
    ],
)
def test_a_value_that_cannot_be(folder: Path, change: dict[str, Any]):
    edit(folder, lambda data: data.update(change))
    refuse(folder, "expected|not of its kind")


@pytest.mark.parametrize("name", ["../secret", "/etc/hostname", "sub/model.onnx", "..", ".", "", "a\0b"])
@pytest.mark.parametrize("key", ["files", "optional_files"])
def test_a_file_name_that_leaves_the_folder(folder: Path, name: str, key: str):
    (folder.parent / "secret").write_text("secret")
    (folder / "sub").mkdir()
    (folder / "sub" / "model.onnx").write_text("x")
    edit(folder, lambda data: data[key].update({name: "0" * 64}))
    refuse(folder, "plain file names")


def test_a_manifest_that_leaves_a_file_unchecked(folder: Path):
    edit(folder, lambda data: data["files"].pop("model.onnx"))
    refuse(folder, "model.onnx")


def test_a_mix_needs_a_baseline_whose_hash_is_known(folder: Path):
    edit(folder, lambda data: data.update(mix={"topic": 0.5}))
    refuse(folder, "weights.safetensors, vocabulary.json")


@pytest.mark.parametrize("mix", [{"topic": 1.5}, {"topic": -0.1}, {"tone": 0.5}, {"topic": float("nan")}])
def test_a_mix_that_is_none(folder: Path, mix: dict[str, float]):
    edit(folder, lambda data: data.update(mix=mix))
    refuse(folder, "expected mix to give dimensions a share")


@pytest.mark.parametrize("mix", [5, [1], {"topic": "much"}])
def test_a_mix_of_another_kind(folder: Path, mix: object):
    edit(folder, lambda data: data.update(mix=mix))
    refuse(folder, "not of its kind")


def test_the_pipelines_own_manifests(trained: SimpleNamespace):
    for folder, kind in ((trained.path, "finetuned"), (trained.baseline, "baseline")):
        manifest = read_manifest(folder)
        assert manifest.kind == kind
        files = {path.name for path in folder.iterdir() if path.is_file()} - {"manifest.json"}
        assert files == set(manifest.files) | set(manifest.optional_files)
