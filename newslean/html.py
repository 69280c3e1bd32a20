"""Web pages to text.

Knows trafilatura, an extra, and nothing else: no file, no sentence.
"""

from newslean.errors import DataError


def extract_text(page: str, *, where: str) -> tuple[str, str | None]:
    """Extract the article of a web page with trafilatura.

    Parameters
    ----------
    page : str
        The HTML, decoded.
    where : str
        Name of the page, for messages.

    Returns
    -------
    text : str
        Paragraphs, headings and list items in the page's order, a blank line
        between them, without comments, menus and footers.
    title : str or None
        From the page's metadata, or its ``<title>``.

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
        document = bare_extraction(page, include_comments=False, with_metadata=True)
    except Exception as error:  # noqa: BLE001 - pages hold anything, and the parsers below raise anything
        raise DataError(
            f"{where}: expected HTML; found a page that cannot be read ({type(error).__name__}). Pass its text."
        ) from None
    if not isinstance(document, Document) or not document.text or not document.text.strip():
        raise DataError(f"{where}: expected an article in the page; found no running text. Pass its text.")
    # Blank lines tell the splitter that each line is a paragraph of its own, not hard-wrapped text.
    return "\n\n".join(document.text.splitlines()), (document.title or "").strip() or None
