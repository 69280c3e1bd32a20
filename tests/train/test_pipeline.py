"""The whole of the training, on the tiny label set."""

import pickle
import signal
import subprocess
import sys
import time
from dataclasses import fields, replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from newslean.errors import DataError
from newslean.manifest import read_manifest
from newslean.mixed import Mixed
from newslean.splitting import splitter_version
from newslean.tagger import Tagger
from tests.train.test_grammar import PATTERNS, WORDS
from train.card import render_card
from train.grammar import read_grammar
from train.labels import LabelFiles
from train.pipeline import train

pytestmark = pytest.mark.usefixtures("undrawn")

ROOT = Path(__file__).resolve().parent.parent.parent
RUN = """
import pickle, sys
from train.pipeline import train
from train.run import Run
train(Run(**pickle.load(open(sys.argv[1], "rb")), say=lambda line: None))
"""


def test_the_model_loads_and_says_where_it_comes_from(trained: SimpleNamespace):
    manifest = Tagger.load(trained.path).manifest
    run = trained.run
    assert (manifest.name, manifest.seed, manifest.max_length) == ("newslean", 3, 32)
    assert manifest.data == run.files.hashes
    assert manifest.splitter == splitter_version()
    assert manifest.base["revision"]
    assert manifest.version.endswith(run.version_key[:6])
    assert manifest.metrics["parity"]["float"]["equal"] == 1.0
    assert set(manifest.metrics["macro_f1"]) == {"out_of_fold", "seeds", "held_out"}
    card = (trained.path / "README.md").read_text("utf-8")
    assert card.startswith(f"# newslean {manifest.version}\n")
    assert "all 48 labelled sentences" in card
    assert "- user: 36 sentences of 6 articles" in card
    beta, limits = manifest.calibration.beta["mood"], manifest.calibration.thresholds["mood"]
    assert [*limits] == ["rise", "fall", "mixed"]
    assert f", beta of flat {beta[0]:.2f}, {beta[1]:.2f}, {beta[2]:.2f}; thresholds rise {limits['rise']:.2f}" in card
    assert ", or else flat\n" in card
    assert read_manifest(trained.baseline).version == manifest.version


def test_the_report_has_every_part_and_measures_the_right_rows(trained: SimpleNamespace):
    run = trained.run
    assert set(trained.report) == {"out_of_fold", "seeds", "held_out"}
    assert (len(run.examples), len(run.held_out)) == (48, 6)
    assert not {e.group for e in run.examples} & {e.group for e in run.held_out}
    for part in trained.report:
        assert (run.fits("transformer") / part / "report.json").is_file()
    # Rows this easy are learnt: chance is far below.
    assert trained.report["held_out"]["dimensions"]["topic"]["models"]["transformer"]["macro_f1"] > 0.7


def test_the_shipped_graph_is_the_network_that_was_fitted(trained: SimpleNamespace):
    texts = [e.text for e in trained.run.examples]
    found = Tagger.load(trained.path).model.finetuned.logits(texts, [""] * len(texts))
    with np.load(trained.run.fits("transformer") / "reference.npz") as expected:
        for name in trained.run.schema.names:
            assert np.abs(found[name] - expected[name]).max() < 1.0  # int8
            assert np.corrcoef(found[name].ravel(), expected[name].ravel())[0, 1] > 0.99


def test_encoder_and_baseline_answer_together(trained: SimpleNamespace):
    texts = [e.text for e in trained.run.examples]
    tagger, baseline = Tagger.load(trained.path), Tagger.load(trained.baseline)
    assert set(tagger.manifest.mix) == {"topic", "mood"}
    both, alone, other = (
        model.logits(texts, [""] * len(texts)) for model in (tagger.model, tagger.model.finetuned, baseline.model)
    )
    for name, share in tagger.manifest.mix.items():
        np.testing.assert_allclose(both[name], share * alone[name] + (1 - share) * other[name], atol=1e-5)
    halves = replace(tagger.manifest, mix={"topic": 0.5, "mood": 0.0})
    mixed = Mixed(tagger.model.finetuned, baseline.model, halves.mix).logits(texts, [""] * len(texts))
    np.testing.assert_allclose(mixed["mood"], other["mood"])
    np.testing.assert_allclose(mixed["topic"], (alone["topic"] + other["topic"]) / 2, atol=1e-5)


def test_nothing_is_pruned_where_nothing_is_learnt_first(trained: SimpleNamespace):
    """And no manifest says otherwise."""
    said: list[str] = []
    narrow = replace(trained.run.finetuned, feed_forward=8)
    run = replace(trained.run, finetuned=narrow, say=said.append)
    assert (run.finetuned.feed_forward, len(said)) == (0, 1)
    assert said[0].endswith("the encoder keeps all")
    invented = [replace(e, source="authored") for e in run.files.examples[:6]]
    files = replace(run.files, examples=[*run.files.examples, *invented])
    first = replace(run, finetuned=replace(narrow, warm_epochs=1), files=files)
    assert (first.finetuned.feed_forward, len(said)) == (8, 1)


def test_the_key_hangs_on_all_that_matters(trained: SimpleNamespace):
    run = trained.run

    def keys(**changes: object) -> tuple[str, str, str]:
        changed = replace(run, **changes)
        return changed.key, changed.fit_key("baseline"), changed.fit_key("transformer")

    data, baseline, transformer = keys()
    rows = run.files.examples
    for changes in (
        {"seed": 4},
        {"folds": 3},
        {"files": replace(run.files, examples=rows[1:])},
        {"files": replace(run.files, examples=[replace(rows[0], text="Other."), *rows[1:]])},
        {"files": replace(run.files, examples=[replace(rows[0], labels={}), *rows[1:]])},
    ):
        assert keys(**changes)[0] != data
    assert keys(finetuned=replace(run.finetuned, epochs=99))[:2] == (data, baseline)
    assert keys(finetuned=replace(run.finetuned, epochs=99))[2] != transformer
    assert keys(baseline=replace(run.baseline, C=9.0))[::2] == (data, transformer)
    assert keys(baseline=replace(run.baseline, C=9.0))[1] != baseline
    assert keys(work=Path("elsewhere"), progress=True) == (data, baseline, transformer)


@pytest.mark.parametrize("change", [{"source": "seed"}, {"article_title": "Another Title"}])
def test_the_key_hangs_on_folds_and_titles(trained: SimpleNamespace, change: dict[str, str]):
    """The source decides the folds, and the title may be context: old fits must not be taken up."""
    rows = trained.run.files.examples
    files = replace(trained.run.files, examples=[*rows[:18], replace(rows[18], **change), *rows[19:]])
    assert replace(trained.run, files=files).key != trained.run.key


def test_grammar_and_shares_are_part_of_the_key(trained: SimpleNamespace, tmp_path: Path):
    (tmp_path / "words.toml").write_text(WORDS, encoding="utf-8")
    (tmp_path / "patterns.toml").write_text(PATTERNS, encoding="utf-8")
    grammar = read_grammar(tmp_path, trained.run.schema)
    unused = replace(trained.run, grammar=grammar)
    assert unused.fit_key("transformer") == trained.run.fit_key("transformer")
    warm = replace(trained.run, finetuned=replace(trained.run.finetuned, warm_sentences=9))
    orders = [{"*": 0.5, "paper-3": 1.0}, {"paper-3": 1.0, "*": 0.5}]
    runs = [warm, replace(warm, grammar=grammar), *(replace(trained.run, shares=shares) for shares in orders)]
    assert len({run.fit_key("transformer") for run in (trained.run, *runs)}) == 5
    assert {run.fit_key("baseline") for run in runs} == {trained.run.fit_key("baseline")}


def test_a_second_call_fits_nothing_again(trained: SimpleNamespace):
    def stamps() -> dict[str, int]:
        places = [trained.run.fits(kind) for kind in ("baseline", "transformer")]
        names = ("*.npz", "model.float.onnx", "heads.safetensors")
        found = [path for place in places for name in names for path in place.rglob(name)]
        return {str(p): p.stat().st_mtime_ns for p in found if p.parent.name != "model" or p.suffix == ".onnx"}

    before, lines = stamps(), []
    path, report = train(replace(trained.run, say=lines.append))
    assert len(before) == 6  # folds of the baseline, two of the transformer, reference, float graph, network
    assert stamps() == before
    assert not [line for line in lines if "held out" in line or "final fit" in line or "baseline" in line]
    assert path == trained.path
    assert report["seeds"] == trained.report["seeds"]


def test_a_killed_run_goes_on_and_ends_the_same(trained: SimpleNamespace, make_run, tmp_path: Path):
    """In another folder, killed after its first fit: also the proof that two runs give one result."""
    lines: list[str] = []
    run = make_run(tmp_path, say=lines.append)
    assert run.version_key == trained.run.version_key
    task = tmp_path / "task.pickle"
    task.write_bytes(pickle.dumps({f.name: getattr(run, f.name) for f in fields(run) if f.name != "say"}))
    process = subprocess.Popen([sys.executable, "-c", RUN, str(task)], cwd=ROOT, stderr=subprocess.PIPE)
    done = run.fits("transformer") / "fold-0.npz"
    try:
        deadline = time.monotonic() + 280
        while not done.exists():
            assert process.poll() is None, process.stderr.read().decode()
            assert time.monotonic() < deadline
            time.sleep(0.01)
    finally:
        process.send_signal(signal.SIGKILL)
        process.communicate()
    assert not run.models.exists()
    stamp = done.stat().st_mtime_ns
    path, report = train(run)
    assert done.stat().st_mtime_ns == stamp
    assert not [line for line in lines if line.startswith(("baseline", "transformer, fold 0"))]
    assert report == trained.report
    texts = [e.text for e in run.files.examples]
    for found, expected in ((path, trained.path), (path.with_name(f"{path.name}-baseline"), trained.baseline)):
        assert Tagger.load(found).tag_sentences(texts) == Tagger.load(expected).tag_sentences(texts)


def test_too_few_articles(make_run, trained: SimpleNamespace, tmp_path: Path):
    for rows in ([], trained.run.examples[:6]):
        with pytest.raises(DataError, match="at least two articles"):
            train(make_run(tmp_path, files=LabelFiles(rows, 0, {}, [])))
    aside = [replace(e, split="Train") for e in trained.run.examples[:6]]
    with pytest.raises(DataError, match="found 0 sentences of 0, and 6 that a split other than 'train' sets aside"):
        train(make_run(tmp_path, files=LabelFiles(aside, 0, {}, [])))
    copies = [replace(e, group=g) for g in ("a", "b") for e in trained.run.examples[12:18]]
    with pytest.raises(DataError, match="at least two articles"):
        train(make_run(tmp_path, files=LabelFiles(copies, 0, {}, [])))
    assert not (tmp_path / "models").exists()


def test_authored_rows_are_learnt_first_and_never_held_out(
    make_run, label_rows, trained: SimpleNamespace, tmp_path: Path
):
    """With `warm_epochs`, authored rows warm the network up, once for all folds, and no score is measured on them."""
    files = trained.run.files
    rows = [replace(e, source="authored") if e.group in ("paper-5", "paper-6") else e for e in files.examples]
    files = replace(files, examples=rows)
    lines: list[str] = []
    params = replace(trained.run.finetuned, epochs=3, warm_epochs=4, warm_learning_rate=2e-3)
    run = make_run(tmp_path, files=files, finetuned=params, say=lines.append)
    assert (len(run.first), len(run.examples), len(run.held_out)) == (12, 36, 6)
    assert {e.source for e in run.first} == {"authored"}
    path, report = train(run)
    assert [line for line in lines if "warm start" in line] == ["warm start: 12 authored sentences, 0 of the grammar"]
    assert report["out_of_fold"]["dimensions"]["topic"]["sentences"] == 36
    card = (path / "README.md").read_text("utf-8")
    assert "- authored: 12 sentences of 2 articles" in card
    assert "learnt before all others" in card
    assert "all 48 labelled sentences" in card
    # Without `warm_epochs` they stand among the others; alone, there is nothing to learn them before.
    assert make_run(tmp_path, files=files).first == []
    alone = replace(files, examples=[e for e in rows if e.source == "authored"])
    assert make_run(tmp_path, files=alone, finetuned=params).first == []


def test_the_final_network_is_the_mean_of_the_folds(
    make_run, trained: SimpleNamespace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """With `average_folds`, and only behind a network that has learnt something first."""

    class FittedError(Exception):
        """What comes behind the fits takes longer than these, and is not looked at here."""

    def stop(*_: object) -> None:
        raise FittedError

    monkeypatch.setattr("train.export.export_onnx", stop)
    files = trained.run.files
    rows = [replace(e, source="authored") if e.group in ("paper-5", "paper-6") else e for e in files.examples]
    files = replace(files, examples=rows)
    params = replace(trained.run.finetuned, epochs=1, patience=0, warm_epochs=1, average_folds=True)

    def network(**changes: object) -> tuple[Path, dict[str, torch.Tensor]]:
        run = make_run(tmp_path, files=files, finetuned=replace(params, **changes), say=lambda line: None)
        with pytest.raises(FittedError):
            train(run)
        return run.fits("transformer"), load_file(run.network / "model.safetensors")

    folder, mean = network()
    parts = [load_file(path / "model.safetensors") for path in sorted(folder.glob("network-*"))]
    assert len(parts) == len(set(trained.run.assigned))
    for name, weight in mean.items():
        torch.testing.assert_close(weight, torch.stack([part[name] for part in parts]).mean(0))
    assert any(not torch.equal(weight, parts[0][name]) for name, weight in mean.items())
    _, alone = network(average_folds=False)
    assert any(not torch.equal(weight, alone[name]) for name, weight in mean.items())
    folder, _ = network(warm_epochs=0)
    assert not [*folder.glob("network-*")]


def test_the_card_says_of_what_kind_the_rows_are(trained: SimpleNamespace, params):
    run = trained.run
    names = [f"{n % 3}-times" for n in range(120)] + [f"{n % 4}-post" for n in range(110)] + ["17"] * 3
    samples = ["picked"] * 50 + [""] * 183
    rows = [
        replace(run.examples[n % 40], doc=doc, sample=sample, source="user")
        for n, (doc, sample) in enumerate(zip(names, samples, strict=True))
    ]
    card = render_card(read_manifest(trained.path), {}, rows, params)
    assert "; by collection times 120, post 110, others 3; 50 of them chosen by a model)" in card
    plain = render_card(read_manifest(trained.path), {}, run.examples, params)
    assert "by collection" not in plain
    share = sum(e.labels.get("mood") == "rise" for e in run.examples) / sum("mood" in e.labels for e in run.examples)
    assert f"- mood: fitted to labels as frequent as in 47 of these sentences: rise {share:.1%}, fall" in plain
