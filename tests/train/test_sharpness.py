"""Sharpness-aware training: where gradients are taken, and that weights come back."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from transformers import TrainingArguments

from train.sharpness import SharpnessAware

ROWS = 8
START = torch.tensor([3.0, 4.0])


class Cubic(nn.Module):
    """Loss: mean over the rows of x times the sum of the cubes of two weights; a third is frozen, a fourth idle."""

    def __init__(self, scale: float = 1.0) -> None:
        super().__init__()
        self.one, self.other = nn.Parameter(START[:1].clone()), nn.Parameter(START[1:].clone())
        self.frozen, self.idle = nn.Parameter(torch.ones(1), requires_grad=False), nn.Parameter(torch.ones(1))
        self.scale = scale
        self.seen: list[list[float]] = []
        self.losses: list[float] = []

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        self.seen.append(sorted(x.tolist()))
        loss = self.scale * x.mean() * self.frozen * (self.one**3 + self.other**3).sum()
        self.losses.append(loss.item())
        return {"loss": loss.sum()}

    @property
    def weights(self) -> Tensor:
        assert self.frozen.item() == self.idle.item() == 1
        return torch.cat([self.one, self.other]).detach()


def trainer(folder: Path, model: Cubic, *, radius: float, rate: float, **more: Any) -> SharpnessAware:
    arguments = TrainingArguments(
        output_dir=str(folder),
        max_steps=1,
        per_device_train_batch_size=ROWS,
        max_grad_norm=0,
        use_cpu=True,
        report_to="none",
        save_strategy="no",
        disable_tqdm=True,
        train_sampling_strategy="sequential",
        **more,
    )
    optimizer = torch.optim.SGD(model.parameters(), lr=rate)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda _: 1.0)
    return SharpnessAware(
        radius=radius,
        model=model,
        args=arguments,
        train_dataset=[{"x": 1.0 + n} for n in range(ROWS)],
        optimizers=(optimizer, schedule),
    )


def test_the_gradient_is_that_of_the_worst_point_nearby(tmp_path: Path) -> None:
    model = Cubic()
    told = trainer(tmp_path, model, radius=0.5, rate=0.001).train().training_loss
    uphill = START**2
    worst = START + 0.5 * uphill / uphill.norm()
    torch.testing.assert_close(model.weights, START - 0.001 * 4.5 * 3 * worst**2)
    assert model.seen == [[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0]] * 2
    assert told == pytest.approx(model.losses[1])
    assert model.losses[1] == pytest.approx(4.5 * (worst**3).sum().item())


def test_weights_come_back(tmp_path: Path) -> None:
    model = Cubic()
    trainer(tmp_path, model, radius=0.7, rate=0.0).train()
    assert torch.equal(model.weights, START)


def test_weights_come_back_from_an_error_too(tmp_path: Path) -> None:
    class Failing(Cubic):
        def forward(self, x: Tensor) -> dict[str, Tensor]:
            if self.seen:
                raise KeyboardInterrupt
            return super().forward(x)

    model = Failing()
    with pytest.raises(KeyboardInterrupt):
        trainer(tmp_path, model, radius=0.7, rate=0.1).train()
    assert torch.equal(model.weights, START)


def test_without_a_radius_a_step_is_the_trainers(tmp_path: Path) -> None:
    model = Cubic()
    trainer(tmp_path, model, radius=0.0, rate=0.001).train()
    torch.testing.assert_close(model.weights, START - 0.001 * 4.5 * 3 * START**2)
    assert len(model.seen) == 1


def test_a_flat_loss_moves_nothing(tmp_path: Path) -> None:
    model = Cubic(scale=0.0)
    trainer(tmp_path, model, radius=0.5, rate=0.1).train()
    assert torch.equal(model.weights, START)


def test_gradients_of_several_batches_are_refused(tmp_path: Path) -> None:
    more = {"gradient_accumulation_steps": 2}
    with pytest.raises(ValueError, match="gradient_accumulation_steps = 2"):
        trainer(tmp_path, Cubic(), radius=0.5, rate=0.1, **more)
    trainer(tmp_path, Cubic(), radius=0.0, rate=0.1, **more)
