"""Inputs to files: folders, patterns, what is not there."""

import os
import sys
from pathlib import Path

import pytest

from newslean.dump import open_dump
from newslean.dump.formats import form_of
from newslean.errors import DataError

LINE = '{"text": "Tin rose."}\n'


def names(records, folder: Path) -> list[str]:
    return [Path(record.article.source).relative_to(folder).as_posix() for record in records]


def test_a_folder_is_read_in_the_order_of_its_paths_without_hidden_or_foreign_files(write, read, tmp_path):
    expected = ["B.TXT", "a/c/x.html", "a/x.json", "a/y.csv.gz", "a.jsonl", "b.txt.xz", "c/1.md", "c.ndjson", "d.htm"]
    from gzip import compress
    from lzma import compress as compress_xz

    page = "<html><body><p>" + "Copper climbed in Arlen on Tuesday, as buyers paid more. " * 9 + "</p></body></html>"
    for name in expected:
        content = {
            "x.html": page,
            "d.htm": page,
            "y.csv.gz": compress(b"text\nTin rose.\n"),
            "b.txt.xz": compress_xz(b"Tin."),
        }
        write(name, content.get(Path(name).name, LINE))
    for name in (".hidden.txt", ".git/x.txt", "a/.x.jsonl", "picture.png", "a/noend", "x.gz", "script.py", "a.txt.bak"):
        write(name, LINE)
    records, rejects = read(tmp_path)
    assert names(records, tmp_path) == expected == [path.as_posix() for path in sorted(map(Path, expected))]
    assert rejects == []


def test_links_are_read_as_files_and_never_followed_into_folders(write, read, tmp_path):
    write("a/1.txt", "Tin rose.")
    (tmp_path / "a" / "2.txt").symlink_to(tmp_path / "a" / "1.txt")
    (tmp_path / "a" / "3.txt").symlink_to(tmp_path / "gone.txt")
    (tmp_path / "a" / "loop").symlink_to(tmp_path / "a")
    os.mkfifo(tmp_path / "a" / "4.txt")
    records, [broken, loop] = read(tmp_path)
    assert names(records, tmp_path) == ["a/1.txt", "a/2.txt"]
    assert broken.source.endswith("3.txt")
    assert loop.source.endswith("loop")
    assert "found a link to one, which is not followed" in loop.reason


def test_a_link_to_itself_costs_no_neighbour(write, read, tmp_path):
    write("a/1.txt", "Tin rose.")
    (tmp_path / "a" / "2.txt").symlink_to("2.txt")
    records, [reject] = read(tmp_path / "a")
    assert names(records, tmp_path) == ["a/1.txt"]
    assert reject.source.endswith("2.txt")


def test_a_pattern_that_leads_down_follows_no_link_into_a_folder(write, read, tmp_path):
    write("a/b/1.txt", "Tin rose.")
    (tmp_path / "a" / "b" / "up").symlink_to("..")
    (tmp_path / "here").symlink_to("a")
    assert names(read(str(tmp_path / "a" / "**" / "*.txt"))[0], tmp_path) == ["a/b/1.txt"]
    assert names(read(str(tmp_path / "here" / "**" / "*.txt"))[0], tmp_path) == ["here/b/1.txt"]


def test_patterns_are_sorted_and_may_lead_down(write, read, tmp_path):
    for name in ("b.jsonl", "a.jsonl", "sub/c.jsonl", "sub/d.txt", ".x.jsonl"):
        write(name, LINE)
    assert names(read(str(tmp_path / "*.jsonl"))[0], tmp_path) == ["a.jsonl", "b.jsonl"]
    assert names(read(str(tmp_path / "**" / "*.jsonl"))[0], tmp_path) == ["a.jsonl", "b.jsonl", "sub/c.jsonl"]
    everything = ["a.jsonl", "b.jsonl", "sub/c.jsonl", "sub/d.txt"]
    assert names(read(str(tmp_path / "**"))[0], tmp_path) == everything
    assert names(read(str(tmp_path / "s*"))[0], tmp_path) == ["sub/c.jsonl", "sub/d.txt"]


def test_a_name_with_signs_of_a_pattern_is_a_name_if_there_is_such_a_file(write, read):
    path = write("tin[1].txt", "Tin rose.")
    write("tin1.txt", "Zinc fell.")
    assert [record.article.text for record in read(str(path))[0]] == ["Tin rose."]


def test_several_inputs_come_in_their_order(write, read):
    paths = [write(f"{name}.txt", f"Tin rose in {name}.") for name in "cab"]
    records, _ = read([paths[0], str(paths[1]), paths[2].parent])
    assert [record.article.text[-2] for record in records] == ["c", "a", "a", "b", "c"]


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("gone.jsonl", "No such file"),
        ("*.gone", "found none"),
        ("empty", "expected files that end in"),
        ("data.xyz", "Save it as one of these, or rename it"),
        ("noend", "Save it as one of these, or rename it"),
        ("a.jsonl\0", "null byte"),
        ("gone[", "found none"),
        ("gone", "No such file"),
    ],
)
def test_nothing_to_read_is_an_error_alone_and_a_reject_among_others(write, read, tmp_path, name, reason):
    (tmp_path / "empty").mkdir()
    write("data.xyz", "Tin.")
    write("noend", "Tin.")
    path, good = f"{tmp_path}/{name}", write("good/a.txt", "Tin rose.")
    with pytest.raises(DataError, match=reason) as error:
        read(path)
    assert str(error.value).startswith(path.split("\0")[0])
    records, [reject] = read([path, good])
    assert len(records) == 1
    assert (reject.source, reject.position) == (path, "whole file")
    assert reason in reject.reason
    assert not reject.reason.startswith(path)


def test_an_empty_name_and_no_input_are_errors(read):
    with pytest.raises(DataError, match="an empty name"):
        read("")
    with pytest.raises(DataError, match="inputs: expected files"):
        open_dump([])


def test_a_bad_file_of_a_folder_or_pattern_is_a_reject_even_if_it_is_the_only_one(write, read):
    path = write("sub/a.csv", "a,b\n1,2\n")
    for given in (path.parent, str(path.parent / "*.csv")):
        records, [reject] = read(given)
        assert records == []
        assert "expected a column with the articles' text" in reject.reason


def test_files_are_opened_one_at_a_time(write, tmp_path):
    outcomes = open_dump([write("a.txt", "Tin rose."), tmp_path / "later.jsonl"])
    assert next(outcomes).article.text == "Tin rose."
    write("later.jsonl", LINE)
    assert next(outcomes).position == "line 1"


@pytest.mark.skipif(sys.platform != "linux", reason="other systems refuse such names")
def test_a_name_in_no_encoding_can_be_printed(read, tmp_path):
    with open(os.fsencode(tmp_path) + b"/\xff.txt", "wb") as file:
        file.write(b"Tin rose.")
    [record], _ = read(tmp_path)
    assert record.article.source.endswith("/\ufffd.txt")


@pytest.mark.parametrize(
    ("name", "format_", "compression", "suffix"),
    [
        ("a.txt", "text", None, ".txt"),
        ("a.b.HTML", "text", None, ".html"),
        ("s3://b.c/d/a.jsonl.zst", "jsonl", "zstd", ".jsonl"),
        ("CC-2031.warc.gz", "warc", "gzip", ".warc"),
        ("a.tgz", "tar", "gzip", ".tar"),
        ("a.TZST", "tar", "zstd", ".tar"),
        ("a.tar.bz2", "tar", "bzip2", ".tar"),
    ],
)
def test_forms_of_names(name, format_, compression, suffix):
    form = form_of(name)
    assert form is not None
    assert (form.format, form.compression, form.suffix) == (format_, compression, suffix)


@pytest.mark.parametrize("name", ["a", "a.gz", ".txt", "a.txt.part", "gz", "", "a.txt.gz.gz"])
def test_names_that_tell_nothing(name):
    assert form_of(name) is None
    form = form_of(name, input_format="csv")
    assert form is not None
    assert form.format == "csv"
