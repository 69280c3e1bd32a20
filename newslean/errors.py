"""The one family of errors that newslean raises for its user's input.

Every message says where, what was expected, what was found and what to do.
This room knows nothing of the others.
"""


class NewsleanError(Exception):
    """Base of all errors that a user can cause and mend."""


class DataError(NewsleanError):
    """An article, a label file or a schema is not as it should be."""


class ModelError(NewsleanError):
    """A model folder is missing, damaged, or made for another version."""


class Stopped(NewsleanError):  # noqa: N818 - no fault: it was asked for
    """Work was asked to stop before its end, and can go on."""
