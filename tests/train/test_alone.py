"""The baseline alone, where there is too little to learn from."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from newslean.errors import DataError
from train.alone import baseline_out_of_fold, train_baseline, update_baseline
from train.known import Known, Plan
from train.labels import Example, LabelFiles
from train.params import BaselineParams
from train.run import Run

Make = Callable[[Run], object]


def _update(run: Run) -> object:
    return update_baseline(run, Known("2026.11.01-abc", None), Plan([-1] * len(run.examples), [], []))


@pytest.mark.parametrize(
    ("make", "texts"),
    [
        (train_baseline, ("!!! ???", "... ---", "$$$")),
        (baseline_out_of_fold, ("Copper rose.", "Zinc fell.")),
        (_update, ("a", "b", "c")),
    ],
)
def test_too_few_words_are_a_fault_of_the_labels(
    make: Make, texts: tuple[str, ...], make_run: Callable[..., Run], tmp_path: Path
) -> None:
    rows = [
        Example(f"d{n}", 0, text, False, f"d{n}", "user", {"topic": [], "mood": ["rise", "fall"][n % 2]})
        for n, text in enumerate(texts)
    ]
    files = LabelFiles(rows, 0, {}, [f"x:{n}" for n in range(len(rows))])
    run = make_run(tmp_path, files=files, baseline=BaselineParams(min_df=2))
    with pytest.raises(
        DataError, match=f"words of which some stand in 2 rows or more.*found too few in {len(rows)} rows"
    ):
        make(run)
    assert not [*tmp_path.rglob("folds.npz")]


@pytest.mark.parametrize(
    ("rows", "code", "said"),
    [
        # One class in a fold's training, and a label that no row has, are no faults.
        (
            [("Copper rose in Arlen", "rise"), ("Zinc rose in Borva", "rise"), ("Tin fell in Cimbel", "fall")],
            0,
            "wrote",
        ),
        ([("!!!", "rise"), ("???", "fall")], 2, "python -m train: labels: expected texts with words"),
    ],
)
def test_the_command_ends_without_a_traceback(
    cli: Any, tmp_path: Path, rows: list[tuple[str, str]], code: int, said: str
) -> None:
    (tmp_path / "sentences").mkdir()
    (tmp_path / "schema.toml").write_text(
        '[[dimensions]]\nname = "mood"\nkind = "single"\nlabels = ["rise", "fall", "flat"]\n'
    )
    lines = [{"doc": f"d{n}", "n": 0, "text": text, "labels": {"mood": mood}} for n, (text, mood) in enumerate(rows)]
    (tmp_path / "sentences" / "a.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    place = ("--labels", tmp_path, "--models", tmp_path / "models", "--work", tmp_path / "work", "--no-curve")
    found, _, err = cli("--only", "baseline", *place)
    assert (found, said in err) == (code, True)
