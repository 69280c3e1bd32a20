"""Which rows and sentences are exported, and with what."""

import json

import pytest

from newslean.errors import DataError
from train.exchange.exporting import choose_coders, read_rows
from train.exchange.task import Prediction, Task
from train.rows import digest


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("t.txt", "Two.\r\nOne.\r\n"),
        ("t.jsonl", '{"text": "One."}\n'),
        ("t.jsonl", '{"text": "Two.", "before": "One."}\n'),
    ],
)
def test_a_row_with_a_hash_finds_its_text(schema, tmp_path, name, content):
    rows = [
        {"doc": "d", "n": n, "sha256": digest(text).upper(), "labels": {}} for n, text in enumerate(("One.", "Gone."))
    ]
    labels, texts = tmp_path / "x.jsonl", tmp_path / name
    labels.write_text("".join(json.dumps(row) + "\n" for row in rows))
    texts.write_text(content, newline="")
    assert read_rows([labels], schema, texts=[texts]) == ([Task("d", 0, "One.")], 1)
    assert read_rows([labels], schema) == ([], 2)


@pytest.mark.parametrize(
    ("name", "content", "fault"),
    [("t.csv", "text\nOne.\n", ".jsonl or .txt"), ("t.jsonl", '{"txt": "One."}\n', ":1: text: expected a sentence")],
)
def test_a_file_of_texts_is_refused_as_in_training(schema, tmp_path, name, content, fault):
    labels, texts = tmp_path / "x.jsonl", tmp_path / name
    labels.write_text(json.dumps({"doc": "d", "n": 0, "sha256": digest("One."), "labels": {}}))
    texts.write_text(content)
    with pytest.raises(DataError, match=fault):
        read_rows([labels], schema, texts=[texts])


def test_of_coders_left_out_no_time_is_left():
    coders, times = {"a": {"mood": "rise"}, "b": {"mood": "fall"}}, {"a": "2026-05-01", "b": "2026-05-02"}
    said = {"model": Prediction({"mood": "rise"})}
    task = Task("d", 0, "x", {"reason": "r", "title": True}, coders, times, said)
    assert choose_coders([task], ["b"], blind=False) == [
        Task("d", 0, "x", {"title": True}, {"b": {"mood": "fall"}}, {"b": "2026-05-02"}, said)
    ]
    assert choose_coders([task], [], blind=True) == [Task("d", 0, "x", {"title": True})]
