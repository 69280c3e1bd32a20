"""What a folder was claimed for, and what differs."""

from pathlib import Path
from typing import Any

import pytest

from newslean.errors import DataError
from newslean.scoring.claim import INPUTS, MANIFEST, SHOWN, check_claim, hash_lines, hash_rows, read_claim, write_claim

CLAIM: dict[str, Any] = {"format": 1, "gate": True, "columns": {"text": None}, "min_confidence": 0.1}
ROWS = [{"source": "a\udcff", "size": 3, "modified": 7}, {"source": "-", "size": None}]


def test_written_and_read(tmp_path: Path):
    assert read_claim(tmp_path) is None
    write_claim(tmp_path, CLAIM, iter(ROWS))
    assert read_claim(tmp_path) == CLAIM
    check_claim(tmp_path, CLAIM, CLAIM, iter(ROWS))
    assert hash_lines(tmp_path / INPUTS) == hash_rows(iter(ROWS))
    assert hash_rows(ROWS[:1]) != hash_rows(ROWS)


def test_a_claim_that_was_not_finished(tmp_path: Path):
    write_claim(tmp_path, CLAIM, ROWS)
    (tmp_path / MANIFEST).unlink()
    assert read_claim(tmp_path) is None


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff", b"[" * 100_000])
def test_a_damaged_claim(tmp_path: Path, content: bytes):
    write_claim(tmp_path, CLAIM, ROWS)
    (tmp_path / MANIFEST).write_bytes(content)
    with pytest.raises(DataError, match="Remove"):
        read_claim(tmp_path)


def test_a_claim_without_its_inputs(tmp_path: Path):
    write_claim(tmp_path, CLAIM, ROWS)
    (tmp_path / INPUTS).unlink()
    with pytest.raises(DataError, match="found something else"):
        read_claim(tmp_path)


def test_all_differences_are_told(tmp_path: Path):
    write_claim(tmp_path, CLAIM, ROWS)
    with pytest.raises(DataError) as error:
        check_claim(tmp_path, CLAIM, {**CLAIM, "gate": False, "new": 1}, [ROWS[1], ROWS[1]])
    lines = str(error.value).splitlines()
    assert lines[1:-1] == [
        "  gate: then True, now False",
        "  new: then None, now 1",
        "  input: then a\udcff (size 3, modified 7), now - (size None)",
    ]
    assert lines[-1] == "Give those again, or --overwrite to begin anew."


def test_no_more_inputs_are_looked_at_than_are_told(tmp_path: Path):
    write_claim(tmp_path, CLAIM, ROWS)
    rows = ({"source": str(n)} for n in range(1_000))
    with pytest.raises(DataError) as error:
        check_claim(tmp_path, CLAIM, CLAIM, rows)
    assert str(error.value).count("\n  input: ") == SHOWN
    assert next(rows) == {"source": str(SHOWN)}
    (tmp_path / INPUTS).write_bytes(b"damaged\n")
    with pytest.raises(DataError, match="then no JSON, now -"):
        check_claim(tmp_path, CLAIM, CLAIM, ROWS[1:])
