"""A run that is killed loses nothing and doubles nothing: kill -9, in processes of their own."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.scoring.dumps import articles, write_lines

ROOT = Path(__file__).resolve().parents[2]
LIVES = Path(__file__).with_name("lives.py")


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[Path]:
    """A folder in memory, where there is one: thousands of writes wait for no disk."""
    if os.access("/dev/shm", os.W_OK):  # noqa: S108
        with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
            yield Path(folder)
    else:
        yield tmp_path


def lives(*arguments: str | Path) -> str:
    command = [sys.executable, str(LIVES), *map(str, arguments)]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    result = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, env=environment)
    assert result.returncode == 0, result.stderr
    return result.stdout


def test_killed_at_50_moments(model: Path, memory: Path):
    rows: list[Any] = [*articles(50), "{", *articles(30, seed=2)]
    told = lives("moments", model, write_lines(memory / "dump.jsonl", rows), memory / "work", "50")
    kills, results, further = (int(word) for word in told.split() if word.isdigit())
    assert kills == 50
    assert results >= 1
    assert further >= 10


def test_killed_before_each_thing_that_is_done_to_a_file(model: Path, memory: Path):
    rows: list[Any] = ["{", *articles(6)]
    told = lives("events", model, write_lines(memory / "dump.jsonl", rows), memory / "work")
    assert int(told.split()[0]) > 40
