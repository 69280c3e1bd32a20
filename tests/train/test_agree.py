import hashlib
import json
import re
from pathlib import Path
from typing import Any

import pytest

from newslean.errors import DataError
from newslean.schema import schema_from_dict
from train.agree import agree_labels, render_agree

LABELS = ["us_ahead", "closing", "none"]
SCHEMA = schema_from_dict(
    {
        "dimensions": [
            {"name": "topic", "kind": "multi", "labels": ["chips", "open_source"]},
            {"name": "stance", "kind": "single", "labels": LABELS, "neutral": "none"},
        ]
    },
    where="test",
)
EVIL = "They \x1b[31mtrail\u202e."


def row(n: int, text: str, **coders: Any) -> dict[str, Any]:
    return {"doc": f"d{n % 3}", "n": n, "text": text, "source": "user", "labels": {}, "coders": coders}


def agree(folder: Path, rows: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
    path = folder / "x.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return agree_labels([path], SCHEMA, seed=0, replicates=30, **more)


def said(stance: str, *topic: str) -> dict[str, Any]:
    return {"topic": [*topic], "stance": stance}


ROWS = [
    row(0, "One.", a=said("none"), b=said("none")),
    row(1, EVIL, a=said("closing", "chips"), b=said("us_ahead")),
    row(2, "Three.", a=said("closing"), b=said("closing", "chips"), adjudicated=said("closing")),
    row(3, "Four.", a={"stance": "none"}),
]


def test_each_dimension_says_what_its_intervals_are_over(tmp_path: Path) -> None:
    both = {"a": said("none", "chips"), "b": said("closing", "chips")}
    topics = [row(n, f"Text {n}.", **{c: {"topic": v["topic"]} for c, v in both.items()}) for n in range(60)]
    rows = [{**found, "doc": f"d{found['n'] // 2}"} for found in topics]
    rows[:2] = [{**found, "coders": both} for found in rows[:2]]  # stance in one article alone
    text = render_agree(agree(tmp_path, rows))
    assert "intervals over articles:" in text
    assert "(over sentences, of one article: stance)" in text
    assert "too few articles to trust an interval: stance 1)" in text
    assert "over sentences" not in render_agree(agree(tmp_path, rows[2:]))


def test_measures_and_disputes(tmp_path: Path) -> None:
    result = agree(tmp_path, ROWS)
    user = result["sources"]["user"]
    assert user["coders"] == ["a", "b"]
    assert user["dimensions"]["stance"]["percent"] == pytest.approx(2 / 3)
    disputes = result["disputes"]
    assert (disputes["open"], disputes["settled"]) == (1, 1)
    first = disputes["first"][0]
    assert (first["doc"], first["n"], first["text"]) == ("d1", 1, EVIL)
    assert first["place"] == f"{tmp_path / 'x.jsonl'}:2"
    assert first["said"]["stance"] == {"a": "closing", "b": "us_ahead"}
    assert json.loads(json.dumps(result)) == result


def test_the_rendering(tmp_path: Path) -> None:
    text = render_agree(agree(tmp_path, ROWS))
    assert "disputed sentences: 1 open, 1 settled" in text
    assert "They \\x1b[31mtrail." in text
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert "stance: a closing, b us_ahead" in text
    assert "topic: a (no label), b chips; adjudicated (no label)" in text
    assert "Cohen's kappa" in text
    assert "stance: a (rows) against b (columns)" in text
    assert "only a" in text
    assert "too few articles to trust an interval: 3" in text


def test_columns_never_touch(tmp_path: Path) -> None:
    """Coders who contradict each other throughout have the widest numbers: -1.000 [-1.000, -1.000]."""
    rows = []
    for n in range(6):
        stances = ("none", "closing") if n < 3 else ("closing", "none")
        rows.append(row(n, "x y", **dict(zip("ab", map(said, stances), strict=True))))
    lines = render_agree(agree(tmp_path, rows)).splitlines()
    head = next(n for n, line in enumerate(lines) if "Cohen's kappa" in line)
    table = [re.split(r"\s{2,}", line.strip()) for line in lines[head + 1 : head + 8]]
    assert [len(cells) for cells in table] == [5] * 7
    stance = next(cells for cells in table if cells[0] == "stance")
    assert stance[3] == "-1.000 [-1.000, -1.000]"
    start = lines[head].index("Krippendorff")
    assert all(line[start - 1] == " " and line[start] != " " for line in lines[head + 1 : head + 8])


def test_three_coders_get_kappa_of_fleiss(tmp_path: Path) -> None:
    rows = [row(n, "x y", a=said("none"), b=said("none"), c=said(LABELS[n % 3])) for n in range(9)]
    result = agree(tmp_path, rows)
    assert "Fleiss' kappa" in render_agree(result)
    pair = agree(tmp_path, rows, coders=["a", "b"])
    assert pair["sources"]["user"]["coders"] == ["a", "b"]
    assert pair["disputes"]["open"] == 0
    many = [row(n, "x y", **{f"c{k}": said(LABELS[(n + k) % 3]) for k in range(4)}) for n in range(6)]
    assert "confusion of 3 more pairs" in render_agree(agree(tmp_path, many))


def test_only_so_many_disputes(tmp_path: Path) -> None:
    assert len(agree(tmp_path, ROWS, disputed=1)["disputes"]["first"]) == 1
    assert agree(tmp_path, ROWS, disputed=0)["disputes"]["first"] == []


def test_a_text_that_is_kept_back_is_left_out(tmp_path: Path) -> None:
    kept = "A sentence that may not be passed on."
    hashed = row(1, "", a=said("none"), b=said("closing"))
    del hashed["text"]
    hashed["sha256"] = hashlib.sha256(kept.encode()).hexdigest()
    (tmp_path / "texts.txt").write_text(kept + "\n")
    result = agree(tmp_path, [hashed], texts=[tmp_path / "texts.txt"])
    assert kept not in json.dumps(result) + render_agree(result)
    assert "(text kept back by its file)" in render_agree(result)
    assert kept in render_agree(agree(tmp_path, [hashed], texts=[tmp_path / "texts.txt"], hidden=False))


def test_nobody_to_compare(tmp_path: Path) -> None:
    assert "no agreement to measure" in render_agree(agree(tmp_path, [row(0, "One.", a=said("none"))]))
    with pytest.raises(DataError, match=r"--coder z: expected a coder of these rows .a, adjudicated, b."):
        agree(tmp_path, ROWS, coders=["z"])
