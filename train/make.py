"""From finished fits to the folder of a fine-tuned model: mix, calibration, graph, evaluation, card.

Knows a run, its logits and the model folder's contract; fits nothing but the
baseline, which takes a minute.
"""

import shutil
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from newslean.baseline import BASELINE_FILES, Baseline
from newslean.files import write_file
from newslean.finetuned import FLOAT_GRAPH, GRAPH, Finetuned
from newslean.manifest import Manifest, write_manifest
from newslean.mixed import mix_logits
from newslean.tagger import Logits, Tagger
from train import export
from train.assess import contexts_of, evaluate_held_out, evaluate_oof, headline
from train.baseline import fit_baseline
from train.calibrate import choose_mix
from train.card import render_card
from train.folds import thin
from train.gate import GateFit, fit_gate
from train.gate_files import save_gate, with_gate
from train.graph import streamline
from train.network import describe_base
from train.publish import Report, calibrate_on, new_manifest, publish, publish_baseline
from train.record import RECORD, Record, make_record, write_record
from train.run import Run


def make_models(
    run: Run,
    oof: dict[str, Logits],
    reference: Logits,
    *,
    own: Sequence[bool] | None = None,
    earlier: Record | None = None,
) -> tuple[Path, Report]:
    """Make, measure and write the model folder and that of the baseline.

    Parameters
    ----------
    oof : dict
        Out-of-fold logits of ``baseline`` and ``transformer`` on all examples.
    reference : dict
        Logits on the examples `Run.parity_rows` of the network whose float graph lies in ``run.staging``.
    own, earlier : optional
        For the record of an updated model, as `train.record.make_record` takes them.

    Returns
    -------
    (path, report)
        The new model folder ``models/<version>`` and the evaluation report.
    """
    manifest, learnt = _describe(run, oof), [*run.examples, *run.first]
    baseline = fit_baseline(learnt, run.schema, run.baseline, seed=run.seed)
    baseline.save(run.staging)
    parity = choose_graph(run, manifest, reference, baseline)
    report, answers = evaluate_oof(run, oof)
    published = publish_baseline(run, manifest, oof, answers, baseline)
    given = answers["mixed"].labels
    write_record(run.staging, make_record(run.examples, learnt, given, oof, run.schema, own=own, earlier=earlier))
    gate = fit_gate(learnt, run.schema, background=run.background, seed=run.seed)
    run.say(gate.describe() if gate else "gate: too few sentences with or without labels")
    manifest = save_gate(run.staging, with_files(manifest, parity, BASELINE_FILES), gate)
    return finish_model(
        run,
        manifest,
        report,
        measure=lambda: _measure_held_out(run, manifest, oof["transformer"], Tagger.load(published)),
        card=lambda told: _card(run, told, report, gate),
    )


def with_files(manifest: Manifest, parity: Report, names: Sequence[str]) -> Manifest:
    """Give a manifest that lists the files of a model folder: those of the encoder, and others by name."""
    return replace(
        manifest,
        metrics={"parity": parity},
        files=dict.fromkeys((GRAPH, "tokenizer.json", *names, "README.md"), ""),
        optional_files=dict.fromkeys([RECORD, *([] if parity["graph"] == "float" else [FLOAT_GRAPH])], ""),
    )


def finish_model(
    run: Run, manifest: Manifest, report: Report, *, measure: Callable[[], Report], card: Callable[[Manifest], str]
) -> tuple[Path, Report]:
    """Write card and manifest beside what lies in ``run.staging``, measure the rows set aside, and publish.

    Parameters
    ----------
    report : dict
        Gets the part ``held_out``, if there are rows set aside.
    measure : callable
        Measures the stored model on these.
    card : callable
        Renders the model card of a manifest, with what the report holds by then.
    """
    # Once without the numbers on rows set aside, since those are measured with the stored model itself.
    _write_card(run.staging, manifest, report, card)
    if run.held_out:
        report["held_out"] = measure()
        _write_card(run.staging, manifest, report, card)
    places = [run.reports({"transformer"}) / part for part in report]
    path = publish(run.staging, run.models / manifest.version, reports=places)
    run.say(f"wrote {path}")
    return path, report


def _describe(run: Run, oof: dict[str, Logits]) -> Manifest:
    """Choose the shares of the transformer, calibrate both together, and give the manifest that says so."""
    mix = choose_mix(oof["transformer"], oof["baseline"], run.examples, run.schema)
    run.say(f"share of the transformer: {', '.join(f'{name} {share:g}' for name, share in mix.items())}")
    both = mix_logits(oof["transformer"], oof["baseline"], mix)
    base = {**describe_base(run.finetuned.base), **({"updated_from": run.start} if run.start else {})}
    return replace(new_manifest(run, calibrate_on(run, both), key=run.version_key, base=base), mix=mix)


def _measure_held_out(run: Run, manifest: Manifest, transformer: Logits, baseline: Tagger) -> Report:
    """Measure the stored model on rows set aside, and each of its two parts alone."""
    alone = replace(manifest, mix={}, calibration=calibrate_on(run, transformer))
    taggers = {
        "baseline": baseline,
        "transformer": Tagger(Finetuned.load(run.staging, alone), alone),
        "mixed": Tagger.load(run.staging),
    }
    return evaluate_held_out(run, taggers)


def choose_graph(run: Run, manifest: Manifest, reference: Logits, baseline: Baseline) -> Report:
    """Quantize, measure parity over all examples, and ship the float graph if int8 is not near enough."""
    examples = [run.examples[n] for n in run.parity_rows]
    texts, contexts = [e.text for e in examples], contexts_of(examples, manifest.context)
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

    with tempfile.TemporaryDirectory() as folder:
        plain = Path(folder, GRAPH)
        cheaper = streamline(source, plain, longest=manifest.max_length)
        kept = export.quantize_within(plain, target, parity, rows=len(texts), seed=run.seed)
    int8, exact = parity(target), parity(source)
    run.say(f"parity with torch: int8 {int8.equal:.4f} of labels equal, float {exact.equal:.4f}")
    result = {"graph": "int8", "int8": int8.to_dict(), "float": exact.to_dict(), "kept_float": kept, "cheaper": cheaper}
    if int8.equal < export.MIN_PARITY:
        shutil.copyfile(source, target)
        result["graph"] = "float"
    return result


def _write_card(folder: Path, manifest: Manifest, report: Report, card: Callable[[Manifest], str]) -> None:
    """Write card and manifest into a model folder, with what the report has measured so far."""
    scores = {part: headline(found) for part, found in report.items()}
    manifest = replace(manifest, metrics={**manifest.metrics, "macro_f1": scores})
    write_file(folder / "README.md", card(manifest))
    write_manifest(folder, manifest)


def _card(run: Run, manifest: Manifest, report: Report, gate: GateFit | None) -> str:
    training = thin(run.examples, run.shares, run.seed)
    card = render_card(
        manifest,
        report,
        training,
        run.finetuned,
        first=run.authored,
        unmeasured=run.unmeasured,
        grammar=run.grammar is not None,
        shares=run.shares,
        beside=len(run.examples) + len(run.first),
        updated=run.start,
        calibrated=run.examples,
    )
    return with_gate(card, gate)
