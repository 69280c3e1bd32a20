"""The baseline alone: folds, fit, calibration, evaluation and a model folder, in about a minute and without torch.

Knows a run; a later full training takes its folds up.
"""

from pathlib import Path

from newslean.baseline import Baseline
from newslean.manifest import Calibration
from newslean.tagger import Logits, Tagger
from train.arrays import read_arrays, write_arrays
from train.assess import evaluate_held_out, evaluate_oof
from train.baseline import cross_fit, fit_baseline
from train.folded import fit_all
from train.publish import Report, new_manifest, publish_baseline
from train.run import Run


def train_baseline(run: Run) -> tuple[Path, Report]:
    """Train the baseline alone; `train.pipeline.train` tells of what is given and raised."""
    run.check()
    run.place.mkdir(parents=True, exist_ok=True)
    run.say(f"run {run.key}, baseline {run.baseline_key[:6]}")
    return make_baseline(run, *_fit_all(run))


def baseline_out_of_fold(run: Run) -> Logits:
    """Logits of every example from baselines that never saw its article: all folds at once, one a core."""
    path = run.fits("baseline") / "folds.npz"
    if not path.exists():
        run.say(f"baseline: {max(run.assigned) + 1} folds")
        path.parent.mkdir(parents=True, exist_ok=True)
        write_arrays(
            path, cross_fit(run.examples, run.assigned, run.schema, run.baseline, also=run.first, seed=run.seed)
        )
    return read_arrays(path)


def make_baseline(run: Run, logits: Logits, baseline: Baseline) -> tuple[Path, Report]:
    """Make, measure and write the folder of a baseline alone, its logits out of fold given."""
    manifest = new_manifest(run, Calibration(), key=run.baseline_key, base={})
    report, answers = evaluate_oof(run, {"baseline": logits})
    path = publish_baseline(run, manifest, {"baseline": logits}, answers, baseline, report)
    if run.held_out:
        report["held_out"] = evaluate_held_out(run, {"baseline": Tagger.load(path)})
        path = publish_baseline(run, manifest, {"baseline": logits}, answers, baseline, report)
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
