"""Sentences to the vectors of the trainer's base encoder, as it is before any training; kept, since they take minutes.

Knows texts, an encoder and a folder.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from train.keys import digest
from train.params import FinetuneParams, read_params


def embed(texts: Sequence[str], folder: Path) -> np.ndarray:
    """Give the mean of the last layer over each text's tokens, scaled to length 1: shape (texts, hidden)."""
    import torch

    from train.network import load_base

    params = read_params(FinetuneParams)
    path = folder / f"{digest([params.base, *texts])}.npy"
    if path.exists():
        return np.asarray(np.load(path))
    encoder, tokenizer = load_base(params.base)
    encoder.eval()
    order = sorted(range(len(texts)), key=lambda n: len(texts[n]))
    rows: dict[int, np.ndarray] = {}
    for start in range(0, len(order), 64):
        chosen = order[start : start + 64]
        batch = tokenizer(
            [texts[n] for n in chosen], padding=True, truncation=True, max_length=params.max_length, return_tensors="pt"
        )
        with torch.inference_mode():
            states = encoder(**batch).last_hidden_state.float()
        mask = batch["attention_mask"].unsqueeze(-1)
        means = torch.nn.functional.normalize((states * mask).sum(1) / mask.sum(1), dim=1)
        rows.update(zip(chosen, means.numpy(), strict=True))
    found = np.stack([rows[n] for n in range(len(texts))])
    folder.mkdir(parents=True, exist_ok=True)
    with path.with_suffix(".part").open("wb") as file:
        np.save(file, found)
    path.with_suffix(".part").rename(path)
    return found
