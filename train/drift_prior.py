"""How frequent labels were among the rows that a model's probabilities were calibrated on.

Knows a model's folder; judges nothing.
"""

import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from newslean.calibration import probabilities
from newslean.mixed import mix_logits
from newslean.schema import Dimension
from newslean.tagger import Tagger
from train.calibrate import MIN_NATURAL
from train.drift_reference import Floats, damaged_report, kind_of
from train.prevalence import expectation_maximisation
from train.record import read_record

MOST_OFF = 0.02
"""How far expectation maximisation may miss a share among the very rows that probabilities were calibrated on. Our own
bound."""


def calibration_shares(folder: Path, tagger: Tagger) -> dict[str, Floats]:
    """Read the shares of the labels among the rows that a model's probabilities were calibrated on.

    `train.calibrate` takes those out of fold that are natural, which no file in the folder marks: the shares are known
    only where there are so few rows that all of them were taken, and the report counts all. And they are of use only
    where probabilities are as frequent as what they promise: from them expectation maximisation must find the shares of
    these very rows.

    Returns
    -------
    dict
        Dimension to array of shape (labels,), for the dimensions of which they are known and of use.

    Raises
    ------
    ModelError
        If the report or the record of the model is damaged.
    """
    path = folder / "evaluation" / "out_of_fold" / "report.json"
    record = read_record(folder, tagger.schema) if path.is_file() else None
    if record is None:
        return {}
    result = {}
    try:
        report, parts, kind = json.loads(path.read_bytes()), record.logits, kind_of(tagger)
        if report["sentences"] < len(record.rows):  # after an update, with rows whose texts were not at hand
            return {}
        mixed = kind == "mixed"
        logits = mix_logits(parts["transformer"], parts["baseline"], tagger.manifest.mix) if mixed else parts[kind]
        scores = probabilities(logits, tagger.schema, tagger.manifest.calibration)
        for d in tagger.schema.dimensions:
            found = report["dimensions"][d.name]
            if not 0 < found["sentences"] < MIN_NATURAL:
                continue
            shares = np.array([found["support"][label] for label in d.labels]) / found["sentences"]
            if np.abs(maximised_shares(d, scores[d.name], shares) - shares).max() <= MOST_OFF:
                result[d.name] = shares
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise damaged_report(path, error) from None
    return result


def maximised_shares(d: Dimension, scores: NDArray[np.float32], prior: Floats) -> Floats:
    """Estimate the share of each label of a dimension by expectation maximisation, label by label if it is ``multi``.

    Parameters
    ----------
    scores : array, shape (sentences, labels)
    prior : array, shape (labels,)
        As `calibration_shares` gives it.
    """
    values = scores.astype(np.float64)
    if not d.multi:
        return expectation_maximisation(values, prior)
    pairs = [(np.stack([1 - v, v], axis=1), np.array([1 - p, p])) for v, p in zip(values.T, prior, strict=True)]
    return np.array([expectation_maximisation(*pair)[1] for pair in pairs])
