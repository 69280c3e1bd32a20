"""What models are worth: measured against gold labels, against each other and against the coders.

Knows examples, predictions and what stands in a report. Knows no model; how a
report is shown is left to `train.report` and `train.plots`.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from newslean.files import write_file
from newslean.schema import Schema
from train import bootstrap
from train.labels import Example
from train.measure import Predictions, Report, measure_dimension
from train.plots import draw_all
from train.report import readme_table, render_report

__all__ = ["Predictions", "evaluate", "readme_table", "render_report", "write_report"]


def evaluate(
    schema: Schema,
    examples: Sequence[Example],
    predictions: Sequence[Predictions],
    *,
    seed: int,
    replicates: int = 2000,
    unknown_words: float | None = None,
) -> Report:
    """Measure models dimension by dimension.

    Examples that lack a dimension are left out of it. Intervals are percentile
    bootstraps of 95 % over articles (`Example.group`); all models, and so their
    differences, see the same replicates.

    Parameters
    ----------
    predictions : sequence of Predictions
        The first is what the others are compared with.
    unknown_words : float, optional
        Of `train.words.unknown_share`, kept for `train.drift`.

    Returns
    -------
    dict
        Plain JSON data, numbers rounded to six places; None where a number cannot be had,
        and ``notes`` that say why.

    Raises
    ------
    ValueError
        If predictions and examples differ in number, or two models share a name.
    """
    _check(examples, predictions)
    dimensions = {}
    for dimension in schema.dimensions:
        rows = [n for n, example in enumerate(examples) if dimension.name in example.labels]
        dimensions[dimension.name] = measure_dimension(dimension, examples, predictions, rows, seed, replicates)
    report: Report = {
        "seed": seed,
        # Of the dimension with the most articles: another may have had more.
        "replicates": bootstrap.drawn_replicates(max(d["articles"] for d in dimensions.values()), replicates),
        "sentences": len(examples),
        "articles": len({example.group for example in examples}),
        "models": [p.name for p in predictions],
        "unknown_words": unknown_words,
        "dimensions": dimensions,
    }
    plain: Report = _plain(report)
    return plain


def write_report(
    report: Report, examples: Sequence[Example], predictions: Sequence[Predictions], schema: Schema, folder: str | Path
) -> None:
    """Write ``report.json``, ``report.md`` and, per model and dimension, the plots as PNG and SVG.

    Parameters
    ----------
    report : dict
        What `evaluate` made of these examples, predictions and schema.
    folder : str or Path
        Made if need be.

    Raises
    ------
    ValueError
        If the report is of other examples, models or dimensions.
    DataError
        If a file cannot be written.
    """
    expected = (len(examples), [p.name for p in predictions], list(schema.names))
    found = (report["sentences"], report["models"], list(report["dimensions"]))
    if found != expected:
        raise ValueError(
            f"report: expected sentences, models and dimensions {expected}; found {found}. Evaluate again."
        )
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in draw_all(report):
        write_file(folder / name, content)
    write_file(folder / "report.json", json.dumps(report, ensure_ascii=False, indent=1) + "\n")
    write_file(folder / "report.md", render_report(report))


def _check(examples: Sequence[Example], predictions: Sequence[Predictions]) -> None:
    for p in predictions:
        if not len(p.labels) == len(p.scores) == len(examples):
            found = f"{len(p.labels)} labels and {len(p.scores)} scores"
            raise ValueError(f"{p.name}: expected predictions of {len(examples)} examples; found {found}")
    names = [p.name for p in predictions]
    if len({*names}) < len(names):
        raise ValueError(f"predictions: expected models of different names; found {names}")


def _plain(value: Any) -> Any:
    """Turn arrays and numbers of numpy into what JSON knows, rounded to six places."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return round(value, 6) if isinstance(value, float) else value
