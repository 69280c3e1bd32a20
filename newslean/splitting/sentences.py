"""Text to sentences, with exact offsets.

Knows the layout of news pages (titles, list items, headings, hard-wrapped
lines); does not know what a sentence means. sentencex finds the boundaries
inside a paragraph; this module finds the paragraphs and mends what news needs.
"""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice, pairwise
from operator import itemgetter

from sentencex import get_sentence_boundaries

from newslean.frontmatter import front_matter
from newslean.furniture import is_furniture, unseen_parts
from newslean.splitting.titles import find_title

SPLITTER_REVISION = 2
"""Raise this whenever a change here moves a boundary: it is part of every manifest."""

MAX_HEADING = 250
"""Longest heading (characters)."""

MAX_WINDOW = 4_000
"""Longest stretch (characters) given to sentencex at once: it is quadratic on some hostile input."""

# A list marker or number at the start of a line: "•", "-", "1.", "2)", "(iii)", "a)".
# A letter or a roman numeral needs the bracket: "I. Newton" is a name.
_MARKER = re.compile(
    r"[ \t]*(?:[•‣◦▪·●○■□►–—*+-]+(?=\s)|\(?\d{1,3}[.)](?=\s)|\(?(?:[a-z]|[ivx]{1,5})\)(?=\s)|#{1,6}(?=\s)|>+(?=\s))"
)
_LETTER = re.compile(r"[^\W\d_]")
_WORD = re.compile(r"[^\W\d_][\w'’.-]*")
_END = re.compile(r"""[.!?…。！？][\])"'”’»*_]*$""")
# Bold text glued to the end of the paragraph before it: '... companies.**A new heading**'.
_GLUED_BOLD = re.compile(r"(?<=[.!?”\"])(?=\*\*[\w“\"'‘])")
_LINE = re.compile(r"[^\n\r\x0b\x0c\x1c-\x1e\x85\u2028\u2029]+")
# A number that opens a list item inside a line, a label "Q." or "A.", and a time of day before its day or zone.
_NUMBER = re.compile(r"\s*\(?\d{1,3}[.)]\s*")
_LABEL = re.compile(r"\W*[QA]\d{0,2}\.\s*")
_TIME = re.compile(r"\b[ap]\.m\.\s*\Z")
_DAY = re.compile(r"(?:(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day|[ECMP][SD]?T|GMT|UTC|Eastern|Pacific|local)\b")
_INITIALS = re.compile(r"\b\w\.\w\.\Z")
# What stands before a number: "Vol. 2".
_NUMBERED = re.compile(r"\b(?:Vol|Eq|Ch|[Aa]pprox|pp)\.\s*\Z")
# The number of a note, glued to the sentence before it: '... in tests.1 American companies ...'.
_NOTE = re.compile(r"(?<=[a-z]{3}[.!?])(?<!vol\.)(?<!fig\.)[\"”’]?\d{1,3}(?:[,–-]\d{1,3})*(?=\s+[A-Z“\"‘(])")
_SURROGATE = re.compile(r"[\ud800-\udfff]")
_WRAP_SAMPLE = 2_000  # lines that tell whether a text is hard-wrapped
_EDGES = " \t\xa0\u3000\ufeff\u200b*_\x00"


@dataclass(frozen=True, slots=True)
class Sentence:
    """One sentence as published, or whatever else is the unit of a label set: a paragraph, a whole text.

    Attributes
    ----------
    text : str
        Exactly ``article_text[start:end]``.
    start, end : int
        Code-point offsets into the article's text.
    title : bool
        Whether this is the article's title.
    furniture : bool
        Whether it belongs to the page (menu, share button, author note), not to the article.
    """

    text: str
    start: int
    end: int
    title: bool = False
    furniture: bool = False


def split_sentences(text: str) -> list[Sentence]:
    r"""Split the text of an article into sentences.

    Every letter of the text lies in exactly one sentence, but for list
    markers, Markdown's front matter, heading and bold marks and lines without
    any letter.

    Parameters
    ----------
    text : str
        The text as read. Nothing in it is changed.

    Returns
    -------
    list of Sentence
        In the order of the text; ``text[s.start:s.end] == s.text`` for each.

    Examples
    --------
    >>> [s.text for s in split_sentences("China Gains on U.S. As Rivals Emerge\n\n1. Chips. Few are made.")]
    ['China Gains on U.S. As Rivals Emerge', 'Chips.', 'Few are made.']
    """
    unseen = unseen_parts(text)
    spans = [span for block in _blocks(text, unseen) for span in _sentence_spans(text, *block)]
    title = find_title(text, spans)
    flags = is_furniture([text[start:end] for start, end in spans], title=title)
    for begin, end in unseen:
        first, last = (bisect_left(spans, place, key=itemgetter(0)) for place in (begin, end))
        flags[first:last] = [True] * (last - first)
    return [
        Sentence(text[start:end], start, end, title=n == title, furniture=flag)
        for n, ((start, end), flag) in enumerate(zip(spans, flags, strict=True))
    ]


def title_of(sentences: list[Sentence]) -> str | None:
    """Give the title among an article's sentences; None without one."""
    return next((s.text for s in sentences if s.title), None)


def _blocks(text: str, unseen: Sequence[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Yield the span of each paragraph, heading or list item, and of each part that no reader sees."""
    edges = sorted(edge for part in unseen for edge in part)
    begin, _ = front_matter(text)
    wrapped = _is_hard_wrapped(text, [m.span() for m in islice(_LINE.finditer(text, begin), _WRAP_SAMPLE)])
    start = end = -1
    for line_start, line_end in (m.span() for m in _LINE.finditer(text, begin)):
        line = text[line_start:line_end]
        if not line.strip(_EDGES):
            continue
        marker = _MARKER.match(line)
        joined = wrapped and start >= 0 and not marker and text.count("\n", end, line_start) <= 1
        # Only the tail is looked at: a paragraph may grow to the length of the text.
        if joined and (
            not _END.search(text[max(start, end - 50) : end].rstrip()) or (line_start - end <= 2 and end - start > 50)
        ):
            end = line_end
            continue
        if start >= 0:
            yield from _split_glued(text, start, end, edges)
        start, end = line_start + (marker.end() if marker else 0), line_end
    if start >= 0:
        yield from _split_glued(text, start, end, edges)


def _split_glued(text: str, start: int, end: int, edges: Sequence[int]) -> Iterator[tuple[int, int]]:
    within = edges[bisect_right(edges, start) : bisect_left(edges, end)]
    yield from pairwise(sorted([start, *(m.start() for m in _GLUED_BOLD.finditer(text, start, end)), *within, end]))


def _is_hard_wrapped(text: str, lines: list[tuple[int, int]]) -> bool:
    """Whether the text is broken at a fixed column: hardly a long line, most inner lines of a paragraph near-full."""
    long = sum(end - start > 100 and " " in text[start:end].strip() for start, end in lines)  # an address has no spaces
    if len(lines) < 4 or long > 0.05 * len(lines):
        return False
    inner = [
        (start, end)
        for (start, end), (following, _) in pairwise(lines)
        if text.count("\n", end, following) == 1 and not _MARKER.match(text, following)
    ]
    full = sum(end - start >= 50 and not _END.search(text[start:end]) for start, end in inner)
    return len(inner) >= 3 and full >= 0.6 * len(inner)


def _sentence_spans(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Yield the trimmed spans of the sentences of one block."""
    if not _LETTER.search(text, start, end):
        return
    pieces = [(start, end)] if _is_heading(text, start, end) else _cut_at_notes(text, _boundaries(text, start, end))
    merged: list[tuple[int, int]] = []
    has_letter = False  # whether the last of the merged pieces has one
    for left, right in pieces:
        letter = bool(_LETTER.search(text, left, right))
        number = _NUMBER.fullmatch(text, left, right)  # belongs to what follows
        if merged and not number and (not has_letter or not letter or _is_open(text, *merged[-1], left)):
            merged[-1] = (merged[-1][0], right)  # a number or a mark is no sentence of its own
            has_letter |= letter
        else:
            merged.append((left, right))
            has_letter = letter
    for left, right in merged:
        piece = text[left:right]
        left += len(piece) - len(piece.lstrip(_EDGES))
        right -= len(piece) - len(piece.rstrip(_EDGES))
        if right > left and _LETTER.search(text, left, right):
            yield left, right


def _cut_at_notes(text: str, pieces: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    found = list(pieces)
    notes = [m.span() for m in _NOTE.finditer(text, found[0][0], found[-1][1])] if found else []
    if not notes:
        return found
    starts = {start for start, _ in found} - {place for start, end in notes for place in range(start, end)}
    return list(pairwise(sorted({*starts, *(end for _, end in notes), found[-1][1]})))


def _is_open(text: str, start: int, end: int, following: int) -> bool:
    """Whether a piece ends in a label, a time of day or an abbreviation that belongs to the next piece."""
    if end - start < 8 and _LABEL.fullmatch(text, start, end):
        return True
    if text[following].isdigit():
        return bool(_NUMBERED.search(text, max(start, end - 10), end))
    return bool(_TIME.search(text, max(start, end - 8), end) and _DAY.match(text, following))


def _is_heading(text: str, start: int, end: int) -> bool:
    """Whether a line is set in title case: then "With U.S. As Chinese ..." and "Is it? It Is" are one unit."""
    if end - start > MAX_HEADING:
        return False
    block = text[start:end].rstrip(_EDGES)
    if block.endswith(".") and not _INITIALS.search(block):
        return False
    words = [word for word in _WORD.findall(block) if len(word) > 3]
    return len(words) > 1 and sum(word[0].isupper() for word in words) >= 0.75 * len(words)


def _boundaries(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Cut a block with sentencex, window by window; a sentence open at a window's end moves to the next."""
    while start < end:
        stop = min(start + MAX_WINDOW, end)
        if stop < end:
            space = text.rfind(" ", start + MAX_WINDOW // 2, stop)
            stop = space + 1 if space > 0 else stop
        window = text[start:stop]
        if not window.isascii():  # half a surrogate pair (from JSON, say) is no Unicode
            window = _SURROGATE.sub("\ufffd", window)
        found = [(start + b["start_index"], start + b["end_index"]) for b in get_sentence_boundaries("en", window)]
        if stop < end and len(found) > 1:
            found.pop()
        yield from found
        start = found[-1][1] if found else stop
