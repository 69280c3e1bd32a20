"""One training run: what goes in, and the key under which its results lie.

Knows inputs and paths; does no work.
"""

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path

from newslean.schema import Schema
from newslean.splitting import splitter_version
from train.folds import assign_folds
from train.labels import Example, LabelFiles
from train.params import BaselineParams, FinetuneParams

CODE = ("network.py", "finetune.py", "baseline.py", "folds.py")
"""Modules whose change makes the results of the fits void."""


@dataclass(frozen=True)
class Run:
    """One training run: its inputs, and where its stages put their results."""

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

    @cached_property
    def key(self) -> str:
        """Hash of all that the results hang on."""
        code = [hashlib.sha256(Path(__file__).with_name(name).read_bytes()).hexdigest() for name in CODE]
        inputs = [
            sorted(self.files.hashes.values()),
            self.files.skipped,
            self.schema.to_dict(),
            asdict(self.baseline),
            asdict(self.finetuned),
            [self.seed, self.folds, splitter_version()],
            code,
        ]
        return hashlib.sha256(json.dumps(inputs, sort_keys=True).encode()).hexdigest()[:10]

    @cached_property
    def examples(self) -> list[Example]:
        """Rows to train on: all but those that a file sets aside as dev or test."""
        return [e for e in self.files.examples if e.split in ("", "train")]

    @cached_property
    def held_out(self) -> list[Example]:
        """Rows that a file sets aside: measured with the final model, never trained on."""
        return [e for e in self.files.examples if e.split not in ("", "train")]

    @cached_property
    def assigned(self) -> list[int]:
        """Fold of each example."""
        return assign_folds(self.examples, folds=self.folds, seed=self.seed)

    @property
    def place(self) -> Path:
        """Folder of this run's stages."""
        return self.work / self.key

    @property
    def staging(self) -> Path:
        """Model folder before it is whole."""
        return self.place / "model"
