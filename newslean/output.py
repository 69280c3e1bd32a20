"""Results for programs: articles as JSON.

Knows tagged articles. Knows no model beyond its name, and nothing of how a
person wants to read the result (that is `newslean.report`).
"""

import json
import re
from collections.abc import Iterable
from typing import Any, Protocol, TextIO

from newslean.errors import ModelError
from newslean.results import Scores, TaggedArticle

DIGITS = 6
"""Decimal places of every share, lean and score: more would only show the noise of the arithmetic."""

_SURROGATE = re.compile("[\ud800-\udfff]")


class ModelName(Protocol):
    """What the results say of the model that made them."""

    @property
    def name(self) -> str:
        """Name of the model."""

    @property
    def version(self) -> str:
        """Version of the model."""

    @property
    def kind(self) -> str:
        """How the model works: a baseline or a fine-tuned encoder."""


def article_to_dict(article: TaggedArticle, model: ModelName) -> dict[str, Any]:
    """Give a tagged article as plain data, the contract of ``--format json``.

    Parameters
    ----------
    article : TaggedArticle
        What the model said.
    model : ModelName
        Anything with ``name``, ``version`` and ``kind``.

    Returns
    -------
    dict
        ``source``, ``title``, ``model``, ``article`` and ``sentences``. A sentence has ``n`` (its
        place, from 0), ``start`` and ``end`` (code points), ``text``, ``labels`` and ``scores``;
        ``furniture`` stands only on sentences of the page.
    """
    return {
        "source": article.source,
        "title": article.title,
        "model": {"name": model.name, "version": model.version, "kind": model.kind},
        "article": {
            "labels": article.labels,
            "shares": _rounded(article.shares),
            "lean": {name: _round(value) for name, value in article.lean.items()},
        },
        "sentences": [
            {
                "n": n,
                "start": sentence.start,
                "end": sentence.end,
                "text": sentence.text,
                "labels": sentence.labels,
                "scores": _rounded(sentence.scores),
            }
            | ({"furniture": True} if sentence.furniture else {})
            for n, sentence in enumerate(article.sentences)
        ],
    }


def to_json(value: object) -> str:
    r"""Write plain data as one line of JSON that is valid UTF-8.

    Letters stay letters; a lone surrogate (half a character, from a damaged
    page or file name) has no UTF-8 form and is escaped.

    Raises
    ------
    ModelError
        If a number is NaN or infinite, for which JSON has no form.

    Examples
    --------
    >>> print(to_json({"title": "芯片 \ud83d"}))
    {"title": "芯片 \ud83d"}
    """
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False)
    except ValueError:
        raise ModelError("expected finite scores; found NaN or infinity. Train the model again.") from None
    return _SURROGATE.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def write_json(articles: Iterable[TaggedArticle], model: ModelName, stream: TextIO, *, as_list: bool) -> int:
    """Write articles as JSON, each as soon as it is tagged, one a line.

    Parameters
    ----------
    articles : iterable of TaggedArticle
        Read once; one is held at a time.
    model : ModelName
        Anything with ``name``, ``version`` and ``kind``.
    stream : text stream
        Where to write.
    as_list : bool
        Whether to write one list of all articles, or each article by itself.

    Returns
    -------
    int
        Number of articles written. With none, nothing is written at all.
    """
    done = 0
    for done, article in enumerate(articles, 1):
        line = to_json(article_to_dict(article, model))
        stream.write(("[\n" if done == 1 else ",\n") + line if as_list else line + "\n")
    if done and as_list:
        stream.write("\n]\n")
    return done


def _rounded(scores: Scores) -> Scores:
    return {name: {label: _round(value) for label, value in row.items()} for name, row in scores.items()}


def _round(value: float) -> float:
    return round(float(value), DIGITS) + 0.0  # + 0.0: never "-0.0"
