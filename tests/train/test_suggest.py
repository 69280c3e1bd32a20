"""What to label next, with the real tiny model, and the command that asks for it."""

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from newslean.errors import DataError
from newslean.schema import Schema
from newslean.tagger import Tagger
from train.candidates import Candidate
from train.choose import Strategy
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


def test_unsure_sentences_come_before_sure_ones(tagger: Tagger, label_rows: list[dict[str, Any]]):
    """The tiny model has learnt its own rows by heart; strange ones must be asked for first."""
    known = [Candidate("k", n, row["text"]) for n, row in enumerate(label_rows)]
    strange = [Candidate("s", n, f"Copper rain zinc {w.lower()} slumped climbed {w}") for n, w in enumerate(PLACES)]
    wish = Wish(number=4, random_share=0, pool=200, strategy=Strategy(rarity=0, spread=0, repeat=2))
    rows = suggest([*known, *strange], tagger, wish)
    assert sum(row["doc"] == "s" for row in rows) >= 2


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
