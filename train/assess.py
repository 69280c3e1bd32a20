"""What models say of examples, and what that is worth: out of fold, and on rows set aside.

Knows logits, calibration and examples; the decisions are the tagger's own.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from newslean.calibration import Calibration, decide, probabilities
from newslean.context import context_of
from newslean.mixed import mix_logits
from newslean.schema import Schema
from newslean.tagger import Logits, Tagger
from train.calibrate import calibrate, choose_mix, natural_rows
from train.evaluate import Predictions, evaluate, write_report
from train.folds import SEED_SOURCE
from train.labels import Example
from train.record import read_record
from train.run import Run
from train.words import unknown_share

Report = dict[str, Any]


def contexts_of(examples: Sequence[Example], context: str) -> list[str]:
    """Contexts of examples, as a model with this setting reads them."""
    return [context_of(context, title=e.article_title, before=e.before) for e in examples]


def predictions_from(name: str, logits: Logits, schema: Schema, calibrations: Sequence[Calibration]) -> Predictions:
    """Turn logits into labels and scores, each sentence by its own calibration."""
    labels, scores = [], []
    for n, calibration in enumerate(calibrations):
        row = probabilities({key: values[n : n + 1] for key, values in logits.items()}, schema, calibration)
        found = {d.name: dict(zip(d.labels, row[d.name][0].tolist(), strict=True)) for d in schema.dimensions}
        scores.append(found)
        labels.append({d.name: decide(d, found[d.name], calibration) for d in schema.dimensions})
    return Predictions(name, labels, scores)


def cross_calibrated(
    name: str,
    logits: Logits,
    examples: Sequence[Example],
    folds: Sequence[int],
    schema: Schema,
    *,
    beside: Logits | None = None,
) -> Predictions:
    """Labels and scores of out-of-fold logits, each fold calibrated on the others.

    So neither the weights nor the temperature and thresholds have seen the
    sentence that they are measured on.

    Parameters
    ----------
    beside : dict, optional
        Logits of a baseline to mix in, by shares that are chosen on the other folds too.
    """
    assigned, natural = np.array(folds), natural_rows(examples, schema)
    fitted, result = {}, {key: values.copy() for key, values in logits.items()}
    for fold in sorted(set(folds)):
        chosen, inside = np.flatnonzero(assigned != fold).tolist(), np.flatnonzero(assigned == fold).tolist()
        others, rows = _rows_of(logits, chosen), [examples[n] for n in chosen]
        if beside is not None:
            mix = choose_mix(others, _rows_of(beside, chosen), rows, schema)
            others = mix_logits(others, _rows_of(beside, chosen), mix)
            for key, values in mix_logits(_rows_of(logits, inside), _rows_of(beside, inside), mix).items():
                result[key][inside] = values
        rest = {key: flags[chosen] for key, flags in natural.items()}
        fitted[fold] = calibrate(others, [e.labels for e in rows], schema, natural=rest)
    return predictions_from(name, result, schema, [fitted[fold] for fold in folds])


def _rows_of(logits: Logits, rows: Sequence[int]) -> Logits:
    return {key: values[list(rows)] for key, values in logits.items()}


def tag_examples(name: str, tagger: Tagger, examples: Sequence[Example]) -> Predictions:
    """Labels and scores of a stored model."""
    contexts = contexts_of(examples, tagger.manifest.context)
    scores = tagger.score([e.text for e in examples], contexts)
    calibration = tagger.manifest.calibration
    labels = [{d.name: decide(d, row[d.name], calibration) for d in tagger.schema.dimensions} for row in scores]
    return Predictions(name, labels, scores)


def which_learnt(
    models: Mapping[str, tuple[Path, Schema]], examples: Sequence[Example], *, left_out: bool = False
) -> tuple[list[bool], list[str]]:
    """Find the examples that stored models have learnt, or whose articles they have learnt from.

    Parameters
    ----------
    models : mapping
        Name of each model to its folder and schema.
    left_out : bool
        Whether these examples will be left out.

    Returns
    -------
    (seen, notes)
        Whether any model saw each example; and sentences for a person about each model.
    """
    seen, notes = [False] * len(examples), []
    end = "left out." if left_out else "their scores say nothing about new text. --unseen leaves them out."
    for name, (folder, schema) in models.items():
        record = read_record(folder, schema)
        if record is None:
            notes.append(f"{name} keeps no record of what it has learnt: which of these sentences it knows is unknown.")
            continue
        saw, learnt = [record.saw(e) for e in examples], sum(record.learnt(e) for e in examples)
        if any(saw):
            others = f", as were others of the articles of {more:,} more" if (more := sum(saw) - learnt) else ""
            notes.append(f"{learnt:,} of {len(examples):,} sentences were learnt by {name}{others}: {end}")
        seen = [a or b for a, b in zip(seen, saw, strict=True)]
    return seen, notes


def evaluate_oof(run: Run, oof: dict[str, Logits]) -> tuple[Report, dict[str, Predictions]]:
    """Measure out-of-fold answers of each model and of both mixed: all examples, and the seed articles left out.

    Returns
    -------
    (report, answers)
        The answers of each model to all examples, by its name.
    """
    rest = (run.examples, run.assigned, run.schema)
    found = [cross_calibrated(name, logits, *rest) for name, logits in oof.items()]
    if "transformer" in oof:
        found.append(cross_calibrated("mixed", oof["transformer"], *rest, beside=oof["baseline"]))
    return evaluate_parts(run, found, oof), {p.name: p for p in found}


def evaluate_parts(run: Run, found: Sequence[Predictions], models: Collection[str]) -> Report:
    """Measure answers to all examples, and to the seed articles among them, and write a report on each part.

    Parameters
    ----------
    models : collection of str
        What was fitted, on which the place of the reports hangs.
    """
    report, learnt = {}, [*run.examples, *run.first]
    place = run.reports(models)
    for part, source in (("out_of_fold", None), ("seeds", SEED_SOURCE)):
        rows = [n for n, e in enumerate(run.examples) if source in (None, e.source)]
        if not rows:
            continue
        examples = [run.examples[n] for n in rows]
        chosen = [replace(p, labels=[p.labels[n] for n in rows], scores=[p.scores[n] for n in rows]) for p in found]
        words = unknown_share(examples, learnt, least=run.baseline.min_df)
        report[part] = evaluate(run.schema, examples, chosen, seed=run.seed, unknown_words=words)
        write_report(report[part], examples, chosen, run.schema, place / part)
    return report


def evaluate_held_out(run: Run, taggers: dict[str, Tagger]) -> Report:
    """Measure stored models on the rows that a label file sets aside."""
    found = [tag_examples(name, tagger, run.held_out) for name, tagger in taggers.items()]
    words = unknown_share(run.held_out, [*run.examples, *run.first], least=run.baseline.min_df)
    report = evaluate(run.schema, run.held_out, found, seed=run.seed, unknown_words=words)
    write_report(report, run.held_out, found, run.schema, run.reports(taggers) / "held_out")
    return report


def headline(report: Report) -> dict[str, dict[str, float]]:
    """Macro-F1 per dimension and model."""
    return {
        name: {model: found["macro_f1"] for model, found in dimension["models"].items()}
        for name, dimension in report["dimensions"].items()
    }
