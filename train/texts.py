"""Files of texts: what stands behind the hashes of label rows.

Knows the files; knows no labels.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from train.rows import Faults, read_lines, read_objects, shown


def read_texts(
    paths: Sequence[str | Path], faults: Faults, hashes: dict[str, str] | None = None
) -> Iterator[dict[str, Any]]:
    """Yield the rows of ``.jsonl`` files, each with a "text", and the lines of ``.txt`` files as such rows.

    What a row says to stand "before" its text is a text too, and follows as a row of its own.

    Parameters
    ----------
    faults : Faults
        Takes in what is wrong with the files.
    hashes : dict, optional
        Takes in the SHA-256 of each file, by its name.
    """
    for path in map(Path, paths):
        if path.suffix not in (".jsonl", ".txt"):
            faults.add(str(path), "expected a .jsonl or .txt file of texts; found another kind")
        elif path.suffix == ".txt":
            yield from ({"text": (line or "").rstrip("\r\n")} for _, line in read_lines(path, faults, hashes))
        else:
            for where, row in read_objects(path, faults, hashes):
                if row and not isinstance(row.get("text"), str):
                    faults.add(where, f"text: expected a sentence; found {shown(row.get('text'))}")
                elif row:
                    yield row
                    if row.get("before") and isinstance(row["before"], str):
                        yield {"text": row["before"]}
