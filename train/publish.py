"""From finished fits to model folders: mix, calibration, graph, evaluation, card.

Knows a run, its logits and the model folder's contract; fits nothing but the
baseline, which takes a minute.
"""

import shutil
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from newslean import __version__
from newslean.baseline import BASELINE_FILES, Baseline
from newslean.files import write_file
from newslean.finetuned import FLOAT_GRAPH, GRAPH, Finetuned
from newslean.manifest import Calibration, Manifest, read_manifest, write_manifest
from newslean.mixed import mix_logits
from newslean.splitting import splitter_version
from newslean.tagger import Logits, Tagger
from train import export
from train.assess import contexts_of, evaluate_held_out, evaluate_oof, headline
from train.baseline import fit_baseline
from train.calibrate import calibrate, choose_mix, natural_rows
from train.card import render_card
from train.folds import thin
from train.network import describe_base
from train.run import Run

Report = dict[str, Any]


def make_models(run: Run, oof: dict[str, Logits], reference: Logits) -> tuple[Path, Report]:
    """Make, measure and write the model folder and that of the baseline.

    Parameters
    ----------
    oof : dict
        Out-of-fold logits of ``baseline`` and ``transformer`` on all examples.
    reference : dict
        Logits on all examples of the network whose float graph lies in ``run.staging``.

    Returns
    -------
    (path, report)
        The new model folder ``models/<version>`` and the evaluation report.
    """
    mix = choose_mix(oof["transformer"], oof["baseline"], run.examples, run.schema)
    run.say(f"share of the transformer: {', '.join(f'{name} {share:g}' for name, share in mix.items())}")
    both = mix_logits(oof["transformer"], oof["baseline"], mix)
    manifest = replace(_manifest(run, _calibrate(run, both)), mix=mix)
    baseline = fit_baseline([*run.examples, *run.first], run.schema, run.baseline, seed=run.seed)
    baseline.save(run.staging)
    parity = _choose_graph(run, manifest, reference, baseline)
    report = evaluate_oof(run, oof)
    published = _publish_baseline(run, manifest, oof["baseline"], baseline)
    manifest = replace(
        manifest,
        metrics={"parity": parity, "macro_f1": {part: headline(found) for part, found in report.items()}},
        files=dict.fromkeys((GRAPH, "tokenizer.json", *BASELINE_FILES, "README.md"), ""),
        optional_files=dict.fromkeys([] if parity["graph"] == "float" else [FLOAT_GRAPH], ""),
    )
    # Once without the numbers on rows set aside, since those are measured with the stored model itself.
    _write_card(run, manifest, report)
    if run.held_out:
        alone = replace(manifest, mix={}, calibration=_calibrate(run, oof["transformer"]))
        taggers = {
            "baseline": Tagger.load(published),
            "transformer": Tagger(Finetuned.load(run.staging, alone), alone),
            "mixed": Tagger.load(run.staging),
        }
        report["held_out"] = evaluate_held_out(run, taggers)
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
        data={**run.files.hashes, **({"grammar": run.grammar_hash} if run.grammar_hash else {})},
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


def _choose_graph(run: Run, manifest: Manifest, reference: Logits, baseline: Baseline) -> Report:
    """Quantize, measure parity over all examples, and ship the float graph if int8 is not near enough."""
    texts = [e.text for e in run.examples]
    contexts = contexts_of(run.examples, manifest.context)
    source, target = run.staging / FLOAT_GRAPH, run.staging / GRAPH
    beside = baseline.logits(texts, contexts)

    def parity(graph: Path, chosen: Sequence[int] | None = None) -> export.Parity:
        rows = range(len(texts)) if chosen is None else chosen
        found = export.graph_logits(
            graph, run.staging / "tokenizer.json", manifest, [texts[n] for n in rows], [contexts[n] for n in rows]
        )
        expected, others = ({name: logits[name][list(rows)] for name in logits} for logits in (reference, beside))
        pair = [mix_logits(logits, others, manifest.mix) for logits in (expected, found)]
        return export.check_parity(pair[0], pair[1], run.schema, manifest.calibration)

    kept = export.quantize_within(source, target, parity, rows=len(texts), seed=run.seed)
    int8, exact = parity(target), parity(source)
    run.say(f"parity with torch: int8 {int8.equal:.4f} of labels equal, float {exact.equal:.4f}")
    result = {"graph": "int8", "int8": int8.to_dict(), "float": exact.to_dict(), "kept_float": kept}
    if int8.equal < export.MIN_PARITY:
        shutil.copyfile(source, target)
        result["graph"] = "float"
    return result


def _publish_baseline(run: Run, manifest: Manifest, logits: Logits, baseline: Baseline) -> Path:
    folder = run.fits("baseline") / "model"
    folder.mkdir(parents=True, exist_ok=True)
    baseline.save(folder)
    write_manifest(
        folder,
        replace(
            manifest,
            kind="baseline",
            name="newslean-baseline",
            calibration=_calibrate(run, logits),
            context="none",
            mix={},
            base={},
            files=dict.fromkeys(BASELINE_FILES, ""),
        ),
    )
    return publish(folder, run.models / f"{manifest.version}-baseline")


def _write_card(run: Run, manifest: Manifest, report: Report) -> None:
    training = thin(run.examples, run.shares, run.seed)
    card = render_card(
        manifest,
        report,
        training,
        run.finetuned,
        first=run.first,
        grammar=run.grammar is not None,
        shares=run.shares,
        beside=len(run.examples) + len(run.first),
    )
    write_file(run.staging / "README.md", card)
    write_manifest(run.staging, manifest)
