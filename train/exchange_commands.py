"""The commands that bring labels in and out: ``labels import`` and ``labels export``.

Parse, call, print.
"""

from pathlib import Path
from typing import Any

import click

from newslean.errors import DataError
from train.options import ROOT, label_paths, tell_skipped, texts_option

# Not imported from the room: --help is to load nothing. A test holds both together.
FORMATS = ("labelstudio", "doccano", "prodigy", "argilla", "cas", "webanno", "csv", "tsv", "excel")

_schema = click.option("--schema", type=click.Path(path_type=Path), help="The label set.  [default: beside the labels]")
_rename = click.option(
    "--rename",
    multiple=True,
    metavar="OLD=NEW",
    help="What a label, dimension or column (text, doc, coder) is called here; may be given again.",
)
_split_on = click.option(
    "--split-on", multiple=True, metavar="TEXT", help="Accept two labels in one, parted by this; may be given again."
)
_ignore_column = click.option(
    "--ignore-column", multiple=True, metavar="NAME", help="A column, question or control to leave out; likewise."
)


@click.command("import")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="FILE...")
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Label file, labels/sentences/NAME.jsonl.")
@click.option("--append", is_flag=True, help="Merge into the label file if it is there.")
@click.option("--format", "format_", type=click.Choice(FORMATS), help="Of the files.  [default: guessed, and said]")
@click.option(
    "--coder", "coder", multiple=True, metavar="NAME", help="Who coded, where the file does not tell; OLD=NEW renames."
)
@_rename
@_split_on
@_ignore_column
@click.option(
    "--partial", is_flag=True, help="Leave a dimension open where its one label is missing; in tables, any blank cell."
)
@click.option(
    "--confirmed",
    is_flag=True,
    help="All was confirmed: blanks, and suggestions as they were, count as coded (doccano, CSV, Excel).",
)
@click.option("--doc", default="", help="Article of sentences that name none.  [default: each its own]")
@click.option("--predictions/--no-predictions", default=True, show_default=True, help="Keep models' predictions.")
@click.option("--all-faults", is_flag=True, help="Show all faults, repeats and changes, not only the first of them.")
@_schema
def import_command(files: Any, out: Path, append: bool, schema: Path | None, **options: Any) -> None:
    """Merge what coders did in their tools into a label file.

    Faults of all files are reported at once, and nothing is written then.
    """
    from newslean.schema import read_schema
    from train.exchange.answers import Judge
    from train.exchange.importing import import_labels, render_import
    from train.exchange.reading import Reading
    from train.journal import lock_file

    coders = _pairs([c for c in options["coder"] if "=" in c], "--coder")
    names = [c for c in options["coder"] if "=" not in c]
    if len(names) > 1:
        raise DataError(f"--coder: expected one name for what no coder is named for; found {', '.join(names)}.")
    reading = Reading(
        format=options["format_"] or "",
        coder=names[0] if names else "",
        coders=coders,
        doc=options["doc"],
        confirmed=options["confirmed"],
        predictions=options["predictions"],
    )
    every = options["all_faults"]
    with lock_file(out):
        label_set = read_schema(schema or _schema_beside(out))
        judge = Judge(
            label_set,
            rename=_pairs(options["rename"], "--rename"),
            ignored=options["ignore_column"],
            split_on=options["split_on"],
            partial=options["partial"],
        )
        done = import_labels(files, out, label_set, reading=reading, judge=judge, append=append, all_faults=every)
    click.echo(render_import(done, out, every=every))


@click.command("export")
@click.option("--to", required=True, type=click.Choice(FORMATS), help="The tool's format.")
@click.option("--out", type=click.Path(path_type=Path), help="New file of tasks, of the suffix that the tool reads.")
@click.option(
    "--labels",
    multiple=True,
    type=click.Path(path_type=Path),
    help="Label files or folders; may be given again.  [default: labels]",
)
@click.option(
    "--from",
    "from_",
    multiple=True,
    type=click.Path(path_type=Path),
    help="Sentences to label instead: .jsonl, .txt, .csv, .tsv, .xlsx.",
)
@texts_option
@click.option("--model", type=click.Path(path_type=Path), help="Add what this model predicts, with scores.")
@click.option("--coder", "coders", multiple=True, help="Only this coder's labels; may be given again.")
@click.option(
    "--blind", is_flag=True, help="Without the labels and predictions there are, for a coder who is not to see them."
)
@click.option("--setup", type=click.Path(path_type=Path), help="Also write what sets the tool up with the label set.")
@_rename
@_split_on
@_ignore_column
@_schema
def export_command(to: str, out: Path | None, setup: Path | None, **options: Any) -> None:
    """Write sentences as tasks for a coders' tool, with labels and predictions that are there."""
    from newslean.files import write_file
    from newslean.schema import read_schema
    from train.exchange.exporting import (
        add_predictions,
        choose_coders,
        export_tasks,
        lenient_judge,
        read_rows,
        read_sentences,
    )
    from train.exchange.formats import FORMATS as KNOWN

    paths, beside = label_paths(options["labels"], options["schema"])
    label_set = read_schema(beside)
    if not out and not setup:
        raise DataError("export: expected --out, --setup or both; found neither.")
    if out:
        refuse_place(out, to, option="--to")
    if setup:
        _refuse_setup(setup, [*([out] if out else []), *options["from_"], *options["texts"], *paths, beside])
        write_file(setup, KNOWN[to].setup(label_set))
        click.echo(f"{setup}: the label set for {to}")
    if not out:
        return
    tasks: list[Any] = []
    skipped = 0
    if options["labels"] or not options["from_"]:
        tasks, skipped = read_rows(paths, label_set, texts=options["texts"])
    of_tables = [options["rename"], options["split_on"], options["ignore_column"]]
    if any(of_tables) and not options["from_"]:
        raise DataError("--rename, --split-on, --ignore-column: expected beside --from TABLE; found no --from.")
    if options["from_"]:
        judge = lenient_judge(
            label_set,
            rename=_pairs(options["rename"], "--rename"),
            ignored=options["ignore_column"],
            split_on=options["split_on"],
        )
        tasks += read_sentences(options["from_"], label_set, judge=judge)
    tell_skipped(skipped)
    tasks = choose_coders(tasks, options["coders"], blind=options["blind"])
    if options["model"]:
        tasks = add_predictions(tasks, options["model"], label_set)
    write_file(out, export_tasks(tasks, to, label_set))
    click.echo(f"{out}: {len(tasks):,} tasks for {to}")


def refuse_place(out: Path, tool: str | None, *, option: str) -> None:
    """Refuse to write tasks over a file that is there, under another suffix, or into no folder.

    Parameters
    ----------
    tool : str or None
        The tool whose format it is; None for rows of a label file.
    option : str
        The option that names the tool, for messages.

    Raises
    ------
    DataError
        That says what to do.
    """
    from train.exchange.formats import FORMATS as KNOWN

    if out.exists():
        raise DataError(f"{out}: expected a new file, since tasks may have been coded there; found one. Name another.")
    suffix = KNOWN[tool].suffix if tool else ".jsonl"
    if out.suffix != suffix or not out.parent.is_dir():
        raise DataError(
            f"{out}: expected a {suffix} file in a folder that exists; found another name. Make the folder; for another"
            f" kind of file, give its {option}."
        )


def _refuse_setup(setup: Path, others: list[Path]) -> None:
    """Refuse to write over the tasks, or over what they come from; an older setup file may be replaced."""
    from train.rows import Faults, label_files

    taken = {path.resolve() for path in [*others, *label_files(others, Faults())]}
    if setup.resolve() in taken:
        raise DataError(f"--setup {setup}: expected a file of its own; found one that this command reads or writes.")


def _schema_beside(out: Path) -> Path:
    """Find the label set of the folder that a label file goes into; the project's own, if it has none."""
    # As it is named before where it leads: a folder of label files may be a link to another place.
    places = [place.parent.parent / "schema.toml" for place in (out.absolute(), out.resolve())]
    return next((place for place in places if place.is_file()), ROOT / "labels" / "schema.toml")


def _pairs(values: Any, option: str) -> dict[str, str]:
    found = {}
    for value in values:
        old, equals, new = value.partition("=")
        if not (old and equals and new):
            raise DataError(f"{option} {value}: expected OLD=NEW; found {value!r}.")
        found[old] = new
    return found
