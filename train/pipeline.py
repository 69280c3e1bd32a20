"""The whole of ``python -m train``: folds, fits, then the model folder.

Knows the order of the stages. Every fit writes its result whole under
``work/``, under a hash of labels, schema, seed, parameters and code; a run that
was killed goes on behind the last whole one.
"""

import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from newslean.encoding import encode
from newslean.files import write_file
from newslean.finetuned import FLOAT_GRAPH
from newslean.tagger import Logits
from train import export
from train.alone import baseline_out_of_fold
from train.arrays import read_arrays, write_arrays
from train.assess import contexts_of
from train.finetune import Fit, enough_epochs, finetune, load_for, predict_logits
from train.folders import replace_folder
from train.folds import hold_out, thin
from train.labels import Example
from train.make import make_models
from train.network import HEADS, Network, base_path, load_base
from train.params import FinetuneParams
from train.publish import Report
from train.run import Run
from train.warm import warm_up

VALIDATION_SHARE = 0.1
"""Share of a fold's training sentences that early stopping watches."""


def train(run: Run) -> tuple[Path, Report]:
    """Run all stages that are not done yet.

    Returns
    -------
    (path, report)
        The new model folder ``models/<version>`` and the evaluation report.

    Raises
    ------
    DataError
        If there are too few articles to hold one out.
    """
    run.check()
    run.place.mkdir(parents=True, exist_ok=True)
    run.say(f"run {run.key}, model {run.version_key[:6]}")
    first = f"{len(run.first):,} authored sentences to learn first, " if run.first else ""
    run.say(f"{first}{len(run.examples):,} sentences to train on, {len(run.held_out):,} set aside")
    baseline = baseline_out_of_fold(run)
    transformer, parts = fit_folds(run, run.examples, run.assigned, lambda *fold: _fit_fold(run, *fold))
    reference = _fit_final(run, epochs=max(1, round(float(np.mean([part["epochs"] for part in parts])))))
    return make_models(run, {"baseline": baseline, "transformer": transformer}, reference)


def fit_folds(
    run: Run,
    rows: Sequence[Example],
    folds: Sequence[int],
    fit: Callable[[int, list[Example], list[Example]], Logits],
    *,
    what: str = "sentences",
) -> tuple[Logits, list[Logits]]:
    """Give the logits of rows from networks that never saw their articles, and the arrays of each fold.

    Parameters
    ----------
    folds : sequence of int
        Of each row. A fold whose arrays lie among the run's fits is not fitted again.
    fit : callable
        ``fit(fold, training, held_out)`` gives the logits of the rows held out, and may give other arrays beside them.
    what : str
        What the rows are, for the user.
    """
    assigned, parts, folder = np.array(folds), [], run.fits("transformer")
    folder.mkdir(parents=True, exist_ok=True)
    for k in range(int(assigned.max()) + 1):
        path = folder / f"fold-{k}.npz"
        if not path.exists():
            run.say(f"transformer, fold {k}: held out {int((assigned == k).sum()):,} of {len(rows):,} {what}")
            training = [e for e, fold in zip(rows, folds, strict=True) if fold != k]
            held_out = [e for e, fold in zip(rows, folds, strict=True) if fold == k]
            write_arrays(path, fit(k, training, held_out))
        parts.append(read_arrays(path))
    result = {d.name: np.zeros((len(rows), len(d.labels)), np.float32) for d in run.schema.dimensions}
    for k, part in enumerate(parts):
        for name, values in result.items():
            values[assigned == k] = part[name]
    return result, parts


def _warm(run: Run) -> tuple[FinetuneParams, list[Example]]:
    return warm_up(run.finetuned, run.grammar, run.schema, run.first, seed=run.seed, place=run.work, say=run.say)


def _fit_fold(run: Run, fold: int, training: list[Example], held_out: list[Example]) -> Logits:
    """Fit without a fold, as long as a part of the rows says; give its logits and the epochs that this took."""
    params, mixed = _warm(run)
    folder = run.fits("transformer") / f"checkpoints-{fold}"
    training, validation = thin(training, run.shares, run.seed), list[Example]()
    params = enough_epochs(params, len(training) + len(mixed))
    if params.patience:
        training, validation = hold_out(training, share=VALIDATION_SHARE, seed=run.seed)
    fit = finetune(
        [*training, *mixed], validation, run.schema, params, seed=run.seed, folder=folder, progress=run.progress
    )
    run.say(f"  {fit.epochs} epochs" + (f", validation macro-F1 {fit.score or 0:.3f}" if validation else ""))
    if _averages(params):
        keep_network(_fold_network(run, fold), fit, params)
    return {**predict_logits(fit, held_out, run.schema, params), "epochs": np.array(fit.epochs)}


def _fit_final(run: Run, *, epochs: int) -> Logits:
    """Fit on all examples, export the float graph and give torch's logits, against which graphs are checked."""
    done = run.fits("transformer") / "reference.npz"
    if not done.exists():
        params, mixed = _warm(run)
        params = replace(params, epochs=epochs)
        if _averages(params):
            fit = _mean_fit(run, params)
        else:
            training = thin(run.examples, run.shares, run.seed)
            run.say(f"final fit: {len(training):,} sentences, {epochs} epochs")
            folder = run.fits("transformer") / "checkpoints-final"
            rows = [*training, *mixed]
            fit = finetune(rows, [], run.schema, params, seed=run.seed, folder=folder, progress=run.progress)
        finish_fit(run, fit, params)
    return read_arrays(done)


def _mean_fit(run: Run, params: FinetuneParams) -> Fit:
    """Give the mean of the folds' networks, which have learnt all rows between them."""
    first, *others = [_fold_network(run, fold) for fold in range(max(run.assigned) + 1)]
    run.say(f"final network: the mean of the {len(others) + 1} folds' networks")
    encoder, tokenizer = load_for(replace(params, base=str(first)))
    network = Network(encoder, run.schema, late=params.late_context)
    network.take_heads(str(first))
    network.average(others)
    return Fit(network.eval(), tokenizer.backend_tokenizer, params.epochs, None)


def _averages(params: FinetuneParams) -> bool:
    """Say whether networks are averaged: asked for, and all go on from one that has learnt something first."""
    return params.average_folds and (Path(base_path(params.base)) / HEADS).is_file()


def _fold_network(run: Run, fold: int) -> Path:
    return run.fits("transformer") / f"network-{fold}"


def finish_fit(run: Run, fit: Fit, params: FinetuneParams) -> None:
    """Keep a final network, export its float graph, and write its logits last: they say that all is done."""
    _tell_cut(run, fit)
    keep_network(run.network, fit, params)
    run.staging.mkdir(exist_ok=True)
    partial = run.staging / f"{FLOAT_GRAPH}.part"
    reference = predict_logits(fit, [run.examples[n] for n in run.parity_rows], run.schema, params)
    export.export_onnx(fit.network, partial)
    os.replace(partial, run.staging / FLOAT_GRAPH)
    write_file(run.staging / "tokenizer.json", fit.tokenizer.to_str())
    write_arrays(run.fits("transformer") / "reference.npz", reference)


def _tell_cut(run: Run, fit: Fit) -> None:
    """Say how many rows are longer than what the network reads of them."""
    rows = [run.examples[n] for n in run.parity_rows]
    most = run.finetuned.max_length
    # A context that comes late takes no room from its sentence.
    contexts = contexts_of(rows, "none" if run.finetuned.late_context else run.finetuned.context)
    pairs = zip(rows, contexts, strict=True)
    cut = sum(bool(encode(fit.tokenizer, e.text, context, max_length=most).overflowing) for e, context in pairs)
    if cut:
        run.say(
            f"{cut:,} of {len(rows):,} {run.schema.unit}s are longer than max_length, {most} tokens: the network "
            "does not read what is beyond"
        )


def keep_network(folder: Path, fit: Fit, params: FinetuneParams) -> None:
    """Keep a network in float with its tokenizer, whole or not at all, for a later update to go on from."""
    partial = folder.with_name(f".{folder.name}.part")
    shutil.rmtree(partial, ignore_errors=True)
    fit.network.save(partial)
    load_base(params.base)[1].save_pretrained(partial)
    replace_folder(partial, folder)
