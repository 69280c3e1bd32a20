"""Networks in which a sentence sees its context in the last layer alone, and their graphs."""

import shutil
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from benchmarks.throughput_limit import tokens_of, weights_of
from newslean import Tagger
from newslean.encoding import encode, load_tokenizer, sentence_mask
from newslean.errors import ModelError
from newslean.finetuned import BEFORE, FLOAT_GRAPH, GRAPH, STATES, Finetuned, open_session
from newslean.manifest import read_manifest, write_manifest
from newslean.schema import schema_from_dict
from tests.train.test_graph import DISTILBERT
from train.batches import Collator, to_dataset
from train.export import export_onnx, to_int8
from train.finetune import load_for
from train.known import find_known
from train.late import check_late, read_alone, read_last, read_late
from train.network import HEADS, Network, load_base
from train.pipeline import train
from train.promotion import promote
from train.restore import restore_network
from train.retrain import Order, retrain
from train.warm import warm_up

TEXTS = (
    "Copper climbed in Arlen.",
    "It slumped on the same day.",
    "Rain fell on the harbour for most of the week, and the smelter closed.",
    "The mayor opened a library.",
)
"""Of one article."""


@pytest.fixture(scope="module")
def late(make_run, params, label_rows, label_folder: Path, schema, tmp_path_factory) -> SimpleNamespace:
    """A model of the real pipeline whose context comes late."""
    from train.labels import read_examples

    files = read_examples([label_folder], schema)
    behind = [replace(e, before=TEXTS[n % 4]) if n % 3 else e for n, e in enumerate(files.examples)]
    wanted = replace(params, late_context=True, context="before", context_dropout=0.3, epochs=3)
    run = make_run(tmp_path_factory.mktemp("late"), files=replace(files, examples=behind), finetuned=wanted)
    path, _ = train(run)
    return SimpleNamespace(path=path, run=run)


def _network(params, schema, *, seed: int = 0) -> Network:
    network = Network(load_base(params.base)[0], schema, late=True).eval()
    torch.manual_seed(seed)
    for weight in network.role.parameters():
        torch.nn.init.normal_(weight)
    return network


def _inputs(tokenizer, text: str, context: str) -> dict[str, torch.Tensor]:
    own = encode(tokenizer, text, "", max_length=32)
    before = encode(tokenizer, context, "", max_length=32).ids if context else []
    columns = {
        "input_ids": [*before, *own.ids],
        "attention_mask": [1] * (len(before) + len(own.ids)),
        "token_type_ids": [0] * len(before) + [1] * len(own.ids),
        "sentence_mask": [0] * len(before) + sentence_mask(own),
    }
    return {name: torch.tensor([values]) for name, values in columns.items()}


@pytest.mark.parametrize("side", ["left", "right"])
@torch.inference_mode()
def test_a_padded_batch_answers_as_one_text_read_alone_does(params, schema, examples, side: str):
    network, tokenizer = _network(params, schema), load_for(params)[1].backend_tokenizer
    wanted = replace(params, late_context=True, context="before")
    contexts = [None, TEXTS[2], TEXTS[0], None]
    rows = [replace(e, text=text, before=c) for e, text, c in zip(examples, TEXTS, contexts, strict=False)]
    batch = Collator(0, side)([*to_dataset(rows, schema, tokenizer, wanted)])
    batch.pop("labels")
    together = network(**batch)["logits"]
    for n, (text, context) in enumerate(zip(TEXTS, contexts, strict=True)):
        own, before = (torch.tensor([encode(tokenizer, t, "", max_length=32).ids]) for t in (text, context or ""))
        size = network.encoder.config.hidden_size
        states = read_alone(network.encoder, before) if context else torch.zeros(1, 0, size)
        behind = read_last(network.encoder, network.role, read_alone(network.encoder, own), states)
        mask = torch.tensor([sentence_mask(encode(tokenizer, text, "", max_length=32))])
        for found, expected in zip(together, network.judge(behind, mask), strict=True):
            torch.testing.assert_close(found[n : n + 1], expected, atol=1e-5, rtol=1e-4)


def test_a_label_set_may_use_any_name(params, tmp_path: Path):
    names = [{"name": name, "kind": "multi", "labels": ["a"]} for name in ("before", "states", "role")]
    network = _network(params, schema_from_dict({"dimensions": names}, where="test"))
    export_onnx(network, tmp_path / "float.onnx")
    assert "attention joined (2)" in to_int8(tmp_path / "float.onnx", tmp_path / "int8.onnx", longest=32)


@torch.inference_mode()
def test_what_a_sentence_sees(params, schema):
    network, tokenizer = _network(params, schema), load_for(params)[1].backend_tokenizer
    first, other, none = (network(**_inputs(tokenizer, TEXTS[1], c))["logits"][1] for c in (TEXTS[0], TEXTS[2], ""))
    assert (first - other).abs().max() > 1e-3  # its context
    assert (first - none).abs().max() > 1e-3
    network.role.weight.zero_()
    again = network(**_inputs(tokenizer, TEXTS[1], TEXTS[0]))["logits"][1]
    assert (again - first).abs().max() > 1e-3  # and that it is one
    inputs = _inputs(tokenizer, TEXTS[1], TEXTS[0])
    below = [
        read_late(network.encoder, network.role, inputs["input_ids"], inputs["attention_mask"], own)
        for own in (inputs["token_type_ids"], torch.ones_like(inputs["token_type_ids"]))
    ]
    assert (below[0] - below[1]).abs().max() > 1e-3  # two texts are not one long one


def test_the_graph_answers_as_torch_did(late: SimpleNamespace):
    run, manifest = late.run, read_manifest(late.path)
    rows = [run.examples[n] for n in run.parity_rows]
    texts, contexts = [e.text for e in rows], [e.before or "" for e in rows]
    with np.load(run.fits("transformer") / "reference.npz") as arrays:
        reference = dict(arrays)
    found = Finetuned.load(late.path, manifest, precision="float").logits(texts, contexts)
    for name, expected in reference.items():
        np.testing.assert_allclose(found[name], expected, atol=1e-4)
    assert manifest.metrics["parity"]["graph"] == "int8"
    assert "cut to the sentence (1)" in manifest.metrics["parity"]["cheaper"]


def test_each_sentence_of_an_article_is_read_once(late: SimpleNamespace, monkeypatch: pytest.MonkeyPatch):
    model = Finetuned.load(late.path, read_manifest(late.path), threads=1)
    texts, contexts = list(TEXTS), ["", *TEXTS[:-1]]
    asked: list[str] = []
    run = Finetuned._run

    def counted(self, names, text, context="", **more):
        asked.append(text)
        return run(self, names, text, context, **more)

    monkeypatch.setattr(Finetuned, "_run", counted)
    together = model.logits(texts, contexts)
    assert asked == texts
    asked.clear()
    apart = [model.logits([text], [context]) for text, context in zip(texts, contexts, strict=True)]
    assert len(asked) == 7  # and each context
    threads = Finetuned.load(late.path, read_manifest(late.path), threads=3)
    many = threads.logits(texts * 12, [*contexts, *[TEXTS[-1], *TEXTS[:-1]] * 11])
    for name, found in together.items():  # to the last bit
        assert (found == np.concatenate([one[name] for one in apart])).all()
        assert (many[name][:4] == found).all()
        assert (many[name][5:8] == found[1:]).all()
        assert (many[name][4::4] == many[name][4]).all()


@pytest.mark.parametrize("threads", [1, 2])
def test_odd_texts_are_what_they_are_by_themselves(late: SimpleNamespace, threads: int):
    texts = ["", TEXTS[0], TEXTS[0], " ", TEXTS[1], "zinc " * 900, TEXTS[2], "zinc " * 900]
    contexts = ["", "", TEXTS[0], TEXTS[0], " ", TEXTS[1], "zinc " * 900, "zinc " * 900]
    model = Finetuned.load(late.path, read_manifest(late.path), threads=threads)
    together = model.logits(texts, contexts)
    for n, pair in enumerate(zip(texts, contexts, strict=True)):
        for name, found in model.logits(*([part] for part in pair)).items():
            assert (together[name][n] == found[0]).all(), pair


@pytest.mark.parametrize(("threads", "lengths"), [(1, [40]), (2, [8, 16, 16]), (8, [5] * 8)])
def test_an_article_is_shared_among_threads(
    late: SimpleNamespace, monkeypatch: pytest.MonkeyPatch, threads: int, lengths: list[int]
):
    texts = [f"Zinc climbed in {n}." for n in range(40)]
    read, asked = Finetuned._read_chain, list[int]()

    def counted(self, pairs):
        asked.append(len(pairs))
        return read(self, pairs)

    monkeypatch.setattr(Finetuned, "_read_chain", counted)
    Finetuned.load(late.path, read_manifest(late.path), threads=threads).logits(texts, ["", *texts[:-1]])
    assert sorted(asked) == lengths


def test_tagging_with_it(late: SimpleNamespace):
    tagger = Tagger.load(late.path)
    manifest = read_manifest(late.path)
    assert (manifest.late_context, tagger.manifest.context) == (True, "before")
    article = tagger.tag_text(" ".join(TEXTS))
    assert [s.scores for s in article.sentences] == [s.scores for s in tagger.tag_sentences(TEXTS)]
    alone = tagger.tag_sentences(TEXTS[1:2])[0].scores
    assert alone != article.sentences[1].scores


def test_a_graph_of_the_other_kind_is_refused(late: SimpleNamespace, trained: SimpleNamespace, tmp_path: Path):
    for n, (path, kind) in enumerate(((late.path, False), (trained.path, True))):
        folder = Path(shutil.copytree(path, tmp_path / str(n)))
        write_manifest(folder, replace(read_manifest(folder), late_context=kind))
        with pytest.raises(ModelError, match="late_context"):
            Tagger.load(folder)


def test_only_bert_has_layers_that_are_known(late: SimpleNamespace):
    check_late(load_base(late.run.finetuned.base)[0])
    with pytest.raises(ModelError, match="found DistilBertModel"):
        check_late(DISTILBERT)


def test_another_encoder_is_refused_before_anything_is_learnt(params, schema, examples, tmp_path: Path):
    base, said = Path(shutil.copytree(params.base, tmp_path / "base")), list[str]()
    DISTILBERT.save_pretrained(base)
    wanted = replace(params, base=str(base), late_context=True, warm_epochs=1)
    with pytest.raises(ModelError, match="late_context: expected an encoder with the layers of BERT"):
        warm_up(wanted, None, schema, examples[:6], seed=0, place=tmp_path / "warm", say=said.append)
    assert said == []


def test_the_role_of_a_context_is_learnt_and_kept(late: SimpleNamespace, params, schema, tmp_path: Path):
    kept = load_file(late.run.network / HEADS)["role.weight"]
    assert kept.abs().max() > 0
    network = Network(load_base(str(late.run.network))[0], schema, late=True)
    network.take_heads(str(late.run.network))
    torch.testing.assert_close(network.role.weight.data, kept)
    other = _network(params, schema)
    other.save(tmp_path)
    network.average([tmp_path])
    torch.testing.assert_close(network.role.weight.data, (kept + other.role.weight.data) / 2)
    plain = Network(load_base(params.base)[0], schema)
    plain.take_heads(str(tmp_path))  # a network that has none leaves it
    torch.testing.assert_close(plain.heads[0].weight, other.heads[0].weight)
    with pytest.raises(ModelError, match="expected the weights of a network of the same kind"):
        plain.average([tmp_path])


@pytest.mark.parametrize("exact", [True, False])
def test_it_is_put_together_again_from_its_graph(late: SimpleNamespace, tmp_path: Path, exact: bool):
    run, folder = late.run, Path(shutil.copytree(late.path, tmp_path / "model"))
    if not exact:
        (folder / FLOAT_GRAPH).unlink()
    restore_network(folder, read_manifest(folder), run.finetuned, run.examples, tmp_path / "network")
    found, kept = (load_file(place / HEADS)["role.weight"] for place in (tmp_path / "network", run.network))
    torch.testing.assert_close(found, kept)


@pytest.mark.usefixtures("undrawn")
def test_an_update_goes_on_with_its_role(late: SimpleNamespace, examples, tmp_path: Path):
    """In a clone, whose network is put together from the graph."""
    models, lines = Path(shutil.copytree(late.run.models, tmp_path / "models")), list[str]()
    promote(models, late.path.name, event="promotion", reason="for the test")
    new = [
        replace(examples[0], doc=f"new-{n % 2}", group=f"new-{n % 2}", n=n, text=f"{text} {n}", before=TEXTS[n % 3])
        for n, text in enumerate(TEXTS * 3)
    ]
    files = replace(late.run.files, examples=[*late.run.files.examples, *new])
    run = replace(late.run, files=files, models=models, work=tmp_path / "fresh", say=lines.append)
    path, updated = retrain(run, Order(start="current", promote="never"))
    assert updated, lines
    manifest = read_manifest(path)
    assert (manifest.late_context, manifest.base["updated_from"]) == (True, late.path.name)
    promote(models, path.name, event="promotion", reason="for the test")
    kept = find_known(run).network
    before, after = (load_file(place / HEADS)["role.weight"] for place in (late.run.network, kept))
    assert 0 < (before - after).abs().max() < before.abs().max()  # learnt further, not anew
    Tagger.load(path).tag_text(" ".join(TEXTS))


def test_inputs_and_outputs_of_its_graph(late: SimpleNamespace):
    session = open_session(late.path / GRAPH)
    assert {i.name for i in session.get_inputs()} == {"input_ids", "sentence_mask", BEFORE}
    assert session.get_outputs()[0].name == STATES
    tokenizer = load_tokenizer(late.path / "tokenizer.json", max_length=32)
    ids = np.array([encode(tokenizer, TEXTS[0], "", max_length=32).ids])
    empty, some = np.zeros((1, 0, 32), np.float32), np.ones((1, 9, 32), np.float32)
    states = [
        session.run([STATES], {"input_ids": ids, "sentence_mask": ids * 0 + 1, BEFORE: before})[0]
        for before in (empty, some)
    ]
    assert (states[0] == states[1]).all()  # so that a sentence is the same context whatever stands before it


def test_the_benchmark_counts_what_is_multiplied(late: SimpleNamespace):
    every, own, both = weights_of(late.path / GRAPH)  # those with 64 columns and more
    assert (every, own, both) == ({(32, 96): 1, (32, 64): 1}, {(32, 64): 1}, {})
    model = Finetuned.load(late.path, read_manifest(late.path), threads=1)
    lengths = [len(encode(model.tokenizer, text, "", max_length=32).ids) for text in TEXTS]
    pairs = [(TEXTS[1], TEXTS[0]), (TEXTS[2], TEXTS[1]), (TEXTS[3], "")]
    tokens, read, marked = tokens_of(model, pairs)
    assert tokens == [lengths[1] + lengths[0], lengths[2] + lengths[1], lengths[3]]
    assert read == sum(lengths)
    assert marked == sum(lengths[1:]) - 2 * 3  # without the marks at their ends


def test_its_fits_are_its_own(late: SimpleNamespace, make_run, params, tmp_path: Path):
    plain = make_run(tmp_path, finetuned=replace(late.run.finetuned, late_context=False))
    assert plain.fits("transformer").name != late.run.fits("transformer").name
