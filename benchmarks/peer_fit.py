"""One way to tag sentences: fitted on a task's rows, asked for its held-out rows, in a process of its own.

Takes a way's name, the task file that peers.py writes, and a seed; prints, as
its last line, the decisions and the seconds that training and predicting took.
Knows newslean's own two ways; the others stand in peer_ways.py.
"""

import json
import os
import sys
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import Any

os.environ["CUDA_VISIBLE_DEVICES"] = ""  # all ways on the processor; said before any of them imports torch
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from peer_ways import (
    BATCH,
    Predict,
    Task,
    fit_embeddings,
    fit_model2vec,
    fit_setfit,
    fit_transformers,
    texts_of,
)

from newslean.calibration import Calibration
from newslean.manifest import Manifest
from newslean.schema import schema_from_dict
from train.calibrate import hard_labels
from train.labels import Example


def read_task(name: str, path: Path, *, seed: int, folder: Path) -> Task:
    """Read a task file for one way."""
    data = json.loads(path.read_text(encoding="utf-8"))
    training, held_out = ([Example(**row) for row in data[part]] for part in ("training", "held_out"))
    schema = schema_from_dict(data["schema"], where=str(path))
    return Task(schema, training, held_out, data["settings"][name], Path(data["label_set"]), seed, folder)


def fit_newslean(task: Task) -> Predict:
    """Fit both models as the trainer does, warm start included, and answer by their mean, through the int8 graph."""
    from newslean.encoding import load_tokenizer
    from newslean.finetuned import GRAPH, Finetuned, open_session
    from newslean.mixed import Mixed
    from train import baseline
    from train.assess import contexts_of
    from train.export import export_onnx, to_int8
    from train.finetune import enough_epochs, finetune
    from train.options import find_grammar
    from train.params import BaselineParams, FinetuneParams
    from train.run import part_authored
    from train.warm import warm_up

    grammar = find_grammar([], task.label_set, task.schema)
    task.start()
    asked = FinetuneParams(**task.settings["params"])
    first, others = part_authored(task.training, asked)
    place = Path(task.settings["warm"] or task.folder)
    say = partial(print, file=sys.stderr)
    params, mixed = warm_up(asked, grammar, task.schema, first, seed=task.seed, place=place, say=say)
    if task.settings["warm"]:
        task.start()
    params = enough_epochs(params, len(others) + len(mixed))
    fit = finetune([*others, *mixed], [], task.schema, params, seed=task.seed, folder=task.folder / "checkpoints")
    export_onnx(fit.network, task.folder / "float.onnx")
    to_int8(task.folder / "float.onnx", task.folder / GRAPH, longest=params.max_length)
    fit.tokenizer.save(str(task.folder / "tokenizer.json"))
    manifest = Manifest(
        kind="finetuned",
        name="newslean",
        version="",
        schema=task.schema,
        calibration=Calibration(),
        splitter="",
        max_length=params.max_length,
        context=params.context,
        late_context=params.late_context,
    )
    tokenizer = load_tokenizer(task.folder / "tokenizer.json", max_length=params.max_length)
    ngrams = baseline.fit_baseline(
        task.training, task.schema, BaselineParams(**task.settings["baseline"]), seed=task.seed
    )
    finetuned = Finetuned(open_session(task.folder / GRAPH), tokenizer, manifest)
    model = Mixed(finetuned, ngrams, dict.fromkeys(task.schema.names, task.settings["mix"]))
    return lambda examples: model.logits(texts_of(examples), contexts_of(examples, params.context))


def fit_baseline(task: Task) -> Predict:
    """Fit the TF-IDF baseline as the trainer does."""
    from train import baseline
    from train.params import BaselineParams

    task.start()
    params = BaselineParams(**task.settings["params"])
    model = baseline.fit_baseline(task.training, task.schema, params, seed=task.seed)
    return lambda examples: model.logits(texts_of(examples), [""] * len(examples))


FITS = {
    "newslean": fit_newslean,
    "baseline": fit_baseline,
    "setfit": fit_setfit,
    "transformers": fit_transformers,
    "model2vec": fit_model2vec,
    "embeddings": fit_embeddings,
}


def run(name: str, task: Task) -> dict[str, Any]:
    """Fit one way, score the held-out rows, and give decisions as 0 and 1 for each label."""
    predict = FITS[name](task)
    trained = time.perf_counter() - task.started
    predict(task.held_out[:BATCH])  # what a library sets up at its first call is not counted
    start = time.perf_counter()
    scores = predict(task.held_out)
    seconds = time.perf_counter() - start
    decisions = {d.name: hard_labels(d, scores[d.name]).astype(int).tolist() for d in task.schema.dimensions}
    return {"decisions": decisions, "train_s": trained, "predict_s": seconds}


def main(name: str, path: str, seed: str) -> None:
    """Do one task and print what came of it."""
    with tempfile.TemporaryDirectory() as folder:
        result = run(name, read_task(name, Path(path), seed=int(seed), folder=Path(folder)))
    print(json.dumps(result))


if __name__ == "__main__":
    main(*sys.argv[1:])
