"""How coders' files are to be read, and what was seen in them.

Knows names, counts and lines for a person only.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from newslean.errors import DataError
from train.exchange.task import NOBODY
from train.rows import MAX_FAULTS, Faults


@dataclass(frozen=True, slots=True)
class Reading:
    """How to read coders' files.

    Attributes
    ----------
    format : str
        A name of `FORMATS`; "" to guess.
    coder : str
        Who coded what no coder is named for.
    coders : mapping
        Coders as the tool names them, to what they are called here.
    doc : str
        Article of sentences that name none, numbered as they come; "" names each by its text.
    confirmed : bool
        Whether the file holds only what coders confirmed: where the format cannot tell, a sentence without any
        label, or with the suggestion as it was, then counts as coded.
    predictions : bool
        Whether to keep models' predictions.
    coded : bool
        Whether a table must have labels: a list of sentences to label need not.
    """

    format: str = ""
    coder: str = NOBODY
    coders: Mapping[str, str] = field(default_factory=dict)
    doc: str = ""
    confirmed: bool = False
    predictions: bool = True
    coded: bool = True


@dataclass(slots=True)
class Notes:
    """What was seen and is no fault."""

    lines: list[str] = field(default_factory=list)
    coders: Counter[str] = field(default_factory=Counter)
    skipped: int = 0
    uncoded: int = 0
    repeated: list[tuple[str, str]] = field(default_factory=list)
    """Place and line of each answer that stood in the same file before."""
    changes: list[str] = field(default_factory=list)


class ImportFaults(Faults):
    """Faults of an import, of which all are shown on demand.

    Parameters
    ----------
    every : bool
        Whether to show all, not only the first `MAX_FAULTS`.
    """

    def __init__(self, *, every: bool = False) -> None:
        super().__init__()
        self.every = every

    def add(self, where: str, message: str) -> None:
        """Note one fault."""
        self.count += 1
        if self.every or self.count <= MAX_FAULTS:
            self.shown.append(f"{where}: {message}")

    def throw(self) -> None:
        """Raise a DataError with the faults, if there are any."""
        if self.count:
            rest = self.count - len(self.shown)
            more = [f"... and {rest:,} more (--all-faults shows them)"] if rest else []
            raise DataError("\n".join([*self.shown, *more]))
