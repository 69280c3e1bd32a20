"""Training the current model's network further on new rows, instead of all from scratch.

Knows a run, the record of the current model and its network in float. The
scheme, and what it cannot show:

- New is a row whose answers out of fold the record lacks, or whose labels have changed. The network is trained on all
  of these and on a sample of the old rows, so that it does not forget them.
- New rows are answered out of fold: for each fold, by the network trained further without it. Only these answers
  belong to the updated model. Old rows keep the answers of the networks before: the calibration rests on both.
- New rows of articles that the network has learnt from are learnt too, but nothing is measured on them: what it knows
  of their articles cannot be held out.
- So the update is compared with the current model on the new rows by folds and on rows set aside, not on old rows.
- Where the current model was made from more rows than there are to learn, the network is the mean of the one trained
  further and the one before (Wortsman et al. 2022, "Robust fine-tuning of zero-shot models"): it learns as much, and
  forgets less.
- The baseline is fitted anew on all rows, as always: it is cheap. Where too few of the rows that the current model was
  calibrated on are at hand, it stays as it is, as do calibration and gate (`train.kept`), and the network is a mean
  always.
- A row that is gone is not forgotten, and small harm can add up over many updates: train from scratch now and then.
"""

from dataclasses import replace
from pathlib import Path

from newslean.tagger import Logits, Tagger
from train.alone import baseline_out_of_fold
from train.arrays import read_arrays
from train.assess import contexts_of
from train.finetune import Fit, finetune, predict_logits
from train.folds import assign_folds
from train.kept import keep_rest, kept_baseline
from train.known import Known, Plan, check_plan
from train.labels import Example
from train.make import make_models
from train.pipeline import finish_fit, fit_folds
from train.promotion import CURRENT
from train.publish import Report
from train.record import related
from train.run import Run


def update(run: Run, known: Known, plan: Plan) -> tuple[Path, Report]:
    """Run all stages of an update that are not done yet.

    Parameters
    ----------
    run : Run
        With ``start`` and ``earlier``, the version and the record of what is known.

    Returns
    -------
    (path, report)
        The new model folder and the evaluation report, as `train.pipeline.train` gives them.
    """
    run.check()
    check_plan(known, plan)
    run.fits("transformer").mkdir(parents=True, exist_ok=True)
    run.say(f"run {run.key}, model {run.version_key[:6]}, update of {known.version}")
    run.say(f"{len(plan.new):,} new sentences, {len(plan.changed):,} changed, {len(plan.replay):,} to read again")
    if not plan.whole:
        run.say(
            f"too few of the {run.schema.unit}s that {known.version} was calibrated on are at hand: its network learns "
            "the new ones, and its baseline, calibration and gate stay as they are"
        )
    baseline = baseline_out_of_fold(run) if plan.whole else kept_baseline(run, known, plan)
    oof = {"baseline": baseline, "transformer": _out_of_fold(run, known, plan)}
    new = [run.examples[n] for n in plan.new]
    done = run.fits("transformer") / "reference.npz"
    if not done.exists():
        run.say("final fit")
        fit = _fit(run, known, plan, [*new, *plan.changed, *plan.replay], "final")
        finish_fit(run, fit, run.finetuned)
    several = len({run.examples[n].group for n in plan.new}) > 1
    own = [several and place < 0 for place in plan.places]
    if not plan.whole:
        return keep_rest(run, known, plan, oof, read_arrays(done), own)
    return make_models(run, oof, read_arrays(done), own=own, earlier=known.record)


def _out_of_fold(run: Run, known: Known, plan: Plan) -> Logits:
    """Give the logits of all examples: the record's, and those of new rows by folds."""
    stored = known.record.logits["transformer"]
    result = {name: stored[name][plan.places].copy() for name in run.schema.names}
    new = [run.examples[n] for n in plan.new]
    for name, values in _new_logits(run, known, plan, new).items() if new else ():
        result[name][plan.new] = values
    return result


def _new_logits(run: Run, known: Known, plan: Plan, new: list[Example]) -> Logits:
    try:
        folds = assign_folds(new, folds=run.folds, seed=run.seed)
    except ValueError:  # one article: nothing can be held out, but the current model has never seen it
        tagger = Tagger.load(run.models / CURRENT)
        alone = getattr(tagger.model, "finetuned", tagger.model)
        found: Logits = alone.logits([e.text for e in new], contexts_of(new, tagger.manifest.context))
        return found

    def fit(fold: int, training: list[Example], held_out: list[Example]) -> Logits:
        rows = [*plan.changed, *plan.replay]
        apart = [e for e, near in zip(rows, related(rows, held_out), strict=True) if not near]
        network = _fit(run, known, plan, [*training, *apart], str(fold))
        return predict_logits(network, held_out, run.schema, run.finetuned)

    return fit_folds(run, new, folds, fit, what="new sentences")[0]


def _fit(run: Run, known: Known, plan: Plan, rows: list[Example], name: str) -> Fit:
    """Train the current network further, and go half of the way where that is safer: see above."""
    folder = run.fits("transformer") / f"checkpoints-{name}"
    params = replace(run.finetuned, base=str(known.network))
    fit = finetune(rows, [], run.schema, params, seed=run.seed, folder=folder, progress=run.progress)
    fewer = len(plan.new) + len(plan.changed) < len(known.record.seen)
    if known.network and (fewer or not plan.whole):
        fit.network.average([known.network])
    return fit
