"""Puts the numbers of throughput.py into docs/cluster.md: how one machine scales, and what 100 million articles cost.

Knows the report and the marks in the page; measures nothing.
"""

import json
import sys
from pathlib import Path
from statistics import median
from typing import Any

import click

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from newslean.errors import DataError, NewsleanError
from newslean.files import write_file

ROOT = Path(__file__).resolve().parent.parent
BEGIN, END = "<!-- numbers -->", "<!-- end of numbers -->"
ARTICLES = 100_000_000
HOUR = 3600
SCORING, READING = ("split", "gate", "model", "table"), ("read", "shards and result")
"""Stages of the nodes, and of the machine where the run is started."""


def numbers(report: dict[str, Any]) -> str:
    """Word the measured scaling and the projection."""
    news = report["news"]["mixed"]
    ways = [way for way in news["ways"] if way["name"].startswith(("newslean, ", "newslean on Ray"))]
    rows = "\n".join(
        f"| `--workers {name.rpartition(', ')[2].split()[0]}{' --engine ray' if 'Ray' in name else ''}` "
        f"| {median(way['seconds']):.1f} | {way['sentences_per_s']:,.0f} |"
        for way in ways
        for name in [way["name"]]
    )
    gate = "gate" if "gate" in news["stages"] else "no gate"
    return "\n\n".join(
        [
            f"Measured with `{report['command']}` on {report['machine']['cpu']}, {report['machine']['cores']} cores, "
            "one machine; the time is that of the whole command, and starting Ray with its actors takes seconds of it:",
            f"| | seconds | sentences a second |\n|---|---|---|\n{rows}",
            project(news["stages"][gate], command=report["command"]),
        ]
    )


def project(found: dict[str, Any], *, command: str) -> str:
    """Work out what 100 million such articles take, from one worker's stages."""
    stages, sentences, articles = found["stages"], found["sentences"], found["articles"]
    read = max(sentences - found["skipped"] - found["repeated"], 1)
    passed, each = read / sentences, sentences / articles
    model, rest = read / stages["model"], sentences / sum(stages[name] for name in SCORING if name != "model")
    total = ARTICLES * each
    hours = [total * passed / model / HOUR, total / rest / HOUR]
    driver = ARTICLES * sum(stages[name] for name in READING) / articles / HOUR
    return (
        f"One worker's stages (`{command}`, mixed news): {each:.1f} sentences an article, of which the model reads "
        f"{passed:.1%}, {model:,.0f} a second and core; splitting, the gate and the tables go at {rest:,.0f} "
        f"sentences a second and core. For 100 million articles of that kind:\n\n"
        f"- 100,000,000 articles × {each:.1f} sentences = {total:,.0f} sentences\n"
        f"- model: {total:,.0f} × {passed:.4f} ÷ {model:,.0f} a second ÷ 3,600 = {hours[0]:,.0f} core-hours\n"
        f"- the rest: {total:,.0f} ÷ {rest:,.0f} a second ÷ 3,600 = {hours[1]:,.0f} core-hours\n"
        f"- together {sum(hours):,.0f} core-hours; on 100 cores {sum(hours) / 100:,.1f} hours\n"
        f"- cost = {sum(hours):,.0f} × the price of a core-hour, and the driver's hours below\n\n"
        f"The driver reads and writes {articles / sum(stages[name] for name in READING):,.0f} articles a second, "
        f"what a run costs once included: {driver:,.1f} hours for 100 million. More than "
        f"{max(sum(hours) / driver, 1):,.0f} cores wait for it, unless the dump is split into runs of their own."
    )


def fill(page: str, text: str) -> str:
    """Put a text between the marks of a page."""
    head, begin, rest = page.partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not begin or not end:
        raise DataError(f"expected {BEGIN} and {END} in the page; found neither or one. Restore them.")
    return f"{head}{BEGIN}\n\n{text}\n\n{END}{tail}"


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--report", default=ROOT / "benchmarks" / "results" / "throughput.json", type=click.Path(path_type=Path))
@click.option("--page", default=ROOT / "docs" / "cluster.md", type=click.Path(path_type=Path))
def main(*, report: Path, page: Path) -> None:
    """Rewrite the numbers in the page from the report."""
    try:
        text = numbers(json.loads(report.read_text(encoding="utf-8")))
        write_file(page, fill(page.read_text(encoding="utf-8"), text))
    except (NewsleanError, OSError, ValueError, KeyError) as error:
        click.echo(f"throughput_docs.py: {error}", err=True)
        sys.exit(2)


if __name__ == "__main__":
    main()
