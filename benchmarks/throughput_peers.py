"""How fast another library tags sentences, once its models are loaded, in a process of its own.

Takes a peer's name and the task file that throughput_own.py writes; prints how
many sentences were scored and how long that took. Heads are fitted on a few
sentences with labels drawn at random, since only speed counts here.
"""

import json
import os
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

os.environ["CUDA_VISIBLE_DEVICES"] = ""  # all on the processor; said before any of them imports torch

import numpy as np

BATCH = 32
"""Sentences at once: what SetFit and sentence-transformers take by default."""

FITTED_ON = 32

Predict = Callable[[Sequence[str]], list[int]]
"""Scores sentences; gives how many, for each dimension."""


def targets_of(dimension: dict[str, Any], rng: np.random.Generator) -> Any:
    """Draw labels, each at least once, as scikit-learn takes them."""
    labels = len(dimension["labels"])
    if dimension["kind"] == "multi":
        flags = rng.integers(0, 2, (FITTED_ON, labels))
        flags[0], flags[1] = 0, 1
        return flags
    return np.arange(FITTED_ON) % labels


def load_setfit(task: dict[str, Any], rows: Sequence[str]) -> Predict:
    """Load SetFit, with its own logistic regression as head."""
    from setfit import SetFitModel

    rng, models = np.random.default_rng(0), []
    for dimension in task["dimensions"]:
        strategy = "one-vs-rest" if dimension["kind"] == "multi" else None
        model = SetFitModel.from_pretrained(task["base"], multi_target_strategy=strategy, device="cpu")
        model.model_body.max_seq_length = task["max_length"]
        model.model_head.fit(model.model_body.encode(list(rows)), targets_of(dimension, rng))
        models.append(model)
    return lambda texts: [len(model.predict(list(texts), batch_size=BATCH)) for model in models]


def load_transformers(task: dict[str, Any], _: Sequence[str]) -> Predict:
    """Load transformers' pipeline, for batches, the sentences sorted by length, which spares it padding."""
    from transformers import AutoModelForSequenceClassification, AutoTokenizer, pipeline

    tokenizer, pipes = AutoTokenizer.from_pretrained(task["base"]), []
    for dimension in task["dimensions"]:
        problem = "multi_label_classification" if dimension["kind"] == "multi" else "single_label_classification"
        model = AutoModelForSequenceClassification.from_pretrained(
            task["base"], num_labels=len(dimension["labels"]), problem_type=problem
        )
        pipes.append(pipeline("text-classification", model=model, tokenizer=tokenizer, top_k=None, device="cpu"))
    options = {"batch_size": BATCH, "truncation": True, "max_length": task["max_length"]}
    return lambda texts: [len(pipe(sorted(texts, key=len), **options)) for pipe in pipes]


def load_embeddings(task: dict[str, Any], rows: Sequence[str]) -> Predict:
    """Load sentence-transformers once for all dimensions, scikit-learn's logistic regression for each."""
    from sentence_transformers import SentenceTransformer
    from sklearn.linear_model import LogisticRegression
    from sklearn.multiclass import OneVsRestClassifier

    encoder = SentenceTransformer(task["base"], device="cpu")
    encoder.max_seq_length = task["max_length"]
    vectors, rng, heads = encoder.encode(list(rows)), np.random.default_rng(0), []
    for dimension in task["dimensions"]:
        head = LogisticRegression(max_iter=1000)
        head = OneVsRestClassifier(head) if dimension["kind"] == "multi" else head
        heads.append(head.fit(vectors, targets_of(dimension, rng)))

    def predict(texts: Sequence[str]) -> list[int]:
        found = encoder.encode(list(texts), batch_size=BATCH)
        return [len(head.predict_proba(found)) for head in heads]

    return predict


LOADERS = {"setfit": load_setfit, "transformers": load_transformers, "sentence_transformers": load_embeddings}


def main(name: str, path: str) -> None:
    """Load, warm up, measure, and print."""
    task = json.loads(Path(path).read_text(encoding="utf-8"))
    texts = [text for text, _ in task["pairs"]]
    predict = LOADERS[name](task, (texts * FITTED_ON)[:FITTED_ON])
    predict(texts[:BATCH])  # what a library sets up at its first call is not counted
    start = time.perf_counter()
    counts = predict(texts)
    seconds = time.perf_counter() - start
    if counts != [len(texts)] * len(task["dimensions"]):
        sys.exit(f"{name}: expected {len(texts)} sentences scored; found {counts}")
    print(json.dumps({"sentences": len(texts), "seconds": seconds}))


if __name__ == "__main__":
    main(*sys.argv[1:])
