"""The commands that look after labels: check, agree, adjudicate, migrate.

Parse, call, print.
"""

import json
import sys
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import click

from newslean.errors import DataError
from train.options import ROOT, data_options, label_paths, params_folder, tell_skipped, texts_option


@click.command()
@data_options
@click.option("--json", "as_json", is_flag=True, help="Print data instead of a report.")
@click.option("--support", default=30, show_default=True, type=click.IntRange(0), help="Rows that a label should have.")
@click.option(
    "--errors", default=0, type=click.IntRange(0), help="List so many likely label errors per dimension; takes minutes."
)
@click.option("--near/--no-near", default=True, show_default=True, help="Look for near-duplicates.")
def check(
    labels: Any, schema: Any, texts: Any, seed: int, as_json: bool, support: int, errors: int, near: bool
) -> None:
    """Validate every row; print counts and what is doubtful.

    Counts per label, labels with few rows, labels that schema and codebook do not share, texts that stand twice or
    almost twice, and, with --errors, labels that a baseline doubts.
    """
    from newslean.schema import read_schema
    from train.check import check_labels
    from train.check_report import render_check
    from train.params import BaselineParams, read_params_in

    paths, path = label_paths(labels, schema)
    result = check_labels(
        paths,
        read_schema(path),
        texts=texts,
        folder=path.parent,
        near=near,
        support=support,
        errors=errors,
        params=read_params_in(BaselineParams, params_folder(labels, schema)) if errors else None,
        hidden=as_json or not sys.stdout.isatty(),
        seed=seed,
    )
    click.echo(json.dumps(result, indent=1) if as_json else render_check(result))


@click.command()
@data_options
@click.option("--json", "as_json", is_flag=True, help="Print data instead of a report.")
@click.option("--disputed", default=10, show_default=True, type=click.IntRange(0), help="Disputed sentences to list.")
@click.option("--coder", "coders", multiple=True, help="Compare these coders only; may be given again.")
def agree(labels: Any, schema: Any, texts: Any, seed: int, as_json: bool, disputed: int, coders: Any) -> None:
    """Measure how far coders agree, and list what they dispute.

    Percent, Cohen's kappa (two coders) or Fleiss' kappa (more) and Krippendorff's alpha with bootstrap intervals over
    articles, per dimension and label; the most disputed sentences first. Coders may have left out rows.
    """
    from newslean.schema import read_schema
    from train.agree import agree_labels, render_agree

    paths, path = label_paths(labels, schema)
    result = agree_labels(
        paths,
        read_schema(path),
        texts=texts,
        coders=list(coders) or None,
        disputed=disputed,
        hidden=as_json or not sys.stdout.isatty(),
        seed=seed,
    )
    click.echo(json.dumps(result, indent=1) if as_json else render_agree(result))


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--schema", type=click.Path(path_type=Path), help="The label set.  [default: beside the file]")
@texts_option
@click.option("--reason", "reasons", is_flag=True, help="Want a reason for every decision.")
def adjudicate(file: Path, schema: Path | None, texts: Any, reasons: bool) -> None:
    """Settle what coders dispute, one sentence after the other.

    One key chooses a label; where several may be true, keys toggle and Enter accepts. u takes back, s skips, q quits.
    Each decision is written into FILE at once, as the coder 'adjudicated' with its reason; started again, it goes on
    where it was.
    """
    from newslean.schema import read_schema
    from train.adjudicate import Adjudication
    from train.common import schema_beside
    from train.dialogue import Dialogue, Keys

    path = schema or schema_beside([file]) or ROOT / "labels" / "schema.toml"
    work = Adjudication(file, read_schema(path), texts=texts)
    tell_skipped(work.skipped)
    Dialogue(work, Keys(), hidden=not sys.stdout.isatty(), reasons=reasons, say=click.echo).run()


@click.command()
@click.option("--labels", "folder", default=ROOT / "labels", type=click.Path(path_type=Path), help="Labels folder.")
@click.option("--rename", multiple=True, metavar="DIM:LABEL=NEW", help="Rename a label; DIM=NEW renames a dimension.")
@click.option("--merge", multiple=True, metavar="DIM:A,B=NEW", help="Make one label of several.")
@click.option(
    "--drop", multiple=True, metavar="DIM:LABEL[=OTHER]", help="Drop a label, or give its rows another; DIM drops all."
)
@click.option("--dry-run", is_flag=True, help="Show what would change; write nothing.")
def migrate(folder: Path, rename: Any, merge: Any, drop: Any, dry_run: bool) -> None:
    """Change the label set and all rows with it.

    Options may be given again; renames come first, then merges, then drops. schema.toml, sentences/*.jsonl and the
    grammar are replaced as one: if this is cut short, the same command finishes it; if another migration of the folder
    or an import into it is under way, this waits for its end. A label or a dimension that is
    added needs no migration: write it into schema.toml, and label rows.
    """
    from train.changes import read_change
    from train.journal import lock_folder

    changes = [read_change("rename", value) for value in rename]
    changes += [read_change("merge", value) for value in merge]
    changes += [read_change("drop", value) for value in drop]
    with nullcontext() if dry_run or not folder.is_dir() else lock_folder(folder):
        _migrate(folder, changes, dry_run=dry_run)


def _migrate(folder: Path, changes: list[Any], *, dry_run: bool) -> None:
    from train.journal import finish, is_half_done, read_journal
    from train.migrate import plan_migration, run_migration

    if is_half_done(folder):
        if dry_run:
            raise DataError(f"{folder}: a migration was cut short ({read_journal(folder).note}). Finish it first.")
        done = finish(folder)
        click.echo(f"{folder}: finished what was cut short: {done.note}")
        if not changes or done.note == " ".join(map(str, changes)):
            return
    if not changes:
        raise DataError("labels migrate: expected --rename, --merge or --drop; found none.")
    plan = plan_migration(folder, changes)
    if not dry_run:
        run_migration(plan)
    would = "would change" if dry_run else "changed"
    for name in plan.texts:
        click.echo(f"{folder / name}: {would}")
    for name, (changed, rows) in plan.rows.items():
        click.echo(f"{folder / name}: {changed:,} of {rows:,} rows {would}")
    for place in plan.mentions:
        click.echo(f"{place}: for you to edit")
