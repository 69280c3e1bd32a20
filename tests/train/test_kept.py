"""Updates by someone who has few of the texts that the current model has learnt, as in a clone of the repository."""

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from newslean.baseline import BASELINE_FILES
from newslean.errors import DataError
from newslean.finetuned import GRAPH
from newslean.manifest import GATE_FILE, read_manifest
from newslean.tagger import Tagger
from tests.train.test_retrain import more
from train import update
from train.compare import Verdict
from train.finetune import Fit, finetune
from train.history import read_history
from train.known import advise, find_known, plan_update, prepare
from train.promotion import current_name, promote
from train.record import read_record
from train.retrain import Order, retrain
from train.run import Run

pytestmark = pytest.mark.usefixtures("undrawn")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A work folder for all tests here, so that the same is fitted but once."""
    return tmp_path_factory.mktemp("clone")


@pytest.fixture
def clone(run: Run, place: Path) -> Run:
    """The current model's run with two articles of its eight, those set aside, and two new ones."""
    rows = run.files.examples
    few = [e for e in rows if e.doc in ("paper-0", "paper-1") or e.split]
    return replace(run, files=replace(run.files, examples=[*few, *more(rows)]), work=place)


@pytest.fixture
def updated(clone: Run) -> SimpleNamespace:
    lines: list[str] = []
    before = read_manifest(clone.models / "current")
    path, _ = retrain(replace(clone, say=lines.append), Order(start="current", promote="never"))
    return SimpleNamespace(path=path, manifest=read_manifest(path), before=before, lines=lines)


def test_only_the_network_is_new(updated: SimpleNamespace, clone: Run):
    now, before = updated.manifest, updated.before
    assert [line for line in updated.lines if line.endswith("its baseline, calibration and gate stay as they are")]
    assert now.base["updated_from"] == before.version != now.version
    for part in ("calibration", "mix", "gate", "schema", "context", "max_length"):
        assert getattr(now, part) == getattr(before, part)
    assert before.mix
    kept = [*BASELINE_FILES, *([GATE_FILE] if before.gate else []), "tokenizer.json"]
    assert {name: now.files[name] for name in kept} == {name: before.files[name] for name in kept}
    assert now.files[GRAPH] != before.files[GRAPH]
    assert now.files.keys() == before.files.keys()
    assert not (clone.models / f"{now.version}-baseline").exists()
    assert Tagger.load(updated.path).tag_text("Zinc slumped in Holm.").sentences


def test_the_network_goes_half_of_the_way(clone: Run, monkeypatch: pytest.MonkeyPatch):
    """Each is the mean of what was trained further and what it began from, unless more is learnt than was known."""
    trained_further: list[dict[str, torch.Tensor]] = []

    def spy(*arguments: object, **options: object) -> Fit:
        fit = finetune(*arguments, **options)
        trained_further.append({name: weight.clone() for name, weight in fit.network.state_dict().items()})
        return fit

    monkeypatch.setattr("train.update.finetune", spy)
    known = find_known(clone)
    assert prepare(clone, known, plan_update(clone, known)) == ""
    run = replace(clone, seed=4, start=known.version, earlier=known.record)  # another seed, whose fits are not kept yet
    plan = plan_update(run, known)
    many = [*plan.replay] * len(known.record.rows)
    more_seen = np.arange(10 * len(many), dtype=np.uint64)  # authored rows, say, which no record answers
    taught = replace(known, record=replace(known.record, seen=more_seen))
    for where, made, half in (
        (known, plan, True),
        (known, replace(plan, changed=many), True),
        (known, replace(plan, whole=True), True),
        (known, replace(plan, whole=True, changed=many), False),
        (taught, replace(plan, whole=True, changed=many), True),
    ):
        found = update._fit(run, where, made, made.replay, "some").network.state_dict()
        before = {f"encoder.{name}": weight for name, weight in load_file(known.network / "model.safetensors").items()}
        further = trained_further.pop()
        for name, weight in before.items():
            expected = (further[name] + weight) / 2 if half else further[name]
            torch.testing.assert_close(found[name], expected, msg=name)
        assert any(not torch.equal(further[name], weight) for name, weight in before.items())


def test_what_is_measured(updated: SimpleNamespace, clone: Run):
    def report(part: str) -> dict:
        return json.loads((updated.path / "evaluation" / part / "report.json").read_text("utf-8"))

    parts = {part.name: report(part.name) for part in (updated.path / "evaluation").iterdir()}
    assert {part: found["sentences"] for part, found in parts.items()} == {
        "out_of_fold": 24,
        "seeds": 12,
        "held_out": 6,
    }
    assert all(found["models"] == ["mixed"] for found in parts.values())
    assert {*updated.manifest.metrics["macro_f1"]} == {"out_of_fold", "seeds", "held_out"}
    assert updated.manifest.metrics["parity"]["float"]["equal"] == 1.0


def test_no_row_is_forgotten(updated: SimpleNamespace, clone: Run, run: Run):
    earlier, now = (read_record(path, run.schema) for path in (run.models / "current", updated.path))
    every = [*run.examples, *more(run.files.examples)]
    places = now.place_of(every)
    assert (len(now.rows), sorted(places)) == (60, [*range(60)])
    assert [now.own[place] for place in places] == [False] * 48 + [True] * 12
    assert all(map(now.saw, every))
    assert all(map(now.taught, clone.examples))
    for model in ("transformer", "baseline"):
        for name, values in now.logits[model].items():
            np.testing.assert_array_equal(
                values[places[:48]], earlier.logits[model][name][earlier.place_of(run.examples)]
            )
    texts = [e.text for e in every[48:]]
    alone = Tagger.load(run.models / "current").model.baseline.logits(texts, [""] * 12)
    np.testing.assert_allclose(now.logits["baseline"]["mood"][places[48:]], alone["mood"], atol=1e-2)
    # Nor is it a second time, without the texts of the first.
    third = replace(clone.files.examples[-1], doc="new-2", group="new-2", text="Lead slumped in Narvik.")
    promote(run.models, updated.path.name, event="promotion", reason="for the test")
    again = replace(clone, files=replace(clone.files, examples=[*clone.files.examples[:-12], third]))
    path, _ = retrain(again, Order(start="current", promote="never"))
    last = read_record(path, run.schema)
    assert (len(last.rows), last.own.sum()) == (61, 0)  # one article alone: answered by the model before
    assert sorted(last.place_of([*every, third])) == [*range(61)]
    places, others = now.place_of(every), last.place_of(every)
    for name, values in last.logits["transformer"].items():
        np.testing.assert_array_equal(values[others], now.logits["transformer"][name][places])
    # Once it is current, there is nothing left to learn; and with the texts at hand again, all is made anew.
    assert retrain(clone, Order(start="current")) == (run.models / "current", True)
    whole = replace(run, files=replace(run.files, examples=[*run.files.examples, *more(run.files.examples)]))
    assert not plan_update(clone, find_known(clone)).whole
    assert plan_update(whole, find_known(whole)).whole


def test_known_rows_keep_the_answers_of_a_calibration_that_did_not_see_them(clone: Run, monkeypatch):
    known = find_known(clone)
    turned = {name: table[:, ::-1].copy() for name, table in known.record.answers.items()}
    told = replace(known, record=replace(known.record, answers=turned))
    monkeypatch.setattr("train.retrain.find_known", lambda run, only: told)
    path, _ = retrain(clone, Order(start="current", promote="never"))
    now, rows = read_record(path, clone.schema), clone.examples[:12]
    for name, table in turned.items():
        np.testing.assert_array_equal(now.answers[name][now.place_of(rows)], table[known.record.place_of(rows)])


def test_the_card_says_what_is_new(updated: SimpleNamespace, clone: Run):
    old, new = ((folder / "README.md").read_text("utf-8") for folder in (clone.models / "current", updated.path))
    version = updated.before.version
    assert new.startswith(f"# newslean {updated.manifest.version}\n")
    told = f"- not from scratch: the network of {version} was trained further on 12 sentences of 2 articles"
    assert new.count(told) == 1
    for part in ("Trained on", "Measured", "Parity", "Calibration", "Parameters", "Limits", "Relevance gate"):
        assert new.count(f"## {part}\n") == 1
    assert "- user: 36 sentences of 6 articles" in new  # which the model before has learnt
    assert "(24 sentences, 4 articles)" in new
    assert "| baseline |" not in new
    for part in ("Calibration", "Relevance gate"):
        then, now = (card.partition(f"## {part}\n")[2].partition("\n#")[0] for card in (old, new))
        assert now == then != ""


def test_a_training_from_scratch_that_will_know_less_says_so(clone: Run, run: Run):
    lines: list[str] = []
    for made in (clone, run):
        advise(replace(made, say=lines.append), update=True)
    [line] = lines
    assert line.startswith("only 12 of 48 sentences that ")
    assert line.endswith("--start current has its network learn what is new")


def test_another_model_that_became_current_meanwhile(clone: Run, monkeypatch: pytest.MonkeyPatch):
    """Of that one nothing is kept."""
    first = current_name(clone.models)

    def meddle(*arguments: object) -> object:
        promote(clone.models, f"{first}-baseline", event="promotion", reason="for the test")
        return real(*arguments)

    real = update.read_arrays
    monkeypatch.setattr("train.update.read_arrays", meddle)
    with pytest.raises(DataError, match=rf"expected {first}, from which this update began; found {first}-baseline"):
        retrain(clone, Order(start="current", promote="never"))


def test_a_worse_one_is_not_followed_by_a_training_from_scratch(clone: Run, monkeypatch: pytest.MonkeyPatch):
    """Of the few rows at hand, that would be worse still."""
    monkeypatch.setattr("train.retrain.assess_new", lambda run, path: ({}, Verdict(False, "worse")))
    before = current_name(clone.models)
    path, _ = retrain(clone, Order(start="auto"))
    assert read_manifest(path).base["updated_from"] == before == current_name(clone.models)
    events = [e for e in read_history(clone.models / "history.jsonl") if e["event"] == "training"]
    assert [(e["version"], e["decision"], e["reason"]) for e in events] == [(path.name, "keep", "worse")]


def test_a_model_of_one_part_is_made_anew(clone: Run):
    """One without a baseline, as older versions made them, has nothing to keep but the calibration."""
    known = find_known(clone)
    assert known.mixed
    assert not plan_update(clone, known).whole
    assert plan_update(clone, replace(known, mixed=False)).whole


def test_a_baseline_is_not_updated_without_the_rows(clone: Run):
    """It is fitted anew, and would know the few rows at hand only: said so, and no update of the current model."""
    lines: list[str] = []
    path, updated = retrain(replace(clone, say=lines.append), Order(only="baseline", start="auto", promote="never"))
    assert not updated
    assert "updated_from" not in read_manifest(path).base
    assert [line for line in lines if line.startswith("from scratch: a baseline is always fitted anew")]
    assert "".join(lines).count("only 12 of 48 sentences that ") == 1
    assert "--start current" not in "".join(lines)
