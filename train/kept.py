"""An update that lacks much of what the current model has learnt: the network learns further, all else stays.

A baseline, a calibration and a gate made anew of the few rows at hand would
be worse than those of the current model, which knew all. So they are taken
from its folder, and what they rest on from its record.
"""

import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from newslean.baseline import BASELINE_FILES, Baseline
from newslean.errors import DataError
from newslean.manifest import GATE_FILE, Manifest, read_manifest
from newslean.mixed import mix_logits
from newslean.tagger import Logits, Tagger
from train.assess import evaluate_held_out, evaluate_parts, predictions_from
from train.card import updated_card
from train.gate_files import with_gate_of
from train.known import Known, Plan
from train.make import choose_graph, finish_model, with_files
from train.network import describe_base
from train.promotion import CURRENT, folder_name
from train.publish import Report, new_manifest
from train.record import make_record, write_record
from train.run import Run


def kept_baseline(run: Run, known: Known, plan: Plan) -> Logits:
    """Give the logits of the current model's baseline: out of fold from its record, and its own of new rows."""
    folder, stored = run.models / CURRENT, known.record.logits["baseline"]
    result = {name: stored[name][plan.places].copy() for name in run.schema.names}
    texts = [run.examples[n].text for n in plan.new]
    if texts:
        found = Baseline.load(folder, read_manifest(folder)).logits(texts, [""] * len(texts))
        for name, values in found.items():
            result[name][plan.new] = values
    return result


def keep_rest(
    run: Run, known: Known, plan: Plan, oof: dict[str, Logits], reference: Logits, own: Sequence[bool]
) -> tuple[Path, Report]:
    """Make, measure and write the folder of a model whose network alone is new.

    Parameters and what is returned are those of `train.make.make_models`. Only the model as a whole is measured: its
    baseline is not new, and has no folder of its own.
    """
    current = run.models / CURRENT
    old = read_manifest(current)
    if folder_name(old) != known.version:
        raise DataError(
            f"{current}: expected {known.version}, from which this update began; found {folder_name(old)}, which has "
            "become current since. Run the same command again."
        )
    manifest = _describe(run, old)
    names = [*BASELINE_FILES, *([GATE_FILE] if old.gate else [])]
    for name in names:
        shutil.copyfile(current / name, run.staging / name)
    parity = choose_graph(run, manifest, reference, Baseline.load(current, old))
    mixed = mix_logits(oof["transformer"], oof["baseline"], manifest.mix)
    answers = predictions_from("mixed", mixed, run.schema, [manifest.calibration] * len(run.examples))
    # Known rows were answered by a calibration that did not see them; this one did.
    for n, place in enumerate(plan.places):
        if place >= 0:
            answers.labels[n] = known.record.labels(place, run.schema)
    report = evaluate_parts(run, [answers], oof)
    taught = [*run.examples, *run.first]
    record = make_record(run.examples, taught, answers.labels, oof, run.schema, own=own, earlier=known.record)
    write_record(run.staging, record.beside(known.record, plan.places))
    card = (current / "README.md").read_text(encoding="utf-8")
    learnt = [*(run.examples[n] for n in plan.new), *plan.changed]
    return finish_model(
        run,
        with_files(manifest, parity, names),
        report,
        measure=lambda: evaluate_held_out(run, {"mixed": Tagger.load(run.staging)}),
        card=lambda told: with_gate_of(updated_card(card, told, report, learnt, run.finetuned), card),
    )


def _describe(run: Run, old: Manifest) -> Manifest:
    base = {**describe_base(run.finetuned.base), "updated_from": run.start}
    made = new_manifest(run, old.calibration, key=run.version_key, base=base)
    return replace(made, mix=old.mix, gate=old.gate, params={**made.params, "baseline": old.params.get("baseline", {})})
