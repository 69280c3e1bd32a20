"""A network in float, put together again from the graph of a model folder.

Knows the graphs that `train.export` and `train.graph` write, and that they
keep the names of a network's biases, norms and tables. What int8 rounded off
stays lost; a network that does not answer as its graph does is refused.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import numpy_helper

from newslean.errors import ModelError
from newslean.finetuned import FLOAT_GRAPH, GRAPH, Finetuned
from newslean.manifest import Manifest
from train.assess import contexts_of
from train.export import Parity, check_parity
from train.finetune import Fit, load_for, predict_logits
from train.labels import Example
from train.network import Network
from train.params import FinetuneParams
from train.pipeline import keep_network
from train.prune import feed_forward_of, prune_units

MIN_PARITY = 0.96
"""Share of labels that network and graph must have in common: int8 alone costs one or two in a hundred."""

SAMPLE = 200
"""Rows that are compared."""

PREFIX = "network."
"""Before each name of `train.network.Network` in a graph."""

PRODUCTS, PACKED = ("MatMul", "MatMulInteger", "Gemm"), ("Attention", "QAttention")

Weights = dict[str, NDArray[np.float32]]


def restore_network(
    folder: Path, manifest: Manifest, params: FinetuneParams, rows: Sequence[Example], target: Path
) -> Parity:
    """Write the network of a model folder in float, as a base for further training.

    Parameters
    ----------
    folder : Path
        A fine-tuned model whose hashes were checked.
    params : FinetuneParams
        With the encoder that the model was made from.
    rows : sequence of Example
        Some of which network and graph are compared on.
    target : Path
        Folder to write.

    Returns
    -------
    Parity
        How far network and graph answer alike.

    Raises
    ------
    ModelError
        If the graph holds what is not recognised, or the network does not answer as it does.
    """
    if not rows:
        raise ModelError(f"{folder}: expected rows to compare its network on; found none. Add some to learn from.")
    exact = FLOAT_GRAPH in manifest.optional_files and (folder / FLOAT_GRAPH).is_file()
    encoder, tokenizer = load_for(params)
    network = Network(encoder, manifest.schema, dropout=0.0, late=params.late_context).eval()
    give_weights(network, folder / (FLOAT_GRAPH if exact else GRAPH))
    fit = Fit(network, tokenizer.backend_tokenizer, 0, None)
    rows = [rows[n] for n in sorted(np.random.default_rng(0).permutation(len(rows))[:SAMPLE].tolist())]
    expected = Finetuned.load(folder, manifest).logits([e.text for e in rows], contexts_of(rows, manifest.context))
    parity = check_parity(
        expected, predict_logits(fit, rows, manifest.schema, params), manifest.schema, manifest.calibration
    )
    if parity.equal < MIN_PARITY:
        raise ModelError(
            f"{folder}: expected a network that answers as its graph does; found {parity.equal:.1%} of its labels. "
            "Train from scratch."
        )
    target.parent.mkdir(parents=True, exist_ok=True)
    keep_network(target, fit, params)
    return parity


def give_weights(network: Network, path: Path) -> None:
    """Give a network the weights of a graph; what the graph does not use stays as the encoder has it.

    Raises
    ------
    ModelError
        If weights are missing, or others than its own are found.
    """
    linear = [name for name, module in network.named_modules() if isinstance(module, torch.nn.Linear)]
    try:
        found = weights_of(path, linear)
    except (KeyError, ValueError, IndexError) as error:
        raise ModelError(f"{path}: expected a graph as python -m train writes it; found {error!r}.") from None
    _narrow(network, found)
    state = network.state_dict()
    for name, values in found.items():
        if name not in state or tuple(state[name].shape) != values.shape:
            raise ModelError(f"{path}: expected weights of its encoder; found {name}, which it lacks.")
    wanted = {name for name, _ in network.named_parameters() if "pooler" not in name}
    if missing := sorted(wanted - found.keys()):
        raise ModelError(f"{path}: expected all weights of its encoder; found none for {missing[0]}.")
    network.load_state_dict({name: torch.from_numpy(np.array(v)) for name, v in found.items()}, strict=False)


def _narrow(network: Network, found: Weights) -> None:
    """Make the encoder as narrow as the one whose weights were found; which units it keeps does not matter yet."""
    names = {module: name for name, module in network.named_modules()}
    with suppress(ModelError):  # one that cannot be pruned was not
        pairs = feed_forward_of(network.encoder)
        widths = {len(found[name]) for wide, _ in pairs if (name := f"{names[wide]}.weight") in found}
        if len(widths) == 1:
            prune_units(network.encoder, [torch.zeros(back.in_features) for _, back in pairs], widths.pop())


def weights_of(path: str | Path, linear: Sequence[str]) -> Weights:
    """Read the weights of a graph by the names that its network has for them.

    A product's weights bear no name: they belong to the bias that is added to it. Three products that were packed
    into one operator have lost that too, and belong to the layers that nothing else names, in their order.

    Parameters
    ----------
    linear : sequence of str
        The network's linear layers in their order.
    """
    graph = onnx.load(str(path)).graph
    stored = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    found = {
        name.removeprefix(PREFIX): values
        for name, values in stored.items()
        if name.startswith(PREFIX) and name.endswith((".weight", ".bias")) and values.dtype == np.float32
    }
    for node in graph.node:
        if node.op_type == "Gather" and node.input[0].startswith(PREFIX) and node.input[0].endswith("_quantized"):
            name = node.input[0].removeprefix(PREFIX).removesuffix("_quantized")
            found[name] = _float(stored, node.input[0])
    found |= dict(_products(graph, stored))
    free = iter([name for name in linear if f"{name}.weight" not in found])
    for node in graph.node:
        if node.op_type in PACKED:
            parts = (np.split(_float(stored, name), 3, axis=-1) for name in node.input[1:3])
            for weight, bias in zip(*parts, strict=True):
                if name := next(free, ""):
                    found |= {f"{name}.weight": weight.T, f"{name}.bias": bias}
    return found


def _products(graph: Any, stored: Mapping[str, NDArray[Any]]) -> Iterator[tuple[str, NDArray[np.float32]]]:
    """Give name and weights of each product that a bias with a name is added to."""
    users = {name: node for node in graph.node for name in node.input}
    for node in graph.node:
        if node.op_type not in PRODUCTS or node.input[1] not in stored:
            continue
        behind = users.get(node.output[0])
        while behind is not None and behind.op_type in ("Cast", "Mul"):  # int8: back to float, and scaled
            behind = users.get(behind.output[0])
        biases = [name for name in behind.input if name.endswith(".bias")] if behind is not None else []
        if biases and behind is not None and behind.op_type == "Add":
            name = biases[0].removeprefix(PREFIX).removesuffix("bias")
            yield f"{name}weight", _float(stored, node.input[1]).T


def _float(stored: Mapping[str, NDArray[Any]], name: str) -> NDArray[np.float32]:
    """Turn stored numbers back to float, by the scale and the zero point that lie beside those of int8."""
    values, kind = stored[name], name.removesuffix("_quantized")
    if kind == name:
        return np.asarray(values, np.float32)
    zero = stored[f"{kind}_zero_point"].astype(np.float32)
    return np.asarray((values.astype(np.float32) - zero) * stored[f"{kind}_scale"], np.float32)
