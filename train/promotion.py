"""Making a model the one that ``predict.py`` loads; the history and the README's table follow it.

Knows folders, the order of writes and markers; judges no model. What is to be
done is written down first (``.promotion.json``), so that after a kill
`finish_promotion` brings model, history and README to one state.
"""

import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from newslean.errors import DataError, ModelError
from newslean.files import sync_folder, write_file
from newslean.manifest import Manifest, read_manifest
from train.evaluate import readme_table
from train.folders import locked, replace_folder
from train.history import HISTORY, Entry, append_history, now, read_history

BEGIN, END = "<!-- results: begin -->", "<!-- results: end -->"
CURRENT = "current"
PENDING = ".promotion.json"
LEFT_BEHIND = "model.float.onnx"
"""The float graph is only for comparison."""


def folder_name(manifest: Manifest) -> str:
    """Name of a model's folder: its version, and the kind where that is the baseline."""
    return f"{manifest.version}-baseline" if manifest.kind == "baseline" else manifest.version


def current_name(models: Path) -> str | None:
    """Name of the current model; None where there is none that loads."""
    try:
        return folder_name(read_manifest(models / CURRENT))
    except ModelError:
        return None


def promote(
    models: Path, name: str, *, event: str, reason: str, readme: Path | None = None, compared: str | None = None
) -> None:
    """Make ``models/<name>`` the current model, keep the one before as a folder, and write it all down.

    Killed at any moment, `models/current` loads, and `finish_promotion` (which every later call begins with) does the
    rest.

    Parameters
    ----------
    event : {"promotion", "rollback"}
        For the history.
    readme : Path, optional
        Whose table of results follows the model.
    compared : str, optional
        Name of the current model that it was compared with, "" if there was none: it takes no other's place.

    Raises
    ------
    ModelError
        If the folder is missing or damaged; nothing has changed then.
    DataError
        If another model than the one ``compared`` has become current; nothing has changed then either.
    """
    with locked(models):
        _finish(models, readme)
        read_manifest(models / name)
        previous = current_name(models)
        if compared is not None and (previous or "") not in (compared, name):
            raise DataError(
                f"{models / CURRENT}: expected {compared or 'no model'}, with which {name} was compared; found "
                f"{previous or 'none'}. Nothing is promoted. Run the training again to compare these two, or "
                f"python -m train models promote {name} --reason WHY."
            )
        entry = {"event": event, "time": now(), "version": name, "previous": previous, "reason": reason}
        write_file(models / PENDING, json.dumps(entry, ensure_ascii=False) + "\n")
        _carry_out(models, entry, readme)


def finish_promotion(models: Path, *, readme: Path | None = None) -> str:
    """Finish a promotion that was cut off; give its version, or "" if there was none."""
    if not (models / PENDING).exists() and not any(models.glob(".*.part")):
        return ""
    with locked(models):
        return _finish(models, readme)


def _finish(models: Path, readme: Path | None) -> str:
    for left in models.glob(".*.part"):  # of a kill while a file was written beside its place
        if left.is_file():
            left.unlink()
    try:
        entry = json.loads((models / PENDING).read_text(encoding="utf-8"))
        name = str(entry["version"])
    except FileNotFoundError:
        return ""
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(
            f"{models / PENDING}: expected a promotion to finish; found {error}. Remove the file."
        ) from None
    _carry_out(models, entry, readme)
    return name


def _carry_out(models: Path, entry: Entry, readme: Path | None) -> None:
    """Do, in an order that may be begun again anywhere, what an entry says; give up where the model is of no use."""
    name = str(entry["version"])
    try:
        if current_name(models) != name:
            _keep_current(models)
            promote_model(models / name, models / CURRENT)
    except ModelError:
        (models / PENDING).unlink()
        raise
    if entry not in read_history(models / HISTORY):
        append_history(models / HISTORY, entry)
    if readme is not None:
        update_readme(readme, stored_report(models / CURRENT))
    (models / PENDING).unlink()
    sync_folder(models)


def _keep_current(models: Path) -> None:
    """Copy the current model to a folder of its own, where it has none: a rollback needs it."""
    name = current_name(models)
    if name is None or (models / name).exists():
        return
    partial = models / f".{name}.part"
    shutil.rmtree(partial, ignore_errors=True)
    shutil.copytree(models / CURRENT, partial)
    replace_folder(partial, models / name)


def promote_model(source: Path, current: Path) -> None:
    """Put a copy of a model folder in the place of another, which on Linux is loadable at every moment.

    The copy is checked before it takes the place. The float graph stays behind.
    """
    current = Path(os.path.realpath(current))  # a link stays a link
    new = current.with_name(f".{current.name}.new")
    shutil.rmtree(new, ignore_errors=True)
    shutil.copytree(source, new, ignore=shutil.ignore_patterns(LEFT_BEHIND))
    read_manifest(new)
    replace_folder(new, current)


def stored_report(folder: Path) -> dict[str, Any]:
    """Read the evaluation reports that lie in a model folder, by part."""
    found = {}
    for path in sorted((folder / "evaluation").glob("*/report.json")):
        try:
            found[path.parent.name] = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise ModelError(f"{path}: expected a report; found {error}. Restore the model folder.") from None
    return found


def update_readme(path: Path, report: Mapping[str, Any]) -> None:
    """Write the results between the README's markers."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: expected a README in UTF-8; found {error}. Restore it.") from None
    if not 0 <= text.find(BEGIN) < text.rfind(END):
        raise DataError(f"{path}: expected the markers {BEGIN} and {END}; found none. Put them back.")
    before, rest = text.split(BEGIN, 1)
    write_file(path, f"{before}{BEGIN}\n{results_text(report)}\n{END}{rest.split(END, 1)[1]}")


def results_text(report: Mapping[str, Any]) -> str:
    """Give the README's results: seed articles left out in turn, and rows set aside, where there are any."""
    parts = []
    for part, heading in (
        ("seeds", "Macro-F1 on the seed articles, each left out in turn, with 95 % bootstrap intervals over articles:"),
        (
            "held_out",
            "Macro-F1 of the final models on sentences that were set aside by their label file, never trained on:",
        ),
    ):
        if part in report:
            parts += [heading, "", readme_table(report[part]).strip(), ""]
    return "\n".join(parts).strip()
