from collections import Counter
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import onnx
import onnxruntime as ort
import pytest
import torch
from onnxruntime.capi.onnxruntime_pybind11_state import InvalidArgument
from transformers import DistilBertConfig, DistilBertModel, MPNetConfig, MPNetModel

from newslean.finetuned import FLOAT_GRAPH, GRAPH
from newslean.manifest import read_manifest
from newslean.schema import Schema
from train import graph
from train.export import export_onnx, matmul_nodes, quantize, to_int8
from train.graph import streamline
from train.network import Network

LONGEST = 60
DISTILBERT = DistilBertModel(DistilBertConfig(vocab_size=99, dim=32, n_layers=2, n_heads=2, hidden_dim=64))
MPNET = MPNetModel(  # adds to its attention what hangs on the places of the tokens
    MPNetConfig(
        vocab_size=99,
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=66,
    )
)


@pytest.fixture(scope="module")
def source(trained: SimpleNamespace) -> Path:
    return Path(trained.run.staging / FLOAT_GRAPH)


@pytest.fixture(scope="module")
def streamlined(source: Path, tmp_path_factory: pytest.TempPathFactory) -> SimpleNamespace:
    path = tmp_path_factory.mktemp("graph") / "plain.onnx"
    return SimpleNamespace(path=path, done=streamline(source, path, longest=LONGEST))


def _operators(path: Path) -> Counter[str]:
    return Counter(node.op_type for node in onnx.load(str(path)).graph.node)


def _answer(path: Path, text: dict[str, np.ndarray]) -> list[np.ndarray]:
    session = ort.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    return session.run(["topic", "mood"], {i.name: text[i.name] for i in session.get_inputs()})


def _text(tokens: int, sentence: slice, *, rows: int = 1) -> dict[str, np.ndarray]:
    ids = np.random.default_rng(tokens).integers(5, 60, (rows, tokens))
    mask = np.zeros_like(ids)
    mask[:, sentence] = 1
    types = np.cumsum(mask, axis=1).clip(max=1)
    return {"input_ids": ids, "attention_mask": ids * 0 + 1, "token_type_ids": types, "sentence_mask": mask}


def _same(one: Path, other: Path, text: dict[str, np.ndarray]) -> None:
    for a, b in zip(_answer(one, text), _answer(other, text), strict=True):
        np.testing.assert_allclose(a, b, atol=2e-3)  # GELU by tanh


def test_all_is_found_in_a_bert(streamlined: SimpleNamespace):
    assert streamlined.done == [
        "GELU by tanh (2)",
        "attention joined (2)",
        "mask dropped (2)",
        "cut to the sentence (1)",
        "products packed (1)",
    ]
    found = _operators(streamlined.path)
    assert not found.keys() & {"Softmax", "Erf", "Where", "Range"}
    assert (found["FastGelu"], found["Attention"], found["MultiHeadAttention"]) == (2, 1, 1)
    onnx.checker.check_model(str(streamlined.path))


@pytest.mark.parametrize("tokens", [3, 4, 17, LONGEST])
@pytest.mark.parametrize("sentence", [slice(1, -1), slice(2, None), slice(0, 0), slice(0, 1), slice(None)])
def test_it_answers_as_before(source: Path, streamlined: SimpleNamespace, tokens: int, sentence: slice):
    _same(source, streamlined.path, _text(tokens, sentence))


def test_texts_of_one_length_may_stand_together(source: Path, streamlined: SimpleNamespace):
    """The cut reaches from the first token of any sentence to the last of any."""
    text = _text(20, slice(2, 6), rows=3)
    text["sentence_mask"][1] = np.roll(text["sentence_mask"][1], 9)
    _same(source, streamlined.path, text)
    mixed = _answer(streamlined.path, text)
    alone = _answer(streamlined.path, {name: rows[1:2] for name, rows in text.items()})
    np.testing.assert_allclose(mixed[0][1:2], alone[0], atol=1e-5)


def test_padding_is_refused_not_answered_wrongly(streamlined: SimpleNamespace):
    session = ort.InferenceSession(str(streamlined.path), providers=["CPUExecutionProvider"])
    with pytest.raises(InvalidArgument, match="attention_mask"):
        session.run(None, _text(9, slice(2, 6)))


def test_the_last_layer_sees_only_the_sentence(streamlined: SimpleNamespace):
    model = onnx.load(str(streamlined.path))
    wide = [node.output[0] for node in model.graph.node if node.op_type == "FastGelu"]
    model.graph.output.extend(onnx.ValueInfoProto(name=name) for name in wide)
    session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    text = _text(30, slice(12, 19))
    first, last = session.run(wide, {i.name: text[i.name] for i in session.get_inputs()})
    assert (first.shape[:2], last.shape[:2]) == ((1, 30), (1, 7))


def test_no_shape_that_is_named_is_another(streamlined: SimpleNamespace, capfd: pytest.CaptureFixture[str]):
    _answer(streamlined.path, _text(30, slice(3, 10)))
    assert "Shape mismatch" not in capfd.readouterr().err


def test_all_that_multiplies_becomes_int8(source: Path, tmp_path: Path):
    done = to_int8(source, tmp_path / "int8.onnx", longest=LONGEST)
    assert len(done) == 5
    found = _operators(tmp_path / "int8.onnx")
    assert found["QAttention"] == 1
    assert not found.keys() & {"MatMul", "Attention"}
    quantize(source, plain := tmp_path / "plain.onnx")
    text = _text(25, slice(9, 24))
    for a, b in zip(_answer(tmp_path / "int8.onnx", text), _answer(plain, text), strict=True):
        np.testing.assert_allclose(a, b, atol=0.3)


def test_packed_products_may_stay_float(streamlined: SimpleNamespace, tmp_path: Path):
    packed = next(name for name in matmul_nodes(streamlined.path) if name.endswith("attention"))
    quantize(streamlined.path, tmp_path / "int8.onnx", keep_float=[packed])
    assert matmul_nodes(tmp_path / "int8.onnx") == [packed]
    _answer(tmp_path / "int8.onnx", _text(25, slice(9, 24)))


@pytest.mark.parametrize(("encoder", "attention"), [(DISTILBERT, 2), (MPNET, 0)], ids=["distilbert", "mpnet"])
def test_other_encoders(encoder: torch.nn.Module, attention: int, schema: Schema, tmp_path: Path):
    source, target = tmp_path / "source.onnx", tmp_path / "target.onnx"
    export_onnx(Network(encoder, schema), source)
    done = streamline(source, target, longest=LONGEST)
    assert "GELU by tanh (2)" in done
    assert (f"attention joined ({attention})" in done) == (attention > 0)
    for tokens, sentence in ((5, slice(1, 2)), (33, slice(10, 32)), (LONGEST, slice(30, 59))):
        _same(source, target, _text(tokens, sentence))


def test_a_graph_does_not_say_where_it_was_made(source: Path, streamlined: SimpleNamespace):
    shipped = Path(__file__).parents[2] / "models" / "current" / "model.onnx"
    for path in (source, streamlined.path, shipped):
        content = path.read_bytes()
        assert [word for word in (b"stack_trace", b"site-packages", b"network.py") if word in content] == [], path


def test_a_mask_that_hides_more_than_padding_stays(source: Path, tmp_path: Path):
    model = onnx.load(str(source))
    [hidden] = [node for node in model.graph.node if node.op_type == "Where"]
    hidden.input[1] = hidden.input[2]  # no token may look at any
    onnx.save(model, str(tmp_path / "source.onnx"))
    done = streamline(tmp_path / "source.onnx", tmp_path / "target.onnx", longest=LONGEST)
    assert "attention joined (2)" in done
    assert not any(line.startswith(("mask", "products")) for line in done)
    _same(tmp_path / "source.onnx", tmp_path / "target.onnx", _text(20, slice(9, 19)))


def test_a_result_that_answers_otherwise_is_not_kept(source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(graph, "TOLERANCE", -1.0)
    assert streamline(source, tmp_path / "same.onnx", longest=LONGEST) == []
    assert _operators(tmp_path / "same.onnx") == _operators(source)


def test_what_is_not_known_stays_as_it_is(tmp_path: Path):
    """Neither an encoder nor text: written as it is, and no error."""
    from onnx import TensorProto, helper

    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, [None, 3]) for name in "xy")
    other = helper.make_graph([helper.make_node("Exp", ["x"], ["y"])], "other", [x], [y])
    onnx.save(helper.make_model(other, opset_imports=[helper.make_opsetid("", 18)], ir_version=10), str(tmp_path / "a"))
    assert streamline(tmp_path / "a", tmp_path / "b", longest=LONGEST) == []
    assert _operators(tmp_path / "b") == {"Exp": 1}


def test_training_ships_the_cheaper_graph(trained: SimpleNamespace):
    assert len(read_manifest(trained.path).metrics["parity"]["cheaper"]) == 5
    assert _operators(trained.path / GRAPH)["QAttention"] == 1
