"""Which of an article's first lines is its title.

Knows lines, their order and what belongs to a page; does not know what a title means.
"""

import re
from collections.abc import Sequence

from newslean.furniture import is_page_line

_HEAD = 15  # sentences among which it is sought
_LETTER = re.compile(r"[^\W\d_]")
_WORD = re.compile(r"[^\W\d_][\w'’.-]*")


def find_title(text: str, spans: Sequence[tuple[int, int]]) -> int | None:
    """Index of the title among the sentences that stand before the first paragraph, or None.

    A line that is printed twice there (page title and headline) is the title; otherwise the first of at least four
    words, otherwise the first line. What belongs to the page (menus, by-lines, dates) is passed over.

    Parameters
    ----------
    spans : sequence of (int, int)
        Of all sentences, in order.
    """
    if len(spans) < 2:  # a lone sentence is nothing's title
        return None
    head, first = [], None
    for n, (start, end) in enumerate(spans[:_HEAD]):
        if is_page_line(text[start:end]):
            continue
        words = len(_WORD.findall(text[start:end]))
        alone = _stands_alone(text, start, end)
        if first is None:
            first = n
        # A title has no full stop, but for the odd short one that opens the page.
        if not alone or (text[start:end].endswith(".") and (words > 8 or n > first)):
            break
        if 4 <= words <= 30:
            head.append(n)
    if not head:  # a short headline, where more than one line stands before the text
        short = first is not None and _stands_alone(text, *spans[first])
        return first if short and not text[slice(*spans[first or 0])].endswith(".") else None
    lines = {n: text[slice(*spans[n])].strip("“”\"'") for n in head}
    for n in head:
        if any(m > n and lines[m].startswith(lines[n]) for m in head):
            return n
    return head[0]


def _stands_alone(text: str, start: int, end: int) -> bool:
    line_start = max(text.rfind("\n", 0, start), text.rfind("\r", 0, start)) + 1
    newline = text.find("\n", end)
    return not _LETTER.search(text[line_start:start] + text[end : newline if newline >= 0 else len(text)])
