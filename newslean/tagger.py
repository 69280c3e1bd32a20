"""From sentences to labels: the one place where a trained model is asked.

Knows the model folder, the splitter and the article rule; does not know how
an article was read or how results are printed.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from newslean.articles import Article
from newslean.calibration import decide, probabilities
from newslean.context import context_of
from newslean.errors import DataError, ModelError
from newslean.manifest import Manifest, read_manifest
from newslean.results import Scores, TaggedArticle, TaggedSentence, summarise
from newslean.schema import Labels, Schema
from newslean.splitting import Sentence, given_units, split_units, title_of

_LETTER = re.compile(r"[^\W\d_]")
_LINK = re.compile(r"!?\[([^\[\]]{0,400})\]\([^()\s]{1,2000}(?:\s+\"[^\"]{0,400}\")?\)")

Logits = dict[str, NDArray[np.float32]]
"""Dimension to an array of shape (sentences, labels)."""


class Model(Protocol):
    """What a trained model must be able to do."""

    def logits(self, texts: Sequence[str], contexts: Sequence[str]) -> Logits:
        """Score sentences, each with the context that its manifest asks for ('' for none)."""


class Tagger:
    """A trained model, ready to tag.

    Examples
    --------
    >>> tagger = Tagger.load("models/current")
    >>> [sentence] = tagger.tag_sentences(["Chinese labs still trail their American rivals in chips."])
    >>> sentence.labels
    {'topic': ['chips'], 'stance': 'us_ahead'}
    """

    def __init__(self, model: Model, manifest: Manifest) -> None:
        self.model = model
        self.manifest = manifest

    @classmethod
    def load(
        cls,
        path: str | Path = "models/current",
        *,
        min_confidence: float | None = None,
        precision: Literal["int8", "float"] = "int8",
        threads: int | None = None,
    ) -> Self:
        """Load a model folder after checking every file against its hash.

        Parameters
        ----------
        path : path
            A model folder as ``python -m train`` writes it.
        min_confidence : float, optional
            Probability in 0..1 below which a ``single`` dimension gets its
            neutral label, if it has one, beside the model's own rule; ``multi``
            ones keep their thresholds.
        precision : {"int8", "float"}
            Which graph of a fine-tuned model: the shipped one, or the float
            one that a training run leaves beside it.
        threads : int, optional
            Sentences that a fine-tuned model scores at once; one a core where not given.

        Raises
        ------
        ModelError
            If the folder is missing, damaged or of a newer format, or ``min_confidence`` would change nothing.
        """
        manifest = read_manifest(path)
        if min_confidence is not None:
            manifest = _cautious(manifest, min_confidence, path)
        # Imported here: each kind of model needs a library that the other does not.
        if manifest.kind == "baseline":
            from newslean.baseline import Baseline

            return cls(Baseline.load(path, manifest), manifest)
        from newslean.finetuned import Finetuned

        finetuned = Finetuned.load(path, manifest, precision=precision, threads=threads)
        if not manifest.mix:
            return cls(finetuned, manifest)
        from newslean.baseline import Baseline
        from newslean.mixed import Mixed

        return cls(Mixed(finetuned, Baseline.load(path, manifest), manifest.mix), manifest)

    @property
    def schema(self) -> Schema:
        """The label set that the model was trained on."""
        return self.manifest.schema

    def tag_text(self, text: str, *, title: str | None = None) -> TaggedArticle:
        """Split a text into sentences, or whatever the unit of the label set is, and tag them.

        Parameters
        ----------
        text : str
            An article.
        title : str, optional
            Its title; found in the text where not given.
        """
        return next(self.tag_articles([Article(source="text", text=text, title=title)]))

    def tag_sentences(self, sentences: Sequence[str], *, title: str | None = None) -> list[TaggedSentence]:
        """Tag the consecutive sentences of one article, or whatever the unit of the label set is.

        Parameters
        ----------
        sentences : sequence of str
            In the order of the article: the one before may be context for the next, unless the unit is the whole text.
        title : str, optional
            The article's title, if the model uses it as context.

        Raises
        ------
        DataError
            If it is given one text instead of a list of sentences.
        """
        texts = [] if isinstance(sentences, str) else list(sentences)
        if isinstance(sentences, str) or not all(isinstance(text, str) for text in texts):
            raise DataError("sentences: expected a list of strings; found something else. Use tag_text for a text.")
        return self._tag(given_units(texts, self.schema.unit, title=title), title)

    def tag_articles(self, articles: Iterable[Article]) -> Iterator[TaggedArticle]:
        """Tag articles one after the other, as they come."""
        for article in articles:
            sentences = split_units(article.text, self.schema.unit)
            title = article.title or title_of(sentences)
            yield summarise(self.schema, source=article.source, title=title, sentences=self._tag(sentences, title))

    def _tag(self, sentences: Sequence[Sentence], title: str | None) -> list[TaggedSentence]:
        contexts = self.contexts(sentences, title)
        read = [n for n, s in enumerate(sentences) if self.reads(s)]
        scores = dict(
            zip(read, self.score([sentences[n].text for n in read], [contexts[n] for n in read]), strict=True)
        )
        return [self.tagged(s, scores.get(n, {})) for n, s in enumerate(sentences)]

    def contexts(self, sentences: Sequence[Sentence], title: str | None) -> list[str]:
        """Give the context of each of the consecutive sentences of an article, as the model reads it.

        Furniture is none for what follows, and has none itself unless it is read.
        """
        contexts, before = [], None
        for sentence in sentences:
            context = context_of(self.manifest.context, title=None if sentence.title else title, before=before)
            contexts.append(context if self.reads(sentence) else "")
            before = before if sentence.furniture else sentence.text
        return contexts

    def reads(self, sentence: Sentence) -> bool:
        """Tell whether the model is asked about a sentence; furniture is, if a dimension has no neutral label."""
        return not sentence.furniture or bool(self._unspoken)

    @property
    def _unspoken(self) -> list[str]:
        """Dimensions of which furniture too must be asked, since they have no label for nothing to report."""
        return [d.name for d in self.schema.dimensions if not d.multi and d.neutral is None]

    def score(self, texts: Sequence[str], contexts: Sequence[str]) -> list[Scores]:
        """Give the calibrated probabilities of sentences, each with its context ('' for none).

        The addresses of links in Markdown are left out of what the model reads: they are no words of it.

        Raises
        ------
        ModelError
            If the model gives what is no probability.
        """
        if not texts:
            return []
        read = [[_without_addresses(text) for text in given] for given in (texts, contexts)]
        arrays = probabilities(self.model.logits(*read), self.schema, self.manifest.calibration)
        dimensions = self.schema.dimensions
        if broken := [d.name for d in dimensions if not np.isfinite(arrays[d.name]).all()]:
            raise ModelError(
                f"{self.manifest.name} {self.manifest.version}: expected finite scores; found others for {broken}. "
                "Its weights or its calibration are damaged: take another model."
            )
        rows = zip(*(arrays[d.name].tolist() for d in dimensions), strict=True)
        return [{d.name: dict(zip(d.labels, v, strict=True)) for d, v in zip(dimensions, r, strict=True)} for r in rows]

    def _furniture_scores(self, scores: Scores) -> Scores:
        plain = {d.name: {label: float(label == d.neutral) for label in d.labels} for d in self.schema.dimensions}
        return plain | {name: scores[name] for name in self._unspoken}

    def tagged(self, sentence: Sentence, scores: Scores) -> TaggedSentence:
        """Decide on a sentence's labels from its scores; without any, as for furniture, they are neutral."""
        s = sentence
        if s.furniture:
            scores = self._furniture_scores(scores)
        calibration = self.manifest.calibration
        labels: Labels = {
            d.name: decide(d, scores[d.name], calibration) if scores else d.neutral or []
            for d in self.schema.dimensions
        }
        return TaggedSentence(s.text, s.start, s.end, labels, scores, s.furniture)


def _cautious(manifest: Manifest, min_confidence: float, path: str | Path) -> Manifest:
    """Give a manifest by which doubtful answers become the neutral label."""
    if not 0 <= min_confidence <= 1:
        raise ModelError(f"min_confidence: expected a number from 0 to 1; found {min_confidence}.")
    limits = {d.name: min_confidence for d in manifest.schema.dimensions if not d.multi and d.neutral is not None}
    if not limits:
        raise ModelError(
            f"{path}: min_confidence: expected a model with a dimension of one label a {manifest.schema.unit} that has "
            "a neutral one, to be given in doubt; found none. Leave it out, and choose by the scores instead."
        )
    return replace(manifest, calibration=replace(manifest.calibration, min_confidence=limits))


def _without_addresses(text: str) -> str:
    """Leave a link's words and drop its address, unless nothing would be left to read."""
    plain = _LINK.sub(r"\1", text) if "](" in text else text
    return plain if _LETTER.search(plain) else text
