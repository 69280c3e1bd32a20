"""What is shown of a run, and what not."""

import json
import sys

import pytest

from newslean.scoring import progress as progress_module
from newslean.scoring.progress import open_progress
from newslean.scoring.run import Progress
from newslean.scoring.work import Counts


def at(share: float | None, seconds: float = 10.0, first: float | None = 0.25) -> Progress:
    return Progress(Counts(1_200, 4_000, 1_000, 3), Counts(200, 1_000, 500, 0), share, first, seconds)


def test_numbers():
    assert at(0.5).rate == 100.0
    assert at(0.5).seconds_left == 20.0
    for unknown in (at(None), at(0.25), at(0.5, first=None)):
        assert unknown.seconds_left is None


@pytest.mark.parametrize("style", ["none", "auto"])
def test_silent(capfd, style):
    with open_progress(style) as show:
        show(at(0.5))
    assert capfd.readouterr() == ("", "")


def test_json(capfd, monkeypatch):
    clock = iter([0.0, 10.0, 59.0, 61.0, 61.0, 70.0, 122.0, 122.0, 130.0])
    monkeypatch.setattr(progress_module.time, "monotonic", lambda: next(clock))
    with open_progress("json") as show:
        for share in (0.3, 0.4, 0.5, 0.6, None, 0.8):
            show(at(share))
    out, err = capfd.readouterr()
    lines = [json.loads(line) for line in err.splitlines()]
    assert out == ""
    assert [line["share"] for line in lines] == [0.5, None, 0.8]  # one a minute, and the last
    assert lines[0] == {
        "articles": 1_200,
        "sentences": 4_000,
        "skipped": 1_000,
        "rejects": 3,
        "sentences_per_second": 100.0,
        "share": 0.5,
        "seconds": 10.0,
        "seconds_left": 20,
    }


def test_nothing_happened(capfd):
    with open_progress("json"):
        pass
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("share", [0.5, None])
def test_a_bar(capfd, share):
    with open_progress("bar") as show:
        show(at(0.25 if share else None))
        show(at(share))
    shown = capfd.readouterr().err
    assert "1,200 articles, 100 sentences/s, 25% skipped, 3 rejects" in shown
    assert ("50%" in shown) == (share is not None)


@pytest.mark.parametrize("style", ["bar", "json", "auto"])
def test_without_standard_error(capfd, monkeypatch, style):
    monkeypatch.setattr(sys, "stderr", None)
    with open_progress(style) as show:
        show(at(0.5))
    assert capfd.readouterr().out == ""
