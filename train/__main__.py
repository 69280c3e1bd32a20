"""The trainer's command line: ``python -m train``.

Parses, calls, prints. Imports torch only when a command needs it.
"""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from newslean.errors import DataError, NewsleanError

ROOT = Path(__file__).resolve().parent.parent


def data_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that say which labels are meant."""
    for option in (
        click.option("--seed", default=0, show_default=True, help="The one seed of every random choice."),
        click.option("--texts", multiple=True, type=click.Path(path_type=Path), help="Texts of rows that hold a hash."),
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


@click.group(invoke_without_command=True)
@data_options
@click.option("--models", default=ROOT / "models", type=click.Path(path_type=Path), help="Where model folders lie.")
@click.option("--work", default=ROOT / "work", type=click.Path(path_type=Path), help="Where stages leave results.")
@click.option("--params", type=click.Path(path_type=Path), help="Folder of baseline.toml and finetuned.toml.")
@click.option("--folds", default=5, show_default=True, type=click.IntRange(2), help="Folds, articles kept whole.")
@click.option("--promote/--no-promote", default=True, show_default=True, help="Make it models/current.")
@click.pass_context
def main(context: click.Context, /, **options: Any) -> None:
    """Train on the labels: folds, calibration, export, evaluation, a new model folder.

    Run again after a kill, it goes on where it was.
    """
    if context.invoked_subcommand is None:
        _train(**options)
    elif given := [n for n in options if context.get_parameter_source(n) is click.core.ParameterSource.COMMANDLINE]:
        names = ", ".join(f"--{name}" for name in given)
        raise click.UsageError(f"{names}: expected behind {context.invoked_subcommand}; found before it.")


def _train(
    *, labels: Any, schema: Any, texts: Any, seed: int, models: Path, work: Path, params: Any, folds: int, promote: bool
) -> None:
    files, label_set = _read(labels, schema, texts)
    from train.params import BaselineParams, FinetuneParams, read_params
    from train.pipeline import train
    from train.promotion import promote_model, update_readme
    from train.run import Run

    quiet_libraries()
    folder = params or Path(__file__).parent / "params"
    run = Run(
        files=files,
        schema=label_set,
        baseline=read_params(BaselineParams, folder / "baseline.toml"),
        finetuned=read_params(FinetuneParams, folder / "finetuned.toml"),
        seed=seed,
        folds=folds,
        work=work,
        models=models,
        say=lambda line: click.echo(line, err=True),
        progress=sys.stderr.isatty(),
    )
    path, report = train(run)
    if promote:
        promote_model(path, models / "current")
        if models.resolve() == ROOT / "models":
            update_readme(ROOT / "README.md", report)
    click.echo(path)


@main.group("labels")
def labels_group() -> None:
    """Look after the labels."""


@labels_group.command("check")
@data_options
@click.option("--json", "as_json", is_flag=True, help="Print data instead of a report.")
def check(labels: Any, schema: Any, texts: Any, seed: int, as_json: bool) -> None:
    """Validate every row; print counts and the coders' agreement."""
    import json

    from newslean.schema import read_schema
    from train.check import check_labels, render_check

    paths, path = _paths(labels, schema)
    result = check_labels(paths, read_schema(path), texts=texts, seed=seed)
    click.echo(json.dumps(result, indent=1) if as_json else render_check(result))


@main.command()
@data_options
@click.argument("kind", type=click.Choice(["baseline", "finetuned"]))
@click.option("--trials", default=20, show_default=True, type=click.IntRange(1), help="Trials, old ones included.")
@click.option("--folds", default=3, show_default=True, type=click.IntRange(2), help="Folds to choose by.")
@click.option("--on-split", default="", help="Choose by the rows with this split instead of by folds.")
@click.option("--max-epochs", type=click.IntRange(1), help="Fewer epochs while searching.")
@click.option("--work", default=ROOT / "work" / "studies", type=click.Path(path_type=Path), help="Where studies lie.")
def tune(kind: str, trials: int, folds: int, on_split: str, max_epochs: int | None, work: Path, **data: Any) -> None:
    """Search for the best parameters; they are kept in train/params."""
    seed = data.pop("seed")
    files, schema = _read(**data)
    from train.tuning import tune_params

    quiet_libraries()
    lines = tune_params(
        kind,
        files,
        schema,
        trials=trials,
        folds=folds,
        on_split=on_split,
        max_epochs=max_epochs,
        seed=seed,
        folder=work,
        progress=sys.stderr.isatty(),
    )
    click.echo("\n".join(lines))


@main.command()
@click.option("--seed", default=0, show_default=True, help="Of the bootstrap.")
@click.option("--texts", multiple=True, type=click.Path(path_type=Path), help="Texts of rows that hold a hash.")
@click.option("--on", required=True, type=click.Path(path_type=Path), multiple=True, help="Labelled file to score.")
@click.option("--model", default=(ROOT / "models" / "current",), multiple=True, type=click.Path(path_type=Path))
@click.option("--split", default="", help="Only the rows with this split.")
@click.option("--out", type=click.Path(path_type=Path), help="Folder for report.json, report.md and the plots.")
def evaluate(on: Any, model: Any, split: str, out: Path | None, seed: int, texts: Any) -> None:
    """Score labelled files with stored models and print the full report."""
    from newslean.tagger import Tagger
    from train.assess import tag_examples
    from train.evaluate import evaluate as measure
    from train.evaluate import render_report, write_report
    from train.labels import read_examples

    taggers = [Tagger.load(path) for path in model]
    schema = taggers[0].schema
    if any(tagger.schema.dimensions != schema.dimensions for tagger in taggers):
        raise DataError(
            "--model: expected models of one schema to compare; found different ones. Score them one by one."
        )
    names = [f"{t.manifest.name} {t.manifest.version}" for t in taggers]
    if len({*names}) < len(names):
        raise DataError(f"--model: expected different models to compare; found {', '.join(names)}. Name each once.")
    files = read_examples(on, schema, texts=texts)
    _tell_skipped(files.skipped)
    examples = [e for e in files.examples if split in ("", e.split)]
    if not examples:
        where = f" with split {split!r}" if split else ""
        raise DataError(f"{on[0]}: expected labelled sentences{where} whose text is at hand; found none. See --texts.")
    found = [tag_examples(name, tagger, examples) for name, tagger in zip(names, taggers, strict=True)]
    report = measure(schema, examples, found, seed=seed)
    if out:
        out.mkdir(parents=True, exist_ok=True)
        write_report(report, examples, found, schema, out)
    click.echo(render_report(report))


def _paths(labels: Any, schema: Path | None) -> tuple[list[Path], Path]:
    paths = list(labels) or [ROOT / "labels"]
    beside = [path / "schema.toml" for path in paths if (path / "schema.toml").is_file()]
    return paths, schema or (beside[0] if beside else ROOT / "labels" / "schema.toml")


def _read(labels: Any, schema: Path | None, texts: Any) -> tuple[Any, Any]:
    from newslean.schema import read_schema
    from train.labels import read_examples

    paths, path = _paths(labels, schema)
    label_set = read_schema(path)
    files = read_examples(paths, label_set, texts=texts)
    _tell_skipped(files.skipped)
    return files, label_set


def _tell_skipped(skipped: int) -> None:
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
    for name in ("torch.onnx", "onnxscript", "root"):
        logging.getLogger(name if name != "root" else None).setLevel(logging.ERROR)


def run() -> None:
    """Run the command; a user's fault is a message and exit code 2."""
    try:
        main.main(prog_name="python -m train", standalone_mode=True)
    except (NewsleanError, OSError) as error:  # OSError: a full disk in the middle of a checkpoint, say
        click.echo(f"python -m train: {error}", err=True)
        sys.exit(2)


if __name__ == "__main__":
    run()
