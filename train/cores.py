"""Work shared among the cores of the machine, in processes that end with it."""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from joblib import Parallel, cpu_count, delayed
from joblib.externals.loky import get_reusable_executor

FEW_CHARACTERS = 2_000_000
"""Of all fits together: below it they are done, one after the other, before other processes have started."""

T = TypeVar("T")


def on_all_cores(work: Callable[..., T], given: Sequence[tuple[Any, ...]], *, characters: int) -> list[T]:
    """Give ``work(*arguments)`` for all arguments, in their order.

    Parameters
    ----------
    work : callable
        Whatever it raises is raised here.
    characters : int
        That all of it reads, a text as often as it is read.
    """
    jobs = min(cpu_count(), len(given)) if characters >= FEW_CHARACTERS else 1
    try:
        return list(Parallel(n_jobs=jobs)(delayed(work)(*arguments) for arguments in given))
    finally:  # idle workers would outlive a run that is killed later, and hold its output open
        if jobs > 1:
            get_reusable_executor().shutdown(wait=True)
