"""What models say of examples, and what that is worth: out of fold, and on rows set aside.

Knows logits, calibration and examples; the decisions are the tagger's own.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from newslean.manifest import Calibration
from newslean.mixed import mix_logits
from newslean.schema import Schema
from newslean.tagger import Logits, Tagger, context_of, decide, probabilities
from train.calibrate import calibrate, choose_mix, natural_rows
from train.evaluate import Predictions, evaluate, write_report
from train.folds import SEED_SOURCE
from train.labels import Example
from train.run import Run

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
    name: str, logits: Logits, examples: Sequence[Example], folds: Sequence[int], schema: Schema
) -> Predictions:
    """Labels and scores of out-of-fold logits, each fold calibrated on the others.

    So neither the weights nor the temperature and thresholds have seen the
    sentence that they are measured on.
    """
    assigned, natural = np.array(folds), natural_rows(examples, schema)
    fitted = {}
    for fold in sorted(set(folds)):
        chosen = np.flatnonzero(assigned != fold).tolist()
        others = {key: values[chosen] for key, values in logits.items()}
        rest = {key: rows[chosen] for key, rows in natural.items()}
        fitted[fold] = calibrate(others, [examples[n].labels for n in chosen], schema, natural=rest)
    return predictions_from(name, logits, schema, [fitted[fold] for fold in folds])


def cross_mixed(
    finetuned: Logits, baseline: Logits, examples: Sequence[Example], folds: Sequence[int], schema: Schema
) -> Logits:
    """Mix out-of-fold logits, each fold by the shares that the others choose."""
    assigned, result = np.array(folds), {name: values.copy() for name, values in finetuned.items()}
    for fold in sorted(set(folds)):
        inside, chosen = np.flatnonzero(assigned == fold).tolist(), np.flatnonzero(assigned != fold).tolist()
        others = [{name: logits[name][chosen] for name in schema.names} for logits in (finetuned, baseline)]
        mix = choose_mix(others[0], others[1], [examples[n] for n in chosen], schema)
        part = [{name: logits[name][inside] for name in schema.names} for logits in (finetuned, baseline)]
        for name, values in mix_logits(part[0], part[1], mix).items():
            result[name][inside] = values
    return result


def tag_examples(name: str, tagger: Tagger, examples: Sequence[Example]) -> Predictions:
    """Labels and scores of a stored model."""
    contexts = contexts_of(examples, tagger.manifest.context)
    scores = tagger.score([e.text for e in examples], contexts)
    calibration = tagger.manifest.calibration
    labels = [{d.name: decide(d, row[d.name], calibration) for d in tagger.schema.dimensions} for row in scores]
    return Predictions(name, labels, scores)


def evaluate_oof(run: Run, oof: dict[str, Logits]) -> Report:
    """Measure out-of-fold answers: all examples, and the seed articles, each left out in turn."""
    found = [cross_calibrated(name, logits, run.examples, run.assigned, run.schema) for name, logits in oof.items()]
    report = {}
    for part, source in (("out_of_fold", None), ("seeds", SEED_SOURCE)):
        rows = [n for n, e in enumerate(run.examples) if source in (None, e.source)]
        if not rows:
            continue
        examples = [run.examples[n] for n in rows]
        chosen = [replace(p, labels=[p.labels[n] for n in rows], scores=[p.scores[n] for n in rows]) for p in found]
        report[part] = evaluate(run.schema, examples, chosen, seed=run.seed)
        write_report(report[part], examples, chosen, run.schema, run.place / part)
    return report


def evaluate_held_out(run: Run, taggers: dict[str, Tagger]) -> Report:
    """Measure stored models on the rows that a label file sets aside."""
    found = [tag_examples(name, tagger, run.held_out) for name, tagger in taggers.items()]
    report = evaluate(run.schema, run.held_out, found, seed=run.seed)
    write_report(report, run.held_out, found, run.schema, run.place / "held_out")
    return report


def headline(report: Report) -> dict[str, dict[str, float]]:
    """Macro-F1 per dimension and model."""
    return {
        name: {model: found["macro_f1"] for model, found in dimension["models"].items()}
        for name, dimension in report["dimensions"].items()
    }
