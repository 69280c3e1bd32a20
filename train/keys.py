"""The keys under which results are kept: short hashes of all that they hang on.

Knows rows, modules and the names of base encoders. Imports torch only where it is asked for an encoder's weights: a
baseline must do without.
"""

import hashlib
import json
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from newslean.errors import ModelError
from newslean.files import sha256
from train.labels import Example

CODE = {
    "baseline": ("baseline.py", "folded.py", "folds.py", "../newslean/baseline.py"),
    "transformer": (
        "network.py",
        "late.py",
        "finetune.py",
        "trainer.py",
        "sharpness.py",
        "batches.py",
        "folds.py",
        "grammar.py",
        "draw.py",
        "warm.py",
        "prune.py",
        "../newslean/context.py",
        "../newslean/encoding.py",
    ),
    "calibration": (
        "calibrate.py",
        "metrics.py",
        "export.py",
        "graph.py",
        "graph_cut.py",
        "make.py",
        "publish.py",
        "../newslean/mixed.py",
        "../newslean/calibration.py",
    ),
    "gate": ("gate.py", "../newslean/gate.py"),
    "update": ("update.py", "known.py", "kept.py", "record.py"),
    "restore": ("restore.py", "prune.py"),
    "curve": ("curve.py",),
}
"""Modules whose change makes the fits of a kind of model, or what is made of them, void."""


def digest(value: object) -> str:
    """Give a short hash of plain data."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:10]


def rows_key(rows: Iterable[Example]) -> str:
    """Hash of rows what is learnt or measured hangs on: place, text, what is read with it, article, source, labels."""
    return digest([[e.doc, e.n, e.text, e.before, e.article_title, e.group, e.source, e.labels] for e in rows])


@cache
def code_hashes(kind: str) -> list[str]:
    """Hash the modules that a kind of fit hangs on.

    Once a process: a module that is edited while a run goes must not send its stages to another folder.
    """
    return [sha256(Path(__file__).parent / name) for name in CODE[kind]]


@cache
def base_revision(base: str) -> str:
    """Give the hash or revision of a base encoder's weights, for the keys of what is trained from it.

    Once a process: the weights are large, and a run must not send its stages to another folder. "" where they cannot
    be had: a command that does not need them goes on, and `train.network.load_base` says what is wrong to one that
    does.
    """
    try:
        from train.network import describe_base

        return describe_base(base)["revision"]
    except (ImportError, ModelError, OSError, ValueError, KeyError):
        return ""
