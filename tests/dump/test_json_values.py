"""Where values begin and end, however the bytes come."""

import io
import json

import pytest

from newslean.dump.json_values import split_values
from newslean.dump.streams import Stream, buffered

VALUES = [
    {"text": 'Tin \\ "rose" \\\\" in [Arlen], {twice}. \\', "n": [[], {}, [{"a": "]}"}]]},
    'Zinc, \\"fell\\"',
    [1, [2, {"a": None}]],
    {"é": "🚀\n\t\u2028"},
    -1.5e3,
    {},
]


@pytest.mark.parametrize("size", [1, 2, 3, 5, 17, 1_000])
@pytest.mark.parametrize("style", [{"indent": 1}, {"separators": (",", ":")}, {"ensure_ascii": False}])
def test_values_are_found_wherever_the_pieces_end(size, style):
    text = json.dumps(VALUES, **style).encode()
    lines = b" \n" + b"\n".join(json.dumps(value).encode() for value in VALUES[::3])
    for content, expected in ((text, VALUES), (lines, VALUES[::3])):
        source = io.BytesIO(content)
        stream = buffered(Stream(lambda _, source=source: source.read(size), where="x"))
        assert [json.loads(value or b"") for value in split_values(stream, limit=1_000, where="x")] == expected


def test_values_that_are_too_large_are_passed_over():
    stream = io.BufferedReader(io.BytesIO(json.dumps(["x" * n for n in (5, 50, 11, 8)]).encode()))
    assert [value and len(value) for value in split_values(stream, limit=12, where="x")] == [7, None, None, 10]
