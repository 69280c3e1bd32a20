"""The label set as data: which dimensions there are and which labels each has.

Knows the file ``labels/schema.toml`` and the copy of it in a model's manifest.
Knows no article and no model, and no label by name.
"""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from newslean.errors import DataError

UNITS = ("sentence", "paragraph", "text")
"""What is labelled: each sentence of an article, each paragraph, or the whole text at once."""

Labels = dict[str, str | list[str]]
"""Labels of one sentence: dimension name to its label (``single``) or sorted list of labels (``multi``)."""


@dataclass(frozen=True, slots=True)
class Dimension:
    """One question that is asked of every sentence.

    Attributes
    ----------
    name : str
        Key of the dimension in label files and results.
    kind : {"multi", "single"}
        Any number of labels, or exactly one.
    labels : tuple of str
        The labels, in the order of a model's outputs.
    neutral : str or None
        For ``single``: the label that says "nothing to report here", which doubtful answers and page furniture get.
        None where every label says something, as the sections of a newspaper do.
    opposites : tuple of pairs of str
        Labels that change places when the two sides do; the first pair gives the lean.
    """

    name: str
    kind: Literal["multi", "single"]
    labels: tuple[str, ...]
    neutral: str | None = None
    opposites: tuple[tuple[str, str], ...] = ()

    @property
    def multi(self) -> bool:
        """Whether a sentence may have several labels, or none."""
        return self.kind == "multi"

    def faults(self, value: object) -> list[str]:
        """Say what is wrong with a value as labels of this dimension; an empty list if nothing is."""
        known = f"expected {', '.join(self.labels)}"
        if not self.multi:
            return [] if value in self.labels else [f"{self.name}: {known}; found {value!r}"]
        if not isinstance(value, list):
            return [f"{self.name}: expected a list of labels; found {value!r}"]
        faults = [f"{self.name}: {known}; found {label!r}" for label in value if label not in self.labels]
        return faults + (
            [f"{self.name}: a label stands twice in {value!r}"] if len({*map(str, value)}) < len(value) else []
        )


@dataclass(frozen=True, slots=True)
class Schema:
    """All dimensions, the word lists of the sides that opposites are about, and the unit: one of `UNITS`."""

    dimensions: tuple[Dimension, ...]
    sides: tuple[tuple[str, tuple[str, ...]], ...] = ()
    unit: str = UNITS[0]

    def __getitem__(self, name: str) -> Dimension:
        return next(dimension for dimension in self.dimensions if dimension.name == name)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the dimensions, in order."""
        return tuple(dimension.name for dimension in self.dimensions)

    def asks_like(self, other: "Schema") -> bool:
        """Tell whether another label set asks the same of the same: equal dimensions, and the same unit."""
        return (self.dimensions, self.unit) == (other.dimensions, other.unit)

    def faults(self, labels: object) -> list[str]:
        """Say what is wrong with a row's labels; a dimension may be missing."""
        if not isinstance(labels, dict):
            return [f"labels: expected an object of dimensions; found {labels!r}"]
        faults = [
            f"labels: expected {', '.join(self.names)}; found {name!r}" for name in labels if name not in self.names
        ]
        return faults + [fault for d in self.dimensions if d.name in labels for fault in d.faults(labels[d.name])]

    def to_dict(self) -> dict[str, Any]:
        """Give the schema as plain data, as a manifest stores it."""
        rows: list[dict[str, Any]] = []
        for d in self.dimensions:
            row: dict[str, Any] = {"name": d.name, "kind": d.kind, "labels": list(d.labels)}
            if d.neutral is not None:
                row["neutral"] = d.neutral
            if d.opposites:
                row["opposites"] = [list(pair) for pair in d.opposites]
            rows.append(row)
        data: dict[str, Any] = {"dimensions": rows}
        if self.sides:
            data["sides"] = {side: list(words) for side, words in self.sides}
        return data if self.unit == UNITS[0] else {"unit": self.unit, **data}


def is_relevant(labels: Mapping[str, str | list[str]], schema: Schema) -> bool:
    """Tell whether labels say anything but the neutral ones; a dimension may be missing."""
    return any(labels[d.name] not in ([], d.neutral) for d in schema.dimensions if d.name in labels)


def schema_from_dict(data: Mapping[str, Any], *, where: str) -> Schema:
    """Build a schema from plain data.

    Parameters
    ----------
    data : mapping
        ``{"dimensions": [{"name", "kind", "labels", ...}], "sides": {...}, "unit": "sentence"}``.
    where : str
        File that the data came from, for messages.

    Raises
    ------
    DataError
        With every fault of the data at once.
    """
    rows = data.get("dimensions")
    if not isinstance(rows, list) or not rows:
        raise DataError(
            f"{where}: expected at least one [[dimensions]] table; found none. Add one with name, kind and labels."
        )
    faults = [fault for n, row in enumerate(rows, 1) for fault in _row_faults(row, n)]
    names = [row.get("name") for row in rows if isinstance(row, dict)]
    faults += [
        f"dimension {name!r} is defined twice"
        for name in sorted({n for n in names if isinstance(n, str) and names.count(n) > 1})
    ]
    sides = data.get("sides", {})
    if not isinstance(sides, dict) or not all(_is_strings(words) for words in sides.values()):
        faults.append(f"sides: expected lists of words; found {sides!r}")
    unit = data.get("unit", UNITS[0])
    if unit not in UNITS:
        faults.append(f"unit: expected one of {', '.join(UNITS)}; found {unit!r}")
    if faults:
        raise DataError("\n".join(f"{where}: {fault}" for fault in faults))
    dimensions = tuple(
        Dimension(
            row["name"],
            row["kind"],
            tuple(row["labels"]),
            row.get("neutral"),
            # A side's label that was merged into the neutral one has no opposite any more.
            tuple((a, b) for a, b in row.get("opposites", ()) if row.get("neutral") not in (a, b)),
        )
        for row in rows
    )
    return Schema(dimensions, tuple((side, tuple(words)) for side, words in sides.items()), unit)


def check_columns(schema: Schema) -> None:
    """Refuse labels whose columns would have one name in a table of results.

    Raises
    ------
    DataError
        Naming two of them: label "b_c" of "a", and "c" of "a_b".
    """
    seen: dict[str, str] = {}
    for d in schema.dimensions:
        for label in d.labels:
            before = seen.setdefault(f"{d.name}_{label}", f"{label!r} of {d.name!r}")
            if before != f"{label!r} of {d.name!r}":
                raise DataError(
                    "schema: expected labels that give columns of different names in tables of results; found "
                    f"'{d.name}_{label}' for {before} and for {label!r} of {d.name!r}. Rename one."
                )


def read_schema(path: str | Path) -> Schema:
    """Read ``schema.toml``.

    Raises
    ------
    DataError
        If the file is missing, not TOML, or not a schema.
    """
    try:
        data = tomllib.loads(Path(path).read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise DataError(
            f"{path}: expected a schema file; found none ({error.strerror}). Copy labels/schema.toml there."
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: expected TOML in UTF-8; found {error}. Mend that line.") from None
    return schema_from_dict(data, where=str(path))


def _row_faults(row: object, n: int) -> list[str]:
    if not isinstance(row, dict):
        return [f"dimension {n}: expected a table; found {row!r}"]
    labels, where = row.get("labels"), f"dimension {row.get('name', n)!r}"
    if not isinstance(row.get("name"), str) or not row["name"]:
        return [f"dimension {n}: expected a name; found {row.get('name')!r}"]
    if row.get("kind") not in ("multi", "single"):
        return [f"{where}: expected kind 'multi' or 'single'; found {row.get('kind')!r}"]
    if not _is_strings(labels) or not labels or len({*labels}) < len(labels):
        return [f"{where}: expected labels, a list of different words; found {labels!r}"]
    faults = [f"{where}: unit is of the whole label set: write it above the first [[dimensions]]"] * ("unit" in row)
    if row["kind"] == "single" and len(labels) < 2:
        faults.append(f"{where}: expected at least two labels to choose from; found {labels!r}")
    if row["kind"] == "single" and row.get("neutral", labels[0]) not in labels:
        faults.append(
            f"{where}: expected neutral to be one of {labels!r}, or no neutral at all; found {row['neutral']!r}"
        )
    if row["kind"] == "multi" and "neutral" in row:
        faults.append(f"{where}: neutral is for kind 'single'; a multi dimension has no label instead")
    pairs = row.get("opposites", [])
    if not isinstance(pairs, list) or not all(
        _is_strings(p) and len(p) == 2 and {*p} <= {*labels} and p[0] != p[1] for p in pairs
    ):
        faults.append(f"{where}: expected opposites to be pairs of its labels; found {pairs!r}")
    return faults


def _is_strings(value: object) -> bool:
    return (
        isinstance(value, Sequence)
        and not isinstance(value, str)
        and all(isinstance(item, str) and item for item in value)
    )
