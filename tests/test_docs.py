"""The documents say what is so."""

import hashlib
import json
import re
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_results_in_the_readme_are_those_of_the_shipped_model():
    from train.promotion import BEGIN, END, results_text

    folders = (ROOT / "models" / "current" / "evaluation").iterdir()
    report = {folder.name: json.loads((folder / "report.json").read_text(encoding="utf-8")) for folder in folders}
    assert {"seeds", "out_of_fold"} <= report.keys()
    assert README.split(BEGIN)[1].split(END)[0].strip() == results_text(report)


FEW_WORDS = 4
VOCABULARIES = ("tokenizer.json", "vocabulary.json")


def strings(value: object) -> Iterator[str]:
    """All keys and texts in JSON data."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from (key, *strings(item))
    elif isinstance(value, list):
        for item in value:
            yield from strings(item)


def pieces(text: str) -> Iterator[str]:
    """All that may be a sentence: lines and table cells, with and without marks around, and runs of words in them."""
    for line in text.splitlines():
        for cell in (line, *line.split("|")):
            yield from (cell.strip(), cell.strip(" \t>#*_-`'\"“”"))
        words = line.split()
        for start in range(len(words)):
            yield from (" ".join(words[start:end]) for end in range(start + FEW_WORDS + 1, len(words) + 1))


def sentences_in(folder: Path, hashes: set[str]) -> list[str]:
    """Files of a model folder in which a sentence with one of these hashes stands."""
    found = []
    for path in sorted([*folder.rglob("*.md"), *folder.rglob("*.json")]):
        text = path.read_text(encoding="utf-8")
        if path.name in VOCABULARIES:
            continue
        texts = {*(strings(json.loads(text)) if path.suffix == ".json" else text.splitlines())}
        if any(hash_of(piece) in hashes for text in texts for piece in pieces(text)):
            found.append(path.name)
    return found


def hash_of(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def hashes_of(rows: Iterable[dict[str, Any]]) -> set[str]:
    """Hashes of the rows whose text is kept back, and of all others of more than a few words."""
    rows = list(rows)
    texts = [row["text"] for row in rows if "text" in row]
    kept_back = {row["sha256"].lower() for row in rows if "sha256" in row}
    return kept_back | {hash_of(text) for text in texts if len(text.split()) > FEW_WORDS}


def test_the_reports_carry_no_sentence():
    """Reports are made on text that may not be redistributed too: they hold numbers and names only."""
    rows = [json.loads(line) for path in (ROOT / "labels").rglob("*.jsonl") for line in path.open(encoding="utf-8")]
    hashes = hashes_of(rows)
    assert len(hashes) > 20_000
    assert sentences_in(ROOT / "models" / "current", hashes) == []


@pytest.mark.parametrize("row", [{"sha256": hash_of("Zinc fell in Holm.")}, {"text": "Rain fell on Holm for a week."}])
@pytest.mark.parametrize("name", ["report.json", "report.md"])
@pytest.mark.parametrize("form", ["{}", "first\n- {}", "| 1 | {} | 2 |", '"{}"'])
def test_a_sentence_in_a_report_is_found(tmp_path: Path, row: dict[str, str], name: str, form: str):
    folder = Path(shutil.copytree(ROOT / "models" / "current" / "evaluation", tmp_path / "evaluation"))
    hashes = hashes_of([row, {"text": "Too short"}, {"text": "topic"}])
    assert sentences_in(folder, hashes) == []
    path, text = folder / "seeds" / name, form.format(row.get("text", "Zinc fell in Holm."))
    if name == "report.md":
        path.write_text(f"{path.read_text('utf-8')}\n{text}\n", encoding="utf-8")
    else:
        path.write_text(json.dumps({**json.loads(path.read_text("utf-8")), "worst": [{"row": text}]}), encoding="utf-8")
    assert sentences_in(folder, hashes) == [name]


def test_a_sentence_inside_a_line_is_found(tmp_path: Path):
    sentence = "Rain fell on Holm for a week."
    (tmp_path / "report.md").write_text(f"Most wrong: {sentence} (paper-1, 3)\n", encoding="utf-8")
    assert sentences_in(tmp_path, {hash_of(sentence)}) == ["report.md"]


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
        line for line in (ROOT / "docs" / "seeds.md").read_text(encoding="utf-8").splitlines() if path.name in line
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
