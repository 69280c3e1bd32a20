"""One training run: what goes in, and the keys under which its results lie.

Knows inputs and paths; does no work.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from newslean.errors import DataError
from newslean.schema import Schema, check_columns
from newslean.splitting import splitter_version
from train.folds import assign_folds
from train.grammar import Grammar
from train.keys import base_revision, code_hashes, digest, rows_key
from train.labels import AUTHORED_SOURCE, Example, LabelFiles
from train.metrics import indicator
from train.params import BaselineParams, FinetuneParams
from train.record import Record, related

UPDATE_PARITY = 2000
"""Sentences on which the graph of an updated model is compared with torch."""


@dataclass(frozen=True)
class Run:
    """One training run: its inputs, and where its stages put their results.

    Attributes
    ----------
    shares : mapping of str to float
        Share of the articles that the transformer is trained on, as for `thin`; all are scored out of fold.
    start : str
        Version of the model whose network is trained further; "" for a training from scratch.
    earlier : Record, optional
        What that model has learnt.
    background : sequence of Example
        Ordinary news without labels, for the relevance gate.
    test : sequence of Example
        Rows of files that are only for the comparison with the current model.
    """

    files: LabelFiles
    schema: Schema
    baseline: BaselineParams
    finetuned: FinetuneParams
    seed: int
    folds: int
    work: Path
    models: Path
    say: Callable[[str], None]
    progress: bool = False
    grammar: Grammar | None = None
    shares: Mapping[str, float] = field(default_factory=dict)
    start: str = ""
    earlier: Record | None = None
    background: Sequence[Example] = ()
    test: Sequence[Example] = ()

    def __post_init__(self) -> None:
        if self.schema.unit == "text":  # nothing stands around a text that is read as a whole
            object.__setattr__(self, "finetuned", replace(self.finetuned, context="none", late_context=False))
        if self.finetuned.feed_forward and not self.start and not self.learns_first:
            self.say("feed_forward: nothing is learnt first that would tell which units may go; the encoder keeps all")
            object.__setattr__(self, "finetuned", replace(self.finetuned, feed_forward=0))

    def check(self) -> None:
        """Raise a DataError if there are too few articles to hold one out, or labels that no result could hold."""
        check_columns(self.schema)
        if (articles := len({e.group for e in self.examples})) < 2:
            aside = sum(e.aside for e in self.files.examples)
            left = f", and {aside:,} that a split other than 'train' sets aside" if aside else ""
            raise DataError(
                "labels: expected sentences of at least two articles to train on; found "
                f"{len(self.examples)} sentences of {articles}{left}. Add rows, or name more files with --labels and "
                "--texts; where rows do not belong together, as posts of many people, give each a doc of its own."
            )

    def tell_left_out(self) -> None:
        """Say how many rows are not measured, and why."""
        unit, aside = self.schema.unit, sum(e.aside and bool(e.labels) for e in self.files.examples)
        if left := aside - len(self.held_out):
            also = f", or {self.start} has learnt from them" if self.start else ""
            where = f"their articles or texts stand among those to train on{also}"
            self.say(f"{left:,} of {aside:,} {unit}s set aside are left out: {where}")
        if found := len(self.unmeasured):
            others = f"{self.start} has learnt from others of their articles"
            self.say(f"{found:,} {unit}s are learnt, but not measured: {others}")

    def tell_unlearnt(self) -> None:
        """Name labels that no row has."""
        rows = [e.labels for e in (*self.examples, *self.first)]
        for d in self.schema.dimensions:
            counts = indicator(d, [labels[d.name] for labels in rows if d.name in labels]).sum(0)
            if missing := [label for label, count in zip(d.labels, counts, strict=True) if not count]:
                self.say(f"{d.name}: no row has {', '.join(missing)}: what the model says of it rests on nothing")

    @cached_property
    def _parted(self) -> tuple[list[Example], list[Example]]:
        return part_rows(self.files.examples)

    @cached_property
    def _training(self) -> tuple[list[Example], list[Example], list[Example]]:
        authored, others = part_authored(self._parted[0], self.finetuned)
        return authored, *(self.earlier.part(others) if self.earlier else ([], others))

    @property
    def examples(self) -> list[Example]:
        """Rows to train on, each held out once."""
        return self._training[2]

    @property
    def first(self) -> list[Example]:
        """Rows that are learnt and never held out: `authored` and `unmeasured` ones."""
        return [*self.authored, *self.unmeasured]

    @property
    def learns_first(self) -> bool:
        """Whether a network trained from scratch learns something before the examples."""
        return bool(self.first or (self.grammar and self.finetuned.warm_sentences))

    @property
    def authored(self) -> list[Example]:
        """Authored rows, which are learnt before all others."""
        return self._training[0]

    @property
    def unmeasured(self) -> list[Example]:
        """New rows of articles that the earlier model has learnt from: none can be held out of what it knows."""
        return self._training[1]

    @cached_property
    def held_out(self) -> list[Example]:
        """Rows that are only measured: no model of this run has learnt them or others of their articles."""
        return [e for e in self._parted[1] if not (self.earlier and self.earlier.saw(e))]

    @cached_property
    def assigned(self) -> list[int]:
        """Fold of each example."""
        try:
            return assign_folds(self.examples, folds=self.folds, seed=self.seed)
        except ValueError as error:
            raise DataError(f"labels: {error}. Add rows of other articles.") from None

    @cached_property
    def key(self) -> str:
        """Hash of the data: examples, schema, seed, folds and splitter."""
        rows = [e for e in self.files.examples if e.labels]
        splits = [e.split for e in rows]
        version = splitter_version(self.schema.unit)
        return digest([rows_key(rows), splits, self.schema.to_dict(), self.seed, self.folds, version])

    def fit_key(self, kind: str) -> str:
        """Hash of what the fits of a kind of model hang on beside the data: parameters, the base's weights, code."""
        if kind == "baseline":
            return digest([asdict(self.baseline), bool(self.first), code_hashes(kind)])
        params = asdict(self.finetuned), base_revision(self.finetuned.base)
        parts = [params, self.grammar_hash, [*self.shares.items()], code_hashes(kind)]
        return digest([*parts, self.start, *map(code_hashes, ("update", "restore"))] if self.start else parts)

    @property
    def grammar_hash(self) -> str:
        """Hash of the grammar; "" if no sentence is drawn from one."""
        used = self.finetuned.warm_sentences or self.finetuned.mixed_sentences
        return digest(asdict(self.grammar)) if used and self.grammar else ""

    @property
    def version_key(self) -> str:
        """Hash of all that the model hangs on, for its version."""
        samples = [e.sample for e in self.examples]
        fits = [self.fit_key(kind) for kind in ("baseline", "transformer")]
        code = [code_hashes(kind) for kind in ("calibration", "gate")]
        return digest([self.key, samples, *fits, *code, [[e.doc, e.text] for e in self.background]])

    @property
    def baseline_key(self) -> str:
        """Hash of all that a baseline alone hangs on, for its version."""
        samples = [e.sample for e in self.examples]
        parts = [self.key, samples, self.fit_key("baseline"), code_hashes("calibration")]
        return digest([*parts, self.start] if self.start else parts)

    @property
    def parity_rows(self) -> list[int]:
        """Numbers of the examples on which graphs are compared with torch: all, or a sample after an update."""
        if not self.start or len(self.examples) <= UPDATE_PARITY:
            return [*range(len(self.examples))]
        chosen = np.random.default_rng(self.seed).permutation(len(self.examples))[:UPDATE_PARITY]
        return sorted(chosen.tolist())

    @property
    def place(self) -> Path:
        """Folder of this run's stages."""
        return self.work / self.key

    def fits(self, kind: str) -> Path:
        """Folder of the fits of a kind of model."""
        return self.place / f"{kind}-{self.fit_key(kind)}"

    def reports(self, models: Collection[str]) -> Path:
        """Folder of the reports on such models: those on a baseline alone lie apart from those on a transformer."""
        return self.fits("transformer" if {*models} - {"baseline"} else "baseline")

    @property
    def staging(self) -> Path:
        """Model folder before it is whole."""
        return self.fits("transformer") / "model"

    @property
    def network(self) -> Path:
        """Folder of the final network in float."""
        return self.fits("transformer") / "network"


def part_rows(examples: Sequence[Example]) -> tuple[list[Example], list[Example]]:
    """Part rows to train on from those that a file sets aside, less those whose article or text is among the former.

    Rows without any label are neither.
    """
    training, aside = ([e for e in examples if e.labels and e.aside == flag] for flag in (False, True))
    return training, [e for e, known in zip(aside, related(aside, training), strict=True) if not known]


def leave_out(files: LabelFiles, test: LabelFiles) -> LabelFiles:
    """Leave out of training what stands in test files: their articles, and their texts in other articles."""
    rows = zip(files.examples, files.places, related(files.examples, test.examples), strict=True)
    kept = [(e, place) for e, place, known in rows if e.aside or not known]
    return replace(files, examples=[e for e, _ in kept], places=[place for _, place in kept])


def part_authored(examples: Sequence[Example], params: FinetuneParams) -> tuple[list[Example], list[Example]]:
    """Part the rows that are learnt before all others from the others: none, unless the parameters ask for it."""
    others = [e for e in examples if e.source != AUTHORED_SOURCE]
    if not params.warm_epochs or not others:
        return [], list(examples)
    return [e for e in examples if e.source == AUTHORED_SOURCE], others
