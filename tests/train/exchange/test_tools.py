"""Files that the real tools wrote (tests/data/exchange/README.md says which), read."""

import json
from pathlib import Path

import pytest

from newslean.errors import DataError
from train.exchange.answers import Judge
from train.exchange.importing import import_labels, render_import
from train.exchange.reading import Reading

DATA = Path(__file__).resolve().parent.parent.parent / "data" / "exchange"
FULL = {"topic": ["metals", "weather"], "mood": "rise", "Frame 2": "law"}
U1, U2 = "11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222"


@pytest.fixture
def read(coded, tmp_path):
    def run(name, *, partial=False, split_on=(), **options):
        out = tmp_path / "x.jsonl"
        judge = Judge(coded, partial=partial, split_on=split_on)
        done = import_labels([DATA / name], out, coded, reading=Reading(**options), judge=judge, append=True)
        return [json.loads(line) for line in out.open(encoding="utf-8")], render_import(done, out)

    return run


def test_label_studio_gives_back_what_it_was_sent(read, rows):
    found, said = read("labelstudio-sent.json", coders={"1": "bea"})
    assert "labelstudio (guessed), 10 rows" in said
    assert "1 annotations were cancelled" in said
    for row, sent in zip(found, rows, strict=True):
        anna = {"anna@example.org": sent.get("coders", {}).get("anna")}
        coders = {name: labels for name, labels in row.get("coders", {}).items() if name != "bea"}
        assert coders == {name: labels for name, labels in anna.items() if labels}
        assert {key: row.get(key) for key in ("doc", "n", "text", "before", "predictions", "title", "furniture")} == {
            key: sent.get(key) for key in ("doc", "n", "text", "before", "predictions", "title", "furniture")
        }
        at = sent.get("coded_at", {}).get("anna")
        assert row.get("coded_at", {}).get("anna@example.org") == at
    assert found[4]["coders"] == {"bea": {"topic": ["sea & sky"], "mood": "rise", "Frame 2": "law"}}
    assert found[7]["coders"] == {"bea": {"topic": [], "mood": "flat", "Frame 2": "none"}}
    assert found[7]["coded_at"]["bea"].startswith("2026-11-28T02:")


def test_label_studio_with_bare_texts(read):
    found, said = read("labelstudio-texts.json", coders={"1": "bea"})
    assert [row.get("coders") for row in found] == [
        {"bea": FULL}, {"bea": {"topic": [], "mood": "flat", "Frame 2": "none"}}, None, None,
    ]  # fmt: skip
    assert len({row["doc"] for row in found}) == 4
    assert "2 sentences without a coder's answer" in said


def test_doccano(read, rows):
    found, said = read("doccano-anna.jsonl", coder="anna")
    assert [row["text"] for row in found] == [row["text"] for row in rows]
    assert [row.get("coders") for row in found[:3]] == [
        {"anna": {"topic": ["metals"], "mood": "rise", "Frame 2": "none"}},
        {"anna": {"topic": [], "mood": "flat", "Frame 2": "law"}},
        None,
    ]
    # A suggestion nobody touched is no answer.
    assert "coders" not in found[4]
    assert found[4]["predictions"] == rows[4]["predictions"]
    assert "8 sentences without a coder's answer" in said


@pytest.mark.parametrize("name", ["argilla-nested.json", "argilla-flat.json", "argilla-datasets.jsonl"])
def test_argilla(read, name):
    found, said = read(name, coders={U1: "anna", U2: "ben"})
    assert "argilla (guessed)" in said
    row = found[0]
    assert (row["doc"], row["n"], row["text"]) == ("paper-1", 3, "Copper 😀 rose.")
    assert row["coders"] == {"anna": FULL, "ben": {"topic": [], "mood": "fall", "Frame 2": "law"}}
    assert row["labels"] == {"Frame 2": "law"}
    assert row["predictions"] == {
        "m-1": {
            "labels": {"topic": ["metals"], "mood": "rise"},
            "scores": {"mood": {"rise": 0.75}, "topic": {"metals": 0.5}},
        }
    }
    assert found[1]["text"] == 'It "rained",\nthen.'
    # Only the flat shapes tell a draft.
    assert ("coders" in found[1]) == (name == "argilla-nested.json")


def test_cas_with_offsets_in_utf_16(read):
    pytest.importorskip("cassis")
    found, said = read("cas.json", coder="anna", doc="paper-1")
    assert "cas (guessed)" in said
    assert [(row["doc"], row["n"], row["text"]) for row in found] == [
        ("paper-1", 0, "😀 Copper rose 𠀀."), ("paper-1", 1, "It rained."), ("paper-1", 2, "Nothing."),
    ]  # fmt: skip
    assert [row.get("coders") for row in found] == [
        {"anna": FULL}, {"anna": {"topic": [], "mood": "fall", "Frame 2": "none"}}, None,
    ]  # fmt: skip


def test_webanno(read):
    with pytest.raises(DataError, match=r"'metals\|weather': split it into .*--split-on '\|' accepts it"):
        read("webanno.tsv", coder="anna", doc="paper-1")
    found, said = read("webanno.tsv", coder="anna", doc="paper-1", split_on=["|"])
    assert "webanno (guessed)" in said
    assert [row["text"] for row in found] == ["I like it 😊 .", "It \\ rained\t,\nthen."]
    assert [row["coders"]["anna"] for row in found] == [FULL, {"topic": [], "mood": "fall", "Frame 2": "none"}]


def test_prodigy(read):
    found, said = read("prodigy.jsonl", coders={"news-anna": "anna"})
    assert "prodigy (guessed)" in said
    assert "1 annotations were cancelled, skipped" in said
    assert found[0]["coders"] == {"anna": {**FULL, "topic": ["metals"]}}
    assert (found[0]["doc"], found[0]["n"], found[0]["coded_at"]) == (
        "paper-1",
        3,
        {"anna": "2024-02-06T09:17:29+00:00"},
    )


def test_excel(read):
    pytest.importorskip("openpyxl")
    with pytest.raises(DataError, match=r"excel.xlsx:2: .*'metals\|weather': split it into"):
        read("excel.xlsx")
    found, said = read("excel.xlsx", split_on=["|"])
    assert "excel (guessed), 3 rows" in said
    assert [(row["n"], row["text"]) for row in found] == [(1, "Copper rose 3 % 😀."), (2, "2024"), (3, "New\nline")]
    assert [row["coders"] for row in found] == [
        {"anna": FULL},
        {"anna": {"topic": [], "mood": "flat", "Frame 2": "none"}},
        {"ben": {"topic": ["a|b"], "mood": "fall", "Frame 2": "race"}},
    ]
    assert found[0]["coded_at"] == {"anna": "2026-05-01 10:00:00"}
