"""The command line for dumps: what is said, and with which exit code; some of it in processes of their own."""

import gzip
import json
import os
import re
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import psutil
import pyarrow.parquet as pq
import pytest
from click.testing import Result

from newslean.articles import MAX_BYTES
from tests.scoring.dumps import articles, write_lines

ROOT = Path(__file__).resolve().parents[2]
Command = Callable[..., Result]
Results = Callable[..., dict[str, bytes]]
ENVIRONMENT = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}


def start(*arguments: str | Path, cwd: Path, **options: Any) -> subprocess.Popen[str]:
    """Start the real program in a process group of its own, as a shell does, and heeding interrupts."""
    settings: dict[str, Any] = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    settings |= {"preexec_fn": partial(signal.signal, signal.SIGINT, signal.SIG_DFL), "start_new_session": True}
    command = [sys.executable, str(ROOT / "predict.py"), *map(str, arguments)]
    return subprocess.Popen(command, cwd=cwd, text=True, env=ENVIRONMENT, **{**settings, **options})


def end_of(process: subprocess.Popen[str]) -> tuple[int, str]:
    out, err = process.communicate(timeout=120)
    assert out == ""
    assert "Traceback" not in err
    return process.returncode, err


def until(found: Callable[[], Any]) -> Any:
    limit = time.monotonic() + 60
    while not (value := found()) and time.monotonic() < limit:
        time.sleep(0.01)
    assert value
    return value


def test_a_dump_of_many_inputs(command: Command, dump: Path, tmp_path: Path):
    (tmp_path / "more.csv").write_text("words;headline\nCopper climbed in Arlen.;T\n", encoding="utf-8")
    result = command("dump.jsonl", "--out", "out.jsonl")
    assert result.exit_code == 1
    assert result.stderr.splitlines() == [
        "dump.jsonl: guessed the columns: text from 'text', title from 'title', date from 'date', outlet from 'url', "
        "id from 'id'",
        next(line for line in result.stderr.splitlines() if line.startswith("out.jsonl: 60 articles, ")),
        "3 rejects, listed in out.jsonl.rejects.jsonl",
    ]
    assert "% skipped by the gate)" in result.stderr
    again = command("dump.jsonl", "--out", "out.jsonl")
    assert again.exit_code == 1
    assert again.stderr.splitlines() == result.stderr.splitlines()[1:]
    named = command("more.csv", "--text-column", "words", "--title-column", "headline", "--out", "out.csv")
    assert named.exit_code == 0
    assert named.stderr.splitlines() == [
        "more.csv: guessed that semicolons separate the columns",
        "out.csv: 1 articles, 1 sentences read",
    ]
    assert ",T,true," in (tmp_path / "out.articles.csv").read_text().replace('"', "")


def test_standard_input(command: Command, dump: Path, tmp_path: Path, results: Results):
    data = dump.read_bytes()
    assert command("dump.jsonl", "--out", "out.csv").exit_code == 1
    whole = {name: content.replace(b"dump.jsonl", b"-") for name, content in results().items()}
    assert command("-", "--out", "out.csv", data=data).exit_code == 1
    found = results()
    assert {n: c for n, c in found.items() if "run" not in n} == {n: c for n, c in whole.items() if "run" not in n}
    assert command("-", "--out", "out.csv", data=gzip.compress(data)).exit_code == 1
    assert results(keep=True) == found
    other = command("-", "--out", "out.csv", data=b'{"text": "Zinc slumped."}')
    assert other.exit_code == 2
    assert "standard input is what it was" in other.stderr
    assert command("-", "--out", "out.csv", "--overwrite", data=b'{"text": "Zinc slumped."}').exit_code == 0
    assert results()["out.csv"].count(b"\n") == 2
    empty = command("-", "--out", "out.csv")
    assert empty.exit_code == 2
    assert "found none in -" in empty.stderr


@pytest.mark.usefixtures("small_shards")
def test_standard_input_that_is_not_what_it_was(command: Command, dump: Path, tmp_path: Path, results: Results):
    data = dump.read_bytes()
    assert command("-", "--out", "whole.csv", data=data).exit_code == 1
    stop = ("-", "--out", "out.csv", "--batch-size", "2", "--max-rejects", "1")
    assert command(*stop, data=data).exit_code == 2
    for other in (data.replace(b"a3", b"b3"), data[:500], b""):
        refused = command(*stop[:3], data=other)
        assert refused.exit_code == 2
        assert "-: expected what was read there when the run began; found something else" in refused.stderr
    assert command(*stop[:3], data=data).exit_code == 1
    assert results()["out.csv"] == results("whole")["whole.csv"]


@pytest.mark.usefixtures("small_shards")
def test_goes_on_behind_standard_input(command: Command, tmp_path: Path, results: Results):
    last = write_lines(tmp_path / "last.jsonl", [*articles(9), "{", "{", *articles(9)])
    good = b'{"text": "Zinc slumped."}\n{"text": "Copper climbed in Arlen."}\n'
    assert command("-", last, "--out", "whole.csv", data=good).exit_code == 1
    stop = ("-", last, "--out", "out.csv", "--batch-size", "2", "--max-rejects", "1")
    assert command(*stop, data=good).exit_code == 2
    for other in (good.replace(b"Zinc", b"Lead"), good[:27], good * 2, b""):
        refused = command(*stop[:4], data=other)
        assert refused.exit_code == 2
        assert "-: expected what was read there when the run began; found something else" in refused.stderr
    assert command(*stop[:4], data=good).exit_code == 1
    assert results()["out.csv"] == results("whole")["whole.csv"]


def test_what_cannot_be_read_is_listed(command: Command, tmp_path: Path):
    good = {"text": "Copper climbed in Arlen."}
    long = json.dumps({"text": "x" * MAX_BYTES})
    write_lines(tmp_path / "a.jsonl", [good, '{"text": ', {"text": None}, {"text": " "}, "7", long, good])
    (tmp_path / "b.jsonl").write_bytes(b'{"text": "\xff\xfe"}\n' + json.dumps(good).encode())
    whole = gzip.compress(
        "".join(json.dumps({"text": f"Zinc slumped {os.urandom(99).hex()}."}) + "\n" for _ in range(999)).encode()
    )
    (tmp_path / "c.jsonl.gz").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "d.txt").write_bytes(bytes(range(256)) * 20)
    (tmp_path / "e.xyz").write_text("x")
    names = ["a.jsonl", "b.jsonl", "c.jsonl.gz", "d.txt", "e.xyz", "gone.csv"]
    result = command(*names, "--out", "out.parquet")
    assert result.exit_code == 1
    rejects = [json.loads(line) for line in (tmp_path / "out.parquet.rejects.jsonl").open(encoding="utf-8")]
    told = [(row["source"], row["position"]) for row in rejects]
    assert told[:6] == [("a.jsonl", f"line {n}") for n in (2, 3, 4, 5, 6)] + [("b.jsonl", "line 1")]
    assert told[6][0] == "c.jsonl.gz"
    assert told[6][1].startswith("after line ")
    assert told[7:] == [(name, "whole file") for name in names[3:]]
    for row, reason in zip(
        rejects,
        (
            "JSON",
            "none",
            "white space",
            "a number",
            "10,000,000 bytes",
            "UTF-8",
            "to the end",
            "text",
            "name",
            "No such",
        ),
        strict=True,
    ):
        assert "expected" in row["reason"]
        assert reason in row["reason"]
    table = pq.read_table(tmp_path / "out.articles.parquet")
    assert table["source"].to_pylist()[:3] == ["a.jsonl", "a.jsonl", "b.jsonl"]
    assert table["source"].to_pylist().count("c.jsonl.gz") > 100


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["dump.jsonl"], "dump.jsonl: expected articles; found a dump. Give --out with a name that ends in .parquet"),
        (["s3://bucket/a"], "found a dump"),
        (["a.txt.gz"], "found a dump"),
        (["dump.jsonl", "--out", "out.txt"], "found a dump"),
        (
            ["a.txt", "--only-relevant"],
            "--only-relevant: expected --out with a name that ends in .parquet, .jsonl, .csv",
        ),
        (["a.txt", "--no-gate", "--max-rejects", "3"], "--gate/--no-gate, --max-rejects: expected --out"),
        (["a.txt", "--out", "a.out", "--batch-size", "3"], "--batch-size"),
        (["dump.jsonl", "--out", "out.csv", "--format", "json"], "--format json: expected none with --out out.csv"),
        (["dump.jsonl", "--out", "out.csv", "--format", "text"], "--format text: expected none"),
        (["dump.jsonl", "--out", "out.csv", "--batch-size", "0"], "batch-size"),
        (["dump.jsonl", "--out", "out.csv", "--input-format", "xml"], "input_format: expected text"),
        (["dump.jsonl", "--out", "out.csv", "--text-column", "words"], "expected a column 'words'"),
        (["dump.jsonl", "--out", "out.csv", "--min-confidence", "nan"], "min_confidence"),
        ([".", "--out", "out.csv"], "found out.csv within"),
        (["gone.jsonl", "--out", "out.csv"], "gone.jsonl: expected a readable file"),
        (["gone*.jsonl", "--out", "out.csv"], "gone*.jsonl: expected names of that pattern"),
    ],
)
def test_what_is_refused(command: Command, dump: Path, tmp_path: Path, arguments: list[str], told: str):
    result = command(*arguments)
    assert result.exit_code == 2
    assert told in " ".join(result.stderr.split())
    assert [path.name for path in tmp_path.iterdir()] == ["dump.jsonl"]


def test_an_empty_dump(command: Command, tmp_path: Path):
    (tmp_path / "dump.jsonl").touch()
    (tmp_path / "folder").mkdir()
    for name in ("dump.jsonl", "folder"):
        result = command(name, "--out", "out.csv")
        assert result.exit_code == 2
        assert "expected" in result.stderr
        assert not list(tmp_path.glob("out.csv"))


def test_how_loud(command: Command, dump: Path, tmp_path: Path):
    write_lines(tmp_path / "good.jsonl", articles(5))
    assert command("good.jsonl", "--out", "a.csv", "--progress", "none").stderr == ""
    quiet = command("dump.jsonl", "--out", "b.csv", "--progress", "none")
    assert quiet.stderr == "3 rejects, listed in b.csv.rejects.jsonl\n"
    told = command("good.jsonl", "--out", "c.csv", "--progress", "json").stderr.splitlines()
    assert json.loads(told[1])["articles"] == 5
    assert "5 articles" in command("good.jsonl", "--out", "d.csv", "--progress", "bar").stderr


def test_a_link_stays_a_link(command: Command, dump: Path, tmp_path: Path):
    (tmp_path / "place").mkdir()
    (tmp_path / "out.csv").symlink_to("place/real.csv")
    assert command("dump.jsonl", "--out", "out.csv").exit_code == 1
    assert (tmp_path / "out.csv").is_symlink()
    assert (tmp_path / "place" / "real.csv").stat().st_size > 1_000


def test_the_shipped_model_and_two_workers(tmp_path: Path):
    rows = [{"body": text, "headline": f"H {n}"} for n, text in enumerate(NEWS * 3)]
    write_lines(tmp_path / "news.jsonl", [*rows, "{"])
    gone = start("news.jsonl", "--out", "a.jsonl", "--workers", "2", "--batch-size", "2", cwd=tmp_path)
    code, told = end_of(gone)
    assert code == 1
    assert "text from 'body', title from 'headline'" in told
    assert end_of(start("news.jsonl", "--out", "b.jsonl", "--workers", "1", cwd=tmp_path))[0] == 1
    for end in ("jsonl", "articles.jsonl", "jsonl.rejects.jsonl"):
        assert (tmp_path / f"a.{end}").read_bytes() == (tmp_path / f"b.{end}").read_bytes()
    (tmp_path / "texts").mkdir()
    for n, text in enumerate(NEWS):
        (tmp_path / "texts" / f"{n}.txt").write_text(text, encoding="utf-8")
    article = subprocess.run(
        [sys.executable, str(ROOT / "predict.py"), str(tmp_path / "texts"), "--format", "json"],
        capture_output=True,
        check=True,
        timeout=120,
    )
    expected = [(s["text"], s["labels"], s["scores"]) for a in json.loads(article.stdout) for s in a["sentences"]]
    assert end_of(start("texts", "--out", "c.jsonl", "--no-gate", "--workers", "1", cwd=tmp_path))[0] == 0
    found = [json.loads(line) for line in (tmp_path / "c.jsonl").open(encoding="utf-8")]
    assert [(row["text"], row["labels"]) for row in found] == [row[:2] for row in expected]
    for row, (_, _, scores) in zip(found, expected, strict=True):
        for name, values in scores.items():
            assert row["scores"][name] == pytest.approx(values, abs=2e-6)


NEWS = (
    "Factories in Wuxi ship processors to all makers of phones. Rivals in Oregon still design the faster ones.",
    "The mayor opened a library. It rained for a week.\n\nShare this article\n\nOpen models from Hangzhou now lead.",
)


SMALL_SHARDS = "from newslean.scoring import run; run.SHARD_ARTICLES = 20; import predict; predict.main()"


class Run:
    """A run in processes of its own that reads standard input, and so waits wherever a test wants it to."""

    def __init__(self, folder: Path, model: Path, workers: int) -> None:
        self.shards, self.folder = folder / "out.jsonl.work", folder
        self.arguments = [
            "-",
            "--out",
            "out.jsonl",
            "--model",
            str(model),
            "--workers",
            str(workers),
            "--batch-size",
            "4",
        ]

    def start(self) -> None:
        command = [sys.executable, "-c", SMALL_SHARDS, *self.arguments]
        environment = ENVIRONMENT | {"PYTHONPATH": str(ROOT)}
        heed = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
        self.errors = tempfile.TemporaryFile()  # noqa: SIM115 - closed when it is collected
        pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": self.errors}
        self.process = subprocess.Popen(
            command, cwd=self.folder, env=environment, preexec_fn=heed, start_new_session=True, **pipes
        )

    def give(self, data: bytes) -> None:
        self.process.stdin.write(data)
        self.process.stdin.flush()

    def kept(self) -> dict[str, tuple[int, int]]:
        found = (
            sorted(self.shards.glob("shard-*.parquet")) if self.process.poll() is None or self.shards.exists() else []
        )
        return {path.name: (path.stat().st_ino, path.stat().st_mtime_ns) for path in found}

    def until_kept(self, number: int) -> None:
        until(lambda: len(self.kept()) >= number or self.process.poll() is not None)
        assert self.process.poll() is None, self.told()
        self.children = psutil.Process(self.process.pid).children(recursive=True)

    def told(self) -> list[str]:
        return os.pread(self.errors.fileno(), 1 << 20, 0).decode().splitlines()

    def interrupt(self) -> None:
        """As a terminal does: all processes of the group."""
        os.killpg(self.process.pid, signal.SIGINT)

    def end(self, data: bytes = b"") -> tuple[int, list[str]]:
        out, _ = self.process.communicate(data, timeout=120)
        assert out == b""
        assert "Traceback" not in " ".join(self.told())
        assert psutil.wait_procs(getattr(self, "children", []), timeout=20)[1] == []
        return self.process.returncode, self.told()


@pytest.fixture
def lines() -> list[bytes]:
    return [json.dumps(row).encode() + b"\n" for row in articles(300)]


@pytest.fixture
def whole(command: Command, lines: list[bytes], results: Results) -> dict[str, bytes]:
    """What the articles give when nobody interrupts."""
    assert command("-", "--out", "out.jsonl", data=b"".join(lines)).exit_code == 0
    return results()


INTERRUPTED = "interrupted: finishing what was begun; once more to stop at once"


@pytest.mark.parametrize("workers", [1, 2])
def test_interrupted_and_killed(
    tmp_path: Path, model: Path, lines: list[bytes], whole: dict[str, bytes], results: Results, workers: int
):
    run = Run(tmp_path, model, workers)
    run.start()
    run.give(b"".join(lines[:180]))
    run.until_kept(2)
    assert (len(run.children) >= 2) == (workers == 2)
    run.interrupt()
    until(lambda: INTERRUPTED in run.told())
    code, told = run.end(b"".join(lines[180:182]))
    assert code == 130
    assert re.fullmatch(r"predict\.py: stopped after \d+ articles\. The same command goes on from there\.", told[-1])
    assert told[-2] == INTERRUPTED
    kept = run.kept()
    assert 2 <= len(kept) < 11
    assert results(keep=True) == {}

    run.start()
    run.give(b"".join(lines[:290]))
    run.until_kept(len(kept) + 1)
    run.process.kill()
    run.process.stdin.close()
    run.process.wait()
    assert psutil.wait_procs(run.children, timeout=20)[1] == []  # nobody works on for one who is dead
    assert kept.items() <= run.kept().items()

    run.start()
    assert run.end(b"".join(lines))[0] == 0
    assert results() == whole
    assert list(tmp_path.iterdir()) == []


def test_interrupted_twice(tmp_path: Path, model: Path, lines: list[bytes], whole: dict[str, bytes], results: Results):
    run = Run(tmp_path, model, 2)
    run.start()
    run.give(b"".join(lines[:180]))
    run.until_kept(2)
    run.interrupt()
    until(lambda: INTERRUPTED in run.told())
    run.interrupt()
    run.process.wait(timeout=60)  # though its input goes on
    code, told = run.end()
    assert code == 130
    assert told[-2:] == [INTERRUPTED, "predict.py: interrupted; the same command goes on from what was kept."]
    kept = run.kept()
    assert len(kept) >= 2
    run.start()
    assert run.end(b"".join(lines))[0] == 0
    assert results() == whole


def test_interrupted_while_the_workers_start(tmp_path: Path, model: Path, lines: list[bytes]):
    """A worker that is just being born gets the interrupt too, and has to say nothing."""
    (tmp_path / "dump.jsonl").write_bytes(b"".join(lines))
    run = Run(tmp_path, model, 2)
    run.arguments[0] = "dump.jsonl"
    run.start()
    until(lambda: len(psutil.Process(run.process.pid).children()) > 1)  # the tracker of locks, and a worker
    run.interrupt()
    code, told = run.end()
    assert code == 130
    assert told[-1].endswith("The same command goes on from there.")


@pytest.mark.parametrize("limit", [3_000, 40_000])
def test_a_full_disk(tmp_path: Path, model: Path, dump: Path, command: Command, results: Results, limit: int):
    """Full while a shard is written, or the result."""
    assert command("dump.jsonl", "--out", "out.jsonl").exit_code == 1
    whole = results()
    assert 3_000 < len(whole["out.jsonl"]) / 2 > 40_000

    def full() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    arguments = ("dump.jsonl", "--out", "out.jsonl", "--model", model, "--workers", "1")
    code, told = end_of(start(*arguments, cwd=tmp_path, preexec_fn=full))
    assert code == 2
    last = told.splitlines()[-1]
    assert last.startswith("predict.py: out.jsonl.work/")
    assert "expected to write there; File too large. Free space or name another place." in last
    assert "out.jsonl" not in results(keep=True)
    assert not list(tmp_path.glob("**/.*"))
    assert end_of(start(*arguments, cwd=tmp_path))[0] == 1
    assert results() == whole


def test_standard_input_that_is_closed(tmp_path: Path, model: Path):
    def close() -> None:
        os.close(0)

    code, told = end_of(start("-", "--out", "out.csv", "--model", model, cwd=tmp_path, stdin=None, preexec_fn=close))
    assert code == 2
    assert "at least one article; found none in -" in told
