"""Behaviour tests: cases of one capability each, and the share that a model passes.

Knows cases and taggers; knows no training. The method is CheckList's (Ribeiro
et al. 2020, "Beyond accuracy: behavioral testing of NLP models").
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from newslean.calibration import decide
from newslean.context import context_of
from newslean.errors import DataError
from newslean.schema import Labels, Schema
from newslean.tagger import Tagger
from train.labels import in_order
from train.rows import Faults, read_objects, row_faults, shown

ALL = "all"
"""Key of the whole in a report."""


@dataclass(frozen=True, slots=True)
class Case:
    """One sentence, and what a model must say of it.

    Attributes
    ----------
    id, capability, rule : str
        Its name, what it tests, and why the labels are right.
    text, before : str
        The sentence, and the one before it ("" for none).
    labels : dict
        The dimensions that the case tests, with their labels.
    pair : str
        Cases that belong together, minimal pairs say; "" for a case by itself.
    """

    id: str
    capability: str
    rule: str
    text: str
    before: str
    labels: Labels
    pair: str = ""


def read_cases(path: str | Path, schema: Schema) -> list[Case]:
    """Read cases, an object a line with the fields of `Case`.

    Raises
    ------
    DataError
        With all faults of the file, each as "file:line: expected ...; found ...".
    """
    faults, cases, first = Faults(), list[Case](), dict[str, str]()
    rows = [*read_objects(Path(path), faults, {})]
    asked = {name for _, data in rows if isinstance(labels := data.get("labels"), dict) for name in labels}
    if asked and not asked & {*schema.names}:
        raise DataError(
            f"{path}: expected cases of {', '.join(schema.names)}; found those of another label set "
            f"({', '.join(sorted(asked)[:5])}). Name cases of your own, with --on."
        )
    for where, data in rows:
        found = _faults(data, schema) if data else []
        name = str(data.get("id"))
        if data and not found and first.setdefault(name, where) != where:
            found = [f"expected each id once; found {name!r} again (first at {first[name]})"]
        for fault in found:
            faults.add(where, fault)
        if data and not found:
            fields = {field: data[field] for field in Case.__slots__ if field in data}
            cases.append(Case(**{**fields, "labels": in_order(data["labels"], schema)}))
    if not cases and not faults.count:
        faults.add(str(path), "expected at least one case; found none")
    faults.throw()
    return cases


def pass_rates(cases: Sequence[Case], taggers: Mapping[str, Tagger]) -> dict[str, Any]:
    """Tag all cases and count those whose labels are all as expected.

    Returns
    -------
    dict
        ``{model: {capability or "all": {"cases", "passed", "share", "pairs", "pairs_passed"}}, ...}``; a
        pair is passed where each of its cases is. ``"failed"`` beside the capabilities lists
        ``{"id", "text", "rule", "expected", "found"}``.

    Notes
    -----
    Sentences are scored one by one, as `Tagger.score` does: without the page around them, so that furniture is
    not recognised, and with the sentence before only where the model reads it.
    """
    return {name: _measure(cases, tagger) for name, tagger in taggers.items()}


def render_rates(report: Mapping[str, Any]) -> str:
    """Render pass rates as a Markdown table, a row a capability."""
    models = [*report]
    lines = [f"| capability | cases | {' | '.join(models)} |", "| --- |" + " ---: |" * (len(models) + 1)]
    for capability, first in report[models[0]]["capabilities"].items():
        cells = [_cell(report[model]["capabilities"][capability]) for model in models]
        lines.append(f"| {capability} | {first['cases']} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _cell(count: Mapping[str, Any]) -> str:
    pairs = f" ({count['pairs_passed']} of {count['pairs']} pairs)" if count["pairs"] else ""
    return f"{count['share']:.0%}{pairs}"


def _faults(data: Mapping[str, Any], schema: Schema) -> list[str]:
    expected = "expected text under {}; found {}"
    faults = [
        expected.format(field, shown(data.get(field)))
        for field in ("id", "capability", "rule", "before", "text")
        if not isinstance(data.get(field), str) or not (data[field].strip() or field == "before")
    ]
    if not isinstance(data.get("pair", ""), str):
        faults.append(expected.format("pair", shown(data["pair"])))
    faults += [f"expected {', '.join(Case.__slots__)}; found {key!r}" for key in data.keys() - {*Case.__slots__}]
    if data.get("capability") == ALL or re.search(r"[|\n\r]", str(data.get("capability"))):
        faults.append(f"expected a capability other than {ALL!r}, without '|'; found {shown(data['capability'])}")
    if data.get("labels") == {}:
        faults.append("labels: expected at least one dimension; found none")
    row = {"doc": data.get("id"), "n": 0, **{key: data[key] for key in ("text", "before", "labels") if key in data}}
    return faults or row_faults(row, schema)


def _measure(cases: Sequence[Case], tagger: Tagger) -> dict[str, Any]:
    calibration, schema = tagger.manifest.calibration, tagger.schema
    contexts = [context_of(tagger.manifest.context, title="", before=case.before) for case in cases]
    passed, failed = {}, []
    for case, scores in zip(cases, tagger.score([case.text for case in cases], contexts), strict=True):
        found = {d.name: decide(d, scores[d.name], calibration) for d in schema.dimensions if d.name in case.labels}
        passed[case.id] = found == case.labels
        if not passed[case.id]:
            failed.append(
                {"id": case.id, "text": case.text, "rule": case.rule, "expected": case.labels, "found": found}
            )
    groups: dict[str, list[Case]] = {ALL: [*cases]}
    for case in cases:
        groups.setdefault(case.capability, []).append(case)
    return {"capabilities": {name: _count(chosen, passed) for name, chosen in groups.items()}, "failed": failed}


def _count(cases: Sequence[Case], passed: Mapping[str, bool]) -> dict[str, Any]:
    pairs: dict[str, list[bool]] = {}
    for case in cases:
        if case.pair:
            pairs.setdefault(case.pair, []).append(passed[case.id])
    right = sum(passed[case.id] for case in cases)
    return {
        "cases": len(cases),
        "passed": right,
        "share": right / len(cases),
        "pairs": len(pairs),
        "pairs_passed": sum(map(all, pairs.values())),
    }
