"""What the trainer's commands share: options, and reading what they name.

Parses and reads; trains and measures nothing.
"""

from collections.abc import Callable, Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import click

from newslean.errors import DataError

ROOT = Path(__file__).resolve().parent.parent

models_option = click.option(
    "--models", default=ROOT / "models", type=click.Path(path_type=Path), help="Where model folders lie."
)
texts_option = click.option(
    "--texts",
    multiple=True,
    type=click.Path(path_type=Path),
    help='Texts of rows that hold a hash; a "before" in them is a text too. May be given again.',
)


def data_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that say which labels are meant."""
    for option in (
        click.option("--seed", default=0, show_default=True, help="The one seed of every random choice."),
        texts_option,
        click.option("--schema", type=click.Path(path_type=Path), help="The label set.  [default: beside the labels]"),
        click.option(
            "--labels",
            multiple=True,
            type=click.Path(path_type=Path),
            help="Label files or folders; may be given again.  [default: labels]",
        ),
    ):
        command = option(command)
    return command


def load_models(models: tuple[Path, ...]) -> dict[str, Any]:
    """Load models to compare, by name and version."""
    from newslean.tagger import Tagger

    taggers = [Tagger.load(path) for path in models]
    names = [f"{t.manifest.name} {t.manifest.version}" for t in taggers]
    if len({*names}) < len(names):
        raise DataError(f"--model: expected different models to compare; found {', '.join(names)}. Name each once.")
    return dict(zip(names, taggers, strict=True))


def load_taggers(models: tuple[Path, ...]) -> tuple[dict[str, Any], Any]:
    """Load models to compare, by name and version, and the schema that they share."""
    taggers = load_models(models)
    schema = next(iter(taggers.values())).schema
    if not all(tagger.schema.asks_like(schema) for tagger in taggers.values()):
        raise DataError(
            "--model: expected models of one schema to compare; found different ones. Score them one by one."
        )
    return taggers, schema


def label_paths(labels: Any, schema: Path | None) -> tuple[list[Path], Path]:
    """Say which label files are meant, and which label set: the one beside them, if none is named."""
    from train.common import schema_beside

    paths = list(labels) or [ROOT / "labels"]
    folders_first = sorted(paths, key=lambda path: not path.is_dir())
    return paths, schema or schema_beside(folders_first) or ROOT / "labels" / "schema.toml"


def params_folder(labels: Any, schema: Path | None, given: Path | None = None) -> Path:
    """Say where the parameters for a label set lie: beside it, but for the project's own."""
    from train.params import PARAMS

    beside = label_paths(labels, schema)[1].parent
    return given or (PARAMS if beside.resolve() == ROOT / "labels" else beside / "params")


def read_labels(labels: Any, schema: Path | None, texts: Any) -> tuple[Any, Any]:
    """Read the label files that are meant, and their label set."""
    from newslean.schema import read_schema
    from train.labels import read_examples

    paths, path = label_paths(labels, schema)
    label_set = read_schema(path)
    files = read_examples(paths, label_set, texts=texts)
    tell_skipped(files.skipped)
    return files, label_set


def read_test(paths: Sequence[Path], schema: Any, texts: Any) -> Any:
    """Read label files that are only for comparison; none give no rows."""
    from train.labels import LabelFiles, read_examples

    if not paths:
        return LabelFiles([], 0, {}, [])
    files = read_examples(paths, schema, texts=texts)
    tell_skipped(files.skipped)
    return files


def readme_of(models: Path) -> Path | None:
    """Name the README whose table follows the models of a folder; None unless it is the repository's own."""
    return ROOT / "README.md" if models.resolve() == ROOT / "models" else None


def plain_options(options: Mapping[str, Any], test: Mapping[str, str]) -> dict[str, Any]:
    """Give options as the history keeps them: of paths only the name, of test files the hash too."""

    def plain(value: Any) -> Any:
        if isinstance(value, list | tuple):
            return [plain(item) for item in value]
        return value.name if isinstance(value, Path) else value

    kept = {name: plain(value) for name, value in options.items() if value not in (None, (), False)}
    return {**kept, **({"test": dict(test)} if test else {})}


def find_grammar(labels: Any, schema: Path | None, label_set: Any) -> Any:
    """Read the grammar that lies beside the label set; None if there is none."""
    from train.grammar import read_grammar

    folder = label_paths(labels, schema)[1].parent / "grammar"
    return read_grammar(folder, label_set) if folder.is_dir() else None


def find_background(labels: Any, schema: Path | None, label_set: Any) -> Any:
    """Read the ordinary news that lies beside the label set, for the relevance gate; nothing if there is none."""
    from train.labels import read_examples

    path = label_paths(labels, schema)[1].parent / "background.jsonl"
    return read_examples([path], label_set).examples if path.is_file() else []


def tell_skipped(skipped: int) -> None:
    """Say how many rows are of no use, for want of their text."""
    if skipped:
        click.echo(f"{skipped:,} rows skipped: their text is not at hand (give it with --texts)", err=True)


def quiet_libraries() -> None:
    """Keep the libraries' own chatter and look-ups off the user's screen."""
    import logging
    import os

    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    import datasets
    import optuna
    import transformers

    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    datasets.disable_progress_bars()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    for name in ("torch.onnx", "torch.onnx._internal.exporter._registration", "onnxscript", "root"):
        logging.getLogger(name).setLevel(logging.ERROR)


def read_shares(values: Sequence[str], examples: Sequence[Any]) -> dict[str, float]:
    """Read shares given as ``0.5`` (of all articles) or ``pool-*=0.5`` (of those so named).

    Raises
    ------
    DataError
        If a share is no number from 0 to 1, or a pattern names no article of the examples.
    """
    shares: dict[str, float] = {}
    for value in values:
        pattern, _, number = value.rpartition("=")
        pattern = pattern or "*"
        try:
            share = float(number)
        except ValueError:
            share = -1.0
        if not 0 <= share <= 1:
            raise DataError(f"--share {value}: expected a number from 0 to 1, or PATTERN=NUMBER; found {number!r}.")
        if not any(fnmatchcase(e.doc, pattern) for e in examples):
            raise DataError(f"--share {value}: expected articles so named; found none.")
        shares.pop(pattern, None)  # given again, it counts as the last
        shares[pattern] = share
    return shares
