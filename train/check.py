"""What label files hold and how far their coders agree, for a person to read.

Knows the examples of `train.labels` and the numbers of `train.agreement`.
Knows no model.
"""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from newslean.schema import Labels, Schema
from train.agreement import ADJUDICATED, agreement
from train.labels import WHOLE_SOURCES, Example, LabelFiles, read_examples
from train.rows import Faults

MAX_SHOWN = 10
"""Repeated texts that are listed; the rest is counted."""

FEW_GROUPS = 20
"""Under this many articles a bootstrap over articles gives intervals that are too narrow."""


def check_labels(
    paths: Sequence[str | Path], schema: Schema, *, texts: Sequence[str | Path] = (), seed: int, replicates: int = 1000
) -> dict[str, Any]:
    """Count labels, measure agreement and find repeated texts.

    Parameters
    ----------
    paths, schema, texts
        As for `train.labels.read_examples`.
    seed, replicates : int
        Of the bootstrap intervals.

    Returns
    -------
    dict
        Plain data: ``{"files", "rows", "skipped", "sources": {source: counts}, "agreement": {source: as from
        `train.agreement.agreement`}, "repeats": {"same", "different", "first"}}``. No text stands in it.

    Raises
    ------
    DataError
        If a file has faults, or if a row of a source that is coded throughout (``seed``, ``authored``) has labels
        that do not follow from its coders'.
    """
    files = read_examples(paths, schema, texts=texts)
    faults = Faults()
    for example, place in zip(files.examples, files.places, strict=True):
        for fault in coder_faults(example, schema) if example.source in WHOLE_SOURCES else ():
            faults.add(place, fault)
    faults.throw()
    by_source: dict[str, list[Example]] = {}
    for example in files.examples:
        by_source.setdefault(example.source, []).append(example)
    return {
        "files": files.hashes,
        "rows": len(files.examples),
        "skipped": files.skipped,
        "sources": {source: _counts(examples, schema) for source, examples in by_source.items()},
        "agreement": {
            source: agreement(
                schema, [e.coders for e in examples], [e.group for e in examples], seed=seed, replicates=replicates
            )
            for source, examples in by_source.items()
            if any(len(_independent(e)) > 1 for e in examples)
        },
        "repeats": _repeats(files),
    }


def coder_faults(example: Example, schema: Schema) -> list[str]:
    """Say where a row's labels do not follow from its coders.

    What they agree on stands; a dispute is adjudicated, or left open by labels without that dimension.
    """
    faults = []
    settled = example.coders.get(ADJUDICATED, {})
    for name in schema.names:
        given = {coder: labels[name] for coder, labels in _independent(example).items() if name in labels}
        found = example.labels.get(name)
        disputed = any(value != next(iter(given.values())) for value in given.values())
        said = ", ".join(f"{coder} {value!r}" for coder, value in given.items())
        if disputed and name not in settled and name in example.labels:
            faults.append(f"{name}: expected a coder {ADJUDICATED!r} to settle a dispute; found {said}")
        elif disputed and name in settled and not example.reason.strip():
            faults.append(f"{name}: expected a reason for the adjudication; found none")
        if name in settled and found != settled[name]:
            faults.append(f"{name}: expected the adjudicated {settled[name]!r} in labels; found {found!r}")
        elif given and not disputed and name not in settled and found != next(iter(given.values())):
            faults.append(f"{name}: expected labels as coded ({said}); found {found!r}")
    return faults


def _independent(example: Example) -> dict[str, Any]:
    return {coder: labels for coder, labels in example.coders.items() if coder != ADJUDICATED}


def _counts(examples: list[Example], schema: Schema) -> dict[str, Any]:
    dimensions: dict[str, dict[str, Any]] = {}
    for d in schema.dimensions:
        values = [e.labels[d.name] for e in examples if d.name in e.labels]
        counted = Counter(label for value in values for label in (value if isinstance(value, list) else [value]))
        dimensions[d.name] = {"rows": len(values), "missing": len(examples) - len(values)}
        dimensions[d.name]["labels"] = {label: counted[label] for label in d.labels}
        if d.multi:
            dimensions[d.name]["no_label"] = sum(not value for value in values)
    return {
        "rows": len(examples),
        "articles": len({e.doc for e in examples}),
        "groups": len({e.group for e in examples}),
        "titles": sum(e.title for e in examples),
        "furniture": sum(e.furniture for e in examples),
        "splits": dict(Counter(e.split for e in examples if e.split)),
        "coded_twice": sum(len(_independent(e)) > 1 for e in examples),
        "adjudicated": sum(ADJUDICATED in e.coders for e in examples),
        "dimensions": dimensions,
    }


def _repeats(files: LabelFiles) -> dict[str, Any]:
    """Find texts that stand in several articles: with other labels they are noise, in other splits a leak."""
    by_text: dict[str, list[int]] = {}
    for n, example in enumerate(files.examples):
        by_text.setdefault(example.text, []).append(n)
    repeats = [rows for rows in by_text.values() if len({files.examples[n].doc for n in rows}) > 1]
    same = [_agree([files.examples[n].labels for n in rows]) for rows in repeats]
    # Those with different labels first: they need a person's eye.
    order = sorted(range(len(repeats)), key=lambda i: same[i])
    first = [
        {
            "same": same[i],
            "rows": [
                {"place": files.places[n], "doc": files.examples[n].doc, "n": files.examples[n].n} for n in repeats[i]
            ],
        }
        for i in order[:MAX_SHOWN]
    ]
    return {"same": sum(same), "different": len(same) - sum(same), "first": first}


def _agree(labels: list[Labels]) -> bool:
    """Whether all give the same labels in the dimensions that they have."""
    known: Labels = {}
    return all(known.setdefault(name, value) == value for row in labels for name, value in row.items())


def render_check(result: dict[str, Any]) -> str:
    """Give the result of `check_labels` as lines for a person."""
    lines = [f"files {len(result['files'])}, rows {result['rows']:,}, skipped {result['skipped']:,} (text not at hand)"]
    for source, counts in result["sources"].items():
        lines += ["", *_render_counts(source, counts)]
        if source in result["agreement"]:
            lines += ["", *_render_agreement(result["agreement"][source])]
    repeats = result["repeats"]
    lines += [
        "",
        f"Texts in several articles: {repeats['same']:,} with the same labels, {repeats['different']:,} with others",
    ]
    for repeat in repeats["first"]:
        rows = "; ".join(f"{row['place']} ({row['doc']} {row['n']})" for row in repeat["rows"])
        lines.append(f"  {'same' if repeat['same'] else 'different'}: {rows}")
    return "\n".join(lines)


def _render_counts(source: str, counts: dict[str, Any]) -> list[str]:
    names = ("rows", "articles", "titles", "furniture", "coded_twice", "adjudicated")
    lines = [f"{source}: " + ", ".join(f"{name.replace('_', ' ')} {counts[name]:,}" for name in names)]
    if counts["splits"]:
        lines.append("  splits: " + ", ".join(f"{name} {count:,}" for name, count in counts["splits"].items()))
    for name, found in counts["dimensions"].items():
        parts = [f"{label} {count:,}" for label, count in found["labels"].items()]
        parts += [f"no label {found['no_label']:,}"] if "no_label" in found else []
        lines.append(f"  {name}: {', '.join(parts)}; missing in {found['missing']:,} rows")
    return lines


def _render_agreement(found: dict[str, Any]) -> list[str]:
    articles = max(measured["groups"] for measured in found["dimensions"].values())
    over = "articles" if articles > 1 else "sentences"
    lines = [
        f"  agreement of {', '.join(found['coders'])}, with 95 % intervals over {over}:",
        *([f"  (too few articles to trust an interval: {articles})"] if articles < FEW_GROUPS else []),
        f"  {'':<24}{'units':>7}  {'percent':<22}{'kappa':<22}{'alpha'}",
    ]
    for name, measured in found["dimensions"].items():
        for title, row in [(name, measured), *((f"  {label}", row) for label, row in measured["labels"].items())]:
            percent = _with_interval(row, "percent", "{:.1f}", 100)
            kappa, alpha = (_with_interval(row, key, "{:.3f}", 1) for key in ("kappa", "alpha"))
            lines.append(f"  {title:<24}{row['units']:>7,}  {percent:<22}{kappa:<22}{alpha}")
    for measured in found["dimensions"].values():
        for table in measured.get("confusion", ()):
            width = max(map(len, table["labels"])) + 2
            lines.append(f"  {table['coders'][0]} (rows) against {table['coders'][1]} (columns):")
            lines.append("  " + " " * width + "".join(f"{label:>{width}}" for label in table["labels"]))
            for label, row in zip(table["labels"], table["counts"], strict=True):
                lines.append(f"  {label:<{width}}" + "".join(f"{count:>{width},}" for count in row))
    return lines


def _with_interval(row: dict[str, Any], key: str, form: str, scale: float) -> str:
    if row[key] is None:
        return "undefined"
    interval = row[f"{key}_interval"]
    low_high = f" [{', '.join(form.format(x * scale) for x in interval)}]" if interval else ""
    return form.format(row[key] * scale) + low_high
