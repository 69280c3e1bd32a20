"""The commands that look at new text: what to label next, and whether it still looks like the old.

Parse, call, print. Import what they need only when they run.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from newslean.errors import DataError
from train.exchange_commands import FORMATS, refuse_place
from train.options import ROOT, label_paths, texts_option

CURRENT = ROOT / "models" / "current"

text_column_option = click.option(
    "--text-column", metavar="NAME", help="Column or key of the text in a dump.  [default: guessed]"
)


@click.command("next")
@click.option("--seed", default=0, show_default=True, help="The one seed of every random choice.")
@click.option(
    "--labels", multiple=True, type=click.Path(path_type=Path),
    help="Label files or folders whose texts to leave out; may be given again.  [default: labels]",
)  # fmt: skip
@click.option(
    "--from", "sources", required=True, multiple=True, type=click.Path(path_type=Path),
    help="Sentences (.txt: one a line; .jsonl: one a row) or a dump of articles; may be given again.",
)  # fmt: skip
@click.option(
    "--as", "form", default="auto", show_default=True, type=click.Choice(["auto", "sentences", "articles"]),
    help="What the files hold.",
)  # fmt: skip
@text_column_option
@click.option("-n", "--number", default=50, show_default=True, type=click.IntRange(1), help="Sentences to label.")
@click.option(
    "--random", "random_share", default=0.1, show_default=True, type=click.FloatRange(0, 1),
    help="Share drawn at random, to measure on.",
)  # fmt: skip
@click.option(
    "--pool", default=3000, show_default=True, type=click.IntRange(1),
    help="Sentences that the whole model looks at, chosen by the baseline and at random.",
)  # fmt: skip
@click.option("--model", default=CURRENT, type=click.Path(path_type=Path), help="Model.  [default: models/current]")
@click.option(
    "--format", "tool", type=click.Choice(FORMATS),
    help="Write tasks for this tool, as labels export does.  [default: rows of a label file]",
)  # fmt: skip
@click.option("--blind", is_flag=True, help="Without what the model says: for a coder who is not to see it.")
@click.option("--out", required=True, type=click.Path(path_type=Path), help="New file of tasks, .jsonl or as --format.")
def label_next(
    sources: tuple[Path, ...], form: Any, text_column: str | None, model: Path, tool: str | None, blind: bool,
    out: Path, labels: tuple[Path, ...], **options: Any,
) -> None:  # fmt: skip
    """Choose the unlabelled sentences that teach a model most, and write them as tasks.

    Articles are split as the model has it: into sentences, paragraphs, or not at all. What stands in --labels already
    is left out. Rows marked "picked" were chosen for what they teach; those marked "random" were drawn, and only they
    tell how good a model is, or how frequent a label: --random 1 --blind draws a sample to measure on.
    """
    refuse_place(out, tool, option="--format")
    from newslean.files import write_file
    from newslean.tagger import Tagger
    from train.candidates import labelled_hashes, read_candidates
    from train.suggest import Wish, suggest

    rejected: list[str] = []

    def reject(what: Any) -> None:  # told at once, for an input of which nothing can be read ends in an error
        rejected.append(f"{what.source}: {what.position}: {what.reason}")
        if len(rejected) <= 10:
            _tell(f"rejected {rejected[-1]}")

    wish = Wish(**options)
    tagger = Tagger.load(model)
    paths = label_paths(labels, None)[0]
    label_set = _label_set(paths, tagger.schema) if tool else tagger.schema
    known = labelled_hashes(paths)
    candidates = read_candidates(
        sources,
        form=form,
        unit=tagger.schema.unit,
        text_column=text_column,
        on_note=_tell,
        on_reject=reject,
    )
    rows = suggest(candidates, tagger, wish, labelled=known)
    if blind:
        rows = [{key: value for key, value in row.items() if key not in ("predictions", "why")} for row in rows]
    write_file(out, _content(rows, tool, label_set))
    if len(rejected) > 10:
        _tell(f"... and {len(rejected) - 10:,} more rejected")
    drawn = sum(row["sample"] == "random" for row in rows)
    fewer = f"; asked for {wish.number:,}: there are no more that differ" if len(rows) < wish.number else ""
    click.echo(f"{out}: {len(rows):,} {tagger.schema.unit}s to label, {drawn:,} of them drawn at random{fewer}")


def _label_set(paths: Sequence[Path], known: Any) -> Any:
    """Find the label set that tasks are coded by: the one beside the labels, which may know more than the model."""
    from newslean.schema import read_schema
    from train.common import schema_beside

    path = schema_beside(paths)
    found = read_schema(path) if path else known
    if found.unit != known.unit or not {*found.names} & {*known.names}:
        raise DataError(
            f"{path}: expected the label set of the model: {', '.join(known.names)}, of each {known.unit}; found "
            f"{', '.join(found.names)}, of each {found.unit}. Name the folder of the model's labels with --labels."
        )
    return found


def _content(rows: Sequence[dict[str, Any]], tool: str | None, label_set: Any) -> bytes:
    """Give chosen sentences as the bytes of a file: rows of a label file, or tasks for a tool."""
    if tool is None:
        return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()
    from train.exchange.exporting import export_tasks
    from train.exchange.task import task_of

    return export_tasks([task_of(row, label_set) for row in rows], tool, label_set)


@click.command()
@click.argument("reference", type=click.Path(path_type=Path))
@click.argument("new", type=click.Path(path_type=Path))
@click.option("--model", default=CURRENT, type=click.Path(path_type=Path), help="Model.  [default: models/current]")
@texts_option
@text_column_option
@click.option("--seed", default=0, show_default=True, help="Of the bootstrap.")
@click.option("--json", "as_json", is_flag=True, help="Print data instead of a report.")
def drift(reference: Path, new: Path, model: Path, as_json: bool, **options: Any) -> None:
    """Say whether NEW still looks like REFERENCE, and whether it is time to label again.

    REFERENCE: a model folder (the summary of its own training), or what NEW may be. NEW: results of predict.py
    --format json, scored rows (.jsonl, .parquet), labels, or articles, which are scored now: a dump or a folder of
    files, or a .txt with a text a line, as labels next reads it: each line counts as an article. Under 20 articles on
    either side there is no verdict.

    PSI 0.1 to 0.25 and beyond chance: watch; more: label again (Siddiqi 2006). Confidence down by 5 points, or 5 points
    more unknown words: label again. Shares of labels are corrected for the model's errors by adjusted counts (Forman
    2008), and by expectation maximisation (Saerens et al. 2002).
    """
    from newslean.tagger import Tagger
    from train.drift import measure_drift
    from train.drift_verdict import judge, render_drift

    report = measure_drift(reference, new, Tagger.load(model), model=model, on_note=_tell, **options)
    report |= judge(report)
    click.echo(json.dumps(report, ensure_ascii=False, indent=1) if as_json else render_drift(report))


def _tell(line: str) -> None:
    click.echo(line, err=True)


def register(main: click.Group) -> None:
    """Add the commands to the trainer's."""
    main.add_command(drift)
    main.commands["labels"].add_command(label_next)  # type: ignore[attr-defined]
