"""Structured pruning: what goes is what a network does not use, and what stays can be trained, saved and restored."""

import shutil
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from torch import nn
from transformers import AutoModel, ModernBertConfig, ModernBertModel, PreTrainedModel, PreTrainedTokenizerFast

from newslean.errors import ModelError
from newslean.schema import Schema
from tests.train.test_graph import DISTILBERT, LONGEST, MPNET
from tests.train.test_restore import ROUNDED
from train.batches import Collator, in_batches, to_dataset
from train.export import export_onnx, to_int8
from train.network import HEADS, Network, load_base
from train.params import FinetuneParams
from train.prune import check_prunable, feed_forward_of, prune_units, unit_importance
from train.restore import give_weights
from train.warm import warm_up

USED = 40
"""Units of 64 in each layer that a network is made to use."""

Batches = list[dict[str, torch.Tensor]]


@pytest.fixture
def base(params: FinetuneParams) -> tuple[nn.Module, PreTrainedTokenizerFast]:
    return load_base(params.base)


@pytest.fixture
def batches(examples, schema: Schema, params: FinetuneParams, base) -> Batches:
    data = to_dataset(examples, schema, base[1].backend_tokenizer, params)
    return [batch for _, batch in in_batches(data, Collator(0, "right"))]


@pytest.fixture
def network(base, schema: Schema) -> Network:
    """Two layers, of whose units nothing but the last `USED` goes any further."""
    torch.manual_seed(0)
    made = Network(base[0], schema).eval()
    for _, back in feed_forward_of(made.encoder):
        back.weight.data[:, :-USED] = 0
    return made


def answers(network: Network, batches: Batches) -> torch.Tensor:
    with torch.inference_mode():
        return torch.cat([torch.cat(network(**batch)["logits"], dim=1) for batch in batches])


def test_units_that_are_not_used_go_and_nothing_changes(network: Network, batches: Batches):
    before, importance = answers(network, batches), unit_importance(network, batches)
    for values in importance:
        assert not values[:-USED].any()
        assert (values[-USED:] > 0).all()
    assert all(weight.grad is None for weight in network.parameters())
    prune_units(network.encoder, importance, USED)
    torch.testing.assert_close(answers(network, batches), before)
    found = feed_forward_of(network.encoder)
    assert [(wide.out_features, back.in_features) for wide, back in found] == [(USED, USED)] * 2


def test_importance_is_what_a_unit_adds_to_the_loss(network: Network, batches: Batches):
    """To the first order: one more hundredth of a unit at a token moves the loss by a hundredth of what is squared."""
    for back in (pair[1] for pair in feed_forward_of(network.encoder)):
        back.weight.data.normal_(std=0.05)
    network.double()  # or the difference of two losses is mostly rounding
    batch = {name: values[:1] for name, values in batches[0].items()}  # of one sentence
    width = int(batch["attention_mask"].sum())
    cut = {name: values[:, :width] for name, values in batch.items() if name != "labels"} | {"labels": batch["labels"]}
    loss, step, unit = network(**cut)["loss"].item(), 1e-2, 7
    importance = unit_importance(network, [cut])
    padded = unit_importance(network, [batch])
    torch.testing.assert_close(padded, importance, rtol=1e-3, atol=1e-14)  # padding counts for nothing
    changed = deepcopy(network)
    back = feed_forward_of(changed.encoder)[-1][1]
    moved = []

    def more(token: int):
        def hook(_: nn.Module, given: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
            values = given[0].clone()
            values[0, token, unit] *= 1 + step
            return (values,)

        return hook

    for token in range(width):
        handle = back.register_forward_pre_hook(more(token))
        moved.append((changed(**cut)["loss"].item() - loss) / step)
        handle.remove()
    assert sum(m**2 for m in moved) == pytest.approx(importance[-1][unit].item(), rel=0.1, abs=1e-9)


def test_each_sentence_counts_the_same(network: Network, batches: Batches):
    whole = {name: values[:4] for name, values in batches[0].items()}
    one, others = ({name: values[part] for name, values in whole.items()} for part in (slice(0, 1), slice(1, 4)))
    together, parts = unit_importance(network, [whole]), unit_importance(network, [one, others])
    for values, expected in zip(parts, together, strict=True):
        torch.testing.assert_close(values, expected, rtol=1e-3, atol=1e-14)  # they are as small as 1e-7


def test_a_pruned_encoder_is_saved_and_loaded(network: Network, batches: Batches, schema: Schema, tmp_path: Path):
    prune_units(network.encoder, unit_importance(network, batches), USED)
    network.save(tmp_path)
    other = Network(AutoModel.from_pretrained(tmp_path), schema).eval()
    other.take_heads(str(tmp_path))
    torch.testing.assert_close(answers(other, batches), answers(network, batches))


@pytest.mark.parametrize("graph", ["float", "int8"])
def test_a_pruned_network_is_restored_from_its_graph(
    network: Network, batches: Batches, base, params: FinetuneParams, schema: Schema, tmp_path: Path, graph: str
):
    for weight in network.parameters():  # biases are all 0 and norms all 1 where nothing was learnt
        nn.init.normal_(weight, std=0.2)
    prune_units(network.encoder, unit_importance(network, batches), USED + 8)
    export_onnx(network, tmp_path / "float.onnx")
    to_int8(tmp_path / "float.onnx", tmp_path / "int8.onnx", longest=LONGEST)
    whole = Network(load_base(params.base)[0], schema).eval()
    give_weights(whole, tmp_path / f"{graph}.onnx")
    assert whole.encoder.config.intermediate_size == USED + 8
    allowed = 1e-6 if graph == "float" else ROUNDED
    for name, weight in network.named_parameters():
        if "pooler" not in name:  # of which the graph has nothing
            assert (whole.get_parameter(name) - weight).abs().max() <= allowed * weight.abs().max(), name


def test_wider_than_it_is(network: Network, batches: Batches):
    before = deepcopy(network.state_dict())
    prune_units(network.encoder, unit_importance(network, batches), 64)
    prune_units(network.encoder, unit_importance(network, batches), 1_000)
    assert network.encoder.config.intermediate_size == 64
    torch.testing.assert_close(network.state_dict(), before)


@pytest.mark.parametrize("model", [DISTILBERT, MPNET], ids=["DistilBERT", "MPNet"])
def test_other_encoders(model: PreTrainedModel, tmp_path: Path):
    encoder = deepcopy(model)
    prune_units(encoder, [torch.rand(64), torch.rand(64)], 48)
    encoder.save_pretrained(tmp_path)
    found = AutoModel.from_pretrained(tmp_path)
    assert [back.in_features for _, back in feed_forward_of(found)] == [48, 48]


def test_a_gated_part_is_refused():
    class Gated(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.up, self.gate, self.down = nn.Linear(8, 16), nn.Linear(8, 16), nn.Linear(16, 8)

    with pytest.raises(
        ModelError, match="feed_forward: expected layers that widen once and narrow once; found 2 and 1"
    ):
        feed_forward_of(nn.Sequential(nn.ModuleList([Gated(), Gated()])))
    with pytest.raises(ModelError, match="found 0 and 0"):  # without layers
        feed_forward_of(nn.Sequential(nn.Embedding(8, 8)))


def test_a_configuration_without_a_width_is_refused(network: Network):
    importance = [torch.rand(64), torch.rand(64)]
    network.encoder.config = SimpleNamespace()
    before = deepcopy(network.state_dict())
    for refuse in (check_prunable, lambda encoder: prune_units(encoder, importance, USED)):
        with pytest.raises(ModelError, match="expected intermediate_size or hidden_dim or ffn_dim"):
            refuse(network.encoder)
    torch.testing.assert_close(network.state_dict(), before)


def test_what_is_learnt_first_tells_what_stays(
    examples, batches: Batches, schema: Schema, params: FinetuneParams, tmp_path: Path
):
    said: list[str] = []
    wanted = replace(params, epochs=1, warm_epochs=1, warm_networks=2)
    narrow = replace(wanted, feed_forward=USED)
    whole, _ = warm_up(wanted, None, schema, examples, seed=0, place=tmp_path, say=said.append)
    first = warm_up(narrow, None, schema, examples, seed=0, place=tmp_path, say=said.append)
    assert warm_up(narrow, None, schema, examples, seed=0, place=tmp_path, say=said.append) == first
    assert len(said) == 2  # the networks that learn are those of the whole encoder
    before, after = (Network(load_base(p.base)[0], schema) for p in (whole, first[0]))
    assert after.encoder.config.intermediate_size == USED < before.encoder.config.intermediate_size
    assert Path(first[0].base, HEADS).is_file()
    late = replace(narrow, late_context=True)
    other, _ = warm_up(late, None, schema, examples, seed=0, place=tmp_path, say=said.append)
    assert other.base != first[0].base  # what is read otherwise needs other units
    assert len(said) == 2
    before.take_heads(whole.base)
    pairs = zip(feed_forward_of(before.encoder), feed_forward_of(after.encoder), strict=True)
    for ((_, old), (_, new)), values in zip(pairs, unit_importance(before, batches), strict=True):
        place = {tuple(column): n for n, column in enumerate(old.weight.T.tolist())}
        kept = [place[tuple(column)] for column in new.weight.T.tolist()]
        gone = sorted({*place.values()} - {*kept})
        assert (len(kept), len(gone)) == (USED, 64 - USED)
        assert values[kept].min() > 0.99 * values[gone].max()  # summed in another order


def test_what_cannot_be_pruned_learns_nothing(examples, schema: Schema, params: FinetuneParams, tmp_path: Path):
    shutil.copytree(params.base, tmp_path / "base")
    (tmp_path / "base" / "model.safetensors").unlink()
    gated = ModernBertConfig(hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=2)
    ModernBertModel(gated).save_pretrained(tmp_path / "base")
    wanted, said = replace(params, base=str(tmp_path / "base"), warm_epochs=1, feed_forward=USED), list[str]()
    with pytest.raises(ModelError, match="feed_forward: expected layers that widen once and narrow once"):
        warm_up(wanted, None, schema, examples, seed=0, place=tmp_path / "place", say=said.append)
    assert not said
