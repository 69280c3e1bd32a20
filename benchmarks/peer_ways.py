"""What other libraries make of a task: how each is fitted, and what it then answers.

Knows examples, a schema and each library's own interface; imports a library
only for the way that needs it. Starts the clock when that is done.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from newslean.schema import Dimension, Schema
from newslean.tagger import Logits
from train.labels import Example
from train.metrics import indicator

BATCH = 32
"""Sentences that the peers are asked for at once."""

Predict = Callable[[Sequence[Example]], Logits]
"""Gives scores, above 0 where the probability is above 0.5."""


@dataclass
class Task:
    """What a way is to do.

    Attributes
    ----------
    settings : dict
        Of this way, by name.
    label_set : Path
        File of the schema; a grammar may lie beside it.
    folder : Path
        For whatever a way leaves; removed in the end.
    started : float
        When the training began.
    """

    schema: Schema
    training: list[Example]
    held_out: list[Example]
    settings: dict[str, Any]
    label_set: Path
    seed: int
    folder: Path
    started: float = 0.0

    def start(self) -> None:
        """Start the clock of the training."""
        self.started = time.perf_counter()

    def rows(self, d: Dimension) -> tuple[list[int], list[str], NDArray[np.int64]]:
        """Give the training rows that have a dimension: numbers, texts, and targets as scikit-learn takes them."""
        chosen = [n for n, e in enumerate(self.training) if d.name in e.labels]
        flags = indicator(d, [self.training[n].labels[d.name] for n in chosen])
        return chosen, [self.training[n].text for n in chosen], flags.astype(int) if d.multi else flags.argmax(1)


def texts_of(examples: Sequence[Example]) -> list[str]:
    """Give the sentences alone."""
    return [e.text for e in examples]


def fit_setfit(task: Task) -> Predict:
    """Fit SetFit with its own head, once for each dimension.

    It lists all pairs of sentences before it draws some, gigabytes for 30,000: pairs come from a part of the
    sentences, drawn at random, and the head learns them all.
    """
    from setfit import SetFitModel, Trainer, TrainingArguments

    from train.network import base_path

    task.start()
    models = {}
    for d in task.schema.dimensions:
        _, texts, targets = task.rows(d)
        # SetFit draws its pairs with a seed of its own: here the rows' order brings in ours.
        order = np.random.default_rng(task.seed).permutation(len(texts))
        model = SetFitModel.from_pretrained(
            base_path(task.settings["base"]), multi_target_strategy="one-vs-rest" if d.multi else None, device="cpu"
        )
        model.model_body.max_seq_length = task.settings["max_length"]
        arguments = TrainingArguments(
            output_dir=str(task.folder),
            max_steps=task.settings["max_steps"],
            batch_size=task.settings["batch_size"],
            seed=task.seed,
            report_to="none",
            save_strategy="no",
        )
        drawn, wanted = [texts[n] for n in order], targets[order].tolist()
        trainer = Trainer(model, args=arguments)
        few = task.settings["pairs_from"]
        trainer.train_embeddings(drawn[:few], wanted[:few])
        trainer.train_classifier(drawn, wanted)
        models[d.name] = (model, range(len(d.labels)) if d.multi else model.model_head.classes_)

    def predict(examples: Sequence[Example]) -> Logits:
        return {
            d.name: _spread(d, classes, model.predict_proba(texts_of(examples), batch_size=BATCH, as_numpy=True))
            for d in task.schema.dimensions
            for model, classes in [models[d.name]]
        }

    return predict


def fit_transformers(task: Task) -> Predict:
    """Fine-tune a sequence classifier with transformers' Trainer, once for each dimension."""
    from datasets import Dataset
    from transformers import (
        AutoModelForSequenceClassification,
        AutoTokenizer,
        DataCollatorWithPadding,
        Trainer,
        TrainingArguments,
        set_seed,
    )

    from train.network import base_path

    task.start()
    path = base_path(task.settings["base"])
    tokenizer = AutoTokenizer.from_pretrained(path)
    encode = partial(tokenizer, truncation=True, max_length=task.settings["max_length"])
    trainers = {}
    for d in task.schema.dimensions:
        _, texts, targets = task.rows(d)
        kind = "multi_label_classification" if d.multi else "single_label_classification"
        set_seed(task.seed)
        model = AutoModelForSequenceClassification.from_pretrained(path, num_labels=len(d.labels), problem_type=kind)
        data = Dataset.from_dict({**encode(texts), "labels": targets.astype(float if d.multi else int).tolist()})
        arguments = TrainingArguments(
            output_dir=str(task.folder),
            num_train_epochs=task.settings["epochs"],
            per_device_train_batch_size=task.settings["batch_size"],
            per_device_eval_batch_size=BATCH,
            learning_rate=task.settings["learning_rate"],
            train_sampling_strategy="group_by_length",  # padding would take half of the time
            seed=task.seed,
            use_cpu=True,
            save_strategy="no",
            logging_strategy="no",
            report_to="none",
        )
        trainers[d.name] = Trainer(model, arguments, DataCollatorWithPadding(tokenizer), data)
        trainers[d.name].train()
        trainers[d.name].args.train_sampling_strategy = "random"  # else it answers in an order of its own

    def predict(examples: Sequence[Example]) -> Logits:
        data = Dataset.from_dict({**encode(texts_of(examples))})
        return {name: trainer.predict(data).predictions for name, trainer in trainers.items()}

    return predict


def fit_model2vec(task: Task) -> Predict:
    """Distil static vectors from the encoder and fit model2vec's classifier, once for each dimension."""
    from model2vec.distill import distill
    from model2vec.train import StaticModelForClassification

    from train.network import base_path

    task.start()
    static = distill(base_path(task.settings["base"]), device="cpu")
    models = {}
    for d in task.schema.dimensions:
        _, texts, targets = task.rows(d)
        answers = [np.flatnonzero(row).tolist() for row in targets] if d.multi else targets.tolist()
        model = StaticModelForClassification.from_static_model(model=static)
        models[d.name] = model.fit(texts, answers, device="cpu", random_seed=task.seed).to_pipeline()
    return lambda examples: {
        d.name: _spread(d, models[d.name].classes_, models[d.name].predict_proba(texts_of(examples)))
        for d in task.schema.dimensions
    }


def fit_embeddings(task: Task) -> Predict:
    """Fit logistic regression on the mean of the frozen encoder's token vectors, once for each dimension."""
    import torch
    from sklearn.linear_model import LogisticRegression
    from sklearn.multiclass import OneVsRestClassifier

    from train.network import load_base

    task.start()
    encoder, tokenizer = load_base(task.settings["base"])
    encode = partial(tokenizer, truncation=True, max_length=task.settings["max_length"], padding=True)

    def embed(texts: list[str]) -> NDArray[np.float32]:
        order = sorted(range(len(texts)), key=lambda n: len(texts[n]))
        found = np.zeros((len(texts), encoder.eval().config.hidden_size), np.float32)
        for start in range(0, len(order), BATCH):
            chosen = order[start : start + BATCH]
            batch = encode([texts[n] for n in chosen], return_tensors="pt")
            mask = batch["attention_mask"].unsqueeze(-1)
            with torch.inference_mode():
                means = (encoder(**batch).last_hidden_state * mask).sum(1) / mask.sum(1)
                found[chosen] = torch.nn.functional.normalize(means).numpy()
        return found

    vectors, heads = embed(texts_of(task.training)), {}
    for d in task.schema.dimensions:
        chosen, _, targets = task.rows(d)
        head = LogisticRegression(class_weight="balanced", max_iter=1000)
        heads[d.name] = (OneVsRestClassifier(head) if d.multi else head).fit(vectors[chosen], targets)

    def predict(examples: Sequence[Example]) -> Logits:
        asked = embed(texts_of(examples))
        return {
            d.name: _spread(d, heads[d.name].classes_, heads[d.name].predict_proba(asked))
            for d in task.schema.dimensions
        }

    return predict


def _spread(d: Dimension, classes: Sequence[int], probabilities: NDArray[Any]) -> NDArray[np.float32]:
    """Turn the probabilities of the labels that training knew into scores of all labels."""
    scores = np.full((len(probabilities), len(d.labels)), -0.5, np.float32)
    scores[:, list(classes)] = np.asarray(probabilities) - 0.5
    return scores
