"""Sharpness-aware training: each step follows the gradient of the worst point nearby.

Knows transformers' Trainer; knows neither network nor data.
"""

from typing import Any

import torch
from torch import Tensor, nn
from transformers import Trainer


class SharpnessAware(Trainer):
    """A Trainer that looks for weights around which the loss stays low, not only for a low loss.

    Before a step the weights go a way along the batch's gradient, to where its loss is about the highest within
    ``radius``; the gradient is taken there, and followed from where they were, for twice the time of a step (Foret et
    al. 2021, "Sharpness-Aware Minimization"; for language models Bahri et al. 2022, "Sharpness-Aware Minimization
    Improves Language Model Generalization").

    Parameters
    ----------
    radius : float
        How far to go, as the Euclidean norm over all weights that learn; 0 trains as the Trainer does, step for step.

    Raises
    ------
    ValueError
        If gradients are to be added up over several batches: each has a worst point of its own.
    """

    def __init__(self, *, radius: float, **options: Any) -> None:
        super().__init__(**options)
        if radius and self.args.gradient_accumulation_steps > 1:
            raise ValueError(
                "expected gradients of one batch a step with a radius; found gradient_accumulation_steps = "
                f"{self.args.gradient_accumulation_steps}. Set it to 1, and raise the size of the batch."
            )
        self.radius = radius

    def training_step(self, model: nn.Module, inputs: dict[str, Tensor], *rest: Any) -> Tensor:
        """Leave the gradient of a batch, taken at the worst point nearby, and give the loss there."""
        if not self.radius:
            return super().training_step(model, inputs, *rest)
        super().training_step(model, {**inputs}, *rest)
        weights = [weight for weight in model.parameters() if weight.grad is not None]
        kept = [weight.detach().clone() for weight in weights]
        with torch.no_grad():
            length = nn.utils.get_total_norm([weight.grad for weight in weights])
            for weight in weights:
                weight.add_(weight.grad * (self.radius / length.clamp(min=1e-12)))
        model.zero_grad()
        try:
            return super().training_step(model, inputs, *rest)
        finally:
            with torch.no_grad():
                for weight, before in zip(weights, kept, strict=True):
                    weight.copy_(before)
