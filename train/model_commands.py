"""The commands that look after models, and the one that draws the learning curve.

Parse, call, print. Import heavy libraries only when one needs them.
"""

from pathlib import Path
from typing import Any

import click

from newslean.errors import DataError
from train.options import (
    ROOT,
    data_options,
    models_option,
    params_folder,
    read_labels,
    readme_of,
    tell_skipped,
    texts_option,
)


@click.group("models")
def models_group() -> None:
    """Look after the trained models: which is current, and why."""


@models_group.command("list")
@models_option
def list_command(models: Path) -> None:
    """List the versions, the current one marked."""
    from train.versions import list_models

    click.echo(list_models(models))


@models_group.command()
@models_option
@click.argument("version")
def show(models: Path, version: str) -> None:
    """Show what a version was trained on, measured, and what became of it."""
    from train.versions import show_model

    click.echo(show_model(models, version))


@models_group.command()
@models_option
@click.argument("first")
@click.argument("second")
@click.option("--on", multiple=True, type=click.Path(path_type=Path), help="Labelled file to compare both on.")
@texts_option
@click.option("--split", default="", help="Only the rows with this split.")
@click.option("--seed", default=0, show_default=True, help="Of the bootstrap.")
def diff(models: Path, first: str, second: str, on: Any, texts: Any, split: str, seed: int) -> None:
    """Compare two versions: labels, data, parameters, measures and, with --on, their answers label by label.

    Where the file has another label set than a version was trained on, the dimensions that all know are compared; a
    label that a version does not know counts as never predicted. How many rows of FILE a
    version has learnt, `python -m train evaluate --on FILE` says.
    """
    from train.versions import diff_models

    click.echo(diff_models(models, first, second))
    if on:
        click.echo(f"\n## answers\n\n{_answers(models, first, second, on, texts, split, seed)}")


def _answers(models: Path, first: str, second: str, on: Any, texts: Any, split: str, seed: int) -> str:
    from newslean.tagger import Tagger
    from train.assess import tag_examples
    from train.common import common_schema, fit_predictions, read_labelled
    from train.compare import compare, render_comparison
    from train.versions import find_model

    taggers = {name: Tagger.load(find_model(models, name)) for name in (first, second)}
    schemas = {name: tagger.schema for name, tagger in taggers.items()}
    # Where no label set lies beside the rows, the model that knows more is the likelier to know theirs.
    most = max(schemas.values(), key=lambda schema: sum(len(d.labels) for d in schema.dimensions))
    files, label_set = read_labelled(on, most, texts=texts)
    tell_skipped(files.skipped)
    examples = [e for e in files.examples if split in ("", e.split)]
    if not examples:
        raise DataError(f"{on[0]}: expected labelled sentences whose text is at hand; found none. See --texts.")
    schema, notes = common_schema(label_set, schemas)
    for note in notes:
        click.echo(note, err=True)
    answers = [fit_predictions(tag_examples("", taggers[name], examples), schema).labels for name in (first, second)]
    return render_comparison({"--on": compare(schema, examples, *answers, seed=seed)}, names=(first, second))


@models_group.command()
@models_option
@click.argument("version")
@click.option("--reason", required=True, help="Why; kept in history.jsonl.")
def promote(models: Path, version: str, reason: str) -> None:
    """Make a version models/current, whatever the comparison said."""
    _promote(models, version, "promotion", reason)


@models_group.command()
@models_option
@click.argument("version", required=False)
@click.option("--reason", default="rolled back by hand", show_default=True, help="Why; kept in history.jsonl.")
def rollback(models: Path, version: str | None, reason: str) -> None:
    """Make the version before the current one models/current again, or the one named."""
    from train.promotion import finish_promotion
    from train.versions import rollback_target

    finish_promotion(models, readme=readme_of(models))
    _promote(models, version or rollback_target(models), "rollback", reason)


def _promote(models: Path, version: str, event: str, reason: str) -> None:
    from train.promotion import CURRENT, current_name, promote
    from train.versions import find_model

    path = find_model(models, version)
    if path.name in (CURRENT, current_name(models)):
        raise DataError(f"{version}: expected another version than the current one; it is current already.")
    promote(models, path.name, event=event, reason=reason, readme=readme_of(models))
    click.echo(models / CURRENT)


@click.command()
@data_options
@click.option("--params", type=click.Path(path_type=Path), help="Folder of baseline.toml.")
@click.option("--seeds", default=5, show_default=True, type=click.IntRange(2), help="How often articles are drawn.")
@click.option("--work", default=ROOT / "work", type=click.Path(path_type=Path), help="Where results lie.")
@click.option("--out", type=click.Path(path_type=Path), help="Folder for curve.json, curve.md and the plot.")
def curve(labels: Any, schema: Any, texts: Any, seed: int, **options: Any) -> None:
    """Draw the baseline's learning curve, and say which labels would gain most from more examples."""
    from train.curve import write_curve

    files, label_set = read_labels(labels, schema, texts)
    folder = params_folder(labels, schema, options.pop("params"))
    click.echo(write_curve(files, label_set, seed=seed, params=folder, **options))
