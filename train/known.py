"""What an update goes on from: the current model's record and network, and which rows it has not learnt.

Knows a run and the current model's folder; fits nothing, and imports torch only to put a network together.
"""

import json
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from newslean.errors import DataError, ModelError
from newslean.files import write_file
from newslean.manifest import Manifest, read_manifest
from train.keys import base_revision, code_hashes, digest
from train.labels import Example
from train.promotion import CURRENT, folder_name
from train.record import Record, gold_hash, read_record
from train.run import Run

AT_HAND = 0.75
"""Share of the rows that the current model was calibrated on: with fewer at hand, all but its network is kept."""

REPLAY, REPLAY_LEAST = 10, 500
"""Old rows that are read again: so many for each new one, and at least so many."""


@dataclass(frozen=True)
class Known:
    """The current model.

    Attributes
    ----------
    network : Path, optional
        Folder of its network in float, or where `prepare` puts it; None if only the baseline is asked for.
    mixed : bool
        Whether it answers together with a baseline.
    """

    version: str
    record: Record
    network: Path | None = None
    mixed: bool = True


@dataclass(frozen=True)
class Plan:
    """Which examples an update learns.

    Attributes
    ----------
    places : list of int
        Row of the record that answers each example; -1 for a new one.
    changed : list of Example
        Known rows with other labels than before, and what is not learnt of those that are never held out.
    replay : list of Example
        Known rows to read again.
    whole : bool
        Whether most of the rows in the record are at hand, so that all of the model can be made anew.
    """

    places: list[int]
    changed: list[Example]
    replay: list[Example]
    whole: bool = True

    @property
    def new(self) -> list[int]:
        """Numbers of the new examples."""
        return [n for n, place in enumerate(self.places) if place < 0]


def find_known(run: Run, *, only: str = "") -> Known | str:
    """Find what an update of the current model would go on from, or say why there is none.

    Parameters
    ----------
    only : {"", "baseline"}
        Whether only the baseline is to be updated, which needs no network.
    """
    try:
        manifest = read_manifest(run.models / CURRENT)
        record = read_record(run.models / CURRENT, manifest.schema)
    except ModelError as error:
        return str(error)
    name, kind = folder_name(manifest), only or "transformer"
    if not manifest.schema.asks_like(run.schema):
        return f"{name} knows other labels" if manifest.schema.unit == run.schema.unit else f"{name} reads another unit"
    if record is None or kind not in record.logits:
        return f"{name} keeps no answers out of fold"
    if only:
        return Known(name, record)
    return _with_network(run, manifest, Known(name, record))


def _with_network(run: Run, manifest: Manifest, known: Known) -> Known | str:
    if run.shares:  # the network has learnt articles of the share that was drawn for it, if any
        return "--share draws the articles for a network that begins anew"
    names = ("context", "late_context", "max_length")
    if any(getattr(manifest, name) != getattr(run.finetuned, name) for name in names):
        return f"{known.version} reads other context or length than the parameters say, or context in other layers"
    width = manifest.params.get("finetuned", {}).get("feed_forward", 0)
    if width != run.finetuned.feed_forward:  # nothing is pruned once it has learnt what follows
        return (
            f"{known.version} was made with feed_forward = {width}, and the parameters say {run.finetuned.feed_forward}"
        )
    base = manifest.base.get("name", "an encoder without a name")
    if base != run.finetuned.base:  # the update would be of the old encoder, under a card that names the new one
        return f"{known.version} was made from {base}, and the parameters say {run.finetuned.base}"
    before, now = manifest.base.get("revision"), base_revision(base)
    if before and now and before != now:
        return f"{known.version} was made from other weights of {base} than lie there now"
    try:
        note = (run.work / "networks" / f"{known.version}.json").read_text(encoding="utf-8")
        network = run.work / json.loads(note)
    except (OSError, ValueError, TypeError):
        network = None
    if network is None or not _is_network(network):
        network = run.work / "networks" / f"{known.version}-{digest(code_hashes('restore'))}"
    return replace(known, network=network, mixed=bool(manifest.mix))


def prepare(run: Run, known: Known, plan: Plan) -> str:
    """Put the current model's network together from its graph where it is not at hand.

    Returns
    -------
    str
        Why there can be no update; "" if there can.
    """
    if known.network is None:
        return "" if plan.whole else "a baseline is always fitted anew, to the rows at hand"
    if _is_network(known.network):
        return ""
    from train.restore import restore_network

    run.say(f"{known.version}: its network in float is not under {run.work}, so its graph is turned back to one")
    own = run.models / known.version  # where a training leaves the graph in float, too
    folder = own if own.is_dir() else run.models / CURRENT
    try:
        parity = restore_network(folder, read_manifest(folder), run.finetuned, run.examples, known.network)
    except ModelError as error:
        return str(error)
    read = f"{parity.sentences:,} {run.schema.unit}s"
    run.say(f"put together: it gives {parity.equal:.1%} of the labels that the graph gives, on {read}")
    return ""


def _is_network(folder: Path) -> bool:
    return (folder / "heads.safetensors").is_file()


def remember_network(run: Run, name: str) -> None:
    """Note which network in float a model was made from."""
    folder = run.work / "networks"
    folder.mkdir(parents=True, exist_ok=True)
    write_file(folder / f"{name}.json", json.dumps(str(run.network.relative_to(run.work))))


def plan_update(run: Run, known: Known) -> Plan:
    """Part the examples into new, changed and known ones, and draw those of the last to read again.

    Parameters
    ----------
    run : Run
        With ``earlier``, the record of what is known.
    """
    places = known.record.place_of(run.examples)
    pairs = [(e, place) for e, place in zip(run.examples, places, strict=True) if place >= 0]
    changed = [e for e, place in pairs if int(known.record.gold[place]) != gold_hash(e)]
    changed += [e for e in run.first if not known.record.taught(e)]
    number = max(REPLAY_LEAST, REPLAY * (len(changed) + len(places) - len(pairs)))
    chosen = np.random.default_rng(run.seed).permutation(len(pairs))[:number]
    replay = [pairs[n][0] for n in sorted(chosen.tolist())]
    whole = not known.mixed or _at_hand(run, known.record) >= AT_HAND * len(known.record.rows)
    return Plan(places, changed, replay, whole)


def _at_hand(run: Run, record: Record) -> int:
    """Count the rows of a record whose texts are there, though it be to be measured on."""
    return len({*record.place_of(run.files.examples)} - {-1})


def advise(run: Run, *, update: bool) -> None:
    """Before a training from scratch, say so if it will know less than the current model does.

    Parameters
    ----------
    update : bool
        Whether an update of the network may be advised.
    """
    try:
        manifest = read_manifest(run.models / CURRENT)
        record = read_record(run.models / CURRENT, manifest.schema)
    except ModelError:
        return
    if record is None or not manifest.schema.asks_like(run.schema):
        return
    found, all_rows = _at_hand(run, record), len(record.rows)
    if found < AT_HAND * all_rows:
        hint = ". --start current has its network learn what is new" if "transformer" in record.logits else ""
        run.say(
            f"only {found:,} of {all_rows:,} {run.schema.unit}s that {folder_name(manifest)} was calibrated on are at "
            f"hand (--texts gives texts): a training from scratch does without the others{hint if update else ''}"
        )


def check_plan(known: Known, plan: Plan) -> None:
    """Raise a DataError if there is nothing to learn."""
    if not plan.new and not plan.changed:
        raise DataError(f"labels: expected rows that {known.version} has not learnt; found none. Nothing to update.")
