"""The TF-IDF baseline, put back into scikit-learn's own classes from arrays and a vocabulary.

Knows ``weights.safetensors`` and ``vocabulary.json``; scikit-learn does the
computing. Needs the extra ``newslean[baseline]``.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from newslean.errors import ModelError
from newslean.manifest import Manifest
from newslean.schema import Schema

VIEWS = ("word", "char_wb")
"""The two ways a sentence is cut into n-grams."""


class Baseline:
    """TF-IDF of word and character n-grams, one linear model per dimension.

    Parameters
    ----------
    vectorizers : mapping
        View to a fitted ``TfidfVectorizer``; their columns stand side by side.
    weights : mapping
        Dimension to (coefficients, shape (labels, features); intercepts, shape (labels,)).
    """

    def __init__(
        self, vectorizers: Mapping[str, Any], weights: Mapping[str, tuple[NDArray[Any], NDArray[Any]]]
    ) -> None:
        self.vectorizers = vectorizers
        self.weights = weights

    def logits(self, texts: Sequence[str], contexts: Sequence[str]) -> dict[str, NDArray[np.float32]]:
        """Score sentences: dimension to float32 array of shape (len(texts), labels). Contexts are not used."""
        from scipy.sparse import hstack

        features = hstack([vectorizer.transform(texts) for vectorizer in self.vectorizers.values()], format="csr")
        return {
            name: np.asarray(features @ coefficients.T + intercepts, dtype=np.float32)
            for name, (coefficients, intercepts) in self.weights.items()
        }

    def save(self, folder: str | Path) -> None:
        """Write ``weights.safetensors`` and ``vocabulary.json`` into an existing folder."""
        from safetensors.numpy import save

        from newslean.files import write_file

        views = {}
        arrays = {}
        for view, vectorizer in self.vectorizers.items():
            terms = sorted(vectorizer.vocabulary_, key=vectorizer.vocabulary_.__getitem__)
            settings = ("ngram_range", "sublinear_tf", "min_df")
            views[view] = {"terms": terms, **{key: getattr(vectorizer, key) for key in settings}}
            arrays[f"idf.{view}"] = vectorizer.idf_.astype(np.float32)
        for name, (coefficients, intercepts) in self.weights.items():
            arrays[f"coefficients.{name}"] = np.ascontiguousarray(coefficients, dtype=np.float32)
            arrays[f"intercepts.{name}"] = intercepts.astype(np.float32)
        write_file(Path(folder, "weights.safetensors"), save(arrays))
        write_file(Path(folder, "vocabulary.json"), json.dumps(views, ensure_ascii=False) + "\n")

    @classmethod
    def load(cls, folder: str | Path, manifest: Manifest) -> Self:
        """Load from a model folder whose hashes were checked.

        Raises
        ------
        ModelError
            If scikit-learn is not installed or the arrays do not fit the schema.
        """
        try:
            from safetensors import SafetensorError
            from safetensors.numpy import load_file
        except ImportError:
            raise _missing(folder) from None
        try:
            arrays = load_file(Path(folder, "weights.safetensors"))
            views = json.loads(Path(folder, "vocabulary.json").read_bytes())
            vectorizers = {
                view: vectorizer(view, views[view], arrays[f"idf.{view}"]) for view in VIEWS if view in views
            }
            return cls(
                vectorizers, _weights(arrays, manifest.schema, sum(len(v.vocabulary_) for v in vectorizers.values()))
            )
        except ImportError:
            raise _missing(folder) from None
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError, SafetensorError) as error:
            raise ModelError(
                f"{folder}: expected the arrays of a baseline; {error}. Restore the model folder."
            ) from None


def vectorizer(view: str, settings: Mapping[str, Any], idf: NDArray[np.float32] | None = None) -> Any:
    """Make a ``TfidfVectorizer``; with the stored terms and idf it is as good as fitted."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    made = TfidfVectorizer(
        analyzer=view,
        ngram_range=tuple(settings["ngram_range"]),
        sublinear_tf=settings["sublinear_tf"],
        min_df=settings["min_df"],
        strip_accents="unicode",
        # Keeps "U.S.", "o1" and single characters, which scikit-learn's own pattern drops.
        token_pattern=r"(?u)\b[\w.]*\w\b" if view == "word" else None,
        vocabulary={term: n for n, term in enumerate(settings["terms"])} if "terms" in settings else None,
        dtype=np.float32,
    )
    if idf is not None:
        made.idf_ = idf
    return made


def _weights(arrays: Mapping[str, Any], schema: Schema, features: int) -> dict[str, tuple[NDArray[Any], NDArray[Any]]]:
    weights = {}
    for d in schema.dimensions:
        coefficients, intercepts = arrays[f"coefficients.{d.name}"], arrays[f"intercepts.{d.name}"]
        if coefficients.shape != (len(d.labels), features) or intercepts.shape != (len(d.labels),):
            raise ValueError(
                f"{d.name}: {coefficients.shape} coefficients for {len(d.labels)} labels and {features} terms"
            )
        weights[d.name] = (coefficients, intercepts)
    return weights


def _missing(folder: str | Path) -> ModelError:
    return ModelError(
        f"{folder}: a baseline model needs scikit-learn and safetensors; they are not installed. "
        "pip install 'newslean[baseline]'"
    )
