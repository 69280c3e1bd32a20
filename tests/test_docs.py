"""The documents say what is so."""

import hashlib
import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_results_in_the_readme_are_those_of_the_shipped_model():
    from train.promotion import BEGIN, END, results_text

    folders = (ROOT / "models" / "current" / "evaluation").iterdir()
    report = {folder.name: json.loads((folder / "report.json").read_text(encoding="utf-8")) for folder in folders}
    assert {"seeds", "out_of_fold"} <= report.keys()
    assert README.split(BEGIN)[1].split(END)[0].strip() == results_text(report)


def test_the_reports_carry_no_sentence():
    """Reports are made on text that may not be redistributed too: they hold numbers and names only."""
    for path in (ROOT / "models" / "current" / "evaluation").rglob("report.json"):
        words = re.findall(r'"([^"]*)"', path.read_text(encoding="utf-8"))
        assert max(len(word) for word in words) < 160


def test_what_the_readme_names_is_there():
    named = re.findall(r"\]\(([^)#:]+)\)", README) + re.findall(r"seeds/\w+\.txt", README)
    tree = README.split("## The tree")[1].split("```")[1]
    named += [line.split()[0] for line in tree.strip().splitlines()]
    assert len(named) > 15
    assert [name for name in named if not (ROOT / name).exists()] == []


def test_the_options_in_the_readme_exist():
    from click.testing import CliRunner

    import predict
    from train import __main__ as trainer

    helps = "".join(
        CliRunner().invoke(command, [*words, "--help"]).output
        for command, words in (
            (predict.main, []),
            (trainer.main, []),
            (trainer.main, ["evaluate"]),
            (trainer.main, ["tune"]),
            (trainer.main, ["experiment"]),
            (trainer.main, ["behaviour"]),
            *((trainer.main, ["labels", name]) for name in trainer.main.commands["labels"].commands),
            (trainer.main, ["drift"]),
        )
    )
    used = {word for word in re.findall(r"(?<=\s)`?(--[a-z][a-z-]+)", README) if word not in ("--help",)}
    assert len(used) > 5
    assert [word for word in sorted(used) if word not in helps] == []


@pytest.mark.parametrize("path", sorted((ROOT / "seeds").glob("*.txt")), ids=lambda path: path.stem[:3])
def test_a_seed_article_is_as_it_was_found(path: Path):
    row = next(
        line for line in (ROOT / "seeds" / "README.md").read_text(encoding="utf-8").splitlines() if path.name in line
    )
    assert hashlib.sha256(path.read_bytes()).hexdigest() in row


def test_every_seed_sentence_is_labelled_as_the_splitter_gives_it():
    from newslean import split_sentences

    rows = [json.loads(line) for line in (ROOT / "labels" / "sentences" / "seed.jsonl").open(encoding="utf-8")]
    for path in sorted((ROOT / "seeds").glob("*.txt")):
        found = split_sentences(path.read_bytes().decode("utf-8"))
        coded = [row for row in rows if row["doc"] == path.stem]
        assert [(s.text, s.title, s.furniture) for s in found] == [
            (row["text"], row["title"], row.get("furniture", False)) for row in coded
        ]


def test_the_shipped_labels_have_no_fault():
    from newslean.schema import read_schema
    from train.agree import agree_labels
    from train.check import check_labels

    schema = read_schema(ROOT / "labels" / "schema.toml")
    found = check_labels([ROOT / "labels"], schema, folder=ROOT / "labels", near=False)
    assert (found["codebook"]["unmentioned"], found["codebook"]["unknown"]) == ({}, [])
    seeds = ROOT / "labels" / "sentences" / "seed.jsonl"
    dimensions = agree_labels([seeds], schema, seed=0, replicates=20)["sources"]["seed"]["dimensions"]
    assert dimensions["stance"]["kappa"] >= 0.85
    assert min(label["kappa"] for label in dimensions["topic"]["labels"].values()) >= 0.85


def test_the_constraints_name_versions_and_no_address():
    for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines():
        assert line.startswith("#") or re.fullmatch(r"[\w.-]+==[\w.]+", line), line
