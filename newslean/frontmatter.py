"""The front matter of Markdown files.

Knows a few lines of text; knows nothing of articles.
"""

import re

# "---", lines of "key: value" (or their indented rest, list items, comments), "---".
_FRONT_MATTER = re.compile(
    r"\s*---[ \t]*\r?\n"
    r"(?P<fields>[\w-]+[ \t]*:.*\n(?:(?:[\w-]+[ \t]*:|[ \t]+\S|-[ \t]|#).*\n|[ \t]*\r?\n){0,200}?)"
    r"(?:---|\.\.\.)[ \t]*\r?(?:\n|\Z)"
)
_TITLE = re.compile(r"^title[ \t]*:[ \t]*(.*\S)", re.IGNORECASE | re.MULTILINE)


def front_matter(text: str) -> tuple[int, str | None]:
    """Find the front matter (``---`` lines around ``key: value`` lines) at the head of a Markdown file.

    Returns
    -------
    end : int
        Offset of the first character after it; 0 without any.
    title : str or None
        Its ``title`` field.
    """
    found = _FRONT_MATTER.match(text)
    if not found:
        return 0, None
    title = _TITLE.search(found["fields"])
    return found.end(), (title[1].strip("\"'") or None) if title else None
