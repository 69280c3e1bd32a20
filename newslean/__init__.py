r"""newslean tags news, sentence by sentence, with a trained model.

>>> from newslean import Tagger
>>> text = "Chips Are Scarce in China\n\nThe export ban holds Chinese labs back."
>>> article = Tagger.load("models/current").tag_text(text)
>>> article.title
'Chips Are Scarce in China'
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from newslean.articles import Article, read_articles
    from newslean.errors import DataError, ModelError, NewsleanError
    from newslean.results import TaggedArticle, TaggedSentence
    from newslean.splitting import Sentence, split_sentences
    from newslean.tagger import Tagger

__version__ = "0.1.0"

_HOMES = {
    "Article": "articles",
    "DataError": "errors",
    "ModelError": "errors",
    "NewsleanError": "errors",
    "Sentence": "splitting",
    "TaggedArticle": "results",
    "TaggedSentence": "results",
    "Tagger": "tagger",
    "read_articles": "articles",
    "split_sentences": "splitting",
}

__all__ = [
    "Article",
    "DataError",
    "ModelError",
    "NewsleanError",
    "Sentence",
    "TaggedArticle",
    "TaggedSentence",
    "Tagger",
    "read_articles",
    "split_sentences",
]


def __getattr__(name: str) -> Any:
    """Import a public name when it is first asked for: ``--help`` must not load a model's libraries (PEP 562)."""
    if name not in _HOMES:
        raise AttributeError(f"module 'newslean' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"newslean.{_HOMES[name]}"), name)
