"""``python -m train tune``: which rows a search may see, and where its result goes.

Knows label files, parameters' files and the search; fits nothing itself.
"""

from collections.abc import Sequence
from dataclasses import asdict, replace
from datetime import date
from pathlib import Path

from newslean.errors import DataError
from newslean.schema import Schema
from train.folds import SEED_SOURCE
from train.keys import base_revision, code_hashes, digest, rows_key
from train.labels import LabelFiles
from train.params import BaselineParams, FinetuneParams, params_path, read_params_in, write_params
from train.run import part_rows
from train.search import Part, fixed, parts_of, search


def tune_params(
    kind: str,
    files: LabelFiles,
    schema: Schema,
    *,
    trials: int,
    folds: int,
    on_split: str,
    max_epochs: int | None,
    seed: int,
    folder: Path,
    into: Path,
    progress: bool,
) -> list[str]:
    """Search, write the best parameters to the folder ``into``, and say what was found.

    Seed articles are test data here: no study sees them.

    Returns
    -------
    list of str
        Lines for the log: one a trial, then the best.
    """
    parts = _parts(files, folds=folds, on_split=on_split, seed=seed)
    params_type: type[BaselineParams] | type[FinetuneParams] = BaselineParams if kind == "baseline" else FinetuneParams
    start: BaselineParams | FinetuneParams = read_params_in(params_type, into)
    searched = replace(start, epochs=max_epochs) if isinstance(start, FinetuneParams) and max_epochs else start
    folder = folder / _key(parts, schema, searched, seed)
    best, study = search(
        params_type, parts, schema, start=searched, trials=trials, seed=seed, folder=folder, progress=progress
    )
    if isinstance(best, FinetuneParams) and isinstance(start, FinetuneParams):
        best = replace(best, epochs=start.epochs)
    where = f"the rows with split {on_split!r}" if on_split else f"{len(parts)} folds grouped by article"
    finished = sum(t.state.name in ("COMPLETE", "PRUNED") for t in study.trials)
    note = (
        f"Best of {finished} trials by mean macro-F1 {study.best_value:.4f} on {where},\n"
        f"without the seed articles. {date.today():%Y-%m-%d}, python -m train tune {kind}."
    )
    into.mkdir(parents=True, exist_ok=True)
    path = into / params_path(params_type).name
    write_params(best, path, note=note)
    lines = [
        f"{t.number:3d} {t.state.name:9s} {t.value if t.value is None else round(t.value, 4)} {t.params}"
        for t in study.trials
    ]
    return [*lines, f"best {study.best_value:.4f}: {asdict(best)}", f"wrote {path}"]


def _key(parts: Sequence[Part], schema: Schema, start: BaselineParams | FinetuneParams, seed: int) -> str:
    """Hash of all that scores hang on beside what is searched: where it changes, a study of its own begins."""
    rows = [rows_key(side) for part in parts for side in part]
    base = base_revision(start.base) if isinstance(start, FinetuneParams) else ""
    code = code_hashes("transformer" if isinstance(start, FinetuneParams) else "baseline")
    return digest([rows, schema.to_dict(), fixed(start), base, code, seed])


def _parts(files: LabelFiles, *, folds: int, on_split: str, seed: int) -> list[Part]:
    """Cut what a search may see into parts to train on and to choose by."""
    training, aside = part_rows([e for e in files.examples if e.source != SEED_SOURCE])
    chosen = [e for e in aside if on_split and e.split == on_split]
    if on_split and not chosen:
        raise DataError(
            f"--on-split: expected rows with split {on_split!r}; found none. Name another, or leave it out."
        )
    if not training:
        raise DataError("labels: expected sentences outside the seed articles to search on; found none.")
    return [(training, chosen)] if on_split else parts_of(training, folds=folds, seed=seed)
