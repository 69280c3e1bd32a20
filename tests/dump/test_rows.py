"""Values of rows as articles have them."""

import datetime as dt
from decimal import Decimal

import pytest

from newslean.dump import Columns, Record, Reject
from newslean.dump.place import Place
from newslean.dump.rows import Row, host_of, kind_of, make_record

COLUMNS = Columns("text", "title", "date", "source", "id")
PLACE = Place("x", COLUMNS, 100)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (" Tin ", "Tin"),
        ("", None),
        (" ", None),
        (None, None),
        (7, "7"),
        (0, "0"),
        (1.5, "1.5"),
        (float("nan"), None),
        (Decimal("1.50"), "1.50"),
        (dt.date(2031, 4, 5), "2031-04-05"),
        (dt.datetime(2031, 4, 5, 12, tzinfo=dt.UTC), "2031-04-05T12:00:00+00:00"),
        (["Tin"], None),
        ({"a": "Tin"}, None),
        ("\ud800", "\ufffd"),
    ],
)
def test_single_values_are_written_as_text_and_others_left_out(value, text):
    row = Row("row 1", {"text": "Tin rose.", "title": value, "date": value, "id": value}, 0)
    outcome = make_record(row, COLUMNS, PLACE)
    assert isinstance(outcome, Record)
    assert (outcome.article.title, outcome.date, outcome.id, outcome.outlet) == (text, text, text, None)


@pytest.mark.parametrize(
    ("column", "value", "outlet"),
    [
        ("source", "The Arlen Post", "The Arlen Post"),
        ("source", "post.example/news", "post.example/news"),
        ("source", "HTTPS://me:secret@Post.Example:99/a?b", "post.example"),
        ("URL", "www.Post.example/news", "www.post.example"),
        ("URL", "/news/1", "/news/1"),
        ("source", "http://[bad", "http://[bad"),
    ],
)
def test_of_an_address_the_host_is_the_outlet(column, value, outlet):
    outcome = make_record(Row("", {"text": "Tin rose.", column: value}, 0), Columns("text", outlet=column), PLACE)
    assert isinstance(outcome, Record)
    assert outcome.outlet == outlet


@pytest.mark.parametrize("value", [None, "", "  ", "…", 7, True, ["Tin rose."], {"a": "Tin"}, b"Tin"])
def test_what_is_no_text_is_rejected(value):
    outcome = make_record(Row("row 3", {"text": value}, 0), COLUMNS, PLACE.inside("a.csv"))
    assert isinstance(outcome, Reject)
    assert (outcome.source, outcome.position) == ("x", "entry a.csv, row 3")
    assert outcome.reason.startswith("expected")


def test_kinds_and_hosts():
    kinds = {"null": None, "a number": 1, "a list": [], "an object": {}, "true or false": True, "bytes": b""}
    assert [kind_of(value) for value in kinds.values()] == list(kinds)
    assert host_of("memory:///a") is None
