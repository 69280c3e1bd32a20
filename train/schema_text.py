"""The text of ``schema.toml`` edited in place, so that its comments survive.

Knows TOML lines; knows no label and writes no file. What it cannot edit in
place it writes anew, and says nothing that was not asked for: the edited text
is read back and compared.
"""

import json
import re
import tomllib
from collections.abc import Mapping, Sequence
from typing import Any

from newslean.schema import Schema, schema_from_dict

_BLOCK = re.compile(r"\s*\[\[\s*dimensions\s*\]\]")
_TABLE = re.compile(r"\s*\[\[?[^\[\]\"',]+\]\]?\s*(#.*)?$")
_KEYS = ("name", "kind", "labels", "neutral", "opposites")


def edit_schema(
    text: str, before: Schema, after: Schema, *, rows: Sequence[str | None], words: Mapping[str, Mapping[str, str]]
) -> str:
    """Give the text of a schema file after its label set changed.

    Parameters
    ----------
    text : str
        The file as it is.
    before, after : Schema
        What it holds, and what it shall hold.
    rows : sequence of str or None
        Per dimension of ``before``: its name in ``after``; None where it was dropped.
    words : mapping
        Dimension of ``before`` to labels that are called otherwise now.
    """
    lines = text.splitlines(keepends=True)
    starts = [n for n, line in enumerate(lines) if _BLOCK.match(line)]
    target = {row["name"]: row for row in after.to_dict()["dimensions"]}
    if len(starts) == len(before.dimensions):
        for start, row, name in reversed([*zip(starts, before.to_dict()["dimensions"], rows, strict=True)]):
            end = next((n for n in range(start + 1, len(lines)) if _TABLE.match(lines[n])), len(lines))
            lines[start:end] = _edit_block(
                lines[start:end], row, target.get(name or ""), words=words.get(row["name"], {})
            )
        edited = "".join(lines)
        if _holds(edited, after):
            return edited
    return _write_schema(text, after)


def _edit_block(
    lines: list[str], before: Mapping[str, Any], after: Mapping[str, Any] | None, *, words: Mapping[str, str]
) -> list[str]:
    """Edit the lines of one dimension; what stands behind its last key belongs to the next one."""
    spans = {key: span for key in _KEYS if (span := _span(lines, key))}
    if after is None:
        return lines[max((end for _, end in spans.values()), default=1) :]
    for key, (start, end) in sorted(spans.items(), key=lambda item: -item[1][0]):
        if before.get(key) != after.get(key):
            lines[start:end] = _edit_value(lines[start:end], key, after.get(key), words)
    return lines


def _span(lines: list[str], key: str) -> tuple[int, int] | None:
    """Find the lines of a key and its value, which may run over several."""
    for start, line in enumerate(lines):
        if re.match(rf"\s*{key}\s*=", line):
            for end in range(start + 1, len(lines) + 1):
                if _parse("".join(lines[start:end])) is not None:
                    return start, end
    return None


def _edit_value(lines: list[str], key: str, value: Any, words: Mapping[str, str]) -> list[str]:
    """Write a value anew; a list over several lines keeps them, with their comments, where words alone change."""
    if value is None:
        return []
    for old, new in words.items():
        pattern = re.compile(rf"(?<!\\)(?:\"{re.escape(old)}\"|'{re.escape(old)}')")
        template = _toml(new).replace("\\", r"\\")
        lines = [pattern.sub(template, line) for line in lines]
    if _parse("".join(lines)) == {key: value}:
        return lines
    comment = re.search(r"\s*#[^\"'\]]*$", lines[-1].rstrip("\r\n"))
    end = "\r\n" if lines[-1].endswith("\r\n") else "\n"
    indent = re.match(r"\s*", lines[0])
    return [f"{indent[0] if indent else ''}{key} = {_toml(value)}{comment[0] if comment else ''}{end}"]


def _write_schema(text: str, schema: Schema) -> str:
    """Write a schema anew; of the old text only the comment at its head is kept."""
    head = re.match(r"(?:[ \t]*#[^\n]*\n)*", text)
    data = schema.to_dict()
    parts = [head[0] if head else ""]
    parts += [f"\nunit = {_toml(data['unit'])}\n"] if "unit" in data else []
    for row in data["dimensions"]:
        parts += ["\n[[dimensions]]\n", *(f"{key} = {_toml(value)}\n" for key, value in row.items())]
    if "sides" in data:
        parts += ["\n[sides]\n", *(f"{_toml(side)} = {_toml(words)}\n" for side, words in data["sides"].items())]
    return "".join(parts)


def _toml(value: Any) -> str:
    """Write text and lists as TOML, whose strings hold what JSON's do, and escape DEL too."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007F")


def _parse(text: str) -> dict[str, Any] | None:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return None


def _holds(text: str, schema: Schema) -> bool:
    data = _parse(text)
    return data is not None and schema_from_dict(data, where="schema").to_dict() == schema.to_dict()
