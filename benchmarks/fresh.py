"""One command in a process of its own: how long it took, how much memory, what it imported.

Knows processes; knows nothing of news or models. The program that measures
must stay small: a child's peak memory counts from what its parent holds when
it is started. For Linux and macOS.
"""

import json
import os
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from newslean.errors import DataError

ROOT = Path(__file__).resolve().parent.parent

MEGABYTE = 1e6 if sys.platform == "darwin" else 1e6 / 1024
"""Units of ru_maxrss (Linux: KiB, macOS: bytes) in 10**6 bytes."""

# Runs a program as `python PROGRAM ...` would, and leaves the names of all modules that it imported in a file.
WITNESS = """
import json, runpy, sys
place, sys.argv = sys.argv[1], sys.argv[2:]
code = 0
try:
    runpy.run_path(sys.argv[0], run_name="__main__")
except SystemExit as end:
    code = end.code
with open(place, "w") as file:
    json.dump(sorted(sys.modules), file)
sys.exit(code)
"""


@dataclass(frozen=True, slots=True)
class Measured:
    """Wall time from the start of a process to its end, its peak resident memory (MB of 10**6 bytes), its output."""

    seconds: float
    megabytes: float
    output: str


def run_fresh(arguments: list[str], folder: Path) -> Measured:
    """Run ``python ARGUMENTS`` in the project's root.

    Parameters
    ----------
    folder : path
        Where the output is kept while the process runs.

    Raises
    ------
    DataError
        If it ends with another exit code than 0.
    """
    with _files(folder) as (out, err):
        start = time.perf_counter()
        child = _start(arguments, out, err)
        # getrusage(RUSAGE_CHILDREN) gives the largest of all children so far; wait4 the same number of this one alone.
        _, status, usage = os.wait4(child.pid, 0)
        seconds = time.perf_counter() - start
    child.returncode = os.waitstatus_to_exitcode(status)  # or Popen would wait for it again
    return Measured(seconds, usage.ru_maxrss / MEGABYTE, _output(child, arguments, folder))


def run_watched(arguments: list[str], folder: Path, *, interval: float = 0.25) -> Measured:
    """Run as `run_fresh` does, and add up the memory of the process and all that it starts, several times a second.

    Shared pages count once for each process that has them. The looking takes a little time of its own: for
    memory, not for speed.
    """
    import psutil  # for this alone

    peak = 0
    with _files(folder) as (out, err):
        start = time.perf_counter()
        child = _start(arguments, out, err)
        process = psutil.Process(child.pid)
        while True:
            try:
                child.wait(timeout=interval)
                break
            except subprocess.TimeoutExpired:
                peak = max(peak, _resident(process))
        seconds = time.perf_counter() - start
    return Measured(seconds, peak / 1e6, _output(child, arguments, folder))


def _resident(process: Any) -> int:
    """Add up the resident memory of a process and its descendants, in bytes."""
    import psutil

    total = 0
    with suppress(psutil.NoSuchProcess):
        for one in (process, *process.children(recursive=True)):
            with suppress(psutil.NoSuchProcess):
                total += one.memory_info().rss
    return total


@contextmanager
def _files(folder: Path) -> Iterator[tuple[BinaryIO, BinaryIO]]:
    with open(folder / "stdout", "wb") as out, open(folder / "stderr", "wb") as err:
        yield out, err


def _start(arguments: list[str], out: BinaryIO, err: BinaryIO) -> subprocess.Popen[bytes]:
    environment = {**os.environ, "HF_HUB_OFFLINE": "1"}  # nobody is charged for asking the network
    return subprocess.Popen(
        [sys.executable, *arguments], cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, stdout=out, stderr=err
    )


def _output(child: "subprocess.Popen[bytes]", arguments: list[str], folder: Path) -> str:
    """Read what a process that has ended has said; refuse any exit code but 0."""
    output, errors = ((folder / name).read_text(encoding="utf-8", errors="replace") for name in ("stdout", "stderr"))
    if child.returncode:
        last = (errors.strip().splitlines() or ["no message"])[-1]
        raise DataError(f"python {shlex.join(arguments)}: expected exit code 0; found {child.returncode}: {last}")
    return output


def imported_modules(arguments: list[str], folder: Path) -> list[str]:
    """List the modules that a program has imported when it ends."""
    place = folder / "modules.json"
    run_fresh(["-c", WITNESS, str(place), *arguments], folder)
    return list(json.loads(place.read_text(encoding="utf-8")))


def why_missing(module: str, folder: Path) -> str:
    """Say why a module cannot be imported; '' if it can."""
    try:
        run_fresh(["-c", f"import {module}"], folder)
    except DataError as error:
        return str(error).rpartition(": ")[2]
    return ""
