"""Where a result may stand, and what it hangs on."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from newslean.errors import DataError
from newslean.schema import Dimension, Schema
from newslean.scoring.job import Job, check_labels, check_names, claim_of, finished
from newslean.scoring.run import score_dump
from newslean.scoring.work import Counts

Make = Callable[..., Job]


def test_names(make_job: Make, tmp_path: Path):
    job = make_job("a", out="x.y.parquet")
    assert job.beside(".work") == tmp_path / "x.y.parquet.work"
    assert job.articles == tmp_path / "x.y.articles.parquet"
    assert make_job("a", articles_only=True).articles == tmp_path / "out.jsonl"


@pytest.mark.parametrize(
    ("inputs", "out", "told"),
    [
        (["a.jsonl"], "out.txt", "expected a name that ends in .parquet, .jsonl, .csv"),
        (["a.jsonl"], "no/out.csv", "expected a folder"),
        (["a.jsonl"], "folder.csv", "found a folder"),
        (["a.jsonl"], "a.jsonl", "one of the articles"),
        (["b.articles.jsonl"], "b.jsonl", "one of the articles"),
        (["a.jsonl", "."], "out.csv", r"found \S+ within"),
        (["folder.csv"], "folder.csv/deep/out.csv", r"found \S+ within"),
        (["*.jsonl"], "out.csv", r"found out\.csv\.rejects\.jsonl within"),
        (["*.jsonl"], "out.jsonl", r"found \S+ within"),
        (["*.json"], "out.csv", r"found \S+ within"),
        (["**/*.articles.csv"], "out.csv", r"found \S+ within"),
        (["**"], "out.csv", r"found \S+ within"),
        (["out.csv.rejects.jsonl"], "out.csv", r"found out\.csv\.rejects\.jsonl within"),
        (["file://."], "out.csv", r"found \S+ within"),
        (["fol*"], "folder.csv/deep/out.csv", r"found \S+ within"),
    ],
)
def test_places_that_are_refused(make_job: Make, tmp_path: Path, monkeypatch, inputs: list[str], out: str, told: str):
    (tmp_path / "folder.csv" / "deep").mkdir(parents=True)
    for name in ("a.jsonl", "b.articles.jsonl"):
        (tmp_path / name).write_text("")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError, match=told):
        check_names(make_job(*inputs, out=out))


@pytest.mark.parametrize(
    ("inputs", "out"),
    [
        (["*.txt"], "out.csv"),
        (["*.jsonl"], "deep/out.jsonl"),
        (["deep"], "deep.csv"),
        (["deep/*.csv"], "out.csv"),
        (["s3://bucket/*.csv", "-", "https://example.com/?a=*"], "out.csv"),
    ],
)
def test_places_beside_what_is_read(make_job: Make, tmp_path: Path, monkeypatch, inputs: list[str], out: str):
    (tmp_path / "deep").mkdir()
    monkeypatch.chdir(tmp_path)
    check_names(make_job(*inputs, out=out))


def test_the_claim_names_all_that_the_result_hangs_on(make_job: Make):
    first = claim_of(make_job("a"), "m")
    assert json.loads(json.dumps(first)) == first
    assert claim_of(make_job("a", piece_articles=3, max_rejects=3, model="elsewhere"), "m") == first
    for change in ({"gate": False}, {"min_confidence": 0.0}, {"only_relevant": True}, {"input_format": "csv"}):
        assert claim_of(make_job("a", **change), "m") != first


def test_finished(make_job: Make, dump: Path):
    job = make_job(dump)
    claim = claim_of(job, "m")
    assert finished(job, claim) is None
    score_dump(job)
    told = job.beside(".run.json")
    run = json.loads(told.read_bytes())
    assert finished(job, run) == Counts(**run["counts"])
    for content in (b"", b"[]", b"{}", b'{"counts": {}, "inputs": 3}', b'{"counts": {"a": 1}}', b"\xff"):
        told.write_bytes(content)
        with pytest.raises(DataError, match="expected"):
            finished(job, claim)


def test_standard_input_is_never_taken_for_what_it_was(make_job: Make, dump: Path):
    score_dump(make_job(dump))
    job = make_job("-")
    with pytest.raises(DataError, match="standard input"):
        finished(job, claim_of(job, "m"))


def test_a_pattern_behind_a_link_takes_in_what_the_folder_holds(make_job: Make, tmp_path: Path):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    (tmp_path / "real" / "a.jsonl").write_text("")
    for pattern in (tmp_path / "link" / "*.jsonl", tmp_path / "real" / "*.jsonl", tmp_path / "l*" / "*.jsonl"):
        for folder in ("link", "real"):
            if (pattern.parent.name, folder) != ("l*", "real"):  # no one looks behind each link that a star meets
                with pytest.raises(DataError, match=r"found \S+ within"):
                    check_names(make_job(pattern, out=f"{folder}/out.jsonl"))


def test_links_that_a_pattern_leads_through(make_job: Make, tmp_path: Path):
    for folder in ("data", "other", "real/sub"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "data" / "link").symlink_to(tmp_path / "other")
    (tmp_path / "deep").symlink_to(tmp_path / "real" / "sub")
    check_names(make_job(tmp_path / "data" / "**" / "*.jsonl", out="data/link/out.jsonl"))  # it goes through no link
    with pytest.raises(DataError, match=r"found \S+ within"):
        check_names(make_job(f"{tmp_path}/deep/../*.jsonl", out="real/out.jsonl"))
    check_names(make_job(tmp_path / "*.articles.jsonl", articles_only=True))  # no such table is written


def test_labels_that_a_csv_cell_could_not_tell_apart(make_job: Make):
    schema = Schema((Dimension("a", "multi", ("x|y", "x", "y")),))
    check_labels(make_job("a"), schema)
    with pytest.raises(DataError, match=r"expected labels without \|.* found 'x\|y'"):
        check_labels(make_job("a", out="out.csv"), schema)
