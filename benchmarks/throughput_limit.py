"""How near the transformer comes to what the machine's int8 matrix multiplication can do, on one core.

Takes a model folder and the task file that throughput_own.py writes. The limit
is ONNX Runtime's own MatMulInteger on the shapes of the model's weights, the
work is the multiply-adds of those weights over the tokens of the sentences,
context included, except where the graph's last layer leaves it out. Attention,
normalisation and tokenizing are work too, but none that counts: they are what
keeps the share below 1.
"""

import json
import sys
import time
from collections import Counter
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import onnxruntime as ort

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from newslean.encoding import encode, sentence_mask
from newslean.finetuned import Finetuned
from newslean.manifest import read_manifest

ROWS = (128, 512)
"""Rows of the left matrix, beside the median number of tokens."""

SECONDS = 0.3
"""For which each shape is multiplied at least."""

SMALL = 64
"""Weights with fewer columns are heads: they see one row a sentence."""

INT8 = ("MatMulInteger", "MatMulIntegerToFloat", "DynamicQuantizeMatMul", "QAttention")


Shapes = Counter[tuple[int, int]]


def weights_of(graph: Path) -> tuple[Shapes, ...]:
    """Count the shapes of the int8 weights that every token is multiplied with, and those for the sentence's alone."""
    import onnx

    model = onnx.load(str(graph))
    shapes = {i.name: tuple(i.dims) for i in model.graph.initializer}
    ends, cut = set[str](), set[str]()  # where the sentence starts and ends, and what holds its tokens alone
    all_tokens, own_tokens = Shapes(), Shapes()
    for node in model.graph.node:
        given = [*node.input]
        if node.op_type == "ArgMax" or (node.op_type == "Add" and ends & {*given}):
            ends |= {*node.output}
        elif cut & {*(given[:1] if node.op_type == "MultiHeadAttention" else given)} or (
            node.op_type == "Slice" and ends & {*given}
        ):
            cut |= {*node.output}
        shape = shapes.get(given[1], ()) if node.op_type in INT8 else ()
        if len(shape) == 2:
            (own_tokens if cut & {*given} else all_tokens)[shape] += 1
    least = min(SMALL, max((n for _, n in all_tokens), default=0))
    return tuple(Shapes({s: k for s, k in found.items() if s[1] >= least}) for found in (all_tokens, own_tokens))


def multiply_adds(shapes: Shapes) -> int:
    """Count what one token costs."""
    return sum(k * n * count for (k, n), count in shapes.items())


def multiplier(kind: str, shape: tuple[int, int]) -> ort.InferenceSession:
    """Make a graph that multiplies with int8 weights of a shape: MatMulInteger, or with quantizing and scaling."""
    from onnx import TensorProto, helper, numpy_helper

    rng = np.random.default_rng(0)
    constants = {"b": rng.integers(-127, 128, shape, dtype=np.int8), "b_zero": np.zeros(shape[1], np.int8)}
    if kind == "MatMulInteger":
        constants["a_zero"] = np.array(128, np.uint8)
        node = helper.make_node(kind, ["a", "b", "a_zero", "b_zero"], ["y"])
        types = (TensorProto.UINT8, TensorProto.INT32)
    else:
        constants["b_scale"] = np.full(shape[1], 0.01, np.float32)
        node = helper.make_node(kind, ["a", "b", "b_scale", "b_zero"], ["y"], domain="com.microsoft")
        types = (TensorProto.FLOAT, TensorProto.FLOAT)
    graph = helper.make_graph(
        [node],
        "multiply",
        [helper.make_tensor_value_info("a", types[0], [None, shape[0]])],
        [helper.make_tensor_value_info("y", types[1], [None, shape[1]])],
        [numpy_helper.from_array(array, name) for name, array in constants.items()],
    )
    opsets = [helper.make_opsetid("", 18), helper.make_opsetid("com.microsoft", 1)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=10)
    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])


def rate(kind: str, shapes: Shapes, rows: int) -> float:
    """Measure multiply-adds a second over all shapes, each as often as the model has it."""
    work = spent = 0.0
    for shape, count in shapes.items():
        session = multiplier(kind, shape)
        rng = np.random.default_rng(1)
        left = rng.integers(0, 256, (rows, shape[0]), dtype=np.uint8)
        feed = {"a": left if kind == "MatMulInteger" else left.astype(np.float32) / 64 - 2}
        times: list[float] = []
        while sum(times) < SECONDS or len(times) < 5:
            start = time.perf_counter()
            session.run(["y"], feed)
            times.append(time.perf_counter() - start)
        work += count * rows * shape[0] * shape[1]
        spent += count * median(times)
    return work / spent


def main(model: str, path: str) -> None:
    """Measure the limit and the transformer, and print both."""
    pairs = json.loads(Path(path).read_text(encoding="utf-8"))["pairs"]
    manifest = read_manifest(model)
    shapes, own_shapes = weights_of(Path(model, "model.onnx"))
    finetuned = Finetuned.load(model, manifest, threads=1)
    encodings = [encode(finetuned.tokenizer, *pair, max_length=manifest.max_length) for pair in pairs]
    tokens = [len(encoding.ids) for encoding in encodings]
    own = sum(sum(sentence_mask(encoding)) for encoding in encodings)
    rows = sorted({int(median(tokens)), *ROWS})
    limits: dict[str, Any] = {
        kind: {n: rate(kind, shapes + own_shapes, n) for n in rows}
        for kind in ("MatMulInteger", "DynamicQuantizeMatMul")
    }
    texts, contexts = zip(*pairs, strict=True)
    finetuned.logits(texts[:8], contexts[:8])
    start = time.perf_counter()
    finetuned.logits(texts, contexts)
    seconds = time.perf_counter() - start
    work = sum(tokens) * multiply_adds(shapes) + own * multiply_adds(own_shapes)
    limit = max(limits["MatMulInteger"].values())
    found = {
        "sentences": len(pairs),
        "tokens_mean": sum(tokens) / len(tokens),
        "work_per_sentence": work / len(pairs),
        "seconds": seconds,
        "rate": work / seconds,
        "limit": limit,
        "share": work / seconds / limit,
        "limits": {kind: {str(n): value for n, value in found.items()} for kind, found in limits.items()},
    }
    print(json.dumps(found))


if __name__ == "__main__":
    main(*sys.argv[1:])
