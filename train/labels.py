"""Label files to examples, with every fault of every file reported at once.

Knows the files and the order of their rows. Knows no model, and does not judge
the labels: that is `train.check`.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from newslean.schema import Labels, Schema
from train.journal import refuse_half_done
from train.rows import Faults, digest, label_files, read_objects, row_faults
from train.texts import read_texts

AUTHORED_SOURCE = "authored"  # of invented sentences

PICKED = "picked"  # a sample
_LAST_WORD = re.compile(r"[^\W_]*[^\W\d_](?=[\W\d_]*$)")

WHOLE_SOURCES = ("seed", AUTHORED_SOURCE)
"""Sources whose articles are labelled without gaps, so that a missing row is a fault."""


@dataclass(frozen=True, slots=True)
class Example:
    """One labelled sentence inside its article.

    Attributes
    ----------
    doc, n : str, int
        Article and position in it.
    text : str
        The sentence as published.
    title : bool
        Whether it is the article's title.
    group : str
        What a split must keep together; the article unless the row says otherwise.
    source : str
        Where the row came from: ``seed``, ``authored``, ``user`` (the default) or another word.
    labels : dict
        Labels by dimension, lists in the schema's order; a dimension may be missing.
    article_title, before : str
        The article's title ("" for the title itself) and the sentence before; "" if unknown.
    coders : dict
        Labels by coder; ``adjudicated`` settles what the others disputed.
    split : str
        A split that the file prescribes, or "".
    sample : str
        How the row was chosen: ``picked`` by a model for what it teaches (see `picked`), another word or "".
    furniture : bool
        Whether the sentence belongs to the page, not to the article.
    reason : str
        Why an adjudication was made.
    """

    doc: str
    n: int
    text: str
    title: bool
    group: str
    source: str
    labels: Labels
    article_title: str = ""
    before: str = ""
    coders: dict[str, Labels] = field(default_factory=dict)
    split: str = ""
    sample: str = ""
    furniture: bool = False
    reason: str = ""

    @property
    def aside(self) -> bool:
        """Whether its file sets it aside, to be measured on and not learnt."""
        return self.split not in ("", "train")

    @property
    def picked(self) -> bool:
        """Whether a model chose it, so that neither labels nor errors are as frequent as in whole articles."""
        return self.sample == PICKED

    @property
    def collection(self) -> str:
        """The last word of its article's name, of an outlet ("times-12", "new-times-7"); "" if there is none."""
        found = _LAST_WORD.search(self.doc)
        return found[0] if found else ""


@dataclass(frozen=True, slots=True)
class LabelFiles:
    """What label files hold: ``places[i]`` is the "file:line" of ``examples[i]``.

    ``skipped`` counts the rows whose text is not at hand; ``hashes`` maps the name of each file read (labels and texts)
    to the SHA-256 of its bytes; ``hashed`` holds the numbers of the examples whose file keeps the text back.
    """

    examples: list[Example]
    skipped: int
    hashes: dict[str, str]
    places: list[str]
    hashed: frozenset[int] = frozenset()

    def place(self, n: int) -> dict[str, Any]:
        """Say where an example stands, as reports give it."""
        return {"place": self.places[n], "doc": self.examples[n].doc, "n": self.examples[n].n}

    def text(self, n: int, *, hidden: bool) -> str | None:
        """Give an example's text; None if ``hidden`` and its file keeps it back."""
        return None if hidden and n in self.hashed else self.examples[n].text


@dataclass(slots=True)
class _Row:
    data: dict[str, Any]
    where: str
    text: str | None
    """None until the text of a row with ``sha256`` is found."""
    before: str | None = None
    """The sentence before, as the row or the row of its text gives it."""
    previous: "_Row | None" = None
    """The row of the same article with n - 1, if it stands before this one."""

    @property
    def title(self) -> bool:
        return bool(self.data.get("title")) or self.data.get("kind") == "title"


def read_examples(paths: Sequence[str | Path], schema: Schema, *, texts: Sequence[str | Path] = ()) -> LabelFiles:
    """Read labelled sentences.

    Parameters
    ----------
    paths : sequence of str or Path
        ``.jsonl`` files, or labels folders, whose ``sentences/*.jsonl`` are read in the order of their names.
    schema : Schema
        The label set that the rows must keep to.
    texts : sequence of str or Path
        ``.jsonl`` files with a "text" in each row, or ``.txt`` files with one text a line: the
        texts of rows that hold a ``sha256`` instead. A "before" there is taken over too, and is a text itself.

    Raises
    ------
    DataError
        With the faults of all files, each as "file:line: expected ...; found ...".
        If a migration of the labels was cut short.
    """
    refuse_half_done(paths)
    faults, hashes, rows = Faults(), dict[str, str](), list[_Row]()
    order = _Order(faults)
    for path in label_files(paths, faults):
        order.start_file()
        for where, data in read_objects(path, faults, hashes):
            row = _Row(data, where, data.get("text"), data.get("before"))
            order.check(row)
            found = row_faults(data, schema) if data else []
            for fault in found:
                faults.add(where, fault)
            if data and not found:
                rows.append(row)
    _join_texts([row for row in rows if row.text is None], texts, faults, hashes)
    faults.throw()
    titles = {row.data["doc"]: row.text for row in reversed(rows) if row.title and row.text is not None}
    kept = [row for row in rows if row.text is not None]
    examples = [_example(row, schema, titles.get(row.data["doc"], "")) for row in kept]
    hashed = frozenset(n for n, row in enumerate(kept) if "text" not in row.data)
    return LabelFiles(examples, len(rows) - len(kept), hashes, [row.where for row in kept], hashed)


class _Order:
    """Finds rows that stand twice, out of order or not at all, and what precedes each row."""

    def __init__(self, faults: Faults) -> None:
        self.faults = faults
        self.first: dict[tuple[str, int, str], str] = {}
        self.start_file()

    def start_file(self) -> None:
        """Forget the rows before: an article is followed inside one file."""
        self.last: dict[str, tuple[_Row, bool]] = {}

    def check(self, row: _Row) -> None:
        """Compare a row with those before it."""
        doc, n = row.data.get("doc"), row.data.get("n")
        if not isinstance(doc, str) or not isinstance(n, int):
            self.last.clear()  # an unreadable row may be any row: it alone is reported, not the gap it leaves
            return
        # A row that brings its context, or keeps its text back, is a sample by itself: its n need not be unique.
        alone = "before" in row.data or "sha256" in row.data
        key = (doc, n, str(row.data.get("text") or row.data.get("sha256")) if alone else "")
        first = self.first.setdefault(key, row.where)
        previous, whole = self.last.get(doc, (None, n == 0 and row.data.get("source") in WHOLE_SOURCES))
        last = previous.data["n"] if previous else n - 1
        if first != row.where:
            self.faults.add(
                row.where, f"expected each sentence once; found doc {doc!r}, n {n} again (first at {first})"
            )
        elif n < last and not alone:
            self.faults.add(row.where, f"expected the sentences of doc {doc!r} in ascending n; found {n} after {last}")
        elif n > last + 1 and whole:
            self.faults.add(row.where, f"expected n {last + 1} of doc {doc!r}; found {n}: a row is missing")
        row.previous = previous if last == n - 1 else None
        self.last[doc] = (row, whole)


def _example(row: _Row, schema: Schema, article_title: str) -> Example:
    data, title, whole = row.data, row.title, schema.unit == "text"  # nothing stands around a whole text
    before = row.previous.text if row.before is None and row.previous else row.before
    return Example(
        doc=data["doc"],
        n=data["n"],
        text=row.text or "",
        title=title,
        group=data.get("group") or data["doc"],
        source=data.get("source") or "user",
        labels=in_order(data["labels"], schema),
        article_title="" if title or whole else article_title,
        before="" if whole else before or "",
        coders={name: in_order(labels, schema) for name, labels in data.get("coders", {}).items()},
        split=data.get("split", ""),
        sample=data.get("sample", ""),
        furniture=data.get("furniture", False) or data.get("kind") == "boilerplate",
        reason=data.get("reason", ""),
    )


def in_order(labels: Labels, schema: Schema) -> Labels:
    """Bring labels into the order of the schema."""
    there = [d for d in schema.dimensions if d.name in labels]
    return {d.name: [x for x in d.labels if x in labels[d.name]] if d.multi else labels[d.name] for d in there}


def by_source(examples: Sequence[Example]) -> dict[str, list[Example]]:
    """Sort examples by where they came from, in the order of first sight."""
    return {s: [e for e in examples if e.source == s] for s in dict.fromkeys(e.source for e in examples)}


def _join_texts(rows: list[_Row], paths: Sequence[str | Path], faults: Faults, hashes: dict[str, str]) -> None:
    """Give rows with ``sha256`` their texts; only wanted texts are kept in memory."""
    wanted: dict[str, list[_Row]] = {}
    for row in rows:
        wanted.setdefault(row.data["sha256"].lower(), []).append(row)
    for data in read_texts(paths, faults, hashes):
        for row in wanted.get(digest(data["text"]), ()) if wanted else ():
            row.text = data["text"]
            # The same short text can stand in several articles: this sentence's own row knows best what precedes it.
            same = all(data.get(key) == row.data[key] for key in ("doc", "n"))
            if isinstance(data.get("before"), str) and "before" not in row.data and (same or row.before is None):
                row.before = data["before"]
