"""A fine-tuned encoder as an ONNX graph: tokenizer, ONNX Runtime, nothing else.

Knows ``model.onnx`` and ``tokenizer.json``; knows nothing of labels beyond
the number and order of its outputs.
"""

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray
from tokenizers import Tokenizer

from newslean.encoding import encode, load_tokenizer, sentence_mask
from newslean.errors import ModelError
from newslean.manifest import Manifest

GRAPH, FLOAT_GRAPH = "model.onnx", "model.float.onnx"

BEFORE, STATES = "context.states", "text.states"
"""Of a graph that reads each text by itself: its input, the states of the tokens of the sentence's context, and the
output that gives the sentence's own, for the sentence after it."""

CHAIN = 16
"""Most sentences of an article that one thread reads in a row, where there are more threads than one."""

Scored = list[NDArray[np.float32]]
"""A sentence's logits by dimension, each of shape (1, labels)."""


class Finetuned:
    """An encoder with one head per dimension.

    Where its graph reads sentence and context apart (`BEFORE`), a sentence that is the context of the next is read
    once for both.

    Sentences are scored one by one, by default in as many threads as there are cores.
    Dynamic int8 takes one scale for all that it is given at once, so in a
    batch a sentence's scores would hang on its neighbours; alone, the answer
    is the same whatever stands beside it, and no padding is computed.
    """

    def __init__(
        self, session: ort.InferenceSession, tokenizer: Tokenizer, manifest: Manifest, *, threads: int | None = None
    ) -> None:
        self.session = session
        self.threads = threads or cores()
        self.tokenizer = tokenizer
        self.manifest = manifest
        self.inputs = {i.name: i for i in session.get_inputs()}

    @classmethod
    def load(
        cls,
        folder: str | Path,
        manifest: Manifest,
        *,
        precision: Literal["int8", "float"] = "int8",
        threads: int | None = None,
    ) -> Self:
        """Load the graph and its tokenizer from a model folder whose hashes were checked."""
        folder = Path(folder)
        graph = folder / (GRAPH if precision == "int8" else FLOAT_GRAPH)
        if precision not in ("int8", "float"):
            raise ModelError(f"precision: expected 'int8' or 'float'; found {precision!r}.")
        if not graph.exists() or graph.name not in {*manifest.files, *manifest.optional_files}:
            raise ModelError(
                f"{graph}: expected this graph; found none. Train with python -m train, which leaves it there."
            )
        try:
            session = open_session(graph)
            tokenizer = load_tokenizer(folder / "tokenizer.json", max_length=manifest.max_length)
        except Exception as error:  # noqa: BLE001 - both libraries raise bare exceptions of their own
            raise ModelError(
                f"{folder}: expected a graph and a tokenizer that load; {error}. Update onnxruntime."
            ) from None
        inputs = {given.name: given.shape for given in session.get_inputs()}
        if (BEFORE in inputs) != manifest.late_context:
            raise ModelError(
                f"{graph}: expected the input {BEFORE} {'as' if manifest.late_context else 'only where'} late_context "
                f"says; found {', '.join(inputs)}. Restore the model folder."
            )
        if BEFORE in inputs and not isinstance(inputs[BEFORE][-1], int):
            raise ModelError(f"{graph}: expected {BEFORE} to have a size; found {inputs[BEFORE]}. Export it again.")
        outputs = {output.name for output in session.get_outputs()}
        if missing := {*manifest.schema.names, *([STATES] if BEFORE in inputs else [])} - outputs:
            raise ModelError(
                f"{graph}: expected an output for {sorted(missing)}; found {sorted(outputs)}. Export it again."
            )
        for output in session.get_outputs():
            expected = len(manifest.schema[output.name].labels) if output.name in manifest.schema.names else None
            width = output.shape[-1] if output.shape else None
            if expected is not None and isinstance(width, int) and width != expected:
                raise ModelError(
                    f"{graph}: expected {expected} scores for {output.name!r}; found {width}. Export it again."
                )
        return cls(session, tokenizer, manifest, threads=threads)

    def logits(self, texts: Sequence[str], contexts: Sequence[str]) -> dict[str, NDArray[np.float32]]:
        """Score sentences.

        Parameters
        ----------
        texts, contexts : sequences of str
            Of the same length; an empty context is left out.

        Returns
        -------
        dict
            Dimension to float32 array of shape (len(texts), labels).

        Raises
        ------
        ModelError
            If graph and tokenizer do not fit each other.
        """
        pairs = list(zip(texts, contexts, strict=True))
        score, longest = self._read_pair, 1
        if BEFORE in self.inputs:
            score, longest = self._read_chain, -(-len(pairs) // self.threads)
        parts = chains(pairs, longest=longest if self.threads == 1 else min(CHAIN, longest))
        if self.threads == 1:
            found = list(map(score, parts))
        else:
            with ThreadPoolExecutor(self.threads) as pool:
                found = list(pool.map(score, parts))
        rows = [row for part in found for row in part]
        return {name: np.concatenate([row[n] for row in rows]) for n, name in enumerate(self.manifest.schema.names)}

    def _read_pair(self, pairs: Sequence[tuple[str, str]]) -> list[Scored]:
        """Score one sentence behind its context."""
        [(text, context)] = pairs
        return [self._run(self.manifest.schema.names, text, context)]

    def _read_chain(self, pairs: Sequence[tuple[str, str]]) -> list[Scored]:
        """Score sentences of which each is the context of the next."""
        size, rows = self.inputs[BEFORE].shape[2], []
        before = np.zeros((1, 0, size), np.float32)
        if context := pairs[0][1]:
            [before] = self._run([STATES], context, states=before, options=_states_alone())
        for text, _ in pairs:
            *scores, before = self._run([*self.manifest.schema.names, STATES], text, states=before)
            rows.append(scores)
        return rows

    def _run(
        self,
        names: Sequence[str],
        text: str,
        context: str = "",
        *,
        states: NDArray[np.float32] | None = None,
        options: ort.RunOptions | None = None,
    ) -> list[NDArray[np.float32]]:
        """Run the graph on a sentence behind a context, as text or as the states of its tokens."""
        encoding = encode(self.tokenizer, text, context, max_length=self.manifest.max_length)
        arrays: dict[str, Any] = {
            "input_ids": encoding.ids,
            "attention_mask": encoding.attention_mask,
            "token_type_ids": encoding.type_ids,
            "sentence_mask": sentence_mask(encoding),
        }
        feed: dict[str, NDArray[Any]] = {
            name: np.array([arrays[name]], dtype=np.int64) for name in self.inputs if name != BEFORE
        }
        if states is not None:
            feed[BEFORE] = states
        try:
            return list(self.session.run(list(names), feed, options))
        except Exception as error:  # noqa: BLE001 - ONNX Runtime raises bare exceptions of its own
            raise ModelError(
                f"{GRAPH}: expected it to take what its tokenizer gives; {error}. Train the model again."
            ) from None


def chains(pairs: Sequence[tuple[str, str]], *, longest: int) -> list[list[tuple[str, str]]]:
    """Cut sentences with their contexts where one is not the context of the next, and after so many.

    Examples
    --------
    >>> chains([("a", ""), ("b", "a"), ("d", "c")], longest=9)
    [[('a', ''), ('b', 'a')], [('d', 'c')]]
    >>> chains([("", ""), ("b", "")], longest=9)
    [[('', '')], [('b', '')]]
    """
    found: list[list[tuple[str, str]]] = []
    for pair in pairs:
        if found and pair[1] and pair[1] == found[-1][-1][0] and len(found[-1]) < longest:
            found[-1].append(pair)
        else:
            found.append([pair])
    return found


def _states_alone() -> ort.RunOptions:
    """Leave out what a run's outputs do not hang on: of a context the last layer is not asked."""
    options = ort.RunOptions()
    options.only_execute_path_to_fetches = True
    return options


def cores() -> int:
    """Count the processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def open_session(graph: str | Path) -> ort.InferenceSession:
    """Open a graph for use from several threads, each call on one core."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    # The fused kernel of this addition and normalisation is slower than the two by themselves: 17 % of a sentence.
    return ort.InferenceSession(
        str(graph), options, providers=["CPUExecutionProvider"], disabled_optimizers=["SkipLayerNormFusion"]
    )
