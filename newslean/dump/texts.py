"""Files that are one article each.

Knows the limit of their size; `newslean.articles` and `newslean.html` know
their content.
"""

import io
from collections.abc import Iterator

from newslean.articles import Article, is_page, make_article
from newslean.dump.place import Place
from newslean.dump.records import Outcome, Record
from newslean.dump.remote import is_remote
from newslean.dump.rows import host_of
from newslean.errors import DataError
from newslean.html import read_page


def read_text(stream: io.BufferedReader, place: Place, *, suffix: str = "") -> Iterator[Outcome]:
    """Read text, Markdown or a web page, as the end of the file's name says."""
    data = stream.read(place.max_bytes + 1)
    if len(data) > place.max_bytes:
        yield place.too_large("", "an article")
        return
    date = outlet = None
    try:
        if is_page(data, suffix=suffix):
            text, title, date, outlet = read_page(data, where=place.source)
            article = Article(place.source, text, title)
            outlet = outlet or (host_of(place.source) if is_remote(place.source) else None)
        else:
            article = make_article(data, where=place.source, suffix=suffix)
    except DataError as error:
        yield place.reject("", error)
    else:
        yield Record(article, None, date, outlet, place.position())
