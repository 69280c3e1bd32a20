"""The trainer's command line: ``python -m train``.

Parses, calls, prints. Imports torch only when a command needs it.
"""

import sys
from pathlib import Path
from typing import Any

import click

from newslean.errors import NewsleanError
from train import commands, model_commands, next_commands
from train.options import (
    ROOT,
    data_options,
    find_background,
    find_grammar,
    models_option,
    params_folder,
    plain_options,
    quiet_libraries,
    read_labels,
    read_shares,
    read_test,
    readme_of,
)


@click.group(invoke_without_command=True)
@data_options
@models_option
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
@click.option(
    "--test",
    multiple=True,
    type=click.Path(path_type=Path),
    help="Label files to compare the new model with the current one on; never trained on, nor their articles.",
)
@click.option("--only", type=click.Choice(["baseline"]), help="Train the baseline alone.")
@click.option(
    "--start",
    type=click.Choice(["scratch", "current", "auto"]),
    default="scratch",
    show_default=True,
    help="Train all anew, or the current model's network further on what it has not learnt. auto "
    "keeps such an update if it is not worse than the current model, and trains anew if it is or cannot be had. "
    "Without most of the texts that the current model has learnt, an update leaves all of it but the network as it "
    "is, and auto does not train anew after it.",
)
@click.option(
    "--promote",
    type=click.Choice(["auto", "never", "force"]),
    default="auto",
    show_default=True,
    help="Whether the new model becomes models/current; auto: if it is not worse, see above.",
)
@click.option("--no-promote", is_flag=True, help="The same as --promote never.")
@click.option(
    "--curve/--no-curve",
    default=None,
    help="Draw the learning curve afterwards.  [default: unless only new rows were learnt, which hardly move it]",
)
@click.pass_context
def main(context: click.Context, /, **options: Any) -> None:
    """Train on the labels: folds, calibration, export, evaluation, a new model folder.

    Run again after a kill, it goes on where it was.

    The new model is compared with models/current: out of fold, on rows that neither learnt, and on rows set aside (by
    "split" in their file, or with --test). It is worse if the macro-F1 of a dimension or the F1 of a label falls and
    the whole 95 % interval of the difference (paired bootstrap over articles; a label's is wide enough for all labels
    to hold theirs at once) lies below 0; it then does not become models/current, nor does one that nothing can be
    compared on or that lacks a dimension or a label of the current one. The first model always does. Where a dimension
    has other labels than before, those that both models know are compared. All is kept in models/history.jsonl.
    """
    if context.invoked_subcommand is None:
        _train(**options)
    elif given := [n for n in options if context.get_parameter_source(n) is click.core.ParameterSource.COMMANDLINE]:
        names = ", ".join(f"--{name.replace('_', '-')}" for name in given)
        raise click.UsageError(f"{names}: expected behind {context.invoked_subcommand}; found before it.")


def _train(*, curve: bool | None, **options: Any) -> None:
    from train.params import BaselineParams, FinetuneParams, read_params_in
    from train.retrain import Order, retrain
    from train.run import Run, leave_out

    given = dict(options)
    labels, schema, texts, models = (options.pop(name) for name in ("labels", "schema", "texts", "models"))
    files, label_set = read_labels(labels, schema, texts)
    test = read_test(options.pop("test"), label_set, texts)
    files = leave_out(files, test)
    if not options["only"]:
        quiet_libraries()
    folder = params_folder(labels, schema, options.pop("params"))
    run = Run(
        files=files,
        schema=label_set,
        baseline=read_params_in(BaselineParams, folder),
        finetuned=read_params_in(FinetuneParams, folder),
        seed=options["seed"],
        folds=options["folds"],
        work=options["work"],
        models=models,
        say=lambda line: click.echo(line, err=True),
        progress=sys.stderr.isatty(),
        grammar=find_grammar(labels, schema, label_set),
        shares=read_shares(options["share"], files.examples),
        background=find_background(labels, schema, label_set),
        test=test.examples,
    )
    order = Order(
        only=options["only"] or "",
        start=options["start"],
        promote="never" if options["no_promote"] else options["promote"],
        options=plain_options(given, test.hashes),
        readme=readme_of(models),
    )
    path, updated = retrain(run, order)
    if curve or (curve is None and not updated):
        from train.curve import draw_curve

        click.echo(draw_curve(run), err=True)
    click.echo(path)


for _command in (
    commands.labels_group,
    commands.tune,
    commands.experiment,
    commands.evaluate,
    commands.behaviour,
    commands.gate,
    model_commands.models_group,
    model_commands.curve,
):
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
