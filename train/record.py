"""What a model answered out of fold, and which rows it has seen: kept beside it, by the hash of each row.

Knows examples, answers and logits as arrays; no text is kept. With it a later
model is compared on rows that neither has learnt, and an update knows what is
new.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from newslean.errors import ModelError
from newslean.schema import Labels, Schema
from newslean.tagger import Logits
from train.arrays import read_arrays, write_arrays
from train.copies import MIN_LENGTH, plain_text
from train.labels import Example
from train.metrics import indicator

RECORD = "out_of_fold.npz"
"""Name of the file in a model folder."""

PLAIN = ("rows", "texts", "gold", "own", "seen", "groups")
"""What stands in the file under the name that it has in `Record`."""

Hashes = NDArray[np.uint64]


@dataclass(frozen=True)
class Record:
    """Answers out of fold, row by row, and all that a model has learnt.

    Attributes
    ----------
    rows, texts, gold : array of uint64, shape (rows,)
        Hashes of each sentence with its place and context, of its text alone, and of the labels it was learnt with.
    own : array of bool, shape (rows,)
        Whether the answer comes from networks trained as the model was; after an update only those of new rows do.
    answers : dict
        Dimension to array of bool, shape (rows, labels): the labels given.
    logits : dict
        Model (``baseline``, ``transformer``) to dimension to array of float32, shape (rows, labels); half as precise
        in the file.
    seen, groups : array of uint64
        Hashes of all texts learnt, those never held out too, and of their articles.
    pairs : array of uint64, optional
        Hashes of each text learnt together with its labels; None in the records of older versions.
    """

    rows: Hashes
    texts: Hashes
    gold: Hashes
    own: NDArray[np.bool_]
    answers: dict[str, NDArray[np.bool_]]
    logits: dict[str, Logits]
    seen: Hashes
    groups: Hashes
    pairs: Hashes | None = None

    def saw(self, example: Example) -> bool:
        """Say whether the model has learnt this text or another sentence of its article."""
        return self.learnt(example) or group_hash(example) in self._known[1]

    def learnt(self, example: Example) -> bool:
        """Say whether the model has learnt this very text."""
        return text_hash(example) in self._known[0]

    def taught(self, example: Example) -> bool:
        """Say whether the model has learnt this very text with these labels, as far as the record tells."""
        return self.learnt(example) if self.pairs is None else pair_hash(example) in self._known[2]

    @cached_property
    def _known(self) -> tuple[set[int], set[int], set[int]]:
        pairs = [] if self.pairs is None else self.pairs.tolist()
        return {*self.seen.tolist()}, {*self.groups.tolist()}, {*pairs}

    def beside(self, earlier: "Record", places: Sequence[int]) -> "Record":
        """Add the rows of an earlier record but those at ``places``, which stand here: their text is not at hand."""
        rest = np.setdiff1d(np.arange(len(earlier.rows)), np.array(places))
        earlier = replace(earlier, own=np.zeros_like(earlier.own))

        def joined(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> dict[str, Any]:
            return {name: np.concatenate([values, theirs[name][rest]]) for name, values in ours.items()}

        return replace(
            self,
            **joined({name: getattr(self, name) for name in PLAIN[:4]}, vars(earlier)),
            answers=joined(self.answers, earlier.answers),
            logits={model: joined(parts, earlier.logits[model]) for model, parts in self.logits.items()},
        )

    def labels(self, row: int, schema: Schema) -> Labels:
        """Give the answer in a row as labels; the schema is that of the model."""
        found: Labels = {}
        for d in schema.dimensions:
            there = [label for label, given in zip(d.labels, self.answers[d.name][row], strict=True) if given]
            found[d.name] = there if d.multi else there[0]
        return found

    def place_of(self, examples: Sequence[Example]) -> list[int]:
        """Give the row of each example, by its place or else its text; -1 for one that has none."""
        exact = {value: n for n, value in enumerate(self.rows.tolist())}
        by_text = {value: n for n, value in enumerate(self.texts.tolist())}
        return [exact.get(row_hash(e), by_text.get(text_hash(e), -1)) for e in examples]

    def part(self, examples: Sequence[Example]) -> tuple[list[Example], list[Example]]:
        """Part new rows of articles that the model has learnt from, to which no answer is out of fold, from all others.

        An article that holds a long text which the model has learnt is a reprint, and counts as learnt from.
        """
        groups = {
            e.group
            for e in examples
            if group_hash(e) in self._known[1] or (len(e.text) >= MIN_LENGTH and self.learnt(e))
        }
        known, others = list[Example](), list[Example]()
        for e, place in zip(examples, self.place_of(examples), strict=True):
            (known if place < 0 and (e.group in groups or self.learnt(e)) else others).append(e)
        return known, others


def make_record(
    examples: Sequence[Example],
    learnt: Sequence[Example],
    answers: Sequence[Labels],
    logits: dict[str, Logits],
    schema: Schema,
    *,
    own: Sequence[bool] | None = None,
    earlier: Record | None = None,
) -> Record:
    """Gather what a record holds.

    Parameters
    ----------
    examples : sequence of Example
        Rows answered out of fold, in the order of answers and logits.
    learnt : sequence of Example
        All rows that the model has learnt.
    own : sequence of bool, optional
        As in `Record`; by default all are.
    earlier : Record, optional
        Of the model that was updated: what it has seen, this one has.
    """
    tables = {d.name: indicator(d, [a[d.name] for a in answers]) for d in schema.dimensions}
    before = ([], []) if earlier is None else (earlier.seen.tolist(), earlier.groups.tolist())
    return Record(
        rows=_array(row_hash(e) for e in examples),
        texts=_array(text_hash(e) for e in examples),
        gold=_array(gold_hash(e) for e in examples),
        own=np.ones(len(examples), dtype=bool) if own is None else np.array(own, dtype=bool),
        answers=tables,
        logits=logits,
        seen=_array(sorted({*before[0], *map(text_hash, learnt)})),
        groups=_array(sorted({*before[1], *map(group_hash, learnt)})),
        pairs=_array(sorted({*map(pair_hash, learnt)})),
    )


def write_record(folder: Path, record: Record) -> None:
    """Write a record into a model folder."""
    plain = {key: getattr(record, key) for key in PLAIN}
    plain |= {} if record.pairs is None else {"pairs": record.pairs}
    answers = {f"answers/{name}": np.packbits(table, axis=1) for name, table in record.answers.items()}
    logits = {
        f"logits/{model}/{name}": values.astype(np.float16)
        for model, parts in record.logits.items()
        for name, values in parts.items()
    }
    write_arrays(folder / RECORD, {**plain, **answers, **logits})


def read_record(folder: Path, schema: Schema) -> Record | None:
    """Read the record of a model folder; None where there is none.

    Raises
    ------
    ModelError
        If it is damaged, or of another schema.
    """
    path = folder / RECORD
    if not path.exists():
        return None
    try:
        arrays = read_arrays(path)
        answers = {
            d.name: np.unpackbits(arrays[f"answers/{d.name}"], axis=1, count=len(d.labels)).astype(bool)
            for d in schema.dimensions
        }
        logits: dict[str, Logits] = {}
        for key, values in arrays.items():
            if key.startswith("logits/"):
                _, model, name = key.split("/", 2)
                logits.setdefault(model, {})[name] = values.astype(np.float32)
        plain = {key: arrays[key] for key in PLAIN}
    except (OSError, EOFError, ValueError, TypeError, AttributeError, KeyError, BadZipFile) as error:
        raise ModelError(
            f"{path}: expected the answers of this model; found {error}. Remove the file, or restore the model folder."
        ) from None
    return Record(**plain, answers=answers, logits=logits, pairs=arrays.get("pairs"))


def row_hash(example: Example) -> int:
    """Hash of a sentence with its place and what it is read with."""
    return _hash("\0".join((example.doc, str(example.n), example.text, example.before, example.article_title)))


def text_hash(example: Example) -> int:
    """Hash of a sentence's text, spaces and case apart."""
    return _hash(plain_text(example.text))


def group_hash(example: Example) -> int:
    """Hash of the article, or what a split must keep together."""
    return _hash(example.group)


def gold_hash(example: Example) -> int:
    """Hash of a sentence's labels."""
    return _hash(repr(sorted(example.labels.items())))


def pair_hash(example: Example) -> int:
    """Hash of a sentence's text with its labels."""
    return _hash(f"{text_hash(example)} {gold_hash(example)}")


def related(rows: Sequence[Example], others: Sequence[Example]) -> list[bool]:
    """Say of each row whether others hold its text, spaces and case apart, or rows of its article."""
    texts, groups = {text_hash(e) for e in others}, {e.group for e in others}
    return [e.group in groups or text_hash(e) in texts for e in rows]


def _hash(text: str) -> int:
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")


def _array(values: Iterable[int]) -> Hashes:
    return np.fromiter(values, dtype=np.uint64)
