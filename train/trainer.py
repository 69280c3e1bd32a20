"""transformers' Trainer as the project sets it: optimizer, settings, checkpoints.

Knows parameters and a network; knows neither examples nor a schema.
"""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from transformers import (
    EarlyStoppingCallback,
    EvalPrediction,
    PreTrainedTokenizerFast,
    PrinterCallback,
    Trainer,
    TrainerCallback,
    TrainerState,
    TrainingArguments,
    get_linear_schedule_with_warmup,
)

from train.batches import Collator
from train.network import Network, fast_bfloat16, layers_of
from train.params import FinetuneParams
from train.sharpness import SharpnessAware


def steps_of_epoch(rows: int, params: FinetuneParams) -> int:
    """Give the number of batches of an epoch."""
    return -(-rows // params.batch_size)


def new_trainer(
    network: Network,
    data: Dataset,
    params: FinetuneParams,
    *,
    validation: Dataset | None,
    tokenizer: PreTrainedTokenizerFast,
    score: Callable[[EvalPrediction], dict[str, float]],
    seed: int,
    folder: str | Path,
    on_epoch: Callable[[int, float], None] | None,
    progress: bool,
) -> Trainer:
    """Set up a fit, for `run_trainer`; parameters without a word here are those of `train.finetune.finetune`.

    Parameters
    ----------
    data, validation : Dataset
        As `train.batches.to_dataset` gives them.
    score : callable
        Gives "macro_f1" of the validation rows.
    """
    each = steps_of_epoch(len(data), params)
    every = min(-(-params.check_steps // max(each, 1)) or 1, params.epochs)
    stopping = [EarlyStoppingCallback(early_stopping_patience=-(-params.patience // every))]
    trainer = SharpnessAware(
        radius=params.sharpness_radius,
        model=network,
        args=_arguments(
            params,
            seed,
            folder,
            validate=validation is not None,
            steps=every * each if every > 1 else 0,
            progress=progress,
        ),
        data_collator=Collator(
            tokenizer.pad_token_id or 0, tokenizer.padding_side, context_dropout=params.context_dropout
        ),
        train_dataset=data,
        eval_dataset=validation,
        compute_metrics=score,
        optimizers=_optimizer(network, params, params.epochs * each),
        callbacks=[*([_Report(on_epoch)] if on_epoch else []), *(stopping if validation and params.patience else [])],
    )
    trainer.remove_callback(PrinterCallback)
    return trainer


def run_trainer(trainer: Trainer, folder: Path) -> Network:
    """Train, from the last whole checkpoint in the folder on, and give the network."""
    newest, state = None, None
    for path in sorted(folder.glob("checkpoint-*"), key=lambda path: int(path.name.rpartition("-")[2])):
        if found := _state_of(path):
            newest, state = str(path), found
        else:
            shutil.rmtree(path)
    if state and state.stateful_callbacks["TrainerControl"]["args"]["should_training_stop"]:
        # Killed after its last epoch: the Trainer would run one more before it stops again.
        trainer.args.num_train_epochs = round(state.epoch)
    trainer.train(resume_from_checkpoint=newest)
    # In mixed precision the Trainer wraps what the network computes; it must predict and be exported as it is.
    network: Network = trainer.accelerator.unwrap_model(trainer.model, keep_fp32_wrapper=False)
    return network


class _Report(TrainerCallback):
    def __init__(self, report: Callable[[int, float], None]) -> None:
        self.report = report

    def on_evaluate(self, args: Any, state: Any, control: Any, metrics: dict[str, float], **kwargs: Any) -> None:
        self.report(round(state.epoch), metrics["eval_macro_f1"])


def _optimizer(
    network: Network, params: FinetuneParams, steps: int
) -> tuple[torch.optim.Optimizer, torch.optim.lr_scheduler.LRScheduler]:
    layers = layers_of(network.encoder)
    rates = {p: params.learning_rate * params.layer_decay ** len(layers) for p in network.encoder.parameters()}
    rates |= dict.fromkeys(network.role.parameters() if network.role else (), params.learning_rate)
    for depth, layer in enumerate(reversed(layers)):
        rates.update(dict.fromkeys(layer.parameters(), params.learning_rate * params.layer_decay**depth))
    groups = [
        {"params": [p for p, its in rates.items() if its == rate and p.requires_grad], "lr": rate}
        for rate in sorted({*rates.values()})
    ]
    groups.append({"params": list(network.heads.parameters()), "lr": params.head_learning_rate})
    optimizer = torch.optim.AdamW(groups, weight_decay=params.weight_decay, fused=True)  # half the time on a CPU
    return optimizer, get_linear_schedule_with_warmup(optimizer, round(params.warmup * steps), steps)


def _arguments(
    params: FinetuneParams, seed: int, folder: str | Path, *, validate: bool, steps: int, progress: bool
) -> TrainingArguments:
    """Give the Trainer's settings; with ``steps`` it looks and saves after so many, otherwise after each epoch."""
    when = "steps" if steps else "epoch"
    return TrainingArguments(
        output_dir=str(folder),
        num_train_epochs=params.epochs,
        per_device_train_batch_size=params.batch_size,
        per_device_eval_batch_size=64,
        eval_strategy=when if validate else "no",
        eval_steps=steps or None,
        save_strategy=when,
        save_steps=steps or 500,
        save_total_limit=1,
        load_best_model_at_end=validate,
        restore_callback_states_from_checkpoint=True,  # or a kill would begin the patience anew
        metric_for_best_model="macro_f1" if validate else None,
        train_sampling_strategy="group_by_length",
        length_column_name="length",
        remove_unused_columns=False,
        label_names=["labels"],
        seed=seed,
        use_cpu=not torch.cuda.is_available(),
        bf16=fast_bfloat16(),
        report_to="none",
        logging_strategy="no",
        disable_tqdm=not progress,
        dataloader_pin_memory=False,
    )


def _state_of(checkpoint: Path) -> TrainerState | None:
    """Read a checkpoint's state, which is written last; None where a kill cut the checkpoint off."""
    try:
        return TrainerState.load_from_json(str(checkpoint / "trainer_state.json"))
    except (OSError, ValueError):
        return None
