"""A bounded choice among any number of sentences: a random sample, and the best by a cheap first look.

Knows candidates and the numbers that they are given; knows no model.
"""

import heapq
from collections.abc import Iterable, Sequence

import numpy as np

from train.candidates import Candidate


class Best:
    """The candidates with the highest numbers so far, each text once."""

    def __init__(self, size: int) -> None:
        self.size = size
        self._heap: list[tuple[float, int, Candidate]] = []
        self._texts: set[str] = set()
        self._count = 0

    def add(self, candidates: Sequence[Candidate], values: Iterable[float]) -> None:
        """Take those in whose numbers are high enough; of equals the earlier one stays."""
        for candidate, value in zip(candidates, values, strict=True):
            self._count -= 1
            full = len(self._heap) >= self.size
            key = text_key(candidate.text)
            if key in self._texts or not self.size or (full and value <= self._heap[0][0]):
                continue
            entry = (float(value), self._count, candidate)
            self._texts.add(key)
            if full:
                self._texts.discard(text_key(heapq.heapreplace(self._heap, entry)[2].text))
            else:
                heapq.heappush(self._heap, entry)

    def items(self) -> list[Candidate]:
        """Give them, the highest first."""
        return [candidate for _, _, candidate in sorted(self._heap, key=lambda entry: entry[:2], reverse=True)]


class Sample(Best):
    """A uniform random sample of a stream: the candidates with the highest random numbers."""

    def __init__(self, size: int, *, seed: int) -> None:
        super().__init__(size)
        self._random = np.random.default_rng(seed)

    def draw(self, candidates: Sequence[Candidate]) -> None:
        """Give each candidate its chance."""
        self.add(candidates, self._random.random(len(candidates)).tolist())


def text_key(text: str) -> str:
    """Give what two sentences share that differ only in case, spaces and marks around them."""
    return " ".join(text.casefold().split()).strip(" .,;:!?\"'“”‘’«»*_–—-")
