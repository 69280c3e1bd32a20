import pytest

from newslean.screen import cell, columns_of, visible, wrap

HOSTILE = [
    "\x1b[2J",  # clears the screen
    "\x1b]0;title\x07",  # renames the window
    "\x9b31m",  # the same in one byte
    "\u202e",  # writes from right to left
    "\u2066",  # isolates
    "\u200f",  # right-to-left mark
    "\b\r\n\x00\x7f\x85",
    "\u2028\u2029",  # breaks lines
    "\ufeff\u200b\u00ad",  # cannot be seen
    "\ud800",  # half a character
    "\U000e0041",  # a tag character
]


@pytest.mark.parametrize("text", HOSTILE)
def test_nothing_hostile_is_left(text: str):
    shown = visible(f"a{text}b")
    assert shown.isprintable()
    assert shown.startswith("a")
    assert shown.endswith("b")
    shown.encode("utf-8")


@pytest.mark.parametrize("text", ["plain", "“é” — 芯片 🚀", "می\u200cخواهم", "עברית", ""])
def test_honest_text_is_left_alone(text: str):
    assert visible(text) == text


@pytest.mark.parametrize(("text", "columns"), [("abc", 3), ("芯片", 4), ("e\u0301", 1), ("🚀", 2), ("", 0)])
def test_columns(text: str, columns: int):
    assert columns_of(text) == columns


@pytest.mark.parametrize("width", [2, 7, 40, 200])
@pytest.mark.parametrize(
    "text", ["the quick brown fox " * 9, "中国的芯片进步很快" * 20, "x" * 500, "mixed 芯片 " * 30, "\x1b[31m " * 50]
)
def test_wrapped_lines_fit_and_lose_nothing(text: str, width: int):
    lines = wrap(text, width)
    assert max(map(columns_of, lines)) <= width
    assert "".join(lines).replace(" ", "") == visible(text).replace(" ", "")


def test_wrapping_breaks_between_words():
    assert wrap("one two  three", 7) == ["one two", "three"]


def test_wrapping_nothing_gives_one_empty_line():
    assert wrap(" \n", 10) == [""]


@pytest.mark.parametrize("right", [False, True])
@pytest.mark.parametrize(
    "text", ["", "short", "a long name of a label", "很长的标签名字在这里", "\x1b[31mred\x1b[0m", "x\u0301" * 40]
)
def test_a_cell_has_its_width(text: str, right: bool):
    for width in range(2, 15):
        assert columns_of(cell(text, width, right=right)) == width


def test_a_cell_that_is_cut_says_so():
    assert cell("a long name", 8) == "a long …"
    assert cell("fits", 6, right=True) == "  fits"
