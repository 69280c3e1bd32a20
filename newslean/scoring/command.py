"""The part of the predictor's command line that is about dumps.

Knows options, signals and the screen; the work is done in `newslean.scoring.run`,
which is imported when there is something to score.
"""

import os
import signal
import sys
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, nullcontext, redirect_stdout, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from newslean.errors import DataError, Stopped
from newslean.scoring import FORMATS

if TYPE_CHECKING:
    from newslean.scoring.job import Job
    from newslean.scoring.run import Engine

COLUMNS = ("text", "title", "date", "outlet", "id")


def dump_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options that are for dumps alone."""
    for option in reversed(
        (
            click.option("--input-format", metavar="NAME", help="Of all inputs.  [default: by the end of each name]"),
            *(
                click.option(
                    f"--{name}-column", metavar="NAME", help=f"Column or key of the {name}.  [default: guessed]"
                )
                for name in COLUMNS
            ),
            click.option("--articles-only", is_flag=True, help="Write no sentences."),
            click.option(
                "--only-relevant",
                is_flag=True,
                help="Leave out sentences without any label, and articles that have no other; not for shares.",
            ),
            click.option("--gate/--no-gate", default=True, help="Let a cheap model skip what can have no label."),
            click.option(
                "--workers",
                type=click.IntRange(1),
                metavar="N",
                help="Processes; of the whole cluster with --engine ray.  [default: one a core]",
            ),
            click.option("--batch-size", type=click.IntRange(1), metavar="N", help="Articles a worker takes at once."),
            click.option("--max-rejects", type=click.IntRange(0), metavar="N", help="Stop after more than these."),
            click.option("--overwrite", is_flag=True, help="Begin anew, whatever stands at --out."),
            click.option(
                "--progress",
                type=click.Choice(["auto", "bar", "json", "none"]),
                default="auto",
                show_default=True,
                help="auto: a bar, on a terminal; json: a line a minute.",
            ),
            click.option(
                "--engine", type=click.Choice(["local", "ray"]), default="local", show_default=True, help="Who works."
            ),
            click.option("--address", metavar="ADDRESS", help="Of a Ray cluster.  [default: one on this machine]"),
        )
    ):
        command = option(command)
    return command


def check_no_dump(articles: tuple[str, ...], given: Collection[str]) -> None:
    """Refuse dumps, and options for dumps, where no table is asked for."""
    ends = ", ".join(FORMATS)
    if given:
        names = ", ".join("--" + name.replace("_", "-").replace("gate", "gate/--no-gate") for name in given)
        raise DataError(f"{names}: expected --out with a name that ends in {ends}; found none. Give one.")
    from newslean.dump.formats import form_of
    from newslean.dump.remote import is_remote

    for name in articles:
        form = form_of(name)
        if is_remote(name) or (form and (form.format != "text" or form.compression) and not os.path.isdir(name)):
            raise DataError(f"{name}: expected articles; found a dump. Give --out with a name that ends in {ends}.")


def score(
    articles: tuple[str, ...], *, out: str, model: str, style: str | None, tell: Callable[[str], None], **options: Any
) -> int:
    """Tag a dump and write its tables; return the exit code."""
    if style:
        raise DataError(f"--format {style}: expected none with --out {out}, whose end tells the form. Leave it out.")
    try:
        from newslean.scoring.progress import open_progress
        from newslean.scoring.run import score_dump
    except ImportError as error:
        raise DataError(f"{out}: expected pyarrow and tqdm; {error}. Run pip install 'newslean[dump]'.") from None
    from newslean.finetuned import cores

    job = _job(articles, out=out, model=model, **options)
    engine = _engine(options["engine"], options["address"], options["workers"])
    # Ray tells of lost nodes on standard output, which is for results.
    aside = redirect_stdout(sys.stderr) if engine and sys.stderr else nullcontext()
    quiet = options["progress"] == "none"
    try:
        with aside, _interrupts(tell) as stop, open_progress(options["progress"]) as show:
            done = score_dump(
                job,
                workers=options["workers"] or cores(),
                engine=engine,
                overwrite=options["overwrite"],
                on_note=None if quiet else tell,
                on_progress=show,
                stop=stop,
            )
    except KeyboardInterrupt:
        again = "the same command, without --overwrite," if options["overwrite"] else "the same command"
        raise Stopped(f"interrupted; {again} goes on from what was kept.") from None
    if not quiet:
        skipped = f" ({done.skipped / max(done.sentences, 1):.0%} skipped by the gate)" if done.skipped else ""
        what = "articles" if job.settings.articles_only else "sentences and articles"
        kept = f"; only {what} with a label are kept" if job.settings.only_relevant else ""
        tell(f"{out}: {done.articles:,} articles, {done.sentences:,} sentences read{skipped}{kept}")
    if done.rejects:
        tell(f"{done.rejects:,} rejects, listed in {job.beside('.rejects.jsonl')}")
    return 1 if done.rejects else 0


def _job(articles: tuple[str, ...], *, out: str, model: str, **options: Any) -> "Job":
    from newslean.dump import Columns
    from newslean.scoring.job import Job
    from newslean.scoring.pieces import PIECE_ARTICLES
    from newslean.scoring.scorer import ScorerSettings

    names = ("min_confidence", "gate", "only_relevant", "articles_only")
    return Job(
        inputs=articles,
        out=Path(os.path.realpath(out) if os.path.islink(out) else out),  # a link stays a link
        settings=ScorerSettings(model=model, **{name: options[name] for name in names}),
        columns=Columns(**{name: options[f"{name}_column"] for name in COLUMNS}),
        input_format=options["input_format"],
        piece_articles=options["batch_size"] or PIECE_ARTICLES,
        max_rejects=options["max_rejects"],
    )


def _engine(name: str, address: str | None, workers: int | None) -> "Engine | None":
    """Choose who scores; None: this machine."""
    if name == "local":
        if address is not None:
            raise DataError(f"--address {address}: expected --engine ray; found --engine local. Give both or neither.")
        return None
    from newslean.scoring.on_ray import score_on_ray
    from newslean.scoring.ray_cluster import check_ray

    check_ray(address)
    return partial(score_on_ray, address=address, actors=workers)


@contextmanager
def _interrupts(tell: Callable[[str], None]) -> Iterator[Callable[[], bool]]:
    """Lend a function that says whether an interrupt has come; a second one interrupts at once."""
    come: list[int] = []

    def note(number: int, _: object) -> None:
        if come:
            raise KeyboardInterrupt
        come.append(number)
        with suppress(RuntimeError):  # it came while another line was being written
            tell("interrupted: finishing what was begun; once more to stop at once")

    before = signal.signal(signal.SIGINT, note)
    try:
        yield lambda: bool(come)
    finally:
        signal.signal(signal.SIGINT, before)
