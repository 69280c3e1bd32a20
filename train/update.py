"""Training the current model's network further on new rows, instead of all from scratch.

Knows a run, the record of the current model and its network in float. The
scheme, and what it cannot show:

- New is a row whose answers out of fold the record lacks, or whose labels have changed. The network is trained on all
  of these and on a sample of the old rows, so that it does not forget them.
- New rows are answered out of fold: for each fold, by the network trained further without it. Only these answers
  belong to the updated model. Old rows keep the answers of the networks before: the calibration rests on both.
- So the update is compared with the current model on the new rows by folds and on rows set aside, not on old rows.
- The baseline is fitted anew on all rows, as always: it is cheap.
- A row that is gone is not forgotten, and small harm can add up over many updates: train from scratch now and then.
"""

import json
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from newslean.errors import DataError, ModelError
from newslean.files import write_file
from newslean.manifest import read_manifest
from newslean.tagger import Logits, Tagger
from train.alone import baseline_out_of_fold
from train.arrays import read_arrays, write_arrays
from train.assess import contexts_of
from train.finetune import Fit, finetune, predict_logits
from train.folds import assign_folds
from train.labels import Example
from train.make import make_models
from train.network import HEADS
from train.pipeline import finish_fit
from train.promotion import CURRENT, folder_name
from train.publish import Report
from train.record import Record, gold_hash, read_record
from train.run import Run

REPLAY, REPLAY_LEAST = 10, 500
"""Old rows that are read again: so many for each new one, and at least so many."""


@dataclass(frozen=True)
class Known:
    """What an update goes on from: the current model's version, record and network."""

    version: str
    record: Record
    network: Path


@dataclass(frozen=True)
class Plan:
    """Which examples an update learns.

    Attributes
    ----------
    places : list of int
        Row of the record that answers each example; -1 for a new one.
    changed : list of Example
        Known rows with other labels than before, and new ones that are learnt first.
    replay : list of Example
        Known rows to read again.
    """

    places: list[int]
    changed: list[Example]
    replay: list[Example]

    @property
    def new(self) -> list[int]:
        """Numbers of the new examples."""
        return [n for n, place in enumerate(self.places) if place < 0]


def find_known(run: Run) -> Known | str:
    """Find what an update of the current model would go on from, or say why there is none."""
    current = run.models / CURRENT
    try:
        manifest = read_manifest(current)
        record = read_record(current, manifest.schema)
    except ModelError as error:
        return str(error)
    name = folder_name(manifest)
    if manifest.schema.dimensions != run.schema.dimensions:
        return f"{name} knows other labels"
    if (manifest.kind, manifest.context, manifest.max_length) != (
        "finetuned",
        run.finetuned.context,
        run.finetuned.max_length,
    ):
        return f"{name} is of another kind, or reads other context or length than the parameters say"
    if record is None or "transformer" not in record.logits:
        return f"{name} keeps no answers out of fold"
    network = _network_of(run.work, name)
    if network is None:
        return f"the network of {name} in float is not under {run.work}"
    return Known(name, record, network)


def remember_network(run: Run, name: str) -> None:
    """Note which network in float a model was made from."""
    folder = run.work / "networks"
    folder.mkdir(parents=True, exist_ok=True)
    write_file(folder / f"{name}.json", json.dumps(str(run.network.relative_to(run.work))))


def _network_of(work: Path, name: str) -> Path | None:
    try:
        folder = work / json.loads((work / "networks" / f"{name}.json").read_text(encoding="utf-8"))
    except (OSError, ValueError, TypeError):
        return None
    return folder if (folder / HEADS).is_file() else None


def plan_update(run: Run, known: Known) -> Plan:
    """Part the examples into new, changed and known ones, and draw those of the last to read again."""
    places = known.record.place_of(run.examples)
    pairs = [(e, place) for e, place in zip(run.examples, places, strict=True) if place >= 0]
    changed = [e for e, place in pairs if int(known.record.gold[place]) != gold_hash(e)]
    changed += [e for e in run.first if not known.record.learnt(e)]
    number = max(REPLAY_LEAST, REPLAY * (len(changed) + len(places) - len(pairs)))
    chosen = np.random.default_rng(run.seed).permutation(len(pairs))[:number]
    return Plan(places, changed, [pairs[n][0] for n in sorted(chosen.tolist())])


def update(run: Run, known: Known, plan: Plan) -> tuple[Path, Report]:
    """Run all stages of an update that are not done yet.

    Parameters
    ----------
    run : Run
        With ``start``, the version of what is known.

    Returns
    -------
    (path, report)
        The new model folder and the evaluation report, as `train.pipeline.train` gives them.
    """
    run.check()
    if not plan.new and not plan.changed:
        raise DataError(f"labels: expected rows that {known.version} has not learnt; found none. Nothing to update.")
    run.fits("transformer").mkdir(parents=True, exist_ok=True)
    run.say(f"run {run.key}, model {run.version_key[:6]}, update of {known.version}")
    run.say(f"{len(plan.new):,} new sentences, {len(plan.changed):,} changed, {len(plan.replay):,} to read again")
    oof = {"baseline": baseline_out_of_fold(run), "transformer": _out_of_fold(run, known, plan)}
    new = [run.examples[n] for n in plan.new]
    done = run.fits("transformer") / "reference.npz"
    if not done.exists():
        run.say("final fit")
        finish_fit(run, _fit(run, known, [*new, *plan.changed, *plan.replay], "final"), run.finetuned)
    own = [place < 0 and not known.record.saw(e) for e, place in zip(run.examples, plan.places, strict=True)]
    if len({run.examples[n].group for n in plan.new}) < 2:
        own = [False] * len(own)
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
        folds = np.array(assign_folds(new, folds=run.folds, seed=run.seed))
    except ValueError:  # one article: nothing can be held out, but the current model has never seen it
        tagger = Tagger.load(run.models / CURRENT)
        alone = getattr(tagger.model, "finetuned", tagger.model)
        found: Logits = alone.logits([e.text for e in new], contexts_of(new, tagger.manifest.context))
        return found
    result = {d.name: np.zeros((len(new), len(d.labels)), np.float32) for d in run.schema.dimensions}
    for k in range(int(folds.max()) + 1):
        path = run.fits("transformer") / f"fold-{k}.npz"
        if not path.exists():
            run.say(f"transformer, fold {k}: held out {int((folds == k).sum()):,} of {len(new):,} new sentences")
            training = [e for e, fold in zip(new, folds, strict=True) if fold != k]
            held_out = [e for e, fold in zip(new, folds, strict=True) if fold == k]
            fit = _fit(run, known, [*training, *plan.changed, *plan.replay], str(k))
            write_arrays(path, predict_logits(fit, held_out, run.schema, run.finetuned))
        for name, values in read_arrays(path).items():
            result[name][folds == k] = values
    return result


def _fit(run: Run, known: Known, rows: list[Example], name: str) -> Fit:
    folder = run.fits("transformer") / f"checkpoints-{name}"
    params = replace(run.finetuned, base=str(known.network))
    return finetune(rows, [], run.schema, params, seed=run.seed, folder=folder, progress=run.progress)
