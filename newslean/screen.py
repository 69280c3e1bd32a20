"""Text from outside, made fit for a screen: harmless, and as wide as it says.

Knows characters and columns; knows nothing of news. A page must not be able to
steer the reader's terminal, nor a file name.
"""

import unicodedata

_JOINERS = "\u200c\u200d"  # Persian, Indic scripts and emoji need them


def visible(text: str) -> str:
    r"""Make text harmless on a terminal: escape sequences shown, not obeyed; text never runs backwards.

    Line breaks and tabs become spaces, invisible format characters (among them
    the overrides of direction) are dropped, other controls are shown as escapes.

    Examples
    --------
    >>> visible("red \x1b[31m and \u202egnp.exe")
    'red \\x1b[31m and gnp.exe'
    """
    return text if text.isprintable() else "".join(map(_visible_character, text))


def wrap(text: str, width: int) -> list[str]:
    """Break text from outside into harmless lines of at most ``width`` columns; wide characters count two."""
    lines, used = [""], 0
    for word in visible(text).split():
        size = columns_of(word)
        if used and used + 1 + size <= width:
            lines[-1] += f" {word}"
            used += 1 + size
            continue
        if used:
            lines.append("")
        used = 0
        for character in word:
            step = columns_of(character)
            if used and used + step > width:
                lines.append("")
                used = 0
            lines[-1] += character
            used += step
    return lines


def columns_of(text: str) -> int:
    """Columns that text takes on a screen: two for a wide (CJK) character, none for a combining one."""
    if text.isascii():
        return len(text)
    return sum(
        0 if c in _JOINERS or unicodedata.category(c) in ("Mn", "Me") else 1 + (unicodedata.east_asian_width(c) in "WF")
        for c in text
    )


def cell(text: str, width: int, *, right: bool = False) -> str:
    """Pad or cut text from outside to exactly ``width`` (at least 2) columns."""
    text = visible(text)
    if columns_of(text) > width:
        text = text[:width]
        while columns_of(text) > width - 1:
            text = text[:-1]
        text += "…"
    room = " " * (width - columns_of(text))
    return room + text if right else text + room


def _visible_character(character: str) -> str:
    if character.isprintable() or character in _JOINERS:
        return character
    if character.isspace():
        return " "
    return "" if unicodedata.category(character) == "Cf" else character.encode("unicode_escape").decode("ascii")
