"""The trainer's command line: ``python -m train``.

Parses, calls, prints. Imports torch only when a command needs it.
"""

import sys
from pathlib import Path
from typing import Any

import click

from newslean.errors import NewsleanError
from train import commands, next_commands
from train.options import ROOT, data_options, find_grammar, params_folder, quiet_libraries, read_labels


@click.group(invoke_without_command=True)
@data_options
@click.option("--models", default=ROOT / "models", type=click.Path(path_type=Path), help="Where model folders lie.")
@click.option("--work", default=ROOT / "work", type=click.Path(path_type=Path), help="Where stages leave results.")
@click.option(
    "--params",
    type=click.Path(path_type=Path),
    help="Folder of baseline.toml and finetuned.toml.  [default: params beside the label set, or else train/params]",
)
@click.option("--folds", default=5, show_default=True, type=click.IntRange(2), help="Folds, articles kept whole.")
@click.option(
    "--share",
    multiple=True,
    metavar="[PATTERN=]SHARE",
    help="Of articles, or of those so named, to train the transformer on; may be given again.",
)
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
    *,
    labels: Any,
    schema: Any,
    texts: Any,
    seed: int,
    models: Path,
    work: Path,
    params: Any,
    folds: int,
    share: Any,
    promote: bool,
) -> None:
    files, label_set = read_labels(labels, schema, texts)
    from train.params import BaselineParams, FinetuneParams, read_params_in
    from train.pipeline import train
    from train.promotion import promote_model, update_readme
    from train.run import Run, read_shares

    quiet_libraries()
    folder = params_folder(labels, schema, params)
    run = Run(
        files=files,
        schema=label_set,
        baseline=read_params_in(BaselineParams, folder),
        finetuned=read_params_in(FinetuneParams, folder),
        seed=seed,
        folds=folds,
        work=work,
        models=models,
        say=lambda line: click.echo(line, err=True),
        progress=sys.stderr.isatty(),
        grammar=find_grammar(labels, schema, label_set),
        shares=read_shares(share, files.examples),
    )
    path, report = train(run)
    if promote:
        promote_model(path, models / "current")
        if models.resolve() == ROOT / "models":
            update_readme(ROOT / "README.md", report)
    click.echo(path)


for _command in (commands.labels_group, commands.tune, commands.experiment, commands.evaluate, commands.behaviour):
    main.add_command(_command)
next_commands.register(main)


def run() -> None:
    """Run the command; a user's fault is a message and exit code 2."""
    try:
        main.main(prog_name="python -m train", standalone_mode=True)
    except (NewsleanError, OSError) as error:  # OSError: a full disk in the middle of a checkpoint, say
        click.echo(f"python -m train: {error}", err=True)
        sys.exit(2)


if __name__ == "__main__":
    run()
