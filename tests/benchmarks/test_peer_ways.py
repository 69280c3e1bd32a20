"""What other libraries are asked is answered in the order in which it was asked."""

import sys
from pathlib import Path

import numpy as np
import pytest

from newslean.schema import Schema
from train.labels import Example

ROOT = Path(__file__).resolve().parents[2]
SETTINGS = {"max_length": 64, "epochs": 12, "batch_size": 4, "learning_rate": 3e-3}


@pytest.fixture
def peer_ways(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sys, "path", [str(ROOT / "benchmarks"), *sys.path])
    import peer_ways

    return peer_ways


@pytest.mark.parametrize("way", ["fit_transformers", "fit_embeddings"])
def test_answers_stand_in_the_order_of_the_questions(
    peer_ways, way: str, schema: Schema, examples: list[Example], encoder: Path, tmp_path: Path
):
    settings = {"base": str(encoder), **SETTINGS}
    task = peer_ways.Task(schema, examples[:24], [], settings, tmp_path / "schema.toml", 0, tmp_path)
    predict = getattr(peer_ways, way)(task)
    asked = [examples[n] for n in np.random.default_rng(0).permutation(len(examples))]
    together = predict(asked)
    for n in (0, 7, len(asked) - 1):
        alone = predict([asked[n]])
        for name in schema.names:
            assert together[name].shape == (len(asked), len(schema[name].labels))
            np.testing.assert_allclose(together[name][n], alone[name][0], atol=1e-3)
    spread = np.abs(together[schema.names[0]] - together[schema.names[0]].mean(axis=0)).max()
    assert spread > 0.03  # else any order would do
