"""How fast newslean scores a dump beside its peers, how much memory that takes, and where the time goes.

Every measurement is a fresh process on the same cores. Knows what is measured
and the report; the dumps are made in throughput_dump.py, newslean is looked
into in throughput_own.py and throughput_limit.py, the peers are in
throughput_peers.py, and the report is worded in throughput_report.py.
"""

import json
import shlex
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import click

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from fresh import ROOT, run_fresh, run_watched, why_missing
from machine import describe_machine, installed
from throughput_dump import mixed, relevant, short, write_dump, write_pages
from throughput_report import misses, render

from newslean import __version__
from newslean.errors import NewsleanError
from newslean.files import write_file
from newslean.manifest import read_manifest

PEERS = {
    "setfit": "SetFit's predict",
    "transformers": "transformers' pipeline, batches of 32",
    "sentence_transformers": "sentence-transformers, scikit-learn's head",
}
PACKAGES = (
    "numpy", "onnxruntime", "tokenizers", "sentencex", "pyarrow", "trafilatura", "FastWARC", "ray", "torch",
    "transformers", "setfit", "sentence-transformers", "scikit-learn",
)  # fmt: skip
COUNT = {1: "1 worker", 2: "2 workers"}

QUICK = {"articles": 30, "relevant": 8, "sentences": 20, "memory": "20,40", "pages": 6, "repeat": 1}
"""What --quick makes of the sizes: enough to see that all works."""


@dataclass(frozen=True)
class Bench:
    """What a run measures with.

    Attributes
    ----------
    folder : Path
        For whatever is made on the way.
    gated : bool
        Whether the model has a gate to switch off.
    """

    model: str
    folder: Path
    gated: bool
    repeat: int

    def part(self, *words: str) -> dict[str, Any]:
        """Run a part of throughput_own.py, and give what it prints."""
        return self.program("benchmarks/throughput_own.py", *words)

    def program(self, *words: str) -> dict[str, Any]:
        """Run a program whose last line is JSON."""
        click.echo(shlex.join(words), err=True)
        return dict(json.loads(run_fresh([*words], self.folder).output.strip().rpartition("\n")[2]))

    def command(self, dump: Path, *, model: str, words: tuple[str, ...]) -> list[str]:
        """Give the command line that scores a dump."""
        out = str(self.folder / "result.parquet")
        return ["predict.py", str(dump), "--out", out, "--model", model, "--overwrite", "--progress", "none", *words]

    def score(self, name: str, dump: Path, *words: str, model: str | None = None) -> dict[str, Any]:
        """Time predict.py on a dump, from the start of the process to its end."""
        command = self.command(dump, model=model or self.model, words=words)
        seconds = []
        for n in range(self.repeat):
            seconds.append(run_fresh(command, self.folder).seconds)
            click.echo(f"{dump.name}: {name}, {n + 1} of {self.repeat}: {seconds[-1]:.1f} s", err=True)
        counts = self.counts()
        return {
            "name": name,
            "options": shlex.join(words),
            "seconds": seconds,
            "sentences": counts["sentences"],
            "skipped": counts["skipped"],
            "sentences_per_s": counts["sentences"] / median(seconds),
        }

    def counts(self) -> dict[str, int]:
        """Read what the last run has counted."""
        return dict(json.loads((self.folder / "result.parquet.run.json").read_text(encoding="utf-8"))["counts"])


def measure_news(bench: Bench, dump: Path, peers: dict[str, str], options: dict[str, Any]) -> dict[str, Any]:
    """Measure newslean's ways and its peers on one kind of news."""
    task = bench.folder / f"{dump.stem}.task.json"
    drawn = bench.part("sentences", bench.model, str(dump), str(options["sentences"]), str(task))
    ways = [bench.score(f"newslean, {COUNT[n]}", dump, "--workers", str(n)) for n in (1, 2)]
    if bench.gated:
        ways += [
            bench.score(f"newslean without gate, {COUNT[n]}", dump, "--workers", str(n), "--no-gate") for n in (1, 2)
        ]
    if options["ray"] and not why_missing("ray.data", bench.folder):
        ways += [
            bench.score(f"newslean on Ray, {COUNT[n]}", dump, "--engine", "ray", "--workers", str(n)) for n in (1, 2)
        ]
    folder = bench.folder / "baseline"
    if read_manifest(bench.model).mix:
        if not folder.exists():
            bench.part("baseline", bench.model, str(folder))
        ways.append(bench.score("newslean's TF-IDF baseline, 2 workers", dump, "--workers", "2", model=str(folder)))
    timed = []
    for name, title in peers.items():
        runs = [bench.program("benchmarks/throughput_peers.py", name, str(task)) for _ in range(bench.repeat)]
        seconds = [run["seconds"] for run in runs]
        timed.append({"name": title, "seconds": seconds, "sentences_per_s": runs[0]["sentences"] / median(seconds)})
    out = str(bench.folder / "stages.parquet")
    stages = {gate: bench.part("stages", bench.model, str(dump), out, gate) for gate in ("gate", "no gate")}
    return {
        "drawn": drawn,
        "ways": ways,
        "peers": timed,
        "stages": stages if bench.gated else {"no gate": stages["no gate"]},
    }


def measure_memory(bench: Bench, sizes: list[int], *, share: float) -> list[dict[str, Any]]:
    """Measure the peak memory of all processes, two workers, for dumps of different sizes."""
    rows = []
    for size in sizes:
        dump = bench.folder / f"short-{size}.jsonl"
        write_dump(dump, short(size, share=share, seed=0))
        run = run_watched(bench.command(dump, model=bench.model, words=("--workers", "2")), bench.folder)
        click.echo(f"{size:,} short articles: {run.megabytes:.0f} MB, {run.seconds:.0f} s", err=True)
        rows.append({"articles": size, "megabytes": run.megabytes, "seconds": run.seconds, **bench.counts()})
        dump.unlink()
    return rows


def measure_pages(bench: Bench, count: int) -> list[dict[str, Any]]:
    """Measure reading of web pages beside trafilatura's, with and without pages that hold no article."""
    rows = []
    for empty in (0, 1):
        warc = bench.folder / f"pages-{empty}.warc.gz"
        write_pages(warc, mixed(count, share=0.5, seed=0), empty=empty)
        place = bench.folder / "texts.json"
        found: dict[str, Any] = {"empty_share": empty / (1 + empty)}
        texts = {}
        for part in ("pages", "trafilatura"):
            runs = [bench.part(part, str(warc), str(place)) for _ in range(bench.repeat)]
            texts[part] = json.loads(place.read_text(encoding="utf-8"))
            found[part] = {**runs[0], "seconds": [run["seconds"] for run in runs]}
        found["ratio"] = median(found["pages"]["seconds"]) / median(found["trafilatura"]["seconds"])
        found["word_f1"] = word_f1(texts["pages"], texts["trafilatura"])
        rows.append(found)
    return rows


def word_f1(found: list[str], expected: list[str]) -> float:
    """Compare texts as bags of words."""
    bags = [Counter(" ".join(texts).split()) for texts in (found, expected)]
    return 2 * (bags[0] & bags[1]).total() / max(bags[0].total() + bags[1].total(), 1)


def benchmark(options: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Measure everything; give the report, but for its targets."""
    machine, model = describe_machine(), str(options["model"].resolve())
    manifest = read_manifest(model)
    bench = Bench(model, folder, bool(manifest.gate), options["repeat"])
    reasons = {name: why_missing(name, folder).partition(" (/")[0] for name in options["peer"] or PEERS}
    peers = {name: PEERS[name] for name in PEERS if reasons.get(name) == ""}
    dumps = {"mixed": options["dump"] or folder / "mixed.jsonl", "relevant": folder / "relevant.jsonl"}
    if not options["dump"]:
        write_dump(dumps["mixed"], mixed(options["articles"], share=options["share"], seed=0))
    write_dump(dumps["relevant"], relevant(options["relevant"], seed=0))
    news = {name: measure_news(bench, dump.resolve(), peers, options) for name, dump in dumps.items()}
    sizes = [int(size) for size in options["memory"].split(",") if size]
    task = str(folder / "relevant.task.json")
    transformer = manifest.kind == "finetuned"
    return {
        "command": shlex.join(["python", "benchmarks/throughput.py", *sys.argv[1:]]),
        "machine": machine,
        "versions": {"newslean": __version__, **installed(PACKAGES)},
        "model": {"version": manifest.version, "kind": manifest.kind, "gate": bool(manifest.gate)},
        "options": {name: options[name] for name in ("articles", "share", "relevant", "sentences", "repeat", "quick")},
        "dump": None if options["dump"] is None else options["dump"].name,
        "news": news,
        "int8": bench.program("benchmarks/throughput_limit.py", model, task) if transformer else None,
        "memory": measure_memory(bench, sizes, share=options["share"]),
        "pages": measure_pages(bench, options["pages"]) if not why_missing("fastwarc", folder) else [],
        "not_measured": {PEERS[name]: reason for name, reason in reasons.items() if reason},
    }


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--model", default=ROOT / "models" / "current", type=click.Path(path_type=Path), help="Model folder.")
@click.option("--dump", type=click.Path(exists=True, path_type=Path), help="A real dump in place of the mixed one.")
@click.option("--articles", default=1500, show_default=True, type=click.IntRange(1), help="Of the mixed dump.")
@click.option("--share", default=0.1, show_default=True, type=click.FloatRange(0, 1), help="Of them on topic.")
@click.option("--relevant", default=400, show_default=True, type=click.IntRange(1), help="Articles of the other dump.")
@click.option("--sentences", default=1000, show_default=True, type=click.IntRange(1), help="That peers score.")
@click.option("--memory", default="10000,100000", show_default=True, help="Short articles to measure memory with.")
@click.option("--pages", default=300, show_default=True, type=click.IntRange(1), help="Articles as web pages.")
@click.option("--repeat", default=3, show_default=True, type=click.IntRange(1), help="Runs of each, for a median.")
@click.option("--peer", multiple=True, type=click.Choice([*PEERS]), help="Only this one; may be given again.")
@click.option("--ray/--no-ray", default=True, help="Measure --engine ray too, if Ray is installed.")
@click.option("--quick", is_flag=True, help="Tiny sizes, and no targets: to see that it works.")
@click.option("--out", default=ROOT / "benchmarks" / "results", type=click.Path(path_type=Path), help="Results folder.")
def main(*, out: Path, **options: Any) -> None:
    """Time newslean on dumps, beside its peers on the same sentences.

    Exit codes: 0 targets met; 1 measured, but a target was missed; 2 not measured.
    """
    options |= QUICK if options["quick"] else {}
    try:
        with tempfile.TemporaryDirectory() as folder:
            report = benchmark(options, Path(folder))
        report["missed"] = [] if options["quick"] else misses(report)
        out.mkdir(parents=True, exist_ok=True)
        write_file(out / "throughput.json", json.dumps(report, indent=1, ensure_ascii=False) + "\n")
        write_file(out / "throughput.md", render(report))
    except (NewsleanError, OSError, UnicodeDecodeError) as error:
        click.echo(f"throughput.py: {error}", err=True)
        sys.exit(2)
    click.echo(render(report))
    sys.exit(1 if report["missed"] else 0)


if __name__ == "__main__":
    main()
