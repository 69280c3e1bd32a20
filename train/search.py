"""Hyperparameter search with Optuna: a study in a journal file, so that it goes on after a kill.

Knows examples, the two kinds of parameters and where studies lie. A study
never sees test data: seed articles are left out of it.
"""

import shutil
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import optuna
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend

from newslean.errors import DataError
from newslean.schema import Schema
from train.baseline import fit_baseline
from train.calibrate import mean_macro_f1
from train.finetune import enough_epochs, finetune, predict_logits
from train.folds import assign_folds
from train.labels import Example
from train.params import BaselineParams, FinetuneParams

Params = BaselineParams | FinetuneParams
Part = tuple[Sequence[Example], Sequence[Example]]
"""Examples to train on and examples to choose by."""


def search(
    kind: type[Params],
    parts: Sequence[Part],
    schema: Schema,
    *,
    start: Params,
    trials: int,
    seed: int,
    folder: str | Path,
    progress: bool = False,
) -> tuple[Params, optuna.Study]:
    """Search for the parameters with the best mean macro-F1 over parts.

    The first trial is ``start``, so the result is never worse than it on the
    same parts. A study of the same name in ``folder`` goes on where it was:
    ``trials`` counts those that it already holds.

    Parameters
    ----------
    parts : sequence of (training, validation)
        Each is one step of a trial, after which the median pruner may stop it;
        a fine-tuning trial also reports every epoch of its first part.
    folder : path
        Where the journal and checkpoints lie.

    Returns
    -------
    (params, study)
        The best parameters and the whole study.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    study = _open_study(kind, start, seed=seed, folder=folder)
    # What a killed trial left is of no use, since it begins anew under another number, and of harm in a new study.
    shutil.rmtree(folder / "trial", ignore_errors=True)
    done = len(study.get_trials(states=(optuna.trial.TrialState.COMPLETE, optuna.trial.TrialState.PRUNED)))
    run: Callable[..., float] = _baseline_trial if kind is BaselineParams else _finetune_trial

    def objective(trial: optuna.Trial) -> float:
        params = suggest(trial, start)
        return run(trial, params, parts, schema, seed, folder / "trial")

    study.optimize(objective, n_trials=max(trials - done, 0), show_progress_bar=progress)
    best: dict[str, Any] = {key: _plain(value) for key, value in study.best_params.items()}
    return replace(start, **best), study


def _open_study(kind: type[Params], start: Params, *, seed: int, folder: Path) -> optuna.Study:
    """Begin a study with ``start`` as its first trial, or go on with the one in the folder's journal."""
    name = "baseline" if kind is BaselineParams else "finetuned"
    study = optuna.create_study(
        study_name=name,
        storage=JournalStorage(JournalFileBackend(str(folder / f"{name}.journal"))),
        pruner=optuna.pruners.MedianPruner(n_startup_trials=2, n_warmup_steps=1),
        direction="maximize",
        load_if_exists=True,
    )
    # Seeded anew, or a study that goes on would draw the same random trials again.
    study.sampler = optuna.samplers.TPESampler(seed=seed + len(study.trials), n_startup_trials=5)
    if not study.trials:
        study.enqueue_trial(_searched(start))
    # A killed trial is left RUNNING in the journal: it is tried again, and does not count.
    for trial in study.get_trials(states=(optuna.trial.TrialState.RUNNING,)):
        study.tell(trial.number, state=optuna.trial.TrialState.FAIL)
        study.enqueue_trial({**trial.system_attrs.get("fixed_params", {}), **trial.params})
    return study


def suggest(trial: optuna.Trial, start: Params) -> Params:
    """Draw the searched parameters of a trial; the rest stays as in ``start``.

    What changes the cost of every later prediction (the encoder, its context) is a decision, not searched.
    """
    if isinstance(start, BaselineParams):
        return replace(
            start,
            classifier=trial.suggest_categorical("classifier", ["logistic", "svm"]),
            word_ngrams=trial.suggest_int("word_ngrams", 1, 3),
            char_ngrams=trial.suggest_int("char_ngrams", 3, 5),
            min_df=trial.suggest_int("min_df", 1, 3),
            sublinear_tf=trial.suggest_categorical("sublinear_tf", [True, False]),
            balanced=trial.suggest_categorical("balanced", [True, False]),
            C=trial.suggest_float("C", 0.03, 30.0, log=True),
        )
    return replace(
        start,
        batch_size=trial.suggest_categorical("batch_size", [8, 16, 32]),
        learning_rate=trial.suggest_float("learning_rate", 5e-5, 5e-4, log=True),
        head_learning_rate=trial.suggest_float("head_learning_rate", 2e-4, 5e-3, log=True),
        dropout=trial.suggest_float("dropout", 0.0, 0.4),
        label_smoothing=trial.suggest_float("label_smoothing", 0.0, 0.2),
        class_weight_power=trial.suggest_float("class_weight_power", 0.0, 1.0),
        weight_decay=trial.suggest_float("weight_decay", 1e-3, 0.1, log=True),
    )


def fixed(params: Params) -> dict[str, Any]:
    """Give the parameters that a search leaves as they are: its scores are theirs too."""
    searched = _searched(params)
    return {name: value for name, value in asdict(params).items() if name not in searched}


def parts_of(examples: Sequence[Example], *, folds: int, seed: int) -> list[Part]:
    """Cut examples into grouped parts for a search."""
    try:
        assigned = assign_folds(examples, folds=folds, seed=seed)
    except ValueError as error:
        raise DataError(f"labels: {error}. Add rows of other articles.") from None
    return [
        (
            [e for e, fold in zip(examples, assigned, strict=True) if fold != k],
            [e for e, fold in zip(examples, assigned, strict=True) if fold == k],
        )
        for k in range(max(assigned) + 1)
    ]


def _baseline_trial(
    trial: optuna.Trial, params: BaselineParams, parts: Sequence[Part], schema: Schema, seed: int, _: Path
) -> float:
    scores = []
    for step, (training, validation) in enumerate(parts):
        baseline = fit_baseline(training, schema, params, seed=seed)
        logits = baseline.logits([e.text for e in validation], [""] * len(validation))
        scores.append(mean_macro_f1(logits, validation, schema))
        _report(trial, float(np.mean(scores)), step)
    return float(np.mean(scores))


def _finetune_trial(
    trial: optuna.Trial, params: FinetuneParams, parts: Sequence[Part], schema: Schema, seed: int, folder: Path
) -> float:
    scores: list[float] = []
    for k, (training, validation) in enumerate(parts):
        on_epoch: Callable[[int, float], None] | None = None
        if k == 0:
            on_epoch = lambda epoch, score: _report(trial, score, epoch)  # noqa: E731 - a one-line closure
        # Checkpoints of another trial must not be taken up: each trial has a folder of its own.
        place = folder / f"{trial.number}-{k}"
        try:
            chosen = enough_epochs(params, len(training))
            fit = finetune(training, validation, schema, chosen, seed=seed, folder=place, on_epoch=on_epoch)
        finally:
            shutil.rmtree(place, ignore_errors=True)  # a pruned trial leaves its checkpoints
        scores.append(mean_macro_f1(predict_logits(fit, validation, schema, params), validation, schema))
    return float(np.mean(scores))


def _report(trial: optuna.Trial, score: float, step: int) -> None:
    trial.report(score, step)
    if trial.should_prune():
        raise optuna.TrialPruned


def _searched(params: Params) -> dict[str, object]:
    trial = optuna.trial.FixedTrial(asdict(params))
    try:
        suggest(trial, params)
    except ValueError as error:
        raise DataError(
            f"parameters to start from: expected values that a search may choose; found {error} Change their file."
        ) from None
    return dict(trial.params)


def _plain(value: object) -> object:
    return float(f"{value:.3g}") if isinstance(value, float) else value
