"""What a model may read beside a sentence.

Knows the names of contexts and how their parts are joined; knows no model.
"""

import re

CONTEXTS = "none, before, before:N (its last N words, 1 to 9999), title, title+before, title+before:N"
"""The names, for people."""

_CONTEXT = re.compile(r"none|title|(title\+)?before(:[1-9][0-9]{0,3})?")


def is_context(text: str) -> bool:
    """Say whether a text names a context, as `context_of` takes it."""
    return _CONTEXT.fullmatch(text) is not None


def context_of(context: str, *, title: str | None, before: str | None) -> str:
    """Join what stands around a sentence into the context that a model was trained with.

    Parameters
    ----------
    context : {"none", "before", "before:N", "title", "title+before", "title+before:N"}
        Which parts the model wants; "before:20" wants the last 20 words of the sentence before, where a long one would
        cost more time than it tells.
    title, before : str or None
        The article's title (None for the title itself) and the sentence before.

    Examples
    --------
    >>> context_of("title+before", title="Chips", before="It rains.")
    'Chips It rains.'
    >>> context_of("before:2", title=None, before="All day long it rains.")
    'it rains.'
    """
    name, _, most = context.partition(":")
    if most and before:
        before = " ".join(before.split()[-int(most) :])
    parts = {"title": title, "before": before}
    return " ".join(part for key in name.split("+") if (part := parts.get(key)))
