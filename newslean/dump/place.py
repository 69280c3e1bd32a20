"""Where a reader stands, and what it was asked for: the input, the entry of an archive, columns, limits.

Knows how a place is named; knows no format.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import PurePath

from newslean.articles import printable_name
from newslean.dump.columns import Columns
from newslean.dump.records import WHOLE, CutOff, Outcome, Reject
from newslean.errors import DataError

_SHOWN_ENDINGS = 8


class DamagedError(DataError):
    """The bytes of an input end too early or turn bad on the way; what came before them stands."""


class PassedOver:
    """Files of a folder or an archive whose names end in no form that is read: counted, to be told."""

    def __init__(self) -> None:
        self._number = 0
        self._endings = dict[str, None]()

    def add(self, name: str) -> None:
        """Count a file."""
        self._number += 1
        if len(self._endings) <= _SHOWN_ENDINGS:
            self._endings[PurePath(name).suffix.lower()[:20] or "no dot"] = None

    def tell(self, note: Callable[[str], None]) -> None:
        """Say how many there were, if any, and what their names end in."""
        if self._number:
            shown = [*sorted(self._endings)[:_SHOWN_ENDINGS], *["…"] * (len(self._endings) > _SHOWN_ENDINGS)]
            note(f"passed over {self._number:,} files of other kinds ({', '.join(shown)})")


@dataclass(frozen=True, slots=True)
class Place:
    """An input as a reader sees it.

    Attributes
    ----------
    source : str
        Name of the input, as it can be printed.
    columns : Columns
        Columns that the user named.
    max_bytes : int
        Largest article (bytes).
    on_note : callable or None
        Told what was guessed.
    entry : str
        ``entry NAME`` inside an archive, otherwise nothing.
    told : set of str
        What was told once of the input, whatever the entry.
    """

    source: str
    columns: Columns
    max_bytes: int
    on_note: Callable[[str], None] | None = None
    entry: str = ""
    told: set[str] = field(default_factory=set, compare=False)

    @property
    def name(self) -> str:
        """Name for messages."""
        return f"{self.source}, {self.entry}" if self.entry else self.source

    def inside(self, entry: str) -> "Place":
        """Give the place of an archive's entry."""
        return replace(self, entry=f"entry {printable_name(entry)}")

    def position(self, local: str = "") -> str:
        """Give the position of something in the input, or of all of it."""
        return ", ".join(part for part in (self.entry, local) if part) or WHOLE

    def reject(self, local: str, reason: str | DataError) -> Reject:
        """Make the reject of something at a position; an error's own words of where are left out."""
        text = str(reason)
        for name in (self.name, self.source):
            text = text.removeprefix(f"{name}: ")
        return Reject(self.source, self.position(local), text)

    def too_large(self, local: str, kind: str) -> Reject:
        """Make the reject of something larger than an article may be."""
        limit = f"{self.max_bytes:,} bytes (max_bytes)"
        return self.reject(local, f"expected {kind} of at most {limit}; found more. Split it into articles.")

    def note(self, text: str) -> None:
        """Tell what was guessed or left out."""
        if self.on_note is not None:
            self.on_note(f"{self.name}: {text}")

    def note_once(self, text: str) -> None:
        """Tell what may hold of many articles of the input."""
        if text not in self.told:
            self.told.add(text)
            self.note(text)


def guarded(outcomes: Iterator[Outcome], place: Place, *, caught: type[DataError] = DamagedError) -> Iterator[Outcome]:
    """Yield a reader's outcomes and, if its input turns out to be unreadable, a reject that says after what."""
    last = ""
    try:
        for outcome in outcomes:
            last = outcome.position
            yield outcome
    except caught as error:
        reject = place.reject("", error)
        yield CutOff(reject.source, f"after {last}" if last else reject.position, reject.reason)
