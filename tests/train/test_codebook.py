from pathlib import Path
from typing import Any

import pytest

from newslean.schema import schema_from_dict
from train.codebook import codebook_drift

SCHEMA = schema_from_dict(
    {
        "dimensions": [
            {"name": "frame", "kind": "multi", "labels": ["race", "export_control"]},
            {"name": "mood", "kind": "single", "labels": ["rise", "flat"], "neutral": "flat"},
        ]
    },
    where="test",
)


def drift(folder: Path, text: str) -> Any:
    (folder / "CODEBOOK.md").write_bytes(text.encode())
    return codebook_drift(SCHEMA, folder / "CODEBOOK.md")


def test_a_codebook_that_names_every_label_has_no_drift(tmp_path: Path) -> None:
    found = drift(tmp_path, "`race`, `export_control`; mood is `rise` or `flat`. A row has `text` and `coders`.\n")
    assert (found["unmentioned"], found["unknown"]) == ({}, [])


def test_both_ways(tmp_path: Path) -> None:
    found = drift(tmp_path, "# Frame\n| `race` | who leads |\n| `security` | arms |\n\n`rise`, flat, `security`\n")
    assert found["unmentioned"] == {"frame": ["export_control"], "mood": ["flat"]}
    assert found["unknown"] == [{"term": "security", "line": 3}]


@pytest.mark.parametrize(
    "term", ["schema.toml", "python -m train", "labels/x", "a", "42", "--seed", "mood", "adjudicated", "title", "{x}"]
)
def test_what_is_no_label(tmp_path: Path, term: str) -> None:
    assert drift(tmp_path, f"`race` `export_control` `rise` `flat` `{term}`")["unknown"] == []


def test_without_backticks_words_count(tmp_path: Path) -> None:
    found = drift(tmp_path, "## Race\nWho leads. Prices rise; export_controls are another matter.\n")
    assert found["unmentioned"] == {"frame": ["export_control"], "mood": ["flat"]}


def test_odd_files(tmp_path: Path) -> None:
    assert codebook_drift(SCHEMA, tmp_path / "CODEBOOK.md") is None
    (tmp_path / "CODEBOOK.md").write_bytes(b"\xff\x00`race`\x80")
    found = codebook_drift(SCHEMA, tmp_path / "CODEBOOK.md")
    assert found is not None
    assert found["unmentioned"]["frame"] == ["export_control"]
