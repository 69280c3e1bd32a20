"""Real things, made tiny: a label set, an encoder, and models trained on them by the real pipeline.

Every sentence is invented. The label set is not the project's own: the code must work with any.
"""

import io
import json
import logging
import os
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

# Nothing here may look for a model on the network. Set before any library reads them.
os.environ["HF_HUB_OFFLINE"] = os.environ["TRANSFORMERS_OFFLINE"] = "1"
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
os.environ.setdefault("OMP_NUM_THREADS", "1")  # more threads only slow down a network this small
logging.getLogger("torch.__trace").propagate = False  # thousands of lines an export, which pytest would keep

SCHEMA = {
    "dimensions": [
        {"name": "topic", "kind": "multi", "labels": ["metals", "weather"]},
        {
            "name": "mood",
            "kind": "single",
            "labels": ["rise", "fall", "mixed", "flat"],
            "neutral": "flat",
            "opposites": [["rise", "fall"]],
        },
    ]
}
SCHEMA_TOML = """
[[dimensions]]
name = "topic"
kind = "multi"
labels = ["metals", "weather"]

[[dimensions]]
name = "mood"
kind = "single"
labels = ["rise", "fall", "mixed", "flat"]
neutral = "flat"
opposites = [["rise", "fall"]]
"""
TOWNS = ("Arlen", "Borva", "Cimbel", "Dorsk", "Elmira", "Fennick", "Garth", "Holm", "Istra", "Jorvik")
ROWS = (
    ("Copper and zinc climbed in {town} as buyers paid more.", ["metals"], "rise"),
    ("Zinc then slumped in {town} when the smelter closed.", ["metals"], "fall"),
    ("Rain fell on the {town} harbour for most of the week.", ["weather"], "flat"),
    ("The mayor of {town} opened a library near the old bridge.", [], "flat"),
    ("Storms in {town} drowned the copper mine and prices slumped.", ["metals", "weather"], "fall"),
    ("Tin climbed in {town} while nickel slumped on the same day.", ["metals"], "mixed"),
)


def label_row(doc: int, n: int) -> dict[str, Any]:
    """Row of a label file: documents 0 and 1 are seed articles, the last one is set aside."""
    text, topic, mood = ROWS[n]
    row = {"doc": f"paper-{doc}", "n": n, "text": text.format(town=TOWNS[doc]), "source": "seed" if doc < 2 else "user"}
    return {**row, "labels": {"topic": topic, "mood": mood}, **({"split": "test"} if doc == 8 else {})}


@pytest.fixture
def stdin(monkeypatch: pytest.MonkeyPatch) -> Callable[[bytes], None]:
    """Put bytes on standard input."""
    return lambda data: monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(data)))


@pytest.fixture(scope="session")
def schema():
    from newslean.schema import schema_from_dict

    return schema_from_dict(SCHEMA, where="test")


@pytest.fixture(scope="session")
def label_rows() -> list[dict[str, Any]]:
    """Nine articles of six sentences; one row has no mood."""
    rows = [label_row(doc, n) for doc in range(9) for n in range(6)]
    del rows[20]["labels"]["mood"]
    return rows


@pytest.fixture(scope="session")
def label_folder(tmp_path_factory: pytest.TempPathFactory, label_rows: list[dict[str, Any]]) -> Path:
    folder = tmp_path_factory.mktemp("labels")
    (folder / "sentences").mkdir()
    (folder / "schema.toml").write_text(SCHEMA_TOML, encoding="utf-8")
    lines = "".join(json.dumps(row) + "\n" for row in label_rows)
    (folder / "sentences" / "tiny.jsonl").write_text(lines, encoding="utf-8")
    return folder


@pytest.fixture(scope="session")
def examples(label_folder: Path, schema):
    from train.labels import read_examples

    return read_examples([label_folder], schema).examples


@pytest.fixture(scope="session")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A BERT of two small layers with its WordPiece tokenizer, as a Hugging Face folder."""
    import torch
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers
    from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))  # noqa: S106 - no password
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    texts = [text.format(town=town) for text, *_ in ROWS for town in TOWNS]
    tokenizer.train_from_iterator(texts, trainers.WordPieceTrainer(vocab_size=400, special_tokens=special))
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        **{f"{name}_token": f"[{name.upper()}]" for name in ("pad", "unk", "cls", "sep", "mask")},
    )
    config = BertConfig(
        vocab_size=tokenizer.get_vocab_size(),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=64,
    )
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("encoder")
    BertModel(config).save_pretrained(folder)
    fast.save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def params(encoder: Path):
    """Parameters that overfit the tiny set in about a second."""
    from train.params import FinetuneParams

    return FinetuneParams(
        base=str(encoder),
        max_length=32,
        epochs=8,
        patience=8,
        batch_size=8,
        learning_rate=2e-3,
        head_learning_rate=1e-2,
        dropout=0.0,
        label_smoothing=0.0,
        freeze_embeddings=False,
    )


@pytest.fixture(scope="session")
def make_run(label_folder: Path, schema, params) -> Callable[..., Any]:
    """Make a training run with its work and models under a folder."""
    from train.labels import read_examples
    from train.params import BaselineParams
    from train.run import Run

    def make(place: Path, **changes: Any) -> Run:
        settings = {
            "files": read_examples([label_folder], schema),
            "schema": schema,
            "baseline": BaselineParams(char_ngrams=3),
            "finetuned": params,
            "seed": 3,
            "folds": 2,
            "work": place / "work",
            "models": place / "models",
            "say": lambda line: None,
        }
        return Run(**{**settings, **changes})

    return make


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory, make_run) -> SimpleNamespace:
    """The real pipeline's models: ``path``, ``baseline``, the ``report``, the ``run`` and the ``lines`` it said."""
    from train.__main__ import quiet_libraries
    from train.pipeline import train

    quiet_libraries()
    lines: list[str] = []
    run = make_run(tmp_path_factory.mktemp("trained"), say=lines.append)
    path, report = train(run)
    baseline = path.with_name(f"{path.name}-baseline")
    return SimpleNamespace(path=path, baseline=baseline, report=report, run=run, lines=lines)


@pytest.fixture
def undrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave the plots out of the reports of a tiny run, which takes most of its time to draw them."""
    monkeypatch.setattr("train.evaluate.draw_all", lambda report: iter(()))


@pytest.fixture
def model_folder(trained: SimpleNamespace, tmp_path: Path) -> Path:
    """A fine-tuned model that a test may damage."""
    return _copy(trained.path, tmp_path / "model")


@pytest.fixture
def baseline_folder(trained: SimpleNamespace, tmp_path: Path) -> Path:
    """A baseline model that a test may damage."""
    return _copy(trained.baseline, tmp_path / "baseline-model")


def _copy(source: Path, target: Path) -> Path:
    from shutil import copytree

    return Path(copytree(source, target))
