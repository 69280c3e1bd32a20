"""Fine-tuning through transformers' Trainer and datasets.

Knows examples, parameters and one seed; gives a trained network. Does not
know folds, calibration or model folders.
"""

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer
from torch import nn
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
    set_seed,
)

from newslean.schema import Schema
from newslean.tagger import Logits
from train.batches import Collator, class_weights, in_batches, to_dataset
from train.calibrate import mean_macro_f1
from train.labels import Example
from train.network import HEADS, Network, base_path, fast_bfloat16, freeze, layers_of, load_base
from train.params import FinetuneParams
from train.sharpness import SharpnessAware


@dataclass(frozen=True)
class Fit:
    """A trained network with the tokenizer it was trained with.

    Attributes
    ----------
    epochs : int
        Epochs that the weights have seen (fewer than asked for after early stopping).
    score : float or None
        Mean macro-F1 on the validation examples; None without any.
    """

    network: Network
    tokenizer: Tokenizer
    epochs: int
    score: float | None


def finetune(
    examples: Sequence[Example],
    validation: Sequence[Example],
    schema: Schema,
    params: FinetuneParams,
    *,
    seed: int,
    folder: str | Path,
    on_epoch: Callable[[int, float], None] | None = None,
    progress: bool = False,
) -> Fit:
    """Fine-tune an encoder with one head per dimension.

    With validation examples the best epoch's weights are kept and training stops after ``params.patience`` epochs
    without a better one (0: never); without any it runs all epochs. A run that was killed goes on from its last
    checkpoint, the end of an epoch, when called again with the same ``folder``.

    Parameters
    ----------
    examples, validation : sequences of Example
        A row that lacks a dimension trains only the others.
    seed : int
        Reaches every random choice: heads, dropout, order.
    folder : path
        For checkpoints; removed when the fit is done.
    on_epoch : callable, optional
        Called with epoch and validation score after each epoch; may raise to stop the fit (pruning).
    """
    set_seed(seed)
    network, hf_tokenizer = _new_network(examples, schema, params)
    tokenizer = hf_tokenizer.backend_tokenizer
    data = to_dataset(examples, schema, tokenizer, params, training=True)
    each = -(-len(data) // params.batch_size)
    steps, every = params.epochs * each, min(-(-params.check_steps // max(each, 1)) or 1, params.epochs)
    stopping = [EarlyStoppingCallback(early_stopping_patience=-(-params.patience // every))]
    stopping = stopping if validation and params.patience else []
    trainer = SharpnessAware(
        radius=params.sharpness_radius,
        model=network,
        args=_arguments(
            params, seed, folder, validate=bool(validation), steps=every * each if every > 1 else 0, progress=progress
        ),
        data_collator=Collator(
            hf_tokenizer.pad_token_id or 0, hf_tokenizer.padding_side, context_dropout=params.context_dropout
        ),
        train_dataset=data,
        eval_dataset=to_dataset(validation, schema, tokenizer, params) if validation else None,
        compute_metrics=lambda prediction: _score(prediction, validation, schema),
        optimizers=_optimizer(network, params, steps),
        callbacks=[*([_Report(on_epoch)] if on_epoch else []), *stopping],
    )
    trainer.remove_callback(PrinterCallback)
    _train(trainer, Path(folder))
    # In mixed precision the Trainer wraps what the network computes; it must predict and be exported as it is.
    network = trainer.accelerator.unwrap_model(network, keep_fp32_wrapper=False)
    best = trainer.state.best_metric if validation else None
    epochs = round((trainer.state.best_global_step or trainer.state.global_step) / max(steps // params.epochs, 1))
    shutil.rmtree(folder, ignore_errors=True)
    return Fit(network.cpu().eval(), tokenizer, epochs, best)


def enough_epochs(params: FinetuneParams, rows: int) -> FinetuneParams:
    """Raise the epochs to ``min_steps``, unless the base is a network that has learnt something first.

    An epoch of few rows is a few steps, after which a new head still gives one answer to all: patience grows too.
    """
    if (Path(base_path(params.base)) / HEADS).is_file():
        return params
    steps = -(-rows // params.batch_size)
    epochs = max(params.epochs, -(-params.min_steps // max(steps, 1)))
    patience = params.patience if epochs == params.epochs else max(params.patience, -(-epochs // 3))
    return replace(params, epochs=epochs, patience=patience)


def predict_logits(fit: Fit, examples: Sequence[Example], schema: Schema, params: FinetuneParams) -> Logits:
    """Score examples with a trained network: dimension to float32 array of shape (examples, labels)."""
    data = to_dataset(examples, schema, fit.tokenizer, params)
    collate = Collator(fit.tokenizer.token_to_id("[PAD]") or 0, "right")
    rows: dict[int, list[NDArray[np.float32]]] = {}
    fit.network.eval()
    for chosen, batch in in_batches(data, collate):
        batch.pop("labels")
        with torch.inference_mode():
            outputs = [scores.numpy() for scores in fit.network(**batch)["logits"]]
        rows.update({n: [scores[k] for scores in outputs] for k, n in enumerate(chosen)})
    return {
        name: np.stack([rows[n][k] for n in range(len(data))]).astype(np.float32) for k, name in enumerate(schema.names)
    }


def _new_network(
    examples: Sequence[Example], schema: Schema, params: FinetuneParams
) -> tuple[Network, PreTrainedTokenizerFast]:
    encoder, hf_tokenizer = load_for(params)
    freeze(encoder, embeddings=params.freeze_embeddings, layers=params.frozen_layers)
    weights = class_weights(examples, schema, params.class_weight_power)
    network = Network(encoder, schema, dropout=params.dropout, weights=weights, label_smoothing=params.label_smoothing)
    network.take_heads(params.base)
    return network, hf_tokenizer


def load_for(params: FinetuneParams) -> tuple[nn.Module, PreTrainedTokenizerFast]:
    """Load the base encoder, and its tokenizer set to give what the encoder is to read: no padding, cut to length."""
    encoder, hf_tokenizer = load_base(params.base)
    hf_tokenizer.backend_tokenizer.no_padding()
    hf_tokenizer.backend_tokenizer.enable_truncation(params.max_length, strategy="longest_first")
    return encoder, hf_tokenizer


class _Report(TrainerCallback):
    def __init__(self, report: Callable[[int, float], None]) -> None:
        self.report = report

    def on_evaluate(self, args: Any, state: Any, control: Any, metrics: dict[str, float], **kwargs: Any) -> None:
        self.report(round(state.epoch), metrics["eval_macro_f1"])


def _score(prediction: EvalPrediction, validation: Sequence[Example], schema: Schema) -> dict[str, float]:
    order = prediction.label_ids[:, -1].argsort()  # the Trainer sorts what it evaluates by length
    logits = {name: found[order] for name, found in zip(schema.names, prediction.predictions, strict=True)}
    return {"macro_f1": mean_macro_f1(logits, validation, schema)}


def _optimizer(
    network: Network, params: FinetuneParams, steps: int
) -> tuple[torch.optim.Optimizer, torch.optim.lr_scheduler.LRScheduler]:
    layers = layers_of(network.encoder)
    rates = {p: params.learning_rate * params.layer_decay ** len(layers) for p in network.encoder.parameters()}
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


def _train(trainer: Trainer, folder: Path) -> None:
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
