"""Examples to tensors: tokens, targets, weights against class imbalance, padded batches.

Knows examples and a tokenizer; knows no network.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from datasets import Dataset
from tokenizers import Tokenizer

from newslean.context import context_of
from newslean.encoding import encode, sentence_mask
from newslean.schema import Schema
from train.labels import Example
from train.network import MISSING
from train.params import FinetuneParams

READ_AT_ONCE = 32
"""Rows in a batch that trains nothing."""


def to_dataset(
    examples: Sequence[Example],
    schema: Schema,
    tokenizer: Tokenizer,
    params: FinetuneParams,
    *,
    training: bool = False,
) -> Dataset:
    """Tokenize examples and turn their labels into the columns that `Network.loss` reads, and the row's number.

    Parameters
    ----------
    training : bool
        Whether rows also hold the sentence ``alone``, for `Collator` to drop some contexts.
    """

    def tokens(text: str, context: str) -> dict[str, list[int]]:
        late, length = params.late_context, params.max_length
        encoding = encode(tokenizer, text, "" if late else context, max_length=length)
        before = encode(tokenizer, context, "", max_length=length).ids if late and context else []
        return {
            "input_ids": [*before, *encoding.ids],
            "token_type_ids": [0] * len(before) + ([1] * len(encoding.ids) if late else encoding.type_ids),
            "sentence_mask": [0] * len(before) + sentence_mask(encoding),
        }

    rows: list[dict[str, Any]] = []
    for n, example in enumerate(examples):
        context = context_of(params.context, title=example.article_title, before=example.before)
        row = tokens(example.text, context)
        rows.append({**row, "length": len(row["input_ids"]), "labels": [*target(example, schema), n]})
        if training and params.context_dropout and params.context != "none":
            rows[-1]["alone"] = tokens(example.text, "")
    return Dataset.from_list(rows)


def target(example: Example, schema: Schema) -> list[int]:
    """Give a row's columns: 0/1 per label (``multi``), the label's index (``single``), MISSING where it has none."""
    columns: list[int] = []
    for d in schema.dimensions:
        value = example.labels.get(d.name)
        if d.multi:
            columns += [MISSING if value is None else int(label in value) for label in d.labels]
        else:
            columns.append(MISSING if value is None else d.labels.index(str(value)))
    return columns


def class_weights(examples: Sequence[Example], schema: Schema, power: float) -> dict[str, torch.Tensor]:
    """Weights against class imbalance: (rarest-to-common ratio) ** power, mean 1 over rows for ``single``."""
    targets, weights, column = np.array([target(e, schema) for e in examples]), {}, 0
    for d in schema.dimensions:
        if d.multi:
            block = targets[:, column : column + len(d.labels)]
            column += len(d.labels)
            positive, negative = (block == 1).sum(0) + 1, (block == 0).sum(0) + 1
            weight = (negative / positive) ** power
        else:
            block = targets[:, column]
            column += 1
            counts = np.bincount(block[block != MISSING], minlength=len(d.labels)) + 1
            weight = (counts.mean() / counts) ** power
            weight = weight * counts.sum() / (weight * counts).sum()
        weights[d.name] = torch.tensor(weight, dtype=torch.float32)
    return weights


def in_batches(data: Dataset, collate: "Collator") -> Iterator[tuple[list[int], dict[str, torch.Tensor]]]:
    """Yield numbers of rows with their batch, those of like length together."""
    order = sorted(range(len(data)), key=lambda n: data[n]["length"])
    for start in range(0, len(order), READ_AT_ONCE):
        chosen = order[start : start + READ_AT_ONCE]
        yield chosen, collate([data[n] for n in chosen])


class Collator:
    """Pads a batch to its longest sentence.

    Parameters
    ----------
    context_dropout : float
        Share of the rows, drawn anew each time, that are given ``alone``, where they hold that: a network must not
        come to rely on a context that the first sentence of an article, or a user's table, does not have.
    """

    def __init__(self, pad_id: int, side: str, *, context_dropout: float = 0.0) -> None:
        self.pad_id = pad_id
        self.left = side == "left"
        self.context_dropout = context_dropout

    def __call__(self, rows: list[dict[str, Any]]) -> dict[str, torch.Tensor]:
        """Give a batch of tensors of shape (rows, tokens)."""
        if "alone" in rows[0]:
            dropped = (torch.rand(len(rows)) < self.context_dropout).tolist()
            rows = [{**row, **row["alone"]} if drop else row for row, drop in zip(rows, dropped, strict=True)]
        width = max(len(row["input_ids"]) for row in rows)

        def pad(values: list[int], fill: int = 0) -> list[int]:
            padding = [fill] * (width - len(values))
            return padding + values if self.left else values + padding

        return {
            "input_ids": torch.tensor([pad(row["input_ids"], self.pad_id) for row in rows]),
            "attention_mask": torch.tensor([pad([1] * len(row["input_ids"])) for row in rows]),
            "token_type_ids": torch.tensor([pad(row["token_type_ids"]) for row in rows]),
            "sentence_mask": torch.tensor([pad(row["sentence_mask"]) for row in rows]),
            "labels": torch.tensor([row["labels"] for row in rows]),
        }
