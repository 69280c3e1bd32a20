"""Real fits of a tiny encoder."""

import pickle
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from newslean.schema import Schema
from train.batches import Collator, to_dataset
from train.calibrate import mean_macro_f1
from train.finetune import Fit, enough_epochs, finetune, predict_logits
from train.network import HEADS, load_base

ROOT = Path(__file__).resolve().parent.parent.parent
# Fits as the project does, but slow enough at the end of an epoch to be killed there.
FIT = """
import json, pathlib, pickle, sys, time
import numpy as np
from train import finetune as module
from train.params import FinetuneParams
place = pathlib.Path(sys.argv[1])
examples, validation, schema, params = pickle.loads((place / "task.pickle").read_bytes())
def on_epoch(epoch, score):
    with open(place / "epochs.txt", "a") as file:
        print(epoch, file=file, flush=True)
    if epoch == int(sys.argv[2]):
        time.sleep(600)
fit = module.finetune(examples, validation, schema, FinetuneParams(**params), seed=5,
                      folder=place / "checkpoints", on_epoch=on_epoch)
logits = module.predict_logits(fit, examples, schema, FinetuneParams(**params))
np.savez(place / "logits.npz", epochs=fit.epochs, **logits)
"""


@pytest.fixture(scope="module")
def rows(examples):
    return [e for e in examples if e.group in ("paper-0", "paper-4")]


def test_it_overfits(rows, schema: Schema, params, tmp_path: Path):
    fit = finetune(rows, [], schema, replace(params, epochs=20), seed=0, folder=tmp_path / "c")
    assert mean_macro_f1(predict_logits(fit, rows, schema, params), rows, schema) >= 0.9
    assert (fit.epochs, fit.score) == (20, None)
    assert not (tmp_path / "c").exists()


def test_rows_that_lack_a_dimension(rows, schema: Schema, params, tmp_path: Path):
    half = [replace(e, labels={k: v for k, v in e.labels.items() if (k == "topic") == (e.n < 3)}) for e in rows]
    fit = finetune(half, half, schema, replace(params, epochs=2), seed=0, folder=tmp_path / "c")
    logits = predict_logits(fit, half, schema, params)
    assert all(np.isfinite(values).all() for values in logits.values())
    bare = [replace(e, labels={}) for e in rows]
    assert finetune(bare, [], schema, replace(params, epochs=1), seed=0, folder=tmp_path / "c").epochs == 1


def test_it_stops_early_and_keeps_the_best_epoch(rows, schema: Schema, params, tmp_path: Path):
    scores: list[float] = []
    still = replace(params, epochs=9, patience=2, learning_rate=0.0, head_learning_rate=0.0)  # no epoch is better
    fit = finetune(
        rows, rows, schema, still, seed=0, folder=tmp_path / "c", on_epoch=lambda epoch, score: scores.append(score)
    )
    assert len(scores) == 3
    assert fit.epochs == 1
    assert fit.score == scores[0]


def test_short_epochs_are_looked_at_together(rows, schema: Schema, params, tmp_path: Path):
    seen: list[int] = []
    each = -(-len(rows) // params.batch_size)
    asked = replace(params, epochs=7, check_steps=3 * each - 1)
    fit = finetune(
        rows, rows, schema, asked, seed=0, folder=tmp_path / "c", on_epoch=lambda epoch, _: seen.append(epoch)
    )
    assert seen == [3, 6, 7]  # and at the end
    assert fit.epochs in seen
    still = replace(asked, epochs=30, patience=6, learning_rate=0.0, head_learning_rate=0.0)  # six epochs: two looks
    seen.clear()
    finetune(rows, rows, schema, still, seed=0, folder=tmp_path / "c", on_epoch=lambda epoch, _: seen.append(epoch))
    assert seen == [3, 6, 9]
    assert finetune(rows, [], schema, replace(asked, epochs=2), seed=0, folder=tmp_path / "c").epochs == 2


def test_patience_outlives_a_kill(rows, schema: Schema, params, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Cut off in any epoch, and behind the last one: no epoch runs that the whole fit did not."""
    still = replace(params, epochs=9, patience=3, learning_rate=0.0, head_learning_rate=0.0)  # no epoch is better
    seen: list[int] = []

    def fit(cut: int = 0) -> Fit | None:
        def on_epoch(epoch: int, score: float) -> None:
            seen.append(epoch)
            if epoch == cut:
                raise KeyboardInterrupt

        try:
            return finetune(rows, rows, schema, still, seed=0, folder=tmp_path / "c", on_epoch=on_epoch)
        except KeyboardInterrupt:
            return None

    assert fit().epochs == 1
    assert seen == [1, 2, 3, 4]
    last = tmp_path / "c" / f"checkpoint-{4 * -(-len(rows) // params.batch_size)}"
    seen.clear()
    assert [fit(cut) for cut in (2, 3, 4)] == [None] * 3
    with monkeypatch.context() as patch:  # of the best weights and the last ones only the former stay
        patch.setattr(shutil, "rmtree", _cut_off(last))
        assert fit() is None
    assert last.is_dir()
    assert seen == [1, 2, 2, 3, 3, 4, 4]
    found = fit()
    assert (found.epochs, len(seen)) == (1, 7)
    assert not (tmp_path / "c").exists()


def _cut_off(folder: Path) -> Callable[..., None]:
    remove = shutil.rmtree

    def rmtree(path: str | Path, **options: Any) -> None:
        if Path(path) == folder:
            raise KeyboardInterrupt
        remove(path, **options)

    return rmtree


def test_a_fit_may_be_stopped_from_outside(rows, schema: Schema, params, tmp_path: Path):
    class StopError(Exception):
        pass

    def stop(epoch: int, score: float) -> None:
        raise StopError

    with pytest.raises(StopError):
        finetune(rows, rows, schema, params, seed=0, folder=tmp_path / "c", on_epoch=stop)


def test_scores_come_in_the_order_of_the_rows(rows, schema: Schema, params, tmp_path: Path):
    fit = finetune(rows, [], schema, replace(params, epochs=1), seed=0, folder=tmp_path / "c")
    mixed = [*rows[::-1], replace(rows[0], text="Zinc " * 60)]
    together = predict_logits(fit, mixed, schema, params)
    for n, row in enumerate(mixed):
        alone = predict_logits(fit, [row], schema, params)
        for name in schema.names:
            np.testing.assert_allclose(together[name][n], alone[name][0], atol=1e-5)


def test_context_reaches_the_network(rows, schema: Schema, params, tmp_path: Path):
    with_context = replace(params, epochs=1, context="title+before")
    fit = finetune(rows, [], schema, with_context, seed=0, folder=tmp_path / "c")
    changed = [replace(e, before="Storms drowned the mine.") for e in rows]
    left, right = (predict_logits(fit, part, schema, with_context)["mood"] for part in (rows, changed))
    assert not np.allclose(left, right)
    left, right = (predict_logits(fit, part, schema, params)["mood"] for part in (rows, changed))
    assert np.array_equal(left, right)


def test_embeddings_may_stay_as_they_are(rows, schema: Schema, params, tmp_path: Path):
    from train.network import load_base

    before = load_base(params.base)[0].get_input_embeddings().weight
    for frozen in (True, False):
        short = replace(params, epochs=1, freeze_embeddings=frozen)
        after = finetune(rows, [], schema, short, seed=0, folder=tmp_path / "c").network.encoder
        assert torch.equal(before, after.get_input_embeddings().weight) == frozen


def test_the_radius_reaches_the_fit(rows, schema: Schema, params, tmp_path: Path):
    def moods(radius: float):
        short = replace(params, epochs=1, sharpness_radius=radius)
        fit = finetune(rows, [], schema, short, seed=0, folder=tmp_path / "c")
        return predict_logits(fit, rows, schema, short)["mood"]

    near, far, again = moods(0.0), moods(0.5), moods(0.5)
    assert not np.allclose(near, far, atol=1e-4)
    assert np.array_equal(far, again)


def _start(place: Path, task: bytes, hang_at: int) -> subprocess.Popen[bytes]:
    place.mkdir(exist_ok=True)
    (place / "task.pickle").write_bytes(task)
    return subprocess.Popen(
        [sys.executable, "-c", FIT, str(place), str(hang_at)],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )


def _finish(process: subprocess.Popen[bytes]) -> None:
    _, err = process.communicate(timeout=300)
    assert process.returncode == 0, err.decode()


def test_a_killed_fit_goes_on_and_ends_the_same(rows, schema: Schema, params, tmp_path: Path):
    task = pickle.dumps((rows, rows, schema, asdict(replace(params, epochs=4, dropout=0.2))))
    killed, whole = tmp_path / "killed", tmp_path / "whole"
    process = _start(killed, task, hang_at=3)
    other = _start(whole, task, hang_at=0)
    try:
        deadline = time.monotonic() + 280
        while "3\n" not in (killed / "epochs.txt").read_text() if (killed / "epochs.txt").exists() else True:
            assert process.poll() is None, process.stderr.read().decode()
            assert time.monotonic() < deadline
            time.sleep(0.05)
    finally:
        process.send_signal(signal.SIGKILL)
        process.communicate()
    assert list((killed / "checkpoints").glob("checkpoint-*/trainer_state.json"))
    # A checkpoint that the kill cut off must not be taken up.
    (killed / "checkpoints" / "checkpoint-998").mkdir()
    cut = killed / "checkpoints" / "checkpoint-999"
    cut.mkdir()
    (cut / "training_args.bin").touch()
    (cut / "trainer_state.json").touch()  # opened, and nothing written yet
    _finish(_start(killed, task, hang_at=0))
    _finish(other)
    assert (whole / "epochs.txt").read_text().split() == ["1", "2", "3", "4"]
    assert (killed / "epochs.txt").read_text().split() == ["1", "2", "3", "3", "4"]  # not from the start again
    with np.load(killed / "logits.npz") as left, np.load(whole / "logits.npz") as right:
        for name in right.files:
            np.testing.assert_allclose(left[name], right[name], atol=1e-5)
    assert not (killed / "checkpoints").exists()


def test_context_is_dropped_from_a_share_of_the_rows_in_training_alone(rows, schema: Schema, params):
    tokenizer = load_base(params.base)[1].backend_tokenizer
    asked = replace(params, context="before", context_dropout=0.5)
    rows = [replace(rows[1], before="Rain fell on the harbour.")] * 400
    data = [*to_dataset(rows, schema, tokenizer, asked, training=True)]
    whole, alone = len(data[0]["input_ids"]), len(data[0]["alone"]["input_ids"])
    torch.manual_seed(0)
    found = Collator(0, "right", context_dropout=0.5)(data)["attention_mask"].sum(1).tolist()
    assert whole > alone
    assert set(found) == {whole, alone}
    assert 150 < found.count(alone) < 250
    assert {*Collator(0, "right")(data)["attention_mask"].sum(1).tolist()} == {whole}
    for told, how in ((asked, False), (replace(asked, context_dropout=0.0), True)):
        assert "alone" not in to_dataset(rows[:2], schema, tokenizer, told, training=how).column_names


def test_few_rows_get_more_epochs_unless_the_network_has_learnt_something_first(params, tmp_path: Path):
    asked = replace(params, epochs=2, batch_size=8, min_steps=100)
    assert [enough_epochs(asked, rows).epochs for rows in (0, 8, 79, 80, 400, 4000)] == [100, 100, 10, 10, 2, 2]
    assert [enough_epochs(asked, rows).patience for rows in (8, 80, 4000)] == [34, asked.patience, asked.patience]
    (tmp_path / HEADS).touch()
    assert enough_epochs(replace(asked, base=str(tmp_path)), 8).epochs == 2
