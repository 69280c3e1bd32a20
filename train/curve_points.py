"""What is known of the transformer at some numbers of labels, to be shown beside the baseline's curve.

Knows the reports of a run and the folders of `train.experiment`; fits nothing.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from newslean.schema import Schema
from train import metrics
from train.arrays import read_arrays
from train.calibrate import hard_labels
from train.experiment_rows import experiment_rows
from train.folds import thin
from train.keys import rows_key
from train.labels import Example, LabelFiles

Point = dict[str, Any]


def fold_points(fits: Path, folds: int) -> list[Point]:
    """Give macro-F1 of a run's transformer out of fold, where its report lies among its fits."""
    try:
        report = json.loads((fits / "out_of_fold" / "report.json").read_text(encoding="utf-8"))
        found = {
            name: d["models"]["transformer"]["macro_f1"] for name, d in report["dimensions"].items() if d["models"]
        }
        rows = round(report["sentences"] * (1 - 1 / folds))
    except (OSError, ValueError, KeyError, TypeError):
        return []
    return [{"name": "transformer, out of fold", "rows": rows, "macro_f1": found}]


def experiment_points(folder: Path, files: LabelFiles, schema: Schema) -> list[Point]:
    """Give macro-F1 of each seed of the experiments with a transformer that were made on these very rows."""
    points = []
    for path in sorted(folder.glob("*/setting.json")):
        try:
            setting = json.loads(path.read_text(encoding="utf-8"))
            points += _points(path.parent, setting, files, schema)
        except (OSError, ValueError, KeyError, TypeError):
            continue  # of another code version, or damaged: `experiment` itself will tell
    return points


def _points(folder: Path, setting: Mapping[str, Any], files: LabelFiles, schema: Schema) -> list[Point]:
    training, held_out = experiment_rows(files.examples, sources=setting["sources"], on_split=setting["on_split"])
    hashes = (rows_key(training), rows_key(held_out))
    if "base" not in setting["params"] or (setting["trained_on"], setting["measured_on"]) != hashes:
        return []
    if setting["schema"] != schema.to_dict():  # its logits stand in another order
        return []
    points = []
    for path in sorted(folder.glob("seed-*.npz")):
        chosen = thin(training, dict(setting["shares"]), int(path.stem.split("-")[1]))
        point = {"name": f"transformer, {folder.name}", "rows": len(chosen)}
        points.append({**point, "macro_f1": _macro(read_arrays(path), held_out, schema)})
    return points


def _macro(logits: Mapping[str, Any], held_out: list[Example], schema: Schema) -> dict[str, float]:
    found = {}
    for d in schema.dimensions:
        rows = [n for n, e in enumerate(held_out) if d.name in e.labels]
        if not rows:
            continue
        gold = metrics.indicator(d, [held_out[n].labels[d.name] for n in rows])
        counts = metrics.count(gold, hard_labels(d, logits[d.name][rows]), [""] * len(rows))
        found[d.name] = float(counts.macro_f1()[0])
    return found
