import os
import stat
from pathlib import Path

import pytest

from newslean.errors import DataError
from newslean.target import check_target, open_new


def test_a_file_is_written_whole(tmp_path: Path):
    with open_new(tmp_path / "out.txt") as stream:
        stream.write("芯片\n")
        stream.write("end\n")
    assert (tmp_path / "out.txt").read_bytes() == "芯片\nend\n".encode()
    assert os.listdir(tmp_path) == ["out.txt"]


@pytest.mark.parametrize("error", [KeyboardInterrupt, DataError, MemoryError])
def test_after_an_error_the_old_file_stands_and_nothing_else(tmp_path: Path, error: type[BaseException]):
    out = tmp_path / "out.txt"
    out.write_text("old")

    def write_half():
        with open_new(out) as stream:
            stream.write("half")
            stream.flush()
            raise error

    with pytest.raises(error):
        write_half()
    assert out.read_text() == "old"
    assert os.listdir(tmp_path) == ["out.txt"]


def test_the_old_file_stands_until_the_end(tmp_path: Path):
    out = tmp_path / "out.txt"
    out.write_text("old")
    with open_new(out) as stream:
        stream.write("new")
        stream.flush()
        assert out.read_text() == "old"
    assert out.read_text() == "new"


def test_mode_and_link_are_kept(tmp_path: Path):
    real, link = tmp_path / "real.txt", tmp_path / "link.txt"
    real.write_text("old")
    real.chmod(0o640)
    link.symlink_to(real)
    with open_new(link) as stream:
        stream.write("new")
    assert link.is_symlink()
    assert real.read_text() == "new"
    assert stat.S_IMODE(real.stat().st_mode) == 0o640


def test_a_new_file_has_the_usual_mode(tmp_path: Path):
    (tmp_path / "usual").touch()
    with open_new(tmp_path / "out"):
        pass
    assert (tmp_path / "out").stat().st_mode == (tmp_path / "usual").stat().st_mode


def test_bad_places_are_refused(tmp_path: Path):
    for place, reason in [
        (tmp_path, "found a folder"),
        (tmp_path / "no" / "out.txt", "expected a folder"),
        (Path(os.devnull), "a device"),
    ]:
        with pytest.raises(DataError, match=reason):
            check_target(place)


def test_an_input_is_refused_by_any_name(tmp_path: Path):
    article, link = tmp_path / "a.txt", tmp_path / "b.txt"
    article.write_text("text")
    link.symlink_to(article)
    with pytest.raises(DataError, match="one of the articles"):
        check_target(link, inputs=["-", str(article)])
    check_target(tmp_path / "new.txt", inputs=[str(article)])
