import json
from pathlib import Path
from typing import Any

import pytest

from newslean.errors import DataError
from newslean.schema import schema_from_dict
from train.check import check_labels, render_check

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
    return check_labels([path], SCHEMA, seed=0, replicates=30, **more)


def test_counts_agreement_and_repeats(tmp_path: Path) -> None:
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
    assert {key: seed[key] for key in ("rows", "articles", "titles", "furniture", "coded_twice", "adjudicated")} == {
        "rows": 5, "articles": 3, "titles": 1, "furniture": 1, "coded_twice": 5, "adjudicated": 1,
    }  # fmt: skip
    assert seed["dimensions"]["topic"] == {
        "rows": 5, "missing": 0, "labels": {"chips": 3, "open_source": 0}, "no_label": 2,
    }  # fmt: skip
    assert user["dimensions"]["topic"]["missing"] == 1
    assert user["splits"] == {"dev": 1}
    assert [*result["agreement"]] == ["seed"]
    assert result["agreement"]["seed"]["dimensions"]["stance"]["percent"] == 0.8
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
    assert "seed: rows 2, articles 2, titles 1, furniture 0, coded twice 2, adjudicated 1" in text
    assert "stance: us_ahead 0, closing 1, none 1; missing in 0 rows" in text
    assert "50.0 [0.0, 100.0]" in text
    assert "undefined" in text  # no row has a topic
    assert "too few articles to trust an interval: 2" in text
    assert "a (rows) against b (columns)" in text


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
