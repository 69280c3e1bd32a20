"""CSV and TSV, as spreadsheets read and write them.

A spreadsheet takes a text that begins with = + - or @ for a formula: our exports put an apostrophe before it, and
take it off again. Knows bytes and cells; the columns are `table`'s.
"""

import csv
import io
import re
from pathlib import Path

from newslean.schema import Schema
from train.exchange.raw import PAYLOAD, Raw
from train.exchange.sources import read_text
from train.exchange.spelling import Naming
from train.exchange.table import Table, raws_of, table_of
from train.exchange.task import Task
from train.rows import MAX_LINE, Faults

DELIMITERS = (",", ";", "\t")
_QUOTED = re.compile('"[^"]*"')
DANGEROUS = ("=", "+", "-", "@", "\t", "\r")


def read(path: Path, naming: Naming, faults: Faults) -> list[Raw]:
    """Read a table with a header; the separator is the one that parts it best."""
    text = read_text(path, faults)
    if text is None:
        return []
    # Sheets may begin with blank rows, which hold nothing but separators.
    bare = _QUOTED.sub('""', text[:MAX_LINE])
    first = next((line for line in bare.splitlines() if line.strip(f" {''.join(DELIMITERS)}")), "")
    delimiter = max(DELIMITERS, key=first.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    limit = csv.field_size_limit(MAX_LINE)  # the whole process's: put back below
    try:
        header = [title.strip() for title in next((cells for cells in reader if _said(cells)), [])]
        rows = []
        head = line = reader.line_num
        for cells in reader:
            if _said(cells):
                rows.append((f"{path}:{line + 1}", cells))
            line = reader.line_num
    except csv.Error as error:
        faults.add(f"{path}:{reader.line_num}", f"expected rows of a table; found a broken one ({error})")
        return []
    finally:
        csv.field_size_limit(limit)
    if PAYLOAD in header:
        rows = [(place, [_bare(cell) for cell in cells]) for place, cells in rows]
    for place, cells in rows:
        if len(cells) > len(header):
            faults.add(
                place, f"expected {len(header)} columns; found {len(cells)}: put texts with {delimiter!r} in quotes"
            )
    if not rows:
        faults.add(str(path), "expected rows under the header; found none")
    return raws_of(Table(header, rows), f"{path}:{head}", naming, faults)


def write(tasks: list[Task], schema: Schema, *, delimiter: str = ",") -> bytes:
    """Write a table; UTF-8 with a mark at its head, without which Excel takes it for another encoding."""
    table, out = table_of(tasks, schema), io.StringIO(newline="")
    writer = csv.writer(out, delimiter=delimiter, lineterminator="\r\n")
    writer.writerow(table.header)
    writer.writerows([_guarded(cell) for cell in cells] for _, cells in table.rows)
    return out.getvalue().encode("utf-8-sig")


def write_tabs(tasks: list[Task], schema: Schema) -> bytes:
    """Write a table parted by tabs."""
    return write(tasks, schema, delimiter="\t")


def _said(cells: list[str]) -> bool:
    return any(cell.strip() for cell in cells)


def _guarded(cell: str) -> str:
    return f"'{cell}" if cell.lstrip("'").startswith(DANGEROUS) else cell


def _bare(cell: str) -> str:
    return cell[1:] if cell.startswith("'") and cell.lstrip("'").startswith(DANGEROUS) else cell
