"""The real program over pipes: keys in, a label file out."""

import codecs
import hashlib
import io
import json
import os
import select
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from newslean.errors import DataError
from newslean.schema import read_schema, schema_from_dict
from train.adjudicate import Adjudication
from train.check import check_labels
from train.dialogue import Dialogue, Keys
from train.journal import finish, replace_all

ROOT = Path(__file__).resolve().parent.parent.parent
# Runs a command in a terminal of its own; interrupts are ignored where the tests run in the background.
TERMINAL = """
import os, pty, signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))
"""
SCHEMA = """
[[dimensions]]
name = "topic"
kind = "multi"
labels = ["chips", "code"]

[[dimensions]]
name = "stance"
kind = "single"
labels = ["east", "west", "closing", "none"]
neutral = "none"
"""


def said(stance: str, *topic: str) -> dict[str, Any]:
    return {"topic": [*topic], "stance": stance}


def row(n: int, text: str, a: dict[str, Any], b: dict[str, Any], **more: Any) -> dict[str, Any]:
    labels = {name: a[name] for name in a if a[name] == b[name]}
    return {"doc": "d", "n": n, "text": text, "source": "seed", "labels": labels, "coders": {"a": a, "b": b}} | more


ROWS = [
    row(0, "The race is on.", said("none"), said("none"), title=True),
    row(1, "The gap \x1b[2Jnarrows: élan.", said("closing", "chips"), said("west", "chips")),
    row(2, "Both trail.", said("none", "chips"), said("east", "chips", "code")),
    row(3, "Read on.", said("none"), said("closing")),
]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "sentences").mkdir()
    (tmp_path / "schema.toml").write_text(SCHEMA)
    path = tmp_path / "sentences" / "a.jsonl"
    path.write_text("".join(json.dumps(r, ensure_ascii=r["n"] != 1) + "\n" for r in ROWS), encoding="utf-8")
    return path


def start(file: Path, *options: object) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-u", "-m", "train", "labels", "adjudicate", str(file), *map(str, options)]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, cwd=ROOT, stdin=pipe, stdout=pipe, stderr=subprocess.STDOUT)


def adjudicate(file: Path, keys: str | bytes, *options: object) -> tuple[int, str]:
    process = start(file, *options)
    out, _ = process.communicate(keys if isinstance(keys, bytes) else keys.encode(), timeout=120)
    return process.returncode, out.decode()


def rows(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text("utf-8").splitlines()]


def quick(file: Path, keys: str, **options: Any) -> list[str]:
    """Do the same inside this process, for what needs no process of its own."""
    lines: list[str] = []
    work = Adjudication(file, read_schema(file.parent.parent / "schema.toml"), texts=options.pop("texts", ()))
    settings = {"hidden": True, "reasons": False} | options
    Dialogue(work, Keys(io.StringIO(keys)), say=lines.append, **settings).run()
    return lines


def test_all_at_once(file: Path) -> None:
    before = file.read_bytes().splitlines()
    code, out = adjudicate(file, "3It says so: élan.\n2\n1\nBoth.\n4x\n")
    assert code == 0
    found = rows(file)
    assert found[1]["labels"] == said("closing", "chips")
    assert found[1]["coders"]["adjudicated"] == {"stance": "closing"}
    assert found[1]["reason"] == "It says so: élan."
    assert found[2]["labels"] == {"topic": ["chips", "code"], "stance": "east"}
    assert found[2]["coders"]["adjudicated"] == {"topic": ["chips", "code"], "stance": "east"}
    assert found[3]["reason"] == "x"
    assert file.read_bytes().splitlines()[0] == before[0]
    assert "\\u" not in file.read_text("utf-8").splitlines()[1].replace("\\u001b", "")
    assert check_labels([file], read_schema(file.parent.parent / "schema.toml"))["sources"]["seed"]["open"] == 0
    assert "3 settled and written, 0 open" in out
    assert "\x1b" not in out
    assert "The gap \\x1b[2Jnarrows" in out
    assert "before  The race is on." in out
    assert "  3 closing  a" in out
    assert "  2 [ ] code   b" in out
    assert "  2 [x] code   b" in out


def test_quitting_keeps_all_and_goes_on_there(file: Path) -> None:
    out = quick(file, "3Because.\nq")
    assert "\n1 settled and written, 2 open." in out
    kept = file.read_bytes()
    for end in ("q", "", "\n", "4", "2\n", "1", "1\n1Half a reason"[:4]):
        out = quick(file, end)
        assert "[1 of 2]" in out[0]
        assert file.read_bytes() == kept, end
    assert "d 2" in out[0]


def test_undo_and_skip(file: Path) -> None:
    before = file.read_bytes()
    out = quick(file, "u" + "3Because.\n" + "u" + "q")
    assert "Nothing to undo." in out
    assert "Taken back." in out
    assert file.read_bytes() == before
    quick(file, "ss" + "u" + "\nu\n2No code.\n" + "4Plain.\n")  # back to the second, and back in its first dimension
    assert [("adjudicated" in r["coders"]) for r in rows(file)] == [False, False, True, True]
    assert rows(file)[2]["labels"] == {"topic": ["chips"], "stance": "west"}
    out = quick(file, "1East.\n" + "u" + "2West.\n")  # the last one can be taken back too
    assert rows(file)[1]["labels"]["stance"] == "west"
    assert out.count("\nAll seen: u undo, any other key ends.") == 2


def test_a_reason_is_asked_for_where_the_check_wants_one(file: Path) -> None:
    out = quick(file, "3\n \nNow.\nq")
    assert out.count("A reason is needed here.") == 2
    assert rows(file)[1]["reason"] == "Now."
    own = [r | {"source": "user"} for r in ROWS]
    file.write_text("".join(json.dumps(r) + "\n" for r in own))
    quick(file, "3\nq")
    assert "reason" not in rows(file)[1]
    assert "A reason is needed here." in quick(file, "\n1\nq", reasons=True)


def test_a_byte_order_mark_stays(file: Path) -> None:
    file.write_bytes(codecs.BOM_UTF8 + json.dumps(ROWS[1] | {"n": 0}).encode() + b"\r\n")
    quick(file, "3Why.\n")
    content = file.read_bytes()
    assert content.startswith(codecs.BOM_UTF8 + b"{")
    assert content.endswith(b"\r\n")
    assert json.loads(content)["labels"] == said("closing", "chips")


def test_keys_that_mean_nothing(file: Path) -> None:
    out = quick(file, "059x\x1b\n \u202e3ok\x07\nq")
    assert sum("is none of the keys" in line for line in out) == 6
    assert rows(file)[1]["labels"]["stance"] == "closing"
    assert rows(file)[1]["reason"] == "ok\\x07"
    assert all(line.replace("\n", "").isprintable() for line in out)


def test_more_labels_than_keys_are_chosen_by_number(tmp_path: Path) -> None:
    names = [f"class{k}" for k in range(1, 61)]
    toml = f'[[dimensions]]\nname = "c"\nkind = "single"\nlabels = {json.dumps(names)}\nneutral = "class1"\n'
    toml += f'[[dimensions]]\nname = "m"\nkind = "multi"\nlabels = {json.dumps(names)}\n'
    (tmp_path / "sentences").mkdir()
    (tmp_path / "schema.toml").write_text(toml)
    a, b = {"c": "class12", "m": ["class11", "class3"]}, {"c": "class44", "m": ["class60", "class3"]}
    file = tmp_path / "sentences" / "a.jsonl"
    file.write_text(json.dumps({"doc": "d", "n": 0, "text": "x", "labels": {}, "coders": {"a": a, "b": b}}) + "\n")
    quick(file, "61\n12 13\n44\n99 1\n60 11 3\n\n\n")
    assert rows(file)[0]["labels"] == {"c": "class44", "m": ["class11", "class60"]}


def test_a_kill_loses_only_what_is_being_typed(file: Path) -> None:
    process = start(file)
    assert process.stdin
    assert process.stdout
    process.stdin.write(b"3Because.\n\n2")  # one decision, and half of the next
    process.stdin.flush()
    seen = b""
    while b"reason" not in seen.partition(b"[2 of 3]")[2]:
        seen += (found := os.read(process.stdout.fileno(), 4096))
        assert found, seen
    process.kill()
    process.communicate()
    assert rows(file)[1]["labels"]["stance"] == "closing"
    assert rows(file)[2] == ROWS[2]
    assert "[1 of 2]" in quick(file, "q")[0]


def test_keys_of_a_terminal(file: Path) -> None:
    """One key a decision, typed ahead or not; Ctrl-C ends it with everything kept."""
    pytest.importorskip("pty")
    command, pipe = [sys.executable, "-m", "train", "labels", "adjudicate", str(file)], subprocess.PIPE
    process = subprocess.Popen([sys.executable, "-c", TERMINAL, *command], cwd=ROOT, stdin=pipe, stdout=pipe, bufsize=0)
    seen = b""

    def wait(end: bytes) -> None:
        nonlocal seen
        while end not in seen:
            assert select.select([process.stdout], [], [], 30)[0], (end, seen)
            seen += (found := process.stdout.read(4096))
            assert found, (end, seen)
        seen = seen.partition(end)[2]

    wait(b"q quit")
    process.stdin.write(b"3")
    wait(b"reason: ")
    process.stdin.write("Élan.\r".encode())
    wait(b"[2 of 3]")
    wait(b"q quit")
    process.stdin.write(b"\x1b[A2")  # an arrow means nothing
    wait(b"'\\x1b[A' is none of the keys")
    wait(b"[x] code")  # but what is typed behind it counts
    wait(b"q quit")
    process.stdin.write(b"2")
    wait(b"[ ] code")
    wait(b"q quit")
    process.stdin.write(b"\r")
    wait(b"stance:")
    wait(b"q quit")
    process.stdin.write(b"\x03")
    wait(b"1 settled and written, 2 open.")
    process.communicate(timeout=30)
    assert rows(file)[1]["reason"] == "Élan."
    assert rows(file)[2] == ROWS[2]


def test_an_interrupt_while_something_is_shown_keeps_what_was_settled(file: Path) -> None:
    work = Adjudication(file, read_schema(file.parent.parent / "schema.toml"))
    lines: list[str] = []

    def say(line: str) -> None:
        lines.append(line)
        if line.startswith("\n[2 of 3]"):
            raise KeyboardInterrupt

    Dialogue(work, Keys(io.StringIO("3Why.\n")), hidden=True, reasons=False, say=say).run()
    assert lines[-1] == "\n1 settled and written, 2 open."
    assert rows(file)[1]["reason"] == "Why."


def test_a_file_that_another_program_changed_is_left_alone(file: Path) -> None:
    work = Adjudication(file, read_schema(file.parent.parent / "schema.toml"))
    file.write_bytes(file.read_bytes() + b"\n")
    changed = file.read_bytes()
    with pytest.raises(DataError, match="another program changed it"):
        work.settle(work.cases[0], {"stance": "closing"}, "x")
    assert file.read_bytes() == changed


def test_texts_that_the_file_keeps_back(file: Path, tmp_path: Path) -> None:
    text = "A sentence that may not be passed on."
    hashed = row(7, "", said("none"), said("closing"), source="user")
    del hashed["text"]
    hashed["sha256"] = hashlib.sha256(text.encode()).hexdigest()
    file.write_text(json.dumps(hashed) + "\n")
    (tmp_path / "t.txt").write_text(text + "\n")
    code, out = adjudicate(file, "q", "--texts", tmp_path / "t.txt")
    assert (code, text in out, "kept back by its file" in out) == (0, False, True)
    assert text in " ".join(quick(file, "3\n", texts=[tmp_path / "t.txt"], hidden=False))
    assert "text" not in rows(file)[0]
    assert quick(file, "") == ["\n0 settled and written, 0 open."]  # without --texts there is nothing to show


def test_what_cannot_be_settled(file: Path, tmp_path: Path) -> None:
    for content in (b"", b"\x00\xff", b'{"doc": "d"', json.dumps(ROWS[1] | {"labels": {"stance": "wset"}}).encode()):
        file.write_bytes(content)
        code, out = adjudicate(file, b"\xff\xfe3") if content == b"" else (2, "")
        assert "Traceback" not in out
        if content:
            with pytest.raises(DataError, match=r"a.jsonl:1"):
                quick(file, "1")
            assert file.read_bytes() == content
        else:
            assert (code, "0 open" in out) == (0, True)
    for path in (tmp_path / "none.jsonl", tmp_path):
        with pytest.raises(DataError, match="expected"):
            Adjudication(
                path, schema_from_dict({"dimensions": [{"name": "m", "kind": "multi", "labels": ["a"]}]}, where="")
            )


def test_nothing_is_settled_in_a_folder_whose_migration_was_cut_short(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, before = file.parent.parent, file.read_bytes()
    work = Adjudication(file, read_schema(folder / "schema.toml"))
    with monkeypatch.context() as patch:
        patch.setattr("train.journal.finish", lambda folder: None)
        replace_all(folder, {"sentences/a.jsonl": [before + b"\n"]}, before={}, note="--drop x")
    with pytest.raises(DataError, match=r"cut short \(--drop x\)\. Finish it with"):
        work.settle(work.cases[0], {"stance": "closing"}, "x")
    assert file.read_bytes() == before
    finish(folder)
    assert file.read_bytes() == before + b"\n"
