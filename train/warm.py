"""Invented sentences before all others: a network that has read them, and rows to mix in.

Knows authored rows, a grammar, parameters and a folder for the network. All
folds share the result: what is invented leaks no article.
"""

import os
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from newslean.context import context_of
from newslean.files import sync_tree
from newslean.schema import Schema
from train.batches import Collator, in_batches, to_dataset
from train.draw import generate
from train.finetune import finetune, load_for
from train.folders import locked
from train.grammar import Grammar
from train.keys import base_revision, code_hashes, digest, rows_key
from train.labels import Example
from train.late import check_late
from train.network import Network, load_base
from train.params import FinetuneParams
from train.prune import check_prunable, prune_units, unit_importance

READ_TO_PRUNE = 2_000
"""Rows that tell which units stay."""


def warm_up(
    params: FinetuneParams,
    grammar: Grammar | None,
    schema: Schema,
    authored: Sequence[Example] = (),
    *,
    seed: int,
    place: Path,
    say: Callable[[str], None],
) -> tuple[FinetuneParams, list[Example]]:
    """Train the base on authored rows and on sentences of the grammar, once, and draw those to mix in.

    What is invented is plentiful and clean, but not written as news is: learnt first, it teaches what the labels mean,
    and the rows that follow how news says it. Of several networks that have learnt it, each by draws and random choices
    of its own, the mean of the weights goes on: it forgets what only one of them took for a rule, and what averaging
    does to the scale of the answers is mended by the rows that follow (Wortsman et al. 2022, "Model soups").

    Parameters
    ----------
    authored : sequence of Example
        Rows to learn first, as `train.run.part_authored` gives them.
    place : Path
        Folder where warm networks lie, each under a hash of what it hangs on. Where ``params.feed_forward`` asks for
        it, one of them is the mean, pruned: what invented sentences need of it tells which units stay.

    Returns
    -------
    (params, mixed)
        The parameters with the warm network as their base, and rows to add to the ones to train on. With nothing to
        learn first, the parameters as they are; without a grammar, no rows.

    Raises
    ------
    ModelError
        If the base cannot be pruned as ``params.feed_forward`` says, or not read as ``params.late_context`` does.
    """
    mixed = _drawn(grammar, schema, params, params.mixed_sentences, seed=seed + params.warm_networks)
    if not authored and not (grammar and params.warm_sentences):
        return params, mixed
    place.mkdir(parents=True, exist_ok=True)
    seeds = range(seed, seed + params.warm_networks)
    found = [_warm_network(params, grammar, schema, authored, seed=s, place=place, say=say) for s in seeds]
    base = found[0] if len(found) == 1 else _mean_network(found, schema, place)
    if params.feed_forward:

        def read() -> list[Example]:
            return [*authored, *_drawn(grammar, schema, params, params.warm_sentences, seed=seed)]

        base = _pruned_network(base, params, schema, read, place=place)
    return replace(params, base=str(base)), mixed


def _warm_network(
    params: FinetuneParams,
    grammar: Grammar | None,
    schema: Schema,
    authored: Sequence[Example],
    *,
    seed: int,
    place: Path,
    say: Callable[[str], None],
) -> Path:
    once = replace(
        params,
        epochs=max(1, params.warm_epochs),
        learning_rate=params.warm_learning_rate,
        sharpness_radius=0.0,
        late_context=False,
        mixed_sentences=0,
        warm_networks=1,
        feed_forward=0,
        average_folds=False,
    )
    parts = [
        asdict(once),
        base_revision(params.base),
        asdict(grammar) if grammar else None,
        rows_key(authored),
        schema.to_dict(),
        seed,
        code_hashes("transformer"),
    ]

    def make(partial: Path, checkpoints: Path) -> None:
        if params.feed_forward:  # before anything learns for an hour
            check_prunable(load_base(params.base)[0])
        if params.late_context:
            check_late(load_base(params.base)[0])
        drawn = _drawn(grammar, schema, params, params.warm_sentences, seed=seed)
        say(f"warm start: {len(authored):,} authored sentences, {len(drawn):,} of the grammar")
        fit = finetune([*authored, *drawn], [], schema, once, seed=seed, folder=checkpoints)
        fit.network.save(partial)
        load_base(params.base)[1].save_pretrained(partial)

    return _made_once(place / f"warm-{digest(parts)}", make)


def _mean_network(networks: Sequence[Path], schema: Schema, place: Path) -> Path:
    def make(partial: Path, _: Path) -> None:
        encoder, tokenizer = load_base(str(networks[0]))
        network = Network(encoder, schema)
        network.take_heads(str(networks[0]))
        network.average(networks[1:])
        network.save(partial)
        tokenizer.save_pretrained(partial)

    return _made_once(place / f"warm-{digest([path.name for path in networks])}", make)


def _pruned_network(
    base: Path, params: FinetuneParams, schema: Schema, read: Callable[[], list[Example]], *, place: Path
) -> Path:
    def make(partial: Path, _: Path) -> None:
        rows = read()
        chosen = np.random.default_rng(0).permutation(len(rows))[:READ_TO_PRUNE].tolist()
        encoder, tokenizer = load_for(replace(params, base=str(base)))
        network = Network(encoder, schema, late=params.late_context)
        network.take_heads(str(base))
        data = to_dataset([rows[n] for n in chosen], schema, tokenizer.backend_tokenizer, params)
        collate = Collator(tokenizer.pad_token_id or 0, tokenizer.padding_side)
        importance = unit_importance(network, (batch for _, batch in in_batches(data, collate)))
        prune_units(encoder, importance, params.feed_forward)
        network.save(partial)
        load_base(str(base))[1].save_pretrained(partial)

    # The name of the first hangs on all else that is read here.
    return _made_once(place / f"warm-{digest([base.name, params.feed_forward, params.late_context])}", make)


def _made_once(folder: Path, make: Callable[[Path, Path], None]) -> Path:
    """Have a folder made, unless it lies there, whole or not at all: ``make(partial, checkpoints)``.

    Runs may share the place: the second waits for the first, and finds it made. A killed one leaves its checkpoints to
    the next. Where the system cannot lock, each has its own.
    """
    if not folder.exists():
        beside = folder.with_name(f".{folder.name}")
        with locked(beside) as alone, TemporaryDirectory(dir=beside) as own:
            if not folder.exists():
                partial = Path(own, "network")
                make(partial, Path(beside if alone else own, "checkpoints"))
                sync_tree(partial)
                try:
                    os.replace(partial, folder)
                except OSError:
                    if not folder.exists():  # otherwise, without a lock, another was first, with the same
                        raise
    return folder


def _drawn(grammar: Grammar | None, schema: Schema, params: FinetuneParams, number: int, *, seed: int) -> list[Example]:
    # "It trails Borva." says nothing to a network that is not shown the sentence before.
    found = generate(grammar, schema, number, seed=seed) if grammar else []
    return [e for e in found if not e.before or context_of(params.context, title=None, before=e.before)]
