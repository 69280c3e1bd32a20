"""Tasks into the rows of a label file: what coders say is added, nothing is lost, nothing stands twice.

Knows rows and tasks; reads and writes no file.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from newslean.schema import Labels, Schema
from train.exchange.raw import older
from train.exchange.task import NOBODY, Task, plain_predictions, row_of, settle
from train.labels import in_order
from train.rows import Faults, digest

Key = tuple[str, int, str]
"""doc, n and the hash of the text."""


@dataclass(slots=True)
class Merged:
    """What merging did: rows added and changed, a line for each label that a coder changed, or would have."""

    added: int = 0
    updated: int = 0
    unchanged: int = 0
    changes: list[str] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)


def key_of(row: dict[str, Any]) -> Key:
    """Give what makes a row the same sentence."""
    return row["doc"], row["n"], row["sha256"].lower() if "sha256" in row else digest(row["text"])


def merge_row(row: dict[str, Any], task: Task, schema: Schema, done: Merged, faults: list[str]) -> dict[str, Any]:
    """Give a row with what a task adds to it.

    A coder who is there already keeps what the task does not speak of; what it does replaces the older answer,
    unless the row's is known to be the later one. Labels that followed from the coders follow from them again.

    Parameters
    ----------
    done : Merged
        Takes a line for each answer replaced, and for each label of nobody by name that stays though coders differ.
    faults : list of str
        Takes a line if labels of nobody by name would override those of coders.
    """
    before = {name: in_order(labels, schema) for name, labels in row.get("coders", {}).items()}
    labels = in_order(row.get("labels", {}), schema)
    coders, times = {name: dict(found) for name, found in before.items()}, dict(row.get("coded_at", {}))
    stale = set[str]()
    for coder, found in task.coders.items():
        if coder == NOBODY:
            continue
        if older(task.coded_at.get(coder, ""), times.get(coder, "")):
            stale.add(coder)
            found = {name: value for name, value in found.items() if name not in coders.get(coder, {})}
        _replace(coders.setdefault(coder, {}), found, f"{task.doc} {task.n}, {coder}", done.changes)
    times |= {coder: at for coder, at in task.coded_at.items() if coder in coders and coder not in stale}
    settled = settle(coders, schema)
    if NOBODY in task.coders:
        over = any(labels.get(name) != value for name, value in task.coders[NOBODY].items())
        if over and before:
            faults.append(
                f"expected labels with a coder: {', '.join(before)} coded this sentence. Name theirs with --coder"
            )
        _replace(labels, task.coders[NOBODY], f"{task.doc} {task.n}", done.changes)
    elif labels == settle(before, schema):
        labels = settled
    else:  # labels that stand by themselves stay; what they leave open may be settled now
        open_still = {name for found in before.values() for name in found}
        labels = in_order({**{k: v for k, v in settled.items() if k not in open_still}, **labels}, schema)
        for name, value in settled.items():
            if name in labels and labels[name] != value:
                done.kept.append(f"{task.doc} {task.n}: {name} {labels[name]!r}, though its coders say {value!r}")
    merged = {**row, "labels": labels}
    new = {"coders": {name: in_order(found, schema) for name, found in coders.items()}, "coded_at": times}
    known = row.get("predictions", {})  # which win: those of an export may be older than the label set
    new["predictions"] = known | {
        model: found for model, found in plain_predictions(task).items() if model not in known
    }
    if task.about.get("reason") and task.about["reason"] != row.get("reason"):
        new["reason"] = task.about["reason"]
    return merged | {name: value for name, value in new.items() if value or name in row}


def merge_rows(
    rows: Sequence[dict[str, Any]], tasks: Sequence[tuple[str, Task]], schema: Schema, faults: Faults
) -> tuple[list[dict[str, Any]], Merged]:
    """Merge tasks, each with its place, into rows; new ones stand where their n belongs in their article, or last.

    Returns
    -------
    rows, Merged
        Rows that did not change are the same objects.
    """
    result, done = list(rows), Merged()
    places = {key_of(row): index for index, row in enumerate(result)}
    new = list[dict[str, Any]]()
    for where, task in tasks:
        place = places.get((task.doc, task.n, digest(task.text)))
        if place is None:
            new.append(row_of(task, schema))
            continue
        found = list[str]()
        row = merge_row(result[place], task, schema, done, found)
        for fault in found:
            faults.add(where, fault)
        if row == result[place]:
            done.unchanged += 1
        else:
            result[place] = row
            done.updated += 1
    done.added = len(new)
    return _insert(result, new), done


def _insert(rows: list[dict[str, Any]], new: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Put new rows behind those of their article with a smaller n, and new articles at the end."""
    places: dict[str, list[tuple[int, int]]] = {}
    for index, row in enumerate(rows):
        places.setdefault(row["doc"], []).append((row["n"], index))
    behind: dict[int, list[dict[str, Any]]] = {}
    ends: dict[str, list[dict[str, Any]]] = {}
    for row in sorted(new, key=lambda row: row["n"]):  # sorting is stable: articles keep their order
        there = places.get(row["doc"])
        if there is None:
            ends.setdefault(row["doc"], []).append(row)
        else:
            index = max((index for n, index in there if n <= row["n"]), default=min(index for _, index in there) - 1)
            behind.setdefault(index, []).append(row)
    merged = behind.get(-1, [])
    for index, row in enumerate(rows):
        merged += [row, *behind.get(index, [])]
    order = dict.fromkeys(row["doc"] for row in new)
    return merged + [row for doc in order for row in ends.get(doc, [])]


def _replace(kept: Labels, found: Labels, who: str, changes: list[str]) -> None:
    for name, value in found.items():
        if name in kept and kept[name] != value:
            changes.append(f"{who}: {name} {kept[name]!r}, now {value!r}")
        kept[name] = value
