"""How near the transformer comes to what the machine's int8 matrix multiplication can do, on one core.

Takes a model folder and the task file that throughput_own.py writes. The limit
is ONNX Runtime's own MatMulInteger on the shapes of the model's weights, the
work is the multiply-adds of those weights over the tokens of the sentences,
context included, except where the graph's last layer leaves it out; where the two are read apart, a context is read by
itself unless it is the sentence before in the task. Attention,
normalisation and tokenizing are work too, but none that counts: they are what
keeps the share below 1.
"""

import json
import sys
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import onnxruntime as ort
from tokenizers import Encoding

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from newslean.encoding import encode, sentence_mask
from newslean.finetuned import BEFORE, Finetuned, chains
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
    """Count the shapes of the int8 weights that tokens are multiplied with.

    Those of every token that is read, those of the sentence alone, and those of the sentence and its context where the
    two are read apart.
    """
    import onnx

    model = onnx.load(str(graph))
    shapes = {i.name: tuple(i.dims) for i in model.graph.initializer}
    ends, cut = set[str](), set[str]()  # where the sentence starts and ends, and what holds its tokens alone
    joined = {BEFORE}  # what holds the tokens of both
    all_tokens, own_tokens, both_tokens = Shapes(), Shapes(), Shapes()
    for node in model.graph.node:
        given = [*node.input]
        if node.op_type == "ArgMax" or (node.op_type == "Add" and ends & {*given}):
            ends |= {*node.output}
        elif cut & {*(given[:1] if node.op_type == "MultiHeadAttention" else given)} or (
            node.op_type == "Slice" and ends & {*given}
        ):
            cut |= {*node.output}
        elif joined & {*(given[:1] if node.op_type == "MultiHeadAttention" else given)}:
            joined |= {*node.output}
        shape = shapes.get(given[1], ()) if node.op_type in INT8 else ()
        if len(shape) == 2:
            (own_tokens if cut & {*given} else both_tokens if joined & {*given} else all_tokens)[shape] += 1
    least, counts = min(SMALL, max((n for _, n in all_tokens), default=0)), (all_tokens, own_tokens, both_tokens)
    return tuple(Shapes({s: k for s, k in found.items() if s[1] >= least}) for found in counts)


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


def tokens_of(finetuned: Finetuned, pairs: Sequence[tuple[str, str]]) -> tuple[list[int], int, int]:
    """Count the tokens of each sentence with its context, those that the layers read in all, and the sentences' own."""

    def encoded(text: str, context: str = "") -> Encoding:
        return encode(finetuned.tokenizer, text, context, max_length=finetuned.manifest.max_length)

    late = finetuned.manifest.late_context
    own = sum(sum(sentence_mask(encoded(text, "" if late else context))) for text, context in pairs)
    if not late:
        tokens = [len(encoded(*pair).ids) for pair in pairs]
        return tokens, sum(tokens), own
    length = {text: len(encoded(text).ids) if text else 0 for pair in pairs for text in pair}
    first = [part[0][1] for part in chains(pairs, longest=len(pairs))]
    return (
        [length[a] + length[b] for a, b in pairs],
        sum(length[a] for a, _ in pairs) + sum(map(length.get, first)),
        own,
    )


def main(model: str, path: str) -> None:
    """Measure the limit and the transformer, and print both."""
    pairs = json.loads(Path(path).read_text(encoding="utf-8"))["pairs"]
    manifest = read_manifest(model)
    shapes = weights_of(Path(model, "model.onnx"))
    finetuned = Finetuned.load(model, manifest, threads=1)
    tokens, read, own = tokens_of(finetuned, pairs)
    rows = sorted({int(median(tokens)), *ROWS})
    limits: dict[str, Any] = {
        kind: {n: rate(kind, sum(shapes, Shapes()), n) for n in rows}
        for kind in ("MatMulInteger", "DynamicQuantizeMatMul")
    }
    texts, contexts = zip(*pairs, strict=True)
    finetuned.logits(texts[:8], contexts[:8])
    start = time.perf_counter()
    finetuned.logits(texts, contexts)
    seconds = time.perf_counter() - start
    work = sum(n * multiply_adds(s) for n, s in zip((read, own, sum(tokens)), shapes, strict=True))
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
