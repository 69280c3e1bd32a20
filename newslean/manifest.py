"""The model folder: what stands in it, and the proof that it is what was trained.

Knows ``manifest.json`` and hashes; knows neither how a model computes nor
what an article is. Arrays, strings and JSON only: nothing in a model folder
is ever executed or unpickled.

The format number is raised when a reader of the old number would give wrong
labels; a new key that an old reader may ignore does not raise it.
"""

import json
import math
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from newslean.calibration import Calibration, calibration_from
from newslean.context import CONTEXTS, is_context
from newslean.errors import DataError, ModelError
from newslean.files import sha256, write_file
from newslean.schema import UNITS, Schema, schema_from_dict

FORMAT = 6
"""2: ``mix``. 3: the schema's ``unit``. 4: ``beta``, and thresholds of ``single`` dimensions. 5: keys in place of a
baseline's terms. 6: ``late_context``.

A model is written with the lowest number that tells all that its trainer may have put into it, so that older readers
know it too."""
KINDS = ("finetuned", "baseline")
REQUIRED = {"finetuned": ("model.onnx", "tokenizer.json"), "baseline": ("weights.safetensors", "vocabulary.json")}
"""Files that a kind of model loads: a manifest that does not name them would let them through unchecked."""

GATE_FILE = "gate.safetensors"
GATE_NUMBERS = ("own", "article", "intercept", "threshold")
"""What the manifest says of the relevance gate, beside its weights."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """What ``manifest.json`` says of a model; see DESIGN's "Model folder".

    Attributes
    ----------
    late_context : bool
        Whether the graph reads a sentence and its context each by itself, but for the last layer.
    mix : dict
        Dimension to the share of the fine-tuned model's logits; those of the baseline in the same folder take the
        rest. Empty: there is no baseline.
    gate : dict
        Numbers of the relevance gate (see `newslean.gate`): ``own``, ``article``, ``intercept``, ``threshold``, and
        ``lost``, the share of labelled sentences that it skipped out of fold. Empty: there is none.
    params : dict
        Hyperparameters by kind of model, as trained with; for people to compare.
    """

    kind: str
    name: str
    version: str
    schema: Schema
    calibration: Calibration
    splitter: str
    max_length: int = 128
    context: str = "none"
    late_context: bool = False
    mix: dict[str, float] = field(default_factory=dict)
    gate: dict[str, float] = field(default_factory=dict)
    base: dict[str, str] = field(default_factory=dict)
    data: dict[str, str] = field(default_factory=dict)
    code_version: str = ""
    seed: int = 0
    metrics: dict[str, Any] = field(default_factory=dict)
    params: dict[str, Any] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)
    optional_files: dict[str, str] = field(default_factory=dict)


def write_manifest(folder: str | Path, manifest: Manifest) -> None:
    """Write ``manifest.json`` as the last file of a model folder, with the hashes of the others.

    Parameters
    ----------
    folder : path
        A folder that already holds the files named in ``manifest.files`` and ``optional_files``; of the latter one
        with a known hash may be elsewhere.

    Raises
    ------
    DataError
        If it cannot be written; an older manifest then still stands.
    """
    calibration = manifest.calibration
    data = {
        "format": _format(manifest),
        **{key: getattr(manifest, key) for key in ("kind", "name", "version")},
        "schema": manifest.schema.to_dict(),
        **{key: getattr(manifest, key) for key in ("max_length", "context", "mix", "gate")},
        **({"late_context": True} if manifest.late_context else {}),
        "temperature": calibration.temperature,
        "thresholds": calibration.thresholds,
        "min_confidence": calibration.min_confidence,
        **({"beta": calibration.beta} if calibration.beta else {}),
        **{
            key: getattr(manifest, key)
            for key in ("splitter", "base", "data", "code_version", "seed", "metrics", "params")
        },
        "files": {name: sha256(Path(folder, name)) for name in manifest.files},
        "optional_files": {
            name: known if known and not Path(folder, name).exists() else sha256(Path(folder, name))
            for name, known in manifest.optional_files.items()
        },
    }
    write_file(Path(folder, "manifest.json"), json.dumps(data, indent=1, ensure_ascii=False) + "\n")


def _format(manifest: Manifest) -> int:
    if manifest.late_context:
        return 6
    if "vocabulary.json" in manifest.files:
        return 5
    single = {d.name for d in manifest.schema.dimensions if not d.multi}
    if manifest.calibration.beta or single & manifest.calibration.thresholds.keys():
        return 4
    return 2 if manifest.schema.unit == UNITS[0] else 3


def read_manifest(folder: str | Path) -> Manifest:
    """Read a model folder's manifest and check every file against its hash.

    Parameters
    ----------
    folder : path
        A model folder. An optional file may be absent, but not changed.

    Raises
    ------
    ModelError
        If the folder, the manifest or a file is missing, damaged, or of a newer format.
    """
    path = Path(folder, "manifest.json")
    try:
        data = json.loads(path.read_bytes())
    except OSError as error:
        raise ModelError(
            f"{folder}: expected a model folder with manifest.json; {error.strerror}. "
            "Name a model folder with --model, or train one with python -m train."
        ) from None
    except (ValueError, RecursionError) as error:
        raise ModelError(
            f"{path}: expected JSON; found {error}. Restore the model folder from where it came."
        ) from None
    if not isinstance(data, dict) or not isinstance(data.get("format"), int):
        raise ModelError(f"{path}: expected a JSON object with a format number; found none. Restore the model folder.")
    if data["format"] > FORMAT:
        raise ModelError(f"{path}: expected format {FORMAT} or older; found {data['format']}. Update newslean.")
    manifest = _manifest_from(data, path)
    for name, expected in manifest.files.items():
        _check_file(Path(folder), name, expected)
    for name, expected in manifest.optional_files.items():
        _check_file(Path(folder), name, expected, optional=True)
    return manifest


def _manifest_from(data: Mapping[str, Any], path: Path) -> Manifest:
    try:
        schema = schema_from_dict(data["schema"], where=f"{path}, schema")
        manifest = Manifest(
            kind=str(data["kind"]),
            name=str(data["name"]),
            version=str(data["version"]),
            schema=schema,
            calibration=calibration_from(data, schema),
            splitter=str(data["splitter"]),
            max_length=int(data["max_length"]),
            context=str(data["context"]),
            late_context=data.get("late_context", False),
            mix={name: float(share) for name, share in data.get("mix", {}).items()},
            gate={name: float(value) for name, value in data.get("gate", {}).items()},
            base=data.get("base", {}),
            data=data.get("data", {}),
            code_version=str(data.get("code_version", "")),
            seed=int(data.get("seed", 0)),
            metrics=data.get("metrics", {}),
            params=data.get("params", {}),
            files={name: str(digest) for name, digest in data["files"].items()},
            optional_files={name: str(digest) for name, digest in data.get("optional_files", {}).items()},
        )
    except DataError as error:
        raise ModelError(str(error)) from None
    except KeyError as error:
        raise ModelError(f"{path}: expected the key {error}; found none. Restore the model folder.") from None
    except (TypeError, ValueError, AttributeError, OverflowError) as error:
        raise ModelError(f"{path}: a value is not of its kind ({error}). Restore the model folder.") from None
    _check_values(manifest, path)
    return manifest


def _check_values(manifest: Manifest, path: Path) -> None:
    known = {
        "kind": (manifest.kind in KINDS, ", ".join(KINDS)),
        "context": (is_context(manifest.context), CONTEXTS),
        "late_context": (isinstance(manifest.late_context, bool), "true, false"),
    }
    for key, (valid, names) in known.items():
        if not valid:
            found = getattr(manifest, key)
            raise ModelError(f"{path}: expected {key} to be one of {names}; found {found!r}. Update newslean.")
    if any(name not in manifest.schema.names or not 0 <= share <= 1 for name, share in manifest.mix.items()):
        raise ModelError(f"{path}: expected mix to give dimensions a share from 0 to 1. Restore the model folder.")
    if manifest.gate and not all(math.isfinite(manifest.gate.get(name, math.nan)) for name in GATE_NUMBERS):
        raise ModelError(f"{path}: expected gate to have {', '.join(GATE_NUMBERS)}. Restore the model folder.")
    needed = [*REQUIRED[manifest.kind], *(REQUIRED["baseline"] if manifest.mix else ())]
    needed += [GATE_FILE] if manifest.gate else []
    if missing := [name for name in needed if name not in manifest.files]:
        raise ModelError(
            f"{path}: expected files to name {', '.join(missing)} with a hash; found none. Do not use this model."
        )
    if manifest.max_length < 8:
        raise ModelError(f"{path}: expected max_length >= 8; found {manifest.max_length}. Restore the model folder.")
    if expected := manifest.calibration.fault(manifest.schema):
        raise ModelError(f"{path}: expected {expected}. Restore the model folder.")


def _check_file(folder: Path, name: str, expected: str, *, optional: bool = False) -> None:
    if os.path.basename(name) != name or name in ("", ".", "..") or "\0" in name:
        raise ModelError(f"{folder}/manifest.json: expected plain file names; found {name!r}. Do not use this model.")
    if optional and not (folder / name).exists():
        return
    try:
        found = sha256(folder / name)
    except OSError as error:
        raise ModelError(
            f"{folder / name}: expected a file of the model; {error.strerror}. Restore the model folder."
        ) from None
    if found != expected:
        raise ModelError(
            f"{folder / name}: expected SHA-256 {expected[:12]}…; found {found[:12]}…. "
            "The file was changed or damaged: restore the model folder."
        )
