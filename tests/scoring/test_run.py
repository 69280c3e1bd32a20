"""Whole runs: the same result whatever the way to it, and refusals where it would be another one."""

import csv
import gzip
import json
import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from newslean.articles import Article
from newslean.dump import Columns, Record, open_dump
from newslean.errors import DataError, ModelError, Stopped
from newslean.files import sha256
from newslean.scoring import FORMATS
from newslean.scoring.job import Job, check_names
from newslean.scoring.local import score_locally
from newslean.scoring.pieces import Piece
from newslean.scoring.run import Progress, score_dump
from newslean.scoring.work import Counts
from newslean.tagger import Tagger
from tests.scoring.dumps import articles, make_model, write_lines

Make = Callable[..., Job]
Results = Callable[..., dict[str, bytes]]


def rows_of(data: bytes) -> list[dict[str, Any]]:
    return [json.loads(line) for line in data.splitlines()]


def stop_after(number: int) -> Callable[[], bool]:
    asked = iter(range(1, 1_000_000))
    return lambda: next(asked) >= number


def interrupted(job: Job, number: int) -> None:
    """Run a job until it has read so much."""
    with pytest.raises(Stopped, match="The same command goes on from there"):
        score_dump(job, stop=stop_after(number))


@pytest.mark.parametrize("suffix", FORMATS)
def test_the_same_bytes_however_it_was_cut(make_job: Make, dump: Path, results: Results, monkeypatch, suffix: str):
    monkeypatch.setattr("newslean.scoring.merge.ROWS", 37)
    out = f"out{suffix}"
    counts = score_dump(make_job(dump, out=out))
    whole = results()
    assert sorted(whole) == sorted([out, f"out.articles{suffix}", f"{out}.rejects.jsonl", f"{out}.run.json"])
    assert counts.articles == 60
    assert counts.rejects == 3
    assert 0 < counts.skipped < counts.sentences
    for pieces in (1, 7, 1_000):
        assert score_dump(make_job(dump, out=out, piece_articles=pieces)) == counts
        assert results() == whole
    monkeypatch.setattr("newslean.scoring.run.SHARD_ARTICLES", 4)
    for seconds in (0.0, 1e9):  # a shard a piece, or by number
        monkeypatch.setattr("newslean.scoring.run.SHARD_SECONDS", seconds)
        assert score_dump(make_job(dump, out=out, piece_articles=3)) == counts
        assert results() == whole
    assert score_dump(make_job(dump, out=out, piece_articles=5), workers=2) == counts
    assert results() == whole
    monkeypatch.setattr("newslean.scoring.run.SHARD_BYTES", 1)
    job = make_job(dump, out=out, piece_articles=3)
    for number in (1, 8, 2, 3, 1, 30):
        interrupted(job, number)
        assert sorted(results(keep=True)) == []
    assert score_dump(job) == counts
    assert results() == whole


def test_a_stopped_run_keeps_what_it_has_read(make_job: Make, dump: Path, tmp_path: Path):
    job = make_job(dump)
    seen: list[Progress] = []
    interrupted(job, 20)
    assert score_dump(job, on_progress=seen.append).articles == 60
    assert seen[0].counts.articles > 18
    assert seen[0].new.articles == seen[0].counts.articles - 18
    assert seen[-1].new.articles == 42
    assert seen[0].first_share is not None
    assert seen[-1].share == pytest.approx(1.0)
    assert not job.beside(".work").exists()


def test_stopped_while_it_reads_what_is_known(make_job: Make, dump: Path):
    job = make_job(dump)
    interrupted(job, 40)
    for number in (1, 40):
        notes: list[str] = []
        with pytest.raises(Stopped, match="stopped after 38 articles"):
            score_dump(job, stop=stop_after(number), on_note=notes.append)
        assert f"{dump}: reading past 40 articles and rejects that are known" in notes
    assert score_dump(job).articles == 60


def test_the_share_of_inputs_some_of_which_are_missing(make_job: Make, dump: Path, tmp_path: Path, stdin):
    gone = tmp_path / "gone.jsonl"
    for inputs in ((gone, dump), (dump, gone)):
        seen: list[Progress] = []
        score_dump(make_job(*inputs), on_progress=seen.append, overwrite=True)
        shares = [progress.share for progress in seen]
        assert None not in shares
        assert shares[-1] == 1.0
    stdin(dump.read_bytes())
    score_dump(make_job("-", dump), on_progress=seen.append, overwrite=True)
    assert seen[-1].share is None


def test_many_rejects_fill_a_shard(make_job: Make, tmp_path: Path, results: Results, monkeypatch):
    monkeypatch.setattr("newslean.scoring.run.SHARD_REJECTS", 20)
    job = make_job(write_lines(tmp_path / "dump.jsonl", ["{"] * 100 + articles(1)), piece_articles=1)
    kept: list[int] = []
    score_dump(job, on_progress=lambda _: kept.append(len(list(job.beside(".work").glob("shard-*.parquet")))))
    assert kept == [0, 1, 1, 2, 2, 3, 3]
    rejects = rows_of(results()["out.jsonl.rejects.jsonl"])
    assert [row["position"] for row in rejects] == [f"line {n}" for n in range(1, 101)]


def test_the_answers_are_the_taggers_own(make_job: Make, model: Path, dump: Path, results: Results):
    job = make_job(dump, gate=False)
    score_dump(job)
    found = results()
    sentences, tables = rows_of(found["out.jsonl"]), rows_of(found["out.articles.jsonl"])
    records = [o for o in open_dump(dump) if isinstance(o, Record)]
    tagged = list(Tagger.load(model).tag_articles(record.article for record in records))
    assert [row["id"] for row in tables] == [record.id for record in records]
    assert any(article.lean["mood"] for article in tagged)
    left = iter(sentences)
    for row, article, record in zip(tables, tagged, records, strict=True):
        assert row["labels"] == article.labels
        assert row["title"] == article.title
        assert row["lean"] == {"mood": pytest.approx(article.lean["mood"], abs=1e-6)}
        for name, shares in article.shares.items():
            assert row["shares"][name] == pytest.approx(shares, abs=1e-6)
        for n, sentence in enumerate(article.sentences):
            found_row = next(left)
            assert (found_row["article"], found_row["n"]) == (row["article"], n)
            assert record.article.text[found_row["start"] : found_row["end"]] == found_row["text"] == sentence.text
            assert found_row["labels"] == sentence.labels
            assert found_row["furniture"] == sentence.furniture
            assert not found_row["skipped"]
            for name, scores in sentence.scores.items():
                assert found_row["scores"][name] == pytest.approx(scores, abs=1e-6)
    assert next(left, None) is None


def test_what_the_gate_skips_has_no_scores_and_neutral_labels(make_job: Make, dump: Path, results: Results):
    counts = score_dump(make_job(dump))
    found = results()
    skipped = [row for row in rows_of(found["out.jsonl"]) if row["skipped"]]
    assert len(skipped) == counts.skipped > 0
    assert all(row["scores"] is None and row["labels"] == {"topic": [], "mood": "flat"} for row in skipped)
    assert sum(row["sentences_skipped"] for row in rows_of(found["out.articles.jsonl"])) == counts.skipped
    score_dump(make_job(dump, out="out.parquet"))
    table = pq.read_table(make_job(dump, out="out.parquet").out)
    nulls = [
        column.null_count
        for name, column in zip(table.column_names, table.columns, strict=True)
        if name.startswith("score_")
    ]
    assert nulls == [counts.skipped] * 6
    with_all = make_job(dump, out="all.jsonl", gate=False)
    score_dump(with_all)
    for row, full in zip(rows_of(found["out.jsonl"]), rows_of(with_all.out.read_bytes()), strict=True):
        assert not full["skipped"]
        assert row["skipped"] or row == full


def test_a_csv_is_read_back_as_it_was(make_job: Make, dump: Path, results: Results):
    score_dump(make_job(dump))
    score_dump(make_job(dump, out="out.csv"))
    found = results()
    rows = list(csv.DictReader(found["out.csv"].decode().splitlines(keepends=True)))
    lines = rows_of(found["out.jsonl"])
    assert [row["text"] for row in rows] == [line["text"] for line in lines]
    assert [row["label_topic"].split("|") if row["label_topic"] else [] for row in rows] == [
        line["labels"]["topic"] for line in lines
    ]
    for row, line in zip(rows, lines, strict=True):
        expected = "" if line["skipped"] else line["scores"]["mood"]["rise"]
        assert row["score_mood_rise"] == expected or float(row["score_mood_rise"]) == expected


def test_several_inputs_in_their_order(make_job: Make, tmp_path: Path, results: Results):
    texts = [f"Copper climbed in Arlen, report {n} said." for n in range(9)]
    line = [json.dumps({"content": text}) + "\n" for text in texts]
    (tmp_path / "b.jsonl.gz").write_bytes(gzip.compress("".join(line[:2]).encode()))
    folder = tmp_path / "folder"
    (folder / "deep").mkdir(parents=True)
    (folder / "2.txt").write_text(texts[3])
    (folder / "10.md").write_text(texts[2])
    (folder / "deep" / "a.csv").write_text(f'headline,words\nT,"{texts[4]}"\n')
    (folder / "page.html").write_text(f"<html><body><article><p>{texts[5]}</p></article></body></html>")
    (tmp_path / "x1.json").write_text(json.dumps([{"content": texts[6]}, {"content": texts[7]}]))
    (tmp_path / "x2.jsonl").write_text(line[8])
    inputs = (tmp_path / "b.jsonl.gz", folder, tmp_path / "x*", tmp_path / "gone.jsonl", tmp_path / "x2.jsonl")
    notes: list[str] = []
    # The table's column is named, and so must be each other input's: the run says which ones lack it.
    counts = score_dump(make_job(*inputs), on_note=notes.append)
    found = results()
    order = [row["text"] for row in rows_of(found["out.jsonl"])]
    assert order == [*texts[:4], texts[5], *texts[6:9], texts[8]]
    assert any("b.jsonl.gz: guessed the columns: text from 'content'" in note for note in notes)
    rejects = rows_of(found["out.jsonl.rejects.jsonl"])
    assert [Path(row["source"]).name for row in rejects] == ["a.csv", "gone.jsonl"]
    assert counts.rejects == 2
    with pytest.raises(DataError, match="expected a column 'words'"):
        score_dump(make_job(tmp_path / "x2.jsonl", columns=Columns(text="words")))
    counts = score_dump(make_job(folder / "deep" / "a.csv", columns=Columns(text="words", title="headline")))
    assert counts == Counts(articles=1, sentences=1)


def test_a_finished_result_is_left_alone(make_job: Make, dump: Path, results: Results):
    job = make_job(dump)
    counts = score_dump(job)
    before = {path: (path.stat().st_ino, path.stat().st_mtime_ns) for path in (job.out, job.articles)}
    assert score_dump(job) == counts
    assert {path: (path.stat().st_ino, path.stat().st_mtime_ns) for path in before} == before
    assert not job.beside(".work").exists()
    assert score_dump(job, overwrite=True) == counts
    assert (job.out.stat().st_ino, job.out.stat().st_mtime_ns) != before[job.out]


def test_a_result_stays_until_it_is_replaced(make_job: Make, dump: Path, tmp_path: Path, results: Results):
    score_dump(make_job(dump))
    before = results(keep=True)
    with pytest.raises(DataError):
        score_dump(make_job(tmp_path / "typo.jsonl"), overwrite=True)
    assert results(keep=True) == before
    other = make_job(dump, articles_only=True)
    stops = iter([False] * 20)
    with pytest.raises(Stopped, match="without --overwrite, goes on"):
        score_dump(other, overwrite=True, stop=lambda: next(stops, True))
    assert results(keep=True) == before
    score_dump(other)
    after = results(keep=True)
    assert "out.articles.jsonl" not in after
    assert after["out.jsonl"] == before["out.articles.jsonl"]
    assert not other.beside(".work").exists()
    score_dump(other)
    assert results(keep=True) == after


def test_a_run_that_replaces_and_is_killed_at_its_very_end_is_done(make_job: Make, dump: Path, monkeypatch):
    job = make_job(dump)
    score_dump(job)
    unlink = Path.unlink

    def killed(path: Path, **options: bool) -> None:
        if path.name == "manifest.json" and (path.parent / "shard-000000.parquet").exists():
            raise KeyboardInterrupt
        unlink(path, **options)

    monkeypatch.setattr(Path, "unlink", killed)
    with pytest.raises(KeyboardInterrupt):
        score_dump(job, overwrite=True)
    monkeypatch.undo()
    assert job.beside(".work").exists()
    before = job.out.stat().st_ino
    score_dump(job)
    assert job.out.stat().st_ino == before
    assert not job.beside(".work").exists()


def test_a_folder_with_a_name_in_no_encoding(make_job: Make, dump: Path, tmp_path: Path, results: Results):
    folder = tmp_path / os.fsdecode(b"d\xe9")
    folder.mkdir()
    job = make_job(dump, out=folder / "out.jsonl")
    interrupted(job, 20)
    score_dump(job)
    score_dump(make_job(dump))
    assert job.out.read_bytes() == results()["out.jsonl"]


def test_killed_between_the_result_and_its_work(make_job: Make, dump: Path, results: Results, monkeypatch):
    job = make_job(dump)
    monkeypatch.setattr("newslean.scoring.work.Work.clear", lambda work: None)
    counts = score_dump(job)
    assert job.beside(".work").exists()
    monkeypatch.undo()
    assert score_dump(job) == counts
    assert not job.beside(".work").exists()


CHANGES: dict[str, tuple[Callable[[Path], Any], str]] = {
    "grown": (lambda folder: write_lines(folder / "b.jsonl", articles(7)), r"input: then \S+b.jsonl \(size"),
    "replaced": (lambda folder: os.utime(folder / "b.jsonl", (1, 1)), r"now \S+b.jsonl \(.*modified 1000000000\)"),
    "gone": (lambda folder: (folder / "c.jsonl").unlink(), r"input: then \S+c.jsonl .*, now none"),
    "more": (lambda folder: write_lines(folder / "d.jsonl", articles(1)), r"input: then none, now \S+d.jsonl"),
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "dumps"
    folder.mkdir()
    for n, name in enumerate("abc"):
        write_lines(folder / f"{name}.jsonl", articles(6, seed=n))
    return folder


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.usefixtures("small_shards")
def test_changed_inputs_are_refused(make_job: Make, folder: Path, results: Results, change: str):
    job = make_job(folder, piece_articles=2)
    interrupted(job, 8)
    done = make_job(folder, out="done.jsonl")
    score_dump(done)
    kept = {path: path.read_bytes() for path in (done.out, done.articles)}
    act, told = CHANGES[change]
    act(folder)
    with pytest.raises(DataError, match=told) as error:
        score_dump(job)
    assert "--overwrite" in str(error.value)
    with pytest.raises(DataError, match="other inputs"):
        score_dump(done)
    assert {path: path.read_bytes() for path in kept} == kept
    results()
    new = make_job(folder, out="new.jsonl")
    score_dump(new)
    score_dump(job, overwrite=True)
    assert job.out.read_bytes() == new.out.read_bytes()


@pytest.mark.usefixtures("small_shards")
def test_another_order_of_inputs_is_refused(make_job: Make, folder: Path):
    first, second = folder / "a.jsonl", folder / "b.jsonl"
    interrupted(make_job(first, second), 8)
    with pytest.raises(DataError, match=r"input: then \S+a.jsonl .*, now \S+b.jsonl"):
        score_dump(make_job(second, first))
    with pytest.raises(DataError, match=r"input: then \S+b.jsonl .*, now none"):
        score_dump(make_job(first))
    assert score_dump(make_job(first, second)).articles == 12


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("min_confidence", 0.9),
        ("gate", False),
        ("only_relevant", True),
        ("articles_only", True),
        ("input_format", "jsonl"),
        ("columns", Columns(date="date")),
    ],
)
@pytest.mark.usefixtures("small_shards")
def test_changed_options_are_refused(make_job: Make, dump: Path, results: Results, option: str, value: Any):
    job, other = make_job(dump), make_job(dump, **{option: value})
    interrupted(job, 20)
    with pytest.raises(DataError, match=rf"\n  {option}: then "):
        score_dump(other)
    score_dump(job)
    before = results(keep=True)
    with pytest.raises(DataError, match=f"one of other {option}"):
        score_dump(other)
    assert results(keep=True) == before
    score_dump(other, overwrite=True)
    assert results(keep=True) != before


@pytest.mark.usefixtures("small_shards")
def test_another_model_is_refused(make_job: Make, dump: Path, tmp_path: Path, schema):
    interrupted(make_job(dump), 20)
    (tmp_path / "other").mkdir()
    other = make_model(tmp_path / "other", schema, version="2")
    with pytest.raises(DataError, match=r"\n  model: then "):
        score_dump(make_job(dump, model=str(other)))
    with pytest.raises(ModelError, match="nowhere"):
        score_dump(make_job(dump, model="nowhere"))
    (other / "gate.safetensors").write_bytes(b"")
    with pytest.raises(ModelError, match=r"gate\.safetensors"):
        score_dump(make_job(dump, out="damaged.jsonl", model=str(other)))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["dump.jsonl", "other", "out.jsonl.work"]


@pytest.mark.usefixtures("small_shards")
def test_a_file_that_looks_the_same_but_is_not(make_job: Make, dump: Path):
    """Same size, same date: only reading can tell."""
    job = make_job(dump)
    interrupted(job, 20)
    state = dump.stat()
    dump.write_text(dump.read_text(encoding="utf-8").replace("a3", "b3"), encoding="utf-8")
    os.utime(dump, ns=(state.st_atime_ns, state.st_mtime_ns))
    with pytest.raises(DataError, match=r"dump\.jsonl: expected what was read there when the run began"):
        score_dump(job)


def test_a_shorter_run_is_begun_anew_without_a_word(make_job: Make, dump: Path):
    """Nothing was done yet, so nothing can be lost."""
    job = make_job(dump)

    def fail(pieces: Any, settings: Any) -> Iterator[Any]:
        raise KeyboardInterrupt
        yield

    with pytest.raises(KeyboardInterrupt):
        score_dump(job, engine=fail)
    assert not job.beside(".work").exists()
    assert score_dump(make_job(dump, gate=False)).articles == 60


def test_nothing_is_left_of_a_run_that_could_do_nothing(make_job: Make, tmp_path: Path):
    for name, told in (("gone.jsonl", "gone.jsonl"), ("no.suffix", "expected a name")):
        if name == "no.suffix":
            (tmp_path / name).write_text("x")
        with pytest.raises(DataError, match=told):
            score_dump(make_job(tmp_path / name))
    assert [path.name for path in tmp_path.iterdir()] == ["no.suffix"]


@pytest.mark.parametrize("name", ["out.jsonl", "out.articles.jsonl"])
def test_a_foreign_file_is_left_alone(make_job: Make, dump: Path, tmp_path: Path, name: str):
    (tmp_path / name).write_text("mine")
    with pytest.raises(DataError, match=r"expected no file.*--overwrite"):
        score_dump(make_job(dump))
    assert (tmp_path / name).read_text() == "mine"
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(["dump.jsonl", name])
    score_dump(make_job(dump), overwrite=True)
    assert (tmp_path / name).read_text() != "mine"


def test_the_engine_is_given_pieces_and_settings(make_job: Make, dump: Path, results: Results):
    score_dump(make_job(dump))
    whole, seen, closed = results(), [], []

    def engine(pieces: Iterator[Piece], settings: Any) -> Iterator[Any]:
        seen.append(settings)
        try:
            yield from score_locally(pieces, settings, workers=1)
        finally:
            closed.append(True)

    job = make_job(dump, piece_articles=9)
    score_dump(job, engine=engine)
    assert results() == whole
    assert seen == [replace(job.settings, model_hash=sha256(Path(job.settings.model, "manifest.json")))]
    with pytest.raises(DataError, match="rejects"):
        score_dump(make_job(dump, piece_articles=9, max_rejects=0), engine=engine)
    assert closed == [True, True]


def test_more_rejects_than_allowed(make_job: Make, dump: Path, results: Results):
    score_dump(make_job(dump))
    whole = results()
    few = make_job(dump, max_rejects=1, piece_articles=5)
    for _ in range(2):  # giving the same again changes nothing
        with pytest.raises(DataError, match=r"at most 1 rejects; found 2, listed in .*larger --max-rejects"):
            score_dump(few)
        assert results(keep=True) == {}
    listed = b"".join(path.read_bytes() for path in sorted(few.beside(".work").glob("*.rejects.jsonl")))
    assert [row["position"] for row in rows_of(listed)] == ["line 8", "line 9"]
    score_dump(make_job(dump, max_rejects=3, piece_articles=5))
    assert results() == whole


def test_more_rejects_than_allowed_at_the_very_end(make_job: Make, dump: Path):
    job = make_job(dump, max_rejects=2)
    for _ in range(2):
        with pytest.raises(DataError, match="at most 2 rejects; found 3"):
            score_dump(job)
    assert not job.out.exists()


@pytest.mark.parametrize("rows", [[], ["{", "[]", '{"id": 3}']])
def test_no_article_at_all(make_job: Make, tmp_path: Path, results: Results, rows: list[str]):
    dump = write_lines(tmp_path / "dump.jsonl", rows)
    with pytest.raises(DataError, match=r"at least one article; found none in .*dump\.jsonl.* rejects are listed in"):
        score_dump(make_job(dump, tmp_path / "gone.txt"))
    found = results()
    assert list(found) == ["out.jsonl.rejects.jsonl"]
    rejects = rows_of(found["out.jsonl.rejects.jsonl"])
    assert rejects[-1]["source"].endswith("gone.txt")
    assert all(row.keys() == {"source", "position", "reason"} for row in rejects)
    assert [path.name for path in tmp_path.iterdir()] == ["dump.jsonl"]


def test_no_article_at_all_leaves_an_older_result_whole(make_job: Make, dump: Path, tmp_path: Path, results: Results):
    score_dump(make_job(dump))
    before = results(keep=True)
    bad = write_lines(tmp_path / "bad.jsonl", ["{"] * 9)
    told = r"out\.jsonl stays as it was\. The first of 10 rejects:(\n  \S+bad\.jsonl, line \d: expected.*){5}$"
    with pytest.raises(DataError, match=told):
        score_dump(make_job(bad, tmp_path / "gone.txt"), overwrite=True)
    assert results(keep=True) == before
    assert not make_job(bad).beside(".work").exists()


def test_two_runs_at_once(make_job: Make, dump: Path, results: Results):
    score_dump(make_job(dump))
    whole, job = results(), make_job(dump, piece_articles=5)

    def engine(pieces: Iterator[Piece], settings: Any) -> Iterator[Any]:
        for scored in score_locally(pieces, settings, workers=1):
            with pytest.raises(DataError, match="expected no other run"):
                score_dump(job)
            with pytest.raises(DataError, match="expected no other run"):
                score_dump(job, overwrite=True)
            yield scored

    score_dump(job, engine=engine)
    assert results() == whole


def test_articles_only_and_only_relevant(make_job: Make, dump: Path, results: Results):
    score_dump(make_job(dump))
    whole = results()
    relevant = [row for row in rows_of(whole["out.articles.jsonl"]) if row["relevant"]]
    assert 0 < len(relevant) < 60
    score_dump(make_job(dump, articles_only=True))
    found = results()
    assert "out.articles.jsonl" not in found
    assert found["out.jsonl"] == whole["out.articles.jsonl"]
    score_dump(make_job(dump, only_relevant=True))
    found = results()
    assert rows_of(found["out.articles.jsonl"]) == relevant
    neutral = {"topic": [], "mood": "flat"}
    assert rows_of(found["out.jsonl"]) == [row for row in rows_of(whole["out.jsonl"]) if row["labels"] != neutral]
    score_dump(make_job(dump, only_relevant=True, articles_only=True))
    assert rows_of(results()["out.jsonl"]) == relevant


def test_hostile_texts(make_job: Make, tmp_path: Path, results: Results):
    texts = [
        "Copper climbed \ud83d in Arlen \x00 today.",
        "\u202eZinc slumped\u202c in שלום Borva.",
        "1 2 3",
        "Copper climbed. " * 3_000,
        "zinc" * 100_000,
        "Tin slumped.\r\rRain fell.\u2028Storms came.",
    ]
    rows = [json.dumps({"text": text, "title": "T\ud83d", "id": "\udc00"}) for text in texts]
    dump = write_lines(tmp_path / "dump.jsonl", rows)
    counts = score_dump(make_job(dump, gate=False))
    found = results()
    sentences = rows_of(found["out.jsonl"])
    assert counts.articles == len(texts)
    assert {row["article"] for row in sentences} == {0, 1, 3, 4, 5}  # digits alone are no sentence
    for row in sentences:
        text = texts[row["article"]].replace("\ud83d", "\ufffd")
        assert text[row["start"] : row["end"]] == row["text"]
        assert row["id"] == "\ufffd"
    assert [row["sentences_total"] for row in rows_of(found["out.articles.jsonl"])][2:4] == [0, 3_000]
    for suffix in (".csv", ".parquet"):
        assert score_dump(make_job(dump, out=f"out{suffix}", gate=False)) == counts
    assert pq.read_table(tmp_path / "out.parquet").num_rows == len(sentences)


def test_articles_of_a_folder_have_their_own_titles(make_job: Make, tmp_path: Path, model: Path, results: Results):
    text = "Copper Prices Climb In Arlen\n\nCopper climbed in Arlen. Rain fell.\n"
    (tmp_path / "a.txt").write_text(text)
    score_dump(make_job(tmp_path / "a.txt"))
    [row] = rows_of(results()["out.articles.jsonl"])
    [tagged] = Tagger.load(model).tag_articles([Article("a", text)])
    assert row["title"] == tagged.title == "Copper Prices Climb In Arlen"
    assert row["position"] == "whole file"


def test_a_file_beside_a_result_of_articles_alone_that_is_not_ours_stays(make_job: Make, dump: Path, tmp_path: Path):
    other = tmp_path / "out.articles.jsonl"
    other.write_text("mine")
    job = make_job(dump, articles_only=True)
    for _ in range(2):  # there is no older result, and then one without such a file
        score_dump(job, overwrite=True)
        assert other.read_text() == "mine"
    score_dump(make_job(dump), overwrite=True)
    assert other.read_text() != "mine"
    with pytest.raises(Stopped):
        score_dump(job, overwrite=True, stop=lambda: True)
    (tmp_path / "out.jsonl.run.json").write_text('{"articles_only": true}')  # as a kill before the end may leave it
    score_dump(job)
    assert not other.exists()
    score_dump(make_job(dump), overwrite=True)
    with pytest.raises(DataError, match=r"found out\.articles\.jsonl within"):
        check_names(make_job(other, articles_only=True))


def test_a_run_ends_where_another_model_takes_the_place(make_job: Make, dump: Path, tmp_path: Path, schema):
    (tmp_path / "model").mkdir()
    model = make_model(tmp_path / "model", schema)
    job = make_job(dump, model=str(model))

    def late(pieces, settings):
        make_model(model, schema, version="2")
        return score_locally(pieces, settings, workers=1)

    with pytest.raises(ModelError, match="found another in its place"):
        score_dump(job, engine=late)
