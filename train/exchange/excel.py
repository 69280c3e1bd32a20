"""Excel workbooks (.xlsx), by openpyxl: the first sheet holds the table, others are left out and named.

Every cell is text, so that "=1+1" is no formula. Characters that XML cannot hold are written as Excel does
(``_x000B_``). Knows workbooks and cells; the columns are `table`'s.
"""

import io
import re
from pathlib import Path
from typing import Any

from newslean.errors import DataError
from newslean.schema import Schema
from train.exchange.raw import Raw
from train.exchange.sources import utf16_units
from train.exchange.spelling import Naming
from train.exchange.table import Table, raws_of, table_of
from train.exchange.task import Task
from train.rows import Faults, shown

MAX_CELL = 32_767
"""UTF-16 units that Excel keeps of a cell."""

_ODD = re.compile("[\x00-\x08\x0b-\x1f\ufffe\uffff]|_(?=x[0-9A-Fa-f]{4}_)")
_ESCAPED = re.compile("_x([0-9A-Fa-f]{4})_")


def read(path: Path, naming: Naming, faults: Faults) -> list[Raw]:
    """Read the first sheet of a workbook."""
    openpyxl = _openpyxl()
    try:
        book = openpyxl.load_workbook(path, read_only=True, data_only=True)
        cells = [[_text(value) for value in row] for row in book.worksheets[0].iter_rows(values_only=True)]
        first, *others = [sheet.title for sheet in book.worksheets]
        book.close()
    except OSError as error:
        faults.add(str(path), f"expected a file to read; found none: {error.strerror or error}")
        return []
    except Exception as error:  # noqa: BLE001 - zipfile, zlib, XML: whatever trips the library is a fault of the file
        faults.add(str(path), f"expected an Excel workbook (.xlsx); found another or a broken file ({shown(error)})")
        return []
    rows = [(f"{path}:{n}", row) for n, row in enumerate(cells, 1) if any(cell.strip() for cell in row)]
    if len(rows) < 2:
        faults.add(str(path), "expected a header and rows on the first sheet; found none")
        return []
    (head, titles), *rest = rows
    head = f"{head}, sheet {first!r}" if others else head
    table = Table([title.strip() for title in titles], rest)
    return raws_of(table, head, naming, faults, left=[f"sheet {name}" for name in others])


def write(tasks: list[Task], schema: Schema) -> bytes:
    """Write a workbook, with a list to choose from for each dimension with one label."""
    openpyxl, table = _openpyxl(), table_of(tasks, schema)
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.title = "tasks"
    sheet.freeze_panes = "B2"
    sheet.column_dimensions["A"].width = 80
    for n, cells in enumerate([table.header, *(cells for _, cells in table.rows)], 1):
        for k, cell in enumerate(cells, 1):
            if cell:
                _put(sheet.cell(n, k), cell, tasks[n - 2].doc if n > 1 else "header")
    for k, title in enumerate(table.header, 1):
        name = title.partition(" [")[0]
        if name in schema.names and not schema[name].multi:
            _choices(openpyxl, sheet, k, schema[name].labels, len(tasks) + 1)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def _put(cell: Any, text: str, doc: str) -> None:
    written = _ODD.sub(lambda match: f"_x{ord(match[0]):04X}_", text)
    if utf16_units(written) > MAX_CELL:
        raise DataError(
            f"doc {doc!r}: expected texts under {MAX_CELL:,} characters for Excel; found {len(text):,}. Use CSV."
        )
    cell.value = written
    cell.data_type = "s"  # openpyxl takes what begins with = for a formula
    cell.number_format = "@"
    cell.quotePrefix = True


def _choices(openpyxl: Any, sheet: Any, column: int, labels: tuple[str, ...], last: int) -> None:
    listed = ",".join(labels)
    if len(listed) <= 255 and not any(set(label) & set(',"') for label in labels):
        rule = openpyxl.worksheet.datavalidation.DataValidation(type="list", formula1=f'"{listed}"', allow_blank=True)
        letter = openpyxl.utils.get_column_letter(column)
        rule.add(f"{letter}2:{letter}{last}")
        sheet.add_data_validation(rule)


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return _ESCAPED.sub(lambda match: chr(int(match[1], 16)), str(value))


def _openpyxl() -> Any:
    try:
        import openpyxl
        import openpyxl.worksheet.datavalidation
    except ImportError:
        raise DataError(
            "Excel: expected the package openpyxl; found none. Run: pip install 'newslean[labels]'"
        ) from None
    return openpyxl
