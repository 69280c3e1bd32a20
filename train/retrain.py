"""``python -m train``: train, compare with the current model, promote or not, and write it all down.

Knows the order: a promotion that was cut off is finished first; then the model
folder, the entry of the training, the promotion. Run again after a kill, the
same command ends the same.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import takewhile
from pathlib import Path
from typing import Any

from newslean.errors import DataError, ModelError
from newslean.manifest import read_manifest
from newslean.schema import Labels, Schema
from newslean.tagger import Tagger
from train.assess import tag_examples
from train.compare import Comparison, Verdict, compare, judge, render_comparison, shared_schema
from train.history import HISTORY, append_history, now, read_history
from train.known import advise, find_known, plan_update, prepare, remember_network
from train.labels import Example
from train.promotion import CURRENT, current_name, finish_promotion, promote
from train.record import Record, read_record, row_hash
from train.run import Run

FOLDS, FROZEN = "the same rows out of fold", "rows set aside"

Assessed = tuple[dict[str, Comparison], Verdict]
"""What the comparisons of a new model with the current one say, and what follows."""

Judged = tuple[str | None, dict[str, Comparison], Verdict]
"""The same, behind the name of the current model that was compared; None if there was none."""


@dataclass(frozen=True)
class Order:
    """What is asked of a training.

    Attributes
    ----------
    only : {"", "baseline"}
        Whether the baseline is trained alone.
    start : {"scratch", "current", "auto"}
        From where: ``current`` trains the current model's network further, where that can be had; ``auto`` keeps that
        update if it is not worse than the current model, and trains from scratch if it is and most rows are at hand.
    promote : {"auto", "never", "force"}
        Whether the new model takes the place of the current one.
    options : mapping
        The command's options, for the history.
    readme : Path, optional
        Whose table of results follows the current model.
    """

    only: str = ""
    start: str = "scratch"
    promote: str = "auto"
    options: Mapping[str, Any] = field(default_factory=dict)
    readme: Path | None = None


def retrain(run: Run, order: Order) -> tuple[Path, bool]:
    """Train a model, judge it, and promote it if it may be.

    Returns
    -------
    (path, updated)
        The new model folder, or that of the current model where an update found nothing new; and whether only what is
        new was learnt.
    """
    if name := finish_promotion(run.models, readme=order.readme):
        run.say(f"finished the promotion of {name} that was cut off")
    _check_coded(run)
    found = None if order.start == "scratch" else _update(run, order)
    if found is None:
        advise(run, update=order.start == "scratch" and not order.only)
    made, path, judged = found or (run, _train(run, order), None)
    if path.name == CURRENT:
        return path, True
    judged = judged or _judge(made, path)
    previous, comparisons, verdict = judged
    current = path.name == previous
    allowed = order.promote == "force" or (order.promote == "auto" and verdict.promote)
    _record(made, order, path, judged, "promote" if allowed and not current else "keep")
    if comparisons:
        run.say(render_comparison(comparisons))
    if current:
        run.say(f"{path.name}: {verdict.reason}")
    elif allowed:
        reason = verdict.reason if verdict.promote else f"forced, though {verdict.reason}"
        compared = None if order.promote == "force" else previous or ""
        promote(run.models, path.name, event="promotion", reason=reason, readme=order.readme, compared=compared)
        run.say(f"promoted: {reason}")
    elif order.promote == "never":
        run.say(f"not promoted, as asked (--promote never); {verdict.reason}")
    else:
        run.say(f"not promoted: {verdict.reason}. --promote force overrules this.")
    return path, bool(made.start)


def _check_coded(run: Run) -> None:
    """Refuse a dimension that no row is coded in, of which every answer would be made up."""
    rows = [e.labels for e in (*run.examples, *run.first)]
    if rows and (none := [name for name in run.schema.names if not any(name in labels for labels in rows)]):
        found = f"expected rows coded in each dimension; found none in {', '.join(none)}"
        raise DataError(f"labels: {found}. Code some, or take it out of schema.toml.")


def _train(run: Run, order: Order) -> Path:
    run.tell_left_out()
    run.tell_unlearnt()
    if order.only:
        from train.alone import train_baseline

        return train_baseline(run)[0]
    from train.pipeline import train

    path = train(run)[0]
    remember_network(run, path.name)
    return path


def _update(run: Run, order: Order) -> tuple[Run, Path, Judged | None] | None:
    """Update the current model, and judge that where it decides; None where one is to be trained from scratch."""
    known = find_known(run, only=order.only)
    if isinstance(known, str):
        run.say(f"from scratch: {known}")
        return None
    made = replace(run, start=known.version, earlier=known.record)
    plan = plan_update(made, known)
    if not plan.new and not plan.changed:
        run.say(f"nothing to do: {known.version} has learnt all rows. --start scratch trains anew.")
        return run, run.models / CURRENT, None
    if len({e.group for e in made.examples}) < 2:
        run.say(
            f"from scratch: {known.version} has learnt from the articles of these rows, so that none can be measured"
        )
        return None
    if reason := prepare(made, known, plan):
        run.say(f"from scratch: {reason}")
        return None
    made.tell_left_out()
    if order.only:
        from train.alone import update_baseline

        path = update_baseline(made, known, plan)[0]
    else:
        from train.update import update

        path = update(made, known, plan)[0]
        remember_network(made, path.name)
    # A training from scratch of few of the rows would be worse still.
    judged = _judge(made, path) if order.start == "auto" and plan.whole else None
    if judged and not judged[2].promote and path.name != judged[0]:
        _record(made, order, path, judged, "keep")
        run.say(f"from scratch: the update is not kept ({judged[2].reason})")
        return None
    return made, path, judged


def _judge(run: Run, path: Path) -> Judged:
    """Compare a new model with the current one, whose name is taken down first: another may take its place any time."""
    previous = current_name(run.models)
    if path.name == previous:
        return previous, {}, Verdict(False, "it is current already")
    return previous, *assess_new(run, path)


def assess_new(run: Run, path: Path) -> Assessed:
    """Compare a new model with the current one, and judge.

    On rows out of fold: those that both models have answered by networks that never saw the article, and those of
    articles that the current model, as it is stored, never saw. On rows set aside: those that their label file or
    ``--test`` sets aside, each once, and that neither model has learnt or learnt from; where the current model keeps no
    list of what it learnt, they are taken as not learnt.
    Where the two know different labels, those that both know are compared.
    """
    try:
        manifest = read_manifest(run.models / CURRENT)
    except ModelError as error:
        if (run.models / CURRENT).exists():
            return {}, Verdict(False, f"the current model does not load: {error}")
        return {}, Verdict(True, "it is the first model")
    units = manifest.schema.unit, run.schema.unit
    if units[0] != units[1]:
        return {}, Verdict(False, f"the current model reads each {units[0]} by itself, the new one each {units[1]}")
    shared = shared_schema(run.schema, manifest.schema)
    if shared.schema is None:
        return {}, judge({}, lost=shared.lost)
    record = read_record(run.models / CURRENT, manifest.schema)
    new_record = read_record(path, run.schema)
    tagger = Tagger.load(run.models / CURRENT)
    comparisons: dict[str, Comparison] = {}
    if record is not None and new_record is not None:
        examples, answers = _folds(run.examples, record, new_record, tagger, run.schema)
        if examples:
            comparisons[FOLDS] = compare(shared.schema, examples, *answers, seed=run.seed)
    # By place and text: what a row is read with hangs on the rows that its file holds beside it.
    aside = {(e.doc, e.n, e.text): e for e in (*run.held_out, *run.test)}.values()
    frozen = [e for e in aside if not any(known is not None and known.saw(e) for known in (record, new_record))]
    if frozen:
        found = [tag_examples("", model, frozen).labels for model in (tagger, Tagger.load(path))]
        comparisons[FROZEN] = compare(shared.schema, frozen, *found, seed=run.seed)
    return comparisons, judge(comparisons, lost=shared.lost, partial=shared.partial)


def _folds(
    examples: Sequence[Example], record: Record, new_record: Record, tagger: Tagger, schema: Schema
) -> tuple[list[Example], tuple[list[Labels], list[Labels]]]:
    """Give the rows that neither model has learnt when it answers, and the answers of both."""
    old_rows = {int(value): n for n, value in enumerate(record.rows.tolist()) if record.own[n]}
    new_rows = {int(value): n for n, value in enumerate(new_record.rows.tolist()) if new_record.own[n]}
    stored, unseen = [], []
    for example in examples:
        key = row_hash(example)
        if key in new_rows and key in old_rows:
            stored.append((example, record.labels(old_rows[key], tagger.schema), new_rows[key]))
        elif key in new_rows and not record.saw(example):
            unseen.append((example, new_rows[key]))
    scored = tag_examples("", tagger, [e for e, _ in unseen]).labels if unseen else []
    rows = [*stored, *((e, labels, n) for (e, n), labels in zip(unseen, scored, strict=True))]
    return [e for e, *_ in rows], ([a for _, a, _ in rows], [new_record.labels(n, schema) for *_, n in rows])


def _record(run: Run, order: Order, path: Path, judged: Judged, decision: str) -> None:
    """Add the training to the history, unless a run that was killed has done so."""
    previous, comparisons, verdict = judged
    entry = {
        "event": "training",
        "version": path.name,
        "previous": previous,
        "promote": order.promote,
        "decision": decision,
        "reason": verdict.reason,
        "start": run.start or "scratch",
        "only": order.only,
        "run": run.key,
        "comparison": comparisons,
        "data": read_manifest(path).data,
        "options": dict(order.options),
    }
    # Since the last promotion: an update that was not kept stands before the training from scratch.
    told = takewhile(lambda e: e.get("event") == "training", reversed(read_history(run.models / HISTORY)))
    if all({**e, "time": ""} != {**entry, "time": ""} for e in told):
        append_history(run.models / HISTORY, {"time": now(), **entry})
