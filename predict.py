"""Tag news from the command line, articles or dumps of them: parse, read, tag, write.

Knows the options and the exit codes; the work is done in `newslean`. The
modules that load a model are imported only when there is something to tag, so
that ``--help`` is quick.
"""

import os
import stat
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

try:
    import click

    from newslean import __version__
    from newslean.errors import DataError, NewsleanError, Stopped
    from newslean.output import write_json
    from newslean.report import write_text
    from newslean.results import TaggedArticle
    from newslean.scoring import FORMATS
    from newslean.scoring.command import check_no_dump, dump_options, score
    from newslean.screen import visible
    from newslean.target import check_target, drop_output, open_new, standard_output
except KeyboardInterrupt:  # before main can tell of it
    print("predict.py: interrupted", file=sys.stderr)
    sys.exit(130)

HERE = Path(__file__).resolve().parent

GIVEN = click.core.ParameterSource.COMMANDLINE

FOREIGN = frozenset({".bz2", ".gz", ".ndjson", ".tsv", ".xls", ".xlsx", ".xz", ".zip", ".zst"})
"""Ends of names that promise what is never written."""


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
    help="In dimensions of one label a sentence, as stance: a label less probable gives way to the neutral one, if "
    "there is one. Topics keep their thresholds. Shares and leans count what is left: publish none of them.",
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
        check_out(general["out"], articles, style=general["style"])
        if general["out"] and Path(general["out"]).suffix.lower() in FORMATS:
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
    tagged = with_sentences(tagger.tag_articles(read()), tagger.schema.unit, reject)
    with open_new(out) if out is not None else standard_output(utf8=style == "json") as stream:
        if style == "json":
            as_list = len(paths) > 1 or os.path.isdir(paths[0])
            done = write_json(tagged, tagger.manifest, stream, as_list=as_list)
        else:
            done = write_text(tagged, tagger.schema, stream, color=color)
        if not done:
            raise DataError(f"expected at least one article; found none in {', '.join(paths)}. Nothing was written.")
    return 1 if rejected else 0


def with_sentences(
    articles: Iterable[TaggedArticle], unit: str, reject: Callable[[str, str], None]
) -> Iterator[TaggedArticle]:
    """Pass on articles with something that was tagged: shares of nothing look like those of other news."""
    for article in articles:
        if article.sentences:
            yield article
        else:
            reject(article.source, f"expected an article; found no {unit} in it to tag. Leave it out.")


def check_out(out: str | None, articles: tuple[str, ...], *, style: str | None) -> None:
    """Refuse a file whose end promises another form than what is written, or that standard input reads."""
    end = Path(out or "").suffix.lower()
    if end == ".json" and style != "json":
        raise DataError(f"{out}: expected --format json for a name that ends in {end}; found none. Add it.")
    if end in FOREIGN:
        raise DataError(
            f"{out}: expected a name that ends in .txt, in .json with --format json, or for tables of a dump in "
            f"{', '.join(FORMATS)}; found {end}. Change its end."
        )
    if out and "-" in articles and sys.stdin is not None:
        with suppress(OSError, ValueError):  # nothing there yet; or standard input is closed, or no file at all
            given = os.fstat(sys.stdin.fileno())
            if stat.S_ISREG(given.st_mode) and os.path.samestat(given, os.stat(out)):
                raise DataError(f"{out}: expected a file to write; found standard input's own. Name another file.")


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
