"""Work in this process where it is little, in several where it is much."""

import os

import psutil
import pytest

from train.cores import FEW_CHARACTERS, on_all_cores


def work(number: int, factor: int = 2) -> tuple[int, int]:
    if number < 0:
        raise ZeroDivisionError(number)
    return number * factor, os.getpid()


@pytest.fixture(autouse=True)
def two_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("train.cores.cpu_count", lambda: 2)


@pytest.mark.parametrize(("characters", "here"), [(FEW_CHARACTERS - 1, True), (FEW_CHARACTERS, False)])
def test_results_come_in_order_and_no_process_stays(characters: int, here: bool):
    before = {p.pid for p in psutil.Process().children(recursive=True)}
    found = on_all_cores(work, [(n, n) for n in range(9)], characters=characters)
    assert [value for value, _ in found] == [n * n for n in range(9)]
    assert ({pid for _, pid in found} == {os.getpid()}) == here
    left = [p for p in psutil.Process().children(recursive=True) if p.pid not in before]
    assert [p for p in left if "resource_tracker" not in " ".join(p.cmdline())] == []


@pytest.mark.parametrize("characters", [0, FEW_CHARACTERS])
def test_what_one_of_them_raises_is_raised(characters: int):
    with pytest.raises(ZeroDivisionError):
        on_all_cores(work, [(1,), (-1,), (2,)], characters=characters)
    assert on_all_cores(work, [], characters=0) == []
