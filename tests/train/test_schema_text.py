import tomllib
from typing import Any

import pytest

from newslean.schema import Schema, schema_from_dict
from train.changes import Change, change_schema, read_change
from train.schema_text import edit_schema

TEXT = """# The label set.

[[dimensions]]
name = "topic" # what it is about
kind = "multi"
# one a line
labels = [
  "chips", # silicon
  'code',
  "tests",
]

# Who is ahead.
[[dimensions]]
name = "stance"
kind = "single"
labels = ["east", "west", "closing", "none"] # in this order
neutral = "none"
opposites = [
  ["east", "west"],
]

# Words.
[sides]
one = ["East", "closing"]
"""


def read(text: str) -> Schema:
    return schema_from_dict(tomllib.loads(text), where="test")


def edit(text: str, *changes: Change, rows: list[str | None] | None = None, **words: Any) -> str:
    before = read(text)
    after = change_schema(before, changes)
    edited = edit_schema(text, before, after, rows=rows or [*before.names], words=words)
    assert read(edited) == after
    return edited


def test_a_renamed_label_changes_nothing_else() -> None:
    edited = edit(TEXT, read_change("rename", "topic:chips=silicon"), topic={"chips": "silicon"})
    assert edited == TEXT.replace('"chips"', '"silicon"')
    edited = edit(TEXT, read_change("rename", "topic:code=soft ware"), topic={"code": "soft ware"})
    assert edited == TEXT.replace("'code'", '"soft ware"')
    edited = edit(TEXT, read_change("rename", "stance:closing=narrowing"), stance={"closing": "narrowing"})
    assert edited == TEXT.replace('"closing", "none"', '"narrowing", "none"')


def test_comments_survive_a_label_that_is_dropped() -> None:
    edited = edit(TEXT, read_change("drop", "stance:west"))
    assert 'labels = ["east", "closing", "none"] # in this order' in edited
    assert "opposites" not in edited
    assert edited.count("#") == TEXT.count("#")


def test_a_dropped_neutral_label_takes_its_line() -> None:
    edited = edit(TEXT, read_change("drop", "stance:none"))
    expected = TEXT.replace(', "none"] # in', "] # in").replace('neutral = "none"\n', "")
    assert edited == expected


def test_a_dropped_dimension_leaves_the_comment_of_the_next() -> None:
    edited = edit(TEXT, read_change("drop", "topic"), rows=[None, "stance"])
    assert edited.startswith("# The label set.")
    assert "# Who is ahead.\n[[dimensions]]" in edited
    assert "topic" not in edited


def test_a_renamed_dimension() -> None:
    edited = edit(TEXT, read_change("rename", "topic=subject"), rows=["subject", "stance"])
    assert edited == TEXT.replace('"topic" # what', '"subject" # what')


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_line_ends_stay(end: str) -> None:
    text = TEXT.replace("\n", end)
    edited = edit(text, read_change("drop", "stance:closing=none"))
    assert edited.count(end) == edited.count("\n")


def test_what_cannot_be_edited_in_place_is_written_anew() -> None:
    inline = '# Head.\ndimensions = [{name = "m", kind = "multi", labels = ["a", "b"]}]\n[sides]\n"x y" = ["A"]\n'
    edited = edit(inline, read_change("rename", "m:a=é \" \\ '"))
    assert edited.startswith("# Head.\n")
    assert '["é \\" \\\\ \'", "b"]' in edited


def test_odd_words_in_place() -> None:
    for word in ('quo"te', "back\\slash", "new\nline", "\\1", "del\x7f"):
        edit(TEXT, read_change("rename", f"topic:chips={word}x"), topic={"chips": f"{word}x"})


def test_keys_that_are_written_otherwise() -> None:
    text = TEXT.replace('labels = ["east"', '"labels" = ["east"')
    edited = edit(text, read_change("drop", "stance:closing"))
    assert edited.startswith("# The label set.\n")
