"""Web pages to text.

Knows trafilatura, an extra; knows no file and no sentence.
"""

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

from newslean.decoding import decode
from newslean.errors import DataError

_DECLARED = re.compile(rb"""(?:charset|<\?xml[^>]*encoding)\s*=\s*["']?\s*([\w:.-]+)""", re.IGNORECASE)

_DATES = {"original_date": True, "extensive_search": False, "max_date": "2100-01-01"}
"""Of the metadata alone: a year in the text is no date of the text. And no date hangs on the day of the reading."""

# What no browser shows. What is found when searched for (until-found) is folded away, as Wikipedia's sections are.
_HIDDEN = ".//template|.//*[@hidden and @hidden!='until-found' and not(self::body)]"

_TAG = re.compile("<[a-zA-Z/!]")  # "<" may stand in a script, too
_BREAK = "\N{SYMBOL FOR LINE FEED}"  # printable, for trafilatura drops what is not
_MAX_WRAPPED = 100  # characters in the longest line of text that is wrapped at a column, as the splitter has it
_MAX_TAGS = 200_000  # the time of an extraction grows with their square: these may take minutes, a million a day
_FULL = 0.75  # of the longest line in a line that goes on in the next one, whatever that begins with


class Page(NamedTuple):
    """The article of a web page.

    Attributes
    ----------
    text : str
        Paragraphs, headings and list items in the page's order, a blank line
        between them, without comments, menus and footers.
    title : str or None
        From the page's metadata, or its ``<title>``.
    date : str or None
        Day on which it was published, ``2024-05-31``, if its metadata or its address tell.
    outlet : str or None
        Name of the site from the page's metadata, or the host of the address that the page gives for itself.
    """

    text: str
    title: str | None
    date: str | None
    outlet: str | None


def read_page(data: bytes, *, where: str, declared: str | None = None) -> Page:
    """Read a web page as `extract_page` does, from its bytes.

    Parameters
    ----------
    declared : str, optional
        Its encoding, if that is known from elsewhere; otherwise the one that the page names.
    """
    found = _DECLARED.search(data[:4096])
    named = found[1].decode("ascii", "replace") if found else None
    return extract_page(decode(data, where=where, declared=declared or named), where=where)


def extract_page(page: str, *, where: str) -> Page:
    """Extract the article of a web page with trafilatura.

    Parameters
    ----------
    page : str
        The HTML, decoded.
    where : str
        Name of the page, for messages.

    Raises
    ------
    DataError
        If trafilatura is not installed, or the page holds no article, or more tags than any article has.
    """
    if page.count("<") > _MAX_TAGS < sum(1 for _ in _TAG.finditer(page)):
        raise DataError(f"{where}: expected an article; found a page of more than {_MAX_TAGS:,} tags. Pass its text.")
    try:
        from trafilatura import bare_extraction  # slow to import, and an extra
        from trafilatura.settings import Document
    except ImportError as error:
        raise DataError(
            f"{where}: expected the packages that read HTML; found: {str(error).partition(chr(10))[0]}. "
            "Run pip install 'newslean[html]', or pass the page's text."
        ) from None
    try:
        document = bare_extraction(
            page, include_comments=False, with_metadata=True, date_extraction_params=_DATES, prune_xpath=_HIDDEN
        )
    except Exception as error:  # noqa: BLE001 - pages hold anything, and the parsers below raise anything
        raise DataError(
            f"{where}: expected HTML; found a page that cannot be read ({type(error).__name__}). Pass its text."
        ) from None
    if not isinstance(document, Document) or not document.text or not document.text.strip():
        raise DataError(f"{where}: expected an article in the page; found no running text. Pass its text.")
    # Blank lines tell the splitter that each line is a paragraph of its own, not hard-wrapped text.
    text = "\n\n".join(_lines(document))
    # Metadata may hold anything: lists, numbers.
    title, date, site, host = (
        value.strip() or None if isinstance(value, str) else None
        for value in (document.title, document.date, document.sitename, document.hostname)
    )
    outlet = site if site and "://" not in site else host  # pages name their Facebook page so
    return Page(text, title, date, outlet)


def _lines(document: Any) -> Iterator[str]:
    """Yield the paragraphs of a page. What <br> or <pre> wraps at a column, as mails are, is one, not one a line."""
    from trafilatura.xml import xmltotxt

    if _BREAK in document.text or not _mark_breaks(document.body):
        yield from document.text.splitlines()
        return
    block: list[str] = []
    for line in xmltotxt(document.body, include_formatting=False).splitlines():
        block.append(line.replace(_BREAK, "").strip())
        if not line.rstrip().endswith(_BREAK):
            yield from filter(None, _unwrapped(block))
            block.clear()
    yield from filter(None, _unwrapped(block))


def _mark_breaks(body: Any) -> bool:
    """Mark the breaks within blocks, which in text look like those between them; say whether there are any."""
    found = False
    for block in body.iter("quote", "code"):
        if not len(block) and "\n" in (text := (block.text or "").strip()):
            block.text = text.replace("\n", f"{_BREAK}\n")
            found = True
    for lb in body.iter("lb"):
        lb.tail = _one_line(lb.tail)
        parent, before = lb.getparent(), lb.getprevious()
        if before is not None:
            before.tail = _one_line(before.tail) + _BREAK
        elif (parent.text or "").strip():
            parent.text = _one_line(parent.text) + _BREAK
        found = True
    return found


def _one_line(text: str | None) -> str:
    """Undo the line breaks of the page's source, which no reader sees."""
    return (text or "").replace("\n", " ")


def _unwrapped(lines: Sequence[str]) -> Iterator[str]:
    """Join the lines of a block if it is wrapped at a column: short lines, many of them begin within a sentence."""
    pairs = [(before, line) for before, line in pairwise(lines) if before and line]
    inner = sum(map(_goes_on, (line for _, line in pairs)))
    longest = max(map(len, lines), default=0)
    if inner < 2 or 3 * inner < len(pairs) or longest > _MAX_WRAPPED:
        yield from lines
        return
    paragraph = [lines[0]]
    for before, line in pairwise(lines):
        if not before or not line or not (_goes_on(line) or len(before) >= _FULL * longest):
            yield " ".join(paragraph)
            paragraph.clear()
        paragraph.append(line)
    yield " ".join(paragraph)


def _goes_on(line: str) -> bool:
    return line[0].islower() and line[1:2] not in {")", "."}  # those number a list
