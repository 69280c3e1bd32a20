"""Label files, or sentences that nobody has coded, into files for coders' tools.

Knows label files and lists of sentences; asks a model where one is given; leaves formats to their rooms.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from newslean.errors import DataError, ModelError
from newslean.schema import Schema
from train.exchange.answers import Judge
from train.exchange.formats import FORMATS
from train.exchange.gather import Gatherer, gather
from train.exchange.reading import Reading
from train.exchange.spelling import JOINT
from train.exchange.task import ABOUT, Prediction, Task, name_by_text, task_of
from train.rows import Faults, digest, read_lines, read_objects, row_faults, shown
from train.texts import read_texts

DECIMALS = 4
"""Of a model's probabilities, as kept in tasks."""


def read_rows(paths: Sequence[Path], schema: Schema, *, texts: Sequence[Path] = ()) -> tuple[list[Task], int]:
    """Read label files to tasks.

    Parameters
    ----------
    paths : sequence of Path
        ``.jsonl`` files, or labels folders.
    texts : sequence of Path
        Files with the texts of rows that hold a hash, as `train.texts` reads them.

    Returns
    -------
    tasks, int
        Without the rows whose text is not at hand, which are counted.

    Raises
    ------
    DataError
        With the faults of all files.
    """
    faults, rows = Faults(), list[dict[str, Any]]()
    for path in paths:
        for file in sorted((path / "sentences").glob("*.jsonl")) if path.is_dir() else [path]:
            for where, row in read_objects(file, faults):
                found = row_faults(row, schema) if row else []
                for fault in found:
                    faults.add(where, fault)
                rows += [row] if row and not found else []
    known = {digest(row["text"]): row["text"] for row in read_texts(texts, faults)}
    faults.throw()
    found_texts = [row.get("text", known.get(str(row.get("sha256")).lower())) for row in rows]
    pairs = [(row, text) for row, text in zip(rows, found_texts, strict=True) if text is not None]
    return [task_of(row, schema, text=text) for row, text in pairs], len(rows) - len(pairs)


def read_sentences(paths: Sequence[Path], schema: Schema, *, judge: Judge | None = None) -> list[Task]:
    """Read sentences to label: ``.jsonl`` with a "text" in each row, ``.txt`` with one a line, or a table.

    Rows may have the other keys of label files; without ``doc``, a sentence is its own article.

    Parameters
    ----------
    judge : Judge, optional
        Of labels and columns of tables; by default one that takes them as they come.

    Raises
    ------
    DataError
        With the faults of all files.
    """
    faults, tasks = Faults(), list[Task]()
    for path in paths:
        if path.suffix.lower() in (".csv", ".tsv", ".xlsx"):
            name = {".xlsx": "excel"}.get(path.suffix.lower(), path.suffix.lower()[1:])
            judge = judge or lenient_judge(schema)
            found, _ = gather([path], Gatherer(schema, judge, Reading(format=name, coded=False), faults))
            tasks += [task for _, task in found]
        elif path.suffix.lower() == ".txt":
            lines = [line.strip() for _, line in read_lines(path, faults) if line]
            tasks += [Task(name_by_text(line), 0, line) for line in lines if line]
        elif path.suffix.lower() == ".jsonl":
            for where, row in read_objects(path, faults):
                tasks += _sentence(where, row, schema, faults) if row else []
        else:
            faults.add(str(path), "expected sentences in a .jsonl, .txt, .csv, .tsv or .xlsx file; found another kind")
    faults.throw()
    unique = {(task.doc, task.n, task.text): task for task in tasks}
    if not unique:
        raise DataError(f"{', '.join(map(str, paths))}: expected sentences to label; found none.")
    return [*unique.values()]


def lenient_judge(
    schema: Schema,
    *,
    rename: Mapping[str, str] | None = None,
    ignored: Collection[str] = (),
    split_on: Sequence[str] = (),
) -> Judge:
    """Give a judge for tables of sentences to label: labels beside a text may come as they are."""
    return Judge(schema, rename=rename, ignored=ignored, split_on=(JOINT, *split_on), partial=True)


def add_predictions(tasks: Sequence[Task], model: Path, schema: Schema) -> list[Task]:
    """Add what a model says of each task, with its probabilities.

    Raises
    ------
    ModelError
        If the model cannot be loaded, has no dimension of the label set, or is of another unit.
    """
    from newslean.calibration import decide
    from newslean.context import context_of
    from newslean.tagger import Tagger

    tagger = Tagger.load(model)
    name = f"{tagger.manifest.name} {tagger.manifest.version}"
    shared = [d for d in tagger.schema.dimensions if d.name in schema.names]
    if not shared:
        known = ", ".join(tagger.schema.names)
        raise ModelError(f"{model}: expected a model of {', '.join(schema.names)}; found one of {known}.")
    if tagger.schema.unit != schema.unit:
        raise ModelError(
            f"{model}: expected a model that reads each {schema.unit} by itself, as the label set has it; found one "
            f"that reads each {tagger.schema.unit}. Name another with --model, or leave it out."
        )
    titles = {task.doc: task.text for task in tasks if task.about.get("title")}
    texts = {(task.doc, task.n): task.text for task in tasks}
    contexts = []
    for task in tasks:
        before = task.about.get("before") or texts.get((task.doc, task.n - 1))
        title = None if task.about.get("title") else titles.get(task.doc)
        contexts.append(context_of(tagger.manifest.context, title=title, before=before))
    result = []
    scored = tagger.score([task.text for task in tasks], contexts)
    for task, scores in zip(tasks, scored, strict=True):
        labels = {d.name: decide(d, scores[d.name], tagger.manifest.calibration) for d in shared}
        # The model may know labels that the schema has dropped since.
        labels = {key: value for key, value in labels.items() if not schema[key].faults(value)}
        kept = {d.name: {label: round(p, DECIMALS) for label, p in scores[d.name].items()} for d in shared}
        result.append(replace(task, predictions={**task.predictions, name: Prediction(labels, kept)}))
    return result


def choose_coders(tasks: Sequence[Task], coders: Sequence[str], *, blind: bool) -> list[Task]:
    """Keep the labels of these coders only; with ``blind``, of none, nor what models say.

    Raises
    ------
    DataError
        If one of them coded nothing.
    """
    if not coders and not blind:
        return list(tasks)
    known = {name for task in tasks for name in task.coders if name}
    for coder in coders:
        if coder not in known:
            raise DataError(
                f"--coder {coder}: expected one of {', '.join(sorted(known)) or 'no coders'}; found none so named."
            )
    keep = set() if blind else {*coders}
    return [
        replace(
            task,
            about={key: value for key, value in task.about.items() if key != "reason"},
            coders={name: labels for name, labels in task.coders.items() if name in keep},
            coded_at={name: at for name, at in task.coded_at.items() if name in keep},
            predictions={} if blind else task.predictions,
        )
        for task in tasks
    ]


def export_tasks(tasks: Sequence[Task], to: str, schema: Schema) -> bytes:
    """Give tasks as the bytes of a file for a tool.

    Parameters
    ----------
    to : str
        A name of `train.exchange.formats.FORMATS`.

    Raises
    ------
    DataError
        If there is no task, or the format cannot hold one.
    """
    if not tasks:
        raise DataError("export: expected sentences; found none. Name others with --labels or --from.")
    return FORMATS[to].write(list(tasks), schema)


def _sentence(where: str, row: dict[str, Any], schema: Schema, faults: Faults) -> list[Task]:
    text = row.get("text")
    if not isinstance(text, str) or not text.strip():
        faults.add(where, f"text: expected the sentence; found {shown(text)}")
        return []
    if "doc" not in row:
        row = {**row, "doc": name_by_text(text), "n": 0}
    keys = ("doc", "n", "text", *ABOUT, "labels", "coders", "coded_at", "predictions")
    row = {"labels": {}, "n": 0, **{key: row[key] for key in keys if key in row}}
    found = row_faults(row, schema)
    for fault in found:
        faults.add(where, fault)
    return [] if found else [task_of(row, schema)]
