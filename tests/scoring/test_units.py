"""Models of paragraphs and of whole texts: a dump is split as single articles are, and gives the same answers."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from newslean.schema import Schema
from newslean.splitting import splitter_version
from tests.scoring.dumps import make_model, write_lines

TEXTS = (
    "Copper climbed in Arlen.\r\nZinc slumped.\r\n \r\nRain fell on Holm.\r\n\r\nShare this article\r\n",
    "\xa0\n\n  Zinc slumped in Borva. Nobody bought tin.\xa0\n\n",
    "Share this article",
    "Storms!\n\n---\n\n🚀 tin 🚀",
)
EXPECTED = {
    "sentence": [4, 2, 1, 2],
    "paragraph": [3, 1, 1, 2],
    "text": [1, 1, 1, 1],
}


@pytest.mark.parametrize("unit", EXPECTED)
def test_single_articles_and_dumps_agree(command: Callable[..., Result], schema: Schema, tmp_path: Path, unit: str):
    (tmp_path / "m").mkdir()
    model = make_model(tmp_path / "m", replace(schema, unit=unit), gate=False)
    write_lines(tmp_path / "dump.jsonl", [{"id": str(n), "text": text} for n, text in enumerate(TEXTS)])
    for n, text in enumerate(TEXTS):
        (tmp_path / f"{n}.txt").write_bytes(text.encode())
    command(*(f"{n}.txt" for n in range(4)), "--format", "json", "--out", "single.json", model=model)
    single = json.loads((tmp_path / "single.json").read_text("utf-8"))
    assert [len(article["sentences"]) for article in single] == EXPECTED[unit]
    assert command("dump.jsonl", "--out", "out.jsonl", "--progress", "none", model=model).exit_code == 0
    found = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text("utf-8").splitlines()]
    assert {row["splitter"] for row in found} == {splitter_version(unit)}
    for n, article in enumerate(single):
        rows = [row for row in found if row["id"] == str(n)]
        assert [_answer(row) for row in rows] == [_answer(row, about=True) for row in article["sentences"]]
        assert all(TEXTS[n][row["start"] : row["end"]] == row["text"] for row in rows)
    articles = [json.loads(line) for line in (tmp_path / "out.articles.jsonl").read_text("utf-8").splitlines()]
    assert [row["labels"] for row in articles] == [article["article"]["labels"] for article in single]
    told = json.loads((tmp_path / "out.jsonl.run.json").read_text("utf-8"))
    assert told["splitter"] == splitter_version(unit)
    # A finished run is known again, and one of a model of another unit is another run.
    assert command("dump.jsonl", "--out", "out.jsonl", "--progress", "none", model=model).exit_code == 0
    (tmp_path / "other").mkdir()
    other = make_model(tmp_path / "other", replace(schema, unit="text" if unit != "text" else "paragraph"), gate=False)
    again = command("dump.jsonl", "--out", "out.jsonl", "--progress", "none", model=other)
    assert again.exit_code == 2
    assert "other splitter, model" in again.stderr


def _answer(row: dict[str, Any], *, about: bool = False) -> list[Any]:
    kept = [row[key] for key in ("n", "start", "end", "text", "labels")]
    scores = {name: pytest.approx(values, abs=1e-5) if about else values for name, values in row["scores"].items()}
    return [*kept, scores, row.get("furniture", False)]


def test_a_report_for_people_names_the_unit(command: Callable[..., Result], schema: Schema, tmp_path: Path):
    (tmp_path / "a.txt").write_text(TEXTS[0], encoding="utf-8")
    for unit, counted in (("paragraph", "2 paragraphs, 1 more set aside"), ("text", "1 text;")):
        (tmp_path / unit).mkdir()
        model = make_model(tmp_path / unit, replace(schema, unit=unit), gate=False)
        command("a.txt", "--out", f"{unit}.out", model=model)
        said = (tmp_path / f"{unit}.out").read_text("utf-8")
        assert counted in said
        assert f"topic x mood ({unit}s)" in said
