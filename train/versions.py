"""The models of a folder: listed, described and compared.

Knows manifests, stored reports and the history; changes nothing.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from newslean.errors import DataError, ModelError
from newslean.manifest import Manifest, read_manifest
from newslean.schema import Schema
from train.evaluate import readme_table
from train.history import HISTORY, read_history
from train.promotion import CURRENT, current_name, folder_name, stored_report

PARTS = ("held_out", "out_of_fold", "seeds")
"""Parts of a report, the one that says most of a stored model first."""
MODELS = ("mixed", "transformer", "baseline")


def find_model(models: Path, name: str) -> Path:
    """Give the folder of a version, or of ``current``.

    Raises
    ------
    DataError
        If there is none; the nearest names are given.
    """
    import difflib

    if name == CURRENT or name == current_name(models):
        return models / (name if (models / name).is_dir() else CURRENT)
    folder = models / name
    if Path(name).name == name and (folder / "manifest.json").is_file():
        return folder
    known = [path.name for path in _folders(models)]
    near = difflib.get_close_matches(name, known, 3, 0.5) or known[-3:]
    raise DataError(f"{models}: expected a version of that name; found no {name!r} (there are {', '.join(near) or 0}).")


def list_models(models: Path) -> str:
    """Give a table of the versions, the one that was trained first at the top, the current one marked.

    One that the history does not know goes by the day in its name, before those of that day that it knows.
    """
    current = current_name(models)
    trainings = [e for e in read_history(models / HISTORY) if e.get("event") == "training"]
    times = {str(e.get("version")): str(e.get("time", "")) for e in trainings}
    rows, folders = list[tuple[str, str, list[str]]](), _folders(models)
    if current and models / current not in folders:
        folders.append(models / CURRENT)
    for path in folders:
        try:
            manifest = read_manifest(path)
            name, kind, measured = folder_name(manifest), manifest.kind, headline_of(manifest)
        except ModelError as error:
            name, kind, measured = path.name, "", f"does not load: {error}"
        # The history names a training once, by its network; the baseline beside that is of the same time.
        time = times.get(name) or times.get(name.removesuffix("-baseline")) or name[:10].replace(".", "-")
        rows.append((time, name, ["*" if name == current else "", name, kind, time, measured]))
    return _table(["current", "version", "kind", "trained", "macro-F1"], [row for _, _, row in sorted(rows)])


def headline_of(manifest: Manifest) -> str:
    """Give macro-F1 per dimension on the rows that say most, and which those are."""
    measured = manifest.metrics.get("macro_f1", {})
    part = next((part for part in PARTS if measured.get(part)), "")
    values = {name: next((v[m] for m in MODELS if m in v), None) for name, v in measured.get(part, {}).items()}
    texts = [f"{name} {value:.3f}" for name, value in values.items() if value is not None]
    return f"{', '.join(texts)} ({part})" if texts else "not measured"


def show_model(models: Path, name: str) -> str:
    """Give what is known of a version: manifest, data, measures and its history, as Markdown."""
    path = find_model(models, name)
    manifest = read_manifest(path)
    lines = [f"# {folder_name(manifest)}", ""]
    facts = {
        "kind": manifest.kind,
        "base": ", ".join(f"{key} {value}" for key, value in manifest.base.items()),
        "unit": manifest.schema.unit,
        "context": f"{manifest.context}{', in the last layer alone' if manifest.late_context else ''}",
        "seed": manifest.seed,
        "code": f"newslean {manifest.code_version}, splitter {manifest.splitter}",
        "share of the encoder": ", ".join(f"{key} {value:g}" for key, value in manifest.mix.items()),
    }
    lines += [f"- {key}: {value}" for key, value in facts.items() if value != ""]
    lines += [f"- {d.name} ({d.kind}): {', '.join(d.labels)}" for d in manifest.schema.dimensions]
    lines += ["", "## Data", "", *(f"- {file}: {digest[:12]}" for file, digest in manifest.data.items())]
    for part, report in stored_report(path).items():
        lines += ["", f"## {part}", "", readme_table(report)]
    entries = [
        e for e in read_history(models / HISTORY) if folder_name(manifest) in (e.get("version"), e.get("previous"))
    ]
    if entries:
        lines += ["", "## History", "", *(_told(entry) for entry in entries)]
    return "\n".join(lines)


def diff_models(models: Path, first: str, second: str) -> str:
    """Give what is different between two versions: labels, data, parameters, measures."""
    a, b = (read_manifest(find_model(models, name)) for name in (first, second))
    parts = {
        "labels": (_labels(a.schema), _labels(b.schema)),
        "data": (a.data, b.data),
        "settings": (_settings(a), _settings(b)),
        "parameters": (_flat(a.params), _flat(b.params)),
        "macro-F1": (_flat(a.metrics.get("macro_f1", {})), _flat(b.metrics.get("macro_f1", {}))),
    }
    lines = []
    for part, (old, new) in parts.items():
        rows = [
            [key, _shown(old.get(key)), _shown(new.get(key)), _change(old.get(key), new.get(key))]
            for key in dict.fromkeys((*old, *new))
            if old.get(key) != new.get(key)
        ]
        text = _table([part, folder_name(a), folder_name(b), "change"], rows) if rows else "the same"
        lines += [f"## {part}", "", text, ""]
    return "\n".join(lines).rstrip()


def rollback_target(models: Path) -> str:
    """Give the version that was current before the current one, by the history.

    Raises
    ------
    DataError
        If the history knows none.
    """
    line: list[str] = []
    for entry in read_history(models / HISTORY):
        version, previous = str(entry.get("version")), entry.get("previous")
        if entry.get("event") == "rollback" and version in line:
            del line[line.index(version) + 1 :]  # two rollbacks go two back, not to and fro
        elif entry.get("event") in ("promotion", "rollback"):
            line += [str(name) for name in (previous, version) if name and (not line or line[-1] != name)]
    current = current_name(models)
    if len(line) < 2 or line[-1] != current:
        raise DataError(
            f"{models / HISTORY}: expected a model before {current}; found none. Name the one to go back to."
        )
    return line[-2]


def _folders(models: Path) -> list[Path]:
    found = (path.parent for path in models.glob("*/manifest.json"))
    return sorted(path for path in found if path.name != CURRENT and not path.name.startswith("."))


def _told(entry: Mapping[str, Any]) -> str:
    before = f", before it {entry['previous']}" if entry.get("previous") else ""
    decision = f", decision: {entry['decision']}" if entry.get("decision") else ""
    what = f"{entry.get('event')} of {entry.get('version')}"
    return f"- {entry.get('time')}: {what}{before}{decision}: {entry.get('reason')}"


def _labels(schema: Schema) -> dict[str, str]:
    return {d.name: f"{d.kind}: {', '.join(d.labels)}" for d in schema.dimensions} | {"(unit)": schema.unit}


def _settings(manifest: Manifest) -> dict[str, Any]:
    names = ("kind", "context", "late_context", "max_length", "seed", "splitter", "code_version")
    return {**{name: getattr(manifest, name) for name in names}, **_flat({"base": manifest.base, "mix": manifest.mix})}


def _flat(data: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    result: dict[str, Any] = {}
    for key, value in data.items():
        result.update(_flat(value, f"{prefix}{key} ") if isinstance(value, Mapping) else {f"{prefix}{key}": value})
    return result


def _shown(value: Any) -> str:
    text = "-" if value is None else f"{value:.4g}" if isinstance(value, float) else str(value)
    return text if len(text) <= 60 else text[:12] + "…"


def _change(old: Any, new: Any) -> str:
    numbers = isinstance(old, int | float) and isinstance(new, int | float)
    return f"{new - old:+.4g}" if numbers else "new" if old is None else "gone" if new is None else "changed"


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)
