"""Structured pruning: a narrower feed-forward part in each layer of an encoder, which costs less and says the same.

Knows layers that widen what they read and narrow it again by one product each, and a network's loss; knows no file.
"""

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor, nn

from newslean.errors import ModelError
from train.network import Network, layers_of

WIDTHS = ("intermediate_size", "hidden_dim", "ffn_dim")
"""What encoders call the number of a layer's feed-forward units in their configuration."""

Pair = tuple[nn.Linear, nn.Linear]
"""The product that widens, a row of weights a unit, and the one that narrows, a column a unit."""


def feed_forward_of(encoder: nn.Module) -> list[Pair]:
    """Give the two products of each layer's feed-forward part, lowest layer first.

    Raises
    ------
    ModelError
        If a layer has not just two, as where a third one gates them.
    """
    pairs = []
    for layer in layers_of(encoder):
        linear = [module for module in layer.modules() if isinstance(module, nn.Linear)]
        width = max((module.out_features for module in linear), default=0)
        wide = [module for module in linear if module.out_features == width > module.in_features]
        back = [module for module in linear if module.in_features == width > module.out_features]
        if not len(wide) == len(back) == 1:
            raise ModelError(
                f"feed_forward: expected layers that widen once and narrow once; found {len(wide)} and {len(back)} "
                "such products. Leave it 0 with this encoder."
            )
        pairs.append((wide[0], back[0]))
    return pairs


def unit_importance(network: Network, batches: Iterable[dict[str, Tensor]]) -> list[Tensor]:
    """Estimate how much the loss would change without each feed-forward unit.

    The first term of Taylor's series: a unit's activation times the loss's gradient by it, squared and summed over
    tokens (Molchanov et al. 2019, "Importance estimation for neural network pruning").

    Parameters
    ----------
    batches : iterable of dict
        With labels, as `train.batches.Collator` makes them.

    Returns
    -------
    list of Tensor, shape (units,)
        One a layer.
    """
    pairs, read = feed_forward_of(network.encoder), dict[int, Tensor]()
    found = [torch.zeros(back.in_features) for _, back in pairs]

    def hook(layer: int) -> torch.utils.hooks.RemovableHandle:
        def keep(_: nn.Module, given: tuple[Tensor, ...]) -> None:
            given[0].retain_grad()
            read[layer] = given[0]

        return pairs[layer][1].register_forward_pre_hook(keep)

    hooks = [hook(layer) for layer in range(len(pairs))]
    network.eval()
    try:
        for batch in batches:
            network.zero_grad()
            network(**batch)["loss"].backward()
            tokens = batch["attention_mask"].bool()
            for layer, values in read.items():
                if values.grad is not None:
                    found[layer] += ((values.detach() * values.grad)[tokens] ** 2).sum(0)
    finally:
        network.zero_grad()
        for handle in hooks:
            handle.remove()
    return found


def prune_units(encoder: nn.Module, importance: Sequence[Tensor], width: int) -> None:
    """Keep the most important units of each layer, in their order, and write their number to the configuration.

    A layer that has no more than ``width`` units stays as it is, as they all do then.
    """
    pairs = feed_forward_of(encoder)
    if all(back.in_features <= width for _, back in pairs):
        return
    for (wide, back), values in zip(pairs, importance, strict=True):
        kept = values.topk(width).indices.sort().values
        wide.weight, back.weight = nn.Parameter(wide.weight.data[kept]), nn.Parameter(back.weight.data[:, kept])
        if wide.bias is not None:
            wide.bias = nn.Parameter(wide.bias.data[kept])
        wide.out_features = back.in_features = width
    for name in WIDTHS:
        if hasattr(encoder.config, name):
            setattr(encoder.config, name, width)
            return
    raise ModelError(
        f"feed_forward: expected {' or '.join(WIDTHS)} in the encoder's configuration; found none. Leave it 0."
    )
