"""Many texts to ids, on several threads: the fast twin of splitting and `encode_word`."""

import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import accumulate, chain, pairwise
from typing import Any, NamedTuple

import numpy as np

from textus.cores import usable_cores
from textus.errors import DataError
from textus.progress import Progress
from textus.tokenizer.compiling import compiling
from textus.tokenizer.definition import Definition, Splitter
from textus.tokenizer.engine.cutting import cutting_kernel, kernel_for_many
from textus.tokenizer.engine.kernels import CHUNK, encode_texts, encode_words
from textus.tokenizer.engine.table import WordTable, new_table
from textus.tokenizer.split.compiled import cutter_for, is_compiled
from textus.tokenizer.split.kernels import PADDING, SLACK, WordCutter

_GROUP = 1 << 18
"""Bytes of text that one call of a kernel takes, at least: enough that the call costs nothing, and
few enough that they stay in the processor's cache."""

_BYTES = ("utf-8", "surrogateescape")

CompiledModel = tuple[int, int, NamedTuple]
"""A model for the kernels: the addresses of its own (see `cutting`), and its tables."""


def tell_terminal(done: int, total: int | None, text: str) -> None:
    """Writes the text of a progress report to stderr where that is a terminal."""
    if sys.stderr.isatty():
        print(f"textus: {text}", file=sys.stderr)


class Encoder:
    """Encodes UTF-8 texts as a definition says; special tokens and normalizers are left out.

    The ids are those of `definition.model.encode_word` for each word of `definition.splitter`,
    whatever the threads, the batch and what was encoded before. Several threads may call one
    encoder. Each thread that encodes has a table of words of its own of some megabytes.

    All kernels are compiled when an encoder is made, or loaded from disk; where it takes long,
    `progress` hears of it.
    """

    def __init__(self, definition: Definition, *, progress: Progress = tell_terminal):
        self._definition = definition
        self._idle: list[_Worker] = []
        with compiling("encoding", progress):
            model: Any = definition.model
            tables: NamedTuple = model.tables()
            self._model: CompiledModel = cutting_kernel(tables), kernel_for_many(tables), tables
            self._cutter = _find_cutter(definition.splitter)
            self.encode(b"a")

    def encode(self, text: bytes) -> np.ndarray:
        """The ids of one text, uint32 (num_ids,)."""
        return self.encode_batch([text], threads=1)[0]

    def encode_batch(
        self, texts: Sequence[bytes], threads: int | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """The ids of all texts one behind another, uint32, and where each text's begin, int64.

        Text i is ids[offsets[i]:offsets[i + 1]]. `threads` None means one for each core. Raises
        DataError for fewer than one thread.
        """
        if threads is not None and threads < 1:
            raise DataError(f"threads={threads} is below 1; use 1 or more, or None for all cores.")
        groups = list(_groups(texts))
        workers = min(threads or usable_cores(), len(groups))
        if workers > 1:
            with ThreadPoolExecutor(workers) as pool:
                return _join_ids(list(pool.map(self._encode_group, groups)))
        return _join_ids([self._encode_group(group) for group in groups])

    def encode_buffer(self, data: np.ndarray, offsets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """As `encode_batch`, by one thread: text i is data[offsets[i]:offsets[i + 1]], uint8.

        Nearly all of `data` is encoded where it lies. It must be valid UTF-8 throughout.
        """
        if self._cutter is None:
            texts = [data[begin:end].tobytes() for begin, end in pairwise(offsets.tolist())]
            return self.encode_batch(texts, threads=1)
        with self._worker() as worker:
            views = (_view(data, offsets[part]) for part in _parts(offsets))
            return _join_ids([worker.encode(*view, self._cutter, self._model) for view in views])

    def _encode_group(self, texts: Sequence[bytes]) -> tuple[np.ndarray, np.ndarray]:
        """The ids of some texts, and how many each has."""
        with self._worker() as worker:
            if self._cutter is not None:
                return worker.encode(*_join(texts), self._cutter, self._model)
            words = [self._split(text) for text in texts]
            return worker.encode_words(words, self._model)

    @contextmanager
    def _worker(self) -> Iterator["_Worker"]:
        """One that no other thread has."""
        try:
            worker = self._idle.pop()  # atomic, as is append
        except IndexError:
            worker = _Worker()
        try:
            yield worker
        finally:
            self._idle.append(worker)

    def _split(self, text: bytes) -> list[bytes]:
        words = self._definition.splitter.split(text.decode(*_BYTES))
        return [word.encode(*_BYTES) for word in words]

    def __reduce__(self) -> tuple[type["Encoder"], tuple[Definition]]:
        return Encoder, (self._definition,)  # tables are soon built anew


class _Worker:
    """What one thread needs to encode: a table of words, and room to write to."""

    def __init__(self) -> None:
        self._table: WordTable = new_table()
        self._starts = np.empty(CHUNK + SLACK, dtype=np.int64)
        self._out = np.empty(0, dtype=np.uint32)

    def encode(
        self, data: np.ndarray, ends: np.ndarray, cutter: WordCutter, model: CompiledModel
    ) -> tuple[np.ndarray, np.ndarray]:
        """The ids of texts that are cut by a kernel, and how many each has; see `encode_texts`."""
        out = self._room(len(data))
        counts = np.empty(len(ends), dtype=np.int64)
        size = encode_texts(data, ends, cutter, self._starts, self._table, model, out, counts)
        return out[:size].copy(), counts

    def encode_words(
        self, texts: Sequence[Sequence[bytes]], model: CompiledModel
    ) -> tuple[np.ndarray, np.ndarray]:
        """The ids of texts that are cut into words already, and how many each has."""
        words = [word for word in chain.from_iterable(texts) if word]
        data, ends = _join(words)
        starts = np.concatenate([_FIRST, ends])
        out = self._room(len(data))
        counts = np.empty(len(texts), dtype=np.int64)
        at = first = 0
        for i, text in enumerate(texts):
            last = first + sum(map(bool, text))
            end = encode_words(data, starts, first, last, self._table, model, out, at)
            counts[i] = end - at
            at, first = end, last
        return out[:at].copy(), counts

    def _room(self, size: int) -> np.ndarray:
        """Room for `size` ids; for the next group too, unless it is uncommonly large."""
        if size <= len(self._out):
            return self._out
        room = np.empty(size, dtype=np.uint32)
        if size <= 4 * _GROUP:
            self._out = room
        return room


_NO_IDS = np.empty(0, dtype=np.uint32)
_NO_COUNTS = np.zeros(1, dtype=np.int64)
_FIRST = np.zeros(1, dtype=np.int64)


def _find_cutter(splitter: Splitter) -> WordCutter | None:
    """The compiled twin of a splitter; None where words are cut in Python."""
    return cutter_for(splitter) if is_compiled(splitter) else None


def _groups(texts: Sequence[bytes]) -> Iterator[Sequence[bytes]]:
    """The texts in order, as many together as make up a group."""
    first = size = 0
    for i, text in enumerate(texts):
        size += len(text)
        if size >= _GROUP:
            yield texts[first : i + 1]
            first, size = i + 1, 0
    if first < len(texts):
        yield texts[first:]


def _parts(offsets: np.ndarray) -> Iterator[slice]:
    """As `_groups`, the places among `offsets` of the ends of each group's texts, and one more."""
    first, last = 0, len(offsets) - 1
    while first < last:
        end = min(int(np.searchsorted(offsets, offsets[first] + _GROUP)), last)
        yield slice(first, end + 1)
        first = end


def _view(data: np.ndarray, offsets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The texts between `offsets` with readable bytes behind them, and their ends.

    What stands behind a text does not change its words; a copy is made at the end of `data` alone.
    """
    begin, end = int(offsets[0]), int(offsets[-1])
    view = data[begin : end + PADDING]
    if len(view) < end - begin + PADDING:
        view = np.concatenate([data[begin:end], np.zeros(PADDING, dtype=np.uint8)])
    view.flags.writeable = False  # as that of `_join`: the kernels are compiled for one kind
    return view, offsets[1:] - begin


def _join_ids(parts: Sequence[tuple[np.ndarray, np.ndarray]]) -> tuple[np.ndarray, np.ndarray]:
    """All ids, and where each text's begin, from the ids of each part and their counts."""
    ids = [ids for ids, _ in parts]
    offsets = np.cumsum(np.concatenate([_NO_COUNTS, *(counts for _, counts in parts)]))
    return (ids[0] if len(ids) == 1 else np.concatenate([_NO_IDS, *ids])), offsets


def _join(texts: Sequence[bytes]) -> tuple[np.ndarray, np.ndarray]:
    """The texts one behind another, padded, as uint8; and their ends, int64."""
    data = np.frombuffer(b"".join([*texts, bytes(PADDING)]), dtype=np.uint8)
    ends = np.fromiter(accumulate(map(len, texts)), dtype=np.int64, count=len(texts))
    return data, ends
