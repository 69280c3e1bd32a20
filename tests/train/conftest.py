"""What the tests of the trainer's commands, and of training again, share."""

import shutil
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from train import __main__ as program


@pytest.fixture
def cli(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """Run the command as ``python -m train`` does; gives exit code, stdout and stderr."""

    def run(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["train", *map(str, arguments)])
        with pytest.raises(SystemExit) as end:
            program.run()
        out, err = capsys.readouterr()
        return int(end.value.code or 0), out, err

    return run


@pytest.fixture
def run(trained: SimpleNamespace, tmp_path: Path) -> Any:
    """The tiny run, its model current in a folder of its own."""
    from train.known import remember_network
    from train.promotion import promote

    models = tmp_path / "models"
    shutil.copytree(trained.path.parent, models)
    promote(models, trained.path.name, event="promotion", reason="the first")
    run = replace(trained.run, models=models)
    remember_network(run, trained.path.name)
    return run
