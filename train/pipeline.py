"""The whole of ``python -m train``: folds, fits, then the model folder.

Knows the order of the stages. Every fit writes its result whole under
``work/``, under a hash of labels, schema, seed, parameters and code; a run that
was killed goes on behind the last whole one.
"""

import os
from dataclasses import replace
from pathlib import Path

import numpy as np

from newslean.errors import DataError
from newslean.files import write_file
from newslean.finetuned import FLOAT_GRAPH
from newslean.tagger import Logits
from train import export
from train.arrays import read_arrays, write_arrays
from train.baseline import cross_fit
from train.finetune import enough_epochs, finetune, predict_logits
from train.folds import hold_out, thin
from train.labels import Example
from train.params import FinetuneParams
from train.publish import Report, make_models
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
    if len({e.group for e in run.examples}) < 2:
        raise DataError(
            f"labels: expected sentences of at least two articles to train on; found {len(run.examples)} sentences "
            f"of {len({e.group for e in run.examples})}. Add rows, or name more files with --labels and --texts; where "
            "rows do not belong together, as posts of many people, give each a doc of its own."
        )
    run.place.mkdir(parents=True, exist_ok=True)
    run.say(f"run {run.key}, model {run.version_key[:6]}")
    first = f"{len(run.first):,} authored sentences to learn first, " if run.first else ""
    run.say(f"{first}{len(run.examples):,} sentences to train on, {len(run.held_out):,} set aside")
    oof = {"baseline": _baseline_out_of_fold(run), "transformer": _transformer_out_of_fold(run)}
    reference = _fit_final(run, epochs=max(1, round(float(oof["transformer"].pop("epochs").mean()))))
    return make_models(run, oof, reference)


def _baseline_out_of_fold(run: Run) -> Logits:
    """Logits of every example from baselines that never saw its article: all folds at once, one a core."""
    path = run.fits("baseline") / "folds.npz"
    if not path.exists():
        run.say(f"baseline: {max(run.assigned) + 1} folds")
        path.parent.mkdir(parents=True, exist_ok=True)
        write_arrays(
            path, cross_fit(run.examples, run.assigned, run.schema, run.baseline, also=run.first, seed=run.seed)
        )
    return read_arrays(path)


def _transformer_out_of_fold(run: Run) -> Logits:
    """Logits of every example from models that never saw its article, and the epochs of each fold's fit."""
    assigned, parts, folder = np.array(run.assigned), [], run.fits("transformer")
    folder.mkdir(parents=True, exist_ok=True)
    for k in range(int(assigned.max()) + 1):
        path = folder / f"fold-{k}.npz"
        if not path.exists():
            run.say(f"transformer, fold {k}: held out {int((assigned == k).sum()):,} of {len(assigned):,} sentences")
            training = [e for e, fold in zip(run.examples, assigned, strict=True) if fold != k]
            held_out = [e for e, fold in zip(run.examples, assigned, strict=True) if fold == k]
            params, mixed = _warm(run)
            write_arrays(path, _fit_fold(run, params, training, mixed, held_out, folder / f"checkpoints-{k}"))
        parts.append(read_arrays(path))
    result = {name: np.zeros((len(assigned), parts[0][name].shape[1]), np.float32) for name in run.schema.names}
    for k, part in enumerate(parts):
        for name, values in result.items():
            values[assigned == k] = part[name]
    return {**result, "epochs": np.array([part["epochs"] for part in parts])}


def _warm(run: Run) -> tuple[FinetuneParams, list[Example]]:
    return warm_up(run.finetuned, run.grammar, run.schema, run.first, seed=run.seed, place=run.work, say=run.say)


def _fit_fold(
    run: Run,
    params: FinetuneParams,
    training: list[Example],
    mixed: list[Example],
    held_out: list[Example],
    folder: Path,
) -> Logits:
    training, validation = hold_out(thin(training, run.shares, run.seed), share=VALIDATION_SHARE, seed=run.seed)
    params = enough_epochs(params, len(training) + len(mixed))
    fit = finetune(
        [*training, *mixed], validation, run.schema, params, seed=run.seed, folder=folder, progress=run.progress
    )
    run.say(f"  {fit.epochs} epochs, validation macro-F1 {fit.score or 0:.3f}")
    return {**predict_logits(fit, held_out, run.schema, params), "epochs": np.array(fit.epochs)}


def _fit_final(run: Run, *, epochs: int) -> Logits:
    """Fit on all examples, export the float graph and give torch's logits, against which graphs are checked."""
    done = run.fits("transformer") / "reference.npz"
    if not done.exists():
        training = thin(run.examples, run.shares, run.seed)
        run.say(f"final fit: {len(training):,} sentences, {epochs} epochs")
        params, mixed = _warm(run)
        params = replace(params, epochs=epochs)
        fit = finetune(
            [*training, *mixed],
            [],
            run.schema,
            params,
            seed=run.seed,
            folder=run.fits("transformer") / "checkpoints-final",
            progress=run.progress,
        )
        run.staging.mkdir(exist_ok=True)
        partial = run.staging / f"{FLOAT_GRAPH}.part"
        reference = predict_logits(fit, run.examples, run.schema, params)
        export.export_onnx(fit.network, partial)
        os.replace(partial, run.staging / FLOAT_GRAPH)
        write_file(run.staging / "tokenizer.json", fit.tokenizer.to_str())
        write_arrays(done, reference)
    return read_arrays(done)
