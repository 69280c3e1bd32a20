"""From a trained network to a model folder: ONNX, int8, parity gate.

Knows torch, ONNX and the model folder's contract; knows no labels by name.
"""

import tempfile
import warnings
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import onnx
import torch
from onnxruntime.quantization import QuantType, quantize_dynamic
from torch import Tensor, nn

from newslean.calibration import Calibration, decide, probabilities
from newslean.encoding import load_tokenizer
from newslean.finetuned import BEFORE, STATES, Finetuned, open_session
from newslean.manifest import Manifest
from newslean.schema import Schema
from newslean.tagger import Logits
from train.graph import streamline
from train.late import Role, read_alone, read_last
from train.network import Network

MIN_PARITY = 0.99
"""Share of labels in which the int8 graph must agree with torch; below it the float graph is shipped."""

MAX_BYTES = 30_000_000
"""Largest int8 graph: a shipped model lives in git."""

SAMPLE = 300
"""Sentences by which the effect of quantizing one node is measured."""

OPSET = 18

PRODUCTS = ("MatMul", "Attention")
"""Operators whose weights become int8."""


@dataclass(frozen=True, slots=True)
class Parity:
    """How near an exported graph is to the torch network.

    Attributes
    ----------
    equal : float
        Share of (sentence, label) decisions that are equal, over all dimensions: a ``single`` label counts once.
    largest, mean : float
        Largest and mean difference of a calibrated probability.
    sentences : int
        Number of sentences compared.
    """

    equal: float
    largest: float
    mean: float
    sentences: int

    def to_dict(self) -> dict[str, Any]:
        """Give plain data."""
        return asdict(self)


class _Late(nn.Module):
    """Sentences behind the states of their contexts, which it gave for these before."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.network = network

    def forward(self, input_ids: Tensor, sentence_mask: Tensor, before: Tensor) -> Any:
        states = read_alone(self.network.encoder, input_ids)
        behind = read_last(self.network.encoder, cast("Role", self.network.role), states, before)
        return states, *self.network.judge(behind, sentence_mask)


class _Exportable(nn.Module):
    def __init__(self, network: Network) -> None:
        super().__init__()
        self.network = network

    def forward(self, input_ids: Tensor, sentence_mask: Tensor, attention_mask: Tensor, token_type_ids: Tensor) -> Any:
        return self.network(input_ids, attention_mask, sentence_mask, token_type_ids)["logits"]


def export_onnx(network: Network, path: str | Path) -> None:
    """Write the network as a float ONNX graph with dynamic batch and length."""
    network = network.eval()
    if hasattr(network.encoder, "set_attn_implementation"):
        network.encoder.set_attn_implementation("eager")  # a plainer graph than sdpa's masks give
    # Different tensors, since one given twice becomes one input; two rows, since a size of one becomes a constant.
    ids, ones, zeros, mask = (torch.full((2, 16), fill, dtype=torch.long) for fill in (1, 1, 0, 1))
    shape = {0: torch.export.Dim("batch", min=1, max=4096), 1: torch.export.Dim("tokens", min=3, max=512)}
    inputs, shapes, outputs = {"input_ids": ids, "sentence_mask": mask}, [shape] * 2, list(network.schema.names)
    if network.role is None:
        inputs |= {"attention_mask": ones, "token_type_ids": zeros}
        shapes += [shape] * 2
        module: nn.Module = _Exportable(network)
    else:
        inputs[BEFORE] = torch.zeros((2, 12, network.encoder.config.hidden_size))
        shapes += [{0: shape[0], 1: torch.export.Dim("before", min=2, max=512)}]
        module, outputs = _Late(network), [STATES, *outputs]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = torch.onnx.export(
            module,
            tuple(inputs.values()),
            input_names=list(inputs),
            output_names=outputs,
            dynamic_shapes=tuple(shapes),
            dynamo=True,
            opset_version=OPSET,
            verbose=False,
        )
    for node in program.model.graph:
        node.metadata_props.clear()  # the files and lines that it comes from, by their paths on this machine
    program.save(str(path), external_data=False)


def quantize(source: str | Path, path: str | Path, *, keep_float: Sequence[str] = ()) -> None:
    """Write an int8 graph: dynamic, per channel, 7-bit weights.

    Seven bits (``reduce_range``), because processors without VNNI add two
    8-bit products into 16 bits and saturate: the same graph would answer
    differently there.

    Parameters
    ----------
    keep_float : sequence of str
        Names of MatMul nodes that stay float.
    """
    quantize_dynamic(
        str(source),
        str(path),
        per_channel=True,
        reduce_range=True,
        weight_type=QuantType.QInt8,
        nodes_to_exclude=list(keep_float),
    )


def to_int8(source: str | Path, path: str | Path, *, longest: int, keep_float: Sequence[str] = ()) -> list[str]:
    """Write the int8 graph of a float graph, made cheaper before; gives what `train.graph.streamline` did."""
    with tempfile.TemporaryDirectory() as folder:
        plain = Path(folder, "plain.onnx")
        done = streamline(source, plain, longest=longest)
        quantize(plain, path, keep_float=keep_float)
    return done


def graph_logits(
    graph: str | Path, tokenizer: str | Path, manifest: Manifest, texts: Sequence[str], contexts: Sequence[str]
) -> Logits:
    """Score sentences with a graph as `newslean.Tagger` will."""
    loaded = load_tokenizer(tokenizer, max_length=manifest.max_length)
    return Finetuned(open_session(graph), loaded, manifest).logits(texts, contexts)


def check_parity(reference: Logits, candidate: Logits, schema: Schema, calibration: Calibration) -> Parity:
    """Compare the decisions and probabilities of two scorings of the same sentences."""
    left, right = (probabilities(logits, schema, calibration) for logits in (reference, candidate))
    equal, apart = [], []
    for d in schema.dimensions:
        apart.append(np.abs(left[d.name] - right[d.name]).ravel())
        for a, b in zip(left[d.name].tolist(), right[d.name].tolist(), strict=True):
            x, y = (decide(d, dict(zip(d.labels, row, strict=True)), calibration) for row in (a, b))
            equal += [(label in x) == (label in y) for label in d.labels] if d.multi else [x == y]
    differences = np.concatenate(apart)
    if not differences.size:
        return Parity(1.0, 0.0, 0.0, 0)
    sentences = len(next(iter(reference.values())))
    return Parity(float(np.mean(equal)), float(differences.max()), float(differences.mean()), sentences)


def quantize_within(source: Path, target: Path, parity: Callable[..., Parity], *, rows: int, seed: int) -> list[str]:
    """Quantize, keeping as few MatMul nodes in float as the parity gate asks for and `MAX_BYTES` allows.

    The nodes that hurt most by themselves are kept first: each is quantized
    alone and its largest and mean effect measured on a sample.

    Parameters
    ----------
    parity : callable
        ``parity(graph, rows=None)`` compares a graph with torch on all rows or the named ones.
    rows : int
        Number of sentences to draw the sample from.

    Returns
    -------
    list of str
        Names of the nodes that stay float.
    """
    quantize(source, target)
    if parity(target).equal >= MIN_PARITY:
        return []
    nodes = matmul_nodes(source)
    sample = sorted(np.random.default_rng(seed).permutation(rows)[:SAMPLE].tolist())
    harm = {}
    for node in nodes:
        quantize(source, target, keep_float=[other for other in nodes if other != node])
        harm[node] = parity(target, sample).mean
    kept: list[str] = []
    for node in sorted(nodes, key=lambda node: -harm[node]):
        quantize(source, target, keep_float=[*kept, node])
        if target.stat().st_size > MAX_BYTES:
            continue
        kept.append(node)
        if parity(target).equal >= MIN_PARITY:
            break
    quantize(source, target, keep_float=kept)
    return kept


def matmul_nodes(graph: str | Path) -> list[str]:
    """Names of the nodes that multiply with weights stored in the graph, in its order."""
    model = onnx.load(str(graph), load_external_data=False)
    stored = {tensor.name for tensor in model.graph.initializer}
    return [node.name for node in model.graph.node if node.op_type in PRODUCTS and node.input[1] in stored]
