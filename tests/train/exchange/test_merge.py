"""What one more coder does to a row that is there."""

import pytest

from train.exchange.merge import Merged, merge_row
from train.exchange.task import Prediction, Task


@pytest.fixture
def merged(schema):
    def run(labels, coders, new):
        row = {"doc": "d", "n": 0, "text": "x", "labels": labels, "coders": coders}
        done, faults = Merged(), []
        found = merge_row(row, Task("d", 0, "x", coders=new), schema, done, faults)
        assert not faults
        return found["labels"], done.changes + done.kept

    return run


def test_labels_that_follow_from_coders_follow_again(merged):
    assert merged({"mood": "rise"}, {"a": {"mood": "rise"}}, {"b": {"mood": "fall"}}) == ({}, [])
    assert merged({}, {"a": {"mood": "rise"}, "b": {"mood": "fall"}}, {"b": {"mood": "rise"}}) == (
        {"mood": "rise"}, ["d 0, b: mood 'fall', now 'rise'"],
    )  # fmt: skip


def test_labels_that_stand_by_themselves_stay(merged):
    labels, told = merged({"mood": "fall"}, {"a": {"mood": "rise"}}, {"b": {"mood": "rise", "topic": ["metals"]}})
    assert labels == {"topic": ["metals"], "mood": "fall"}  # nobody had spoken of the topic: it is settled now
    assert told == ["d 0: mood 'fall', though its coders say 'rise'"]
    assert merged({"mood": "fall"}, {}, {"b": {"mood": "rise"}}) == ({"mood": "fall"}, told)
    assert merged({"mood": "fall"}, {}, {"b": {"mood": "fall"}}) == ({"mood": "fall"}, [])


def test_what_was_left_open_against_a_coder_stays_open(merged):
    labels, _ = merged({"mood": "fall"}, {"a": {"topic": ["metals"]}}, {"b": {"topic": ["metals"]}})
    assert labels == {"mood": "fall"}


def test_a_row_keeps_its_own_predictions(schema):
    row = {"doc": "d", "n": 0, "text": "x", "labels": {}, "predictions": {"m": {"labels": {"mood": "rise"}}}}
    task = Task("d", 0, "x", predictions={"m": Prediction({}), "m 2": Prediction({"mood": "fall"})})
    found = merge_row(row, task, schema, Merged(), [])["predictions"]
    assert found == {"m": {"labels": {"mood": "rise"}}, "m 2": {"labels": {"mood": "fall"}}}
