"""How far the shipped int8 graph's answers lie from those of its float graph.

Scores every labelled sentence at hand with both graphs, as the tagger would,
and compares labels and calibrated probabilities by the trainer's own rule.
"""

import json
import shlex
import sys
from pathlib import Path
from typing import Any

import click

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from machine import describe_machine, installed, machine_lines

from newslean.errors import DataError, ModelError, NewsleanError
from newslean.files import sha256, write_file
from newslean.finetuned import FLOAT_GRAPH, GRAPH
from newslean.manifest import Manifest, read_manifest
from newslean.schema import Schema
from newslean.tagger import Tagger

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("numpy", "onnxruntime", "tokenizers")


def compare(model: Path, labels: tuple[Path, ...], texts: tuple[Path, ...]) -> dict[str, Any]:
    """Score all labelled sentences with both graphs and compare the answers.

    Raises
    ------
    ModelError
        If the folder has no float graph beside the shipped one.
    DataError
        If no labelled sentence has its text at hand.
    """
    # Imported here: they bring torch, and --help needs none.
    from train.assess import contexts_of
    from train.export import check_parity
    from train.labels import read_examples

    machine = describe_machine()
    manifest = read_manifest(model)
    check_folder(model, manifest)
    files = read_examples(labels, manifest.schema, texts=texts)
    if not files.examples:
        raise DataError(f"{labels[0]}: expected labelled sentences with their text; found none. Give --texts.")
    sentences, contexts = [e.text for e in files.examples], contexts_of(files.examples, manifest.context)
    shipped, reference = (
        Tagger.load(model, precision=precision).model.logits(sentences, contexts) for precision in ("int8", "float")
    )
    parts = {"all": manifest.schema, **{d.name: Schema((d,)) for d in manifest.schema.dimensions}}
    parity = {
        name: check_parity(reference, shipped, schema, manifest.calibration).to_dict() for name, schema in parts.items()
    }
    return {
        "command": shlex.join(["python", "benchmarks/parity.py", *sys.argv[1:]]),
        "machine": machine,
        "versions": installed(PACKAGES),
        "model": {"version": manifest.version, **{name: graph(model / name) for name in (GRAPH, FLOAT_GRAPH)}},
        "labels": {"sentences": len(sentences), "skipped": files.skipped, "files": files.hashes},
        "parity": parity,
    }


def check_folder(model: Path, manifest: Manifest) -> None:
    """Make sure that there are two graphs to compare; ModelError if not."""
    if manifest.kind != "finetuned":
        raise ModelError(
            f"{model}: expected a finetuned model; found {manifest.kind}. It has no int8 graph to compare."
        )
    if not (model / FLOAT_GRAPH).is_file():
        raise ModelError(
            f"{model / FLOAT_GRAPH}: expected the float graph beside the shipped one; found none. "
            "It is too large to ship: train the model here with python -m train, and name its folder with --model."
        )
    if sha256(model / GRAPH) == sha256(model / FLOAT_GRAPH):
        raise ModelError(
            f"{model}: expected an int8 graph and a float graph; found the same graph twice. This model ships its "
            "float graph, since int8 did not pass the trainer's gate: there is nothing to compare."
        )


def graph(path: Path) -> dict[str, Any]:
    """Name a graph by size and hash."""
    return {"mb": round(path.stat().st_size / 1e6, 1), "sha256": sha256(path)}


def render(report: dict[str, Any]) -> str:
    """Render the report as Markdown."""
    model, labels = report["model"], report["labels"]
    rows = [
        f"| {name} | {part['equal']:.2%} | {part['largest']:.4f} | {part['mean']:.5f} |"
        for name, part in report["parity"].items()
    ]
    paragraphs = [
        "# Parity",
        f"The shipped graph against the float graph that it was made from: `{report['command']}`",
        f"Model {model['version']}: {GRAPH} has {model[GRAPH]['mb']} MB, {FLOAT_GRAPH} {model[FLOAT_GRAPH]['mb']} MB. "
        f"{labels['sentences']:,} labelled sentences; {labels['skipped']:,} more whose text is not at hand.",
        "\n".join(
            ["| | equal labels | largest difference of a probability | mean difference |", "|---|---|---|---|", *rows]
        ),
        f"Target: at least {report['min_equal']:.0%} of all labels equal. "
        f"{'**Missed**' if report['missed'] else 'Met'}.",
        *machine_lines(report["machine"], report["versions"]),
    ]
    return "\n\n".join(paragraphs) + "\n"


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--model", default=ROOT / "models" / "current", type=click.Path(path_type=Path), help="Model folder.")
@click.option(
    "--labels",
    multiple=True,
    default=[ROOT / "labels"],
    type=click.Path(path_type=Path),
    help="Label files or folders; may be given again.  [default: labels]",
)
@click.option("--texts", multiple=True, type=click.Path(path_type=Path), help="Texts of rows that hold a hash.")
@click.option("--min-equal", default=0.99, show_default=True, type=click.FloatRange(0, 1), help="Target: equal labels.")
@click.option("--out", default=ROOT / "benchmarks" / "results", type=click.Path(path_type=Path), help="Results folder.")
def main(*, model: Path, labels: tuple[Path, ...], texts: tuple[Path, ...], min_equal: float, out: Path) -> None:
    """Compare the int8 graph of a model with its float graph on labelled sentences.

    Exit codes: 0 target met; 1 compared, but the target was missed; 2 nothing compared.
    """
    try:
        report = compare(model, labels, texts)
        report |= {"min_equal": min_equal, "missed": report["parity"]["all"]["equal"] < min_equal}
        out.mkdir(parents=True, exist_ok=True)
        write_file(out / "parity.json", json.dumps(report, indent=1, ensure_ascii=False) + "\n")
        write_file(out / "parity.md", render(report))
    except (NewsleanError, OSError) as error:
        click.echo(f"parity.py: {error}", err=True)
        sys.exit(2)
    click.echo(render(report))
    sys.exit(1 if report["missed"] else 0)


if __name__ == "__main__":
    main()
