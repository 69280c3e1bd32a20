"""Files, folders and standard input to articles: bytes in, text with true offsets out.

Knows names of files and folders; knows no sentence, no model and no screen.
``newslean.decoding`` reads the bytes, ``newslean.html`` the web pages.
"""

import os
import re
import stat
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from newslean.decoding import beginning, decode
from newslean.errors import DataError
from newslean.frontmatter import front_matter

MAX_BYTES = 10_000_000
"""Largest input (bytes) that is read as one article."""

TEXT_SUFFIXES = frozenset({".txt", ".md", ".html", ".htm"})
"""Endings of the files that are read from a folder (upper or lower case)."""

HTML_SUFFIXES = frozenset({".html", ".htm", ".xhtml"})
"""Endings of web pages."""

# Never tried again (?>, *+): many comments could be cut up in very many ways.
_MARKUP = re.compile(
    r"(?>\s+|<\?xml[^>]*>|<!--.*?-->)*+<(?:!doctype\s+html|html|head|body)\b", re.IGNORECASE | re.DOTALL
)


@dataclass(frozen=True, slots=True)
class Article:
    """One article as read.

    Attributes
    ----------
    source : str
        Where it came from: a path, or ``-`` for standard input.
    text : str
        The text exactly as decoded (newlines too), but without a byte order
        mark, so that offsets are true. For HTML it is the extracted text, a
        blank line between paragraphs. Front matter stays; the splitter skips it.
    title : str or None
        The title that the source gives (front matter, HTML metadata); None if the splitter is to find it.
    """

    source: str
    text: str
    title: str | None = None


def read_articles(
    paths: str | Path | Iterable[str | Path], *, on_reject: Callable[[str, str], None] | None = None
) -> Iterator[Article]:
    """Read articles one after the other, each when it is asked for.

    Parameters
    ----------
    paths : str, Path or iterable of them
        Files; ``-`` for standard input; folders, which stand for all ``.txt``,
        ``.md`` and ``.html`` files in them and below, in the order of their
        paths, hidden ones left out. Links to folders in them are rejected:
        they may lead in a circle.
    on_reject : callable, optional
        Called with ``(source, reason)`` for each input that cannot be read; reading then goes on.

    Raises
    ------
    DataError
        At the first input that cannot be read, if ``on_reject`` is not given.
    """
    for path in [paths] if isinstance(paths, str | Path) else paths:
        for found in _expand(path):
            try:
                if isinstance(found, DataError):
                    raise found
                article = _read_article(found)
            except DataError as error:
                if on_reject is None:
                    raise
                on_reject(printable_name(path if isinstance(found, DataError) else found), str(error))
            else:
                yield article


def printable_name(path: str | Path) -> str:
    """Give the path as it can be printed, whatever bytes stand in it."""
    return os.fsencode(path).decode("utf-8", "replace")


def make_article(data: bytes, *, where: str, suffix: str = "") -> Article:
    """Make an article of the bytes of one file.

    Parameters
    ----------
    data : bytes
        The whole file.
    where : str
        Its name: the article's source, and for messages.
    suffix : str
        The end of its name, such as ``.html``, in lower case; without one that
        says what it is, a file that begins as HTML does is taken for HTML.

    Raises
    ------
    DataError
        If the bytes are no text, or the page holds no article.
    """
    if is_page(data, suffix=suffix):
        from newslean.html import read_page  # the libraries behind it are an extra

        page = read_page(data, where=where)
        return Article(where, page.text, page.title)
    text = decode(data, where=where)
    return Article(where, text, front_matter(text)[1])


def is_page(data: bytes, *, suffix: str) -> bool:
    """Say whether the bytes of a file are a web page, as `make_article` takes them."""
    return suffix in HTML_SUFFIXES or (suffix not in TEXT_SUFFIXES and _MARKUP.match(beginning(data)) is not None)


def unreadable(where: str, error: Exception) -> DataError:
    """Make the error of a file or folder that the system does not let one read."""
    reason = getattr(error, "strerror", None) or str(error)
    return DataError(
        f"{printable_name(where)}: expected a readable file or folder; found: {reason}. Check its name and rights."
    )


def linked_folder(path: str | Path) -> DataError:
    """Make the error of a link to a folder that stands in a folder: it may lead round in a circle."""
    return DataError(
        f"{printable_name(path)}: expected a folder; found a link to one, which is not followed. Name it itself."
    )


def _expand(path: str | Path) -> Iterator[str | Path | DataError]:
    """Yield the inputs that a path stands for, and an error in place of each that it hides."""
    if str(path) == "-" or not os.path.isdir(path) or not str(path):
        yield path
        return
    faults: list[OSError] = []
    found, linked = [], []
    for folder, folders, files in os.walk(path, onerror=faults.append):
        folders[:] = [name for name in folders if not name.startswith(".")]
        linked += [link for name in folders if os.path.islink(link := os.path.join(folder, name))]
        found += [Path(folder, name) for name in files if not name.startswith(".")]
    found = sorted(file for file in found if file.suffix.lower() in TEXT_SUFFIXES)
    yield from map(_regular, found)
    yield from map(linked_folder, sorted(linked))
    yield from (unreadable(fault.filename, fault) for fault in faults)
    if not found and not linked and not faults:
        endings = ", ".join(sorted(TEXT_SUFFIXES))
        yield DataError(
            f"{printable_name(path)}: expected files that end in {endings}; found none. Name the files themselves."
        )


def _regular(file: Path) -> Path | DataError:
    """Keep a pipe or a device from being read by chance: nothing may ever come from it."""
    if os.path.isfile(file) or not os.path.exists(file):  # what is missing is told when it is opened
        return file
    return DataError(f"{printable_name(file)}: expected a regular file; found a pipe or a device. Name it itself.")


def _read_article(path: str | Path) -> Article:
    where = printable_name(path)
    data = _read_bytes(path, where)
    return make_article(data, where=where, suffix="" if where == "-" else Path(path).suffix.lower())


def _read_bytes(path: str | Path, where: str) -> bytes:
    if where.startswith(("http://", "https://")):
        raise DataError(f"{where}: expected a file; found a web address. Save the page and name the file.")
    try:
        if where == "-":
            data = sys.stdin.buffer.read(MAX_BYTES + 1)
        else:
            if not where:
                raise FileNotFoundError(2, "an empty name")
            with open(path, "rb") as file:
                status = os.fstat(file.fileno())
                too_large = stat.S_ISREG(status.st_mode) and status.st_size > MAX_BYTES
                data = b"" if too_large else file.read(MAX_BYTES + 1)
            if too_large:
                raise _too_large(where, f"{status.st_size:,} bytes")
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name, or standard input closed
        raise unreadable(where, error) from None
    if len(data) > MAX_BYTES:
        raise _too_large(where, "more")
    return data


def _too_large(where: str, found: str) -> DataError:
    return DataError(
        f"{where}: expected at most {MAX_BYTES:,} bytes (MAX_BYTES); found {found}. Split it into articles."
    )
