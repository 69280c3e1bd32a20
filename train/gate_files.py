"""A fitted relevance gate in a model folder: weights, manifest, model card.

Knows the folder's contract; fits nothing.
"""

import shutil
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from newslean.files import sha256, write_file
from newslean.manifest import GATE_FILE, Manifest, read_manifest, write_manifest
from train.folders import replace_folder
from train.gate import GateFit
from train.keys import digest
from train.promotion import CURRENT, folder_name, promote

HEADING = "## Relevance gate"
"""Of the model card's last section."""


def add_gate(folder: Path, fit: GateFit, *, readme: Path | None = None) -> Path:
    """Make a model of another and a gate, of a version of its own: results must tell the two apart.

    It stands beside the other; made of the current model, it takes its place, and the history says so.

    Parameters
    ----------
    readme : Path, optional
        Whose table of results follows the current model.

    Returns
    -------
    Path
        Its folder.
    """
    models, manifest = folder.parent, read_manifest(folder)
    own = models / folder_name(manifest)  # of the current model, the folder that has its float graph
    source = own if own.is_dir() and sha256(own / "manifest.json") == sha256(folder / "manifest.json") else folder
    with TemporaryDirectory(prefix=f".{folder.name}.", dir=models) as partial:
        whole = Path(partial, folder.name)
        shutil.copytree(source, whole)
        gated = save_gate(whole, manifest, fit)
        told = digest([sha256(whole / GATE_FILE), fit.numbers()])
        gated = replace(gated, version=f"{manifest.version.split('+')[0]}+{told[:6]}")
        if gated.version == manifest.version:  # the gate that it has
            return folder
        card = (whole / "README.md").read_text(encoding="utf-8").replace(manifest.version, gated.version)
        write_file(whole / "README.md", with_gate(card, fit))
        write_manifest(whole, gated)
        made = models / folder_name(gated)
        replace_folder(whole, made)
    if folder.name == CURRENT:
        promote(models, made.name, event="promotion", reason="its relevance gate was fitted anew", readme=readme)
    return made


def save_gate(folder: Path, manifest: Manifest, fit: GateFit | None) -> Manifest:
    """Write a gate's weights and give the manifest that knows of them; as it is, where there is no gate."""
    if fit is None:
        return manifest
    fit.gate.save(folder)
    return replace(manifest, gate=fit.numbers(), files={**manifest.files, GATE_FILE: ""})


def with_gate(card: str, fit: GateFit | None) -> str:
    """Give a model card whose last section tells of the gate."""
    text = fit.describe() if fit else "none: there are too few sentences with or without labels to promise anything"
    return f"{card.split(HEADING)[0].rstrip()}\n\n{HEADING}\n\n{text}\n"


def with_gate_of(card: str, other: str) -> str:
    """Give a model card whose last section is that of another card; as it is, where that tells of no gate."""
    _, heading, section = other.partition(HEADING)
    return f"{card.split(HEADING)[0].rstrip()}\n\n{heading}{section}" if section else card
