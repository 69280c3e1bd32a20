"""What a model says of examples, as the evaluation reads it.

Knows logits, calibration and examples; the same decisions as the tagger's.
"""

from collections.abc import Sequence

import numpy as np

from newslean.manifest import Calibration
from newslean.schema import Schema
from newslean.tagger import Logits, Tagger, context_of, decide, probabilities
from train.calibrate import calibrate
from train.evaluate import Predictions
from train.labels import Example


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
    assigned = np.array(folds)
    fitted = {}
    for fold in sorted(set(folds)):
        chosen = np.flatnonzero(assigned != fold).tolist()
        others = {key: values[chosen] for key, values in logits.items()}
        fitted[fold] = calibrate(others, [examples[n].labels for n in chosen], schema)
    return predictions_from(name, logits, schema, [fitted[fold] for fold in folds])


def tag_examples(name: str, tagger: Tagger, examples: Sequence[Example]) -> Predictions:
    """Labels and scores of a stored model."""
    contexts = contexts_of(examples, tagger.manifest.context)
    scores = tagger.score([e.text for e in examples], contexts)
    calibration = tagger.manifest.calibration
    labels = [{d.name: decide(d, row[d.name], calibration) for d in tagger.schema.dimensions} for row in scores]
    return Predictions(name, labels, scores)
