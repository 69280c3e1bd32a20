"""The commands that look at new text: what to label next, and whether it still looks like the old.

Parse, call, print. Import what they need only when they run.
"""

from pathlib import Path
from typing import Any

import click

from newslean.errors import DataError
from train.options import ROOT, label_paths

CURRENT = ROOT / "models" / "current"


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
@click.option("--out", required=True, type=click.Path(path_type=Path), help="New .jsonl file of tasks.")
def label_next(
    sources: tuple[Path, ...], form: Any, model: Path, out: Path, labels: tuple[Path, ...], **options: Any
) -> None:
    """Choose the unlabelled sentences that teach a model most, and write them as tasks.

    Articles are split as the model has it: into sentences, paragraphs, or not at all. What stands in --labels already
    is left out. Rows marked "picked" were chosen for what they teach; those marked
    "random" were drawn, and only they tell how good a model is.
    """
    if out.exists():
        raise DataError(f"{out}: expected a new file, since tasks may have been coded there; found one. Name another.")
    if out.suffix != ".jsonl" or not out.parent.is_dir():
        raise DataError(f"{out}: expected a .jsonl file in a folder that exists; found another name. Make the folder.")
    import json

    from newslean.files import write_file
    from newslean.tagger import Tagger
    from train.candidates import labelled_hashes, read_candidates
    from train.suggest import Wish, suggest

    rejected: list[str] = []
    tagger = Tagger.load(model)
    known = labelled_hashes(label_paths(labels, None)[0])
    candidates = read_candidates(
        sources,
        form=form,
        unit=tagger.schema.unit,
        on_note=_tell,
        on_reject=lambda r: rejected.append(f"{r.source}: {r.position}: {r.reason}"),
    )
    rows = suggest(candidates, tagger, Wish(**options), labelled=known)
    write_file(out, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))
    for line in rejected[:10]:
        _tell(f"rejected {line}")
    if len(rejected) > 10:
        _tell(f"... and {len(rejected) - 10:,} more rejected")
    number = options["number"]
    drawn = sum(row["sample"] == "random" for row in rows)
    fewer = f"; asked for {number:,}: there are no more that differ" if len(rows) < number else ""
    click.echo(f"{out}: {len(rows):,} {tagger.schema.unit}s to label, {drawn:,} of them drawn at random{fewer}")


@click.command()
@click.argument("reference", type=click.Path(path_type=Path))
@click.argument("new", type=click.Path(path_type=Path))
@click.option("--model", default=CURRENT, type=click.Path(path_type=Path), help="Model.  [default: models/current]")
@click.option("--texts", multiple=True, type=click.Path(path_type=Path), help="Texts of rows that hold a hash.")
@click.option("--seed", default=0, show_default=True, help="Of the bootstrap.")
@click.option("--json", "as_json", is_flag=True, help="Print data instead of a report.")
def drift(reference: Path, new: Path, model: Path, texts: tuple[Path, ...], seed: int, as_json: bool) -> None:
    """Say whether NEW still looks like REFERENCE, and whether it is time to label again.

    REFERENCE: a model folder (the summary of its own training), labels, or what NEW may be. NEW: results of
    predict.py --format json, scored rows (.jsonl, .parquet), or articles, which are scored now.

    PSI 0.1 to 0.25 and beyond chance: watch; more: label again (Siddiqi 2006). Confidence down by 5 points, or 5 points
    more unknown words: label again. Shares of labels are corrected for the model's errors by adjusted counts (Forman
    2008), and by expectation maximisation (Saerens et al. 2002).
    """
    import json

    from newslean.tagger import Tagger
    from train.drift import measure_drift
    from train.drift_verdict import judge, render_drift

    report = measure_drift(reference, new, Tagger.load(model), model=model, texts=texts, seed=seed)
    report |= judge(report)
    click.echo(json.dumps(report, ensure_ascii=False, indent=1) if as_json else render_drift(report))


def _tell(line: str) -> None:
    click.echo(line, err=True)


def register(main: click.Group) -> None:
    """Add the commands to the trainer's."""
    main.add_command(drift)
    main.commands["labels"].add_command(label_next)  # type: ignore[attr-defined]
