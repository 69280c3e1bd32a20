"""Label sets that have nothing to do with the project's own: posts of one line, no neutral label, no topic."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from newslean.calibration import decide
from newslean.errors import DataError
from newslean.results import summarise
from newslean.schema import Schema, read_schema
from newslean.tagger import Tagger
from train.calibrate import calibrate
from train.labels import read_examples
from train.options import find_grammar, params_folder
from train.params import PARAMS, BaselineParams, FinetuneParams, read_params_in, write_params
from train.pipeline import train

SECTIONS = {"world": "treaty", "sport": "goal", "money": "profit"}
SCHEMA = '[[dimensions]]\nname = "section"\nkind = "single"\nlabels = ["world", "sport", "money"]\n'


@pytest.fixture(scope="module")
def posts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Thirty posts, each a document of its own."""
    folder = tmp_path_factory.mktemp("posts")
    (folder / "sentences").mkdir()
    (folder / "schema.toml").write_text(SCHEMA, encoding="utf-8")
    rows = [
        {"doc": f"post-{n}", "n": 0, "text": f"A {word} was made in town {n}.", "labels": {"section": name}}
        for n, (name, word) in enumerate([*SECTIONS.items()] * 10)
    ]
    (folder / "sentences" / "posts.jsonl").write_text("".join(json.dumps(r) + "\n" for r in rows), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def sections(posts: Path) -> Schema:
    return read_schema(posts / "schema.toml")


@pytest.fixture(scope="module")
def tagger(
    posts: Path, sections: Schema, params: Any, make_run: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory
) -> Tagger:
    from train.options import quiet_libraries

    quiet_libraries()
    files = read_examples([posts], sections)
    run = make_run(
        tmp_path_factory.mktemp("other"),
        files=files,
        schema=sections,
        baseline=BaselineParams(char_ngrams=2),
        finetuned=replace(params, epochs=1),
    )
    path, _ = train(run)
    assert "likeliest label" in (path / "README.md").read_text(encoding="utf-8")
    tagger = Tagger.load(path)
    strict = replace(tagger.manifest.calibration, min_confidence={"section": 0.99})
    return Tagger(tagger.model, replace(tagger.manifest, calibration=strict))


def test_every_sentence_gets_a_label_even_in_doubt(tagger: Tagger):
    """Doubt has no label to go to."""
    article = tagger.tag_text("A goal was made. A goal was seen in town 4.\n\nA profit was made. Unheard of words.")
    assert [s.labels["section"] for s in article.sentences][:3] == ["sport", "sport", "money"]
    assert article.labels["section"] == "sport"
    assert sum(article.shares["section"].values()) == pytest.approx(1)


def test_furniture_is_asked_too_but_does_not_count(tagger: Tagger):
    rows = tagger.tag_sentences(["A profit was made in town 1.", "Subscribe to our newsletter", "A profit was made."])
    assert [row.furniture for row in rows] == [False, True, False]
    assert sum(rows[1].scores["section"].values()) == pytest.approx(1, abs=1e-5)
    assert rows[1].labels["section"] in SECTIONS
    assert summarise(tagger.schema, source="", title=None, sentences=rows).shares["section"]["money"] == 1
    article = summarise(tagger.schema, source="", title=None, sentences=rows[1:2])
    assert article.labels["section"] in SECTIONS
    assert set(article.shares["section"].values()) == {0.0}


def test_no_text_has_no_label(tagger: Tagger):
    assert tagger.tag_text("").labels == {"section": ""}


def test_there_is_nothing_to_calibrate_towards(sections: Schema):
    import numpy as np

    d = sections["section"]
    found = calibrate(
        {d.name: np.float32([[9, 0, 0], [0.3, 0, 0]] * 20)}, [{d.name: x} for x in d.labels[:2] * 20], sections
    )
    assert (found.thresholds, found.beta) == ({}, {})
    assert decide(d, {"world": 0.34, "sport": 0.33, "money": 0.33}, found) == "world"


def test_nothing_of_the_project_reaches_another_label_set(posts: Path, sections: Schema, tmp_path: Path):
    assert find_grammar([posts], None, sections) is None
    assert params_folder([posts], None) == posts / "params"
    assert params_folder([], None) == PARAMS
    assert params_folder([posts], None, tmp_path) == tmp_path
    assert read_params_in(FinetuneParams, posts / "params") == read_params_in(FinetuneParams, PARAMS)
    write_params(BaselineParams(C=7.0), tmp_path / "baseline.toml", note="mine")
    assert read_params_in(BaselineParams, tmp_path).C == 7


def test_posts_in_one_document_cannot_be_held_out(posts: Path, sections: Schema, tmp_path: Path, make_run: Any):
    text = (posts / "sentences" / "posts.jsonl").read_text(encoding="utf-8")
    rows = [{**json.loads(line), "doc": "all", "n": n} for n, line in enumerate(text.splitlines())]
    (tmp_path / "a.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    run = make_run(tmp_path, files=read_examples([tmp_path / "a.jsonl"], sections), schema=sections)
    with pytest.raises(DataError, match="give each a doc of its own"):
        train(run)
