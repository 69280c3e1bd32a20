"""How coders' files are to be read, and what was seen in them that is no fault.

Knows names and counts only.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from train.exchange.task import NOBODY


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
    """

    format: str = ""
    coder: str = NOBODY
    coders: Mapping[str, str] = field(default_factory=dict)
    doc: str = ""
    confirmed: bool = False
    predictions: bool = True


@dataclass(slots=True)
class Notes:
    """What was seen and is no fault."""

    lines: list[str] = field(default_factory=list)
    coders: Counter[str] = field(default_factory=Counter)
    skipped: int = 0
    uncoded: int = 0
    repeated: int = 0
    changes: list[str] = field(default_factory=list)
