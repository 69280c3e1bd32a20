import importlib.util
import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from newslean.errors import DataError
from newslean.schema import Schema
from train.check import check_labels
from train.check_report import render_check
from train.label_errors import _cleanlab, find_label_errors
from train.labels import Example
from train.params import BaselineParams

PARAMS = BaselineParams(char_ngrams=3)
needs_cleanlab = pytest.mark.skipif(importlib.util.find_spec("cleanlab") is None, reason="cleanlab is an extra")


def with_errors(examples: list[Example]) -> tuple[list[Example], set[int]]:
    """The tiny set four times over, as other articles, with three labels wrong."""
    rows: list[dict[str, Any]] = []
    for k in range(4):
        for e in examples:
            doc = f"{e.doc}-{k}"
            rows.append({"doc": doc, "group": doc, "n": e.n, "text": f"{e.text[:-1]} {k}.", "labels": dict(e.labels)})
    wrong = {3, 75, 150}
    for n in wrong:
        rows[n]["labels"] = {"mood": "fall" if rows[n]["labels"].get("mood") != "fall" else "rise", "topic": ["metals"]}
        if "metals" in examples[n % len(examples)].labels["topic"]:
            rows[n]["labels"]["topic"] = ["weather"]
    return [Example(title=False, source="user", **row) for row in rows], wrong


@needs_cleanlab
def test_wrong_labels_are_found_first(examples: list[Example], schema: Schema) -> None:
    rows, wrong = with_errors(examples)
    found = find_label_errors(rows, schema, PARAMS, seed=0)
    assert {error["row"] for error in found["mood"][:3]} == wrong
    assert {error["row"] for error in found["topic"][:3]} == wrong
    for name, errors in found.items():
        assert [error["score"] for error in errors] == sorted(error["score"] for error in errors)
        for error in errors[:3]:
            assert error["given"] == rows[error["row"]].labels[name]
            assert error["suggested"] == examples[error["row"] % len(examples)].labels.get(name, error["suggested"])


@needs_cleanlab
@pytest.mark.parametrize("mood", [None, "flat"])
def test_a_dimension_with_nothing_to_compare(examples: list[Example], schema: Schema, mood: str | None) -> None:
    rows = [
        Example(e.doc, e.n, e.text, False, e.group, "user", {"topic": []} | ({"mood": mood} if mood else {}))
        for e in examples
    ]
    assert find_label_errors(rows, schema, PARAMS, seed=0) == {"topic": [], "mood": []}


@needs_cleanlab
def test_a_label_that_was_never_learnt_is_not_doubted(examples: list[Example], schema: Schema) -> None:
    """Coded in one article only: where that is held out, nothing is known of it."""
    rows = [
        replace(e, doc=f"d{k}", group=f"d{k}", text=f"{e.text} {k}.", labels={"topic": e.labels["topic"]})
        for k in range(12)
        for e in examples[:20]
    ]
    moods = ["rise", "fall", "flat"]
    rows[:20] = [replace(e, labels=e.labels | {"mood": moods[n % 3]}) for n, e in enumerate(rows[:20])]
    assert find_label_errors(rows, schema, PARAMS, seed=0)["mood"] == []
    # So it is with one label of several, and with having none.
    always = [replace(e, labels={"topic": [] if e.doc == "d0" else ["metals"]}) for e in rows]
    assert find_label_errors(always, schema, PARAMS, seed=0)["topic"] == []


@needs_cleanlab
def test_one_article_cannot_be_held_out(examples: list[Example], schema: Schema) -> None:
    with pytest.raises(DataError, match="--errors: expected at least two articles"):
        find_label_errors(examples[:6], schema, PARAMS, seed=0)


@needs_cleanlab
@pytest.mark.parametrize("texts", [("!!!", "???", "..."), ("Copper.", "Zinc.")])
def test_too_few_words_to_learn_from(schema: Schema, texts: tuple[str, ...]) -> None:
    rows = [
        Example(f"d{n}", 0, text, False, f"d{n}", "user", {"topic": [], "mood": ["rise", "fall"][n % 2]})
        for n, text in enumerate(texts)
    ]
    with pytest.raises(DataError, match=f"found too few in {len(rows)} rows. Add rows"):
        find_label_errors(rows, schema, BaselineParams(min_df=2), seed=0)


@needs_cleanlab
def test_the_check_lists_them(examples: list[Example], schema: Schema, tmp_path: Path) -> None:
    rows, wrong = with_errors(examples)
    path = tmp_path / "a.jsonl"
    lines = [{"doc": e.doc, "n": e.n, "text": e.text, "labels": e.labels} for e in rows]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    result = check_labels([path], schema, errors=2, params=PARAMS, near=False)
    assert len(result["errors"]["mood"]["first"]) == 2
    first = result["errors"]["mood"]["first"][0]
    assert int(first["place"].rsplit(":", 1)[1]) - 1 in wrong
    text = render_check(result)
    assert f"given {first['given']}, suggested {first['suggested']}" in text
    assert first["text"] in text


def test_without_cleanlab_a_message_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cleanlab", None)
    monkeypatch.delitem(sys.modules, "cleanlab.filter", raising=False)
    with pytest.raises(DataError, match=r"--errors: expected the package cleanlab.*pip install '.\[labels\]'"):
        _cleanlab()
