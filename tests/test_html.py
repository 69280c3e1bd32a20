"""Web pages: what no reader sees, and lines that a page breaks by itself."""

import pytest

from newslean.errors import DataError
from newslean.html import extract_page

BEFORE = "Copper and zinc climbed in Arlen on Tuesday, as buyers paid more than in any week since the flood, they said."
AFTER = "The mayor of Borva opened a library near the old bridge, and storms drowned the mine in the valley below it."
WRAPPED = """The ministry said on Monday that the plant in Arlen
would make chips from next year on, as buyers in
Europe had asked for them since the flood of May.
The mayor of Borva, who opened a library near the
old bridge, doubts it. “We have heard that before,”
she said."""
LIST = "Chip makers in Arlen open a school\nxZinc buys the smelter of Borva for a song\nMayor of Cimbel steps down"


def paragraphs(inner: str) -> list[str]:
    """Paragraphs that a page has between two others."""
    page = (
        "<html><head><title>Metals</title></head><body><article>"
        f"<p>{BEFORE}</p>{inner}<p>{AFTER}</p></article></body></html>"
    )
    first, *found, last = extract_page(page, where="x").text.split("\n\n")
    assert (first, last) == (BEFORE, AFTER)
    return found


@pytest.mark.parametrize(
    "inner",
    [
        "<p hidden>This part no reader of the page can see.</p>",
        "<div hidden=''><p>This part no reader of the page can see.</p></div>",
        "<section HIDDEN=hidden><p>This part no reader of the page can see.</p></section>",
        "<template><p>This part no reader of the page can see.</p></template>",
    ],
)
def test_what_a_page_hides_is_left_out(inner: str) -> None:
    assert paragraphs(inner) == []
    assert paragraphs(f"<p>Tin rose.{inner}</p>") == ["Tin rose."]


def test_what_a_page_folds_away_is_read() -> None:
    folded = "<div hidden=until-found><p>This part is a section that unfolds.</p></div>"
    assert paragraphs(folded) == ["This part is a section that unfolds."]
    page = f"<html><body hidden><article><p>{BEFORE}</p><p>{AFTER}</p></article></body></html>"
    assert extract_page(page, where="x").text == f"{BEFORE}\n\n{AFTER}"


@pytest.mark.parametrize("inner", ["<pre>{}</pre>", "<p>{}</p>", "<div>{}</div>", "<blockquote>{}</blockquote>"])
@pytest.mark.parametrize("line", ["<br>", "<br/>\n", "\n<br />"])
def test_text_that_is_wrapped_by_hand_is_one_paragraph(inner: str, line: str) -> None:
    lines = WRAPPED if "pre" in inner else WRAPPED.replace("\n", line)
    assert paragraphs(inner.format(lines)) == [WRAPPED.replace("\n", " ")]


def test_blank_lines_in_wrapped_text_part_paragraphs() -> None:
    one = WRAPPED.replace("\n", " ")
    assert paragraphs(f"<pre>\nA short heading\n\n{WRAPPED}\n\n{WRAPPED}\n</pre>") == ["A short heading", one, one]


def test_lines_that_a_page_breaks_on_purpose_stay_apart() -> None:
    assert paragraphs(f"<p>{LIST.replace(chr(10), '<br>')}</p>") == LIST.splitlines()
    long = [f"{BEFORE} {AFTER}", AFTER, BEFORE]
    assert paragraphs(f"<p>{'<br>'.join(long)}</p>") == long
    numbered = ["a) tin and all that is made of tin", "b) zinc and all that is made of zinc", "c) copper, of course"]
    assert paragraphs(f"<p>{'<br>'.join(numbered)}</p>") == numbered


def test_lines_of_the_source_are_none_of_the_page() -> None:
    assert paragraphs("<p>Tin rose\nin <b>all\ntowns.</b><br>\nZinc\nfell.</p>") == [
        "Tin rose in all towns.",
        "Zinc fell.",
    ]


def test_a_page_of_nothing_but_tags_is_refused() -> None:
    page = f"<html><body><article><p>{BEFORE}{{}}</p></article></body></html>"
    assert extract_page(page.format("<b>x</b>" * 100), where="x").text
    with pytest.raises(DataError, match="more than 200,000 tags"):
        extract_page(page.format("<b>x</b>" * 100_001), where="x")
    assert extract_page(page.format("<script>" + "1<2||" * 200_001 + "</script>"), where="x").text
