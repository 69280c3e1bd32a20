from pathlib import Path
from types import SimpleNamespace

import numpy as np
import onnx
import onnxruntime as ort
import pytest

from newslean.calibration import Calibration
from newslean.finetuned import FLOAT_GRAPH
from newslean.schema import Schema
from train import export
from train.export import Parity, check_parity, matmul_nodes, quantize, quantize_within

CALIBRATION = Calibration({"topic": 1.0, "mood": 1.0}, {"topic": {"metals": 0.5, "weather": 0.5}}, {"mood": 0.0})


@pytest.fixture(scope="module")
def graph(trained: SimpleNamespace) -> Path:
    return Path(trained.run.staging / FLOAT_GRAPH)


def _inputs(rows: int, tokens: int) -> dict[str, np.ndarray]:
    ids = np.random.default_rng(0).integers(5, 60, (rows, tokens))
    ones = np.ones_like(ids)
    return {"input_ids": ids, "attention_mask": ones, "token_type_ids": ones * 0, "sentence_mask": ones}


def _reference(trained: SimpleNamespace) -> dict[str, np.ndarray]:
    with np.load(trained.run.fits("transformer") / "reference.npz") as arrays:
        return dict(arrays)


def test_the_float_graph_answers_as_torch_did(trained: SimpleNamespace, graph: Path):
    from newslean.manifest import read_manifest

    texts = [e.text for e in trained.run.examples]
    found = export.graph_logits(
        graph, trained.run.staging / "tokenizer.json", read_manifest(trained.path), texts, [""] * len(texts)
    )
    for name, expected in _reference(trained).items():
        assert np.abs(found[name] - expected).max() < 1e-4


@pytest.mark.parametrize(("rows", "tokens"), [(1, 3), (1, 32), (2, 17), (7, 5), (33, 64)])
def test_any_batch_and_length(graph: Path, rows: int, tokens: int):
    session = ort.InferenceSession(str(graph), providers=["CPUExecutionProvider"])
    inputs = _inputs(rows, tokens)
    topic, mood = session.run(["topic", "mood"], inputs)
    assert (topic.shape, mood.shape) == ((rows, 2), (rows, 4))
    alone = session.run(["mood"], {name: array[:1] for name, array in inputs.items()})[0]
    np.testing.assert_allclose(mood[:1], alone, atol=1e-5)


def test_the_graph_is_one_file_and_whole(trained: SimpleNamespace, graph: Path):
    onnx.checker.check_model(str(graph))
    assert not list(graph.parent.glob("*.data"))
    assert not list(graph.parent.glob("*.part"))


def test_int8_is_smaller_and_float_where_told(graph: Path, tmp_path: Path):
    nodes = matmul_nodes(graph)
    assert len(nodes) >= 12  # two layers of six
    all_int8, kept = tmp_path / "a.onnx", tmp_path / "b.onnx"
    quantize(graph, all_int8)
    quantize(graph, kept, keep_float=nodes[:3])
    assert all_int8.stat().st_size < graph.stat().st_size
    assert len(matmul_nodes(all_int8)) == 0
    assert matmul_nodes(kept) == nodes[:3]


def test_parity_counts(schema: Schema):
    left = {"topic": np.float32([[9, -9], [9, -9]]), "mood": np.float32([[9, 0, 0, 0], [0, 0, 0, 9]])}
    assert check_parity(left, left, schema, CALIBRATION) == Parity(1.0, 0.0, 0.0, 2)
    right = {"topic": np.float32([[9, 9], [9, -9]]), "mood": np.float32([[0, 9, 0, 0], [0, 0, 0, 9]])}
    found = check_parity(left, right, schema, CALIBRATION)
    assert found.equal == pytest.approx(4 / 6)  # one of four topic labels and one of two moods differ
    assert found.largest == pytest.approx(1, abs=1e-3)
    assert found.sentences == 2
    none = {name: values[:0] for name, values in left.items()}
    assert check_parity(none, none, schema, CALIBRATION) == Parity(1.0, 0.0, 0.0, 0)


def test_the_calibration_decides_what_counts_as_equal(schema: Schema):
    left = {"topic": np.float32([[0.5, -9]]), "mood": np.float32([[9, 0, 0, 0]])}
    right = {"topic": np.float32([[-0.5, -9]]), "mood": np.float32([[9, 0, 0, 0]])}
    assert check_parity(left, right, schema, CALIBRATION).equal < 1
    strict = Calibration({"topic": 1.0, "mood": 1.0}, {"topic": {"metals": 0.9, "weather": 0.9}}, {"mood": 0.0})
    assert check_parity(left, right, schema, strict).equal == 1


def test_nodes_that_hurt_most_stay_float(graph: Path, tmp_path: Path):
    """The gate is passed once a certain node is float: that node is found, and not many besides."""
    nodes, target = matmul_nodes(graph), tmp_path / "g.onnx"

    def parity(path: Path, rows: list[int] | None = None) -> Parity:
        good = nodes[4] in matmul_nodes(path)
        return Parity(1.0 if good else 0.5, 0.0, 0.0 if good else 1.0, 5)

    assert quantize_within(graph, target, parity, rows=5, seed=0) == [nodes[4]]
    assert matmul_nodes(target) == [nodes[4]]


def test_the_size_limit_holds(graph: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(export, "MAX_BYTES", 1)
    target = tmp_path / "g.onnx"
    kept = quantize_within(graph, target, lambda path, rows=None: Parity(0.0, 1.0, 1.0, 5), rows=5, seed=0)
    assert kept == []
    assert matmul_nodes(target) == []
