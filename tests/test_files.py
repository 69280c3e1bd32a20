import os
import threading
from hashlib import sha256 as reference
from pathlib import Path

import pytest

from newslean.errors import DataError
from newslean.files import lock, open_replacement, sha256, write_file


def test_text_and_bytes(tmp_path: Path):
    path = tmp_path / "a.txt"
    write_file(path, "naïve 中\r\n")
    assert path.read_bytes() == "naïve 中\r\n".encode()
    write_file(path, b"\x00\xff")
    assert path.read_bytes() == b"\x00\xff"
    assert sha256(path) == reference(b"\x00\xff").hexdigest()
    assert os.listdir(tmp_path) == ["a.txt"]


def test_the_mode_of_an_existing_file_is_kept_and_a_new_one_follows_the_umask(tmp_path: Path):
    path = tmp_path / "a.txt"
    old = os.umask(0o027)
    try:
        write_file(path, "one")
        assert path.stat().st_mode & 0o777 == 0o640
        path.chmod(0o604)
        write_file(path, "two")
        assert path.stat().st_mode & 0o777 == 0o604
        assert os.umask(0o027) == 0o027
    finally:
        os.umask(old)


def test_nothing_is_left_behind_where_it_fails(tmp_path: Path):
    with pytest.raises(DataError, match="expected to write there"):
        write_file(tmp_path / "no" / "a.txt", "abc")
    (tmp_path / "folder").mkdir()
    with pytest.raises(DataError, match="folder"):
        write_file(tmp_path / "folder", "abc")  # a folder cannot be replaced by a file
    assert os.listdir(tmp_path) == ["folder"]


def test_a_fault_without_a_number_is_told_in_its_own_words(tmp_path: Path):
    with pytest.raises(DataError, match=r"write there; the disk is wet\."), open_replacement(tmp_path / "a"):
        raise OSError("the disk is wet")


def test_the_old_file_stands_where_the_content_cannot_be_written(tmp_path: Path):
    path = tmp_path / "a.txt"
    write_file(path, "old")
    with pytest.raises(UnicodeEncodeError):
        write_file(path, "half a pair: \ud800")
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["a.txt"]


def test_a_name_as_long_as_the_system_allows(tmp_path: Path):
    path = tmp_path / ("n" * 255)
    write_file(path, "x")
    assert path.read_text() == "x"


def test_a_reader_sees_the_old_file_or_the_whole_new_one(tmp_path: Path):
    path = tmp_path / "a.bin"
    contents = [bytes([n]) * 200_000 for n in (1, 2)]
    write_file(path, contents[0])
    stop, seen = threading.Event(), set()

    def read() -> None:
        while not stop.is_set():
            seen.add(path.read_bytes())

    reader = threading.Thread(target=read)
    reader.start()
    for n in range(40):
        write_file(path, contents[n % 2])
    stop.set()
    reader.join()
    assert seen <= set(contents)


def test_a_lock_keeps_other_processes_out_until_the_file_is_closed(tmp_path: Path):
    with open(tmp_path / "lock", "ab") as first, open(tmp_path / "lock", "ab") as second:
        lock(first.fileno(), wait=True)
        with pytest.raises(BlockingIOError):
            lock(second.fileno(), wait=False)
        first.close()
        lock(second.fileno(), wait=False)


def test_a_link_stays_a_link(tmp_path: Path):
    (tmp_path / "there").mkdir()
    real, link = tmp_path / "there" / "a.txt", tmp_path / "link.txt"
    link.symlink_to(real)
    for content in ("one", "two"):  # a link may lead to what is yet to come
        write_file(link, content)
        assert (link.is_symlink(), real.read_text()) == (True, content)
    assert sorted(os.listdir(tmp_path)) == ["link.txt", "there"]
    assert os.listdir(tmp_path / "there") == ["a.txt"]
