"""The files of a finished run: tables, rejects, and what they were made from.

Knows a job and its work folder; scores nothing.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict
from itertools import islice
from pathlib import Path
from typing import Any, NoReturn

import pyarrow as pa

from newslean.errors import DataError
from newslean.files import open_replacement, write_file
from newslean.manifest import Manifest
from newslean.scoring.claim import INPUTS, SHOWN, hash_lines
from newslean.scoring.job import Job
from newslean.scoring.merge import articles_in, sentences_in, write_rows
from newslean.scoring.tables import ORIGIN, result_schema, sentence_fields
from newslean.scoring.work import Work
from newslean.splitting import splitter_version


def check_free(job: Job, work: Work) -> None:
    """Refuse to write over a table of articles that no run of ours has begun to write."""
    if work.fresh and not work.overwrites and job.articles.exists():
        raise DataError(
            f"{job.articles}: expected no file, for the articles go there; found one. "
            f"Name another file than {job.out}, or --overwrite."
        )


def write_result(job: Job, work: Work, claim: Mapping[str, Any], manifest: Manifest) -> None:
    """Merge the shards. The result itself comes last: where it stands, all stands."""
    versions = {"model": manifest.version, "splitter": splitter_version(manifest.schema.unit)}
    columns, schema = result_schema(manifest.schema, articles_only=True), manifest.schema
    fields = pa.schema([*(columns.field(name) for name in ORIGIN), *sentence_fields(schema)])

    def articles(path: Path) -> None:
        rows = articles_in(work.shards(), only_relevant=job.settings.only_relevant)
        write_rows(rows, columns, path, schema, versions)

    def sentences(path: Path) -> None:
        write_rows(sentences_in(work.shards()), fields, path, schema, versions)

    run = {**claim, "inputs": hash_lines(work.folder / INPUTS), "counts": asdict(work.counts)}
    told = json.dumps(run, indent=1, ensure_ascii=False) + "\n"
    if not job.settings.articles_only:
        work.publish(job.articles, articles)
    _write_rejects(job, work)
    work.publish(job.beside(".run.json"), lambda path: write_file(path, told))
    work.publish(job.out, articles if job.settings.articles_only else sentences)
    if job.settings.articles_only and work.replaces_two:
        job.articles_beside.unlink(missing_ok=True)
    work.clear()


def _write_rejects(job: Job, work: Work) -> None:
    target = job.beside(".rejects.jsonl")

    def write(path: Path) -> None:
        with open_replacement(path) as file:
            file.writelines(work.rejects())

    if work.counts.rejects:
        work.publish(target, write)
    else:
        target.unlink(missing_ok=True)


def refuse_empty(job: Job, work: Work) -> NoReturn:
    """Say that there was no article, and list what was found instead; where an older result stays, all of it does."""
    stays, count, told = work.overwrites and job.out.exists(), work.counts.rejects, ""
    if not stays:
        _write_rejects(job, work)
        told = f" {count:,} rejects are listed in {job.beside('.rejects.jsonl')}." if count else ""
    elif count:
        rows = (json.loads(line) for line in islice(work.rejects(), SHOWN))
        shown = [f"\n  {row['source']}, {row['position']}: {row['reason']}" for row in rows]
        told = f" {job.out} stays as it was. The first of {count:,} rejects:{''.join(shown)}"
    work.clear()
    raise DataError(f"expected at least one article; found none in {', '.join(job.inputs)}.{told}")
