"""Counts the words of a corpus, or of a sample of it, in one pass."""

import math
from collections import Counter
from collections.abc import Iterable
from hashlib import blake2b

from textus.progress import Progress, silent
from textus.text import replace_surrogates
from textus.tokenizer.split.patterns import split_words


def count_words(
    texts: Iterable[str], *, training_bytes: int | None, progress: Progress = silent
) -> Counter[str]:
    """How often each word occurs in `texts`, or in some `training_bytes` bytes of them.

    The texts are gone through once; memory grows with the number of distinct words. The sample
    holds whole texts (at least one) and depends on the set of texts only, not on their order.
    """
    sample = _Sample(training_bytes)
    done = 0
    for text in texts:
        clean = replace_surrogates(text)
        data = clean.encode()
        sample.add(clean, data)
        done += len(data)
        progress(done, None, f"counting words, {sample.num_bytes():,} bytes in the sample")
    return sample.total()


class _Sample:
    """Word counts by slices of the texts' hashes; slices are dropped while the sample is too large.

    A text with hash u, uniform in (0, 1], falls into slice floor(-4 log2 u): slice 0 holds the
    largest 16% of the hashes, slices 4 and up hold half of all texts, 8 and up a quarter. As texts
    come in, the lowest slices are dropped first, so what remains is every text whose hash is below
    a bound.
    """

    def __init__(self, training_bytes: int | None):
        self.limit = math.inf if training_bytes is None else training_bytes
        self.lowest = 0
        self.words: dict[int, Counter[str]] = {}
        self.sizes: dict[int, int] = {}

    def num_bytes(self) -> int:
        return sum(self.sizes.values())

    def total(self) -> Counter[str]:
        total: Counter[str] = Counter()
        for counts in self.words.values():
            total.update(counts)
        return total

    def add(self, text: str, data: bytes) -> None:
        index = _slice_of(data)
        if not data or index < self.lowest:
            return
        self.words.setdefault(index, Counter()).update(split_words(text))
        self.sizes[index] = self.sizes.get(index, 0) + len(data)
        while self.num_bytes() > self.limit and len(self.sizes) > 1:
            lowest = min(self.sizes)
            del self.words[lowest], self.sizes[lowest]
            self.lowest = lowest + 1


def _slice_of(data: bytes) -> int:
    number = int.from_bytes(blake2b(data, digest_size=8).digest(), "big")
    return math.floor(-4 * math.log2((number + 1) / 2**64))
