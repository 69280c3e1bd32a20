"""How labels and dimensions are spelled in tools' files: as tags of one list, in a cell, as safe names.

Knows the schema; judges no label, and knows no tool and no file.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import count
from typing import Any

from newslean.errors import DataError
from newslean.schema import Dimension, Labels, Schema
from train.exchange.raw import Answers, answers_of

JOINT = "|"
"""What stands between several labels in one cell of our own exports."""


COLUMNS = ("text", "doc", "coder")
"""Columns of a table that others may be renamed to, beside those of dimensions."""


@dataclass(frozen=True, slots=True)
class Naming:
    """The label set, and what files call what is in it.

    Attributes
    ----------
    schema : Schema
        The label set.
    rename : mapping
        Labels (``label`` or ``dimension:label``), dimensions or columns as found, to what they are called here.
    ignored : collection of str
        Columns, questions and controls that are left out.
    """

    schema: Schema
    rename: Mapping[str, str] = field(default_factory=dict)
    ignored: Collection[str] = ()

    def dimension(self, name: str) -> str | None:
        """Give the dimension that a name as found stands for; None if it stands for none."""
        name = self.rename.get(name, name)
        return name if name in self.schema.names else None

    def column(self, title: str) -> str:
        """Give what a column is renamed to, if that is no dimension: one of `COLUMNS`, or ``dimension [coder]``."""
        name = self.rename.get(title, title)
        of_coder = name.endswith("]") and name.partition(" [")[0] in self.schema.names
        return name if name in COLUMNS or of_coder else title


def way_out(name: str) -> str:
    """Say what to do about a column, question or control that is none of the dimensions."""
    return f" (--rename '{name}=DIMENSION' takes it as one, --ignore-column '{name}' leaves it out)"


@lru_cache(maxsize=4)
def tags(schema: Schema) -> dict[str, tuple[str, str]]:
    """Map ``dimension:label`` to both, for tools with one list of labels.

    Raises
    ------
    DataError
        If two labels would be written alike.
    """
    found: dict[str, tuple[str, str]] = {}
    for name, label in ((d.name, label) for d in schema.dimensions for label in d.labels):
        other = found.setdefault(f"{name}:{label}", (name, label))
        if other != (name, label):
            raise DataError(
                f"schema: expected dimensions and labels that differ when joined by a colon; found {name!r}, {label!r} "
                f"and {other[0]!r}, {other[1]!r}. Rename one."
            )
    return found


def tag(schema: Schema, dimension: str, label: str) -> str:
    """Write a label for a tool with one list of labels: its dimension before it, unless there is but one."""
    return label if len(schema.dimensions) == 1 else f"{dimension}:{label}"


def tag_list(labels: Labels, schema: Schema) -> list[str]:
    """Write all labels of a sentence as tags."""
    return [tag(schema, name, label) for name, values in answers_of(labels).items() for label in values]


def untag(labels: list[Any], naming: Naming) -> Answers:
    """Sort labels of one list by the dimension that they name, as found; those that name none stand under ""."""
    known, answers = tags(naming.schema), Answers()
    names = [*naming.schema.names, *(old for old in naming.rename if naming.dimension(old))]
    for label in labels:
        name, word = known.get(label, ("", label)) if isinstance(label, str) else ("", label)
        if not name and isinstance(label, str):
            # An unknown label of a known dimension, or two labels in one, is reported as that dimension's.
            name = next((d for d in names if label.startswith(f"{d}:")), "")
            word = label.removeprefix(f"{name}:") if name else label
            if name and name not in naming.schema.names:  # a whole tag may be renamed beside its dimension
                word = naming.rename.get(label, word)
        answers.setdefault(name, []).append(word)
    return answers


def join_labels(value: str | list[str]) -> str:
    r"""Write the labels of one dimension in one cell.

    Examples
    --------
    >>> join_labels(["chips", "a|b"])
    'chips|a\\|b'
    """
    values = value if isinstance(value, list) else [value]
    return JOINT.join(label.replace("\\", "\\\\").replace(JOINT, "\\" + JOINT) for label in values)


def part_labels(cell: str, d: Dimension, *, ours: bool = True) -> list[str]:
    r"""Read a cell of labels: what `join_labels` wrote, or one label with a bar in its name, or what it is.

    Only a ``multi`` dimension is split, and only if each part is known: the rest is for `Judge` to report.

    Parameters
    ----------
    ours : bool
        Whether the file is of our own shape. In another's a bar says nothing: the cell is taken as one label.

    Examples
    --------
    >>> d = Dimension("topic", "multi", ("chips", "a|b"))
    >>> part_labels("chips|a\\|b", d), part_labels("chips|chip", d), part_labels(" ", d)
    (['chips', 'a|b'], ['chips|chip'], [])
    """
    cell = cell.strip()
    if not cell or not ours:
        return [cell] if cell else []
    parts, rest = [""], iter(cell)
    for char in rest:
        if char == JOINT:
            parts.append("")
        else:
            parts[-1] += next(rest, "") if char == "\\" else char
    parts = [part.strip() for part in parts]
    return parts if all(part in d.labels for part in parts) and (d.multi or len(parts) == 1) else [cell]


def safe_names(schema: Schema, pattern: str, *, taken: Iterable[str] = ()) -> dict[str, str]:
    """Map each dimension to a name of the characters that a tool allows, all different.

    Parameters
    ----------
    pattern : str
        The characters allowed beside letters without case: "_", or "_-".
    taken : iterable of str
        Names that the tool uses itself.
    """
    used, names = {*taken}, dict[str, str]()
    for d in schema.dimensions:
        base = "".join(c if (c.isascii() and c.isalnum()) or c in pattern else "_" for c in d.name.lower())
        base = base if base[:1].isalpha() else f"d{base}"
        candidates = (f"{base}{'' if n == 1 else n}" for n in count(1))
        names[d.name] = next(name for name in candidates if name not in used)
        used.add(names[d.name])
    return names
