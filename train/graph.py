"""A float graph made cheaper before it is quantized, for single texts without padding.

Knows the ONNX that torch writes for Hugging Face encoders; knows no file of
the project and no label. What it does not recognise it leaves as it is.
"""

import math
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import onnx_ir as ir
import onnxruntime as ort
from numpy.typing import NDArray
from onnxscript.optimizer import optimize
from onnxscript.rewriter import pattern
from onnxscript.rewriter.pattern import RewriteRule, RewriteRuleSet

from newslean.finetuned import BEFORE
from train.graph_cut import ATTENTION, MASK, cut_to_sentence

MICROSOFT = "com.microsoft"

TOLERANCE = 0.1
"""Largest difference of a logit, or of a token's state, that the tanh form of GELU may make; int8 makes more than ten
times that."""


def streamline(source: str | Path, target: str | Path, *, longest: int) -> list[str]:
    """Write a graph that answers the same for single texts without padding, with less work.

    Four things, each where it is found: GELU in its tanh form; no mask where
    it hides padding alone; a last layer that computes the sentence's tokens
    only; attention and the three products before it as one operator. Where
    the result does not answer as the source does, the source is written.

    Parameters
    ----------
    longest : int
        Most tokens of a text.

    Returns
    -------
    list of str
        What was done, in words; empty where the source was written as it is.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            model = ir.load(source)
            done = _rewrite(model, source, longest)
            ir.save(model, target)
            if done and _agree(source, target, longest):
                return done
        except Exception:  # noqa: BLE001, S110 - three libraries and any encoder: what cannot be made cheaper works too
            pass
    ir.save(ir.load(source), target)
    return []


def _rewrite(model: ir.Model, source: str | Path, longest: int) -> list[str]:
    """Change a model, and say how."""
    attention = RewriteRuleSet([_attention(masked) for masked in (True, False)], commute=True)
    counts = {
        "GELU by tanh": RewriteRuleSet([_gelu()], commute=True).apply_to_model(model),
        "attention joined": attention.apply_to_model(model),
        "mask dropped": _drop_empty_masks(model, source, longest),
        "cut to the sentence": int(cut_to_sentence(model)),
        "products packed": _pack(model),
    }
    model.opset_imports[MICROSOFT] = 1
    optimize(model)
    used = {value for node in model.graph for value in node.inputs}
    model.graph.inputs[:] = [value for value in model.graph.inputs if value in used]
    return [f"{what} ({count})" for what, count in counts.items() if count]


def _gelu() -> RewriteRule:
    def found(op: Any, x: Any) -> Any:
        return x * (0.5 * (op.Erf(x / math.sqrt(2)) + 1.0))

    def instead(op: Any, x: Any) -> Any:
        return op.FastGelu(x, _domain=MICROSOFT)

    return RewriteRule(found, instead)


def _attention(masked: bool) -> RewriteRule:
    """Recognise attention as torch writes it out, and give the one operator for it."""

    def found(op: Any, q: Any, k: Any, v: Any, scale: Any, mask: Any) -> Any:
        q4 = op.Transpose(op.Reshape(q, pattern.ANY_VALUE), perm=[0, 2, 1, 3], _outputs=["q4"])
        k4 = op.Transpose(op.Reshape(k, pattern.ANY_VALUE), perm=[0, 2, 3, 1])
        v4 = op.Transpose(op.Reshape(v, pattern.ANY_VALUE), perm=[0, 2, 1, 3])
        scores = op.MatMul(q4, k4) * scale
        seen = op.MatMul(op.Softmax(scores + mask if masked else scores, axis=-1), v4)
        return op.Reshape(op.Transpose(seen, perm=[0, 2, 1, 3]), pattern.ANY_VALUE)

    def fits(context: Any, q: ir.Value, k: ir.Value, v: ir.Value, q4: ir.Value, scale: ir.Value, **_: Any) -> bool:
        if q4.shape is None or scale.const_value is None:
            return False
        heads, size = q4.shape[1], q4.shape[3]
        return all(
            isinstance(heads, int)
            and isinstance(size, int)
            and value.shape is not None
            and len(value.shape) == 3
            and value.shape[2] == heads * size
            for value in (q, k, v)
        )

    def instead(op: Any, q: Any, k: Any, v: Any, q4: Any, scale: Any, mask: Any = None) -> Any:
        factor = float(scale.const_value.numpy().item())
        further = () if mask is None else (None, None, mask)
        return op.MultiHeadAttention(q, k, v, *further, num_heads=q4.shape[1], scale=factor, _domain=MICROSOFT)

    if masked:
        return RewriteRule(found, instead, fits)
    return RewriteRule(lambda op, q, k, v, scale: found(op, q, k, v, scale, None), instead, fits)


def _drop_empty_masks(model: ir.Model, source: str | Path, longest: int) -> int:
    """Take away what is added to attention if it is nothing for every text without padding."""
    masked = [node for node in model.graph if node.op_type == ATTENTION and len(node.inputs) > 3]
    names = sorted({str(mask.name) for node in masked if (mask := node.inputs[5]) is not None})
    plain = ir.load(source)
    values = {str(value.name): value for node in plain.graph for value in node.outputs}
    if not names or not values.keys() >= set(names):
        return 0
    plain.graph.outputs[:] = [values[name] for name in names]
    answers = _answers(plain, longest)
    empty = {name for n, name in enumerate(names) if not any(masks[n].any() for masks in answers)}
    dropped = [node for node in masked if (mask := node.inputs[5]) is not None and mask.name in empty]
    for node in dropped:
        node.resize_inputs(3)
    return len(dropped)


def _pack(model: ir.Model) -> int:
    """Join the three products before each attention without a mask, and the attention itself, to one operator."""
    packed = 0
    for node in [*model.graph]:
        parts = [part for value in node.inputs if (part := _product(value))] if node.op_type == ATTENTION else []
        if len(parts) != 3 or len(node.inputs) != 3 or len({states for states, _, _ in parts}) > 1:
            continue
        heads, scale = node.attributes["num_heads"].as_int(), node.attributes["scale"].as_float()
        weights, bias = (np.concatenate([part[n] for part in parts], axis=-1) for n in (1, 2))
        if not math.isclose(scale, math.sqrt(heads / (len(bias) // 3)), rel_tol=1e-5):
            continue
        out = node.outputs[0]
        stored = []
        for name, array in ((f"{out.name}_weight", weights), (f"{out.name}_bias", bias)):
            stored.append(ir.Value(name=name, const_value=ir.tensor(array, name=name)))
            model.graph.register_initializer(stored[-1])
        new = ir.node(
            "Attention", [parts[0][0], *stored], {"num_heads": heads}, domain=MICROSOFT, name=f"{out.name}_attention"
        )
        ir.convenience.replace_nodes_and_values(model.graph, node, [node], [new], [out], new.outputs)
        packed += 1
    return packed


def _product(value: ir.Value | None) -> tuple[ir.Value, NDArray[Any], NDArray[Any]] | None:
    """Give states, weights and bias where a value is their product and sum."""
    add = value.producer() if value is not None else None
    for k in (0, 1) if add is not None and add.op_type == "Add" else ():
        left, right = add.inputs[k], add.inputs[1 - k]  # type: ignore[union-attr] # it was looked at above
        product = left.producer() if left is not None else None
        if product is None or product.op_type != "MatMul" or right is None or right.const_value is None:
            continue
        states, weights = product.inputs
        if states is not None and weights is not None and weights.const_value is not None:
            return states, weights.const_value.numpy(), right.const_value.numpy()
    return None


def _agree(source: str | Path, target: str | Path, longest: int) -> bool:
    """Say whether two graphs give the same logits for single texts."""
    pairs = zip(*(_answers(ir.load(path), longest) for path in (source, target)), strict=True)
    return all(np.abs(a - b).max() <= TOLERANCE for one, other in pairs for a, b in zip(one, other, strict=True))


def _answers(model: ir.Model, longest: int) -> list[list[NDArray[Any]]]:
    """Run a graph on a short, a middling and the longest text, of each the second half the sentence."""
    options = ort.SessionOptions()
    options.log_severity_level = 4
    data = ir.to_proto(model).SerializeToString()
    session = ort.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    names = [value.name for value in session.get_inputs()]
    answers = []
    for length in sorted({min(3, longest), min(17, longest), longest}):
        ids = np.random.default_rng(length).integers(1, _words(model), (1, length))
        half = (np.arange(length) >= length // 2).astype(np.int64)[None]
        text = {"input_ids": ids, "attention_mask": ids * 0 + 1, "token_type_ids": ids * 0, MASK: half}
        for value in session.get_inputs():
            if value.name == BEFORE:
                size = (1, length, value.shape[2])
                text[BEFORE] = np.random.default_rng(length).standard_normal(size).astype(np.float32)
        answers.append(list(session.run(None, {name: text[name] for name in names})))
    return answers


def _words(model: ir.Model) -> int:
    """Count the rows of the table of words; 2 if there is no such table."""
    for node in model.graph:
        table, index = node.inputs[:2] if node.op_type == "Gather" else (None, None)
        if table is None or index is None or index.name != "input_ids" or table.const_value is None:
            continue
        return int(table.const_value.numpy().shape[0])
    return 2
