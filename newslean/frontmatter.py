"""The front matter of Markdown files.

Knows a few lines of text; knows nothing of articles.
"""

import json
import re

# "---", lines of "key: value" (or their indented rest, list items, comments), "---".
_NAME = r"""["']?\w[\w ./\t-]*["']?:"""
_FRONT_MATTER = re.compile(
    r"\s*---[ \t]*\r?\n"
    rf"(?P<fields>{_NAME}.*\n(?:(?:{_NAME}|[ \t]+\S|-[ \t]|#).*\n|[ \t]*\r?\n){{0,200}}?)"
    r"(?:---|\.\.\.)[ \t]*\r?(?:\n|\Z)"
)
_KEY = re.compile(rf"^{_NAME}", re.MULTILINE)
_TITLE = re.compile(r"""^["']?title["']?[ \t]*:[ \t]*(\S.*)\n((?:[ \t]+\S.*\n|[ \t]*\r?\n)*)""", re.I | re.MULTILINE)
# Without one of these it is text between two rules, such as a boxed quotation, and must not be lost.
_USUAL = re.compile(
    r"(?:sub)?title|headline|authors?|byline|outlet|publisher|source|url|(?:perma)?link|canonicalurl|slug|aliases|"
    r"description|summary|excerpt|abstract|tags?|keywords|categor(?:y|ies)|lang(?:uage)?|image|thumbnail|cover|"
    r"date|(?:date)?published(?:at|on)?|(?:pub|publish|publication)date|(?:created|updated|modified)(?:at|on)?|lastmod|"
    r"draft|layout|weight|toc"
)
_BLOCK = re.compile(r"[>|][+\d-]{0,2}(?:\s+#.*)?")
_QUOTED = re.compile(r"""('(?:[^']|'')*'|"(?:[^"\\]|\\.)*")(?:\s+#.*)?""")


def front_matter(text: str) -> tuple[int, str | None]:
    r"""Find the front matter (``---`` lines around ``key: value`` lines) at the head of a Markdown file.

    Returns
    -------
    end : int
        Offset of the first character after it; 0 without any. One of its keys
        must be a usual one, such as ``title``, ``date`` or ``tags``.
    title : str or None
        Its ``title`` field.

    Examples
    --------
    >>> front_matter("---\ntitle: >-\n  The gap\n  narrows\n---\nSo it goes.")
    (38, 'The gap narrows')
    """
    found = _FRONT_MATTER.match(text)
    keys = _KEY.findall(found["fields"]) if found else []
    if not found or not any(_USUAL.fullmatch(re.sub(r"[\W_]", "", key).lower()) for key in keys):
        return 0, None
    title = _TITLE.search(found["fields"])
    return found.end(), _value(title[1].strip(), title[2]) if title else None


def _value(first: str, rest: str) -> str | None:
    """Read a YAML text, given its first line and the indented lines behind it."""
    block = _BLOCK.fullmatch(first)
    value = f"{'' if block else first} {rest}".strip()
    if not block and (quoted := _QUOTED.fullmatch(" ".join(value.split()))):
        value = quoted[1][1:-1].replace("''", "'") if value[0] == "'" else _unescaped(quoted[1])
    return " ".join(value.split()) or None


def _unescaped(quoted: str) -> str:
    try:
        return str(json.loads(quoted))  # nearly all of YAML's escapes are JSON's
    except ValueError:
        return re.sub(r"\\(.)", r"\1", quoted[1:-1])
