"""Which column is which."""

import pytest

from newslean.dump.columns import GUESSES, Columns, Found, choose
from newslean.errors import DataError


def chosen(names: list[str], columns: Columns | None = None) -> Columns:
    return choose(columns or Columns(), Found(names, names, names), where="x", note=lambda text: None)


@pytest.mark.parametrize("role", GUESSES)
def test_guesses_come_in_their_order_whatever_that_of_the_columns(role):
    names = [name.upper() for name in GUESSES[role]]
    while names:
        others = [] if role == "text" else ["article"]
        assert getattr(chosen([*others, *reversed(names)]), role) == names.pop(0)


def test_the_guesses_are_those_of_the_documents():
    assert GUESSES["text"] == ("text", "body", "content", "maintext", "article")
    assert GUESSES["title"] == ("title", "headline")
    assert GUESSES["date"] == ("date", "published", "date_publish", "published_at", "publishdate")
    assert GUESSES["outlet"] == ("source", "outlet", "domain", "publisher", "url")
    assert GUESSES["id"] == ("id", "url", "guid")


def test_what_is_not_there_is_none_and_a_named_one_stays():
    assert chosen(["url", "lede", "text"], Columns(text="lede")) == Columns(text="lede", outlet="url", id="url")


def test_all_missing_columns_are_named_at_once_and_long_lists_cut():
    names = ["x" * 99, *map(str, range(50))]
    with pytest.raises(DataError) as error:
        chosen(names, Columns(text="a", id="b"))
    assert str(error.value).startswith("x: expected a column 'a' (text), 'b' (id); found 'xxx")
    assert "x…'" in str(error.value)
    assert "'28' and 21 more" in str(error.value)


def test_a_missing_text_names_the_option_that_every_command_has():
    with pytest.raises(DataError, match=r"found 'id', 'lede'\. Name the one that holds the text \(--text-column\)\."):
        chosen(["id", "lede"])


def test_no_columns_at_all():
    with pytest.raises(DataError, match="found no columns"):
        chosen([])
