"""Training, comparing and promoting on the tiny label set; kills at random moments."""

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from newslean.errors import DataError
from newslean.manifest import read_manifest
from newslean.schema import Dimension, Schema
from newslean.tagger import Tagger
from tests.conftest import ROWS, TOWNS
from train import update
from train.history import read_history
from train.known import find_known, plan_update, prepare
from train.labels import Example
from train.promotion import current_name, promote
from train.record import make_record, read_record
from train.retrain import FOLDS, FROZEN, Order, assess_new, retrain
from train.run import Run, leave_out

pytestmark = pytest.mark.usefixtures("undrawn")

ROOT = Path(__file__).resolve().parent.parent.parent
KILLS = 3
DRIVER = """
import os, pickle, random, signal, sys, time
from train.retrain import Order, retrain
from train.run import Run
from train import pipeline, update  # what a training imports: once, for all tries
given, kills, longest = pickle.load(open(sys.argv[1], "rb")), int(sys.argv[2]), float(sys.argv[3])
run, random = Run(**given, say=lambda line: None), random.Random(5)
for n in range(kills + 1):
    child = os.fork()
    if not child:
        os.setsid()
        retrain(run, Order())
        os._exit(0)
    if n < kills:
        time.sleep(random.uniform(0.05, longest))
        os.kill(child, signal.SIGKILL)
    ended = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    try:
        os.killpg(child, signal.SIGKILL)  # its workers, which would wait for minutes and fill the memory
    except ProcessLookupError:
        pass
    print(n, ended, flush=True)
"""


def more(examples: list[Example]) -> list[Example]:
    """Twelve rows of two articles that nothing was trained on."""
    rows = []
    for doc, town in (("new-0", TOWNS[9]), ("new-1", "Kelso")):
        for n, (text, topic, mood) in enumerate(ROWS):
            labels = {"topic": topic, "mood": mood}
            rows.append(replace(examples[12], doc=doc, group=doc, n=n, text=text.format(town=town), labels=labels))
    return rows


def history(run: Run) -> list[dict[str, Any]]:
    return read_history(run.models / "history.jsonl")


def test_first_model_then_the_same_again(make_run: Callable[..., Run], tmp_path: Path):
    lines: list[str] = []
    run = make_run(tmp_path, say=lines.append)
    path, _ = retrain(run, Order(only="baseline", options={"only": "baseline"}))
    assert path.name.endswith("-baseline")
    assert Tagger.load(run.models / "current").manifest == read_manifest(path)
    assert read_manifest(path).metrics["macro_f1"].keys() == {"out_of_fold", "seeds", "held_out"}
    training, promotion = history(run)
    assert (training["event"], training["decision"], training["previous"]) == ("training", "promote", None)
    assert training["options"] == {"only": "baseline"}
    assert training["data"] == run.files.hashes
    assert (promotion["event"], promotion["version"]) == ("promotion", path.name)
    assert promotion["reason"] == "it is the first model"
    assert retrain(run, Order(only="baseline")) == (path, False)
    assert lines[-1] == f"{path.name}: it is current already"
    assert [e["decision"] for e in history(run) if e["event"] == "training"] == ["promote", "keep"]
    retrain(run, Order(only="baseline"))
    assert len(history(run)) == 3  # what happened before is not told again


def test_a_worse_model_stays_out_unless_forced(run: Run):
    """Labels of the new model are turned round: it is worse on the rows set aside, and on the same folds."""
    before = current_name(run.models)
    turn = {"rise": "fall", "fall": "rise", "mixed": "flat", "flat": "mixed"}
    rows = [
        e if e.split or "mood" not in e.labels else replace(e, labels={**e.labels, "mood": turn[e.labels["mood"]]})
        for e in run.files.examples
    ]
    bad = replace(run, files=replace(run.files, examples=rows), baseline=replace(run.baseline, C=50.0))
    path, _ = retrain(bad, Order(only="baseline"))
    assert current_name(run.models) == before
    entry = history(run)[-1]
    assert (entry["decision"], entry["previous"]) == ("keep", before)
    assert "worse than the current model" in entry["reason"]
    assert FROZEN in entry["comparison"]
    retrain(bad, Order(only="baseline", promote="force"))
    assert current_name(run.models) == path.name
    assert history(run)[-1]["reason"].startswith("forced, though worse")
    assert (run.models / before).is_dir()


def test_a_model_that_was_not_compared_is_not_replaced(run: Run):
    """While a baseline is compared with the one before, another model becomes current."""
    first = current_name(run.models)
    promote(run.models, f"{first}-baseline", event="promotion", reason="for the test")

    def meddle(line: str) -> None:
        if FROZEN in line and "|" in line and current_name(run.models) != first:
            promote(run.models, first, event="rollback", reason="by hand")

    again = replace(run, baseline=replace(run.baseline, C=5.0), say=meddle)
    with pytest.raises(DataError, match=rf"expected {first}-baseline, with which .* compared; found {first}\. Nothing"):
        retrain(again, Order(only="baseline"))
    assert current_name(run.models) == first
    entry = next(e for e in history(run) if e["event"] == "training")
    assert (entry["previous"], entry["decision"]) == (f"{first}-baseline", "promote")
    assert (run.models / entry["version"]).is_dir()
    assert history(run)[-1]["event"] == "rollback"
    retrain(again, Order(only="baseline", promote="force"))
    assert current_name(run.models) == entry["version"]


def test_never_is_never(make_run: Callable[..., Run], tmp_path: Path):
    run = make_run(tmp_path)
    retrain(run, Order(only="baseline", promote="never"))
    assert not (run.models / "current").exists()
    assert [e["decision"] for e in history(run)] == ["keep"]


def test_an_update_learns_what_is_new(run: Run, tmp_path: Path):
    lines: list[str] = []
    rows = run.files.examples
    new, changed = more(rows), replace(rows[13], labels={"topic": [], "mood": "flat"})
    files = replace(run.files, examples=[*rows[:13], changed, *rows[14:], *new])
    grown = replace(run, files=files, work=tmp_path / "fresh", say=lines.append)  # of a clone, with no network in float
    before = current_name(run.models)
    plan = plan_update(grown, find_known(grown))
    assert ([grown.examples[n] for n in plan.new], plan.changed) == (new, [changed])
    path, _ = retrain(grown, Order(start="current"))
    assert not [line for line in lines if "from scratch" in line]
    manifest = read_manifest(path)
    assert manifest.base["updated_from"] == before
    assert "not from scratch" in (path / "README.md").read_text("utf-8")
    record = read_record(path, manifest.schema)
    assert record.own.tolist() == [e in new for e in grown.examples]
    assert all(record.saw(e) for e in grown.examples)
    entry = next(e for e in history(run) if e["event"] == "training")
    assert entry["start"] == before
    assert (entry["comparison"][FOLDS]["sentences"], entry["comparison"][FROZEN]["sentences"]) == (12, 6)
    # The network that was updated is at hand for the next update, which has nothing to learn.
    if entry["decision"] == "keep":
        promote(run.models, path.name, event="promotion", reason="for the test")
    assert find_known(grown).version == path.name
    assert retrain(grown, Order(start="auto")) == (run.models / "current", True)
    assert f"nothing to do: {path.name} has learnt all rows" in lines[-1]


def test_an_update_with_more_rows_of_known_articles(run: Run, monkeypatch: pytest.MonkeyPatch):
    """They are learnt; what is measured are the rows of old and of new articles, by fits without any row of these."""
    rows, lines, fitted = run.files.examples, list[str](), dict[str, list[Example]]()
    new = more(rows)
    late = [replace(rows[k], n=9, text=f"Lead climbed in {town} again.") for k, town in ((12, "Cimbel"), (18, "Dorsk"))]
    authored = [replace(new[0], n=9, source="authored", text="Nickel climbed.")]  # of a new article, learnt first
    params = replace(run.finetuned, warm_epochs=1)
    files = replace(run.files, examples=[*rows, *late, *new, *authored])
    grown = replace(run, files=files, finetuned=params, say=lines.append)
    fit = update._fit

    def spy(run: Run, known: Any, plan: Any, rows: list[Example], name: str) -> Any:
        fitted[name] = rows
        return fit(run, known, plan, rows, name)

    monkeypatch.setattr(update, "_fit", spy)
    path, _ = retrain(grown, Order(start="current", promote="never"))
    assert [line for line in lines if line.startswith("2 sentences are learnt, but not measured")]
    assert all(e in fitted["final"] for e in (*late, *new, *authored))
    held = {"new-0", "new-1"}
    assert all(late[0] in fitted[name] for name in ("0", "1"))
    assert [{e.group for e in fitted[name]} & held for name in ("0", "1")] in (
        [{"new-0"}, {"new-1"}],
        [{"new-1"}, {"new-0"}],
    )
    report = json.loads((path / "evaluation" / "out_of_fold" / "report.json").read_text("utf-8"))
    assert report["sentences"] == 60
    record = read_record(path, run.schema)
    assert (len(record.rows), record.own.sum()) == (60, 12)
    assert all(map(record.taught, (*late, *authored)))
    card = (path / "README.md").read_text("utf-8")
    assert "- user: 2 sentences of 2 articles (sentences that a user added), of known articles: not measured" in card
    assert "- authored: 1 sentences of 1 articles (invented" in card
    assert "all 63 labelled sentences" in card
    # The baseline beside it, whose folds hold all rows out, answers the same ones.
    beside = read_record(path.with_name(f"{path.name}-baseline"), run.schema)
    assert beside.rows.tolist() == record.rows.tolist()


def test_authored_rows_with_other_labels_are_learnt_again(run: Run):
    rows = [replace(e, source="authored") if e.doc == "paper-5" else e for e in run.files.examples]
    params = replace(run.finetuned, warm_epochs=1)
    known = replace(run, files=replace(run.files, examples=rows), finetuned=params)
    found = find_known(known)
    learnt = [*known.examples, *known.first]
    answers = [{"topic": [], "mood": "flat", **e.labels} for e in known.examples]
    record = make_record(known.examples, learnt, answers, {}, run.schema)
    other = [replace(e, labels={"topic": [], "mood": "mixed"}) if e.doc == "paper-5" else e for e in rows]
    turned = replace(known, files=replace(run.files, examples=other))
    for made, changed in ((known, []), (turned, turned.first)):
        assert plan_update(made, replace(found, record=record)).changed == changed


def test_an_update_that_is_worse_gives_way_to_a_training_from_scratch(run: Run):
    """All labels but those set aside are turned round, so that what is learnt further is worse on these."""
    lines: list[str] = []
    turn = {"rise": "fall", "fall": "rise", "mixed": "flat", "flat": "mixed"}
    rows = [
        e if e.split or "mood" not in e.labels else replace(e, labels={**e.labels, "mood": turn[e.labels["mood"]]})
        for e in run.files.examples
    ]
    turned = replace(run, files=replace(run.files, examples=rows), say=lines.append)
    before = current_name(run.models)
    path, updated = retrain(turned, Order(only="baseline", start="auto"))
    assert [line for line in lines if line.startswith("from scratch: the update is not kept (worse than")]
    made = [read_manifest(folder) for folder in run.models.glob("*-baseline") if before not in folder.name]
    assert sorted(m.base.get("updated_from", "") for m in made) == ["", before]  # the update was made, then let go
    assert not updated
    assert path.name not in (before, current_name(run.models))
    assert "updated_from" not in read_manifest(path).base
    let_go, entry = [e for e in history(run) if e["event"] == "training"]
    assert (let_go["start"], let_go["decision"], let_go["previous"]) == (before, "keep", before)
    assert let_go["reason"].startswith("worse than")
    assert FROZEN in let_go["comparison"]
    assert read_manifest(run.models / let_go["version"]).base["updated_from"] == before
    assert (entry["version"], entry["start"], entry["decision"]) == (path.name, "scratch", "keep")
    assert current_name(run.models) == before  # for this one is worse, too
    told = history(run)
    assert retrain(turned, Order(only="baseline", start="auto")) == (path, False)
    assert history(run) == told  # what happened before is not told again
    assert Tagger.load(path).tag_text("Zinc slumped in Holm.").sentences


@pytest.mark.parametrize("start", ["baseline", "mixed"])
def test_an_update_of_the_baseline_alone(run: Run, start: str):
    """Half of the new articles are held out; the other half is answered by the current model, whichever kind it is."""
    if start == "baseline":
        promote(run.models, f"{current_name(run.models)}-baseline", event="promotion", reason="for the test")
    before = Tagger.load(run.models / "current")
    rows = run.files.examples
    grown = replace(run, files=replace(run.files, examples=[*rows, *more(rows)]))
    path, _ = retrain(grown, Order(only="baseline", start="current"))
    manifest = read_manifest(path)
    assert manifest.base["updated_from"] == next(e for e in history(run) if e["event"] == "training")["previous"]
    record = read_record(path, manifest.schema)
    held = [n for n, own in enumerate(record.own) if own]
    assert {grown.examples[n].group for n in held} in ({"new-0"}, {"new-1"})
    assert len(held) == 6
    others = [n for n, e in enumerate(grown.examples) if e.doc.startswith("new") and n not in held]
    texts = [grown.examples[n].text for n in others]
    alone = getattr(before.model, "baseline", before.model).logits(texts, [""] * 6)
    np.testing.assert_allclose(record.logits["baseline"]["mood"][others], alone["mood"], atol=1e-2)
    assert find_known(grown, only="baseline").record.logits["baseline"]["mood"].shape[0] in (48, 60)


def test_without_its_network_a_model_is_trained_from_scratch(
    run: Run, schema: Schema, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    assert find_known(run).network.is_dir()
    lines: list[str] = []
    clone = replace(run, work=tmp_path / "fresh", say=lines.append)
    for _ in range(2):
        known = find_known(clone)
        assert prepare(clone, known, plan_update(clone, known)) == ""
        assert (known.network / "heads.safetensors").is_file()
        assert known.network.is_relative_to(tmp_path / "fresh")
    assert [line.endswith("so its graph is turned back to one") for line in lines] == [True, False]  # once
    assert lines[1].startswith("put together: it gives ")
    assert lines[1].endswith("% of the labels that the graph gives, on 48 sentences")
    other = replace(clone, work=tmp_path / "other")
    with monkeypatch.context() as patch:
        patch.setattr("train.restore.weights_of", lambda *_: {})
        assert "expected all weights of its encoder" in prepare(other, find_known(other), plan_update(other, known))
    nothing = replace(other, files=replace(run.files, examples=[e for e in run.files.examples if e.split]))
    assert "expected rows to compare its network on; found none" in prepare(
        nothing, find_known(nothing), plan_update(nothing, known)
    )
    assert "other labels" in find_known(replace(run, schema=Schema((schema["mood"],))))
    assert "other context" in find_known(replace(run, finetuned=replace(run.finetuned, context="before")))
    later = replace(run, finetuned=replace(run.finetuned, late_context=True))
    assert "or context in other layers" in find_known(later)
    narrower = replace(run, start="x", finetuned=replace(run.finetuned, feed_forward=8))
    assert find_known(narrower).endswith(" was made with feed_forward = 0, and the parameters say 8")
    other = replace(run, finetuned=replace(run.finetuned, base="package:other"))
    assert find_known(other).endswith(f"was made from {run.finetuned.base}, and the parameters say package:other")
    assert find_known(other, only="baseline").network is None  # a baseline has no encoder
    assert find_known(replace(run, work=run.models), only="baseline").network is None
    assert find_known(replace(run, shares={"*": 0.5})).startswith("--share ")
    assert find_known(replace(run, shares={"*": 0.5}), only="baseline").network is None
    (run.models / "current" / "out_of_fold.npz").unlink()
    assert "no answers out of fold" in find_known(run)
    assert "expected a model folder" in find_known(replace(run, models=run.work))


def test_nothing_to_compare_and_other_labels(run: Run, trained: SimpleNamespace, schema: Schema):
    (run.models / "current" / "out_of_fold.npz").unlink()
    alone = replace(run, files=replace(run.files, examples=[e for e in run.files.examples if not e.split]))
    assert not assess_new(alone, trained.path)[1].promote
    aside, verdict = assess_new(run, trained.path)
    assert list(aside) == [FROZEN]
    assert verdict.promote
    assert run.held_out
    learnt = replace(run, test=run.examples[:6])  # by the new model: what a --test of an earlier training named, say
    assert assess_new(learnt, trained.path)[0][FROZEN]["sentences"] == len(run.held_out)
    twice = replace(run, test=run.held_out)  # as with --test and a file that is read for its training rows too
    assert assess_new(twice, trained.path)[0][FROZEN]["sentences"] == len(run.held_out)
    other = [replace(e, before="Not in that file.") for e in run.held_out]  # the row before it stands in one file alone
    assert assess_new(replace(run, test=other), trained.path)[0][FROZEN]["sentences"] == len(run.held_out)
    other = replace(run, schema=Schema((schema["mood"],)))
    aside, verdict = assess_new(other, trained.path)
    assert [*aside[FROZEN]["dimensions"]] == ["mood"]  # what both know is compared all the same
    assert not verdict.promote
    assert "does not know as the current one does: topic; not worse" in verdict.reason
    renamed = replace(run, schema=Schema((replace(schema["mood"], name="tone"),)))
    assert assess_new(renamed, trained.path)[0] == {}
    assert "does not know as the current one does: topic, mood;" in assess_new(renamed, trained.path)[1].reason
    (run.models / "current" / "manifest.json").write_text("{")
    assert "does not load" in assess_new(run, trained.path)[1].reason


def test_a_label_more_is_compared_and_promoted_a_label_less_is_not(run: Run, schema: Schema):
    """A label for the town halls is added; then it is taken out again."""
    promote(run.models, f"{current_name(run.models)}-baseline", event="promotion", reason="for the test")
    topic = replace(schema["topic"], labels=("metals", "halls", "weather"))
    mood = replace(schema["mood"], labels=(*schema["mood"].labels, "calm"))
    rows = [
        replace(e, labels={"topic": ["halls"], "mood": "calm"} if e.text.startswith("The mayor") else e.labels)
        for e in run.files.examples
    ]
    grown = replace(run, files=replace(run.files, examples=rows), schema=Schema((topic, mood)))
    path, _ = retrain(grown, Order(only="baseline"))
    entry = next(e for e in history(run) if e["event"] == "training")
    for part in (FOLDS, FROZEN):
        found = entry["comparison"][part]["dimensions"]
        assert {name: {*d["labels"]} for name, d in found.items()} == {d.name: {*d.labels} for d in schema.dimensions}
        # The rows that are calm now have no mood that both know, but they have topics.
        assert found["mood"]["sentences"] < found["topic"]["sentences"]
    assert entry["reason"].endswith("; only labels that both know count of topic (not halls), mood (not calm)")
    assert entry["decision"] == "promote"
    assert current_name(run.models) == path.name
    retrain(run, Order(only="baseline"))
    entry = [e for e in history(run) if e["event"] == "training"][-1]
    assert (entry["decision"], current_name(run.models)) == ("keep", path.name)
    assert entry["reason"].startswith("the new model does not know as the current one does: topic: halls, mood: calm; ")
    assert [*entry["comparison"]] == [FOLDS, FROZEN]


def test_test_files_are_never_trained_on(trained: SimpleNamespace):
    files = trained.run.files
    copy = replace(files.examples[30], group="other", doc="other", text=f"{files.examples[30].text.upper()} ")
    test = replace(files, examples=[files.examples[12], copy])
    kept = leave_out(files, test)
    assert len(kept.examples) == len(kept.places) == len(files.examples) - 7  # an article, and one text of another
    assert {e.split for e in kept.examples} == {"", "test"}


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux swaps two folders in one step")
def test_a_kill_at_any_moment_of_a_training(make_run: Callable[..., Run], tmp_path: Path):
    import pickle
    from dataclasses import fields

    run = make_run(tmp_path)
    labels = json.dumps([e.text for e in run.files.examples])
    task = tmp_path / "task.pickle"
    task.write_bytes(pickle.dumps({f.name: getattr(run, f.name) for f in fields(run) if f.name != "say"}))
    command = [sys.executable, "-c", DRIVER, str(task), str(KILLS), "4"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        for expected in range(KILLS + 1):
            n, code = map(int, process.stdout.readline().split())
            assert all(e["event"] in ("training", "promotion") for e in history(run))
            if (run.models / "current").exists():
                Tagger.load(run.models / "current")
            assert (n, code if n == KILLS else 0) == (expected, 0)
    events = [e["event"] for e in history(run)]
    assert events[:2] == ["training", "promotion"]
    assert events.count("promotion") == 1
    assert Tagger.load(run.models / "current").tag_text("Zinc slumped in Holm.").sentences
    assert not (run.models / ".promotion.json").exists()
    assert labels == json.dumps([e.text for e in make_run(tmp_path).files.examples])


def test_a_dimension_that_no_row_is_coded_in(make_run: Callable[..., Run], schema: Schema, tmp_path: Path):
    three = replace(schema, dimensions=(*schema.dimensions, Dimension("joke", "single", ("yes", "no"))))
    run = make_run(tmp_path, schema=three)
    with pytest.raises(DataError, match="expected rows coded in each dimension; found none in joke"):
        retrain(run, Order(only="baseline"))
    assert not run.models.exists()


def test_labels_that_no_row_has_are_named(make_run: Callable[..., Run], schema: Schema, tmp_path: Path):
    more = [replace(d, labels=(*d.labels, f"new_{d.name}")) for d in schema.dimensions]
    said: list[str] = []
    retrain(replace(make_run(tmp_path, schema=Schema(tuple(more))), say=said.append), Order(only="baseline"))
    told = [line for line in said if "no row has" in line]
    assert told == [
        "topic: no row has new_topic: what the model says of it rests on nothing",
        "mood: no row has new_mood: what the model says of it rests on nothing",
    ]
