import errno
import json
import os
from pathlib import Path

import pytest

from newslean.errors import DataError
from newslean.files import sha256
from train.journal import (
    JOURNAL,
    STAGING,
    finish,
    is_half_done,
    lock_folder,
    read_journal,
    refuse_half_done,
    replace_all,
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "sentences").mkdir()
    (tmp_path / "schema.toml").write_text("old")
    (tmp_path / "sentences" / "a.jsonl").write_text("old a")
    return tmp_path


def hashes(folder: Path) -> dict[str, str]:
    return {name: sha256(folder / name) for name in ("schema.toml", "sentences/a.jsonl")}


def half_done(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stop behind the journal, as a kill would."""
    with monkeypatch.context() as patch:
        patch.setattr("train.journal.finish", lambda folder: None)
        replace_all(folder, {"schema.toml": [b"n", b"ew"], "sentences/a.jsonl": [b"new a"]}, before={}, note="--drop x")


def test_all_are_replaced_and_nothing_is_left(folder: Path) -> None:
    (folder / "schema.toml").chmod(0o640)
    replace_all(folder, {"schema.toml": [b"new"], "sentences/a.jsonl": [b"new a"]}, before=hashes(folder), note="x")
    assert (folder / "schema.toml").read_text() == "new"
    assert (folder / "sentences" / "a.jsonl").read_text() == "new a"
    assert (folder / "schema.toml").stat().st_mode & 0o777 == 0o640
    assert sorted(path.name for path in folder.iterdir()) == ["schema.toml", "sentences"]


def test_a_file_that_changed_meanwhile_stops_all(folder: Path) -> None:
    before = hashes(folder)
    (folder / "sentences" / "a.jsonl").write_text("edited")
    with pytest.raises(DataError, match=r"a.jsonl: expected it unchanged"):
        replace_all(folder, {"schema.toml": [b"new"]}, before=before, note="x")
    assert (folder / "schema.toml").read_text() == "old"
    assert not (folder / STAGING).exists()


def test_a_fault_while_writing_stops_all(folder: Path) -> None:
    def pieces():
        yield b"ne"
        raise DataError("row 7 is bad")

    with pytest.raises(DataError, match="row 7"):
        replace_all(folder, {"schema.toml": [b"new"], "sentences/a.jsonl": pieces()}, before={}, note="x")
    assert (folder / "schema.toml").read_text() == "old"
    assert not (folder / STAGING).exists()


def test_what_is_half_done_is_refused_and_finished(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    half_done(folder, monkeypatch)
    assert is_half_done(folder)
    for path in (folder, folder / "sentences" / "a.jsonl", folder / "a.jsonl"):
        with pytest.raises(DataError, match=r"cut short .--drop x.*python -m train labels migrate --labels"):
            refuse_half_done([path])
    (folder / "schema.toml").write_bytes((folder / STAGING / "0").read_bytes())  # the first one is in its place
    (folder / STAGING / "0").unlink()
    assert finish(folder).note == "--drop x"
    assert (folder / "schema.toml").read_text() == "new"
    assert (folder / "sentences" / "a.jsonl").read_text() == "new a"
    assert not (folder / STAGING).exists()
    refuse_half_done([folder])


def test_a_new_content_that_is_gone(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    half_done(folder, monkeypatch)
    (folder / STAGING / "1").unlink()
    with pytest.raises(DataError, match="expected its new content"):
        finish(folder)
    assert is_half_done(folder)


@pytest.mark.parametrize(
    "content",
    [
        b"", b"\xff", b"[]", b"{}", b'{"note": 1, "files": 2}', b'{"note": "x", "files": [["../x", "0", ""]]}',
        b'{"note": "x", "files": [], "before": 3}',
    ],
)  # fmt: skip
def test_a_damaged_journal(folder: Path, content: bytes) -> None:
    (folder / STAGING).mkdir()
    (folder / STAGING / JOURNAL).write_bytes(content)
    with pytest.raises(DataError, match="expected the journal of a migration"):
        read_journal(folder)
    with pytest.raises(DataError, match="expected the journal"):
        refuse_half_done([folder])


def test_staging_without_a_journal_is_of_no_account(folder: Path) -> None:
    (folder / STAGING).mkdir()
    (folder / STAGING / "0").write_text("half")
    refuse_half_done([folder])
    replace_all(folder, {"schema.toml": [b"new"]}, before=hashes(folder), note="x")
    assert (folder / "schema.toml").read_text() == "new"
    assert not (folder / STAGING).exists()


def test_the_journal_names_what_it_does(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    half_done(folder, monkeypatch)
    data = json.loads((folder / STAGING / JOURNAL).read_text())
    assert [row[0] for row in data["files"]] == ["schema.toml", "sentences/a.jsonl"]


def test_a_folder_that_cannot_be_locked_is_told_of(folder: Path) -> None:
    told = r"schema.toml: expected to write there; File exists"
    with pytest.raises(DataError, match=told), lock_folder(folder / "schema.toml"):
        pass


@pytest.fixture
def far(folder: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder as on another file system, to which the label file is a link."""
    place, replace = tmp_path_factory.mktemp("far"), os.replace

    def refuse(source: Path, target: Path) -> None:
        if (place in Path(source).parents) != (place in Path(target).parents):
            raise OSError(errno.EXDEV, "Invalid cross-device link")
        replace(source, target)

    (folder / "sentences" / "a.jsonl").rename(place / "real.jsonl")
    (folder / "sentences" / "a.jsonl").symlink_to(place / "real.jsonl")
    monkeypatch.setattr(os, "replace", refuse)
    return place / "real.jsonl"


def test_a_link_stays_a_link(folder: Path) -> None:
    link = folder / "sentences" / "a.jsonl"
    link.rename(folder / "real.jsonl")
    link.symlink_to(folder / "real.jsonl")
    replace_all(folder, {"sentences/a.jsonl": [b"new a"]}, before=hashes(folder), note="x")
    assert link.is_symlink()
    assert (folder / "real.jsonl").read_text() == "new a"


def test_a_file_on_another_file_system_is_replaced(folder: Path, far: Path) -> None:
    contents = {"schema.toml": [b"new"], "sentences/a.jsonl": [b"new a"]}
    replace_all(folder, contents, before=hashes(folder), note="x")
    assert (folder / "sentences" / "a.jsonl").is_symlink()
    assert (far.read_text(), (folder / "schema.toml").read_text()) == ("new a", "new")
    assert not (folder / STAGING).exists()
    assert [path.name for path in far.parent.iterdir()] == ["real.jsonl"]


def test_a_kill_before_the_staged_file_goes_is_made_good(
    folder: Path, far: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    half_done(folder, monkeypatch)

    def killed(path: Path) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", killed)
        with pytest.raises(KeyboardInterrupt):
            finish(folder)
    assert far.read_text() == "new a"
    assert is_half_done(folder)
    finish(folder)
    assert far.read_text() == "new a"
    assert not (folder / STAGING).exists()


def test_what_was_changed_meanwhile_is_not_replaced(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    half_done(folder, monkeypatch)
    changed = folder / "sentences" / "a.jsonl"
    changed.write_text("old a, and a row")
    for _ in range(2):
        with pytest.raises(DataError, match=r"a\.jsonl: expected it as it was .*; found it changed since\. Nothing"):
            finish(folder)
        assert (changed.read_text(), (folder / "schema.toml").read_text()) == ("old a, and a row", "old")
        assert is_half_done(folder)
    changed.rename(folder / "mine.jsonl")  # as the message says
    finish(folder)
    assert (changed.read_text(), (folder / "schema.toml").read_text()) == ("new a", "new")
    assert (folder / "mine.jsonl").read_text() == "old a, and a row"
    assert not (folder / STAGING).exists()


def test_what_was_changed_in_its_new_place_stands(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    half_done(folder, monkeypatch)
    changed = folder / "sentences" / "a.jsonl"
    (folder / STAGING / "1").replace(changed)  # a kill came behind this one
    changed.write_text("new a, and a row")
    finish(folder)
    assert (changed.read_text(), (folder / "schema.toml").read_text()) == ("new a, and a row", "new")


def test_a_journal_of_an_earlier_version_is_finished(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    half_done(folder, monkeypatch)
    path = folder / STAGING / JOURNAL
    path.write_text(json.dumps({key: value for key, value in json.loads(path.read_text()).items() if key != "before"}))
    finish(folder)
    assert (folder / "sentences" / "a.jsonl").read_text() == "new a"
