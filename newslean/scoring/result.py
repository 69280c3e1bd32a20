"""The files of a finished run: tables, rejects, and what they were made from.

Knows a job and its work folder; scores nothing.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, NoReturn

import pyarrow as pa

from newslean.errors import DataError
from newslean.files import open_replacement, write_file
from newslean.manifest import Manifest
from newslean.scoring.job import Job
from newslean.scoring.merge import articles_in, sentences_in, write_rows
from newslean.scoring.tables import ORIGIN, result_schema, sentence_fields
from newslean.scoring.work import INPUTS, Work, hash_lines


def write_result(job: Job, work: Work, claim: Mapping[str, Any], manifest: Manifest) -> None:
    """Merge the shards. The result itself comes last: where it stands, all stands."""
    versions = {"model": manifest.version, "splitter": manifest.splitter}
    columns = result_schema(manifest.schema, articles_only=True)
    articles = articles_in(work.shards(), only_relevant=job.settings.only_relevant)
    if not job.settings.articles_only:
        write_rows(articles, columns, job.articles, manifest.schema, versions)
    _write_rejects(job, work)
    run = {**claim, "inputs": hash_lines(work.folder / INPUTS), "counts": asdict(work.counts)}
    write_file(job.beside(".run.json"), json.dumps(run, indent=1, ensure_ascii=False) + "\n")
    if job.settings.articles_only:
        write_rows(articles, columns, job.out, manifest.schema, versions)
    else:
        fields = pa.schema([*(columns.field(name) for name in ORIGIN), *sentence_fields(manifest.schema)])
        write_rows(sentences_in(work.shards()), fields, job.out, manifest.schema, versions)
    work.clear()


def _write_rejects(job: Job, work: Work) -> None:
    path = job.beside(".rejects.jsonl")
    if not work.counts.rejects:
        path.unlink(missing_ok=True)
        return
    with open_replacement(path) as file:
        file.writelines(work.rejects())


def refuse_empty(job: Job, work: Work) -> NoReturn:
    """Say that there was no article, and list what was found instead."""
    _write_rejects(job, work)
    rejects = work.counts.rejects
    work.clear()
    told = f" {rejects:,} rejects are listed in {job.beside('.rejects.jsonl')}." if rejects else ""
    raise DataError(f"expected at least one article; found none in {', '.join(job.inputs)}.{told}")
