import re
import shutil
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from sklearn.metrics import f1_score

from newslean.errors import DataError
from newslean.schema import Schema, schema_from_dict
from tests.train.test_keys import change_weights
from train import bootstrap, metrics
from train.arrays import write_arrays
from train.baseline import fit_baseline
from train.experiment import Setting, mean_over_seeds, run_experiment
from train.options import read_shares
from train.params import BaselineParams, FinetuneParams, change_params

BASELINE = BaselineParams(word_ngrams=1, char_ngrams=3)


@pytest.fixture
def run(trained: SimpleNamespace, schema: Schema, tmp_path: Path):
    lines: list[str] = []

    def run(name: str, setting: Setting, *, against: str = "") -> tuple[str, list[str]]:
        lines.clear()
        files = trained.run.files
        return run_experiment(
            setting, files, schema, name=name, against=against, work=tmp_path, say=lines.append
        ), lines

    return run


def test_it_says_what_scikit_learn_says(run, trained: SimpleNamespace, schema: Schema):
    table, _ = run("start", Setting(BASELINE, "test", seeds=1))
    rows = trained.run.files.examples
    training = [e for e in rows if e.split != "test" and e.source != "seed"]
    held_out = [e for e in rows if e.split == "test"]
    logits = fit_baseline(training, schema, BASELINE, seed=0).logits([e.text for e in held_out], [""] * len(held_out))
    gold = np.array([[label in e.labels["topic"] for label in schema["topic"].labels] for e in held_out])
    expected = f1_score(gold, logits["topic"] > 0, average="macro", zero_division=0)
    assert f"| topic | {expected:.3f} | {expected:.3f}" in table
    assert [line.split(" | ")[0] for line in table.splitlines()] == ["| start", "| ---", "| topic", "| mood"]


def test_seeds_sources_and_share_decide_what_is_trained_on(run):
    _, lines = run("all", Setting(BASELINE, "test", seeds=2))
    assert lines == ["all, seed 0: 36 sentences to train on", "all, seed 1: 36 sentences to train on"]
    assert run("half", Setting(BASELINE, "test", shares={"*": 0.5}, seeds=1))[1] == [
        "half, seed 0: 18 sentences to train on"
    ]
    _, lines = run("seeds", Setting(BASELINE, "test", sources=["seed"], seeds=1))
    assert lines == ["seeds, seed 0: 12 sentences to train on"]


def test_what_is_fitted_is_not_fitted_again(run):
    first, lines = run("start", Setting(BASELINE, "test", seeds=1))
    assert len(lines) == 1
    assert run("start", Setting(BASELINE, "test", seeds=1)) == (first, [])
    more, lines = run("start", Setting(BASELINE, "test", seeds=2))
    assert lines == ["start, seed 1: 36 sentences to train on"]
    assert more != first


def test_a_name_stands_for_one_setting(run):
    run("start", Setting(BASELINE, "test", seeds=1))
    with pytest.raises(DataError, match="found other params"):
        run("start", Setting(replace(BASELINE, C=9.0), "test", seeds=1))


@pytest.mark.parametrize(
    ("doc", "change", "other"),
    [
        ("paper-3", {"source": "authored"}, "trained_on"),
        ("paper-3", {"group": "another"}, "trained_on"),
        ("paper-8", {"before": "Rain fell."}, "measured_on"),
        ("paper-8", {"article_title": "Rain"}, "measured_on"),
        ("paper-8", {"group": "another"}, "measured_on"),
    ],
)
def test_a_name_stands_for_rows_with_all_that_is_read_of_them(
    trained: SimpleNamespace, schema: Schema, tmp_path: Path, doc: str, change: dict[str, str], other: str
):
    files, setting = trained.run.files, Setting(BASELINE, "test", seeds=1)
    changed = [replace(e, **change) if (e.doc, e.n) == (doc, 1) else e for e in files.examples]
    run_experiment(setting, files, schema, name="start", work=tmp_path, say=print)
    with pytest.raises(DataError, match=f"found other {other}. Name anew"):
        run_experiment(setting, replace(files, examples=changed), schema, name="start", work=tmp_path, say=print)


def test_a_name_stands_for_one_label_set(trained: SimpleNamespace, schema: Schema, tmp_path: Path):
    """With its labels in another order the old logits would be read as those of other labels."""
    data = schema.to_dict()
    data["dimensions"][1]["labels"].reverse()
    turned, files, setting = schema_from_dict(data, where="test"), trained.run.files, Setting(BASELINE, "test", seeds=1)
    run_experiment(setting, files, schema, name="start", work=tmp_path, say=print)
    with pytest.raises(DataError, match=r"found other schema. Name anew"):
        run_experiment(setting, files, turned, name="start", work=tmp_path, say=print)
    with pytest.raises(DataError, match="--against start: expected the same schema; found others"):
        run_experiment(setting, files, turned, name="new", against="start", work=tmp_path, say=print)


def test_a_name_stands_for_one_base_and_for_what_is_learnt_first(
    trained: SimpleNamespace, schema: Schema, encoder: Path, tmp_path: Path
):
    base = shutil.copytree(encoder, tmp_path / "base")
    params = replace(trained.run.finetuned, base=str(base), epochs=1, warm_epochs=1)
    rows = [replace(e, source="authored") if e.group == "paper-3" else e for e in trained.run.files.examples]
    setting, files = Setting(params, "test", seeds=1), replace(trained.run.files, examples=rows)

    def again(setting: Setting) -> str:
        return run_experiment(setting, files, schema, name="start", work=tmp_path, say=print)

    table = again(setting)
    assert again(setting) == table
    with pytest.raises(DataError, match=r"found other seed. Name anew"):
        again(replace(setting, seed=1))
    change_weights(base)
    with pytest.raises(DataError, match=r"found other base. Name anew"):
        again(setting)


def test_the_first_seed_is_free_where_nothing_is_learnt_first(run):
    run("start", Setting(BASELINE, "test", seeds=1))
    assert run("start", Setting(BASELINE, "test", seed=1, seeds=1))[1] == ["start, seed 1: 36 sentences to train on"]


def test_the_difference_from_itself_is_zero(run):
    run("start", Setting(BASELINE, "test", seeds=1))
    table, _ = run("same", Setting(BASELINE, "test", seeds=1), against="start")
    assert "minus start" in table
    assert len(re.findall(r"\| 0\.000( \(0\.000 to 0\.000\))? \|", table)) == 2
    with pytest.raises(DataError, match="experiment of that name"):
        run("again", Setting(BASELINE, "test", seeds=1), against="nothing")


def test_the_spread_of_seeds_widens_the_interval():
    articles = np.random.default_rng(0).normal(scale=0.01, size=1000)
    scores = [0.2 + articles, 0.8 + articles]
    low, high = bootstrap.interval(mean_over_seeds(scores, seed=1))
    assert (low, high) == pytest.approx((0.2, 0.8), abs=0.05)
    assert bootstrap.interval(mean_over_seeds(scores[:1], seed=1)) == bootstrap.interval(scores[0])
    # The same seeds on either side, drawn alike: what all fits of a seed share drops out of the difference.
    better = [score + 0.1 for score in scores]
    paired = mean_over_seeds(better, seed=1) - mean_over_seeds(scores, seed=1)
    assert bootstrap.interval(paired) == pytest.approx([0.1, 0.1])
    assert bootstrap.interval(mean_over_seeds(better, seed=2) - mean_over_seeds(scores, seed=1))[0] < 0


def test_the_table_holds_the_spread_of_seeds(trained: SimpleNamespace, schema: Schema, tmp_path: Path):
    """Two articles are set aside here: of one there is no interval at all."""
    files = trained.run.files
    parted = [replace(e, group=f"{e.group}-{e.n % 2}") if e.split == "test" else e for e in files.examples]

    def table(name: str, seeds: int, *, against: str = "") -> list[str]:
        setting, rows = Setting(BASELINE, "test", seeds=seeds), replace(files, examples=parted)
        return run_experiment(
            setting, rows, schema, name=name, against=against, work=tmp_path, say=lambda line: None
        ).splitlines()

    without = "95 % interval over articles; one seed, so the spread of seeds is not in it"
    for name, seeds, head in (("one", 1, without), ("two", 2, "95 % interval over articles and seeds")):
        assert table(name, seeds)[0] == f"| {name} | seeds | mean ({head}) |"
    held_out = [e for e in parted if e.split == "test"]
    gold = {d.name: metrics.indicator(d, [e.labels[d.name] for e in held_out]) for d in schema.dimensions}
    for seed, sign in ((0, 1.0), (1, -1.0)):  # one seed knows all, the other nothing
        logits = {name: np.where(flags, sign, -sign).astype(np.float32) for name, flags in gold.items()}
        write_arrays(tmp_path / "two" / f"seed-{seed}.npz", logits)
    assert table("two", 2)[2] == "| topic | 1.000, 0.000 | 0.500 (0.000 to 1.000) |"
    shutil.copytree(tmp_path / "two", tmp_path / "same")
    same = table("same", 2, against="two")
    assert [line.endswith("| 0.000 (0.000 to 0.000) |") for line in same[2:]] == [True, True]  # seed by seed
    assert table("two", 2, against="one")[0].endswith(
        f"(95 % interval over articles and seeds) | minus one ({without}) |"
    )


def test_a_network_too(run, trained: SimpleNamespace):
    params = replace(trained.run.finetuned, epochs=1)
    table, lines = run("network", Setting(params, "test", seeds=1))
    assert len(lines) == 1
    assert re.search(r"\| mood \| [01]\.\d{3} \|", table)


def test_nothing_to_measure_on(run):
    with pytest.raises(DataError, match="--on-split"):
        run("start", Setting(BASELINE, "dev"))
    with pytest.raises(DataError, match="--source"):
        run("start", Setting(BASELINE, "test", sources=["real"]))


def test_parameters_are_changed_by_name():
    params = FinetuneParams()
    changed = change_params(params, ["learning_rate=3e-5", "context=before", "freeze_embeddings=false"])
    assert changed == replace(params, learning_rate=3e-5, context="before", freeze_embeddings=False)
    for wrong, message in (
        ("epochs", "NAME=VALUE"),
        ("epoch=3", "'epoch'"),
        ("epochs=many", "expected int"),
        ("epochs=0", "1 or more"),
    ):
        with pytest.raises(DataError, match=message):
            change_params(params, [wrong])


@pytest.mark.parametrize("name", ["../out", "a/b", ".hidden", "a b", "a\n"])
def test_a_name_is_no_path(run, name: str):
    with pytest.raises(DataError, match="expected letters"):
        run(name, Setting(BASELINE, "test", seeds=1))
    with pytest.raises(DataError, match="expected letters"):
        run("plain", Setting(BASELINE, "test", seeds=1), against=name)


@pytest.mark.parametrize("damage", ["", "{", "[1]", "\x00"])
def test_a_damaged_setting_is_named(run, tmp_path: Path, damage: str):
    run("start", Setting(BASELINE, "test", seeds=1))
    (tmp_path / "start" / "setting.json").write_text(damage, encoding="utf-8")
    for again in (
        lambda: run("start", Setting(BASELINE, "test", seeds=1)),
        lambda: run("other", Setting(BASELINE, "test", seeds=1), against="start"),
    ):
        with pytest.raises(DataError, match="expected the setting of an experiment"):
            again()


def test_shares_by_pattern(run):
    _, lines = run("some", Setting(BASELINE, "test", seeds=1, shares={"*": 1.0, "paper-3": 0.0, "paper-[4-5]": 0.5}))
    assert lines == ["some, seed 0: 24 sentences to train on"]


@pytest.mark.parametrize("value", ["much", "2", "-1", "paper=", "paper-*=nan"])
def test_a_share_that_is_none(value: str):
    with pytest.raises(DataError, match=re.escape(f"--share {value}: expected a number")):
        read_shares([value], [])


def test_shares_are_read(examples):
    found = read_shares(["paper-*=0.25", "0.5", "paper-1=1", "paper-*=1"], examples)
    assert [*found.items()] == [("*", 0.5), ("paper-1", 1.0), ("paper-*", 1.0)]  # given again, it comes last
    with pytest.raises(DataError, match="expected articles so named"):
        read_shares(["papers-*=0.5"], examples)


def test_the_order_of_shares_is_part_of_the_setting(run):
    run("some", Setting(BASELINE, "test", seeds=1, shares={"*": 0.5, "paper-3": 1.0}))
    with pytest.raises(DataError, match="found other shares"):
        run("some", Setting(BASELINE, "test", seeds=1, shares={"paper-3": 1.0, "*": 0.5}))


def test_a_share_that_leaves_nothing(run):
    with pytest.raises(DataError, match="found none left"):
        run("none", Setting(BASELINE, "test", seeds=1, shares={"*": 0.0}))
