"""The baseline alone: folds, fit, calibration, evaluation and a model folder, in about a minute and without torch.

Knows a run; a later full training takes its folds up.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from newslean.baseline import Baseline
from newslean.calibration import Calibration
from newslean.tagger import Logits, Tagger
from train.arrays import read_arrays, write_arrays
from train.assess import evaluate_held_out, evaluate_oof
from train.baseline import cross_fit, fit_baseline
from train.folded import fit_all
from train.folds import assign_folds
from train.known import Known, Plan, check_plan
from train.promotion import CURRENT
from train.publish import Report, new_manifest, publish_baseline
from train.record import Record, related
from train.run import Run


def train_baseline(run: Run) -> tuple[Path, Report]:
    """Train the baseline alone; `train.pipeline.train` tells of what is given and raised."""
    run.check()
    run.place.mkdir(parents=True, exist_ok=True)
    run.say(f"run {run.key}, baseline {run.baseline_key[:6]}")
    return make_baseline(run, *_fit_all(run))


def baseline_out_of_fold(run: Run) -> Logits:
    """Logits of every example from baselines that never saw its article: all folds at once, one a core.

    Of an update too: a baseline begins anew, so that its folds hold out all rows, as in a training from scratch.
    """
    whole = replace(run, start="", earlier=None)
    path = whole.fits("baseline") / "folds.npz"
    if not path.exists():
        run.say(f"baseline: {max(whole.assigned) + 1} folds")
        logits = cross_fit(whole.examples, whole.assigned, run.schema, run.baseline, also=whole.first, seed=run.seed)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_arrays(path, logits)
    measured = {id(e) for e in run.examples}
    rows = [n for n, e in enumerate(whole.examples) if id(e) in measured]
    return {name: values[rows] for name, values in read_arrays(path).items()}


def update_baseline(run: Run, known: Known, plan: Plan) -> tuple[Path, Report]:
    """Fit the baseline on all rows anew, but the folds not: two fits side by side instead of one more than folds.

    Old rows keep their answers out of fold. Of the new articles one half is answered by a fit without it, which the
    comparison with the current model uses; the other half by the current model, which has never seen it. All of these
    serve the calibration. New rows of articles that the current model has learnt from are learnt only.

    Parameters
    ----------
    run : Run
        With ``start`` and ``earlier``, the version and the record of what is known.
    """
    check_plan(known, plan)
    run.place.mkdir(parents=True, exist_ok=True)
    new = [run.examples[n] for n in plan.new]
    run.say(f"run {run.key}, baseline {run.baseline_key[:6]}, update of {known.version}: {len(new):,} new sentences")
    try:
        half = [fold == 0 for fold in assign_folds(new, folds=2, seed=run.seed)]
    except ValueError:  # one article: all of it
        half = [True] * len(new)
    held = [n for n, chosen in zip(plan.new, half, strict=True) if chosen]
    rows = [*run.examples, *run.first]
    folds = [0 if near else -1 for near in related(rows, [run.examples[n] for n in held])]
    found, baseline = fit_all(rows, folds, run.schema, run.baseline, seed=run.seed)
    tagger = Tagger.load(run.models / CURRENT)
    others = [n for n, chosen in zip(plan.new, half, strict=True) if not chosen]
    texts = [run.examples[n].text for n in others]
    stored = getattr(tagger.model, "baseline", tagger.model).logits(texts, [""] * len(texts)) if others else {}
    logits = {name: values[plan.places].copy() for name, values in known.record.logits["baseline"].items()}
    for name, values in logits.items():
        values[held] = found[name][held]
        if others:
            values[others] = stored[name]
    own = np.isin(np.arange(len(run.examples)), held).tolist()
    return make_baseline(run, logits, baseline, own=own, earlier=known.record)


def make_baseline(
    run: Run,
    logits: Logits,
    baseline: Baseline,
    *,
    own: Sequence[bool] | None = None,
    earlier: Record | None = None,
) -> tuple[Path, Report]:
    """Make, measure and write the folder of a baseline alone, its logits out of fold given."""
    manifest = new_manifest(run, Calibration(), key=run.baseline_key, base={})
    report, answers = evaluate_oof(run, {"baseline": logits})

    def publish() -> Path:
        found = {"baseline": logits}
        return publish_baseline(run, manifest, found, answers, baseline, report, own=own, earlier=earlier)

    path = publish()
    if run.held_out:
        report["held_out"] = evaluate_held_out(run, {"baseline": Tagger.load(path)})
        path = publish()
    run.say(f"wrote {path}")
    return path, report


def _fit_all(run: Run) -> tuple[Logits, Baseline]:
    """Fit the folds, unless they are there, and the final baseline, side by side."""
    path = run.fits("baseline") / "folds.npz"
    if path.exists():
        return read_arrays(path), fit_baseline([*run.examples, *run.first], run.schema, run.baseline, seed=run.seed)
    run.say(f"baseline: {max(run.assigned) + 1} folds and the final fit")
    logits, baseline = fit_all(run.examples, run.assigned, run.schema, run.baseline, also=run.first, seed=run.seed)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_arrays(path, logits)
    return logits, baseline
