"""The baseline alone, where there is too little to learn from."""

import json
import random
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from newslean.errors import DataError
from newslean.schema import Schema
from train.alone import baseline_out_of_fold, train_baseline, update_baseline
from train.known import Known, Plan
from train.labels import Example, LabelFiles
from train.params import BaselineParams
from train.promotion import promote
from train.record import make_record, read_record
from train.retrain import Order, retrain
from train.run import Run

pytestmark = pytest.mark.usefixtures("undrawn")

Make = Callable[[Run], object]

MOODS = ("rise", "fall", "mixed", "flat")


def paper(number: int, rows: Iterable[int], **changes: Any) -> list[Example]:
    """Rows of an article with a word of its own, its mood drawn: only who has seen other rows of it can know that."""
    draw, doc = random.Random(number), f"paper-{number}"  # noqa: S311 - no secret
    word, mood = "".join(draw.choices("bcdfgklmnprst", k=8)), draw.choice(MOODS)
    texts = [f"The {word} office near {word} sold the {word} paper, part {number}-{n}." for n in rows]
    given = {"group": doc, "labels": {"topic": [], "mood": mood}, **changes}
    return [replace(Example(doc, n, t, False, "", "user", {}), **given) for n, t in zip(rows, texts, strict=True)]


def _with(run: Run, rows: list[Example], lines: list[str] | None = None) -> Run:
    files = LabelFiles(rows, 0, {}, [f"x:{n}" for n in range(len(rows))])
    return replace(run, files=files, say=print if lines is None else lines.append)


def _accuracy(path: Path, part: str = "out_of_fold") -> tuple[int, float]:
    report = json.loads((path / "evaluation" / part / "report.json").read_text())
    return report["sentences"], report["dimensions"]["mood"]["models"]["baseline"]["accuracy"]


def test_new_rows_of_known_articles_are_learnt_but_not_measured(make_run: Callable[..., Run], tmp_path: Path) -> None:
    base, lines = make_run(tmp_path, folds=5), list[str]()
    old = [e for k in range(40) for e in paper(k, range(4))]
    path, _ = retrain(_with(base, old), Order(only="baseline"))
    assert _accuracy(path)[1] < 0.45
    late = [e for k in range(40) for e in paper(k, range(4, 8))]
    fresh = [e for k in range(40, 50) for e in paper(k, range(4))]
    grown = _with(base, [*old, *late, *fresh], lines)
    order = Order(only="baseline", start="current", promote="never")
    path, updated = retrain(grown, order)
    assert updated
    assert "160 sentences are learnt, but not measured" in "\n".join(lines)
    sentences, accuracy = _accuracy(path)
    assert sentences == 200
    assert accuracy < 0.45  # 0.6 and more, where what is known of their articles answers for them
    record = read_record(path, base.schema)
    assert (len(record.rows), record.own.sum()) == (200, 20)
    assert all(map(record.taught, grown.files.examples))
    # Neither does the next update measure them, nor learn them again.
    promote(base.models, path.name, event="promotion", reason="for the test")
    assert retrain(grown, order) == (base.models / "current", True)
    more = [e for k in range(50, 54) for e in paper(k, range(4))]
    path, _ = retrain(_with(base, [*grown.files.examples, *more], lines), order)
    assert _accuracy(path)[0] == 216


def test_an_update_that_could_measure_nothing_is_a_training_from_scratch(
    make_run: Callable[..., Run], tmp_path: Path
) -> None:
    base, lines = make_run(tmp_path), list[str]()
    retrain(_with(base, [e for k in range(4) for e in paper(k, range(4))]), Order(only="baseline"))
    late = [e for k in range(4) for e in paper(k, range(4, 8))]
    path, updated = retrain(_with(base, late, lines), Order(only="baseline", start="current", promote="never"))
    assert not updated
    assert [line for line in lines if line.startswith("from scratch: ") and "none can be measured" in line]
    assert _accuracy(path)[0] == 16


def test_the_folds_of_an_update_hold_out_all_rows(make_run: Callable[..., Run], schema: Schema, tmp_path: Path) -> None:
    """Those that are not measured too: they would tell of their articles' other rows, which are."""
    old, late = ([e for k in range(8) for e in paper(k, part)] for part in (range(4), range(4, 8)))
    whole = _with(make_run(tmp_path), [*old, *late])
    record = make_record(old, old, [e.labels for e in old], {}, schema)
    made = replace(whole, start="2026.11.01-abc", earlier=record)
    assert (made.examples, made.unmeasured, made.first) == (old, late, late)
    np.testing.assert_array_equal(baseline_out_of_fold(made)["mood"], baseline_out_of_fold(whole)["mood"][:32])


def test_rows_set_aside_of_articles_that_are_trained_on_are_left_out(
    make_run: Callable[..., Run], tmp_path: Path
) -> None:
    base, lines = make_run(tmp_path), list[str]()
    rows = [e for k in range(8) for e in paper(k, range(4))]
    aside = [*paper(0, [4], split="test"), *paper(8, range(3), split="test"), *paper(9, [0], labels={}, split="test")]
    copy = replace(rows[0], doc="copy", group="copy", text=f" {rows[0].text.upper()}", split="test")
    path, _ = retrain(_with(base, [*rows, *aside, copy], lines), Order(only="baseline"))
    assert "2 of 5 sentences set aside are left out: their articles or texts stand among those to train on" in lines
    assert _accuracy(path, "held_out")[0] == 3


def test_an_update_measures_no_row_set_aside_that_was_learnt_before(
    make_run: Callable[..., Run], tmp_path: Path
) -> None:
    base, lines = make_run(tmp_path), list[str]()
    rows = [e for k in range(8) for e in paper(k, range(4))]
    retrain(_with(base, [*rows, *paper(8, range(4), split="test")]), Order(only="baseline"))
    moved = [replace(e, split="test") if e.doc == "paper-3" else e for e in rows]
    new = [*paper(8, range(4), split="test"), *paper(9, range(4)), *paper(10, range(4))]
    grown = _with(base, [*moved, *new], lines)
    path, _ = retrain(grown, Order(only="baseline", start="current", promote="never"))
    assert [line for line in lines if line.startswith("4 of 8 sentences set aside are left out")]
    assert _accuracy(path, "held_out")[0] == 4
    path, _ = retrain(grown, Order(only="baseline", promote="never"))
    assert _accuracy(path, "held_out")[0] == 8


def test_rows_without_a_label_are_neither_learnt_nor_counted(make_run: Callable[..., Run], tmp_path: Path) -> None:
    rows = [e for k in range(4) for e in paper(k, range(4))]
    blank = [replace(rows[1], labels={}), *paper(9, range(2), labels={})]
    run = _with(make_run(tmp_path), [rows[0], *blank, *rows[2:]])
    assert run.examples == [rows[0], *rows[2:]]
    assert (run.first, run.held_out) == ([], [])
    assert run.key == _with(run, run.examples).key  # so that fits are not made again for them, nor taken for others


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
