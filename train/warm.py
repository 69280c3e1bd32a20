"""Invented sentences before labelled ones: an encoder that has read the grammar, and rows to mix in.

Knows a grammar, parameters and a folder for the encoder. All folds share the
result: what comes from a grammar leaks no article.
"""

import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from newslean.schema import Schema
from newslean.tagger import context_of
from train.draw import generate
from train.finetune import finetune
from train.grammar import Grammar
from train.labels import Example
from train.network import load_base
from train.params import FinetuneParams
from train.run import code_hashes, digest


def warm_up(
    params: FinetuneParams,
    grammar: Grammar | None,
    schema: Schema,
    *,
    seed: int,
    place: Path,
    say: Callable[[str], None],
) -> tuple[FinetuneParams, list[Example]]:
    """Train the base on sentences of the grammar, once, and draw those to mix in.

    Parameters
    ----------
    place : Path
        Folder where warm encoders lie, each under a hash of what it hangs on.

    Returns
    -------
    (params, mixed)
        The parameters with the warm encoder as their base, and rows to add to the ones to train on. Without a
        grammar, or with 0 sentences asked for, the parameters as they are and no rows.
    """
    if grammar is None:
        return params, []
    mixed = _drawn(grammar, schema, params, params.mixed_sentences, seed=seed + 1)
    if not params.warm_sentences:
        return params, mixed
    once = replace(params, epochs=1, mixed_sentences=0)
    key = digest([asdict(once), asdict(grammar), schema.to_dict(), seed, code_hashes("transformer")])
    folder = place / f"warm-{key}"
    if not folder.exists():
        sentences = _drawn(grammar, schema, params, params.warm_sentences, seed=seed)
        say(f"warm start: {len(sentences):,} sentences of the grammar")
        place.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(prefix=f".{folder.name}-", dir=place) as partial:  # one each: runs may share the place
            fit = finetune(sentences, [], schema, once, seed=seed, folder=Path(partial, "checkpoints"))
            fit.network.encoder.save_pretrained(Path(partial, "encoder"))
            load_base(params.base)[1].save_pretrained(Path(partial, "encoder"))
            with suppress(OSError):  # another run was first, with the same
                os.replace(Path(partial, "encoder"), folder)
    return replace(params, base=str(folder)), mixed


def _drawn(grammar: Grammar, schema: Schema, params: FinetuneParams, number: int, *, seed: int) -> list[Example]:
    # "It trails Borva." says nothing to a network that is not shown the sentence before.
    found = generate(grammar, schema, number, seed=seed)
    return [e for e in found if not e.before or context_of(params.context, title=None, before=e.before)]
