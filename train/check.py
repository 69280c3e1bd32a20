"""What label files hold, and what a person should look at before training on them.

Knows the examples of `train.labels`, and whom to ask for each question. Knows
no model; how far coders agree is told by `train.agree`, how this is shown by
`train.check_report`.
"""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from newslean.schema import Labels, Schema
from train.agreement import ADJUDICATED
from train.codebook import CODEBOOK, codebook_drift
from train.copies import MIN_LENGTH, NEAR, near_pairs, plain_text
from train.disputes import differ, disputed, is_compared, said_of
from train.labels import WHOLE_SOURCES, Example, LabelFiles, by_source, read_examples
from train.params import BaselineParams
from train.rows import Faults

MAX_SHOWN = 10
"""Repeated texts that are listed; the rest is counted."""

SUPPORT = 30
"""Rows to train on under which a label is said to have few."""


def check_labels(
    paths: Sequence[str | Path], schema: Schema, *, texts: Sequence[str | Path] = (), folder: str | Path | None = None,
    near: bool = True, support: int = SUPPORT, errors: int = 0, params: BaselineParams | None = None,
    hidden: bool = True, seed: int = 0,
) -> dict[str, Any]:  # fmt: skip
    """Count labels and find what is doubtful.

    Parameters
    ----------
    paths, schema, texts
        As for `train.labels.read_examples`.
    folder, support
        Where the codebook lies; rows to train on that a label should have.
    near, hidden : bool
        Whether to look for near-duplicates, about 20 seconds for 50,000 rows; whether texts that their file keeps back
        are left out of the result.
    errors, params, seed
        How many likely label errors to list per dimension (0 spares the folds that they need); parameters of the
        baseline that judges labels; seed of the folds.

    Returns
    -------
    dict
        Plain data: ``{"files", "rows", "skipped", "sources": {source: counts}, "codebook": as from
        `train.codebook.codebook_drift`, "support": {"least", "few"}, "repeats": {"same", "different", "first"},
        "near": {"threshold", "least_characters", "pairs", "different", "set_aside", "first"}, "errors": {dimension:
        {"found", "first"}}}``. Texts stand in ``errors`` alone.

    Raises
    ------
    DataError
        If a file has faults, or if a row of a source that is coded throughout (``seed``, ``authored``) has labels
        that do not follow from its coders'.
    """
    files = read_examples(paths, schema, texts=texts)
    _refuse_coder_faults(files, schema)
    result = {
        "files": files.hashes,
        "rows": len(files.examples),
        "skipped": files.skipped,
        "sources": {source: _counts(part, schema) for source, part in by_source(files.examples).items()},
        "codebook": codebook_drift(schema, Path(folder, CODEBOOK)) if folder is not None else None,
        "support": _support(files.examples, schema, support),
        "repeats": _repeats(files),
    }
    if near:
        result["near"] = _near(files)
    if errors:
        result["errors"] = _errors(files, schema, params or BaselineParams(), errors, hidden=hidden, seed=seed)
    return result


def _refuse_coder_faults(files: LabelFiles, schema: Schema) -> None:
    faults = Faults()
    for example, place in zip(files.examples, files.places, strict=True):
        for fault in coder_faults(example, schema) if example.source in WHOLE_SOURCES else ():
            faults.add(place, fault)
    faults.throw()


def coder_faults(example: Example, schema: Schema) -> list[str]:
    """Say where a row's labels do not follow from its coders.

    What they agree on stands; a dispute is adjudicated, with a reason, or left open by labels without that dimension.
    """
    faults, settled = _label_faults(example, schema), example.coders.get(ADJUDICATED, {})
    unexplained = [] if example.reason.strip() else [name for name in disputed(example, schema) if name in settled]
    return faults + [f"{name}: expected a reason for the adjudication; found none" for name in unexplained]


def _label_faults(example: Example, schema: Schema) -> list[str]:
    faults = []
    settled = example.coders.get(ADJUDICATED, {})
    for name in schema.names:
        given = said_of(example, name)
        found = example.labels.get(name)
        in_dispute = differ([*given.values()])
        said = ", ".join(f"{coder} {value!r}" for coder, value in given.items())
        if in_dispute and name not in settled and name in example.labels:
            faults.append(f"{name}: expected a coder {ADJUDICATED!r} to settle a dispute; found {said}")
        if name in settled and found != settled[name]:
            faults.append(f"{name}: expected the adjudicated {settled[name]!r} in labels; found {found!r}")
        elif given and not in_dispute and name not in settled and found != next(iter(given.values())):
            faults.append(f"{name}: expected labels as coded ({said}); found {found!r}")
    return faults


def _counts(examples: list[Example], schema: Schema) -> dict[str, Any]:
    dimensions: dict[str, dict[str, Any]] = {}
    for d in schema.dimensions:
        values = [e.labels[d.name] for e in examples if d.name in e.labels]
        counted = Counter(label for value in values for label in (value if isinstance(value, list) else [value]))
        dimensions[d.name] = {"rows": len(values), "missing": len(examples) - len(values)}
        dimensions[d.name]["labels"] = {label: counted[label] for label in d.labels}
        if d.multi:
            dimensions[d.name]["no_label"] = sum(not value for value in values)
    said = [disputed(e, schema) for e in examples]
    return {
        "rows": len(examples),
        "articles": len({e.doc for e in examples}),
        "groups": len({e.group for e in examples}),
        "titles": sum(e.title for e in examples),
        "furniture": sum(e.furniture for e in examples),
        "splits": dict(Counter(e.split for e in examples if e.split)),
        "coded_twice": sum(sum(map(is_compared, e.coders)) > 1 for e in examples),
        "disputed": sum(map(bool, said)),
        "open": sum(not {*found} <= {*e.coders.get(ADJUDICATED, {})} for e, found in zip(examples, said, strict=True)),
        "adjudicated": sum(ADJUDICATED in e.coders for e in examples),
        "not_as_coded": sum(bool(e.coders) and bool(_label_faults(e, schema)) for e in examples),
        "dimensions": dimensions,
    }


def _support(examples: Sequence[Example], schema: Schema, least: int) -> dict[str, Any]:
    """Find labels with few rows to train on; a label with none at all stands in no row that was read."""
    few = []
    for d in schema.dimensions:
        for label in d.labels:
            has = [e for e in examples if label in ([v] if isinstance(v := e.labels.get(d.name, []), str) else v)]
            training = [e for e in has if not e.aside]
            if len(training) < least:
                counts = {"rows": len(training), "articles": len({e.group for e in training}), "in_all": len(has)}
                few.append({"dimension": d.name, "label": label, **counts})
    return {"least": least, "few": few}


def _repeats(files: LabelFiles) -> dict[str, Any]:
    """Find texts that stand again: with other labels they are noise, in other articles and splits a leak.

    That an article says the same twice, and that it is labelled alike, is neither.
    """
    repeats = []
    for rows in _by_text(files).values():
        examples = [files.examples[n] for n in rows]
        same = _agree([e.labels for e in examples])
        if not same or len({e.doc for e in examples}) > 1:
            repeats.append((same, rows))
    # Those with different labels first: they need a person's eye.
    order = sorted(repeats, key=lambda repeat: repeat[0])
    first = [{"same": same, "rows": [files.place(n) for n in rows]} for same, rows in order[:MAX_SHOWN]]
    number = sum(same for same, _ in repeats)
    return {"same": number, "different": len(repeats) - number, "first": first}


def _by_text(files: LabelFiles) -> dict[str, list[int]]:
    """Bring together the rows of each text; case and white space make no difference."""
    found: dict[str, list[int]] = {}
    for n, example in enumerate(files.examples):
        found.setdefault(plain_text(example.text), []).append(n)
    return found


def _agree(labels: list[Labels]) -> bool:
    """Whether all give the same labels in the dimensions that they have."""
    known: Labels = {}
    return all(known.setdefault(name, value) == value for row in labels for name, value in row.items())


def _near(files: LabelFiles) -> dict[str, Any]:
    """Find texts that stand almost the same in several articles: folds keep copies together, but not these."""
    by_text = _by_text(files)
    rows = [*by_text.values()]
    found: list[dict[str, Any]] = []
    set_aside = different = 0
    for one, other, similarity in near_pairs([*by_text]):
        examples = [files.examples[n] for n in (*rows[one], *rows[other])]
        if len({e.group for e in examples}) < 2:
            continue
        same = _agree([e.labels for e in examples])
        different += not same
        set_aside += len({e.aside for e in examples}) > 1
        pair = [files.place(rows[one][0]), files.place(rows[other][0])]
        found.append({"same": same, "similarity": round(similarity, 3), "rows": pair})
    first = sorted(found, key=lambda pair: (pair["same"], -pair["similarity"]))[:MAX_SHOWN]
    counts = {"pairs": len(found), "different": different, "set_aside": set_aside, "first": first}
    return {"threshold": NEAR, "least_characters": MIN_LENGTH, **counts}


def _errors(
    files: LabelFiles, schema: Schema, params: BaselineParams, number: int, *, hidden: bool, seed: int
) -> dict[str, Any]:
    """List the rows whose labels a baseline doubts most."""
    from train.label_errors import find_label_errors

    result = {}
    for name, found in find_label_errors(files.examples, schema, params, seed=seed).items():
        first = [
            files.place(n)
            | {"text": files.text(n, hidden=hidden)}
            | {key: error[key] for key in ("given", "suggested")}
            | {"score": round(error["score"], 4)}
            for error in found[:number]
            for n in [error["row"]]
        ]
        result[name] = {"found": len(found), "first": first}
    return result
