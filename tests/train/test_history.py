import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from newslean.errors import DataError
from train.history import append_history, now, read_history

ROOT = Path(__file__).resolve().parent.parent.parent
APPEND = """
import sys
from pathlib import Path
from train.history import append_history
print(flush=True)
for n in range(int(sys.argv[2]), 10**9):
    append_history(Path(sys.argv[1]), {"event": "training", "n": n, "text": "é" * 500})
"""
SHARE = """
import sys
from pathlib import Path
from train.history import append_history
print(flush=True)
sys.stdin.readline()
for n in range(10):
    append_history(Path(sys.argv[1]), {"who": sys.argv[2], "n": n})
"""
FULL = """
import resource, signal, sys
from pathlib import Path
from train.history import append_history
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (60, 60))
append_history(Path(sys.argv[1]), {"text": "x" * 100})
"""


def test_entries_come_back_in_order(tmp_path: Path):
    path = tmp_path / "history.jsonl"
    assert read_history(path) == []
    entries = [{"event": "training", "time": now(), "n": n, "text": "Zürich\n\u2028 \r"} for n in range(3)]
    for entry in entries:
        append_history(path, entry)
    assert read_history(path) == entries
    assert path.read_bytes().count(b"\n") == 3


@pytest.mark.skipif(sys.platform == "win32", reason="no locks")
def test_entries_of_several_processes_all_stay(tmp_path: Path):
    path, names = tmp_path / "history.jsonl", "abc"
    append_history(path, {"who": "", "text": "x" * 8_000_000})  # to read it takes long enough for the others to write
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", SHARE, str(path), name], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        for name in names
    ]
    for writer in writers:
        writer.stdout.readline()
    for writer in writers:  # now that all are ready
        writer.stdin.write(b"\n")
        writer.stdin.flush()
    for writer in writers:
        writer.communicate()
    assert [writer.returncode for writer in writers] == [0, 0, 0]
    entries = read_history(path)
    for name in names:
        assert [entry["n"] for entry in entries if entry["who"] == name] == [*range(10)]


@pytest.mark.parametrize("torn", [b'{"n": 2, "te', b"\0\0\0", "é".encode()[:1], b'{"n": 2} {'])
def test_a_torn_last_line_is_left_out_and_removed(tmp_path: Path, torn: bytes):
    path = tmp_path / "history.jsonl"
    append_history(path, {"n": 1})
    path.write_bytes(path.read_bytes() + torn)
    assert read_history(path) == [{"n": 1}]
    append_history(path, {"n": 3})
    assert read_history(path) == [{"n": 1}, {"n": 3}]
    assert torn not in path.read_bytes()


def test_a_last_line_that_lacks_only_its_end_is_kept(tmp_path: Path):
    path = tmp_path / "history.jsonl"
    path.write_bytes(b'{"n": 1}\n{"n": 2}')
    assert read_history(path) == [{"n": 1}, {"n": 2}]
    append_history(path, {"n": 3})
    assert path.read_bytes() == b'{"n": 1}\n{"n": 2}\n{"n": 3}\n'


@pytest.mark.parametrize("bad", [b"no json\n", b"[1]\n", b"\xff\n", b"\n", b"[" * 100_000 + b"\n"])
def test_a_bad_line_in_the_middle_is_reported(tmp_path: Path, bad: bytes):
    path = tmp_path / "history.jsonl"
    path.write_bytes(b'{"n": 1}\n' + bad + b'{"n": 2}\n' + bad + b'{"n": 3}\n')
    with pytest.raises(DataError, match=r"jsonl:2: expected a JSON object[^\0]*jsonl:4: "):
        read_history(path)


def test_faults_of_the_file(tmp_path: Path):
    with pytest.raises(DataError, match="expected the history"):
        read_history(tmp_path)
    with pytest.raises(DataError, match="expected to add a line"):
        append_history(tmp_path / "none" / "history.jsonl", {})


@pytest.mark.skipif(sys.platform == "win32", reason="no limit on the size of files")
def test_a_full_disk_leaves_what_was_there(tmp_path: Path):
    path = tmp_path / "history.jsonl"
    append_history(path, {"n": 1})
    found = subprocess.run(
        [sys.executable, "-c", FULL, str(path)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert "DataError" in found.stderr
    assert path.read_bytes() == b'{"n": 1}\n'


def test_kills_leave_whole_entries(tmp_path: Path):
    path, count = tmp_path / "history.jsonl", 0
    for delay in (0.004, 0.011, 0.023, 0.05):
        process = subprocess.Popen(
            [sys.executable, "-c", APPEND, str(path), str(count)], cwd=ROOT, stdout=subprocess.PIPE
        )
        process.stdout.readline()
        time.sleep(delay)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        entries = read_history(path)
        assert [entry["n"] for entry in entries] == [*range(len(entries))]
        count = len(entries)
    assert count
    assert all(json.loads(line)["text"] for line in path.read_bytes().splitlines()[:count])
