"""The formats that there are, by name, and which of them a file is in.

Knows the modules of this room; each is imported when it is first used.
"""

import json
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, cast

from newslean.errors import DataError
from newslean.schema import Schema
from train.exchange.raw import Raw
from train.exchange.sources import read_text
from train.exchange.spelling import Naming
from train.exchange.task import Task
from train.rows import Faults


@dataclass(frozen=True, slots=True)
class Format:
    """A format: the module that knows it, the suffix of its files, and of what sets a tool up for it ("" if none)."""

    name: str
    module: str
    suffix: str
    setup_suffix: str = ""
    writer: str = "write"

    def read(self, path: Path, naming: Naming, faults: Faults) -> list[Raw]:
        """Read a file, judging no label."""
        return cast("list[Raw]", self._room().read(path, naming, faults))

    def write(self, tasks: list[Task], schema: Schema) -> bytes:
        """Give tasks as the bytes of a file."""
        return cast("bytes", getattr(self._room(), self.writer)(tasks, schema))

    def setup(self, schema: Schema) -> bytes:
        """Give what sets the tool up with a label set, as the bytes of a file."""
        if not self.setup_suffix:
            raise DataError(
                f"--setup: expected a format with a file of its label set; found {self.name}, which needs none."
            )
        return cast("bytes", self._room().setup(schema))

    def _room(self) -> Any:
        return import_module(f"train.exchange.{self.module}")


FORMATS = {
    found.name: found
    for found in (
        Format("labelstudio", "labelstudio", ".json", ".xml"),
        Format("doccano", "doccano", ".jsonl", ".json"),
        Format("prodigy", "prodigy", ".jsonl", ".json"),
        Format("argilla", "argilla", ".json", ".json"),
        Format("cas", "cas", ".json", ".xml"),
        Format("webanno", "webanno", ".tsv", ".xml"),
        Format("csv", "delimited", ".csv"),
        Format("tsv", "delimited", ".tsv", writer="write_tabs"),
        Format("excel", "excel", ".xlsx"),
    )
}
"""All formats, by the name that ``--format`` and ``--to`` take."""

NAMES = tuple(FORMATS)
_PRODIGY = {"answer", "accept", "options", "_input_hash", "_task_hash"}


def guess_format(path: Path, faults: Faults) -> Format | None:
    """Tell a file's format by its suffix and what stands in it; None after a fault."""
    suffix = path.suffix.lower()
    if suffix == ".xlsx":
        return FORMATS["excel"]
    if suffix in (".csv", ".tsv"):
        text = read_text(path, Faults())  # what is wrong with it, the table's reader tells
        webanno = (text or "").startswith("#FORMAT=WebAnno TSV")
        return FORMATS["webanno" if webanno else suffix[1:]]
    text = read_text(path, faults)
    if text is None:
        return None
    first = _first_object(text)
    name = _name_of(first)
    if name in ("", "doccano") and "doc" in first and any(isinstance(first.get(k), dict) for k in ("labels", "coders")):
        faults.add(
            str(path),
            "expected what another tool gives; found rows of a label file, as this project writes them. Put the file "
            "in the folder sentences beside the schema, or name it with --labels.",
        )
        return None
    if not name:
        faults.add(
            str(path),
            f"expected a file that shows its format; found none of {', '.join(NAMES)}. Name it with --format.",
        )
    return FORMATS.get(name)


def _name_of(first: dict[str, Any]) -> str:
    keys = {*first}
    if {"%FEATURE_STRUCTURES", "%TYPES"} & keys:
        return "cas"
    if isinstance(first.get("data"), dict) and {"annotations", "predictions", "completions"} & keys:
        return "labelstudio"
    flat = any(key.endswith((".responses", ".suggestion")) for key in keys)
    if flat or ("fields" in keys and {"responses", "suggestions"} & keys):
        return "argilla"
    if "text" in keys and _PRODIGY & keys:
        return "prodigy"
    return "doccano" if {"text", "data"} & keys and {"label", "labels", "cats"} & keys and "coders" not in keys else ""


def _first_object(text: str) -> dict[str, Any]:
    for part in (text.strip(), text.strip().split("\n", 1)[0]):
        try:
            data = json.loads(part)
        except (ValueError, RecursionError):
            continue
        data = data[0] if isinstance(data, list) and data else data
        return data if isinstance(data, dict) else {}
    return {}
