"""A last layer that computes only the tokens that are read at its end.

Knows a graph whose attention is one operator (`train.graph` makes it so) and
the mean over the sentence's tokens at its end. The layers below see all tokens, and
the sentence looks at all of them in the last layer too: nothing is lost.
"""

import numpy as np
import onnx_ir as ir
from onnx_ir.tape import Tape

ATTENTION, MASK = "MultiHeadAttention", "sentence_mask"

BY_TOKEN = {"Add", "LayerNormalization", "MatMul", "FastGelu", "Gelu", "Relu", "Tanh", ATTENTION}
"""Operators whose result for a token needs only that token of their inputs; of attention, of its first input."""


def cut_to_sentence(model: ir.Model) -> bool:
    """Cut the tokens before and behind the sentence away as early as nothing else needs them.

    Returns
    -------
    bool
        Whether there was a layer to cut.
    """
    read = [(node, k) for node in model.graph if node.op_type == "Mul" for k in (0, 1) if _is_mask(node.inputs[k])]
    if len(read) != 1:
        return False
    mean, at = read[0]
    states, marks = mean.inputs[1 - at], mean.inputs[at]
    if states is None or marks is None:
        return False
    inside, edges = _computed_for(states, mean, [*model.graph])
    if not any(node.op_type == "MatMul" for node in inside):
        return False
    first, behind = _ends(model)
    for value in [*edges, marks]:
        tape = Tape()
        short = tape.op("Slice", [value, first, behind, _constant(tape, 1)])
        for node, k in [*value.uses()]:
            if node is mean or (node in inside and _own(node, k)):
                node.replace_input_with(k, short)
        producer = value.producer()
        model.graph.insert_after(producer, tape.nodes) if producer else None
    for node in (*inside, mean):
        node.outputs[0].shape = None  # it says that all tokens are there
    return True


def _ends(model: ir.Model) -> tuple[ir.Value, ir.Value]:
    """Compute where the sentence starts and ends: in a batch, the first and last token of any."""
    tape = Tape()
    mask = next(value for value in model.graph.inputs if value.name == MASK)
    some = tape.op("ReduceMax", [mask, _constant(tape, 0)], {"keepdims": 0})
    first = tape.op("ArgMax", [some], {"axis": 0})
    last = tape.op("ArgMax", [some], {"axis": 0, "select_last_index": 1})
    behind = tape.op("Add", [last, _constant(tape, 1)])
    model.graph.insert_before(model.graph[0], tape.nodes)
    return first, behind


def _computed_for(states: ir.Value, mean: ir.Node, nodes: list[ir.Node]) -> tuple[set[ir.Node], list[ir.Value]]:
    """Find the nodes that work token by token and for these states alone, and the values that they start from."""
    inside: set[ir.Node] = set()
    wanted, edges = {states}, []
    for node in reversed(nodes):  # so that all users of a value come before it
        value = node.outputs[0]
        if value not in wanted:
            continue
        inputs = _token_inputs(node, states)
        alone = all(user is mean or (user in inside and _own(user, k)) for user, k in value.uses())
        if inputs and alone and not value.is_graph_output():
            inside.add(node)
            wanted.update(inputs)
        else:
            edges.append(value)
    return inside, edges


def _token_inputs(node: ir.Node, states: ir.Value) -> list[ir.Value]:
    """Give the inputs of a node that have a row for each token; none if its rows are not made one by one."""
    if node.op_type not in BY_TOKEN or states.shape is None:
        return []
    found = []
    for k, value in enumerate(node.inputs):
        if not _own(node, k) and k < 3:
            continue
        if value is None or value.shape is None:
            return []
        if value.const_value is not None:
            if len(value.shape) > (2 if node.op_type == "MatMul" and k == 1 else 1):
                return []
        elif len(value.shape) != 3 or value.shape[1] != states.shape[1]:
            return []
        else:
            found.append(value)
    return found


def _own(node: ir.Node, k: int) -> bool:
    """Say whether an input gives a node its own tokens, not those that it looks at."""
    return node.op_type != ATTENTION or k == 0


def _is_mask(value: ir.Value | None) -> bool:
    """Say whether a value is the sentence's mask in another form."""
    while value is not None and (node := value.producer()) is not None and node.op_type in ("Cast", "Unsqueeze"):
        value = node.inputs[0]
    return value is not None and value.name == MASK


def _constant(tape: Tape, number: int) -> ir.Value:
    return tape.op("Constant", [], {"value": ir.tensor(np.array([number], np.int64))})
