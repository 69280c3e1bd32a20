import hashlib
import io
import os
import subprocess
import sys
from pathlib import Path

import matplotlib
import numpy as np
import pytest
from matplotlib.image import imread

from train import metrics, plots

ROOT = Path(__file__).parents[2]


def make_report(labels=("warm", "$cold$", "flat"), kind="single"):
    """The parts of a report that plots are made of."""
    rng = np.random.default_rng(0)
    confidence = rng.random(500)
    curve = metrics.reliability(confidence, rng.random(500) < confidence)
    calibration = curve | ({"labels": dict.fromkeys(labels, curve)} if kind == "multi" else {})
    size = len(labels)
    table = (np.eye(size, dtype=int) * 1234 + np.tri(size, k=-1, dtype=int) * 5).tolist()
    confusion = table if kind == "single" else {label: [[5000, 12], [0, 345]] for label in labels}
    model = {"confusion": confusion, "calibration": calibration}
    return {"dimensions": {"tone": {"labels": list(labels), "models": {"model a/b": model}}}}


def texts(ax):
    return [text.get_text() for text in ax.texts]


def test_names_of_plots_are_file_names():
    assert plots.plot_name("confusion", "base/line", "to ne", "png") == "confusion-base_line-to_ne.png"


@pytest.mark.parametrize("kind", ["single", "multi"])
def test_plots_come_as_png_and_svg(kind):
    content = dict(plots.draw_all(make_report(kind=kind)))
    stems = ("confusion-model_a_b-tone", "reliability-model_a_b-tone")
    assert {*content} == {f"{stem}.{suffix}" for stem in stems for suffix in ("png", "svg")}
    for stem in stems:
        pixels = imread(io.BytesIO(content[f"{stem}.png"]))
        assert 400 < pixels.shape[1] < 2000
        assert pixels[:, :, :3].std() > 0.05  # not blank
        assert b"<svg" in content[f"{stem}.svg"]
        assert b"<dc:date>" not in content[f"{stem}.svg"]


def test_another_process_draws_the_same_bytes_without_pyplot():
    program = (
        "import hashlib, sys; sys.path.insert(0, sys.argv[1]); import test_plots\n"
        "for name, content in test_plots.plots.draw_all(test_plots.make_report()):\n"
        "    print(name, hashlib.sha256(content).hexdigest())\n"
        "print('matplotlib.pyplot' in sys.modules)"
    )
    environment = os.environ | {"PYTHONHASHSEED": "1", "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", program, str(Path(__file__).parent)]
    found = subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout.splitlines()
    expected = [f"{name} {hashlib.sha256(content).hexdigest()}" for name, content in plots.draw_all(make_report())]
    assert found == [*expected, "False"]


def test_settings_of_matplotlib_stay_as_they_are():
    before = dict(matplotlib.rcParams)
    drawing = plots.draw_all(make_report())
    next(drawing)
    assert dict(matplotlib.rcParams) == before


def test_confusion_shows_every_count_on_its_place():
    figure = plots._draw_confusion([[7, 0, 1], [2, 80, 0], [0, 0, 1234]], ["warm", "cold", "flat"], "model: tone")
    (ax,) = figure.axes
    assert texts(ax) == ["7", "0", "1", "2", "80", "0", "0", "0", "1,234"]
    assert [text.get_position() for text in ax.texts][1] == (1.5, 0.5)
    assert [tick.get_text() for tick in ax.get_yticklabels()] == ["warm", "cold", "flat"]
    assert ax.yaxis_inverted()  # the first gold label stands on top
    shares = ax.collections[0].get_array().reshape(3, 3)
    np.testing.assert_allclose(shares.sum(axis=1), 1)


def test_a_gold_label_without_sentences_is_drawn_unshaded():
    figure = plots._draw_confusion([[0, 0], [1, 3]], ["warm", "flat"], "model: tone")
    np.testing.assert_allclose(figure.axes[0].collections[0].get_array().ravel(), [0, 0, 0.25, 0.75])


def test_sixty_labels_stay_legible():
    labels = [f"a label with a long name {n}" for n in range(60)]
    report = make_report(labels)["dimensions"]["tone"]["models"]["model a/b"]
    figure = plots._draw_confusion(report["confusion"], labels, "model: tone")
    assert "0" not in texts(figure.axes[0])
    assert min(text.get_fontsize() for text in figure.axes[0].texts) >= 5
    assert all(len(tick.get_text()) <= 24 for tick in figure.axes[0].get_yticklabels())
    panels = plots._draw_confusion({label: [[5, 1], [2, 3]] for label in labels}, labels, "model: theme")
    assert sum(bool(ax.texts) for ax in panels.axes) == 60


@pytest.mark.parametrize(("labels", "panels"), [(1, 1), (4, 4), (6, 6), (7, 1), (60, 1)])
def test_reliability_has_a_panel_per_label_while_there_is_room(labels, panels):
    report = make_report([f"label {n}" for n in range(labels)], kind="multi")
    calibration = report["dimensions"]["tone"]["models"]["model a/b"]["calibration"]
    figure = plots._draw_reliability(calibration, "model: tone")
    shown = [ax for ax in figure.axes if ax.texts]
    assert len(shown) == panels
    assert texts(shown[0])[0].startswith("ECE" if panels == labels else "mean ECE")


def test_reliability_shows_accuracy_and_size_of_each_bin():
    calibration = metrics.reliability(np.array([0.2, 0.2, 0.9]), np.array([True, False, True]))
    top, bottom = plots._draw_reliability(calibration, "model: tone").axes
    np.testing.assert_allclose(top.collections[1].get_offsets(), [[0.2, 0.5], [0.9, 1]])
    assert [bar.get_height() for bar in bottom.patches] == [2, 1]
    assert bottom.patches[0].get_x() <= 0.2 <= bottom.patches[0].get_x() + bottom.patches[0].get_width()
