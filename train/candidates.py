"""Unlabelled sentences: from lists of sentences, rows of label files, or any dump of articles.

Knows the forms that sentences come in and the splitter. Knows no model and no choice.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from newslean.articles import Article
from newslean.dump import Columns, Record, Reject, open_dump
from newslean.dump.columns import is_result
from newslean.dump.records import WHOLE
from newslean.errors import DataError
from newslean.splitting import split_units, title_of
from train.rows import Faults, digest, read_lines, read_objects, shown

Form = Literal["auto", "sentences", "articles"]

MAX_SENTENCE = 300
"""Rows of a .jsonl file whose first text has a line break or is longer (characters) are taken for articles."""

MAX_TEXT = {"sentence": 5_000, "paragraph": 50_000, "text": 500_000}
"""Longest unit (characters) that a coder is asked to read; a longer sentence, say, is none."""

_LETTER = re.compile(r"[^\W\d_]")
_UNFIT = re.compile("[\0\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Candidate:
    """One sentence that might be labelled.

    Attributes
    ----------
    doc, n : str, int
        Article and position in it, as in a label file.
    before, heading : str
        The sentence before and the article's title ("" for the title itself); "" if unknown.
    title : bool
        Whether it is the article's title.
    """

    doc: str
    n: int
    text: str
    before: str = ""
    title: bool = False
    heading: str = ""


def read_candidates(
    paths: Sequence[str | Path],
    *,
    form: Form = "auto",
    unit: str = "sentence",
    text_column: str | None = None,
    on_note: Callable[[str], None] | None = None,
    on_reject: Callable[[Reject], None] | None = None,
) -> Iterator[Candidate]:
    """Read unlabelled sentences one after the other, in bounded memory.

    Parameters
    ----------
    paths : sequence of str or Path
        ``.txt`` files with a sentence a line and ``.jsonl`` files with a sentence a row (``text``, and as far as
        known ``doc``, ``n``, ``before``, ``title``); all else, folders too, is read as a dump of articles and split.
    form : {"auto", "sentences", "articles"}
        What the files hold; ``auto`` tells by their names, a ``.jsonl`` file by its first row.
    unit : str
        One of `newslean.schema.UNITS`: what articles are split into, and what stands for a sentence in all the above.
    text_column : str, optional
        Column or key of the text in a dump, guessed where not given; a ``.jsonl`` file is then one, unless ``form``
        says otherwise.
    on_note, on_reject : callable, optional
        Called with a line for each input that was guessed about, and with what a dump holds that cannot be read.

    Raises
    ------
    DataError
        If an input cannot be read; with all faults of the lists of sentences at once, after the last sentence.
    """
    faults, note = Faults(), on_note or (lambda _: None)
    for path in paths:
        if not _is_list(path, form, text_column):
            yield from _split(path, unit, Columns(text=text_column), note, on_reject)
            continue
        if form == "auto":
            note(f"{path}: read as a list of {unit}s, one a line (--as articles for articles)")
        read = _read_rows if Path(path).suffix.lower() == ".jsonl" else _read_text
        yield from (c for c in read(Path(path), faults) if _is_worth_reading(c.text, unit))
    faults.throw()


def read_dump(path: Path, *, text_column: str | None, on_note: Callable[[str], None]) -> Iterator[Article]:
    """Read the articles of a dump, each by its own name; how many could not be read is noted behind the last.

    Raises
    ------
    DataError
        If none can be read.
    """
    first, rejects, records = "", 0, 0
    for outcome in open_dump(path, columns=Columns(text=text_column), on_note=on_note):
        if isinstance(outcome, Record):
            records += 1
            yield replace(outcome.article, source=outcome.id or f"{outcome.article.source} {outcome.position}")
        else:
            where = outcome.source if outcome.position == WHOLE else f"{outcome.source}: {outcome.position}"
            first = first or f"{where}: {outcome.reason.removeprefix(f'{outcome.source}: ')}"
            rejects += 1
    if rejects and not records:
        raise DataError(first)
    if rejects:
        on_note(f"{path}: {rejects:,} of {rejects + records:,} articles could not be read (first: {first})")


def labelled_hashes(paths: Iterable[str | Path]) -> set[str]:
    """Give the SHA-256 of every text in label files or folders, whether the row holds the text or only that hash."""
    faults, found = Faults(), set[str]()
    for path in map(Path, paths):
        for file in sorted((path / "sentences").glob("*.jsonl")) if path.is_dir() else [path]:
            for _, row in read_objects(file, faults, {}):
                text, sha256 = row.get("text"), row.get("sha256")
                found.update([digest(text)] if isinstance(text, str) else [])
                found.update([sha256.lower()] if isinstance(sha256, str) else [])
    faults.throw()
    return found


def _is_list(path: str | Path, form: Form, text_column: str | None) -> bool:
    """Whether a file holds a sentence a line."""
    suffix = Path(path).suffix.lower()
    if form == "sentences" and text_column is not None:
        raise DataError(f"--text-column {text_column}: expected articles; found --as sentences. Leave one of them out.")
    if form == "sentences" and suffix not in (".txt", ".jsonl"):
        raise DataError(f"{path}: expected a .txt or .jsonl file of sentences; found another. Leave --as out.")
    if form != "auto" or suffix != ".jsonl":
        return form == "sentences" or (form == "auto" and suffix == ".txt" and not Path(path).is_dir())
    if text_column is not None:  # of lists it has a fixed name
        return False
    first: dict[str, Any] = next((row for _, row in read_objects(Path(path), Faults(), {}) if row), {})
    text, title = first.get("text") if first else "", first.get("title")
    # An article has a title: a row of a sentence says whether it is one.
    if isinstance(title, str) and title.strip() and not {"doc", "n"} & {*first}:
        return False
    return isinstance(text, str) and ("n" in first or (len(text) <= MAX_SENTENCE and "\n" not in text.strip()))


def _named(start: str, text: str) -> str:
    """Name an article: the same wherever it lies and whatever is read beside it, and no other's.

    What has one name is kept together by folds and intervals, as one article.

    Parameters
    ----------
    start : str
        From its file: a name that many may have.
    """
    return f"{start}-{digest(text)[:8]}"


def _read_text(path: Path, faults: Faults) -> Iterator[Candidate]:
    """Take each line for a sentence by itself: nothing says which of them belong together."""
    for where, line in read_lines(path, faults, {}):
        if line is not None:
            yield Candidate(_named(f"{path.stem}-{where.rpartition(':')[2]}", line.strip()), 0, line.strip())


def _read_rows(path: Path, faults: Faults) -> Iterator[Candidate]:
    last: Candidate | None = None
    for where, row in read_objects(path, faults, {}):
        if row and last is None and is_result(row):
            raise DataError(f"{path}: expected sentences or articles; found a result of predict.py. Name its input.")
        if row and not isinstance(row.get("text"), str):
            faults.add(where, f"text: expected a sentence; found {shown(row.get('text'))}")
            continue
        if row and not row.get("furniture") and row.get("kind") != "boilerplate":
            last = _from_row(row, where, path, last)
            yield last


def _from_row(row: dict[str, Any], where: str, path: Path, last: Candidate | None) -> Candidate:
    number = where.rpartition(":")[2]
    doc, n, before = row.get("doc"), row.get("n"), row.get("before")
    if not isinstance(doc, str) or not doc.strip():
        name = row.get("id")
        named = str(name).strip() if isinstance(name, str | int) and not isinstance(name, bool) else ""
        doc, n = (named, int(number)) if named else (_named(f"{path.stem}-{number}", row["text"]), 0)
    n = n if isinstance(n, int) else int(number)
    follows = last is not None and (last.doc, last.n) == (doc, n - 1)
    title = row.get("title") is True or row.get("kind") == "title"
    heading = row["title"] if isinstance(row.get("title"), str) else ""
    if last is not None and last.doc == doc:
        heading = last.text if last.title else last.heading
    if not isinstance(before, str):
        before = last.text if follows and last is not None else ""
    return Candidate(doc, n, row["text"], before, title, "" if title else heading)


def _split(
    path: str | Path,
    unit: str,
    columns: Columns,
    note: Callable[[str], None],
    on_reject: Callable[[Reject], None] | None,
) -> Iterator[Candidate]:
    for outcome in open_dump(path, columns=columns, on_note=note):
        if isinstance(outcome, Reject):
            if on_reject is not None:
                on_reject(outcome)
            continue
        yield from _units_of(outcome, unit)


def _units_of(record: Record, unit: str) -> Iterator[Candidate]:
    """Split one article as the tagger does; what belongs to the page is left out."""
    sentences = split_units(record.article.text, unit)
    heading = record.article.title or title_of(sentences) or ""
    source = Path(record.article.source)
    start = source.stem if record.position == WHOLE else source.name
    doc = record.id or _named(start, record.article.text)
    before = ""
    for n, sentence in enumerate(sentences):
        if sentence.furniture:
            continue
        if _is_worth_reading(sentence.text, unit):
            yield Candidate(doc, n, sentence.text, before, sentence.title, "" if sentence.title else heading)
        before = sentence.text


def _is_worth_reading(text: str, unit: str) -> bool:
    letters = len(_LETTER.findall(text[: MAX_TEXT["sentence"]]))
    return letters >= 3 and len(text) <= MAX_TEXT[unit] and not _UNFIT.search(text)
