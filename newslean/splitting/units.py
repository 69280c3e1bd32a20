"""An article to what a label set asks about: its sentences, its paragraphs, or itself.

Knows blank lines, and leaves sentences to `newslean.splitting.sentences`.
"""

import re
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from importlib.metadata import version
from itertools import accumulate

from newslean.frontmatter import front_matter
from newslean.furniture import is_furniture
from newslean.splitting.sentences import SPLITTER_REVISION, Sentence, split_sentences

# All white space of Unicode, and what is as blank on a page.
_BLANK = "".join(chr(code) for code in range(0x3001) if chr(code).isspace()) + "\ufeff\u200b\0"
_BETWEEN = "\n\n"
_LETTER = re.compile(r"[^\W\d_]")


def splitter_version(unit: str = "sentence") -> str:
    """Name the splitter into a unit: a model is only as good as the splitting it was trained with."""
    way = f"sentencex-{version('sentencex')}" if unit == "sentence" else unit
    return f"newslean-{SPLITTER_REVISION}+{way}"


def split_units(text: str, unit: str) -> list[Sentence]:
    r"""Split the text of an article into the units of a label set.

    Parameters
    ----------
    text : str
        The text as read. Nothing in it is changed; Markdown's front matter belongs to no unit.
    unit : str
        One of `newslean.schema.UNITS`. ``sentence``: as `split_sentences`. ``paragraph``: what stands between blank
        lines, without the white space around it; it is the title if it holds nothing but the title, and furniture if
        all its sentences are; one without any letter is left out. ``text``: all at once, without the white space
        around it; it is neither title nor furniture.

    Returns
    -------
    list of Sentence
        In the order of the text; ``text[s.start:s.end] == s.text`` for each.

    Examples
    --------
    >>> [s.text for s in split_units("Chips are few.\nThey are dear.\n \nNobody sells.\n", "paragraph")]
    ['Chips are few.\nThey are dear.', 'Nobody sells.']
    >>> [s.text for s in split_units(" Chips are few. They are dear.\n", "text")]
    ['Chips are few. They are dear.']
    """
    if unit == "sentence":
        return split_sentences(text)
    begin, _ = front_matter(text)
    if unit == "paragraph":
        return _marked(text, [*_paragraphs(text, begin)])
    start, end = _trimmed(text, begin, len(text))
    return [Sentence(text[start:end], start, end)] if start < end else []


def given_units(texts: Sequence[str], unit: str, *, title: str | None) -> list[Sentence]:
    """Take texts for the consecutive units of one article; each has its own offsets, from 0 on."""
    titled = next((n for n, text in enumerate(texts) if text == title), None) if unit != "text" else None
    if unit == "sentence":
        flags = is_furniture(texts, title=titled)
    elif unit == "paragraph":
        starts = accumulate((len(text) + len(_BETWEEN) for text in texts), initial=0)
        spans = [(start, start + len(text)) for start, text in zip(starts, texts, strict=False)]
        flags = [s.furniture and n != titled for n, s in enumerate(_marked(_BETWEEN.join(texts), spans))]
    else:
        flags = [False] * len(texts)
    return [
        Sentence(text, 0, len(text), title=n == titled, furniture=flag)
        for n, (text, flag) in enumerate(zip(texts, flags, strict=True))
    ]


def _paragraphs(text: str, begin: int) -> Iterator[tuple[int, int]]:
    """Yield the span of each paragraph that has a letter, from an offset on."""
    start = end = -1
    at = begin
    for line in [*text[begin:].splitlines(keepends=True), "\n"]:
        left, right = _trimmed(line, 0, len(line))
        if left < right:
            start, end = start if start >= 0 else at + left, at + right
        elif start >= 0:
            if _LETTER.search(text, start, end):
                yield start, end
            start = -1
        at += len(line)


def _trimmed(text: str, start: int, end: int) -> tuple[int, int]:
    """Take the white space off both ends of a span; one of nothing else becomes empty."""
    piece = text[start:end]
    left = start + len(piece) - len(piece.lstrip(_BLANK))
    return left, max(left, start + len(piece.rstrip(_BLANK)))


def _marked(text: str, spans: Sequence[tuple[int, int]]) -> list[Sentence]:
    """Make paragraphs of their spans: what is title and what is furniture, the sentences in them tell."""
    sentences = split_sentences(text)
    starts = [s.start for s in sentences]
    units = []
    for start, end in spans:
        inside = sentences[bisect_left(starts, start) : bisect_left(starts, end)]
        title = len(inside) == 1 and inside[0].title
        furniture = bool(inside) and all(s.furniture for s in inside)
        units.append(Sentence(text[start:end], start, end, title=title, furniture=furniture))
    return units
