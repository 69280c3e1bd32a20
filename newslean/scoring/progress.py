"""How far a run has come, told while it goes: as a bar for a person, as lines of JSON for a program, or not at all.

Knows the numbers of `newslean.scoring.run`; scores nothing.
"""

import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from typing import Literal

from newslean.errors import DataError
from newslean.scoring.run import Progress

INTERVAL = 60.0
"""Seconds between two lines of JSON."""

Style = Literal["auto", "bar", "json", "none"]


@contextmanager
def open_progress(style: Style) -> Iterator[Callable[[Progress], None]]:
    """Lend a function that shows progress on standard error; ``auto`` is a bar on a terminal, otherwise nothing."""
    if sys.stderr is None or style == "none" or (style == "auto" and not _can_show_bar()):
        yield lambda progress: None
    elif style == "json":
        lines = _Lines()
        try:
            yield lines.show
        finally:
            lines.end()
    else:
        with _bar() as show:
            yield show


def _can_show_bar() -> bool:
    return sys.stderr.isatty() and find_spec("tqdm") is not None


@contextmanager
def _bar() -> Iterator[Callable[[Progress], None]]:
    try:
        from tqdm import tqdm
    except ImportError:
        raise DataError("--progress bar: expected tqdm; found none. Run pip install 'newslean[dump]'.") from None
    form = "{percentage:3.0f}%|{bar}| {postfix} [{elapsed}<{remaining}]"
    with tqdm(total=1.0, bar_format=form, dynamic_ncols=True, file=sys.stderr) as bar:
        started: list[float] = []

        def show(progress: Progress) -> None:
            if progress.share is None:
                bar.bar_format = "{postfix} [{elapsed}]"
            elif not started:  # what an earlier run did says nothing of this one's speed
                started.append(progress.share)
                bar.initial = bar.n = progress.share
            else:
                bar.update(max(progress.share - bar.n, 0.0))
            bar.set_postfix_str(_words(progress), refresh=False)
            bar.refresh()

        yield show


class _Lines:
    """Writes a line a minute, and the last."""

    def __init__(self) -> None:
        self._due = time.monotonic() + INTERVAL
        self._last: Progress | None = None

    def show(self, progress: Progress) -> None:
        """Take note of the state of things, and write it if it is time."""
        self._last = progress
        if time.monotonic() >= self._due:
            self.end()
            self._due = time.monotonic() + INTERVAL

    def end(self) -> None:
        """Write what was last noted."""
        if self._last is not None:
            with suppress(OSError):  # nobody reads it any more
                print(json.dumps(_data(self._last)), file=sys.stderr, flush=True)
            self._last = None


def _data(progress: Progress) -> dict[str, float | None]:
    counts, share = progress.counts, progress.share
    return {
        "articles": counts.articles,
        "sentences": counts.sentences,
        "skipped": counts.skipped,
        "rejects": counts.rejects,
        "sentences_per_second": round(progress.rate, 1),
        "share": None if share is None else round(share, 4),
        "seconds": round(progress.seconds, 1),
        "seconds_left": None if progress.seconds_left is None else round(progress.seconds_left),
    }


def _words(progress: Progress) -> str:
    counts = progress.counts
    skipped = counts.skipped / max(counts.sentences, 1)
    rejects = f", {counts.rejects:,} rejects" if counts.rejects else ""
    return f"{counts.articles:,} articles, {progress.rate:,.0f} sentences/s, {skipped:.0%} skipped{rejects}"
