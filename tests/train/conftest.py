"""What the tests of the trainer's commands share."""

import sys
from collections.abc import Callable

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
