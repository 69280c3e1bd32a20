"""The whole of ``python -m train``: folds, fits, calibration, export, evaluation, model folder.

Knows the order of the stages. Every fit writes its result whole under
``work/``, under a hash of labels, schema, seed, parameters and code; a run that
was killed goes on behind the last whole one.
"""

import os
import shutil
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from newslean import __version__
from newslean.errors import DataError
from newslean.files import write_file
from newslean.finetuned import FLOAT_GRAPH, GRAPH
from newslean.manifest import Calibration, Manifest, read_manifest, write_manifest
from newslean.splitting import splitter_version
from newslean.tagger import Logits
from train import export
from train.arrays import read_arrays, write_arrays
from train.assess import contexts_of, evaluate_held_out, evaluate_oof, headline
from train.baseline import cross_fit, fit_baseline
from train.calibrate import calibrate, natural_rows
from train.card import render_card
from train.finetune import finetune, predict_logits
from train.folds import hold_out
from train.labels import Example
from train.network import describe_base
from train.params import FinetuneParams
from train.run import Run, thin
from train.warm import warm_up

VALIDATION_SHARE = 0.1
"""Share of a fold's training sentences that early stopping watches."""

Report = dict[str, Any]


def train(run: Run) -> tuple[Path, dict[str, Any]]:
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
            f"of {len({e.group for e in run.examples})}. Add rows, or name more files with --labels and --texts."
        )
    run.place.mkdir(parents=True, exist_ok=True)
    run.say(f"run {run.key}, model {run.version_key[:6]}")
    run.say(f"{len(run.examples):,} sentences to train on, {len(run.held_out):,} set aside")
    oof = {"baseline": _baseline_out_of_fold(run), "transformer": _transformer_out_of_fold(run)}
    reference = _fit_final(run, epochs=max(1, round(float(oof["transformer"].pop("epochs").mean()))))
    manifest = _manifest(run, _calibrate(run, oof["transformer"]))
    parity = _choose_graph(run, manifest, reference)
    report = evaluate_oof(run, oof)
    baseline = _publish_baseline(run, manifest, oof["baseline"])
    manifest = replace(
        manifest,
        metrics={"parity": parity, "macro_f1": {part: headline(found) for part, found in report.items()}},
        files=dict.fromkeys((GRAPH, "tokenizer.json", "README.md"), ""),
        optional_files=dict.fromkeys([] if parity["graph"] == "float" else [FLOAT_GRAPH], ""),
    )
    # Once without the numbers on rows set aside, since those are measured with the stored model itself.
    _write_card(run, manifest, report)
    if run.held_out:
        report["held_out"] = evaluate_held_out(run, {"baseline": baseline, "transformer": run.staging})
        manifest.metrics["macro_f1"]["held_out"] = headline(report["held_out"])
        _write_card(run, manifest, report)
    path = publish(run.staging, run.models / manifest.version, reports=[run.place / part for part in report])
    run.say(f"wrote {path}")
    return path, report


def _calibrate(run: Run, logits: Logits) -> Calibration:
    gold = [e.labels for e in run.examples]
    return calibrate(logits, gold, run.schema, natural=natural_rows(run.examples, run.schema))


def _manifest(run: Run, calibration: Calibration) -> Manifest:
    return Manifest(
        kind="finetuned",
        name="newslean",
        version=f"{datetime.now(UTC):%Y.%m.%d}-{run.version_key[:6]}",
        schema=run.schema,
        calibration=calibration,
        splitter=splitter_version(),
        max_length=run.finetuned.max_length,
        context=run.finetuned.context,
        base=describe_base(run.finetuned.base),
        data=run.files.hashes,
        code_version=__version__,
        seed=run.seed,
    )


def publish(source: Path, path: Path, *, reports: Sequence[Path] = ()) -> Path:
    """Copy a finished model's files to its place, where the folder appears whole, its reports in ``evaluation/``."""
    manifest = read_manifest(source)
    partial = path.with_name(f".{path.name}.part")
    shutil.rmtree(partial, ignore_errors=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial.mkdir()
    for name in (*manifest.files, *manifest.optional_files, "manifest.json"):
        shutil.copyfile(source / name, partial / name)
    for folder in reports:
        shutil.copytree(folder, partial / "evaluation" / folder.name)
    if path.exists():
        shutil.rmtree(path)
    partial.rename(path)
    return path


def _baseline_out_of_fold(run: Run) -> Logits:
    """Logits of every example from baselines that never saw its article: all folds at once, one a core."""
    path = run.fits("baseline") / "folds.npz"
    if not path.exists():
        run.say(f"baseline: {max(run.assigned) + 1} folds")
        path.parent.mkdir(parents=True, exist_ok=True)
        write_arrays(path, cross_fit(run.examples, run.assigned, run.schema, run.baseline, seed=run.seed))
    return read_arrays(path)


def _transformer_out_of_fold(run: Run) -> Logits:
    """Logits of every example from models that never saw its article, and the epochs of each fold's fit."""
    assigned, parts, folder = np.array(run.assigned), [], run.fits("transformer")
    folder.mkdir(parents=True, exist_ok=True)
    params, mixed = _warm(run)
    for k in range(int(assigned.max()) + 1):
        path = folder / f"fold-{k}.npz"
        if not path.exists():
            run.say(f"transformer, fold {k}: held out {int((assigned == k).sum()):,} of {len(assigned):,} sentences")
            training = [e for e, fold in zip(run.examples, assigned, strict=True) if fold != k]
            held_out = [e for e, fold in zip(run.examples, assigned, strict=True) if fold == k]
            write_arrays(path, _fit_fold(run, params, training, mixed, held_out, folder / f"checkpoints-{k}"))
        parts.append(read_arrays(path))
    result = {name: np.zeros((len(assigned), parts[0][name].shape[1]), np.float32) for name in run.schema.names}
    for k, part in enumerate(parts):
        for name, values in result.items():
            values[assigned == k] = part[name]
    return {**result, "epochs": np.array([part["epochs"] for part in parts])}


def _warm(run: Run) -> tuple[FinetuneParams, list[Example]]:
    return warm_up(run.finetuned, run.grammar, run.schema, seed=run.seed, place=run.work, say=run.say)


def _fit_fold(
    run: Run,
    params: FinetuneParams,
    training: list[Example],
    mixed: list[Example],
    held_out: list[Example],
    folder: Path,
) -> Logits:
    training, validation = hold_out(thin(training, run.shares, run.seed), share=VALIDATION_SHARE, seed=run.seed)
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


def _choose_graph(run: Run, manifest: Manifest, reference: Logits) -> Report:
    """Quantize, measure parity over all examples, and ship the float graph if int8 is not near enough."""
    texts = [e.text for e in run.examples]
    contexts = contexts_of(run.examples, manifest.context)
    source, target = run.staging / FLOAT_GRAPH, run.staging / GRAPH

    def parity(graph: Path, chosen: Sequence[int] | None = None) -> export.Parity:
        rows = range(len(texts)) if chosen is None else chosen
        found = export.graph_logits(
            graph, run.staging / "tokenizer.json", manifest, [texts[n] for n in rows], [contexts[n] for n in rows]
        )
        expected = {name: reference[name][list(rows)] for name in run.schema.names}
        return export.check_parity(expected, found, run.schema, manifest.calibration)

    kept = export.quantize_within(source, target, parity, rows=len(texts), seed=run.seed)
    int8, exact = parity(target), parity(source)
    run.say(f"parity with torch: int8 {int8.equal:.4f} of labels equal, float {exact.equal:.4f}")
    result = {"graph": "int8", "int8": int8.to_dict(), "float": exact.to_dict(), "kept_float": kept}
    if int8.equal < export.MIN_PARITY:
        shutil.copyfile(source, target)
        result["graph"] = "float"
    return result


def _publish_baseline(run: Run, manifest: Manifest, logits: Logits) -> Path:
    folder = run.fits("baseline") / "model"
    folder.mkdir(parents=True, exist_ok=True)
    fit_baseline(run.examples, run.schema, run.baseline, seed=run.seed).save(folder)
    write_manifest(
        folder,
        replace(
            manifest,
            kind="baseline",
            name="newslean-baseline",
            calibration=_calibrate(run, logits),
            context="none",
            base={},
            files=dict.fromkeys(("weights.safetensors", "vocabulary.json"), ""),
        ),
    )
    return publish(folder, run.models / f"{manifest.version}-baseline")


def _write_card(run: Run, manifest: Manifest, report: Report) -> None:
    training = thin(run.examples, run.shares, run.seed)
    card = render_card(manifest, report, training, run.finetuned, grammar=run.grammar is not None)
    write_file(run.staging / "README.md", card)
    write_manifest(run.staging, manifest)
