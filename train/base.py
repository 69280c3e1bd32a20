"""Which weights the name of a base encoder stands for.

Imports torch only when it is asked: a baseline must do without.
"""

from functools import cache

from newslean.errors import ModelError


@cache
def base_revision(base: str) -> str:
    """Give the hash or revision of a base encoder's weights, for the keys of what is trained from it.

    Once a process: the weights are large, and a run must not send its stages to another folder. "" where they cannot
    be had: a command that does not need them goes on, and `train.network.load_base` says what is wrong to one that
    does.
    """
    try:
        from train.network import describe_base

        return describe_base(base)["revision"]
    except (ImportError, ModelError, OSError, ValueError, KeyError):
        return ""
