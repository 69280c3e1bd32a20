"""The pure function at the heart of a run: a batch of articles in, the same articles tagged out.

Knows the tagger, the gate and Arrow batches. The answer for an article hangs on
nothing but the article, whatever stands beside it, so that every engine gives
the same.
"""

import time
from collections import OrderedDict, defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

import numpy as np
import pyarrow as pa

from newslean.errors import ModelError
from newslean.files import sha256
from newslean.gate import Gate
from newslean.results import Scores, TaggedArticle, summarise
from newslean.scoring.tables import to_results
from newslean.splitting import Sentence, split_units, title_of
from newslean.tagger import Tagger

REMEMBERED = 50_000
"""Sentences whose scores a scorer keeps, in case they come again."""


@dataclass(frozen=True, slots=True)
class ScorerSettings:
    """All that a scorer's answers hang on, plain enough to be sent to another process.

    Attributes
    ----------
    model : str
        Model folder.
    min_confidence : float or None
        As for `Tagger.load`.
    gate : bool
        Whether sentences that can have no label are skipped, if the model has a gate.
    only_relevant, articles_only : bool
        What is kept of the results.
    model_hash : str
        SHA-256 of the manifest that the folder must hold; "" for any. A scorer may start long after its run, when
        another model has taken the place.
    """

    model: str
    min_confidence: float | None = None
    gate: bool = True
    only_relevant: bool = False
    articles_only: bool = False
    model_hash: str = ""


def check_model(settings: ScorerSettings) -> None:
    """Refuse another model in the place of the one that is meant."""
    if settings.model_hash not in ("", sha256(Path(settings.model, "manifest.json"))):
        raise ModelError(
            f"{settings.model}: expected the model that the run was started with; found another in its place. Go on "
            "with --model and the folder of the first, without --overwrite."
        )


class Scorer:
    """Tags batches of articles.

    Attributes
    ----------
    seconds : dict
        What each stage took so far: ``split``, ``gate``, ``model``, ``table``.
    sentences, skipped, repeated : int
        How many sentences were seen, skipped by the gate, and known already.
    """

    def __init__(self, settings: ScorerSettings, *, threads: int | None = None) -> None:
        self.settings = settings
        self.tagger = Tagger.load(settings.model, min_confidence=settings.min_confidence, threads=threads)
        self.gate = Gate.load(settings.model, self.tagger.manifest) if settings.gate else None
        check_model(settings)
        self.seconds: defaultdict[str, float] = defaultdict(float)
        self.sentences = self.skipped = self.repeated = 0
        self._known: OrderedDict[bytes, Scores] = OrderedDict()

    def __call__(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Tag a batch as `newslean.scoring.tables.to_batch` makes it; rows as `to_results` gives them."""
        with self._timed("split"):
            split = [split_units(text, self.tagger.schema.unit) for text in batch.column("text").to_pylist()]
            given = batch.column("title").to_pylist()
            titles = [title or title_of(sentences) for title, sentences in zip(given, split, strict=True)]
        passes = self._passes(split)
        with self._timed("model"):
            scores = self._score(split, titles, passes)
        with self._timed("table"):
            rows = zip(batch.column("source").to_pylist(), titles, split, scores, strict=True)
            tagged = [self._tagged(source, title, sentences, found) for source, title, sentences, found in rows]
            chosen = {"only_relevant": self.settings.only_relevant, "articles_only": self.settings.articles_only}
            return to_results(batch, tagged, self.tagger.schema, **chosen)

    def _passes(self, split: Sequence[Sequence[Sentence]]) -> list[list[bool]]:
        """Tell, per article and sentence, what the model has to read."""
        content = [(k, s.text) for k, sentences in enumerate(split) for s in sentences if not s.furniture]
        with self._timed("gate"):
            if self.gate is None or not content:
                flags = np.ones(len(content), dtype=bool)
            else:
                flags = self.gate.passes([text for _, text in content], [k for k, _ in content])
        self.sentences += len(flags)
        self.skipped += int((~flags).sum())
        rest = iter(flags.tolist())
        return [[self.tagger.reads(s) if s.furniture else next(rest) for s in sentences] for sentences in split]

    def _score(
        self, split: Sequence[Sequence[Sentence]], titles: Sequence[str | None], passes: Sequence[Sequence[bool]]
    ) -> list[list[Scores]]:
        """Give the scores of every sentence, nothing for those that are not read. Each text is read once."""
        keys: list[list[bytes | None]] = []
        asked: dict[bytes, tuple[str, str]] = {}
        found: dict[bytes, Scores] = {}
        for sentences, title, read in zip(split, titles, passes, strict=True):
            row: list[bytes | None] = []
            contexts = self.tagger.contexts(sentences, title)
            for sentence, context, flag in zip(sentences, contexts, read, strict=True):
                key = _key(sentence.text, context) if flag else None
                row.append(key)
                if key is None:
                    continue
                if key in found or key in asked or key in self._known:
                    self.repeated += 1
                if key in self._known:
                    found[key] = self._known[key]
                    self._known.move_to_end(key)
                elif key not in found:
                    asked[key] = (sentence.text, context)
            keys.append(row)
        texts, contexts = ([pair[n] for pair in asked.values()] for n in (0, 1))
        found |= dict(zip(asked, self.tagger.score(texts, contexts), strict=True))
        self._remember(found)
        return [[found[key] if key else {} for key in row] for row in keys]

    def _remember(self, found: dict[bytes, Scores]) -> None:
        self._known.update(found)
        while len(self._known) > REMEMBERED:
            self._known.popitem(last=False)

    def _tagged(
        self, source: str, title: str | None, sentences: Sequence[Sentence], scores: Sequence[Scores]
    ) -> TaggedArticle:
        tagged = [self.tagger.tagged(sentence, row) for sentence, row in zip(sentences, scores, strict=True)]
        return summarise(self.tagger.schema, source=source, title=title, sentences=tagged)

    @contextmanager
    def _timed(self, stage: str) -> Iterator[None]:
        start = time.perf_counter()
        yield
        self.seconds[stage] += time.perf_counter() - start


def _key(text: str, context: str) -> bytes:
    # The length keeps a text that holds a NUL apart from a shorter one whose context goes on with one.
    return blake2b(f"{len(text)} {text}{context}".encode("utf-8", "surrogatepass"), digest_size=16).digest()
