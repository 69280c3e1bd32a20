"""Late context: a sentence and its context are read apart, but in the encoder's last layer.

Knows the layers of BERT; knows neither tokens nor heads. What the layers below
say of a sentence does not hang on its context, and serves as the context of the
next sentence too: an article's sentences are read once each, not twice. After
Cao et al. (2020), "DeFormer: Decomposing Pre-trained Transformers for Faster
Question Answering".
"""

import torch
from torch import Tensor, nn
from transformers import BertModel

from newslean.errors import ModelError

HIDDEN = -1e4
"""Added to the attention weight of a token that is not to be seen."""


class Role(nn.Module):
    """What is added to the states of a context before the last layer, so that it is told from the sentence.

    Parameters
    ----------
    size : int
        Of a token's state.
    """

    def __init__(self, size: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(size))

    def forward(self, states: Tensor) -> Tensor:
        """Mark states as those of a context."""
        return states + self.weight


def check_late(encoder: nn.Module) -> None:
    """Refuse an encoder whose layers are not those of BERT.

    Raises
    ------
    ModelError
        If it is another.
    """
    if not isinstance(encoder, BertModel):
        raise ModelError(
            f"late_context: expected an encoder with the layers of BERT; found {type(encoder).__name__}. Leave it "
            "false with this encoder."
        )


def read_late(encoder: BertModel, role: Role, input_ids: Tensor, attention_mask: Tensor, own: Tensor) -> Tensor:
    """Read a batch of contexts with their sentences, padded at either side: the states behind the last layer.

    Parameters
    ----------
    input_ids, attention_mask : Tensor of int, shape (rows, tokens)
        Tokens of the context, as if it stood by itself, and those of the sentence, as if it did.
    own : Tensor of int, shape (rows, tokens)
        1 for the sentence's.
    """
    there = attention_mask.bool()
    mine = own.bool() & there
    # Each of the two begins at position 0, wherever the padding is.
    places = torch.stack([(part.cumsum(1) - 1) * part for part in (mine, there & ~mine)]).sum(0)
    states = encoder.embeddings(input_ids=input_ids, position_ids=places)
    apart = (mine[:, :, None] == mine[:, None, :]) & there[:, None, :]
    hide, hide_apart = (torch.where(seen, 0.0, HIDDEN).to(states.dtype)[:, None] for seen in (there[:, None, :], apart))
    *lower, last = encoder.encoder.layer
    for layer in lower:
        states = layer(states, hide_apart)
    states = torch.where(mine[..., None], states, role(states))
    return last(states, hide.expand_as(hide_apart))


def read_alone(encoder: BertModel, input_ids: Tensor) -> Tensor:
    """Give the states of texts without padding before the last layer, shape (texts, tokens, size)."""
    states = encoder.embeddings(input_ids=input_ids, token_type_ids=torch.zeros_like(input_ids))
    for layer in encoder.encoder.layer[:-1]:
        states = layer(states, None)
    return states


def read_last(encoder: BertModel, role: Role, states: Tensor, before: Tensor) -> Tensor:
    """Compute the last layer for a sentence's tokens, which see those of its context too.

    Parameters
    ----------
    states, before : Tensor of float, shape (1, tokens, size)
        As `read_alone` gives them for the sentence and for its context; none of the context's without one.
    """
    layer = encoder.encoder.layer[-1]
    parts, seen = layer.attention.self, torch.cat([role(before), states], dim=1)
    heads, size = encoder.config.num_attention_heads, parts.attention_head_size

    def split(values: Tensor) -> Tensor:
        return values.view(*values.shape[:2], heads, size).transpose(1, 2)

    scores = torch.matmul(split(parts.query(states)), split(parts.key(seen)).transpose(2, 3)) * size**-0.5
    found = torch.matmul(torch.softmax(scores, dim=-1), split(parts.value(seen))).transpose(1, 2)
    return layer.feed_forward_chunk(layer.attention.output(found.reshape(*states.shape), states))
