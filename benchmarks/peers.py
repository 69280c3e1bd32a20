"""How good newslean is beside its peers, and how long training and tagging take: the same sentences through each.

Knows labels, scores and the report; how each way is fitted is in peer_plan.py,
peer_fit.py and peer_ways.py.
"""

import json
import shlex
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from statistics import mean
from typing import Any

import click

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from fresh import ROOT, why_missing
from machine import describe_machine, installed, machine_lines
from peer_plan import WAYS, Plan, fit, part_examples, settings_of

from newslean import __version__
from newslean.errors import DataError, NewsleanError
from newslean.files import write_file
from newslean.schema import Dimension
from train.options import data_options, find_grammar, label_paths, read_labels, read_shares

PACKAGES = (
    "numpy",
    "scikit-learn",
    "onnxruntime",
    "tokenizers",
    "torch",
    "transformers",
    "setfit",
    "sentence-transformers",
    "model2vec",
)


def benchmark(names: Sequence[str], data: dict[str, Any], options: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Fit and score all ways; give the report."""
    machine = describe_machine()
    files, schema = read_labels(data["labels"], data["schema"], data["texts"])
    shares, seed = read_shares(options["share"], files.examples), data["seed"]
    grammar = find_grammar(data["labels"], data["schema"], schema)
    plan = Plan(
        schema=schema,
        label_set=label_paths(data["labels"], data["schema"])[1],
        parts=part_examples(files.examples, on_split=options["on_split"], folds=options["folds"], seed=seed),
        shares=shares,
        seeds=[*range(seed, seed + options["seeds"])],
        settings=settings_of(grammar, epochs=options["epochs"], steps=options["setfit_steps"], warm=options["warm"]),
        work=options["work"],
        folder=folder,
    )
    reasons = {name: why_missing(WAYS[name].needs, folder).partition(" (/")[0] for name in names}
    found = {
        name: [[fit(plan, name, one, n) for n in range(len(plan.parts))] for one in plan.seeds]
        for name in names
        if not reasons[name]
    }
    if not found:
        raise DataError(f"--peer: expected one that can be imported; found none ({reasons}). Install one.")
    return {
        "command": shlex.join(["python", "benchmarks/peers.py", *sys.argv[1:]]),
        "machine": machine,
        "versions": {"newslean": __version__, **installed(PACKAGES)},
        "data": {**describe_rows(plan, found), "skipped": files.skipped, "files": files.hashes},
        "on_split": options["on_split"],
        "folds": 0 if options["on_split"] else len(plan.parts),
        "shares": shares,
        "seeds": plan.seeds,
        "warm": options["warm"] is not None,
        "ways": [describe_way(plan, name, results) for name, results in found.items()],
        "not_measured": {
            way.title: reason for name, way in WAYS.items() if (reason := reasons.get(name, "not asked for"))
        },
    }


def describe_rows(plan: Plan, found: dict[str, list[list[dict[str, Any]]]]) -> dict[str, Any]:
    """Count the rows: fewest and most that a fit was given, and those that are measured on."""
    sizes = [result["trained_on"] for results in found.values() for seed in results for result in seed]
    return {
        "trained_on": [min(sizes), max(sizes)],
        "measured_on": len(plan.held_out),
        "articles": len({e.group for e in plan.held_out}),
    }


def describe_way(plan: Plan, name: str, results: list[list[dict[str, Any]]]) -> dict[str, Any]:
    """Score one way from its results, one list of parts for each seed."""
    fits = [result for seed in results for result in seed]
    return {
        "name": WAYS[name].title,
        "macro_f1": {
            d.name: score(
                d, plan.held_out, [[row for result in seed for row in result["decisions"][d.name]] for seed in results]
            )
            for d in plan.schema.dimensions
        },
        "train_s": round(mean(result["train_s"] for result in fits), 2),
        "sentences_per_s": round(len(results) * len(plan.held_out) / sum(result["predict_s"] for result in fits), 1),
        "settings": {key: value for key, value in plan.settings[name].items() if key != "warm"},  # a place on this disk
        "note": WAYS[name].note.format(**plan.settings[name]),
        "fits": [{key: round(r[key], 3) for key in ("trained_on", "train_s", "predict_s")} for r in fits],
    }


def score(d: Dimension, examples: Sequence[Any], found: list[list[list[int]]]) -> dict[str, Any]:
    """Give macro-F1 of every seed, their mean, and its interval over articles and seeds (None for one article).

    Parameters
    ----------
    found : list
        For each seed the decisions on all examples, 0 or 1 for each label.
    """
    import numpy as np

    from train import bootstrap, metrics
    from train.experiment import REPLICATES, mean_over_seeds

    rows = [n for n, e in enumerate(examples) if d.name in e.labels]
    gold, groups = metrics.indicator(d, [examples[n].labels[d.name] for n in rows]), [examples[n].group for n in rows]
    counts = [metrics.count(gold, np.array(seed, dtype=bool)[rows], groups) for seed in found]
    seeds = [float(c.weighted(np.ones(len(c.total))).macro_f1()) for c in counts]
    weights = bootstrap.resampling_weights(len({*groups}), seed=0, replicates=REPLICATES)
    bounds = None
    if weights is not None:
        drawn = mean_over_seeds([bootstrap.drawn_macro_f1(c, weights) for c in counts], seed=1)
        bounds = [round(bound, 4) for bound in bootstrap.interval(drawn)]
    return {"mean": round(mean(seeds), 4), "interval": bounds, "seeds": [round(value, 4) for value in seeds]}


def render(report: dict[str, Any]) -> str:
    """Render the report as Markdown."""
    ways, data = report["ways"], report["data"]
    names = list(ways[0]["macro_f1"])
    rows = [
        f"| {' | '.join([way['name'], *(_cell(way['macro_f1'][name]) for name in names)])} "
        f"| {way['train_s']:,.1f} | {way['sentences_per_s']:,.0f} |"
        for way in ways
    ]
    head = f"| | {' | '.join(f'{name}, macro-F1' for name in names)} | training, s | sentences a second |"
    fewest, most = (f"{n:,}" for n in data["trained_on"])
    held_out = f"split {report['on_split']!r}" if report["on_split"] else f"{report['folds']} folds of whole articles"
    shares = ", ".join(f"{pattern}={share:g}" for pattern, share in report["shares"].items())
    spread = " and seeds" if report["seeds"][1:] else "; with one seed, the spread of seeds is not in it"
    warm = "not the warm start, which a training had left" if report["warm"] else "the warm start"
    paragraphs = [
        "# Peers",
        f"The same labelled sentences through each way to tag them: `{report['command']}`",
        "\n".join([head, "|---" * (len(names) + 3) + "|", *rows]),
        *(f"{name}: not measured: {reason}" for name, reason in report["not_measured"].items()),
        f"Fitted on {fewest if fewest == most else f'{fewest} to {most}'} sentences"
        f"{f' (share of articles: {shares})' if shares else ''}, measured on {data['measured_on']:,} sentences of "
        f"{data['articles']:,} articles ({held_out}). Seed articles are left out. Mean over seeds "
        f"({len(report['seeds'])}), in brackets the 95 % interval of a bootstrap over articles{spread}. A label is "
        "given at a probability of 0.5, or for the largest one where there is exactly one: nothing is calibrated.",
        "Training is the mean time of one fit from sentences to a model that can answer, without imports, on the "
        f"processor; of newslean it includes the export to int8 and {warm}. Speed is that of the sentences "
        "measured on, all dimensions, once, after a small batch that is not counted, tokenizing included.",
        "\n".join(f"- {way['name']}: {way['note']}." for way in ways),
        *machine_lines(report["machine"], report["versions"]),
    ]
    return "\n\n".join(paragraphs) + "\n"


def _cell(found: dict[str, Any]) -> str:
    bounds = found["interval"]
    return f"{found['mean']:.3f}" + (f" ({bounds[0]:.3f} to {bounds[1]:.3f})" if bounds else "")


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@data_options
@click.option("--on-split", default="", help="Measure on the rows with this split, trained on the others.")
@click.option("--folds", default=5, show_default=True, type=click.IntRange(2), help="Without it: folds of articles.")
@click.option("--share", multiple=True, metavar="[PATTERN=]SHARE", help="Of articles to train on; may be given again.")
@click.option("--seeds", default=1, show_default=True, type=click.IntRange(1), help="How many, from --seed on.")
@click.option("--peer", multiple=True, type=click.Choice([*WAYS]), help="Only this one; may be given again.")
@click.option("--epochs", default=3, show_default=True, type=click.IntRange(1), help="Of transformers' Trainer.")
@click.option("--setfit-steps", default=1000, show_default=True, type=click.IntRange(1), help="Of 16 pairs each.")
@click.option(
    "--warm",
    type=click.Path(path_type=Path),
    help="Where the warm networks of a training run lie (its --work); their time is then left out.",
)
@click.option("--work", default=ROOT / "work" / "peers", type=click.Path(path_type=Path), help="Where fits are kept.")
@click.option("--out", default=ROOT / "benchmarks" / "results", type=click.Path(path_type=Path), help="Results folder.")
def main(*, peer: tuple[str, ...], out: Path, labels: Any, schema: Any, texts: Any, seed: int, **options: Any) -> None:
    """Fit newslean and its peers on the same sentences and score them on others.

    Exit codes: 0 measured; 2 not measured.
    """
    names = [name for name in WAYS if not peer or name in peer]
    data = {"labels": labels, "schema": schema, "texts": texts, "seed": seed}
    try:
        with tempfile.TemporaryDirectory() as folder:
            report = benchmark(names, data, options, Path(folder))
        out.mkdir(parents=True, exist_ok=True)
        write_file(out / "peers.json", json.dumps(report, indent=1, ensure_ascii=False) + "\n")
        write_file(out / "peers.md", render(report))
    except (NewsleanError, OSError, UnicodeDecodeError) as error:
        click.echo(f"peers.py: {error}", err=True)
        sys.exit(2)
    click.echo(render(report))


if __name__ == "__main__":
    main()
