"""Bytes that are nearly UTF-8, and what must not be taken for it. Whole files: `test_articles`."""

from pathlib import Path

import pytest

from newslean.decoding import beginning, decode
from newslean.errors import DataError

SEED = (Path(__file__).parent.parent / "seeds" / "002_b800429749396923.txt").read_bytes()
QUOTES = "He said “no” – and then “yes”, it’s said.\n"


@pytest.mark.parametrize("declared", [None, "utf-8", "windows-1252"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_a_stray_byte_costs_one_character(mark: bytes, declared: str | None) -> None:
    middle = SEED.index(b"\n\n")
    data = mark + SEED[:middle] + b"\xff" + SEED[middle:]
    text = SEED.decode()
    middle = text.index("\n\n")
    assert decode(data, where="x", declared=declared) == f"{text[:middle]}\ufffd{text[middle:]}"
    assert decode(mark + SEED + b"\xff", where="x", declared=declared) == text + "\ufffd"


@pytest.mark.parametrize("text", [SEED.decode(), "It’s so, said the mayor of Borva", "Nous l’avons dit 🚀"])
@pytest.mark.parametrize("missing", [1, 2])
def test_a_text_that_ends_within_a_character(text: str, missing: int) -> None:
    data = f"{text} ”".encode()[:-missing]
    assert decode(data, where="x") == f"{text} \ufffd"


def test_a_replacement_character_that_was_there_before_is_no_fault() -> None:
    data = ("\ufffd " * 9 + QUOTES).encode()
    assert decode(data + b"\xff", where="x") == data.decode() + "\ufffd"


@pytest.mark.parametrize(
    ("codec", "text"),
    [
        ("cp1252", "The café closed."),
        ("cp1252", "Its last word was café"),
        ("cp1252", "« C’est à\xa0l’été\xa0», dit-il, « voilà\xa0» ! Il est né\xa0: « déjà\xa0»."),
        ("cp1252", "CAFÉ» a fermé"),
        ("gb18030", "随着人工智能竞赛的加剧，美国限制了芯片出口，联通公司表示担忧。"),
    ],
)
def test_legacy_text_is_no_damaged_utf8(codec: str, text: str) -> None:
    assert decode(text.encode(codec), where="x", declared=codec) == text


def test_many_faults_are_not_passed_over() -> None:
    data = QUOTES.encode() + QUOTES.encode("cp1252")
    with pytest.raises(DataError, match="no known encoding"):
        decode(data, where="x")
    with pytest.raises(DataError, match="fault at byte"):
        decode(b"\xef\xbb\xbf" + data, where="x")


@pytest.mark.parametrize("codec", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32", "cp1252"])
def test_the_beginning_of_a_file_has_no_mark(codec: str) -> None:
    assert beginning("<html> and so on".encode(codec), size=37).startswith("<html>")
