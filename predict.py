"""Tag news from the command line, articles or dumps of them: parse, read, tag, write.

Knows the options and the exit codes; the work is done in `newslean`. The
modules that load a model are imported only when there is something to tag, so
that ``--help`` is quick.
"""

import os
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import click

from newslean import __version__
from newslean.errors import DataError, NewsleanError, Stopped
from newslean.output import write_json
from newslean.report import write_text
from newslean.scoring import FORMATS
from newslean.scoring.command import check_no_dump, dump_options, score
from newslean.screen import visible
from newslean.target import check_target, drop_output, open_new, standard_output

HERE = Path(__file__).resolve().parent

GIVEN = click.core.ParameterSource.COMMANDLINE


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("articles", nargs=-1, required=True, metavar="ARTICLE...")
@click.option(
    "--format",
    "style",
    type=click.Choice(["text", "json"]),
    help="Form of the results.  [default: text]",
)
@click.option(
    "--model", default=str(HERE / "models" / "current"), metavar="DIR", help="Model.  [default: models/current]"
)
@click.option(
    "--out",
    metavar="FILE",
    help="Write there, whole or not at all, instead of to the screen; .parquet, .jsonl or .csv for tables of a dump.",
)
@click.option(
    "--min-confidence",
    type=click.FloatRange(0, 1),
    metavar="P",
    help="Least probability of any but the neutral label, such as a stance, beside the model's own rule.",
)
@click.option(
    "--color",
    type=click.Choice(["auto", "always", "never"]),
    default="auto",
    show_default=True,
    help="Colour in text; auto: on a terminal, unless NO_COLOR is set.",
)
@dump_options
@click.version_option(__version__, prog_name="newslean", message="%(prog)s %(version)s")
@click.pass_context
def main(context: click.Context, /, articles: tuple[str, ...], **options: Any) -> None:
    """Tag news: topic and stance of each ARTICLE and of its sentences.

    An ARTICLE is a file, a folder that is searched for articles, or - for standard input. A model whose label set has
    another unit (paragraph, text) tags the paragraphs, or the text as a whole, in place of the sentences.

    With --out RESULT.parquet, .jsonl or .csv the inputs are dumps of any size: folders, .jsonl, .json, .csv, .tsv,
    .parquet, .warc, .zip, .tar, compressed or not, patterns of names, addresses. RESULT has a row a sentence,
    RESULT.articles a row an article; what cannot be read is listed in RESULT.rejects.jsonl. A run that was killed
    goes on where it was when the same command is given again.

    Exit codes: 0 all done; 1 done, but some inputs were rejected (listed on standard error, or for a dump in
    RESULT.rejects.jsonl); 2 nothing done; 130 interrupted.
    """
    general = {name: options.pop(name) for name in ("style", "model", "out", "min_confidence", "color")}
    try:
        if general["out"] and Path(general["out"]).suffix in FORMATS:
            code = score(articles, **general, **options, tell=tell)
        else:
            given = [name for name in options if context.get_parameter_source(name) is GIVEN]
            check_no_dump(articles, given)
            code = predict(articles, **general)
    except BrokenPipeError:  # the reader, such as head, has seen enough
        drop_output()
        code = 141
    except Stopped as error:
        code = fail(str(error), code=130)
    except (NewsleanError, OSError) as error:
        code = fail(str(error))
    except MemoryError:
        code = fail("expected enough memory for model and article; found too little. Give a shorter article.")
    except KeyboardInterrupt:
        code = fail("interrupted", code=130)
    sys.exit(code)


def predict(
    paths: tuple[str, ...], *, style: str | None, model: str, out: str | None, min_confidence: float | None, color: str
) -> int:
    """Tag everything under the paths and write it; return the exit code."""
    from newslean.articles import Article, read_articles
    from newslean.tagger import Tagger

    rejected: list[str] = []

    def reject(source: str, reason: str) -> None:
        rejected.append(source)
        name = "standard input" if source == "-" else source
        tell(f"rejected {name}: {reason.removeprefix(f'{source}: ')}")

    def read() -> Iterator[Article]:
        for article in read_articles(paths, on_reject=reject):
            if out is not None:
                check_target(out, inputs=[article.source])  # a folder may hold it
            yield article

    if out is not None:
        check_target(out, inputs=paths)
    if sys.stdin is None:  # closed by the caller: as good as empty
        sys.stdin = open(os.devnull, encoding="utf-8")  # noqa: SIM115  # lives as long as the process
    if "-" in paths and sys.stdin.isatty():
        tell("Reading an article from the terminal; end it with Ctrl-D (Windows: Ctrl-Z, Enter).")
    tagger = Tagger.load(model, min_confidence=min_confidence)
    tagged = tagger.tag_articles(read())
    with open_new(out) if out is not None else standard_output(utf8=style == "json") as stream:
        if style == "json":
            as_list = len(paths) > 1 or os.path.isdir(paths[0])
            done = write_json(tagged, tagger.manifest, stream, as_list=as_list)
        else:
            done = write_text(tagged, tagger.schema, stream, color=color)
        if not done:
            raise DataError(f"expected at least one article; found none in {', '.join(paths)}. Nothing was written.")
    return 1 if rejected else 0


def fail(message: str, *, code: int = 2) -> int:
    """Tell the user and return the exit code."""
    tell(f"predict.py: {message}")
    return code


def tell(message: str) -> None:
    """Print a message beside the results; where even that fails, the exit code still speaks."""
    with suppress(OSError):
        click.echo("\n".join(map(visible, message.splitlines())), err=True)


if __name__ == "__main__":
    main()
