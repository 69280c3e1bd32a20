"""Stance in tweets, the set of TweetEval and SemEval-2016: newslean's two models by the official measure.

Takes the folder, never the data: FOLDER/{abortion,atheism,climate,feminist,
hillary}/{train,val,test}_{text,labels}.txt and mapping.txt, in each folder or
in FOLDER itself. One model a target, as the benchmark asks for.
"""

import json
import shlex
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict
from itertools import chain
from pathlib import Path
from typing import Any

import click

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from machine import describe_machine, installed, machine_lines

from newslean.errors import NewsleanError
from newslean.files import write_file

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("numpy", "scikit-learn", "torch", "transformers")
TARGETS = ("abortion", "atheism", "climate", "feminist", "hillary")
COUNTED = ("favor", "against")
"""The classes whose F1 the official measure takes the mean of."""
TARGET_SCORES = {"baseline": 67.3, "transformer": 68.0}
"""Barbieri et al. (2020): their SVM on n-grams, and RoBERTa-base."""

Split = dict[str, list[tuple[str, str]]]


def read_stance(folder: Path) -> tuple[list[str], dict[str, Split]]:
    """Read all targets.

    Returns
    -------
    (labels, targets)
        The labels in the order of the mapping; target to split to (text, label) pairs.

    Raises
    ------
    DataError
        With the faults of all files at once.
    """
    from train.rows import Faults

    faults, labels = Faults(), list[str]()
    targets: dict[str, Split] = {}
    for target in TARGETS:
        mapping = next((p for p in (folder / target / "mapping.txt", folder / "mapping.txt") if p.is_file()), None)
        if mapping is None:
            faults.add(str(folder / target / "mapping.txt"), "expected lines such as '0<tab>none'; found no file")
            continue
        names = dict(line.split(None, 1) for line in _lines(mapping, faults) if len(line.split(None, 1)) == 2)
        names = {number: name.strip() for number, name in names.items()}
        labels = labels or [*names.values()]
        if missing := {*COUNTED} - {*names.values()}:
            faults.add(str(mapping), f"expected the labels {', '.join(COUNTED)}; found no {', '.join(sorted(missing))}")
        targets[target] = {split: _pairs(folder / target, split, names, faults) for split in ("train", "val", "test")}
    faults.throw()
    return labels, targets


def _pairs(folder: Path, split: str, names: dict[str, str], faults: Any) -> list[tuple[str, str]]:
    texts, numbers = (_lines(folder / f"{split}_{kind}.txt", faults) for kind in ("text", "labels"))
    if len(texts) != len(numbers):
        found = f"found {len(texts):,} texts and {len(numbers):,} labels"
        faults.add(str(folder / f"{split}_text.txt"), f"expected a label a line for each text; {found}")
        return []
    wrong = [(n, number) for n, number in enumerate(numbers, 1) if number not in names]
    for n, number in wrong:
        faults.add(f"{folder / f'{split}_labels.txt'}:{n}", f"expected one of {', '.join(names)}; found {number!r}")
    return [] if wrong else [(text, names[number]) for text, number in zip(texts, numbers, strict=True)]


def _lines(path: Path, faults: Any) -> list[str]:
    try:
        # Not splitlines: a tweet may hold a line separator of Unicode.
        lines = path.read_text(encoding="utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        faults.add(str(path), f"expected UTF-8 text; found {getattr(error, 'strerror', None) or error}")
        return []
    return [line.strip() for line in (lines[:-1] if lines[-1] == "" else lines)]


def to_examples(target: str, split: str, pairs: Sequence[tuple[str, str]]) -> list[Any]:
    """Make examples, each tweet a document of its own."""
    from train.labels import Example

    rows = []
    for n, (text, label) in enumerate(pairs):
        name = f"{target}-{split}-{n}"
        rows.append(Example(name, 0, text, title=False, group=name, source="user", labels={"stance": label}))
    return rows


def official(gold: Sequence[str], answers: Sequence[str]) -> float:
    """Give the official measure: the mean of the F1 of favor and against, in per cent.

    Of the tweets of all targets together, as in TweetEval's own script (Barbieri et al. 2020) and at SemEval-2016: the
    mean over targets is another number, some points lower, since a target may have few tweets of a class.
    """
    from sklearn.metrics import f1_score

    return 100 * float(f1_score(gold, answers, labels=COUNTED, average="macro", zero_division=0))


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--seeds", default=1, show_default=True, type=click.IntRange(1), help="Fits of the transformer a target.")
@click.option("--set", "changes", multiple=True, metavar="NAME=VALUE", help="Change a parameter of the fine-tuning.")
@click.option("--together", is_flag=True, help="Let the encoder first learn all targets' training tweets together.")
@click.option("--baseline-only", is_flag=True, help="Leave the transformer out.")
@click.option("--out", default=ROOT / "benchmarks" / "results", type=click.Path(path_type=Path), help="Results folder.")
def main(*, folder: Path, seeds: int, changes: Any, together: bool, baseline_only: bool, out: Path) -> None:
    """Train and measure newslean's baseline and transformer on TweetEval's stance folder.

    The baseline's settings are chosen by cross-validation over training and validation tweets, on which it is then
    fitted. The transformer learns the training tweets; the validation tweets choose its epoch. The test tweets are
    only measured. Exit codes: 0 targets met; 1 measured, but one was missed; 2 nothing measured.
    """
    try:
        from tweeteval_fit import fit_baselines, fit_transformers, mix

        machine, began = describe_machine(), time.monotonic()
        labels, targets = read_stance(folder)
        rows = {t: {s: to_examples(t, s, pairs) for s, pairs in splits.items()} for t, splits in targets.items()}
        say = lambda line: click.echo(line, err=True)  # noqa: E731 - a one-line closure
        settings, logits = fit_baselines(labels, rows, say=say)
        found = {"baseline": [logits]}
        params: Any = None
        if not baseline_only:
            with tempfile.TemporaryDirectory(prefix="tweeteval-") as place:
                params, fits = fit_transformers(
                    labels, rows, seeds=seeds, changes=changes, together=together, place=Path(place), say=say
                )
            found |= {"transformer": fits, "both": [mix(logits, fit) for fit in fits]}
        report = {
            "command": shlex.join(["python", "benchmarks/tweeteval.py", *sys.argv[1:]]),
            "machine": machine,
            "versions": installed(PACKAGES),
            "seconds": round(time.monotonic() - began),
            "baseline": asdict(settings),
            "transformer": asdict(params) if params else None,
            "together": together,
            "tweets": {t: {s: len(pairs) for s, pairs in splits.items()} for t, splits in targets.items()},
            "scores": {name: [_scores(labels, rows, fit) for fit in fits] for name, fits in found.items()},
        }
        report["official"] = {
            name: round(sum(s["all"] for s in scores) / len(scores), 2) for name, scores in report["scores"].items()
        }
        report["missed"] = [n for n, least in TARGET_SCORES.items() if n in found and report["official"][n] < least]
        out.mkdir(parents=True, exist_ok=True)
        write_file(out / "tweeteval.json", json.dumps(report, indent=1, ensure_ascii=False) + "\n")
        write_file(out / "tweeteval.md", render(report))
    except (NewsleanError, OSError) as error:
        click.echo(f"tweeteval.py: {error}", err=True)
        sys.exit(2)
    click.echo(render(report))
    sys.exit(1 if report["missed"] else 0)


def _scores(labels: list[str], rows: Any, logits: dict[str, Any]) -> dict[str, float]:
    gold = {target: [e.labels["stance"] for e in splits["test"]] for target, splits in rows.items()}
    answers = {target: [labels[k] for k in logits[target].argmax(axis=1)] for target in rows}
    scores = {target: official(gold[target], answers[target]) for target in rows}
    return {**scores, "all": official([*chain(*gold.values())], [*chain(*answers.values())])}


def render(report: dict[str, Any]) -> str:
    """Render the report as Markdown."""
    head = f"| | {' | '.join(TARGETS)} | all | target |"
    rows = []
    for name, fits in report["scores"].items():
        cells = [f"{sum(fit[t] for fit in fits) / len(fits):.1f}" for t in TARGETS]
        least = TARGET_SCORES.get(name)
        verdict = "" if least is None else f"{least} {'**missed**' if name in report['missed'] else 'met'}"
        rows.append(f"| {name} | {' | '.join(cells)} | **{report['official'][name]:.1f}** | {verdict} |")
    together = " after all targets together" if report["together"] else ""
    fits = len(next(iter([*report["scores"].values()][1:]), []))
    paragraphs = [
        "# TweetEval stance",
        f"Mean of the F1 of favor and against, in per cent, of the tweets of all targets together (the official"
        f" measure) and of each target's: `{report['command']}`",
        "\n".join([head, "|---" * (len(TARGETS) + 3) + "|", *rows]),
        f"Baseline: {report['baseline']}.",
        f"Transformer: {report['transformer']}{together}; {fits} fits a target.",
        f"{report['seconds']} seconds.",
        *machine_lines(report["machine"], report["versions"]),
    ]
    return "\n\n".join(paragraphs) + "\n"


if __name__ == "__main__":
    main()
