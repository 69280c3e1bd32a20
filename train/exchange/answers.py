"""Labels as coders' tools spell them, judged: known, renamed, split, or reported with the nearest known one.

Knows the schema; knows no tool and no file.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from newslean.errors import DataError
from newslean.schema import Labels, Schema
from train.exchange.raw import Answers
from train.exchange.spelling import Naming, tags, way_out
from train.rows import nearest, shown

SEPARATORS = ("|", ",", ";", "/", "+", "&", "#", "\n", "\t")
"""What people put between two labels that should have been two answers."""


class Judge:
    """Turns answers into labels, by the schema and what the user allows.

    Parameters
    ----------
    schema, rename, ignored
        As in `Naming`.
    split_on : sequence of str
        Separators at which two labels in one may be split, and that may stand before or behind one.
    partial : bool
        Whether a ``single`` dimension may go without an answer: it is then left open. So is, in tables, any blank cell.

    Raises
    ------
    DataError
        If something is renamed to what the schema does not know, or a dimension is to be left out.
    """

    def __init__(
        self,
        schema: Schema,
        *,
        rename: Mapping[str, str] | None = None,
        ignored: Collection[str] = (),
        split_on: Sequence[str] = (),
        partial: bool = False,
    ) -> None:
        self.schema, self.split_on, self.partial = schema, split_on, partial
        self.naming = Naming(schema, dict(rename or {}), ignored)
        if "" in split_on:
            raise DataError("--split-on: expected what stands between two labels; found nothing.")
        # People put blanks around what parts two labels; those are no part of it.
        self.parting = {*split_on, *(text.strip() for text in split_on)}
        known = [*schema.names, *(label for d in schema.dimensions for label in d.labels), *tags(schema)]
        for old, new in self.naming.rename.items():
            if new not in known and self.naming.column(old) != new:
                raise DataError(
                    f"--rename {old}={new}: expected a known label behind the =; found {new!r}{nearest(new, known)}."
                )
        for name in ignored:
            if self.naming.dimension(name):
                raise DataError(
                    f"--ignore-column {name}: expected a column of no dimension; found one of the label set."
                )

    def labels(
        self, answers: Answers, faults: list[str], *, asked: Sequence[str], answered: Sequence[str] | None
    ) -> Labels:
        """Judge the answers of one coder to one sentence.

        Parameters
        ----------
        faults : list of str
            Takes what is wrong, a line each.
        asked : sequence of str
            Dimensions that the tool asked for: of a ``multi`` one, no answer then means no label.
        answered : sequence of str or None
            The dimensions that this coder is known to have answered; None if the file does not tell.
        """
        found: dict[str, list[str]] = {d.name: [] for d in self.schema.dimensions}
        for asker, values in answers.items():
            place = self._dimension(asker, faults)
            if place is not None:
                for value in values:
                    for name, label in self._known(value, place, faults):
                        found[name].append(label)
        labels: Labels = {}
        for d in self.schema.dimensions:
            chosen = [label for label in d.labels if label in found[d.name]]
            if d.multi:
                if chosen or d.name in (asked if answered is None else answered):
                    labels[d.name] = chosen
            elif len(chosen) == 1:
                labels[d.name] = chosen[0]
            elif len(chosen) > 1:
                faults.append(f"{d.name}: expected one label; found {len(chosen)}: {', '.join(map(repr, chosen))}")
            elif answered is None and d.name in asked and not self.partial and not faults:
                faults.append(f"{d.name}: expected one label; found none (--partial leaves it open)")
        return labels

    def dimensions(self, answers: Answers) -> set[str]:
        """Say which dimensions answers are of, after renaming and splitting; what is at fault is of none."""
        found = set[str]()
        for asker, values in answers.items():
            place = self.naming.dimension(asker) or asker
            if place:
                found |= {place} if values else set()
            else:
                found |= {name for value in values for name, _ in self._known(value, place, [])}
        return found

    def renamed(self, payload: Mapping[str, Any]) -> dict[str, Any]:
        """Give what our exports carry beside with dimensions and labels as they are called here."""
        if not self.naming.rename:
            return dict(payload)
        changed = dict(payload)
        if "asked" in payload:
            changed["asked"] = self._names(payload["asked"])
        if "coded" in payload:
            changed["coded"] = {coder: self._names(names) for coder, names in payload["coded"].items()}
        if "predictions" in payload:
            changed["predictions"] = {
                model: {k: self._by_dimension(v) if k in ("labels", "scores") else v for k, v in found.items()}
                for model, found in payload["predictions"].items()
            }
        return changed

    def _names(self, names: Sequence[Any]) -> list[Any]:
        return [(self.naming.dimension(name) if isinstance(name, str) else None) or name for name in names]

    def _by_dimension(self, found: Mapping[str, Any]) -> dict[str, Any]:
        """Rename in labels or scores by dimension; those of an unknown dimension stay as they are."""
        result = dict[str, Any]()
        for name, value in found.items():
            dimension = self.naming.dimension(name)
            if dimension and isinstance(value, Mapping):
                value = {self._word(label, dimension): score for label, score in value.items()}
            elif dimension and isinstance(value, list):
                value = [self._word(label, dimension) for label in value]
            elif dimension:
                value = self._word(value, dimension)
            result[dimension or name] = value
        return result

    def _word(self, label: Any, place: str) -> Any:
        known = self._find(label, place) if isinstance(label, str) else None
        return known[1] if known else label

    def _dimension(self, name: str, faults: list[str]) -> str | None:
        """Give the dimension's own name, "" for none, None for an unknown one."""
        dimension = self.naming.dimension(name)
        if not name or dimension:
            return dimension or name
        known = self.schema.names
        faults.append(f"expected {', '.join(known)}; found dimension {name!r}{nearest(name, known)}{way_out(name)}")
        return None

    def _known(self, value: object, place: str, faults: list[str]) -> Iterator[tuple[str, str]]:
        """Yield the dimension and label that a value stands for; a fault if it stands for none."""
        if not isinstance(value, str):
            faults.append(f"{place or 'labels'}: expected a label; found {shown(value)}")
            return
        one = self._find(value, place)
        if one:
            yield one
            return
        for separator, parts in _splits(value, (*self.split_on, *SEPARATORS)):
            known = [self._find(part, place) for part in parts]
            if any(known):
                yield from self._split(value, separator, parts, known, place, faults)
                return
        found = value.strip()
        words = self.schema[place].labels if place else [*tags(self.schema)]
        faults.append(
            f"{place + ': ' if place else ''}expected {', '.join(words)}; found {found!r}{nearest(found, words)}"
        )

    def _split(
        self,
        value: str,
        separator: str,
        parts: list[str],
        known: list[tuple[str, str] | None],
        place: str,
        faults: list[str],
    ) -> Iterator[tuple[str, str]]:
        if all(known) and separator in self.parting:
            yield from (one for one in known if one)
            return
        words = self.schema[place].labels if place else [label for d in self.schema.dimensions for label in d.labels]
        into = ", ".join(
            repr(part) + ("" if one else f", unknown{nearest(part, words)}")
            for part, one in zip(parts, known, strict=True)
        )
        accept = f" (--split-on {separator!r} accepts it)" if all(known) else ""
        faults.append(
            f"{place + ': ' if place else ''}expected one label a choice; found {value!r}: split it into {into}{accept}"
        )

    def _find(self, value: str, place: str) -> tuple[str, str] | None:
        """Give the dimension and label of a value that stands for exactly one."""
        value = value.strip()
        rename = self.naming.rename
        value = rename.get(f"{place}:{value}", rename.get(value, value))
        if place and value in self.schema[place].labels:
            return place, value
        if value in (known := tags(self.schema)) and place in ("", known[value][0]):
            return known[value]
        named = [d.name for d in self.schema.dimensions if value in d.labels]
        return (named[0], value) if not place and len(named) == 1 else None


def _splits(value: str, separators: Sequence[str]) -> Iterator[tuple[str, list[str]]]:
    for separator in separators:
        # One part only is a label with a separator before or behind it.
        parts = [part.strip() for part in value.split(separator) if part.strip()]
        if separator in value and parts:
            yield separator, parts
