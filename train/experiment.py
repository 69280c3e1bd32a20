"""``python -m train experiment``: one setting, several seeds, measured on rows set aside.

Knows label files, parameters and both kinds of models. The answers of every
fit are kept under the experiment's name, so that it goes on after a kill and
others can be compared with it.
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from newslean.errors import DataError
from newslean.files import write_file
from newslean.schema import Dimension, Schema
from newslean.tagger import Logits
from train import bootstrap, metrics
from train.arrays import read_arrays, write_arrays
from train.baseline import fit_baseline
from train.calibrate import hard_labels
from train.experiment_rows import needed_rows
from train.finetune import enough_epochs, finetune, predict_logits
from train.folds import thin
from train.grammar import Grammar
from train.keys import base_revision, code_hashes, digest, rows_key
from train.labels import Example, LabelFiles
from train.params import BaselineParams, FinetuneParams
from train.run import part_authored
from train.warm import warm_up

REPLICATES = 2000
"""Of the bootstrap over articles."""


@dataclass(frozen=True, slots=True)
class Setting:
    """What an experiment fits.

    Attributes
    ----------
    params : BaselineParams or FinetuneParams
        All epochs are run: nothing is left to early stopping.
    on_split : str
        Split of the rows that are measured on.
    sources : sequence of str
        Sources of the rows to train on; none for all but the seed articles, which are test data.
    shares : mapping of str to float
        Share of the articles to train on, drawn anew by each seed, by pattern of their names
        (``{"pool-ainews-*": 0.3}``); of several patterns that fit, the last counts.
    seed, seeds : int
        First seed, and how many.
    """

    params: BaselineParams | FinetuneParams
    on_split: str
    sources: Sequence[str] = ()
    shares: Mapping[str, float] = field(default_factory=dict)
    seed: int = 0
    seeds: int = 3


def run_experiment(
    setting: Setting,
    files: LabelFiles,
    schema: Schema,
    grammar: Grammar | None = None,
    *,
    name: str,
    against: str = "",
    work: Path,
    say: Callable[[str], None],
) -> str:
    """Fit with every seed, and render macro-F1 without calibration.

    Returns
    -------
    str
        A Markdown table: per dimension each seed's macro-F1, their mean with its interval over articles and seeds,
        and the difference from the experiment ``against``.

    Raises
    ------
    DataError
        If there are no rows to train or measure on, or the name holds another setting or other rows.
    """
    _check_names(name, against)
    training, held_out = needed_rows(files.examples, sources=setting.sources, on_split=setting.on_split)
    place, described = work / name, _described(setting, training, held_out, grammar, schema)
    _claim(place / "setting.json", described)
    found = {}
    for seed in range(setting.seed, setting.seed + setting.seeds):
        path = place / f"seed-{seed}.npz"
        if not path.exists():
            chosen = thin(training, setting.shares, seed)
            say(f"{name}, seed {seed}: {len(chosen):,} sentences to train on")
            # What is learnt first costs the most and is the first seed's for all: the seeds vary what follows.
            warm = partial(warm_up, grammar=grammar, schema=schema, seed=setting.seed, place=work, say=say)
            folder = place / f"checkpoints-{seed}"
            write_arrays(path, _fit(setting.params, chosen, held_out, schema, warm, seed=seed, folder=folder))
        found[seed] = read_arrays(path)
    other = _others(work / against, described) if against else {}
    head = [name, "seeds", f"mean ({_drawn_over(found)})"]
    head += [f"minus {against} ({_drawn_over(found, other)})"] if against else []
    lines = [f"| {' | '.join(head)} |", "|" + " --- |" * len(head)]
    return "\n".join([*lines, *(_line(d, found, other, held_out, setting.seed) for d in schema.dimensions)])


def mean_over_seeds(scores: Sequence[metrics.Floats], *, seed: int) -> metrics.Floats:
    """Give the mean over seeds in each replicate, several seeds drawn anew too; of few this still makes too little.

    Parameters
    ----------
    scores : sequence of array, shape (replicates,)
        What each seed scores in each replicate.
    seed : int
        Of the draw; another than that of the articles. Two means drawn alike are paired, seed by seed.
    """
    table = np.array(scores)
    drawn = bootstrap.resampling_weights(len(table), seed=seed, replicates=table.shape[1])
    return np.asarray(table.mean(axis=0) if drawn is None else (drawn.T * table).sum(axis=0) / len(table))


def _drawn_over(*fits: Mapping[int, Logits]) -> str:
    """Say what the intervals of these experiments hold."""
    alone = any(len(seeds) < 2 for seeds in fits)
    return f"95 % interval over articles{'; one seed, so the spread of seeds is not in it' if alone else ' and seeds'}"


def _described(
    setting: Setting, training: list[Example], held_out: list[Example], grammar: Grammar | None, schema: Schema
) -> dict[str, Any]:
    """Say as plain data what the fits hang on."""
    params, kind, base, first, drawn = setting.params, "baseline", "", False, ""
    if isinstance(params, FinetuneParams):
        kind, base, first = "transformer", base_revision(params.base), bool(part_authored(training, params)[0])
        drawn = digest(asdict(grammar)) if grammar and (params.warm_sentences or params.mixed_sentences) else ""
    described = {
        # What is learnt first, or drawn, is the first seed's for all.
        **asdict(replace(setting, seed=setting.seed if first or drawn else 0, seeds=0)),
        "shares": [*setting.shares.items()],
        "schema": schema.to_dict(),
        "base": base,
        "measured_on": rows_key(held_out),
        "trained_on": rows_key(training),
        "grammar": drawn,
        "code": digest(code_hashes(kind)),
    }
    return dict(json.loads(json.dumps(described)))


def _check_names(name: str, against: str) -> None:
    for option, given in (("--name", name), ("--against", against or name)):
        if not re.fullmatch(r"[\w+-][\w.+-]*", given):
            raise DataError(f"{option} {given!r}: expected letters, digits and . + - _ only, since it names a folder.")


def _fit(
    params: BaselineParams | FinetuneParams,
    training: list[Example],
    held_out: list[Example],
    schema: Schema,
    warm: Callable[..., tuple[FinetuneParams, list[Example]]],
    *,
    seed: int,
    folder: Path,
) -> Logits:
    if isinstance(params, BaselineParams):
        baseline = fit_baseline(training, schema, params, seed=seed)
        return baseline.logits([e.text for e in held_out], [""] * len(held_out))
    first, others = part_authored(training, params)
    params, mixed = warm(params, authored=first)
    params = enough_epochs(params, len(others) + len(mixed))
    fit = finetune([*others, *mixed], [], schema, params, seed=seed, folder=folder)
    return predict_logits(fit, held_out, schema, params)


def _claim(path: Path, setting: dict[str, Any]) -> None:
    """Keep what a name stands for; refuse to mix two experiments under one."""
    if path.exists():
        known = _setting(path)
        if changed := [key for key, value in setting.items() if known.get(key) != value]:
            raise DataError(f"{path}: expected the setting of that name; found other {', '.join(changed)}. Name anew.")
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    write_file(path, json.dumps(setting, indent=1))


def _setting(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: expected the setting of an experiment; {error}. Remove its folder.") from None
    if not isinstance(found, dict):
        raise DataError(f"{path}: expected the setting of an experiment; found no object. Remove its folder.")
    return found


def _others(place: Path, described: Mapping[str, Any]) -> dict[int, Logits]:
    path = place / "setting.json"
    if not path.exists():
        raise DataError(f"--against {place.name}: expected an experiment of that name in {place.parent}; found none.")
    known = _setting(path)
    if other := [key for key in ("measured_on", "schema") if known.get(key) != described[key]]:
        raise DataError(f"--against {place.name}: expected the same {' and '.join(other)}; found others. Run it anew.")
    fits = {int(path.stem.removeprefix("seed-")): read_arrays(path) for path in place.glob("seed-*.npz")}
    if not fits:
        raise DataError(f"--against {place.name}: expected at least one finished seed; found none. Run it first.")
    return fits


def _line(d: Dimension, found: dict[int, Logits], other: dict[int, Logits], held_out: list[Example], seed: int) -> str:
    rows = [n for n, e in enumerate(held_out) if d.name in e.labels]
    if not rows:
        return f"| {d.name} |{' no data |' * (3 if other else 2)}"
    groups = [held_out[n].group for n in rows]
    gold = metrics.indicator(d, [held_out[n].labels[d.name] for n in rows])
    weights = bootstrap.resampling_weights(len({*groups}), seed=seed, replicates=REPLICATES)

    def scores(logits: dict[int, Logits], draw: int) -> tuple[list[float], Any]:
        """Macro-F1 of each seed, and of the mean seed in each replicate."""
        counts = [metrics.count(gold, hard_labels(d, one[d.name][rows]), groups) for _, one in sorted(logits.items())]
        whole = [float(c.weighted(np.ones(len(c.total))).macro_f1()) for c in counts]
        if weights is None:
            return whole, None
        return whole, mean_over_seeds([bootstrap.drawn_macro_f1(c, weights) for c in counts], seed=draw)

    values, drawn = scores(found, seed + 1)
    cells = [", ".join(f"{value:.3f}" for value in values), _cell(float(np.mean(values)), drawn)]
    if other:
        # Fits of one seed are alike in what chance did: with the same seeds, both means draw the same.
        reference, resampled = scores(other, seed + 1 if {*found} == {*other} else seed + 2)
        difference = None if drawn is None else drawn - resampled
        cells.append(_cell(float(np.mean(values) - np.mean(reference)), difference))
    return f"| {d.name} | {' | '.join(cells)} |"


def _cell(value: float, drawn: Any) -> str:
    if drawn is None:
        return f"{value:.3f}"
    low, high = bootstrap.interval(drawn)
    return f"{value:.3f} ({low:.3f} to {high:.3f})"
