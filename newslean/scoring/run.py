"""A whole run: read, score, keep shards, merge; once more from where it stopped.

Knows the order of the steps; the steps know their work.
"""

import json
import time
from array import array
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from newslean.dump.fingerprints import fingerprints
from newslean.dump.reading import read_steps
from newslean.dump.remote import is_remote
from newslean.errors import DataError, Stopped
from newslean.files import sha256
from newslean.manifest import read_manifest
from newslean.scoring.claim import INPUTS
from newslean.scoring.job import Job, check_labels, check_names, claim_of, finished
from newslean.scoring.local import Scored, score_locally
from newslean.scoring.pieces import Piece, cut
from newslean.scoring.result import check_free, refuse_empty, write_result
from newslean.scoring.scorer import ScorerSettings
from newslean.scoring.work import Counts, Shard, Work

SHARD_ARTICLES = 1_000
"""Articles of a shard, at most."""

SHARD_SECONDS = 30.0
"""After which a shard is written even if it has fewer articles: what a kill can cost."""

SHARD_BYTES = 64_000_000
"""From which it is written however few they are: it grows in memory."""

SHARD_REJECTS = 10_000
"""From which it is written too: a file of something else gives rejects by the thousand a second."""

Engine = Callable[[Iterable[Piece], ScorerSettings], Iterator[Scored]]
"""Scores pieces in their order."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run has come.

    Attributes
    ----------
    counts : Counts
        In all, with what an earlier run did.
    new : Counts
        Since this run began.
    share : float or None
        Of the bytes of the dump, 0 to 1; None if its size is not known.
    first_share : float or None
        What it was when this run began.
    seconds : float
        Since this run began.
    """

    counts: Counts
    new: Counts
    share: float | None
    first_share: float | None
    seconds: float

    @property
    def rate(self) -> float:
        """Sentences a second, the skipped ones too."""
        return self.new.sentences / max(self.seconds, 1e-9)

    @property
    def seconds_left(self) -> float | None:
        """Seconds to the end, if it goes on like this; None if that cannot be told."""
        if self.share is None or self.first_share is None or self.share <= self.first_share:
            return None
        return self.seconds * (1 - self.share) / (self.share - self.first_share)


def score_dump(
    job: Job,
    *,
    workers: int = 1,
    engine: Engine | None = None,
    overwrite: bool = False,
    on_note: Callable[[str], None] | None = None,
    on_progress: Callable[[Progress], None] | None = None,
    stop: Callable[[], bool] = lambda: False,
) -> Counts:
    """Score a dump, or go on with it, and write the result.

    Parameters
    ----------
    workers : int
        Processes, if no engine is given.
    engine : callable, optional
        Scores pieces elsewhere.
    overwrite : bool
        Begin anew, whatever stands there; an older result stays until the new one is whole.
    on_note, on_progress : callable, optional
        Told what was guessed, and how far the run has come.
    stop : callable
        Asked after each article is read, known or new; once it says so, what is new is finished and kept.

    Returns
    -------
    Counts
        Of the whole dump.

    Raises
    ------
    DataError
        If nothing can be done, if there are more rejects than allowed, or if what stands at the place of the result
        was made from other inputs, by another model or with other options.
    Stopped
        If it was asked to stop before the end.
    """
    check_names(job)
    manifest = read_manifest(job.settings.model)
    check_labels(job, manifest.schema)
    claim = claim_of(job, sha256(Path(job.settings.model, "manifest.json")), unit=manifest.schema.unit)
    work = Work(job.beside(".work"))
    with work.held():
        if overwrite:
            work.begin_anew(two=job.has_articles_beside())
        elif not work.overwrites and (done := finished(job, claim)) is not None:
            work.clear()
            return done
        work.begin(claim, fingerprints(job.inputs))
        check_free(job, work)
        pieces = _pieces(job, work, on_note, stop)
        settings = replace(job.settings, model_hash=claim["model"])
        _fill(job, work, (engine or partial(score_locally, workers=workers))(pieces, settings), on_progress)
        if stop():
            again = "The same command, without --overwrite," if overwrite else "The same command"
            raise Stopped(f"stopped after {work.counts.articles:,} articles. {again} goes on from there.")
        if not work.counts.articles:
            refuse_empty(job, work)
        write_result(job, work, claim, manifest)
    return work.counts


def _pieces(job: Job, work: Work, on_note: Callable[[str], None] | None, stop: Callable[[], bool]) -> Iterator[Piece]:
    """Read the dump from where the work stands, in pieces."""
    steps = read_steps(
        job.inputs,
        start=work.start,
        input_format=job.input_format,
        columns=job.columns,
        on_note=on_note,
        stop=stop,
    )
    return cut(steps, first=work.counts.articles, articles=job.piece_articles, stop=stop)


def _fill(job: Job, work: Work, scored: Iterator[Scored], on_progress: Callable[[Progress], None] | None) -> None:
    """Put what is scored into shards, and keep each as soon as it is full."""
    sizes, began, before = _Sizes(work.folder / INPUTS), time.monotonic(), work.counts
    first_share = sizes.share(work.start.file, 0)
    shard, since = Shard(after=work.start), began
    try:
        _check_rejects(job, work, shard)
        for piece, result in scored:
            _grow(shard, piece, result)
            now = time.monotonic()
            if _is_full(shard, now - since):
                work.add(shard)
                shard, since = Shard(after=piece.after), now
            counts = work.counts + shard.counts
            if on_progress is not None:
                share = sizes.share(piece.after.file, piece.offset)
                on_progress(Progress(counts, counts - before, share, first_share, now - began))
            _check_rejects(job, work, shard)
    finally:
        if isinstance(scored, Generator):  # now, not when it is collected: it may have processes to end
            scored.close()
    if shard.counts != Counts():
        work.add(shard)


def _is_full(shard: Shard, seconds: float) -> bool:
    many = shard.counts.articles >= SHARD_ARTICLES or shard.counts.rejects >= SHARD_REJECTS
    return many or seconds >= SHARD_SECONDS or shard.bytes >= SHARD_BYTES


def _check_rejects(job: Job, work: Work, shard: Shard) -> None:
    """Stop where there are more rejects than allowed; what is done is kept."""
    rejects = work.counts.rejects + shard.counts.rejects
    if job.max_rejects is None or rejects <= job.max_rejects:
        return
    if shard.counts != Counts():
        work.add(shard)
    raise DataError(
        f"expected at most {job.max_rejects:,} rejects; found {rejects:,}, listed in {work.folder}. "
        "Mend the inputs and --overwrite, or give a larger --max-rejects, which goes on from here."
    )


def _grow(shard: Shard, piece: Piece, result: Any) -> None:
    added = Counts(articles=piece.articles, rejects=len(piece.rejects))
    if result is not None:
        shard.batches.append(result)
        shard.bytes += result.nbytes
        sums = [sum(result.column(f"sentences_{name}").to_pylist()) for name in ("total", "skipped")]
        added = replace(added, sentences=sums[0], skipped=sums[1])
    shard.rejects += piece.rejects
    shard.counts, shard.after = shard.counts + added, piece.after


class _Sizes:
    """Tells what share of the dump lies behind a place, by the bytes of its files."""

    def __init__(self, path: Path) -> None:
        self.starts = array("q", [0])
        self.known = True
        with open(path, "rb") as file:
            for line in file:
                row = json.loads(line)
                size, source = row.get("size"), row["source"]
                self.known &= size is not None or not (source == "-" or is_remote(source))  # a missing file has none
                self.starts.append(self.starts[-1] + (size or 0))

    def share(self, file: int, offset: int) -> float | None:
        """Give the share, 0 to 1; None if a file's size is not known."""
        total, last = self.starts[-1], len(self.starts) - 1
        if not self.known or not total:
            return None
        return min(self.starts[min(file, last)] + offset, self.starts[min(file + 1, last)]) / total
