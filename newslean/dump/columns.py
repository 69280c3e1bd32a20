"""Columns of a dump: which one holds the text, the title, the date, the outlet and the identifier.

Knows names that others give to them; knows no format.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass, fields, replace

from newslean.errors import DataError

GUESSES = {
    "text": ("text", "body", "content", "maintext", "article"),
    "title": ("title", "headline"),
    "date": ("date", "published", "date_publish", "published_at", "publishdate"),
    "outlet": ("source", "outlet", "domain", "publisher", "url"),
    "id": ("id", "url", "guid"),
}
"""Names that are looked for, in this order, in upper or lower case."""

_RESULTS = (
    frozenset({"article", "start", "end", "furniture", "skipped"}),
    frozenset({"article", "sentences_total", "sentences_skipped"}),
)
"""Columns by which a result of ours is known: its rows are sentences, or hold no text."""

_SHOWN = 30
_SHOWN_CHARACTERS = 40


@dataclass(frozen=True, slots=True)
class Columns:
    """Names of the columns (CSV, Parquet) or keys (JSON) of a dump; None for those to be guessed.

    Attributes
    ----------
    text, title, date, outlet, id : str or None
        A dot leads into a nested object: ``article.text``. Of an outlet that is
        a web address the host is taken.
    """

    text: str | None = None
    title: str | None = None
    date: str | None = None
    outlet: str | None = None
    id: str | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """Columns that an input has.

    Attributes
    ----------
    names : collection of str
        All, with dots where nested.
    texts : collection of str
        Those that can hold a text.
    values : collection of str
        Those that hold one value: a text, a number, a date.
    whole : bool
        There are no others; not so where only the first objects were looked at.
    """

    names: Collection[str]
    texts: Collection[str]
    values: Collection[str]
    whole: bool = True


def choose(columns: Columns, found: Found, *, where: str, note: Callable[[str], None]) -> Columns:
    """Find the columns of an input; what is guessed is told to ``note`` in one line.

    Returns
    -------
    Columns
        None stands for what the input does not have.

    Raises
    ------
    DataError
        If a column that was named is not there, or none is found that holds the text, or the input is a result.
    """
    if is_result(found.names):
        raise DataError(
            f"{where}: expected articles; found a result of predict.py. Leave it out, or name what it was made from."
        )
    named = {field.name: getattr(columns, field.name) for field in fields(columns)}
    missing = {role: f"{name!r} ({role})" for role, name in named.items() if name and name not in found.names}
    if missing and not found.whole and "text" not in missing:
        note(f"not in the first objects: {', '.join(missing.values())}")
    elif missing:
        raise DataError(
            f"{where}: expected a column {', '.join(missing.values())}; found {_listed(found.names)}. Name one of them."
        )
    guessed = {role: _guess(role, found) for role, name in named.items() if name is None}
    if named["text"] is None and guessed["text"] is None:
        raise DataError(
            f"{where}: expected a column with the articles' text ({', '.join(GUESSES['text'])}); "
            f"found {_listed(found.names)}. Name the one that holds the text (--text-column)."
        )
    said = [f"{role} from {name!r}" for role, name in guessed.items() if name is not None]
    if said:
        note(f"guessed the columns: {', '.join(said)}")
    return replace(columns, **guessed)


def is_result(names: Collection[str]) -> bool:
    """Say of the columns of a table, or the keys of a row, whether `newslean.scoring` has written it."""
    return any(result <= {*names} for result in _RESULTS)


def _guess(role: str, found: Found) -> str | None:
    usable = found.texts if role == "text" else found.values
    return next((name for guess in GUESSES[role] for name in usable if name.lower() == guess), None)


def _listed(names: Collection[str]) -> str:
    shown = [repr(name if len(name) <= _SHOWN_CHARACTERS else f"{name[:_SHOWN_CHARACTERS]}…") for name in names]
    more = f" and {len(shown) - _SHOWN:,} more" if len(shown) > _SHOWN else ""
    return f"{', '.join(shown[:_SHOWN])}{more}" if shown else "no columns"
