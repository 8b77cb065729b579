"""Many texts to the ids of random cuts, on several threads: the twin of `Sampler.plain_ids`."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import accumulate
from typing import Any, NamedTuple

import numpy as np

from textus.cores import usable_cores
from textus.tokenizer.compiling import compiling
from textus.tokenizer.definition import Splitter
from textus.tokenizer.engine.cutting import cutting_kernel
from textus.tokenizer.engine.encoder import tell_terminal
from textus.tokenizer.sampling_kernels import CHUNK, sample_texts
from textus.tokenizer.split.compiled import cutter_for
from textus.tokenizer.split.kernels import PADDING, SLACK

_GROUP = 1 << 18  # bytes of text that one call of a kernel takes, at least
_SCRATCH = 4096  # what kernels that cut words expect


class Group(NamedTuple):
    """Texts that one thread cuts together, in UTF-8, and the keys of their random numbers."""

    texts: Sequence[bytes]
    keys: Sequence[int]


class SamplingEngine:
    """Cuts texts into words by the compiled twin of a splitter, and words by kernels that draw.

    `tables` are those of such a kernel (see `engine.cutting`); their member `state` is replaced.
    Several threads may call one engine.
    """

    def __init__(self, splitter: Splitter, tables: Any):
        with compiling("sampling", tell_terminal):
            self._cutter = cutter_for(splitter)
            self._tables = tables._replace(state=np.zeros(1, dtype=np.uint64))
            self._kernel = cutting_kernel(self._tables)
            self._sample(Group([b"a"], [0]))

    def sample_batch(
        self, texts: Sequence[bytes], keys: Sequence[int], *, threads: int | None
    ) -> tuple[np.ndarray, np.ndarray]:
        """The ids of all texts, uint32, and the offsets between which each text's lie, int64."""
        groups = list(_groups(texts, keys))
        workers = min(threads or usable_cores(), len(groups))
        if workers > 1:
            with ThreadPoolExecutor(workers) as pool:
                parts = list(pool.map(self._sample, groups))
        else:
            parts = list(map(self._sample, groups))
        ids = [np.empty(0, dtype=np.uint32), *(ids for ids, _ in parts)]
        counts = [np.zeros(1, dtype=np.int64), *(counts for _, counts in parts)]
        return np.concatenate(ids), np.cumsum(np.concatenate(counts))

    def _sample(self, group: Group) -> tuple[np.ndarray, np.ndarray]:
        """The ids of a group of texts, and how many each has."""
        data = np.frombuffer(b"".join([*group.texts, bytes(PADDING)]), dtype=np.uint8)
        ends = np.array([*accumulate(map(len, group.texts))], dtype=np.int64)
        out, counts = np.empty(len(data), dtype=np.uint32), np.empty(len(ends), dtype=np.int64)
        size = sample_texts(
            data,
            ends,
            np.array(group.keys, dtype=np.uint64),
            self._cutter,
            np.empty(CHUNK + SLACK, dtype=np.int64),
            np.empty(_SCRATCH, dtype=np.uint64),
            (self._kernel, self._tables._replace(state=np.zeros(1, dtype=np.uint64))),
            (out, counts),
        )
        return out[:size].copy(), counts


def _groups(texts: Sequence[bytes], keys: Sequence[int]) -> Iterator[Group]:
    """The texts in order, as many together as make up a group."""
    first = size = 0
    for i, text in enumerate(texts):
        size += len(text)
        if size >= _GROUP or i + 1 == len(texts):
            yield Group(texts[first : i + 1], keys[first : i + 1])
            first, size = i + 1, 0
