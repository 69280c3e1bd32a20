"""One run in a folder at a time, and none kept out by one that has died."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from newslean.errors import DataError
from newslean.scoring.lock import locked

ROOT = Path(__file__).resolve().parents[2]
DIES = """
import os, pathlib, signal, sys
from newslean.scoring.lock import locked
with locked(pathlib.Path(sys.argv[1])):
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_second_one_is_kept_out_until_the_first_has_gone(tmp_path: Path):
    folder = tmp_path / "work"
    told = "work: expected no other run that works there; found one"
    with locked(folder), pytest.raises(DataError, match=told), locked(folder):
        pass
    with locked(folder):
        assert folder.is_dir()


def test_a_dead_one_keeps_nobody_out(tmp_path: Path):
    done = subprocess.run(
        [sys.executable, "-c", DIES, str(tmp_path / "work")], cwd=ROOT, capture_output=True, timeout=60, check=False
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    with locked(tmp_path / "work"):
        pass


@pytest.mark.parametrize("name", ["file/work", "file"])
def test_no_folder_can_be_made(tmp_path: Path, name: str):
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match="expected to make a folder"), locked(tmp_path / name):
        pass
