from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from newslean.errors import ModelError
from newslean.schema import Schema
from train.labels import Example
from train.record import RECORD, gold_hash, make_record, read_record, related, row_hash, text_hash, write_record


@pytest.fixture
def record(examples: list[Example], schema: Schema):
    rows = examples[:12]
    answers = [{"topic": [], "mood": "flat", **e.labels} for e in rows]
    random = np.random.default_rng(0)
    logits = {d.name: random.normal(size=(12, len(d.labels))).astype(np.float32) for d in schema.dimensions}
    return make_record(rows, examples[:18], answers, {"baseline": logits}, schema, own=[n > 5 for n in range(12)])


def test_it_comes_back(record, examples: list[Example], schema: Schema, tmp_path: Path):
    write_record(tmp_path, record)
    found = read_record(tmp_path, schema)
    assert found.rows.tolist() == [row_hash(e) for e in examples[:12]]
    assert found.gold.tolist() == [gold_hash(e) for e in examples[:12]]
    assert found.own.tolist() == [n > 5 for n in range(12)]
    assert [found.labels(n, schema) for n in range(12)] == [e.labels for e in examples[:12]]
    np.testing.assert_allclose(found.logits["baseline"]["mood"], record.logits["baseline"]["mood"], atol=2e-3)
    assert found.logits["baseline"]["mood"].dtype == np.float32


def test_what_it_saw(record, examples: list[Example], schema: Schema):
    assert record.saw(examples[17])
    assert not record.saw(examples[18])
    assert record.saw(replace(examples[18], text=examples[0].text.upper()))
    assert record.saw(replace(examples[18], group=examples[0].group))
    assert not record.learnt(replace(examples[18], group=examples[0].group))
    later = make_record(examples[18:19], examples[18:19], [examples[18].labels], {}, schema, earlier=record)
    assert later.saw(examples[0])
    assert later.saw(examples[18])
    assert not later.saw(examples[30])


def test_what_it_was_taught(record, examples: list[Example], schema: Schema, tmp_path: Path):
    """Text and labels together, of rows that are never held out too; older records hold no labels of those."""
    other = replace(examples[17], labels={"topic": [], "mood": "rise"})
    write_record(tmp_path, record)
    found = read_record(tmp_path, schema)
    assert [found.taught(e) for e in (*examples[:19], other)] == [*[True] * 18, False, False]
    later = make_record([other], [other], [other.labels], {}, schema, earlier=found)
    assert [later.taught(e) for e in (examples[17], other)] == [False, True]
    write_record(tmp_path, replace(record, pairs=None))
    old = read_record(tmp_path, schema)
    assert [old.taught(e) for e in (examples[17], other, examples[18])] == [True, True, False]


def test_new_rows_of_articles_that_were_learnt_from(record, examples: list[Example]):
    """No network that goes on from this one can leave what it knows of these articles out."""
    late = replace(examples[0], n=90, text="The zinc was sold.")
    reprint = [replace(examples[17], doc="copy", group="copy"), replace(late, doc="copy", group="copy")]
    short = replace(examples[17], text="Weather")
    heading = replace(record, seen=np.append(record.seen, np.uint64(text_hash(short))))
    elsewhere = [replace(short, doc="new", group="new"), replace(late, doc="new", group="new")]
    assert record.part([*examples[:12], late, *examples[18:20]]) == ([late], [*examples[:12], *examples[18:20]])
    assert record.part(reprint) == (reprint, [])
    assert heading.part(elsewhere) == (elsewhere[:1], elsewhere[1:])


def test_related(examples: list[Example]):
    rows = [examples[6], replace(examples[12], text=f"  {examples[0].text.upper()} "), examples[13]]
    assert related(rows, examples[:7]) == [True, True, False]
    assert related(rows, []) == [False] * 3


def test_places(record, examples: list[Example]):
    moved = replace(examples[3], doc="elsewhere", before="Other.")
    assert record.place_of([examples[5], moved, examples[40]]) == [5, 3, -1]


def test_none_and_damaged(record, schema: Schema, tmp_path: Path):
    assert read_record(tmp_path, schema) is None
    for content in (b"", b"PK\x03\x04", b"\0" * 100):
        (tmp_path / RECORD).write_bytes(content)
        with pytest.raises(ModelError, match="expected the answers"):
            read_record(tmp_path, schema)
    write_record(tmp_path, record)
    (tmp_path / RECORD).write_bytes((tmp_path / RECORD).read_bytes()[:-40])
    with pytest.raises(ModelError, match="expected the answers"):
        read_record(tmp_path, schema)
    write_record(tmp_path, record)
    with pytest.raises(ModelError, match="expected the answers"):
        read_record(tmp_path, Schema((replace(schema["topic"], name="other"),)))
