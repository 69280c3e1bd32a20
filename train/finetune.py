"""Fine-tuning through transformers' Trainer and datasets.

Knows examples, parameters and one seed; gives a trained network. Does not
know folds, calibration or model folders.
"""

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer
from torch import nn
from transformers import EvalPrediction, PreTrainedTokenizerFast, set_seed

from newslean.schema import Schema
from newslean.tagger import Logits
from train.batches import Collator, class_weights, in_batches, to_dataset
from train.calibrate import mean_macro_f1
from train.labels import Example
from train.network import HEADS, Network, base_path, freeze, load_base
from train.params import FinetuneParams
from train.trainer import new_trainer, run_trainer, steps_of_epoch


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
    trainer = new_trainer(
        network,
        data,
        params,
        validation=to_dataset(validation, schema, tokenizer, params) if validation else None,
        tokenizer=hf_tokenizer,
        score=lambda prediction: _score(prediction, validation, schema),
        seed=seed,
        folder=folder,
        on_epoch=on_epoch,
        progress=progress,
    )
    network = run_trainer(trainer, Path(folder))
    best = trainer.state.best_metric if validation else None
    steps = trainer.state.best_global_step or trainer.state.global_step
    epochs = round(steps / max(steps_of_epoch(len(data), params), 1))
    shutil.rmtree(folder, ignore_errors=True)
    return Fit(network.cpu().eval(), tokenizer, epochs, best)


def enough_epochs(params: FinetuneParams, rows: int) -> FinetuneParams:
    """Raise the epochs to ``min_steps``, unless the base is a network that has learnt something first.

    An epoch of few rows is a few steps, after which a new head still gives one answer to all: patience grows too.
    """
    if (Path(base_path(params.base)) / HEADS).is_file():
        return params
    epochs = max(params.epochs, -(-params.min_steps // max(steps_of_epoch(rows, params), 1)))
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
    network = Network(
        encoder,
        schema,
        dropout=params.dropout,
        weights=weights,
        label_smoothing=params.label_smoothing,
        late=params.late_context,
    )
    network.take_heads(params.base)
    return network, hf_tokenizer


def load_for(params: FinetuneParams) -> tuple[nn.Module, PreTrainedTokenizerFast]:
    """Load the base encoder, and its tokenizer set to give what the encoder is to read: no padding, cut to length."""
    encoder, hf_tokenizer = load_base(params.base)
    hf_tokenizer.backend_tokenizer.no_padding()
    hf_tokenizer.backend_tokenizer.enable_truncation(params.max_length, strategy="longest_first")
    return encoder, hf_tokenizer


def _score(prediction: EvalPrediction, validation: Sequence[Example], schema: Schema) -> dict[str, float]:
    order = prediction.label_ids[:, -1].argsort()  # the Trainer sorts what it evaluates by length
    logits = {name: found[order] for name, found in zip(schema.names, prediction.predictions, strict=True)}
    return {"macro_f1": mean_macro_f1(logits, validation, schema)}
