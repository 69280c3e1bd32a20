import pytest

from newslean.errors import DataError
from newslean.schema import Dimension, Schema
from train.common import common_schema, fit_predictions
from train.measure import Predictions

TOPIC = Dimension("topic", "multi", ("metals", "weather"))
MOOD = Dimension("mood", "single", ("rise", "fall", "flat"), "flat", (("rise", "fall"),))
FRAME = Dimension("frame", "single", ("race", "other"), "other")


def test_the_same_label_set_needs_no_word() -> None:
    schema = Schema((TOPIC, MOOD))
    assert common_schema(schema, {"m": schema}) == (schema, [])


def test_a_dimension_that_a_model_does_not_know_is_left_out() -> None:
    shared, notes = common_schema(Schema((TOPIC, FRAME, MOOD)), {"old": Schema((MOOD, TOPIC))})
    assert shared.dimensions == (TOPIC, MOOD)
    assert notes == ["frame: left out; old does not know it."]
    shared, notes = common_schema(Schema((TOPIC,)), {"old": Schema((MOOD, TOPIC))})
    assert notes == ["mood: left out; old knows it, the label set has not."]


def test_labels_that_only_one_side_knows() -> None:
    older = Dimension("mood", "single", ("fall", "mixed", "flat"), "flat")
    shared, notes = common_schema(Schema((MOOD,)), {"old": Schema((older,)), "new": Schema((MOOD,))})
    assert shared["mood"].labels == ("rise", "fall", "flat", "mixed")
    assert "old does not know rise: counted as never predicted" in notes[0]
    assert "old knows mixed" in notes[1]
    found = Predictions("old", [{"mood": "mixed"}], [{"mood": {"fall": 0.2, "mixed": 0.5, "flat": 0.3}}])
    fitted = fit_predictions(found, shared)
    assert fitted.scores == [{"mood": {"rise": 0.0, "fall": 0.2, "flat": 0.3, "mixed": 0.5}}]
    assert fitted.labels == [{"mood": "mixed"}]


def test_nothing_in_common() -> None:
    other = Dimension("mood", "multi", ("rise", "fall"))
    with pytest.raises(DataError, match="that all models know; found none"):
        common_schema(Schema((MOOD,)), {"m": Schema((other, TOPIC))})


def test_a_label_that_is_neutral_to_a_model_alone() -> None:
    other = Dimension("mood", "single", ("rise", "fall", "none"), "none")
    notes = common_schema(Schema((MOOD,)), {"old": Schema((other,))})[1]
    assert "mood: none is neutral to old, not to the label set: it counts as a claim." in notes
