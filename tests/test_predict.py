"""The real program in a process of its own, with the shipped model, from a foreign working directory."""

import json
import os
import pty
import re
import resource
import signal
import subprocess
import sys
import time
import tomllib
from functools import partial
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SEEDS = sorted((ROOT / "seeds").glob("*.txt"))
HEAVY = {"torch", "transformers", "datasets", "optuna", "sklearn", "train"}
INFERENCE = {"numpy", "onnxruntime", "tokenizers", "sentencex"}
NEWS = (
    "Rivals narrow the gap in processors\n\n"
    "The new processor from Shenzhen is as fast as those sold by American makers, analysts said. "
    "Engineers in California still design the best chips 🚀. Das Wetter: 晴朗。\n"
)
ENVIRONMENT = {
    k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "COLUMNS", "PYTHONPATH", "PYTHONUNBUFFERED")
} | {"TERM": "xterm"}


def predict(*arguments: str | Path, cwd: Path, **options: object) -> subprocess.CompletedProcess[bytes]:
    settings = {"input": b"", "stdout": subprocess.PIPE, "env": ENVIRONMENT} | options
    command = [sys.executable, str(ROOT / "predict.py"), *map(str, arguments)]
    result = subprocess.run(command, cwd=cwd, stderr=subprocess.PIPE, timeout=120, check=False, **settings)
    assert b"Traceback" not in result.stderr
    return result


@pytest.fixture
def news(tmp_path: Path) -> Path:
    path = tmp_path / "news.txt"
    path.write_text(NEWS, encoding="utf-8")
    return path


def schema_names() -> list[str]:
    manifest = json.loads((ROOT / "models" / "current" / "manifest.json").read_text(encoding="utf-8"))
    return [d["name"] for d in manifest["schema"]["dimensions"]]


def test_json_of_every_seed(tmp_path: Path):
    result = predict(*SEEDS, "--format", "json", cwd=tmp_path)
    assert result.returncode == 0
    assert result.stderr == b""
    articles = json.loads(result.stdout.decode("utf-8"))
    assert [a["source"] for a in articles] == [str(seed) for seed in SEEDS]
    for article, seed in zip(articles, SEEDS, strict=True):
        assert set(article) == {"source", "title", "model", "article", "sentences"}
        assert set(article["article"]) == {"labels", "shares", "lean"}
        assert list(article["article"]["labels"]) == schema_names()
        text = seed.read_bytes().decode("utf-8")
        assert len(article["sentences"]) > 5
        for n, sentence in enumerate(article["sentences"]):
            assert sentence["n"] == n
            assert text[sentence["start"] : sentence["end"]] == sentence["text"]
            assert list(sentence["labels"]) == list(sentence["scores"]) == schema_names()


def test_text_of_a_seed_names_every_dimension(tmp_path: Path):
    result = predict(SEEDS[0], cwd=tmp_path)
    text = result.stdout.decode("utf-8")
    assert result.returncode == 0
    assert result.stderr == b""
    assert set(schema_names()) <= set(text.splitlines())
    assert "\x1b" not in text
    assert max(map(len, text.splitlines())) <= 80 + len(str(SEEDS[0]))


@pytest.mark.parametrize("arguments", [["news.txt"], ["-"]])
def test_one_input_is_an_object(news: Path, arguments: list[str]):
    result = predict(*arguments, "--format", "json", cwd=news.parent, input=NEWS.encode())
    article = json.loads(result.stdout)
    assert result.returncode == 0
    assert article["source"] == arguments[0]
    assert result.stdout.endswith(b"}\n")
    assert "🚀" in result.stdout.decode("utf-8")
    for sentence in article["sentences"]:
        assert NEWS[sentence["start"] : sentence["end"]] == sentence["text"]


def test_a_folder_is_a_list_even_of_one(news: Path):
    result = predict(".", "--format", "json", "--out", "result.json", cwd=news.parent)
    assert result.returncode == 0
    assert result.stdout == b""
    assert len(json.loads((news.parent / "result.json").read_text(encoding="utf-8"))) == 1
    assert sorted(os.listdir(news.parent)) == ["news.txt", "result.json"]


def test_nothing_done_when_every_input_is_bad(tmp_path: Path):
    (tmp_path / "empty.txt").touch()
    (tmp_path / "white.txt").write_bytes(b" \n\t\n")
    (tmp_path / "binary.txt").write_bytes(bytes(range(256)) * 20)
    (tmp_path / "folder").mkdir()
    names = ["missing.txt", "empty.txt", "white.txt", "binary.txt", "folder", "-"]
    result = predict(*names, "--out", "out.txt", cwd=tmp_path)
    assert result.returncode == 2
    assert result.stdout == b""
    *reasons, last = result.stderr.decode().splitlines()
    for name, reason in zip(names, reasons, strict=True):
        assert reason.startswith(f"rejected {'standard input' if name == '-' else name}: ")
        assert "expected" in reason
    assert last.startswith("predict.py: expected at least one article; found none in missing.txt")
    assert not (tmp_path / "out.txt").exists()


def test_good_and_bad_together(news: Path):
    (news.parent / "empty.txt").touch()
    result = predict("gone.txt", news, "empty.txt", "--format", "json", cwd=news.parent)
    assert result.returncode == 1
    assert [article["source"] for article in json.loads(result.stdout)] == [str(news)]
    reasons = result.stderr.decode().splitlines()
    assert len(reasons) == 2
    assert "gone.txt" in reasons[0]
    assert "empty.txt" in reasons[1]


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ([], "Missing argument"),
        (["news.txt", "--model", "nowhere"], "nowhere"),
        (["news.txt", "--min-confidence", "2"], "min-confidence"),
        (["news.txt", "--min-confidence", "nan"], "min_confidence"),
        (["news.txt", "--format", "xml"], "xml"),
        (["news.txt", "--out", "no/out.txt"], "expected a folder no"),
        (["news.txt", "--out", "."], "found a folder"),
        (["news.txt", "--out", ""], "found a folder"),
        (["news.txt", "--out", "./news.txt"], "one of the articles"),
        ([".", "--out", "news.txt"], "one of the articles"),
        (["news.txt", "--out", "/dev/full"], "device"),
        (["news.txt", "--out", "t.CSV"], "t.CSV: expected a name that ends in"),
        (["news.txt", "--out", "t.csv.gz"], "t.csv.gz: expected a name that ends in .txt"),
        (["news.txt", "--out", "t.TSV"], "found .tsv. Change its end"),
        (["news.txt", "--out", "t.json"], "expected --format json"),
        (["news.txt", "--out", "t.json", "--format", "text"], "expected --format json"),
        (["news.txt", "--out", "t.xlsx", "--format", "json"], "found .xlsx. Change its end"),
    ],
)
def test_bad_options_are_told(news: Path, arguments: list[str], reason: str):
    result = predict(*arguments, cwd=news.parent)
    assert result.returncode == 2
    assert result.stdout == b""
    assert reason in result.stderr.decode()
    assert os.listdir(news.parent) == ["news.txt"]
    assert news.read_text(encoding="utf-8") == NEWS


@pytest.mark.parametrize("out", ["news.txt", "link.txt"])
@pytest.mark.parametrize("rest", [[], ["--format", "json"]])
def test_standard_input_is_not_replaced_by_its_report(news: Path, out: str, rest: list[str]):
    (news.parent / "link.txt").symlink_to(news)
    with open(news, "rb") as given:
        result = predict("-", "--out", out, *rest, cwd=news.parent, input=None, stdin=given)
    assert result.returncode == 2
    assert f"{out}: expected a file to write; found standard input's own" in result.stderr.decode()
    assert news.read_text(encoding="utf-8") == NEWS


def test_a_table_does_not_replace_standard_input(news: Path):
    table = news.rename(news.with_name("news.csv"))
    with open(table, "rb") as given:
        result = predict("-", "--out", "news.csv", "--overwrite", cwd=table.parent, input=None, stdin=given)
    assert result.returncode == 2
    assert table.read_text(encoding="utf-8") == NEWS


@pytest.mark.parametrize("style", ["text", "json"])
@pytest.mark.parametrize("text", ["1,234\n5,678\n", "---\ntitle: Chips\n---\n"])
def test_an_article_without_sentences_is_rejected(news: Path, text: str, style: str):
    (news.parent / "numbers.txt").write_text(text)
    alone = predict("numbers.txt", "--format", style, cwd=news.parent)
    assert (alone.returncode, alone.stdout) == (2, b"")
    told = "rejected numbers.txt: expected an article; found no sentence in it to tag. Leave it out."
    assert alone.stderr.decode().splitlines()[0] == told
    both = predict("numbers.txt", "news.txt", "--format", style, cwd=news.parent)
    assert (both.returncode, both.stderr.decode().splitlines()) == (1, [told])
    assert b"numbers.txt" not in both.stdout
    assert b"news.txt" in both.stdout


def test_min_confidence_1_leaves_only_neutral_labels(news: Path):
    result = predict(news, "--format", "json", "--min-confidence", "1", cwd=news.parent)
    manifest = json.loads((ROOT / "models" / "current" / "manifest.json").read_text(encoding="utf-8"))
    neutral = {d["name"]: d["neutral"] for d in manifest["schema"]["dimensions"] if d["kind"] == "single"}
    assert neutral
    for sentence in json.loads(result.stdout)["sentences"]:
        assert {name: sentence["labels"][name] for name in neutral} == neutral


@pytest.mark.parametrize("rest", [[], ["--out", "out.csv"]])
def test_min_confidence_is_refused_where_no_label_is_neutral(news: Path, tmp_path: Path, rest: list[str]):
    current, model = ROOT / "models" / "current", tmp_path / "model"
    model.mkdir()
    for path in current.resolve().iterdir():
        (model / path.name).symlink_to(path)
    data = json.loads((current / "manifest.json").read_bytes())
    for d in data["schema"]["dimensions"]:
        d.pop("neutral", None)
        if d["kind"] == "single":
            data["thresholds"].pop(d["name"], None)
    (model / "manifest.json").unlink()
    (model / "manifest.json").write_text(json.dumps(data | {"beta": {}}), encoding="utf-8")
    result = predict(news, "--model", "model", "--min-confidence", "0.8", *rest, cwd=tmp_path)
    assert (result.returncode, result.stdout) == (2, b"")
    assert "min_confidence: expected a model with a dimension of one label a sentence" in result.stderr.decode()
    assert not (tmp_path / "out.csv").exists()


def test_hostile_text_is_shown_to_people_and_kept_for_programs(tmp_path: Path):
    text = "Factories in Wuxi \x1b[2J\u202eship processors to all makers of phones.\n"
    (tmp_path / "a.txt").write_text(text, encoding="utf-8")
    shown = predict("a.txt", cwd=tmp_path).stdout.decode("utf-8")
    kept = json.loads(predict("a.txt", "--format", "json", cwd=tmp_path).stdout)
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e]", shown)
    assert kept["sentences"][0]["text"] == text.strip()


def test_a_file_name_that_is_not_utf8(tmp_path: Path):
    name = os.fsdecode(b"caf\xe9.txt")
    (tmp_path / name).write_text(NEWS, encoding="utf-8")
    result = predict(name, "--format", "json", cwd=tmp_path)
    assert result.returncode == 0
    assert json.loads(result.stdout.decode("utf-8"))["source"].startswith("caf")


def test_a_screen_without_unicode(news: Path):
    result = predict(news, cwd=news.parent, env=ENVIRONMENT | {"PYTHONIOENCODING": "ascii"})
    assert result.returncode == 0
    result.stdout.decode("ascii")


def on_terminal(*arguments: str | Path, cwd: Path, **environment: str) -> str:
    """What the program prints on a terminal."""
    ours, theirs = pty.openpty()
    with os.fdopen(theirs, "wb") as terminal:
        assert predict(*arguments, cwd=cwd, stdout=terminal, env=ENVIRONMENT | environment).returncode == 0
    shown = b""
    try:
        while chunk := os.read(ours, 1 << 16):
            shown += chunk
    except OSError:  # Linux: the other side is closed
        pass
    os.close(ours)
    return shown.decode("utf-8")


def test_colour_on_a_terminal_only_and_never_in_a_file(tmp_path: Path):
    (tmp_path / "a.txt").write_text("Chips are small.\n")  # a short report, which fits the terminal's buffer
    assert "\x1b[1m" in on_terminal("a.txt", cwd=tmp_path, NO_COLOR="")
    assert "\x1b" not in on_terminal("a.txt", cwd=tmp_path, NO_COLOR="1")
    assert b"\x1b[1m" in predict("a.txt", "--color", "always", cwd=tmp_path).stdout
    assert predict("a.txt", "--color", "always", "--out", "out.txt", cwd=tmp_path).returncode == 0
    assert "\x1b" not in (tmp_path / "out.txt").read_text(encoding="utf-8")


@pytest.mark.parametrize("style", ["text", "json"])
def test_a_full_disk_behind_standard_output(news: Path, style: str):
    with open("/dev/full", "wb") as full:
        result = predict(news, "--format", style, cwd=news.parent, stdout=full)
    assert result.returncode == 2
    [line] = result.stderr.decode().splitlines()
    assert "standard output" in line
    assert "No space left" in line


def test_a_full_disk_behind_out(news: Path):
    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (200, 200))

    (news.parent / "out.txt").write_text("old")
    result = predict(news, "--out", "out.txt", cwd=news.parent, preexec_fn=limit)
    assert result.returncode == 2
    assert "out.txt: expected to write" in result.stderr.decode()
    assert (news.parent / "out.txt").read_text() == "old"
    assert sorted(os.listdir(news.parent)) == ["news.txt", "out.txt"]


def test_a_reader_that_has_seen_enough(tmp_path: Path):
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "wb") as pipe:
        result = predict(SEEDS[0], cwd=tmp_path, stdout=pipe)
    assert result.returncode == 141
    assert result.stderr == b""


def test_an_interrupt_leaves_one_line_and_no_file(tmp_path: Path):
    command = [sys.executable, str(ROOT / "predict.py"), "-", "--out", "out.txt"]
    pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    # What a shell starts in the background ignores interrupts, and so does all that it starts.
    heed = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
    with subprocess.Popen(command, cwd=tmp_path, env=ENVIRONMENT, preexec_fn=heed, **pipes) as process:
        limit = time.monotonic() + 60
        while not os.listdir(tmp_path) and process.poll() is None and time.monotonic() < limit:
            time.sleep(0.02)
        assert [name for name in os.listdir(tmp_path) if name.endswith(".part")]  # it now waits for its article
        process.send_signal(signal.SIGINT)
        errors = process.stderr.read().decode()
        assert process.wait(timeout=60) == 130
    assert len(errors.splitlines()) == 1
    assert os.listdir(tmp_path) == []


def test_an_interrupt_while_modules_are_read(tmp_path: Path):
    (tmp_path / "click.py").write_text("raise KeyboardInterrupt")
    result = predict("--help", cwd=tmp_path, env=ENVIRONMENT | {"PYTHONPATH": str(tmp_path)})
    assert (result.returncode, result.stderr.decode()) == (130, "predict.py: interrupted\n")


def modules_after(*arguments: str | Path) -> set[str]:
    """Top-level modules that a fresh process has loaded after the program ran in it."""
    code = (
        "import contextlib, io, sys, predict\n"
        "with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit):\n"
        "    predict.main()\n"
        "print(*{name.partition('.')[0] for name in sys.modules})"
    )
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return {*subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=True).stdout.split()}


def test_help_loads_no_model_library():
    loaded = modules_after("--help")
    assert "click" in loaded
    assert not loaded & (HEAVY | INFERENCE)


def test_predicting_never_loads_a_training_library(news: Path):
    loaded = modules_after(news)
    assert "onnxruntime" in loaded
    assert not loaded & HEAVY


def test_help_and_version(tmp_path: Path):
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert predict("--version", cwd=tmp_path).stdout.decode().split() == [project["name"], project["version"]]
    shown = predict("--help", cwd=tmp_path).stdout.decode()
    for option in ("--format", "--model", "--out", "--min-confidence", "--color", "--version", "Exit codes"):
        assert option in shown
