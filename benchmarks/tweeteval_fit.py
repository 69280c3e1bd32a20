"""The fits behind tweeteval.py: one baseline and one fine-tuned encoder a target.

Knows examples by target and split, and the trainer. Computes no score of the test.
"""

import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from scipy.special import softmax

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from newslean.schema import Dimension, Schema
from train.baseline import fit_baseline
from train.folds import assign_folds
from train.params import BaselineParams, FinetuneParams, change_params, read_params

Rows = dict[str, dict[str, list[Any]]]

FOLDS = 5

SETTINGS = [
    BaselineParams(word_ngrams=3, char_ngrams=5, min_df=1, balanced=balanced, classifier=classifier, C=c)
    for classifier, sizes in (("logistic", (1.0, 4.0, 16.0)), ("svm", (0.1, 0.4, 1.5)))
    for c in sizes
    for balanced in (True, False)
]
"""What the search tries: the n-grams of the benchmark's own SVM, with more or less regularisation."""


def schema_of(labels: Sequence[str]) -> Schema:
    """Give the label set as a schema."""
    return Schema((Dimension("stance", "single", tuple(labels), "none" if "none" in labels else None),))


def fit_baselines(
    labels: list[str], rows: Rows, *, say: Callable[[str], None]
) -> tuple[BaselineParams, dict[str, Any]]:
    """Choose one setting for all targets by cross-validation, fit it and score the test tweets.

    Returns
    -------
    (setting, logits)
        Target to array of shape (test tweets, labels).
    """
    from tweeteval import official

    schema = schema_of(labels)
    known = {target: [*splits["train"], *splits["val"]] for target, splits in rows.items()}
    best, best_score = SETTINGS[0], -1.0
    for params in SETTINGS:
        gold, found = list[str](), list[str]()
        for examples in known.values():
            folds, answers = assign_folds(examples, folds=FOLDS, seed=0), [""] * len(examples)
            for fold in range(max(folds) + 1):
                held = [n for n, k in enumerate(folds) if k == fold]
                model = fit_baseline(
                    [e for e, k in zip(examples, folds, strict=True) if k != fold], schema, params, seed=0
                )
                logits = model.logits([examples[n].text for n in held], [""] * len(held))["stance"]
                for n, k in zip(held, logits.argmax(axis=1), strict=True):
                    answers[n] = labels[k]
            gold += [str(e.labels["stance"]) for e in examples]
            found += answers
        score = official(gold, found)
        say(f"baseline {params.classifier}, C {params.C}, balanced {params.balanced}: {score:.1f}")
        if score > best_score:
            best, best_score = params, score
    scored = {}
    for target, splits in rows.items():
        model = fit_baseline(known[target], schema, best, seed=0)
        scored[target] = model.logits([e.text for e in splits["test"]], [""] * len(splits["test"]))["stance"]
    return best, scored


def fit_transformers(
    labels: list[str], rows: Rows, *, seeds: int, changes: Sequence[str], together: bool, place: Path,
    say: Callable[[str], None],
) -> tuple[FinetuneParams, list[dict[str, Any]]]:  # fmt: skip
    """Fine-tune the encoder on each target, once a seed, and score the test tweets."""
    from train.finetune import enough_epochs, finetune, predict_logits
    from train.network import load_base
    from train.options import quiet_libraries

    quiet_libraries()
    schema = schema_of(labels)
    small = replace(read_params(FinetuneParams), context="none", late_context=False, context_dropout=0.0)
    small = replace(small, batch_size=16, min_steps=600, warm_sentences=0, mixed_sentences=0, warm_epochs=0)
    params = change_params(small, changes)
    fits = []
    for seed in range(seeds):
        start = params
        if together:
            everything = [e for splits in rows.values() for e in splits["train"]]
            fit = finetune(everything, [], schema, replace(params, epochs=3), seed=seed, folder=place / "checkpoints")
            whole = place / f"together-{seed}"
            fit.network.save(whole)
            load_base(params.base)[1].save_pretrained(whole)
            start = replace(params, base=str(whole), epochs=max(params.epochs, 8), patience=4)
        found = {}
        for target, splits in rows.items():
            chosen = enough_epochs(start, len(splits["train"]))
            fit = finetune(splits["train"], splits["val"], schema, chosen, seed=seed, folder=place / "checkpoints")
            say(f"transformer {target}, seed {seed}: {fit.epochs} epochs, validation macro-F1 {fit.score or 0:.3f}")
            found[target] = predict_logits(fit, splits["test"], schema, chosen)["stance"]
        fits.append(found)
    return params, fits


def mix(first: dict[str, Any], second: dict[str, Any]) -> dict[str, Any]:
    """Average the probabilities of two models."""
    return {target: (softmax(first[target], axis=1) + softmax(second[target], axis=1)) / 2 for target in first}
