"""Where a reader stands, and what it was asked for: the input, the entry of an archive, columns, limits.

Knows how a place is named; knows no format.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from newslean.articles import printable_name
from newslean.dump.columns import Columns
from newslean.dump.records import WHOLE, CutOff, Outcome, Reject
from newslean.errors import DataError


class DamagedError(DataError):
    """The bytes of an input end too early or turn bad on the way; what came before them stands."""


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
    """

    source: str
    columns: Columns
    max_bytes: int
    on_note: Callable[[str], None] | None = None
    entry: str = ""

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
