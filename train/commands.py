"""The commands beside the training itself: search, experiment, measure, and the group of those for labels.

Parse, call, print. Import torch only when one needs it.
"""

import sys
from pathlib import Path
from typing import Any

import click

from newslean.errors import DataError
from train import exchange_commands, label_commands
from train.options import (
    ROOT,
    data_options,
    find_background,
    find_grammar,
    load_models,
    load_taggers,
    params_folder,
    quiet_libraries,
    read_labels,
    read_shares,
    readme_of,
    tell_skipped,
    texts_option,
)

CASES = ROOT / "tests" / "data" / "behaviour.jsonl"


@click.group("labels")
def labels_group() -> None:
    """Look after the labels."""


for _command in (
    exchange_commands.import_command,
    exchange_commands.export_command,
    label_commands.check,
    label_commands.agree,
    label_commands.adjudicate,
    label_commands.migrate,
):
    labels_group.add_command(_command)


@click.command()
@data_options
@click.argument("kind", type=click.Choice(["baseline", "finetuned"]))
@click.option("--trials", default=20, show_default=True, type=click.IntRange(1), help="Trials, old ones included.")
@click.option("--folds", default=3, show_default=True, type=click.IntRange(2), help="Folds to choose by.")
@click.option("--on-split", default="", help="Choose by the rows with this split instead of by folds.")
@click.option("--max-epochs", type=click.IntRange(1), help="Fewer epochs while searching.")
@click.option("--work", default=ROOT / "work" / "studies", type=click.Path(path_type=Path), help="Where studies lie.")
@click.option("--params", type=click.Path(path_type=Path), help="Folder to keep them in.  [default: as training reads]")
def tune(
    kind: str, trials: int, folds: int, on_split: str, max_epochs: int | None, work: Path, params: Any, **data: Any
) -> None:
    """Search for the best parameters; they are kept in train/params, those of another label set in params beside it."""
    seed, into = data.pop("seed"), params_folder(data["labels"], data["schema"], params)
    files, schema = read_labels(**data)
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
        into=into,
        progress=sys.stderr.isatty(),
    )
    click.echo("\n".join(lines))


@click.command()
@data_options
@click.argument("kind", type=click.Choice(["baseline", "finetuned"]))
@click.option("--name", required=True, help="Of the experiment; --against takes it.")
@click.option("--set", "changes", multiple=True, metavar="NAME=VALUE", help="Change a parameter; may be given again.")
@click.option("--source", multiple=True, help="Train on rows of these sources only.  [default: all but the seeds]")
@click.option(
    "--share", multiple=True, metavar="[PATTERN=]SHARE", help="Of articles, or of those so named; may be given again."
)
@click.option("--seeds", default=3, show_default=True, type=click.IntRange(1), help="How many, from --seed on.")
@click.option("--on-split", required=True, help="Measure on the rows with this split.")
@click.option("--against", default="", help="Name of an experiment to compare with.")
@click.option("--work", default=ROOT / "work" / "experiments", type=click.Path(path_type=Path), help="Where fits lie.")
def experiment(kind: str, changes: Any, labels: Any, schema: Any, texts: Any, work: Path, **options: Any) -> None:
    """Fit one setting with several seeds and measure it on rows set aside."""
    from train.experiment import Setting, run_experiment
    from train.params import BaselineParams, FinetuneParams, change_params, read_params_in

    folder = params_folder(labels, schema)
    params = change_params(read_params_in(BaselineParams if kind == "baseline" else FinetuneParams, folder), changes)
    files, label_set = read_labels(labels, schema, texts)
    quiet_libraries()
    name, against, source = options.pop("name"), options.pop("against"), options.pop("source")
    setting = Setting(
        params=params, sources=source, shares=read_shares(options.pop("share"), files.examples), **options
    )
    say = lambda line: click.echo(line, err=True)  # noqa: E731 - a one-line closure
    grammar = find_grammar(labels, schema, label_set)
    click.echo(run_experiment(setting, files, label_set, grammar, name=name, against=against, work=work, say=say))


@click.command()
@click.option("--seed", default=0, show_default=True, help="Of the bootstrap.")
@texts_option
@click.option("--on", required=True, type=click.Path(path_type=Path), multiple=True, help="Labelled file to score.")
@click.option("--model", default=(ROOT / "models" / "current",), multiple=True, type=click.Path(path_type=Path))
@click.option("--split", default="", help="Only the rows with this split.")
@click.option("--unseen", is_flag=True, help="Leave out rows that a model has learnt, and others of their articles.")
@click.option("--natural", is_flag=True, help="Leave out rows that a model chose (sample picked): see labels next.")
@click.option("--schema", type=click.Path(path_type=Path), help="Label set of the files.  [default: beside them]")
@click.option("--out", type=click.Path(path_type=Path), help="Folder for report.json, report.md and the plots.")
def evaluate(
    on: Any, model: Any, split: str, unseen: bool, natural: bool, schema: Path | None, out: Path | None, seed: int,
    texts: Any,
) -> None:  # fmt: skip
    """Score labelled files with stored models and print the full report.

    How many of the rows each model has learnt, by the record in its folder, is told beside it, and how many a model
    chose: on those, labels and errors are not as frequent as in whole articles.

    Where the files have another label set than a model was trained on, the dimensions that both know are scored; a
    label that a model does not know counts as never predicted.
    """
    from train.assess import tag_examples, which_learnt
    from train.common import common_schema, fit_predictions, read_labelled, tell_picked
    from train.evaluate import evaluate as measure
    from train.evaluate import render_report, write_report

    taggers = load_models(model)
    hint = f"Read with the label set of {model[0]}; name the files' own with --schema."
    known = next(iter(taggers.values())).schema
    files, label_set = read_labelled(on, known, texts=texts, schema=schema, hint=hint)
    tell_skipped(files.skipped)
    examples = [e for e in files.examples if split in ("", e.split)]
    if not examples:
        where = f" with split {split!r}" if split else ""
        raise DataError(f"{on[0]}: expected labelled sentences{where} whose text is at hand; found none. See --texts.")
    shared, notes = common_schema(label_set, {name: tagger.schema for name, tagger in taggers.items()})
    stored = {name: (folder, tagger.schema) for folder, (name, tagger) in zip(model, taggers.items(), strict=True)}
    seen, learnt = which_learnt(stored, examples, left_out=unseen)
    for note in (*notes, *learnt):
        click.echo(note, err=True)
    examples = [e for e, saw in zip(examples, seen, strict=True) if not (unseen and saw)]
    if not examples:
        raise DataError(f"{on[0]}: expected sentences that no model has learnt; found none. Name others, with --on.")
    if note := tell_picked(examples, left_out=natural):
        click.echo(note + ("" if natural else " --natural leaves them out."), err=True)
    examples = [e for e in examples if not (natural and e.picked)]
    if not examples:
        raise DataError(f"{on[0]}: expected sentences that no model chose; found none. Name others, with --on.")
    found = [fit_predictions(tag_examples(name, tagger, examples), shared) for name, tagger in taggers.items()]
    report = measure(shared, examples, found, seed=seed)
    if out:
        out.mkdir(parents=True, exist_ok=True)
        write_report(report, examples, found, shared, out)
    click.echo(render_report(report))


@click.command()
@click.option("--on", default=CASES, show_default=True, type=click.Path(path_type=Path), help="File of cases.")
@click.option("--model", default=(ROOT / "models" / "current",), multiple=True, type=click.Path(path_type=Path))
@click.option("--failed", is_flag=True, help="List the cases that fail.")
def behaviour(on: Path, model: Any, failed: bool) -> None:
    """Count the behaviour cases that stored models pass, per capability."""
    from train.behaviour import pass_rates, read_cases, render_rates

    taggers, schema = load_taggers(model)
    report = pass_rates(read_cases(on, schema), taggers)
    click.echo(render_rates(report))
    for name, found in report.items() if failed else ():
        for case in found["failed"]:
            click.echo(
                f"{name}: {case['id']}: expected {case['expected']}; found {case['found']} "
                f"({case['rule']}): {case['text']}"
            )


@click.command()
@data_options
@click.option("--model", default=ROOT / "models" / "current", type=click.Path(path_type=Path), help="Model folder.")
def gate(labels: Any, schema: Any, texts: Any, seed: int, model: Path) -> None:
    """Fit the relevance gate of a model anew: it lets the scoring of dumps skip what can have no label."""
    from newslean.manifest import read_manifest
    from train.gate import fit_gate
    from train.gate_files import add_gate
    from train.promotion import CURRENT
    from train.run import part_rows

    files, label_set = read_labels(labels, schema, texts)
    if not read_manifest(model).schema.asks_like(label_set):
        raise DataError(f"{model}: expected a model of the label set; found one of another. Name its --schema.")
    background = find_background(labels, schema, label_set)
    fit = fit_gate(part_rows(files.examples)[0], label_set, background=background, seed=seed)
    if fit is None:
        raise DataError("labels: expected enough sentences with and without labels to fit a gate; found too few.")
    made = add_gate(model, fit, readme=readme_of(model.parent))
    click.echo(f"{fit.describe()}\n{made}" + (", current now" if model.name == CURRENT else ""))
