"""Networks in float that are put together again from the graph that a model folder holds."""

import shutil
from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import onnx
import pytest
import torch
from onnx import numpy_helper
from safetensors.torch import load_file
from tokenizers import Tokenizer

from newslean.errors import ModelError
from newslean.finetuned import FLOAT_GRAPH, GRAPH
from newslean.manifest import read_manifest
from newslean.schema import Schema
from tests.train.test_graph import DISTILBERT, LONGEST, MPNET
from train.export import export_onnx, to_int8
from train.network import HEADS, Network
from train.restore import give_weights, restore_network, weights_of

ROUNDED = 1 / 63
"""Of the largest weight of a column or table: int8 of seven bits keeps no smaller difference."""


@pytest.fixture
def restore(trained: SimpleNamespace, model_folder: Path, tmp_path: Path) -> Callable[[], dict[str, torch.Tensor]]:
    """Put the network of a model folder together, and give its weights."""

    def restored() -> dict[str, torch.Tensor]:
        run, target = trained.run, tmp_path / "work" / "network"
        restore_network(model_folder, read_manifest(model_folder), run.finetuned, run.examples, target)
        assert (target / "tokenizer.json").is_file()
        return {**load_file(target / "model.safetensors"), **load_file(target / HEADS)}

    return restored


@pytest.fixture
def kept(trained: SimpleNamespace) -> dict[str, torch.Tensor]:
    folder = trained.run.network
    return {**load_file(folder / "model.safetensors"), **load_file(folder / HEADS)}


def test_a_tokenizer_that_pads_and_cuts_by_itself(trained: SimpleNamespace, model_folder: Path, tmp_path: Path):
    """As many bases have it: the network is compared on what it reads in training."""
    run, base = trained.run, tmp_path / "base"
    shutil.copytree(run.finetuned.base, base)
    path = base / "tokenizer.json"
    tokenizer = Tokenizer.from_file(str(path))
    tokenizer.enable_padding(length=32)
    tokenizer.enable_truncation(6)
    tokenizer.save(str(path))
    params = replace(run.finetuned, base=str(base))
    said = restore_network(model_folder, read_manifest(model_folder), params, run.examples, tmp_path / "network")
    assert said.equal > 0.98  # one label in a hundred may lie so near its threshold that int8 moves it


def used(weights: dict[str, torch.Tensor]) -> list[str]:
    return [name for name in weights if "pooler" not in name]  # of which the graph has nothing


def test_the_float_graph_gives_the_network_itself(restore, kept):
    found = restore()
    assert found.keys() == kept.keys()
    for name in used(kept):
        torch.testing.assert_close(found[name], kept[name], msg=name)


def test_the_int8_graph_gives_all_but_what_it_rounded_off(restore, kept, model_folder: Path):
    (model_folder / FLOAT_GRAPH).unlink()
    found = restore()
    assert found.keys() == kept.keys()
    apart = {name: (found[name] - kept[name]).abs().max() / kept[name].abs().max() for name in used(kept)}
    assert max(apart.values()) < ROUNDED
    assert all(apart[name] == 0 for name in apart if "bias" in name or "LayerNorm" in name)
    assert any(apart.values())  # or it was not the int8 graph


@pytest.mark.parametrize("encoder", [DISTILBERT, MPNET], ids=["distilbert", "mpnet"])
def test_other_encoders(encoder: torch.nn.Module, schema: Schema, tmp_path: Path):
    network = Network(deepcopy(encoder), schema)
    for weight in network.parameters():  # biases are all 0 and norms all 1 where nothing was learnt
        torch.nn.init.normal_(weight, std=0.2)
    export_onnx(network, tmp_path / "float.onnx")
    to_int8(tmp_path / "float.onnx", tmp_path / "int8.onnx", longest=LONGEST)
    found = Network(type(encoder)(encoder.config), schema)
    give_weights(found, tmp_path / "int8.onnx")
    for name in used(dict(network.named_parameters())):
        expected, weight = (made.get_parameter(name).detach() for made in (network, found))
        assert (weight - expected).abs().max() <= ROUNDED * expected.abs().max(), name


def change(graph: Path, how: Callable[[onnx.GraphProto], None]) -> None:
    model = onnx.load(str(graph))
    how(model.graph)
    onnx.save(model, str(graph))


def test_what_does_not_answer_as_its_graph_does_is_refused(restore, model_folder: Path, monkeypatch, tmp_path: Path):
    (model_folder / FLOAT_GRAPH).unlink()
    real = weights_of

    def mixed_up(path: Path, linear: list[str]) -> dict[str, np.ndarray]:
        found = real(path, linear)
        return {name: -values if name.startswith("heads") else values for name, values in found.items()}

    monkeypatch.setattr("train.restore.weights_of", mixed_up)
    with pytest.raises(ModelError, match=r"expected a network that answers as its graph does; found .* Train from scr"):
        restore()
    assert not (tmp_path / "work").exists()


def test_a_graph_that_is_not_recognised_is_refused(trained: SimpleNamespace, model_folder: Path, tmp_path: Path):
    run, manifest, folder = trained.run, read_manifest(model_folder), tmp_path / "other"
    shutil.copytree(model_folder, folder)
    plain = replace(manifest, optional_files={})

    def nameless(graph: onnx.GraphProto) -> None:
        for tensor in graph.initializer:
            if tensor.name.endswith("intermediate.dense.bias"):
                for node in graph.node:
                    node.input[:] = [f"{name}_" if name == tensor.name else name for name in node.input]
                tensor.name += "_"

    change(folder / GRAPH, nameless)
    with pytest.raises(ModelError, match=r"expected all weights of its encoder; found none for encoder\..*dense\.bias"):
        restore_network(folder, plain, run.finetuned, run.examples, tmp_path / "network")

    def foreign(graph: onnx.GraphProto) -> None:
        graph.initializer.append(numpy_helper.from_array(np.zeros(3, np.float32), "network.encoder.other.bias"))

    shutil.copyfile(model_folder / GRAPH, folder / GRAPH)
    change(folder / GRAPH, foreign)
    with pytest.raises(ModelError, match=r"expected weights of its encoder; found encoder\.other\.bias, which it l"):
        restore_network(folder, plain, run.finetuned, run.examples, tmp_path / "network")
    assert not (tmp_path / "network").exists()
