import json
import pickle
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import fields, replace
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from newslean.schema import Schema
from train import __main__ as program
from train import curve
from train.alone import train_baseline
from train.curve_fit import fit_curve
from train.curve_points import experiment_points, fold_points
from train.curve_report import draw_plot, render_curve, render_short
from train.experiment import Setting, run_experiment
from train.labels import Example, LabelFiles
from train.params import BaselineParams, FinetuneParams
from train.run import Run

ROOT = Path(__file__).resolve().parent.parent.parent
BARE = """
import pathlib, pickle, sys
asked = []
class Absent:
    def find_spec(self, name, *rest):
        if name.partition(".")[0] in ("torch", "transformers"):
            asked.append(name)
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, Absent())
from train.curve import draw_curve
from train.run import Run
run = Run(**pickle.loads(pathlib.Path(sys.argv[1]).read_bytes()), say=print)
print(draw_curve(run, seeds=1), run.baseline_key)
assert not asked
(run.place / "transformer-of-another-machine").mkdir()
print(draw_curve(run, seeds=1))
assert asked
"""


def points(law, *, noise: float = 0.0) -> list[dict]:
    """Points of a known law, in all labels the same."""
    random, found = np.random.default_rng(0), []
    for seed in range(4):
        for n in (50, 100, 200, 400, 800):
            f1 = float(law(n) + noise * random.normal())
            dimensions = {
                name: {"rows": n, "macro_f1": f1, "f1": dict.fromkeys(labels, f1), "support": dict.fromkeys(labels, n)}
                for name, labels in (("topic", ("metals", "weather")), ("mood", ("rise", "fall", "mixed", "flat")))
            }
            found.append({"seed": seed, "rows": n, "dimensions": dimensions})
    return found


@pytest.fixture
def thousand(examples: list[Example]) -> list[Example]:
    return [replace(examples[0], n=n) for n in range(1000)]


def test_a_known_law_is_found_and_projected(schema: Schema, thousand: list[Example]):
    found = fit_curve(points(lambda n: 1 - 0.1 - 6 * n**-0.5), thousand, schema, seed=0)
    topic = found["dimensions"]["topic"]
    assert topic["law"] == pytest.approx({"a": 0.1, "b": 6, "c": 0.5}, abs=0.02)
    assert topic["gain"] == pytest.approx(6 * 1000**-0.5 - 6 * 2000**-0.5, abs=1e-3)
    metals = topic["labels"]["metals"]
    assert metals["support"] == 1000
    assert metals["needed"] == pytest.approx((6 / (6 * 1000**-0.5 - 0.05)) ** 2 - 1000, rel=0.05)
    assert topic["labels"]["weather"]["gain"] is None  # no sentence has it


def test_noise_widens_the_interval(schema: Schema, thousand: list[Example]):
    def widths(noise: float) -> float:
        found = fit_curve(points(lambda n: 1 - 0.1 - 6 * n**-0.5, noise=noise), thousand, schema, seed=0)
        low, high = found["dimensions"]["topic"]["interval"]
        assert low <= found["dimensions"]["topic"]["gain"] <= high or noise
        return high - low

    assert widths(0.02) > widths(0.002) > 0


def test_a_flat_curve_promises_nothing(schema: Schema, thousand: list[Example]):
    found = fit_curve(points(lambda n: 0.6), thousand, schema, seed=0)
    assert found["dimensions"]["topic"]["gain"] == pytest.approx(0, abs=1e-3)
    assert found["dimensions"]["topic"]["labels"]["metals"]["needed"] is None


def test_it_is_measured_on_articles_never_learnt(examples: list[Example], schema: Schema, monkeypatch):
    seen = []
    work = curve.on_all_cores
    monkeypatch.setattr(curve, "on_all_cores", lambda *task, **size: seen.extend(task[1]) or work(*task, **size))
    found = curve.measure_curve(examples, schema, BaselineParams(char_ngrams=3), seed=0, seeds=2)
    assert len(found) == 2 * len(curve.SHARES)
    for seed in (0, 1):
        parts = sorted(({e.group for e in part} for one, part, _ in seen if one == seed), key=len)
        assert all(small <= large for small, large in pairwise(parts))
        (test,) = {frozenset(e.group for e in test) for one, _, test in seen if one == seed}
        assert not parts[-1] & test
    assert (
        found[4]["dimensions"]["mood"]["rows"] == found[4]["rows"] - 1
        or found[4]["rows"] == found[4]["dimensions"]["mood"]["rows"]
    )


def test_few_articles_and_no_rows(examples: list[Example], schema: Schema):
    for rows in ([], examples[:6]):
        assert curve.measure_curve(rows, schema, BaselineParams(), seed=0, seeds=2) == []
        found = {**fit_curve([], rows, schema, seed=0), "others": []}
        assert "too few labels or articles" in render_short(found)
        assert "Too few labels or articles" in render_curve(found)
        assert draw_plot(found, "png").startswith(b"\x89PNG")


def test_the_command_writes_all_and_does_nothing_twice(
    label_folder: Path, params, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    def run() -> str:
        arguments = ["--labels", label_folder, "--seeds", "2", "--work", tmp_path, "--out", tmp_path / "out"]
        monkeypatch.setattr(sys, "argv", ["train", "curve", *map(str, arguments)])
        with pytest.raises(SystemExit) as end:
            program.run()
        assert not end.value.code
        return capsys.readouterr().out

    out = run()
    assert out.startswith("learning curve of topic (baseline): macro-F1")
    assert out.rstrip().endswith("curve.md")
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert names == {"points.json", "curve.json", "curve.md", "curve.png", "curve.svg"}
    data = json.loads((tmp_path / "out" / "curve.json").read_text("utf-8"))
    assert len(data["points"]) == 2 * len(curve.SHARES)
    monkeypatch.setattr(curve, "measure_curve", None)
    assert run() == out


@pytest.mark.parametrize("change", [{"labels": {"topic": ["weather"], "mood": "mixed"}}, {"source": "user"}])
def test_points_of_other_rows_are_not_taken_up(
    examples: list[Example], schema: Schema, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: dict[str, object]
):
    """The source decides the folds and the weight of a row."""
    measured: list[Sequence[Example]] = []

    def measure(rows: Sequence[Example], *rest: object, **more: object) -> list[dict]:
        measured.append(rows)
        return [{"seed": len(measured), "rows": len(rows), "dimensions": {}}]

    def shown(rows: list[Example]) -> int:
        files = LabelFiles(rows, 0, {}, ["x"] * len(rows))
        curve.write_curve(files, schema, seed=0, params=tmp_path, seeds=2, work=tmp_path, out=tmp_path / "out")
        (point,) = json.loads((tmp_path / "out" / "curve.json").read_text("utf-8"))["points"]
        return point["seed"]

    monkeypatch.setattr(curve, "measure_curve", measure)
    other = [replace(examples[0], **change), *examples[1:]]
    assert [shown(rows) for rows in (examples, examples, other, other, examples)] == [1, 1, 2, 2, 3]
    (tmp_path / "out" / "points.json").write_text("[", encoding="utf-8")  # cut off
    assert shown(examples) == 4


def test_the_curve_of_a_baseline_alone_needs_neither_torch_nor_an_encoder(make_run: Callable[..., Run], tmp_path: Path):
    run = make_run(tmp_path, finetuned=FinetuneParams(base="package:no_such_package_at_all"))
    task = tmp_path / "task.pickle"
    task.write_bytes(pickle.dumps({f.name: getattr(run, f.name) for f in fields(run) if f.name != "say"}))
    done = subprocess.run([sys.executable, "-c", BARE, task], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("learning curve of topic") == 2


def test_points_of_the_transformer(trained: SimpleNamespace, schema: Schema, tmp_path: Path):
    train_baseline(replace(trained.run, models=tmp_path / "models"))  # whose reports lie apart
    (point,) = fold_points(trained.run.fits("transformer"), 2)
    assert (point["rows"], set(point["macro_f1"])) == (24, {"topic", "mood"})
    assert fold_points(tmp_path, 2) == []
    files, quick = trained.run.files, replace(trained.run.finetuned, epochs=1)
    for name, fitted in (("a", quick), ("b", BaselineParams())):
        setting = Setting(params=fitted, on_split="test", shares={"*": 0.5}, seeds=1)
        run_experiment(setting, files, schema, name=name, work=tmp_path, say=lambda line: None)
    (point,) = experiment_points(tmp_path, files, schema)
    assert (point["name"], point["rows"]) == ("transformer, a", 18)
    fewer = replace(files, examples=files.examples[:-1], places=files.places[:-1])
    assert experiment_points(tmp_path, fewer, schema) == []  # measured on other rows
    turned = replace(schema, dimensions=schema.dimensions[::-1])
    assert experiment_points(tmp_path, files, turned) == []  # of labels in another order
    (tmp_path / "a" / "setting.json").write_text("[")
    assert experiment_points(tmp_path, files, schema) == []
