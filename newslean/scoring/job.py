"""What a run is for: inputs, options, the names of its files, and whether a result is the one that was asked for.

Knows files and fingerprints; reads no article and scores nothing.
"""

import glob
import json
import os
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from newslean import __version__
from newslean.dump import Columns
from newslean.dump.fingerprints import fingerprints
from newslean.errors import DataError
from newslean.schema import Schema, check_columns
from newslean.scoring import FORMATS
from newslean.scoring.claim import hash_rows
from newslean.scoring.pieces import PIECE_ARTICLES
from newslean.scoring.scorer import ScorerSettings
from newslean.scoring.work import Counts
from newslean.splitting import splitter_version
from newslean.target import check_target

FORMAT = 2
"""Of the work folder: raised when an older run cannot be gone on with."""


@dataclass(frozen=True, slots=True)
class Job:
    """What is to be scored, how, and where the result goes.

    Attributes
    ----------
    inputs : sequence of str
        As for `newslean.dump.open_dump`.
    out : Path
        The result; its name ends in one of `FORMATS`.
    piece_articles : int
        Articles that a worker is given at once, at most; the result does not hang on it.
    max_rejects : int or None
        Rejects after which the run stops; None for any number.
    """

    inputs: tuple[str, ...]
    out: Path
    settings: ScorerSettings
    columns: Columns = field(default_factory=Columns)
    input_format: str | None = None
    piece_articles: int = PIECE_ARTICLES
    max_rejects: int | None = None

    def beside(self, end: str) -> Path:
        """Name a file beside the result."""
        return self.out.with_name(self.out.name + end)

    @property
    def articles(self) -> Path:
        """The table of articles: the result itself, if no sentences are asked for."""
        return self.out if self.settings.articles_only else self.articles_beside

    @property
    def articles_beside(self) -> Path:
        """Where the table of articles stands if sentences are asked for too."""
        return self.out.with_suffix(f".articles{self.out.suffix}")

    def has_articles_beside(self) -> bool:
        """Say whether a table of articles belongs to a finished result that stands here."""
        try:
            told = json.loads(self.beside(".run.json").read_bytes())
            return self.out.exists() and told["articles_only"] is False
        except (OSError, ValueError, KeyError, TypeError):
            return False


def claim_of(job: Job, model: str, *, unit: str = "sentence") -> dict[str, Any]:
    """Give all that the result hangs on, but for the inputs themselves."""
    limit = job.settings.min_confidence
    if limit is not None and not 0 <= limit <= 1:
        raise DataError(f"min_confidence: expected a number from 0 to 1; found {limit}. Leave it out for the model's.")
    options = {key: value for key, value in asdict(job.settings).items() if key not in ("model", "model_hash")}
    return {
        "format": FORMAT,
        "newslean": __version__,
        "splitter": splitter_version(unit),
        "model": model,
        **options,
        "columns": asdict(job.columns),
        "input_format": job.input_format,
    }


def finished(job: Job, claim: Mapping[str, Any]) -> Counts | None:
    """Give the counts of a run that has finished with the same inputs and options; None if there is no result yet."""
    if not job.out.exists():
        return None
    told = job.beside(".run.json")
    try:
        run = json.loads(told.read_bytes())
        counts = Counts(**run["counts"])
    except (OSError, ValueError, KeyError, TypeError):
        raise DataError(
            f"{job.out}: expected no file, or the result of this run; found another. Name another file, or --overwrite."
        ) from None
    if not job.articles.exists():
        raise DataError(f"{job.articles}: expected it beside {job.out}; found none. Move that one, or --overwrite.")
    if "-" in job.inputs:
        raise DataError(
            f"{job.out}: expected no file, for nothing tells whether standard input is what it was; found one. "
            "Name another file, or --overwrite."
        )
    now = {**claim, "inputs": hash_rows(fingerprints(job.inputs))}
    if changed := [key for key, value in now.items() if run.get(key) != value]:
        raise DataError(
            f"{job.out}: expected the result of this run; found one of other {', '.join(changed)} (see {told}). "
            "Name another file, or --overwrite."
        )
    return counts


def check_names(job: Job) -> None:
    """Refuse a result of unknown form, or at a place where no file should be put."""
    if job.out.suffix not in FORMATS:
        raise DataError(f"{job.out}: expected a name that ends in {', '.join(FORMATS)}; found another. Change its end.")
    for path in sorted({job.out, job.articles}):
        check_target(path, inputs=job.inputs)
    tables = [job.out, job.articles, *([job.articles_beside] if job.has_articles_beside() else [])]
    ours = [*tables, *map(job.beside, (".rejects.jsonl", ".run.json", ".work"))]
    for name in job.inputs:
        if within := next((path for path in ours if _covers(name, path)), None):
            raise DataError(
                f"{job.out}: expected a result that is not read itself; found {within.name} within {name}. "
                "Name another folder for it."
            )


def check_labels(job: Job, schema: Schema) -> None:
    """Refuse labels that the result could not tell apart."""
    check_columns(schema)
    barred = [label for d in schema.dimensions if d.multi for label in d.labels if "|" in label]
    if job.out.suffix == ".csv" and barred:
        raise DataError(
            f"{job.out}: expected labels without |, which stands between several in a CSV cell; found {barred[0]!r}. "
            "Name a result that ends in .parquet or .jsonl."
        )


def _covers(name: str, path: Path) -> bool:
    """Tell whether an input, a file, a folder or a pattern, takes in a path."""
    place = Path(os.path.realpath(path))
    name = re.sub(r"^(file|local)://", "", name)
    if os.path.isdir(name):
        return place.is_relative_to(os.path.realpath(name))
    if not glob.has_magic(name) or os.path.lexists(name):
        return name != "-" and place == Path(os.path.realpath(name))
    places = [place, *place.parents]  # it may take in a folder above
    if "**" not in name:  # which goes through no link; a star may stand for one
        plain = Path(os.path.abspath(path))
        places += [plain, *plain.parents]
    patterns = (Path(os.path.abspath(name)), _without_links(name))
    return any(_fits(part.parts, pattern.parts) for part in places for pattern in patterns)


def _without_links(pattern: str) -> Path:
    """Resolve the links in the part of a pattern that holds no magic."""
    parts = Path(pattern).parts  # "..", too, leads from where a link leads
    fixed = next((n for n, part in enumerate(parts) if glob.has_magic(part)), len(parts))
    return Path(os.path.realpath(Path(*parts[:fixed])), *parts[fixed:])


def _fits(parts: tuple[str, ...], pattern: tuple[str, ...]) -> bool:
    if not pattern or not parts:
        return not parts and all(part == "**" for part in pattern)
    if pattern[0] == "**":
        return _fits(parts, pattern[1:]) or _fits(parts[1:], pattern)
    return fnmatchcase(parts[0], pattern[0]) and _fits(parts[1:], pattern[1:])
