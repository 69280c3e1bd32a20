"""Structured pruning: a narrower feed-forward part in each layer of an encoder, which costs less and says the same.

Knows layers that widen what they read and narrow it again by one product each, and a network's loss; knows no file.
"""

from collections.abc import Iterable, Sequence
from functools import partial

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
        If there is no layer, or one has not just two, as where a third one gates them.
    """
    pairs = []
    for layer in layers_of(encoder) or [encoder]:
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


def check_prunable(encoder: nn.Module) -> None:
    """Refuse an encoder that `prune_units` would refuse.

    Raises
    ------
    ModelError
        As `feed_forward_of` does, or if nothing in the configuration tells the number of units.
    """
    feed_forward_of(encoder)
    _width_in(encoder.config)


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
    backs = [back for _, back in feed_forward_of(network.encoder)]
    found, read = [torch.zeros(back.in_features) for back in backs], dict[int, Tensor]()

    def keep(layer: int, _: nn.Module, given: tuple[Tensor, ...]) -> None:
        read[layer] = given[0]

    hooks = [back.register_forward_pre_hook(partial(keep, layer)) for layer, back in enumerate(backs)]
    network.eval()
    try:
        for batch in batches:
            loss = network(**batch)["loss"] * len(batch["labels"])  # the sum, or rows of a short batch would count more
            for layer, slope in zip(read, torch.autograd.grad(loss, [*read.values()]), strict=True):
                found[layer] += ((read[layer].detach() * slope) ** 2).sum((0, 1))  # nothing hangs on padding: 0
    finally:
        for handle in hooks:
            handle.remove()
    return found


def prune_units(encoder: nn.Module, importance: Sequence[Tensor], width: int) -> None:
    """Keep the most important units of each layer, in their order, and write their number to the configuration.

    An encoder that has no more than ``width`` units a layer stays as it is.
    """
    pairs, name = feed_forward_of(encoder), _width_in(encoder.config)
    if all(back.in_features <= width for _, back in pairs):
        return
    for (wide, back), values in zip(pairs, importance, strict=True):
        kept = values.topk(width).indices.sort().values
        wide.weight, back.weight = nn.Parameter(wide.weight.data[kept]), nn.Parameter(back.weight.data[:, kept])
        if wide.bias is not None:
            wide.bias = nn.Parameter(wide.bias.data[kept])
        wide.out_features = back.in_features = width
    setattr(encoder.config, name, width)


def _width_in(config: object) -> str:
    """Name what tells the number of units in a configuration."""
    for name in WIDTHS:
        if hasattr(config, name):
            return name
    raise ModelError(
        f"feed_forward: expected {' or '.join(WIDTHS)} in the encoder's configuration; found none. Leave it 0."
    )
