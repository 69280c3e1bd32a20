import json
from pathlib import Path
from typing import Any

import pytest

from newslean.errors import DataError
from newslean.schema import schema_from_dict
from train.check import check_labels
from train.check_report import render_check

SCHEMA = schema_from_dict(
    {
        "dimensions": [
            {"name": "topic", "kind": "multi", "labels": ["chips", "open_source"]},
            {"name": "stance", "kind": "single", "labels": ["us_ahead", "closing", "none"], "neutral": "none"},
        ]
    },
    where="test",
)


def labels(stance: str = "none", *topic: str) -> dict[str, Any]:
    return {"topic": [*topic], "stance": stance}


def row(doc: str, n: int, text: str, a: dict[str, Any], b: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"doc": doc, "n": n, "text": text, "source": "seed", "labels": a, "coders": {"a": a, "b": b}} | more


def disputed(**more: Any) -> dict[str, Any]:
    a, b = labels("closing"), labels("us_ahead")
    return row("a", 0, "They trail.", a, b, coders={"a": a, "b": b, "adjudicated": a}, reason="Rule two.") | more


def check(path: Path, *rows: dict[str, Any], **more: Any) -> dict[str, Any]:
    path /= "x.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return check_labels([path], SCHEMA, **more)


def test_counts_and_repeats(tmp_path: Path) -> None:
    result = check(
        tmp_path,
        disputed(),
        row("a", 1, "Read on", labels("none", "chips"), labels("none", "chips"), kind="boilerplate"),
        row("b", 0, "Chips", labels("none", "chips"), labels("none", "chips"), kind="title"),
        row("b", 1, "Read on", labels(), labels()),
        {"doc": "c", "n": 0, "text": "They trail.", "source": "user", "labels": {"stance": "closing"}, "split": "dev"},
        {"doc": "c", "n": 1, "sha256": "0" * 64, "source": "user", "labels": labels()},
        row("d", 0, "Chips", labels("none", "chips"), labels("none", "chips")),
    )
    assert (result["rows"], result["skipped"]) == (6, 1)
    seed, user = result["sources"]["seed"], result["sources"]["user"]
    expected = {
        "rows": 5, "articles": 3, "titles": 1, "furniture": 1, "coded_twice": 5, "disputed": 1, "open": 0,
        "adjudicated": 1,
    }  # fmt: skip
    assert {key: seed[key] for key in expected} == expected
    assert seed["dimensions"]["topic"] == {
        "rows": 5, "missing": 0, "labels": {"chips": 3, "open_source": 0}, "no_label": 2,
    }  # fmt: skip
    assert user["dimensions"]["topic"]["missing"] == 1
    assert user["splits"] == {"dev": 1}
    assert (seed["not_as_coded"], user["not_as_coded"]) == (0, 0)
    mine = {"doc": "c", "n": 0, "text": "They trail.", "source": "user", "labels": labels("closing")}
    told = {"a": labels("none"), "b": labels("closing"), "adjudicated": labels("closing")}  # for no reason
    rows = [{**mine, "coders": {"a": labels("none")}}, {**mine, "n": 1}, {**mine, "n": 2, "coders": told}]
    told = render_check(check(tmp_path, *rows))
    assert "labels that do not follow from their coders: 1 rows" in told
    repeats = result["repeats"]
    # "They trail." lacks the topic in one row: that is no other label.
    assert (repeats["same"], repeats["different"]) == (2, 1)
    assert [repeat["same"] for repeat in repeats["first"]] == [False, True, True]
    place = f"{tmp_path / 'x.jsonl'}:2"
    assert repeats["first"][0]["rows"][0] == {"place": place, "doc": "a", "n": 1}
    text = json.dumps(result) + render_check(result)
    assert "They trail." not in text


def test_the_rendering_names_what_a_person_looks_for(tmp_path: Path) -> None:
    text = render_check(check(tmp_path, disputed(), row("b", 0, "Chips", labels(), labels(), title=True)))
    assert "files 1, rows 2, skipped 0" in text
    assert "seed: rows 2, articles 2, titles 1, furniture 0, coded twice 2, disputed 1, open 0, adjudicated 1" in text
    assert "stance: us_ahead 0, closing 1, none 1; missing in 0 rows" in text
    assert "labels agree" in text
    assert "No CODEBOOK.md" in text


@pytest.mark.parametrize(
    ("bad", "expected"),
    [
        (disputed(coders={"a": labels("closing"), "b": labels("none")}), "expected a coder 'adjudicated'"),
        (
            disputed(coders={"a": labels("closing"), "b": labels("none")}, labels=labels("none")),
            "expected a coder 'adjudicated' to settle a dispute; found a 'closing', b 'none'",
        ),
        (disputed(reason=" "), "stance: expected a reason for the adjudication"),
        (disputed(labels=labels("us_ahead")), "expected the adjudicated 'closing' in labels; found 'us_ahead'"),
        (
            row("a", 0, "x", labels(), labels(), labels=labels("closing")),
            "expected labels as coded (a 'none', b 'none')",
        ),
        (row("a", 0, "x", labels(), labels(), labels={"topic": []}), "found None"),
        (
            row("a", 0, "x", labels(), labels(), coders={"a": labels("closing")}),
            "expected labels as coded (a 'closing')",
        ),
    ],
)
def test_labels_must_follow_from_the_coders(tmp_path: Path, bad: dict[str, Any], expected: str) -> None:
    with pytest.raises(DataError) as caught:
        check(tmp_path, row("z", 0, "Fine.", labels(), labels()), bad)
    message = str(caught.value)
    assert message.startswith(f"{tmp_path / 'x.jsonl'}:2: ")
    assert expected in message
    assert "\n" not in message
    check(tmp_path, bad | {"source": "user"})  # whose coders need not have seen every row


def test_a_dispute_may_be_left_open_by_labels_without_the_dimension(tmp_path: Path) -> None:
    coders = {"a": labels("closing"), "b": labels("none")}
    open_row = {key: value for key, value in labels("none").items() if key != "stance"}
    assert check(tmp_path, disputed(coders=coders, labels=open_row))
    agreed = {"a": labels("none"), "b": labels("none")}
    with pytest.raises(DataError, match="expected labels as coded"):
        check(tmp_path, disputed(coders=agreed, labels=open_row))


def test_an_undisputed_dimension_needs_no_adjudication(tmp_path: Path) -> None:
    a, b = labels("closing", "chips"), labels("none", "chips")
    settled = {"stance": "none"}
    result = check(
        tmp_path,
        row(
            "a",
            0,
            "x",
            a,
            b,
            labels=labels("none", "chips"),
            coders={"a": a, "b": b, "adjudicated": settled},
            reason="r",
        ),
    )
    assert result["sources"]["seed"]["adjudicated"] == 1


def test_order_of_labels_is_no_dispute(tmp_path: Path) -> None:
    a, b = labels("none", "chips", "open_source"), labels("none", "open_source", "chips")
    assert check(tmp_path, row("a", 0, "x", a, b))["rows"] == 1


LONG = "The new plant in {} will make twice as many of the chips as the old one did last year."


def test_labels_with_few_rows_to_train_on(tmp_path: Path) -> None:
    rows = [row(f"d{n}", 0, LONG.format(n), labels("none", "chips"), labels("none", "chips")) for n in range(3)]
    rows[2]["split"] = "dev"
    rows[1]["labels"] = rows[1]["coders"]["a"] = rows[1]["coders"]["b"] = labels("closing")
    result = check(tmp_path, *rows, support=2)
    few = {f"{found['dimension']} {found['label']}": found for found in result["support"]["few"]}
    assert [*few] == ["topic chips", "topic open_source", "stance us_ahead", "stance closing", "stance none"]
    assert (few["topic chips"]["rows"], few["topic chips"]["in_all"]) == (1, 2)
    text = render_check(result)
    assert "topic chips: 1 rows of 1 articles, and 1 rows set aside" in text
    assert "stance us_ahead: in no row" in text
    assert "Every label has 0 rows" in render_check(check(tmp_path, *rows, support=0))


def test_texts_that_are_almost_the_same(tmp_path: Path) -> None:
    almost = LONG.format("Arlen").replace("last year", "last month")
    rows = [
        row("a", 0, LONG.format("Arlen"), labels("none", "chips"), labels("none", "chips")),
        row("a", 1, LONG.format("Arlen") + " So it says.", labels(), labels()),  # the same article
        row("b", 0, almost, labels("closing"), labels("closing"), split="test"),
        row("c", 0, "Rain fell on the harbour for most of the week, and the boats stayed in.", labels(), labels()),
    ]
    near = check(tmp_path, *rows)["near"]
    assert (near["pairs"], near["different"], near["set_aside"]) == (1, 1, 1)
    best = near["first"][0]
    assert not best["same"]
    assert {found["doc"] for found in best["rows"]} == {"a", "b"}
    assert near["threshold"] <= best["similarity"] < 1
    rows[2]["group"] = "a"  # now every fold keeps them together
    result = check(tmp_path, *rows)
    assert result["near"]["pairs"] == 0
    assert "near" not in check(tmp_path, *rows, near=False)
    assert LONG.format("Arlen") not in json.dumps(result)


def test_the_same_text_with_other_labels(tmp_path: Path) -> None:
    """Whatever its case and spaces, and in one article too."""
    rows = [
        row("a", 0, LONG.format("Arlen"), labels("none", "chips"), labels("none", "chips")),
        row("b", 0, LONG.format("Arlen").upper().replace(" ", "  "), labels("closing"), labels("closing")),
        row("c", 0, "They trail.", labels("closing"), labels("closing")),
        row("c", 1, "They trail.", labels("us_ahead"), labels("us_ahead")),
        row("d", 0, "Read on", labels(), labels()),
        row("d", 1, "Read on", labels(), labels()),  # labelled alike in its own article
        row("e", 0, "Chips", labels(), labels()),
        row("f", 0, "chips", labels(), labels()),
    ]
    result = check(tmp_path, *rows)
    repeats = result["repeats"]
    assert (repeats["same"], repeats["different"]) == (1, 2)
    found = [(repeat["same"], [(r["doc"], r["n"]) for r in repeat["rows"]]) for repeat in repeats["first"]]
    assert found == [
        (False, [("a", 0), ("b", 0)]),
        (False, [("c", 0), ("c", 1)]),
        (True, [("e", 0), ("f", 0)]),
    ]
    path = tmp_path / "x.jsonl"
    text = render_check(result)
    assert f"same text, other labels: {path}:3 (c 0); {path}:4 (c 1)" in text
    assert f"same text, same labels: {path}:7 (e 0); {path}:8 (f 0)" in text


def test_the_codebook_beside_the_schema(tmp_path: Path) -> None:
    (tmp_path / "CODEBOOK.md").write_text("# Topic: `chips`\n\nStance: `closeing` or `none`, see `text`.\n")
    result = check(tmp_path, row("a", 0, "x", labels(), labels()), folder=tmp_path)
    text = render_check(result)
    assert "topic: no word of open_source" in text
    assert "line 3: `closeing` looks like a label" in text
    assert "`text`" not in text
