"""The learning curve: what more labels would bring, measured with the baseline because it is cheap.

Knows examples and the baseline. The law is fitted by `train.curve_fit`, shown
by `train.curve_report`.
"""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from newslean.files import write_file
from newslean.schema import Schema
from train import metrics
from train.baseline import TooFewWordsError, fit_baseline
from train.calibrate import hard_labels
from train.cores import on_all_cores
from train.curve_fit import Curve, fit_curve
from train.curve_points import experiment_points, fold_points
from train.curve_report import draw_plot, render_curve, render_short
from train.folds import assign_folds
from train.keys import code_hashes, digest, rows_key
from train.labels import Example, LabelFiles
from train.params import BaselineParams, FinetuneParams, read_params_in
from train.run import Run, part_authored, part_rows

SHARES = (0.1, 0.2, 0.4, 0.7, 1.0)
"""Of the articles to train on: each share holds the smaller ones."""
TEST_FOLDS = 4
"""One of so many folds is measured on."""
MAX_ROWS = 8000
"""Of more rows, articles are drawn until there are so many: the curve must not cost more than a training."""
SEEDS = 3


def draw_curve(run: Run, *, seeds: int = SEEDS) -> str:
    """Measure, fit and write the curve of a run's labels beside its fits, and give it in short."""
    # The key of a transformer's fits asks torch for its base: only where there are any.
    fitted = any(run.place.glob("transformer-*"))
    points = fold_points(run.fits("transformer"), run.folds) if fitted else []
    points += experiment_points(run.work / "experiments", run.files, run.schema)
    return _written(run.examples, run.schema, run.baseline, run.seed, seeds, run.place, None, points)


def write_curve(
    files: LabelFiles, schema: Schema, *, seed: int, params: Path, seeds: int, work: Path, out: Path | None
) -> str:
    """Do the same for label files, without a training: ``files`` is what `train.labels.read_examples` gives."""
    found, finetuned = read_params_in(BaselineParams, params), read_params_in(FinetuneParams, params)
    examples = part_authored(part_rows(files.examples)[0], finetuned)[1]
    points = experiment_points(work / "experiments", files, schema)
    return _written(examples, schema, found, seed, seeds, work, out, points)


def _key(examples: Sequence[Example], schema: Schema, params: BaselineParams, seed: int, seeds: int) -> str:
    code = code_hashes("baseline"), code_hashes("curve")
    return digest([rows_key(examples), schema.to_dict(), repr(params), seed, seeds, code])


def _written(
    examples: Sequence[Example],
    schema: Schema,
    params: BaselineParams,
    seed: int,
    seeds: int,
    place: Path,
    out: Path | None,
    points: list[Curve],
) -> str:
    key = _key(examples, schema, params, seed, seeds)
    folder = out or place / f"curve-{key}"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "points.json"
    measured = _measured_before(path, key)
    if measured is None:
        measured = measure_curve(examples, schema, params, seed=seed, seeds=seeds)
        write_file(path, json.dumps({"key": key, "points": measured}))
    curve = fit_curve(measured, examples, schema, seed=seed)
    curve["others"] = points
    write_file(folder / "curve.json", json.dumps(curve, ensure_ascii=False, indent=1) + "\n")
    for suffix in ("png", "svg"):
        write_file(folder / f"curve.{suffix}", draw_plot(curve, suffix))
    write_file(folder / "curve.md", render_curve(curve))
    return f"{render_short(curve)}\n{folder / 'curve.md'}"


def _measured_before(path: Path, key: str) -> list[Curve] | None:
    """Give points that lie there, unless they were measured on other labels or another way, or are damaged."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        return list(found["points"]) if found["key"] == key else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def measure_curve(
    examples: Sequence[Example], schema: Schema, params: BaselineParams, *, seed: int, seeds: int
) -> list[Curve]:
    """Fit baselines on nested parts of the labels, articles kept whole, and measure each on articles held out.

    Returns
    -------
    list of dict
        Per seed and share ``seed``, ``rows`` and per dimension ``rows`` that have it, ``macro_f1``, and per label
        ``f1`` and ``support`` (how many sentences to train on have it); empty where there are too few articles.
        Labels are taken without calibration.
    """
    tasks = []
    for one in range(seed, seed + seeds):
        order = np.random.default_rng(one)
        try:
            drawn = _some(examples, 1.0, order, limit=MAX_ROWS)
            folds = assign_folds(drawn, folds=TEST_FOLDS, seed=one)
        except ValueError:
            return []
        chosen = one % (max(folds) + 1)
        training = [e for e, k in zip(drawn, folds, strict=True) if k != chosen]
        test = [e for e, k in zip(drawn, folds, strict=True) if k == chosen]
        parts = [_some(training, share, np.random.default_rng(one)) for share in SHARES]
        tasks += [(one, part, test) for part in parts]
    tasks.sort(key=lambda task: -len(task[1]))  # the long ones first, so that all cores end together

    def score(one: int, part: list[Example], test: list[Example]) -> Curve:
        return {"seed": one, "rows": len(part), "dimensions": _measured(part, test, schema, params, one)}

    length = sum(len(e.text) for _, part, test in tasks for e in (*part, *test))
    found = on_all_cores(score, tasks, characters=length)
    return sorted(found, key=lambda point: (point["seed"], point["rows"]))


def _some(
    examples: Sequence[Example], share: float, order: np.random.Generator, *, limit: int | None = None
) -> list[Example]:
    """Draw articles until they hold a share of the rows; of one seed, the smaller share lies within the larger one."""
    wanted = min(share * len(examples), limit or len(examples))
    groups = sorted({e.group for e in examples})
    sizes = dict.fromkeys(groups, 0)
    for e in examples:
        sizes[e.group] += 1
    kept: set[str] = set()
    total = 0
    for group in order.permutation(groups).tolist():
        if total >= wanted - 0.5:
            break
        kept.add(group)
        total += sizes[group]
    return [e for e in examples if e.group in kept]


def _measured(
    part: list[Example], test: list[Example], schema: Schema, params: BaselineParams, seed: int
) -> dict[str, Curve]:
    try:
        logits = fit_baseline(part, schema, params, seed=seed).logits([e.text for e in test], [""] * len(test))
    except TooFewWordsError:
        return {}
    result = {}
    for d in schema.dimensions:
        rows = [n for n, e in enumerate(test) if d.name in e.labels]
        if not rows or not any(d.name in e.labels for e in part):
            continue
        gold = metrics.indicator(d, [test[n].labels[d.name] for n in rows])
        counts = metrics.count(gold, hard_labels(d, logits[d.name][rows]), [""] * len(rows))
        learnt = metrics.indicator(d, [e.labels[d.name] for e in part if d.name in e.labels])
        support = learnt.sum(axis=0)
        result[d.name] = {
            "rows": len(learnt),
            "macro_f1": float(counts.macro_f1()[0]),
            "f1": dict(zip(d.labels, counts.f1()[0].tolist(), strict=True)),
            "support": dict(zip(d.labels, support.tolist(), strict=True)),
        }
    return result
