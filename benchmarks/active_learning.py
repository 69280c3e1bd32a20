"""How many labels the choice of ``python -m train labels next`` saves against labelling at random.

Hides the labels of articles at hand, lets strategies ask for them batch by
batch, and measures each learner on other articles.
"""

import json
import shlex
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from machine import describe_machine, installed, machine_lines

from newslean.errors import DataError, NewsleanError
from newslean.files import write_file

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("numpy", "scipy", "scikit-learn", "torch", "transformers")


def measure(
    labels: tuple[Path, ...], texts: tuple[Path, ...], learner: str, seeds: range, plan: Any, *, natural: bool
) -> dict[str, Any]:
    """Run every strategy with every seed.

    Raises
    ------
    DataError
        If there are too few labelled sentences for the plan.
    """
    # Imported here: they bring scikit-learn, and --help needs none.
    from active_plan import RANDOM_SHARES, STRATEGIES, make_world, simulate

    machine, began = describe_machine(), time.monotonic()
    schema, whole, hashes = _read(labels, texts, plan, natural=natural)
    embeddings = None
    if learner != "baseline":
        from active_embed import embed

        embeddings = embed([e.text for e in whole], ROOT / "work" / "active_learning")
    curves: dict[str, list[list[tuple[int, float]]]] = {name: [] for name in STRATEGIES}
    for seed in seeds:
        world = make_world(whole, schema, plan, seed=seed, embeddings=embeddings, learner=learner)
        for name, strategy in STRATEGIES.items():
            share = RANDOM_SHARES.get(name, 0.0)
            curves[name].append(simulate(world, plan, strategy, seed=seed, random_share=share))
            click.echo(f"seed {seed}, {name}: {curves[name][-1][-1][1]:.4f}", err=True)
    return {
        "command": shlex.join(["python", "benchmarks/active_learning.py", *sys.argv[1:]]),
        "machine": machine,
        "versions": installed(PACKAGES),
        "seconds": round(time.monotonic() - began),
        "cpu_seconds": round(time.process_time()),
        "learner": learner,
        "seeds": [*seeds],
        "plan": asdict(plan),
        "strategies": {name: asdict(s) if s else None for name, s in STRATEGIES.items()},
        "labels": {"sentences": len(whole), "articles": len({e.group for e in whole}), "files": hashes},
        "curves": curves,
        "saved": {name: saved(curves["random"], curves[name]) for name in STRATEGIES if name != "random"},
    }


def _read(
    labels: tuple[Path, ...], texts: tuple[Path, ...], plan: Any, *, natural: bool
) -> tuple[Any, list[Any], dict[str, str]]:
    """Give the label set, the sentences that have all labels, and the hashes of the files."""
    from newslean.schema import read_schema
    from train.labels import read_examples
    from train.options import label_paths

    schema = read_schema(label_paths(labels, None)[1])
    files = read_examples(labels, schema, texts=texts)
    whole = [e for e in files.examples if all(name in e.labels for name in schema.names) and not e.furniture]
    whole = [e for e in whole if not natural or not e.picked]
    if len(whole) < 2 * plan.end:
        raise DataError(
            f"{labels[0]}: expected at least {2 * plan.end:,} labelled sentences to simulate with; "
            f"found {len(whole):,}. Give --texts, or a smaller --end."
        )
    return schema, whole, files.hashes


def saved(random: list[list[tuple[int, float]]], other: list[list[tuple[int, float]]]) -> list[dict[str, Any]]:
    """Say how many labels less a strategy needs to be as good as labels drawn at random.

    Curves are made monotone (isotonic regression) before they are read off: a score that falls by chance is no loss of
    knowledge. The interval is Student's of 95 % over seeds, each compared with random choice in the same world.

    Returns
    -------
    list of dict
        For a half, three quarters and all of the labels: ``labels`` at random, mean ``macro_f1`` of both there,
        ``gain`` and the share of labels ``saved``, each with its interval; ``short`` counts the seeds in which the
        strategy never got there, which count as nothing saved.
    """
    import numpy as np
    from sklearn.isotonic import isotonic_regression

    result = []
    counts = np.array([n for n, _ in random[0]])
    smooth = [[isotonic_regression([score for _, score in curve]) for curve in part] for part in (random, other)]
    for share in (0.5, 0.75, 1.0):
        place = int(np.abs(counts - share * counts[-1]).argmin())
        shares, short, pairs = [], 0, []
        for base, found in zip(*smooth, strict=True):
            pairs.append((base[place], found[place]))
            if found[-1] < base[place]:
                short += 1
                shares.append(0.0)
                continue
            scores, first = np.unique(found, return_index=True)  # interpolation needs scores that rise
            needed = float(np.interp(base[place], scores, counts[first]))
            shares.append(1 - needed / counts[place])
        gains = [b - a for a, b in pairs]
        result.append(
            {
                "labels": int(counts[place]),
                "random": round(float(np.mean([a for a, _ in pairs])), 4),
                "macro_f1": round(float(np.mean([b for _, b in pairs])), 4),
                "gain": round(float(np.mean(gains)), 4),
                "gain_interval": _interval(gains),
                "saved": round(float(np.mean(shares)), 4),
                "saved_interval": _interval(shares),
                "short": short,
            }
        )
    return result


def _interval(values: list[float]) -> list[float]:
    import numpy as np
    from scipy.stats import t

    half = t.ppf(0.975, len(values) - 1) * np.std(values, ddof=1) / np.sqrt(len(values))
    return [round(float(np.mean(values) - half), 4), round(float(np.mean(values) + half), 4)]


def render(report: dict[str, Any]) -> str:
    """Render the report as Markdown."""
    plan, labels = report["plan"], report["labels"]
    lines = [
        "| strategy | labels at random | macro-F1 at random | macro-F1 | gain | labels saved |",
        "|---|---|---|---|---|---|",
    ]
    for name, rows in report["saved"].items():
        for row in rows:
            gain = f"{row['gain']:+.3f} [{row['gain_interval'][0]:+.3f}, {row['gain_interval'][1]:+.3f}]"
            less = f"{row['saved']:.0%} [{row['saved_interval'][0]:.0%}, {row['saved_interval'][1]:.0%}]"
            less += f"; {row['short']} of {len(report['seeds'])} seeds never" if row["short"] else ""
            lines.append(
                f"| {name} | {row['labels']:,} | {row['random']:.3f} | {row['macro_f1']:.3f} | {gain} | {less} |"
            )
    found, target = report["saved"]["shipped"][-1], report["min_saved"]
    verdict = "met" if not report["missed"] else f"**missed by {target - found['saved']:.0%} of the labels**"
    paragraphs = [
        "# Active learning",
        f"Labels needed to reach the same macro-F1 (mean over dimensions) as labels drawn at random: "
        f"`{report['command']}`",
        f"{labels['sentences']:,} labelled sentences of {labels['articles']:,} articles; per seed about "
        f"{plan['pool']:,} to choose from and {plan['test']:,} of other articles to measure on. Learner: "
        f"{report['learner']}. {plan['start']} labels at random, then {plan['batch']} at a time up to "
        f"{plan['end']:,}; seeds {report['seeds'][0]} to {report['seeds'][-1]}, intervals of 95 % over them "
        "(Student's t, same articles and first labels for all strategies).",
        "\n".join(lines),
        f"Target: `shipped` saves at least {target:.0%} of {found['labels']:,} labels: {verdict}. "
        "`shipped` spends a tenth of each batch on sentences drawn at random; `uncertainty` and `random` do not.",
        f"{report['seconds']} seconds, {report['cpu_seconds']} of them on the processor.",
        *machine_lines(report["machine"], report["versions"]),
    ]
    return "\n\n".join(paragraphs) + "\n"


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--labels",
    multiple=True,
    default=[ROOT / "labels"],
    type=click.Path(path_type=Path),
    help="Label files or folders; may be given again.  [default: labels]",
)
@click.option("--texts", multiple=True, type=click.Path(path_type=Path), help="Texts of rows that hold a hash.")
@click.option(
    "--learner", default="baseline", show_default=True, type=click.Choice(["baseline", "embeddings", "both"]),
    help="TF-IDF, the frozen encoder, or both together.",
)  # fmt: skip
@click.option("--seeds", default=6, show_default=True, type=click.IntRange(2), help="How many, from --seed on.")
@click.option("--seed", default=0, show_default=True, help="The first seed.")
@click.option("--end", default=1000, show_default=True, type=click.IntRange(150), help="Labels at the end.")
@click.option("--pool", default=6000, show_default=True, type=click.IntRange(300), help="Sentences to choose from.")
@click.option("--natural", is_flag=True, help="Leave out rows that a model picked: they are no random choice.")
@click.option("--min-saved", default=0.25, show_default=True, type=click.FloatRange(0, 1), help="Target: labels saved.")
@click.option("--out", default=ROOT / "benchmarks" / "results", type=click.Path(path_type=Path), help="Results folder.")
def main(
    *,
    labels: Any,
    texts: Any,
    learner: str,
    seeds: int,
    seed: int,
    end: int,
    pool: int,
    natural: bool,
    min_saved: float,
    out: Path,
) -> None:
    """Simulate labelling batch by batch, and count the labels that a good choice saves.

    Exit codes: 0 target met; 1 measured, but the target was missed; 2 nothing measured.
    """
    try:
        from active_plan import Plan

        report = measure(labels, texts, learner, range(seed, seed + seeds), Plan(end=end, pool=pool), natural=natural)
        report |= {"min_saved": min_saved, "missed": report["saved"]["shipped"][-1]["saved"] < min_saved}
        out.mkdir(parents=True, exist_ok=True)
        name = "active_learning" if learner == "baseline" else f"active_learning_{learner}"
        write_file(out / f"{name}.json", json.dumps(report, ensure_ascii=False) + "\n")
        write_file(out / f"{name}.md", render(report))
    except (NewsleanError, OSError) as error:
        click.echo(f"active_learning.py: {error}", err=True)
        sys.exit(2)
    click.echo(render(report))
    sys.exit(1 if report["missed"] else 0)


if __name__ == "__main__":
    main()
