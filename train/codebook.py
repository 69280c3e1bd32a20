"""Whether a codebook for people and the schema for programs speak of the same labels.

Knows the schema and the text of ``CODEBOOK.md``; knows no row.
"""

import re
from pathlib import Path
from typing import Any

from newslean.schema import Schema
from train.rows import FIELDS, KINDS

CODEBOOK = "CODEBOOK.md"

_QUOTED = re.compile(r"`([^`\n]+)`")
_WORD = re.compile(r"[^\W\d_][\w-]+")
# What a codebook may well name in backticks without meaning a label.
_OTHERS = {*FIELDS, *KINDS, "adjudicated", "multi", "single", "neutral", "picked", "random", "window", "train", "dev"}


def codebook_drift(schema: Schema, path: str | Path) -> dict[str, Any] | None:
    """Compare a schema with its codebook.

    A label is mentioned where it stands in backticks; in a codebook that sets no label in backticks, where it stands
    as a word. A term in backticks is taken for a label that the schema lacks if it is a single word of letters,
    digits, ``_`` and ``-`` and names no dimension, no label and nothing of a label file (``text``, ``source``).

    Returns
    -------
    dict or None
        ``{"file", "unmentioned": {dimension: [labels]}, "unknown": [{"term", "line"}]}``; None without a codebook.
    """
    path = Path(path)
    if not path.is_file():
        return None
    text = path.read_text(encoding="utf-8", errors="replace")
    quoted = {term.strip() for term in _QUOTED.findall(text)}
    labels = {label for d in schema.dimensions for label in d.labels}
    plain = "" if labels & quoted else text.casefold()

    def mentioned(label: str) -> bool:
        return label in quoted or bool(re.search(rf"(?<!\w){re.escape(label.casefold())}(?!\w)", plain))

    unmentioned = {d.name: [label for label in d.labels if not mentioned(label)] for d in schema.dimensions}
    known, unknown = labels | {*schema.names} | _OTHERS, dict[str, int]()
    for number, line in enumerate(text.splitlines(), 1):
        for term in map(str.strip, _QUOTED.findall(line)):
            if _WORD.fullmatch(term) and term not in known:
                unknown.setdefault(term, number)
    return {
        "file": str(path),
        "unmentioned": {name: found for name, found in unmentioned.items() if found},
        "unknown": [{"term": term, "line": line} for term, line in unknown.items()],
    }
