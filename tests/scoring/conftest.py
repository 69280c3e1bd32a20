"""Jobs for a tiny model, and what they give."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from newslean.dump import Columns
from newslean.scoring.job import Job
from newslean.scoring.scorer import ScorerSettings
from tests.scoring.dumps import articles, make_model, write_lines


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory, schema) -> Path:
    """A baseline of a few words, with a gate that lets these words through."""
    return make_model(tmp_path_factory.mktemp("model"), schema)


@pytest.fixture
def dump(tmp_path: Path) -> Path:
    """Sixty articles, and three lines that are none."""
    rows: list[Any] = list(articles(60))
    rows[7:7] = ['{"text": "Copper', '{"id": "x"}']
    rows.append("[]")
    return write_lines(tmp_path / "dump.jsonl", rows)


@pytest.fixture
def make_job(model: Path, tmp_path: Path) -> Callable[..., Job]:
    """Make a job for the tiny model."""

    def make(*inputs: str | Path, out: str | Path = "out.jsonl", **changes: Any) -> Job:
        names = {"model", "min_confidence", "gate", "only_relevant", "articles_only"}
        settings = ScorerSettings(**{"model": str(model), **{k: v for k, v in changes.items() if k in names}})
        rest = {k: v for k, v in changes.items() if k not in names}
        return Job(tuple(map(str, inputs)), tmp_path / out, settings, **{"columns": Columns(), **rest})

    return make


@pytest.fixture
def results(tmp_path: Path) -> Callable[..., dict[str, bytes]]:
    """Read what stands of a result, and remove it."""

    def read(out: str = "out", *, keep: bool = False) -> dict[str, bytes]:
        found = {}
        for path in sorted(path for path in tmp_path.glob(f"{out}.*") if path.is_file()):
            found[path.name] = path.read_bytes()
            if not keep:
                path.unlink()
        return found

    return read


@pytest.fixture
def small_shards(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shards of five articles."""
    monkeypatch.setattr("newslean.scoring.run.SHARD_ARTICLES", 5)


@pytest.fixture
def command(model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Run the program in this process, in the test's folder and with one worker; each start saves a second."""
    import predict

    monkeypatch.chdir(tmp_path)

    def run(*arguments: str | Path, data: bytes = b"", model: str | Path = model) -> Result:
        words = [*map(str, arguments), "--model", str(model)]
        words += ["--workers", "1"] if any(word.endswith((".csv", ".jsonl", ".parquet")) for word in words[1:]) else []
        result = CliRunner().invoke(predict.main, words, input=data)
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exc_info
        assert result.stdout == ""
        return result

    return run
