r"""WebAnno TSV 3, as INCEpTION exchanges it.

UTF-8 with UTF-16 offsets; a token a line, a blank line between sentences; the sentence's text above its tokens, a
``#Text=`` line for each of its own lines. Follows the format's description in INCEpTION's user guide and, where
that is vague (escapes), its source.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from newslean.errors import DataError
from newslean.schema import Schema
from train.exchange.inception import Span, layers, raw_from, spans_of
from train.exchange.raw import Raw
from train.exchange.sources import read_text, utf16_units
from train.exchange.spelling import Naming
from train.exchange.task import Task
from train.rows import Faults, shown

FORMAT = "#FORMAT=WebAnno TSV 3"
_VALUE = {
    "\\": "\\\\",
    "[": "\\[",
    "]": "\\]",
    "|": "\\|",
    "_": "\\_",
    ";": "\\;",
    "\t": "\\t",
    "\n": "\\n",
    "*": "\\*",
}
_TEXT = {"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\f": "\\f", "\r": "\\r", "\b": "\\b"}
_LETTERS = {"t": "\t", "n": "\n", "f": "\f", "r": "\r", "b": "\b"}
_TOKEN = re.compile(r"\S+")
_STACKED = re.compile(r"((?:[^\\|]|\\.)*)(?:\||$)", re.DOTALL)
_NUMBERED = re.compile(r"(.*?)\[(\d+)\]", re.DOTALL)


@dataclass(slots=True)
class _Sentence:
    line: int
    texts: list[str] = field(default_factory=list)
    # (layer, number of the annotation) to features; number -1 - n for the nth on a token that has none.
    spans: dict[tuple[str, int], dict[str, str]] = field(default_factory=dict)


def read(path: Path, naming: Naming, faults: Faults) -> list[Raw]:
    """Read a document: its sentences, with the annotations on their tokens."""
    text = read_text(path, faults)
    if text is None:
        return []
    lines = [line.removesuffix("\r") for line in text.split("\n")]
    if not lines[0].startswith(FORMAT):
        faults.add(f"{path}:1", f"expected {FORMAT}; found {shown(lines[0])}")
        return []
    columns = list[tuple[str, str]]()
    for number, parts in _layers(lines):
        if not parts:
            faults.add(f"{path}:{number}", f"expected the name of a layer; found {shown(lines[number - 1])}")
            return []
        columns += [(parts[0], name) for name in parts[1:] or [""]]
    raws = []
    for sentence in _sentences(lines, columns, path, faults):
        spans = [(layer, found) for (layer, _), found in sentence.spans.items()]
        raws.append(raw_from(f"{path}:{sentence.line}", "\n".join(sentence.texts), spans, naming))
    return raws


def write(tasks: list[Task], schema: Schema) -> bytes:
    """Write one document of all tasks, a sentence each."""
    lines = [f"{FORMAT}.3", *(f"#T_SP={layer}|{'|'.join(names)}" for layer, names in layers(schema).items()), "", ""]
    begin, number = 0, 0
    for n, task in enumerate(tasks, 1):
        lines += [f"#Text={_escape(line, _TEXT)}" for line in task.text.split("\n")]
        tokens, spans = _tokens(task.text), spans_of(task, schema)
        # What is carried beside stands on the first token only: a span's values are written on each of its tokens.
        cells = ["\t".join(_cells(some, schema, number)) for some in (spans, [None, *spans[1:]])]
        number += len(spans)
        place = 0
        for k, (start, end) in enumerate(tokens, 1):
            token = task.text[start:end]
            begin += utf16_units(task.text[place:start])
            lines.append(f"{n}-{k}\t{begin}-{begin + utf16_units(token)}\t{_escape(token, _TEXT)}\t{cells[k > 1]}\t")
            begin += utf16_units(token)
            place = end
        begin += utf16_units(task.text[place:]) + 1
        lines.append("")
    return "\n".join(lines).encode()


def setup(schema: Schema) -> bytes:
    """Write the type system (XML), to be imported as layers before the documents."""
    from train.exchange import cas

    return cas.setup(schema)


def _layers(lines: list[str]) -> Iterator[tuple[int, list[str]]]:
    """Yield the line and the parts of each layer that the header names: its name, and its features."""
    for number, line in enumerate(lines[1:], 2):
        if line.startswith(("#T_SP=", "#T_CH=", "#T_RL=")):
            yield number, [part for part in line[len("#T_SP=") :].split("|") if part]


def _sentences(lines: list[str], columns: list[tuple[str, str]], path: Path, faults: Faults) -> Iterator[_Sentence]:
    sentence: _Sentence | None = None
    for number, line in enumerate(lines[1:], 2):
        if line.startswith("#Text=") and (sentence is None or not sentence.spans):
            sentence = sentence or _Sentence(number)
            sentence.texts.append(_unescape(line[len("#Text=") :]))
        elif not line:
            if sentence:
                yield sentence
            sentence = None
        elif not line.startswith("#"):
            cells = line.split("\t")
            if sentence is None or len(cells) < len(columns) + 3:
                found = f"{len(cells)} fields" if sentence else "a token before any #Text="
                faults.add(f"{path}:{number}", f"expected a token with {len(columns) + 3} fields; found {found}")
            else:
                _take(sentence, columns, cells[3:])
    if sentence:
        yield sentence


def _take(sentence: _Sentence, columns: list[tuple[str, str]], cells: list[str]) -> None:
    """Note the annotations of one token."""
    for (layer, name), cell in zip(columns, cells, strict=False):
        if cell == "_":
            continue
        for n, value in enumerate(match for match in _STACKED.findall(cell) if match):
            numbered = _NUMBERED.fullmatch(value) if not value.endswith("\\]") else None
            value, key = (numbered[1], int(numbered[2])) if numbered else (value, -1 - n)
            found = sentence.spans.setdefault((layer, key), {})
            if value != "*" and name:
                found[name] = _unescape(value)


def _cells(spans: Sequence[Span | None], schema: Schema, number: int) -> Iterator[str]:
    """Yield the columns of a sentence's annotations, numbered from the one after ``number``."""
    for layer, names in layers(schema).items():
        here = [(span, k) for k, span in enumerate(spans, number + 1) if span and span.layer == layer]
        for name in names:
            values = (_escape(span.features[name], _VALUE) if name in span.features else "*" for span, _ in here)
            yield "|".join(f"{value}[{k}]" for value, (_, k) in zip(values, here, strict=True)) or "_"


def _tokens(text: str) -> list[tuple[int, int]]:
    """Part a sentence at its spaces; the first token begins where the sentence does, as the format wants it."""
    tokens = [match.span() for match in _TOKEN.finditer(text)]
    if not tokens:
        raise DataError(f"WebAnno TSV: expected a sentence with a word; found {shown(text)}")
    return [(0, tokens[0][1]), *tokens[1:]]


def _escape(text: str, table: dict[str, str]) -> str:
    escaped = "".join(table.get(char, char) for char in text)
    return escaped.replace("->", "\\->") if table is _VALUE else escaped


def _unescape(text: str) -> str:
    return re.sub(r"\\(->|.)", lambda match: _LETTERS.get(match[1], match[1]), text, flags=re.DOTALL)
