"""What belongs to the page and not to the article: menus, by-lines, share buttons, notes, links.

Knows lines and their order, and the patterns in ``furniture.toml``. Knows no
label. Precision comes first: what is flagged here gets no label at all.
"""

import re
import tomllib
from collections.abc import Sequence
from functools import cache
from importlib.resources import files

MAX_LENGTH = 400
"""Longest sentence (characters) that is looked at, but for menus."""

_HEAD = 12
_FOOT = 8
_MAX_LABEL_WORDS = 5
_MAX_SECTION_WORDS = 2
_MAX_BIOGRAPHY = 6
_MAX_MENU = 4_000
_LEAST_ITEMS = 3
_EDGES = " \t\xa0.,:;!|*_–—-»›>«<#•·…()[]"
_NAME = re.compile(r"[^\W\d_][\w.'’-]*(?: [^\W\d_][\w.'’-]*){1,3}")
_PARTICLES = frozenset(["al", "bin", "da", "de", "der", "di", "dos", "el", "la", "le", "ten", "van", "von"])
_CRUMB = re.compile(r"[/>›»|]")
_PART = re.compile(r"\s+[·•|–—-]\s+")
_FENCE = re.compile(r"^[ \t]*(```|~~~)[^`\n]*$", re.MULTILINE)
_STOP = re.compile(r"""[.!?。！？]["'”’)\]]*$""")


def is_furniture(lines: Sequence[str], *, title: int | None = None) -> list[bool]:
    """Tell the page's own lines from those of the article.

    Parameters
    ----------
    lines : sequence of str
        All sentences of one article, in order.
    title : int, optional
        Index of the title; it is never furniture, nor is a repetition of it.

    Returns
    -------
    list of bool
        One for each line. A heading of the article is not furniture.

    Examples
    --------
    >>> is_furniture(["Tech", "Rivals close in on chip maker", "By", "Sales fell.", "Share this article"], title=1)
    [True, False, True, False, True]
    """
    keys = [_key(line) for line in lines]
    flags = [_matches(line, key) for line, key in zip(lines, keys, strict=True)]
    _flag_authors(lines, keys, flags)
    _flag_contents(keys, flags)
    _flag_disclaimers(keys, flags)
    _flag_links(lines, keys, flags)
    for n in range(title or 0):  # a section's name or a breadcrumb, but no short headline over a longer line
        most = _MAX_LABEL_WORDS if _CRUMB.search(lines[n]) else _MAX_SECTION_WORDS
        flags[n] |= len(keys[n].split()) <= most and not _STOP.search(lines[n])
    if title is not None:
        flags = [flag and key != keys[title] for flag, key in zip(flags, keys, strict=True)]
    return flags


def is_page_line(line: str) -> bool:
    """Tell whether a line by itself, whatever stands around it, is the page's own: a menu, a date, a by-line."""
    return _matches(line, _key(line))


def unseen_parts(text: str) -> list[tuple[int, int]]:
    """Give the spans of what a text in Markdown holds and no reader sees as prose: comments and code.

    A comment or a block of code that is never closed is none.
    """
    found, start = [], text.find("<!--")
    while start >= 0 and (end := text.find("-->", start)) >= 0:
        found.append((start, end + 3))
        start = text.find("<!--", end)
    fence = None
    for m in _FENCE.finditer(text):
        if fence is None:
            fence = m
        elif m[0].strip() == fence[1]:  # a fence that closes names no language
            found.append((fence.start(), m.end()))
            fence = None
    return found


@cache
def _patterns() -> dict[str, re.Pattern[str]]:
    data = tomllib.loads(files("newslean").joinpath("furniture.toml").read_text(encoding="utf-8"))
    return {
        name: re.compile("|".join(f"(?:{entry})" for entry in entries), re.IGNORECASE) for name, entries in data.items()
    }


def _key(line: str) -> str:
    """Bring a line into the form that is compared: no marks at its ends, small letters."""
    return " ".join(line[:MAX_LENGTH].strip(_EDGES).lower().replace("'", "’").split())


def _is(kind: str, key: str) -> bool:
    return bool(_patterns()[kind].fullmatch(key))


def _matches(line: str, key: str) -> bool:
    if len(line) > _MAX_MENU or not key:
        return False
    if not _STOP.search(line) and _is_menu(line):
        return True
    if len(line) > MAX_LENGTH:
        return False
    if _is("lines", key) or _patterns()["opens"].match(line.strip("*_ \t").replace("'", "’")):
        return True
    # "By A. Poe · 3 March 2025 · 5 min read"
    parts = [part for part in _PART.split(line) if part.strip(_EDGES)] if _PART.search(line) else [line]
    return all(_is_by_line(part) or (len(parts) > 1 and _is("lines", _key(part))) for part in parts)


def _is_by_line(line: str) -> bool:
    """Whether a line is "By" and names, the last perhaps with what its bearer does."""
    by, _, rest = line.strip(_EDGES).partition(" ")
    if by.lower() not in ("by", "von", "par", "por"):
        return False
    names, _, role = rest.partition(", ")
    if role and not _is("roles", _key(role)):
        return False
    return all(2 <= len(name.split()) <= 4 and _is_proper(name) for name in re.split(r" (?:and|und|et|y|&) ", names))


def _is_proper(name: str) -> bool:
    return all(word[0].isupper() or word in _PARTICLES for word in name.split())


def _is_menu(line: str) -> bool:
    """Whether a line holds little but names of icons, buttons and networks."""
    words = line.split()
    known = sum(_is("interface", word) for word in words)
    if len(words) >= 20 and not any(word[0].isupper() for word in words):  # icon names, never set in capitals
        return known >= 0.3 * len(words)
    return known >= max(1, 0.8 * len(words))


def _flag_authors(lines: Sequence[str], keys: list[str], flags: list[bool]) -> None:
    """Flag names, what their bearers do, and what stands between that and a link to a network."""
    for n, key in enumerate(keys):
        near = n < _HEAD or n >= len(keys) - _FOOT
        if near and len(lines[n]) <= MAX_LENGTH and _patterns()["author"].match(lines[n]):
            flags[n] = True
        if n and keys[n - 1] in ("by", "von", "par", "por") and _is_name(lines[n]):
            flags[n] = True
        if not near or not _is("roles", key):
            continue
        flags[n] = True
        name = n - 1
        if name >= 0 and _is_name(lines[name]):
            flags[name] = True
            if name and keys[name - 1].replace("-", " ") == keys[name]:  # the file name of a portrait
                flags[name - 1] = True
        for end in range(n + 1, min(n + _MAX_BIOGRAPHY, len(keys))):
            if _is_menu(lines[end]):
                flags[n:end] = [True] * (end - n)
                break


def _is_name(line: str) -> bool:
    return (
        len(line) < 60
        and bool(_NAME.fullmatch(line.strip()))
        and all(word[0].isupper() for word in line.split() if len(word) > 3)
    )


def _flag_contents(keys: list[str], flags: list[bool]) -> None:
    """Flag a table of contents: lines after its heading that come again further down."""
    last = {key: n for n, key in enumerate(keys)}
    for n, key in enumerate(keys):
        if flags[n] or not _is("contents", key):
            continue
        end = n + 1
        while end < len(keys) and last[keys[end]] > end and keys[end] not in keys[max(n + 1, end - 100) : end]:
            end += 1
        if end > n + 2:
            flags[n:end] = [True] * (end - n)


def _flag_disclaimers(keys: list[str], flags: list[bool]) -> None:
    for n, key in enumerate(keys):
        if n and flags[n - 1] and not flags[n] and _is_disclaimer(keys, n - 1):
            flags[n] = bool(_patterns()["disclaimer"].match(key))


def _is_disclaimer(keys: list[str], n: int) -> bool:
    """Whether a flagged line opens a disclaimer or goes on with one."""
    return keys[n].startswith("disclaimer") or bool(n and _patterns()["disclaimer"].match(keys[n]))


def _flag_links(lines: Sequence[str], keys: list[str], flags: list[bool]) -> None:
    """Flag "Related articles" and the like, and the headlines after it if nothing else follows them."""
    foot = len(keys)  # from here on, there are only furniture and lines without a full stop
    while foot and (flags[foot - 1] or not _STOP.search(lines[foot - 1])):
        foot -= 1
    for n, key in enumerate(keys):
        if not _is("related", key):
            continue
        # Where other lines without a full stop stand before it, it is one more section of a digest.
        if n >= foot and flags[foot:n].count(False) < _LEAST_ITEMS:
            flags[n:] = [True] * (len(flags) - n)
            return
        flags[n] = not key.startswith("more ") or len(key.split()) < 4
