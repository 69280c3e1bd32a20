"""One run in a folder at a time, and none kept out by one that has died."""

import os
import signal
from pathlib import Path

import pytest

from newslean.errors import DataError
from newslean.scoring.lock import locked


def test_a_second_one_is_kept_out_until_the_first_has_gone(tmp_path: Path):
    folder = tmp_path / "work"
    told = "work: expected no other run that works there; found one"
    with locked(folder), pytest.raises(DataError, match=told), locked(folder):
        pass
    with locked(folder):
        assert folder.is_dir()


def test_a_dead_one_keeps_nobody_out(tmp_path: Path):
    child = os.fork()
    if not child:
        with locked(tmp_path / "work"):
            os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(child, 0)
    with locked(tmp_path / "work"):
        pass


@pytest.mark.parametrize("name", ["file/work", "file"])
def test_no_folder_can_be_made(tmp_path: Path, name: str):
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match="expected to make a folder"), locked(tmp_path / name):
        pass
