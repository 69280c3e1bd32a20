"""What tagging gives: sentences with labels, articles with shares, and the rule from one to the other.

Knows the schema and numbers; knows no model, no file and no screen.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from newslean.schema import Dimension, Labels, Schema

Scores = dict[str, dict[str, float]]
"""Calibrated probabilities: dimension name to label to probability in 0..1."""

ARTICLE_SHARE = 0.1
"""Share of an article's sentences from which a label counts as the article's own."""


@dataclass(frozen=True, slots=True)
class TaggedSentence:
    """One sentence with what the model says of it.

    Attributes
    ----------
    text : str
        The sentence as published.
    start, end : int
        Code-point offsets into the article's text; 0 and ``len(text)`` for a sentence given by itself.
    labels : dict
        Dimension to its label (``single``) or list of labels (``multi``).
    scores : dict
        Dimension to label to calibrated probability. They add up to 1 for a ``single`` dimension.
        Empty for a sentence that no model was asked about; its labels are then the neutral ones.
    furniture : bool
        Whether it belongs to the page, not the article. It then has no topic and the neutral
        label, if there is one, and is left out of the article's shares.
    """

    text: str
    start: int
    end: int
    labels: Labels
    scores: Scores
    furniture: bool = False


@dataclass(frozen=True, slots=True)
class TaggedArticle:
    """One article with its tagged sentences and what follows from them.

    Attributes
    ----------
    source : str
        Where the article came from: a path, ``-`` or ``text``.
    title : str or None
        The title found or given.
    sentences : tuple of TaggedSentence
        In the order of the text.
    labels : dict
        The article's own labels, by the rule of `summarise`.
    shares : dict
        Dimension to label to the share (0..1) of the article's sentences with that label.
    lean : dict
        Dimension with opposites to -1..1: +1 is wholly the first of the pair, -1 wholly the second.
    """

    source: str
    title: str | None
    sentences: tuple[TaggedSentence, ...]
    labels: Labels = field(default_factory=dict)
    shares: Scores = field(default_factory=dict)
    lean: dict[str, float] = field(default_factory=dict)


def summarise(schema: Schema, *, source: str, title: str | None, sentences: Sequence[TaggedSentence]) -> TaggedArticle:
    """Derive an article's labels, shares and lean from its sentences.

    Furniture is left out. A share is the number of sentences with a label over
    the number of sentences. A topic (``multi`` label) is the article's when its
    share is at least `ARTICLE_SHARE`. For a ``single`` dimension the article
    takes the most frequent label other than the neutral one, provided that all
    of those together reach `ARTICLE_SHARE`; the neutral label otherwise. Without
    a neutral label it takes the most frequent one, of the furniture if there is
    nothing else, and "" if there is no sentence at all. Ties go to the higher
    sum of probabilities. Lean is (first - second) / (all sentences that are not
    neutral), so that "closing" pulls it towards 0.
    """
    content = [sentence for sentence in sentences if not sentence.furniture]
    labels: Labels = {}
    shares: Scores = {}
    lean: dict[str, float] = {}
    for dimension in schema.dimensions:
        counts = _count(dimension, content)
        total = max(len(content), 1)
        shares[dimension.name] = {label: counts[label] / total for label in dimension.labels}
        if not content and dimension.neutral is not None:
            shares[dimension.name][dimension.neutral] = 1.0
        if dimension.multi or dimension.neutral is not None:
            labels[dimension.name] = _article_labels(dimension, counts, content, total)
        else:
            judged = content or sentences
            labels[dimension.name] = _most_frequent(dimension, _count(dimension, judged), judged)
        if dimension.opposites:
            first, second = dimension.opposites[0]
            spoken = sum(sentence.labels[dimension.name] not in ([], dimension.neutral) for sentence in content)
            lean[dimension.name] = (counts[first] - counts[second]) / spoken if spoken else 0.0
    return TaggedArticle(source, title, tuple(sentences), labels, shares, lean)


def _count(dimension: Dimension, sentences: Sequence[TaggedSentence]) -> dict[str, int]:
    counts = dict.fromkeys(dimension.labels, 0)
    for sentence in sentences:
        value = sentence.labels[dimension.name]
        for label in [value] if isinstance(value, str) else value:
            counts[label] += 1
    return counts


def _article_labels(
    dimension: Dimension, counts: dict[str, int], sentences: Sequence[TaggedSentence], total: int
) -> str | list[str]:
    if dimension.multi:
        return [label for label in dimension.labels if counts[label] >= max(ARTICLE_SHARE * total, 1)]
    spoken = {label: count for label, count in counts.items() if label != dimension.neutral and count}
    if sum(spoken.values()) < max(ARTICLE_SHARE * total, 1):
        return dimension.neutral or ""
    return _most_frequent(dimension, spoken, sentences)


def _most_frequent(dimension: Dimension, counts: dict[str, int], sentences: Sequence[TaggedSentence]) -> str:
    if not sentences:
        return ""
    scored = [s.scores[dimension.name] for s in sentences if s.scores]
    return max(counts, key=lambda label: (counts[label], sum(scores[label] for scores in scored)))
