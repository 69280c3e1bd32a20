from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from shutil import copytree
from typing import Any

import optuna
import pytest
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import TrialState

from newslean.errors import DataError
from tests.train.test_keys import change_weights
from train import params as params_module
from train import tuning
from train.folds import SEED_SOURCE
from train.labels import LabelFiles, read_examples
from train.params import BaselineParams, FinetuneParams, read_params, write_params
from train.search import parts_of, search, suggest

START = BaselineParams(word_ngrams=1, char_ngrams=3, C=1.0)


@pytest.fixture(scope="module")
def parts(examples):
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return parts_of(examples, folds=2, seed=0)


def test_parts_keep_articles_whole_and_hold_out_each_once(examples, parts):
    for training, validation in parts:
        assert not {e.group for e in training} & {e.group for e in validation}
        assert len(training) + len(validation) == len(examples)
    assert sum(len(validation) for _, validation in parts) == len(examples)
    with pytest.raises(DataError, match="at least two articles"):
        parts_of(examples[:6], folds=2, seed=0)


def test_the_first_trial_is_the_start_and_old_trials_count(parts, schema, tmp_path: Path):
    best, study = search(BaselineParams, parts, schema, start=START, trials=2, seed=0, folder=tmp_path)
    first = study.trials[0]
    assert {name: getattr(START, name) for name in first.params} == first.params
    assert study.best_value >= first.value
    assert replace(best, **dict.fromkeys(first.params, 0)) == replace(START, **dict.fromkeys(first.params, 0))
    for trials, expected in ((2, 2), (1, 2), (4, 4)):
        _, study = search(BaselineParams, parts, schema, start=START, trials=trials, seed=0, folder=tmp_path)
        assert len(study.trials) == expected


def test_a_study_that_goes_on_draws_new_trials(parts, schema, tmp_path: Path):
    for trials in range(1, 5):  # as if killed after each trial
        _, study = search(BaselineParams, parts, schema, start=START, trials=trials, seed=0, folder=tmp_path)
    assert len({t.params["C"] for t in study.trials}) == 4


def test_the_seed_decides_the_trials(parts, schema, tmp_path: Path):
    found = [
        [t.params for t in search(BaselineParams, parts, schema, start=START, trials=3, seed=s, folder=f)[1].trials]
        for s, f in ((1, tmp_path / "a"), (1, tmp_path / "b"), (2, tmp_path / "c"))
    ]
    assert found[0] == found[1] != found[2]


@pytest.mark.parametrize("after", ["all", "none"])
def test_a_killed_trial_is_tried_again_and_does_not_count(parts, schema, tmp_path: Path, after: str):
    search(BaselineParams, parts, schema, start=START, trials=1, seed=0, folder=tmp_path)
    storage = JournalStorage(JournalFileBackend(str(tmp_path / "baseline.journal")))
    study = optuna.load_study(study_name="baseline", storage=storage)
    wanted = {name: getattr(BaselineParams(C=7.5, min_df=2), name) for name in study.trials[0].params}
    study.enqueue_trial(wanted)
    trial = study.ask()  # RUNNING, as a killed process leaves it
    if after == "all":
        suggest(trial, START)
    _, found = search(BaselineParams, parts, schema, start=START, trials=2, seed=0, folder=tmp_path)
    assert [t.state for t in found.trials] == [TrialState.COMPLETE, TrialState.FAIL, TrialState.COMPLETE]
    assert found.trials[2].params == wanted


def test_what_a_killed_fit_left_is_not_taken_up(parts, schema, params, tmp_path: Path):
    left = tmp_path / "trial" / "0-0" / "checkpoint-7"
    left.mkdir(parents=True)
    (left / "trainer_state.json").write_text("{}")
    (left / "training_args.bin").write_text("")
    start = replace(params, epochs=1)
    _, study = search(FinetuneParams, parts[:1], schema, start=start, trials=1, seed=0, folder=tmp_path)
    assert [t.state for t in study.trials] == [TrialState.COMPLETE]
    assert not list((tmp_path / "trial").glob("*/*"))


@pytest.fixture
def tune(label_folder: Path, schema, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Run the real tuning with parameters' files in another place; gives the log and the parts it searched on."""
    monkeypatch.setattr(params_module, "PARAMS", tmp_path)
    write_params(START, tmp_path / "baseline.toml", note="start")
    seen: list[Any] = []
    real = tuning.search

    def watched(kind: type, parts: Sequence[Any], *rest: Any, **more: Any) -> Any:
        seen.extend(parts)
        return real(kind, parts, *rest, **more)

    monkeypatch.setattr(tuning, "search", watched)

    def run(**changes: Any) -> tuple[list[str], list[Any]]:
        settings = {"trials": 1, "folds": 2, "on_split": "", "max_epochs": None, "seed": 0, "progress": False}
        settings |= {"kind": "baseline", "files": read_examples([label_folder], schema)}
        lines = tuning.tune_params(schema=schema, folder=tmp_path / "studies", into=tmp_path, **{**settings, **changes})
        return lines, seen

    return run


def test_a_study_sees_neither_seed_articles_nor_rows_set_aside(tune, tmp_path: Path):
    lines, seen = tune()
    rows = [e for part in seen for side in part for e in side]
    assert rows
    assert not [e for e in rows if e.source == SEED_SOURCE or e.split == "test"]
    assert lines[-1] == f"wrote {tmp_path / 'baseline.toml'}"
    assert asdict(read_params(BaselineParams, tmp_path / "baseline.toml")) == asdict(START)


def studies(folder: Path) -> int:
    return len([*(folder / "studies").iterdir()])


def test_a_study_goes_on_from_what_it_found_but_not_with_other_fixed_parameters(tune, tmp_path: Path):
    path = tmp_path / "baseline.toml"
    tune()
    for changes, expected in (({"C": 2.0}, 1), ({"authored_weight": 0.5}, 2), ({}, 2)):
        write_params(replace(read_params(BaselineParams, path), **changes), path, note="changed")
        tune()
        assert studies(tmp_path) == expected


@pytest.mark.parametrize(
    "change", [{"before": "Rain."}, {"article_title": "Rain"}, {"group": "x"}, {"source": "authored"}]
)
def test_rows_that_are_read_otherwise_begin_a_study(tune, examples, tmp_path: Path, change: dict[str, str]):
    tune(on_split="test")
    rows = [replace(e, **change) if e.n == 1 and e.group == "paper-3" else e for e in examples]
    tune(on_split="test", files=LabelFiles(rows, 0, {}, ["x"] * len(rows)))
    assert studies(tmp_path) == 2


def test_a_base_with_other_weights_begins_a_study(tune, params, encoder: Path, tmp_path: Path):
    base = copytree(encoder, tmp_path / "base")
    rate = {"learning_rate": 5e-4, "head_learning_rate": 5e-3}
    for expected in (1, 2):
        start = replace(params, base=str(base), epochs=1, **rate)
        write_params(start, tmp_path / "finetuned.toml", note="start")
        tune(kind="finetuned", on_split="test")
        assert studies(tmp_path) == expected
        change_weights(base)


def test_a_start_that_no_trial_may_have_is_named(parts, schema, params, tmp_path: Path):
    start = replace(params, batch_size=12)
    with pytest.raises(DataError, match="expected values that a search may choose; found '12' not in"):
        search(FinetuneParams, parts, schema, start=start, trials=1, seed=0, folder=tmp_path)


def test_a_named_split_is_chosen_by_but_not_trained_on(tune):
    _, [(training, chosen)] = tune(on_split="test")
    assert {e.split for e in chosen} == {"test"}
    assert {e.split for e in training} == {""}
    with pytest.raises(DataError, match="expected rows with split 'dev'"):
        tune(on_split="dev")
