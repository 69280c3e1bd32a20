"""Changes of a label set, and what they do to a schema and to a row.

Knows the schema and the row format; knows no file.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from newslean.errors import DataError
from newslean.schema import Schema, schema_from_dict
from train.agreement import ADJUDICATED
from train.disputes import differ

Option = Literal["rename", "merge", "drop"]


@dataclass(frozen=True, slots=True)
class Change:
    """One change.

    Attributes
    ----------
    option : {"rename", "merge", "drop"}
        What was asked for.
    dimension : str
        Which dimension it is about.
    old : tuple of str
        Labels that go; none where the dimension itself is renamed or dropped.
    new : str or None
        What they become; None where they are dropped.
    said : str
        The change as the option gave it, where it was read from one.
    """

    option: Option
    dimension: str
    old: tuple[str, ...] = ()
    new: str | None = None
    said: str = field(default="", compare=False)

    def __str__(self) -> str:
        if self.said:
            return f"--{self.option} {self.said}"
        labels = f":{','.join(self.old)}" if self.old else ""
        return f"--{self.option} {self.dimension}{labels}" + (f"={self.new}" if self.new is not None else "")


def read_change(option: Option, value: str) -> Change:
    """Read a change as an option gives it.

    ``rename``: ``DIMENSION=NEW`` or ``DIMENSION:LABEL=NEW``; ``merge``: ``DIMENSION:A,B=NEW``; ``drop``:
    ``DIMENSION``, ``DIMENSION:LABEL`` or, where its rows get another label, ``DIMENSION:LABEL=OTHER``.

    Raises
    ------
    DataError
        If it is none of these.
    """
    form = {
        "rename": "DIMENSION:LABEL=NEW or DIMENSION=NEW",
        "merge": "DIMENSION:A,B=NEW",
        "drop": "DIMENSION:LABEL, DIMENSION:LABEL=OTHER or DIMENSION",
    }[option]
    change = next(_ways(option, value), None)
    if not change:
        raise DataError(f"--{option} {value}: expected {form}; found {value!r}.")
    return change


def fit_changes(schema: Schema, changes: Iterable[Change]) -> tuple[Change, ...]:
    """Give changes, one after the other, as the schema has it: an = may belong to a label.

    Of all ways to part an option at an =, the first one counts that names what is there.

    Raises
    ------
    DataError
        As `change_schema`.
    """
    fitted = list[Change]()
    for change in changes:
        ways = _ways(change.option, change.said)
        fitted.append(next((way for way in ways if _is_known(way, schema)), change))
        schema = change_schema(schema, fitted[-1:])
    return tuple(fitted)


def _ways(option: Option, value: str) -> Iterator[Change]:
    """Yield what an option may mean, parted at each = in turn, and at none."""
    parts = value.split("=")
    for n in range(1, len(parts) + 1):
        dimension, colon, labels = "=".join(parts[:n]).partition(":")
        new = "=".join(parts[n:]).strip() if n < len(parts) else None
        words = labels.split(",") if option == "merge" else [labels]
        old = tuple(dict.fromkeys(word.strip() for word in words)) if colon else ()
        fits = {
            "rename": new is not None,
            "merge": new is not None and len(old) > 1,
            "drop": bool(old) or len(parts) == 1,
        }[option]
        if fits and new != "" and all([dimension.strip(), *old]):
            yield Change(option, dimension.strip(), old, new, said=value)


def _is_known(change: Change, schema: Schema) -> bool:
    return change.dimension in schema.names and {*change.old} <= {*schema[change.dimension].labels}


def change_schema(schema: Schema, changes: Iterable[Change]) -> Schema:
    """Give the schema after changes, one after the other.

    Raises
    ------
    DataError
        If a change names what is not there, or what is left is no schema.
    """
    for change in changes:
        _refuse(schema, change)
        data = schema.to_dict()
        if change.old:
            data["dimensions"] = [
                _changed_row(row, change) if row["name"] == change.dimension else row for row in data["dimensions"]
            ]
        elif change.new is None:
            data["dimensions"] = [row for row in data["dimensions"] if row["name"] != change.dimension]
        else:
            for row in data["dimensions"]:
                row["name"] = change.new if row["name"] == change.dimension else row["name"]
        schema = schema_from_dict(data, where=str(change))
    return schema


def _refuse(schema: Schema, change: Change) -> None:
    """Refuse a change that names what is not there, or would lose what the names tell apart."""
    if change.dimension not in schema.names:
        raise DataError(f"{change}: expected a dimension ({', '.join(schema.names)}); found {change.dimension!r}.")
    d = schema[change.dimension]
    known = f"expected labels of {d.name} ({', '.join(d.labels)})"
    for label in change.old:
        if label not in d.labels:
            raise DataError(f"{change}: {known}; found {label!r}. Was this change made before?")
    if change.option == "rename" and change.old and change.new in d.labels:
        raise DataError(f"{change}: expected a new word; found a label that is there. Merge them with --merge.")
    if not change.old and change.new in schema.names:
        raise DataError(f"{change}: expected a new name; found a dimension that is there.")
    others = {*d.labels} - {*change.old}
    if change.option == "drop" and change.old and change.new is not None and change.new not in others:
        raise DataError(f"{change}: {known} for its rows to get; found {change.new!r}.")
    if change.option == "merge" and change.new in others:
        raise DataError(f"{change}: expected {change.new!r} among the labels to merge; it is a label that is there.")


def _changed_row(row: dict[str, Any], change: Change) -> dict[str, Any]:
    """Change the labels of one dimension, as `Schema.to_dict` gives it."""
    row = dict(row)
    row["labels"] = changed_value(row["labels"], change)
    if change.option == "drop" and row.get("neutral") in change.old:
        del row["neutral"]  # all labels that are left say something
    elif "neutral" in row:
        row["neutral"] = changed_value(row["neutral"], change)
    pairs = [changed_value(pair, change) for pair in row.pop("opposites", [])]
    pairs = [p for n, p in enumerate(pairs) if len(p) == 2 and row.get("neutral") not in p and p not in pairs[:n]]
    return row | ({"opposites": pairs} if pairs else {})


def changed_value(value: Any, change: Change, *, multi: bool = True) -> Any:
    """Change labels: one, a list of them, or scores by label; None where nothing is left of one label."""
    if isinstance(value, list):
        kept = [change.new if label in change.old else label for label in value]
        return list(dict.fromkeys(label for label in kept if label is not None))
    if not isinstance(value, Mapping):
        return change.new if value in change.old else value
    scores: dict[str, Any] = {}
    for label, score in value.items():
        name = change.new if label in change.old else label
        if name is None:
            continue
        if name in scores and isinstance(score, int | float):  # two labels that are one now
            score = max(scores[name], score) if multi else scores[name] + score
        scores[name] = score
    return scores


def change_row(row: dict[str, Any], change: Change, *, multi: bool) -> dict[str, Any]:
    """Change one row of a label file: its labels, its coders' and, where it has any, predictions.

    Where a dropped label was a row's answer, the row no longer has that dimension, nor have its coders: what is left
    of them would claim an agreement that there was not. Where labels that coders disputed are one now, the dispute is
    settled, and the row has what they say.
    """
    changed = dict(row)
    if "labels" in row:
        changed["labels"] = _labels(row["labels"], change, multi=multi)
    if "coders" in row:
        changed["coders"] = {name: _labels(labels, change, multi=multi) for name, labels in row["coders"].items()}
    if "predictions" in row:
        found = row["predictions"].items()  # models' own names are words of no label set
        changed["predictions"] = {model: _prediction(said, change, multi=multi) for model, said in found}
    if change.old and row.get("coders"):
        _settle(row["coders"], changed, change.dimension)
    if changed.get("coders", {}).get(ADJUDICATED) == {}:
        changed["coders"] = {name: labels for name, labels in changed["coders"].items() if name != ADJUDICATED}
    return changed


def _labels(labels: Mapping[str, Any], change: Change, *, multi: bool) -> dict[str, Any]:
    """Change labels (or scores) by dimension."""
    result = {}
    for name, value in labels.items():
        if name != change.dimension:
            result[name] = value
        elif change.old:
            found = changed_value(value, change, multi=multi)
            if found is not None:
                result[name] = found
        elif change.new is not None:
            result[change.new] = value
    return result


def _prediction(value: Any, change: Change, *, multi: bool) -> Any:
    """Change labels and scores of one model, wherever they stand: by dimension, under other keys or in a list."""
    if isinstance(value, list):
        return [_prediction(item, change, multi=multi) for item in value]
    if not isinstance(value, dict):
        return value
    if plain := [key for key in ("labels", "scores") if isinstance(value.get(key), dict)]:
        return value | {key: _labels(value[key], change, multi=multi) for key in plain}
    if change.dimension in value:
        return _labels(value, change, multi=multi)
    return {name: _prediction(item, change, multi=multi) for name, item in value.items()}


def _settle(before: Mapping[str, Any], row: dict[str, Any], name: str) -> None:
    """Keep a row's labels in step with its coders after labels were dropped or became one."""
    coders, labels = row["coders"], row["labels"]
    if name in labels:
        return
    lost = any(name in found and name not in coders[coder] for coder, found in before.items())
    said = [found[name] for coder, found in before.items() if coder != ADJUDICATED and name in found]
    left = [found[name] for coder, found in coders.items() if coder != ADJUDICATED and name in found]
    if lost:
        row["coders"] = {
            coder: {key: value for key, value in found.items() if key != name} for coder, found in coders.items()
        }
    elif differ(said) and not differ(left):
        row["labels"] = labels | {name: left[0]}
