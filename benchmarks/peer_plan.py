"""What peers.py compares: the ways, their settings, and the rows that each is fitted on and asked for.

Every fit is a fresh process, and what came of it is kept, so that a run that
was killed goes on. Knows examples and ways by name; computes no score.
"""

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import click

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from fresh import run_fresh
from machine import installed

from newslean.errors import DataError
from newslean.files import sha256, write_file
from newslean.schema import Schema
from train.keys import code_hashes, digest

FITTING = [Path(__file__).with_name(name) for name in ("peer_fit.py", "peer_ways.py")]


@dataclass(frozen=True)
class Way:
    """One way to tag sentences: its title, what it cannot do without, whose versions count, what a reader must know."""

    title: str
    needs: str
    packages: tuple[str, ...]
    note: str


ALIKE = "; reads the sentence alone, authored rows at full weight among the others"
"""What is true of all ways that are not newslean's."""

WAYS = {
    "newslean": Way(
        "newslean",
        "train.export, train.warm",
        ("torch", "transformers", "onnxruntime", "scikit-learn"),
        "both models in equal shares, settings in train/params; the encoder reads each sentence with its context "
        "({params[context]}; before: the sentence before it) and learns authored rows and {warm_sentences:,} sentences "
        "of the grammar first, by {warm_networks} networks, and {mixed_sentences:,} more among the others; answers by "
        "the int8 graph",
    ),
    "baseline": Way(
        "newslean's TF-IDF baseline",
        "train.baseline",
        ("scikit-learn",),
        "train/params/baseline.toml, all cores; reads the sentence alone, authored rows at a weight of "
        "{params[authored_weight]:g} among the others",
    ),
    "setfit": Way(
        "SetFit",
        "setfit",
        ("setfit", "sentence-transformers", "torch", "transformers"),
        "max_steps: {max_steps:,}, of {batch_size} pairs each, drawn from {pairs_from:,} of the sentences, else its "
        "defaults, its own logistic regression as head on all of them, "
        f"one-vs-rest where a sentence may have several labels{ALIKE}",
    ),
    "transformers": Way(
        "transformers' Trainer",
        "transformers",
        ("torch", "transformers"),
        "AutoModelForSequenceClassification, epochs: {epochs}, batches of {batch_size}, "
        "learning rate {learning_rate:g}, batches of like length, else its defaults" + ALIKE,
    ),
    "model2vec": Way(
        "model2vec",
        "model2vec.distill, model2vec.train",
        ("model2vec", "torch", "transformers"),
        "static vectors distilled from the base, StaticModelForClassification with its defaults; answers by its "
        f"pipeline{ALIKE}",
    ),
    "embeddings": Way(
        "frozen encoder, logistic regression",
        "train.network",
        ("scikit-learn", "torch", "transformers"),
        "mean of the token vectors, scikit-learn's defaults but balanced classes, one-vs-rest where a sentence may "
        f"have several labels{ALIKE}",
    ),
}


@dataclass(frozen=True)
class Plan:
    """What is to be fitted, on which rows, and where results are kept.

    Attributes
    ----------
    parts : list of (training, held out)
        One for a split, one a fold out of fold.
    settings : dict
        Way to its settings.
    """

    schema: Schema
    label_set: Path
    parts: list[tuple[list[Any], list[Any]]]
    shares: dict[str, float]
    seeds: list[int]
    settings: dict[str, dict[str, Any]]
    work: Path
    folder: Path

    @cached_property
    def held_out(self) -> list[Any]:
        """All rows that are measured on, in the order of the parts."""
        return [e for _, part in self.parts for e in part]

    @cached_property
    def rows(self) -> str:
        """Hash of the rows and of what is drawn from them."""
        rows = [[[asdict(e) for e in side] for side in part] for part in self.parts]
        return digest([rows, self.schema.to_dict(), [*self.shares.items()]])

    def place(self, name: str) -> Path:
        """Folder of a way's results, by all that they hang on but the seed."""
        versions = installed(WAYS[name].packages)
        return self.work / digest([name, self.rows, self.settings[name], versions, [sha256(p) for p in FITTING]])


def part_examples(
    examples: Sequence[Any], *, on_split: str, folds: int, seed: int
) -> list[tuple[list[Any], list[Any]]]:
    """Part rows into those to train on and those to measure on, by a split or by folds of whole articles.

    Raises
    ------
    DataError
        If there are none of a kind. Seed articles are test data and stand on neither side.
    """
    from train.folds import SEED_SOURCE, assign_folds
    from train.run import part_rows

    training, aside = part_rows(examples)
    training = [e for e in training if e.source != SEED_SOURCE]
    if on_split:
        held_out = [e for e in aside if e.split == on_split]
        if not training or not held_out:
            raise DataError(
                f"--on-split {on_split}: expected rows to train on and rows with that split whose text is at hand; "
                f"found {len(training):,} and {len(held_out):,}. See --texts."
            )
        return [(training, held_out)]
    try:
        fold_of = assign_folds(training, folds=folds, seed=seed)
    except ValueError as error:
        raise DataError(f"--folds {folds}: {error}. Add rows of other articles, or see --texts.") from None
    pairs = list(zip(training, fold_of, strict=True))
    return [([e for e, k in pairs if k != n], [e for e, k in pairs if k == n]) for n in range(max(fold_of) + 1)]


def settings_of(grammar: Any, *, epochs: int, steps: int, warm: Path | None) -> dict[str, dict[str, Any]]:
    """Give the settings of all ways; those of newslean with hashes of the code and grammar behind them.

    Parameters
    ----------
    warm : path or None
        Folder where a training run has left its warm networks, or may leave them.
    """
    from train.params import BaselineParams, FinetuneParams, read_params

    finetuned, baseline = read_params(FinetuneParams), read_params(BaselineParams)
    encoder = {"base": finetuned.base, "max_length": finetuned.max_length}
    return {
        "newslean": {
            "params": asdict(finetuned),
            "baseline": asdict(baseline),
            "mix": 0.5,
            "warm_sentences": finetuned.warm_sentences if grammar else 0,
            "warm_networks": finetuned.warm_networks,
            "warm": str(warm.resolve()) if warm else "",
            "mixed_sentences": finetuned.mixed_sentences if grammar else 0,
            "grammar": digest(grammar and asdict(grammar)),
            "code": digest([code_hashes(kind) for kind in ("transformer", "baseline", "calibration")]),
        },
        "baseline": {"params": asdict(baseline), "code": digest(code_hashes("baseline"))},
        "setfit": {**encoder, "max_steps": steps, "batch_size": 16, "pairs_from": 4000},
        "transformers": {**encoder, "epochs": epochs, "batch_size": 16, "learning_rate": 5e-5},
        "model2vec": {"base": finetuned.base},
        "embeddings": encoder,
    }


def fit(plan: Plan, name: str, seed: int, n: int) -> dict[str, Any]:
    """Fit one way with one seed on one part, or read what an earlier run kept."""
    from train.folds import thin

    path = plan.place(name) / f"seed-{seed}-part-{n}.json"
    where = f"{WAYS[name].title}, seed {seed}" + (f", fold {n + 1} of {len(plan.parts)}" if plan.parts[1:] else "")
    if path.exists():
        click.echo(f"{where}: known", err=True)
        return dict(json.loads(path.read_text(encoding="utf-8")))
    training, held_out = thin(plan.parts[n][0], plan.shares, seed), plan.parts[n][1]
    if not training:
        raise DataError(f"--share: expected articles to train on; found none left for {where}. Take a larger share.")
    click.echo(f"{where}: {len(training):,} sentences to train on, {len(held_out):,} to score", err=True)
    task = {
        "schema": plan.schema.to_dict(),
        "settings": plan.settings,
        "label_set": str(plan.label_set.resolve()),
        "training": [asdict(e) for e in training],
        "held_out": [asdict(e) for e in held_out],
    }
    (plan.folder / "task.json").write_text(json.dumps(task), encoding="utf-8")
    output = run_fresh(["benchmarks/peer_fit.py", name, str(plan.folder / "task.json"), str(seed)], plan.folder).output
    result = {"trained_on": len(training), **json.loads(output.strip().rpartition("\n")[2])}
    path.parent.mkdir(parents=True, exist_ok=True)
    write_file(path, json.dumps(result))
    click.echo(f"{where}: trained in {result['train_s']:.0f} s, scored in {result['predict_s']:.1f} s", err=True)
    return result
