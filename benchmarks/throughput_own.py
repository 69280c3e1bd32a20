"""The parts of throughput.py that look inside newslean, each in a process of its own.

``sentences`` writes what the peers are to score; ``stages`` scores a dump with
one worker and says where the time goes; ``baseline`` makes a model folder of
the TF-IDF baseline alone; ``pages`` and ``trafilatura`` read the same WARC file.
"""

import json
import random
import sys
import time
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from shutil import copyfile
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from newslean.dump.reading import Start, read_steps
from newslean.dump.records import Record
from newslean.errors import DataError
from newslean.manifest import REQUIRED, read_manifest, write_manifest

FIRST = "<html><body><article><p>" + "It rained in Arlen for most of the week. " * 9 + "</p></article></body></html>"


def sentences(model: str, dump: str, count: str, place: str) -> dict[str, Any]:
    """Draw sentences of a dump, with their contexts, and write the peers' task."""
    from newslean.splitting import split_sentences, title_of
    from newslean.tagger import Tagger
    from train.network import base_path
    from train.params import FinetuneParams

    base = base_path(FinetuneParams().base)
    tagger, rng, pairs, seen = Tagger.load(model), random.Random(0), [], 0  # noqa: S311
    for step in read_steps([dump], start=Start()):
        if not isinstance(step.outcome, Record):
            continue
        article = step.outcome.article
        split = split_sentences(article.text)
        contexts = tagger.contexts(split, article.title or title_of(split))
        for sentence, context in zip(split, contexts, strict=True):
            if sentence.furniture:
                continue
            seen += 1
            if len(pairs) < int(count):
                pairs.append([sentence.text, context])
            elif (n := rng.randrange(seen)) < int(count):  # a sample drawn in one pass (Vitter 1985)
                pairs[n] = [sentence.text, context]
    task = {
        "base": base,
        "dimensions": [{"name": d.name, "kind": d.kind, "labels": d.labels} for d in tagger.schema.dimensions],
        "max_length": tagger.manifest.max_length,
        "pairs": pairs,
    }
    Path(place).write_text(json.dumps(task), encoding="utf-8")
    return {"drawn": len(pairs), "of": seen}


def stages(model: str, dump: str, out: str, gate: str) -> dict[str, Any]:
    """Score a dump with one worker and tell what each stage took, in seconds."""
    from newslean.scoring.job import Job
    from newslean.scoring.local import Scored
    from newslean.scoring.pieces import Piece
    from newslean.scoring.run import score_dump
    from newslean.scoring.scorer import Scorer, ScorerSettings

    seconds: dict[str, float] = {}
    counts: dict[str, int] = {}

    def engine(pieces: Iterable[Piece], settings: ScorerSettings) -> Iterator[Scored]:
        start = time.perf_counter()
        scorer = Scorer(settings, threads=1)
        seconds["load"], seconds["read"] = time.perf_counter() - start, 0.0
        rest, stage = iter(pieces), "load"  # the first batch imports what reading needs
        while True:
            start = time.perf_counter()
            piece = next(rest, None)
            seconds[stage] += time.perf_counter() - start
            stage = "read"
            if piece is None:
                break
            yield piece, None if piece.batch is None else scorer(piece.batch)
        seconds.update(scorer.seconds)
        counts.update(sentences=scorer.sentences, skipped=scorer.skipped, repeated=scorer.repeated)

    start = time.perf_counter()
    job = Job(inputs=(dump,), out=Path(out), settings=ScorerSettings(model, gate=gate == "gate"))
    done = score_dump(job, engine=engine, overwrite=True)
    total = time.perf_counter() - start
    seconds["shards and result"] = total - sum(seconds.values())
    return {"total": total, "stages": seconds, "articles": done.articles, **counts}


def baseline(model: str, place: str) -> dict[str, Any]:
    """Make a model folder that holds the TF-IDF baseline of another one alone."""
    manifest = read_manifest(model)
    names = REQUIRED["baseline"]
    if not set(names) <= set(manifest.files):
        raise DataError(f"{model}: expected a model with a baseline in it; found none. Name another --model.")
    Path(place).mkdir()
    for name in names:
        copyfile(Path(model, name), Path(place, name))
    files = {name: manifest.files[name] for name in names}
    alone = replace(manifest, kind="baseline", late_context=False, mix={}, gate={}, files=files, optional_files={})
    write_manifest(place, alone)
    return {}


def pages(warc: str, place: str) -> dict[str, Any]:
    """Read a WARC file as newslean does."""
    import fastwarc  # noqa: F401 - what is set up at the first call is no part of the speed
    from trafilatura import bare_extraction

    bare_extraction(FIRST, with_metadata=True)
    start = time.perf_counter()
    outcomes = [step.outcome for step in read_steps([warc], start=Start())]
    seconds = time.perf_counter() - start
    texts = [o.article.text for o in outcomes if isinstance(o, Record)]
    Path(place).write_text(json.dumps(texts), encoding="utf-8")
    return {"pages": len(outcomes), "articles": len(texts), "seconds": seconds}


def trafilatura(warc: str, place: str) -> dict[str, Any]:
    """Read a WARC file with fastwarc and hand every page to trafilatura, with the options that newslean asks for."""
    from fastwarc.warc import ArchiveIterator, WarcRecordType
    from trafilatura import bare_extraction

    bare_extraction(FIRST, with_metadata=True)
    texts, count = [], 0
    start = time.perf_counter()
    with open(warc, "rb") as file:
        for record in ArchiveIterator(file, record_types=WarcRecordType.response, parse_http=True):
            found = bare_extraction(record.reader.read().decode("utf-8"), include_comments=False, with_metadata=True)
            count += 1
            if found is not None and found.text:
                texts.append(found.text)
    seconds = time.perf_counter() - start
    Path(place).write_text(json.dumps(texts), encoding="utf-8")
    return {"pages": count, "articles": len(texts), "seconds": seconds}


PARTS = {part.__name__: part for part in (sentences, stages, baseline, pages, trafilatura)}

if __name__ == "__main__":  # also what a worker's process imports
    print(json.dumps(PARTS[sys.argv[1]](*sys.argv[2:])))
