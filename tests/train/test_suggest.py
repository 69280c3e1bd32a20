"""What to label next, with the real tiny model, and the command that asks for it."""

import csv
import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from newslean.errors import DataError
from newslean.schema import Schema
from newslean.tagger import Tagger
from train.candidates import Candidate
from train.choose import Strategy, uncertainty
from train.exchange.formats import FORMATS
from train.labels import read_examples
from train.rows import digest
from train.suggest import Wish, suggest

WORDS = ("Copper", "Rain", "Zinc", "Snow", "Tin", "The mayor", "A storm", "Nickel")
VERBS = ("climbed in", "fell on", "slumped in", "opened", "drowned", "left")
PLACES = ("Arlen", "Borva", "Cimbel", "Dorsk", "Elmira", "Fennick")


def candidates(number: int = 200) -> list[Candidate]:
    rows = []
    for n in range(number):
        text = f"{WORDS[n % 8]} {VERBS[n // 8 % 6]} {PLACES[n // 48 % 6]} in week {n}."
        rows.append(Candidate(f"doc-{n // 10}", n % 10, text, before=rows[-1].text if n % 10 else ""))
    return rows


@pytest.fixture
def tagger(trained: SimpleNamespace) -> Tagger:
    return Tagger.load(trained.path)


def test_the_same_wish_gives_the_same_rows(tagger: Tagger):
    wish = Wish(number=20, pool=60, seed=4)
    rows = suggest(candidates(), tagger, wish)
    assert rows == suggest(iter(candidates()), tagger, wish)
    assert rows != suggest(candidates(), tagger, replace(wish, seed=5))
    assert len(rows) == len({row["text"] for row in rows}) == 20
    assert [row["sample"] for row in rows].count("random") == 2


def test_rows_are_tasks_that_the_label_reader_takes(tagger: Tagger, schema: Schema, tmp_path: Path):
    rows = suggest(candidates(), tagger, Wish(number=12, pool=60))
    path = tmp_path / "tasks.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    examples = read_examples([path], schema).examples
    assert [(e.text, e.before, e.sample, e.labels) for e in examples] == [
        (row["text"], row["before"], row["sample"], {}) for row in rows
    ]
    for row in rows:
        [(name, found)] = row["predictions"].items()
        assert name == f"newslean {tagger.manifest.version}"
        assert [*found["scores"]["mood"]] == list(schema["mood"].labels)
        assert sum(found["scores"]["mood"].values()) == pytest.approx(1, abs=1e-4)
        assert not schema.faults(found["labels"])
        assert ("why" in row) == (row["sample"] == "picked")
    why = next(row["why"] for row in rows if row["sample"] == "picked")
    assert {*why} == {"reason", "uncertainty", "disagreement", "rarity"}


def test_unsure_sentences_come_before_sure_ones(tagger: Tagger):
    def scores(rows: list[dict[str, Any]]) -> dict[str, Any]:
        return {row["text"]: next(iter(row["predictions"].values()))["scores"] for row in rows}

    everything, schema = candidates(40), tagger.schema
    found = scores(suggest(everything, tagger, Wish(number=40, pool=100, strategy=Strategy(repeat=2))))
    assert len(found) == 40
    tables = {d.name: np.array([[*row[d.name].values()] for row in found.values()]) for d in schema.dimensions}
    unsure = dict(zip(found, uncertainty(tables, schema), strict=True))
    alone = Strategy(disagreement=0, rarity=0, spread=0, repeat=2)
    chosen = scores(suggest(everything, tagger, Wish(number=4, random_share=0, pool=100, strategy=alone)))
    assert sorted(unsure[text] for text in chosen) == pytest.approx(sorted(unsure.values())[-4:], abs=1e-4)


def test_labelled_sentences_are_left_out(tagger: Tagger):
    everything = candidates(30)
    done = {digest(c.text) for c in everything[:25]}
    rows = suggest(everything, tagger, Wish(number=50, pool=60), labelled=done)
    assert {row["text"] for row in rows} <= {c.text for c in everything[25:]}
    with pytest.raises(DataError, match="not labelled yet; found none"):
        suggest(everything[:25], tagger, Wish(), labelled=done)


def test_the_pool_is_bounded(tagger: Tagger, monkeypatch: pytest.MonkeyPatch):
    sizes: list[int] = []
    real = tagger.model.finetuned.logits
    monkeypatch.setattr(
        tagger.model.finetuned, "logits", lambda texts, contexts: sizes.append(len(texts)) or real(texts, contexts)
    )
    suggest(candidates(), tagger, Wish(number=5, pool=40))
    assert sum(sizes) <= 45


def test_a_pool_smaller_than_what_is_asked_for_is_refused(tagger: Tagger, cli: Any, trained: Any, tmp_path: Path):
    with pytest.raises(DataError, match=r"--pool: expected at least as many .* 50; found 10"):
        suggest(candidates(100), tagger, Wish(number=50, pool=10))
    assert len(suggest(candidates(), tagger, Wish(number=20, pool=20))) == 20
    out = tmp_path / "tasks.jsonl"
    code, _, err = ask(cli, trained, tmp_path, "--pool", 10, "--out", out)
    assert (code, "--pool: expected" in err, out.exists()) == (2, True, False)


def test_any_kind_of_model_can_be_asked(trained: SimpleNamespace):
    baseline = Tagger.load(trained.baseline)
    rows = suggest(candidates(60), baseline, Wish(number=6, pool=30))
    assert len(rows) == 6
    assert all("disagreement" not in row.get("why", {}) for row in rows)
    mixed = Tagger.load(trained.path)
    alone = Tagger(mixed.model.finetuned, mixed.manifest)
    assert len(suggest(candidates(60), alone, Wish(number=6, pool=30))) == 6


def ask(cli: Any, trained: SimpleNamespace, tmp_path: Path, *more: object) -> tuple[int, str, str]:
    source = tmp_path / "in.txt"
    if not source.exists():
        source.write_text("".join(c.text + "\n" for c in candidates(40)), encoding="utf-8")
    (tmp_path / "done.jsonl").write_text(json.dumps({"text": candidates(1)[0].text}) + "\n", encoding="utf-8")
    fixed = ("--model", trained.path, "--labels", tmp_path / "done.jsonl", "--from", source)
    return cli("labels", "next", *fixed, *more)


def test_the_command_writes_tasks_and_never_over_coded_ones(cli: Any, trained: SimpleNamespace, tmp_path: Path):
    out = tmp_path / "tasks.jsonl"
    code, said, _ = ask(cli, trained, tmp_path, "-n", 10, "--out", out)
    assert code == 0
    assert "10 sentences to label, 1 of them drawn at random" in said
    rows = [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]
    assert candidates(1)[0].text not in [row["text"] for row in rows]
    before = out.read_bytes()
    code, _, err = ask(cli, trained, tmp_path, "--out", out)
    assert (code, "expected a new file" in err, out.read_bytes()) == (2, True, before)


def test_the_command_says_what_is_wrong(cli: Any, trained: SimpleNamespace, tmp_path: Path):
    (tmp_path / "in.txt").write_bytes(b"Copper\n\xff\n")
    out = tmp_path / "tasks.jsonl"
    code, _, err = ask(cli, trained, tmp_path, "--out", out)
    assert (code, "in.txt:2: expected UTF-8" in err, out.exists()) == (2, True, False)
    assert ask(cli, trained, tmp_path, "--out", tmp_path / "none" / "t.jsonl")[0] == 2
    assert ask(cli, trained, tmp_path, "--out", tmp_path / "t.csv")[0] == 2


def test_the_command_takes_the_column_of_the_text_and_says_what_it_cannot_read(
    cli: Any, trained: SimpleNamespace, tmp_path: Path
):
    source, out = tmp_path / "in.csv", tmp_path / "tasks.jsonl"
    source.write_text("nr,tweet\n" + "".join(f"{c.n},{c.text}\n{c.n},\n" for c in candidates(12)), encoding="utf-8")
    fixed = ("labels", "next", "--model", trained.path, "--labels", out.with_name("none"), "--from", source)
    (tmp_path / "none" / "sentences").mkdir(parents=True)
    code, _, err = cli(*fixed, "--out", out)
    assert (code, "(--text-column)" in err, out.exists()) == (2, True, False)
    code, _, err = cli(*fixed, "-n", 5, "--text-column", "tweet", "--out", out)
    assert (code, err.count("rejected "), "... and 2 more rejected" in err) == (0, 10, True)
    texts = {json.loads(line)["text"] for line in out.read_text(encoding="utf-8").splitlines()}
    assert len(texts & {c.text for c in candidates(12)}) == 5
    source.write_text("nr,tweet\n1,\n", encoding="utf-8")
    code, _, err = cli(*fixed, "--text-column", "tweet", "--out", tmp_path / "other.jsonl")
    assert (code, "rejected " in err, "row 1, line 2" in err) == (2, True, True)


@pytest.fixture
def beside(label_folder: Path, tmp_path: Path) -> Path:
    """Labels beside their label set, which has got a question that the model does not know."""
    text = (label_folder / "schema.toml").read_text(encoding="utf-8")
    frame = '\n[[dimensions]]\nname = "frame"\nkind = "single"\nlabels = ["race", "other"]\n'
    (tmp_path / "schema.toml").write_text(text + frame, encoding="utf-8")
    return tmp_path / "schema.toml"


def cells(path: Path) -> list[list[str]]:
    if path.suffix == ".xlsx":
        sheet = pytest.importorskip("openpyxl").load_workbook(path).worksheets[0]
        return [["" if cell is None else cell for cell in row] for row in sheet.iter_rows(values_only=True)]
    return [*csv.reader(path.read_text(encoding="utf-8-sig").splitlines())]


@pytest.mark.parametrize("tool", sorted({*FORMATS} - {"excel"}))
def test_tasks_for_a_tool_are_those_of_the_export(
    tool: str, cli: Any, trained: SimpleNamespace, tmp_path: Path, beside: Path
) -> None:
    if tool == "cas":
        pytest.importorskip("cassis")
    plain, suffix = tmp_path / "plain.jsonl", FORMATS[tool].suffix
    out, other = tmp_path / f"t{suffix}", tmp_path / f"exported{suffix}"
    assert ask(cli, trained, tmp_path, "-n", 5, "--out", plain)[0] == 0
    code, said, _ = ask(cli, trained, tmp_path, "-n", 5, "--format", tool, "--out", out)
    assert (code, "5 sentences to label" in said) == (0, True)
    assert cli("labels", "export", "--to", tool, "--from", plain, "--schema", beside, "--out", other)[0] == 0
    assert out.read_bytes() == other.read_bytes()
    assert Tagger.load(trained.path).manifest.version in out.read_text(encoding="utf-8")  # whose predictions they are
    assert ask(cli, trained, tmp_path, "--format", tool, "--out", out)[0] == 2


def test_a_blind_sample_shows_nothing_of_the_model(cli: Any, trained: SimpleNamespace, tmp_path: Path) -> None:
    out, tasks = tmp_path / "plain.jsonl", tmp_path / "tasks.csv"
    assert ask(cli, trained, tmp_path, "-n", 5, "--random", 1, "--blind", "--out", out)[0] == 0
    rows = [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]
    assert len(rows) == 5
    assert {key for row in rows for key in row} == {"doc", "n", "text", "before", "title", "source", "sample", "labels"}
    assert {row["sample"] for row in rows} == {"random"}
    assert ask(cli, trained, tmp_path, "-n", 5, "--blind", "--format", "csv", "--out", tasks)[0] == 0
    assert Tagger.load(trained.path).manifest.version not in tasks.read_text(encoding="utf-8")
    assert not [name for name in cells(tasks)[0] if "predicted" in name]


@pytest.mark.parametrize(("tool", "suffix"), [("csv", ".csv"), ("excel", ".xlsx")])
def test_a_table_of_tasks_comes_back_coded(
    tool: str, suffix: str, cli: Any, trained: SimpleNamespace, tmp_path: Path, beside: Path
) -> None:
    """Only the chosen sentences, what the model says of each, and a column for each question of the label set."""
    out, coded, result = tmp_path / f"t{suffix}", tmp_path / "coded.csv", tmp_path / "coded.jsonl"
    assert ask(cli, trained, tmp_path, "-n", 6, "--format", tool, "--out", out)[0] == 0
    header, *rows = cells(out)
    assert len(rows) == 6
    at = header.index
    assert {row[at("predicted mood")] for row in rows} <= {"rise", "fall", "mixed", "flat"}
    assert all(0 < float(row[at("score of predicted mood")]) <= 1 for row in rows)
    for row in rows:
        assert row[at("mood")] == row[at("topic")] == row[at("frame")] == ""
        row[at("mood")], row[at("topic")], row[at("frame")] = "fall", "metals", "race"
    with coded.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([header, *rows])
    assert cli("labels", "import", coded, "--format", "csv", "--schema", beside, "--out", result)[0] == 0
    found = [json.loads(line) for line in result.read_text(encoding="utf-8").splitlines()]
    assert [row["text"] for row in found] == [row[at("text")] for row in rows]
    for row in found:
        assert row["labels"] == {"topic": ["metals"], "mood": "fall", "frame": "race"}
        assert [*row["predictions"]] == [f"newslean {Tagger.load(trained.path).manifest.version}"]
        assert row["sample"] in ("picked", "random")


def test_tasks_are_refused_for_another_label_set(cli: Any, trained: SimpleNamespace, tmp_path: Path) -> None:
    out = tmp_path / "t.csv"
    schema = tmp_path / "schema.toml"
    dimension = '[[dimensions]]\nname = "section"\nkind = "single"\nlabels = ["world", "sports"]\n'
    for text, found in ((dimension, "found section, of each sentence"), ("", "of each text")):
        schema.write_text(text or 'unit = "text"\n' + dimension.replace("section", "mood"), encoding="utf-8")
        code, _, err = ask(cli, trained, tmp_path, "--format", "csv", "--out", out)
        assert (code, "expected the label set of the model: topic, mood" in err, out.exists()) == (2, True, False)
        assert found in err
    schema.unlink()  # without one, the model's own
    assert ask(cli, trained, tmp_path, "-n", 3, "--format", "csv", "--out", out)[0] == 0
    assert "frame" not in cells(out)[0]


def test_the_name_of_the_file_fits_its_format(cli: Any, trained: SimpleNamespace, tmp_path: Path) -> None:
    for options, name in ((("--format", "csv"), "t.jsonl"), (("--format", "excel"), "t.csv"), ((), "t.xlsx")):
        code, _, err = ask(cli, trained, tmp_path, *options, "--out", tmp_path / name)
        assert (code, "expected a ." in err, (tmp_path / name).exists()) == (2, True, False)
