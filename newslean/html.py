"""Web pages to text.

Knows trafilatura, an extra; knows no file and no sentence.
"""

import re
from typing import NamedTuple

from newslean.decoding import decode
from newslean.errors import DataError

_DECLARED = re.compile(rb"""(?:charset|<\?xml[^>]*encoding)\s*=\s*["']?\s*([\w:.-]+)""", re.IGNORECASE)

_DATES = {"original_date": True, "extensive_search": False, "max_date": "2100-01-01"}
"""Of the metadata alone: a year in the text is no date of the text. And no date hangs on the day of the reading."""


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
        If trafilatura is not installed, or the page holds no article.
    """
    try:
        from trafilatura import bare_extraction  # slow to import, and an extra
        from trafilatura.settings import Document
    except ImportError as error:
        raise DataError(
            f"{where}: expected the packages that read HTML; found: {str(error).partition(chr(10))[0]}. "
            "Run pip install 'newslean[html]', or pass the page's text."
        ) from None
    try:
        document = bare_extraction(page, include_comments=False, with_metadata=True, date_extraction_params=_DATES)
    except Exception as error:  # noqa: BLE001 - pages hold anything, and the parsers below raise anything
        raise DataError(
            f"{where}: expected HTML; found a page that cannot be read ({type(error).__name__}). Pass its text."
        ) from None
    if not isinstance(document, Document) or not document.text or not document.text.strip():
        raise DataError(f"{where}: expected an article in the page; found no running text. Pass its text.")
    # Blank lines tell the splitter that each line is a paragraph of its own, not hard-wrapped text.
    text = "\n\n".join(document.text.splitlines())
    # Metadata may hold anything: lists, numbers.
    title, date, site, host = (
        value.strip() or None if isinstance(value, str) else None
        for value in (document.title, document.date, document.sitename, document.hostname)
    )
    outlet = site if site and "://" not in site else host  # pages name their Facebook page so
    return Page(text, title, date, outlet)
