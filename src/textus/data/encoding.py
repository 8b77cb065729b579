"""From documents to tokens: piece by piece on all cores, in order, within a bound of memory.

A worker is handed where a piece of the corpus lies, not its text: it reads, encodes and checks the
piece itself. So reading uses all cores too, and between processes only ids are passed.
"""

import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from itertools import compress, groupby
from typing import NamedTuple, Protocol

import numpy as np

from textus.errors import DataError
from textus.text_array import TextArray

Encode = Callable[[TextArray], tuple[np.ndarray, np.ndarray]]
"""Encodes n texts without special tokens: all ids, uint32, and the n + 1 offsets, int64, between
which each text's ids lie."""

MEMORY_PER_WORKER = 1 << 24
"""Text, in bytes, that may be in the work for each worker; a larger piece goes through alone."""


class Piece(Protocol):
    """Some consecutive documents, which a worker reads; it is pickled to get into a process."""

    @property
    def size(self) -> int:
        """Bytes of text, near enough to measure progress by."""
        ...

    def sources(self) -> list[str]:
        """The name of each document's source, read without the texts."""
        ...

    def read(self) -> tuple[list[str], TextArray]:
        """Of each document the source's name, and the text."""
        ...


class Job(NamedTuple):
    """A piece, and which of its documents are wanted: (documents,) bool, or None for all."""

    piece: Piece
    wanted: np.ndarray | None = None


class Encoded(NamedTuple):
    """The documents of a piece as they stand in a shard, each after an end-of-text id."""

    runs: list[tuple[str, int]]
    """Consecutive documents of one source: its name, and how many there are."""
    tokens: np.ndarray
    """All ids, in the dtype of the shards."""
    starts: np.ndarray
    """Where in `tokens` each document starts, int64."""
    sizes: np.ndarray
    """Bytes of each document's text in UTF-8, int64."""


@dataclass(frozen=True, kw_only=True)
class Encoding:
    """How a piece becomes tokens. `encode` may be called by several threads at once."""

    encode: Encode
    end_of_text: int
    vocab_size: int
    dtype: np.dtype

    def __call__(self, job: Job) -> Encoded:
        """Reads and encodes the piece; DataError where an id does not belong into a document."""
        sources, texts = job.piece.read()
        if job.wanted is not None:
            sources, texts = list(compress(sources, job.wanted)), texts.select(job.wanted)
        sizes = texts.sizes
        ids, offsets = self.encode(texts)
        del texts  # a document of a gigabyte need not lie beside its tokens
        self._check(ids, offsets, sources)
        tokens, starts = self._assemble(ids, offsets)
        runs = [(source, len(list(same))) for source, same in groupby(sources)]
        return Encoded(runs, tokens, starts, sizes)

    def _assemble(self, ids: np.ndarray, offsets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The ids with an end-of-text id before each document, and where these stand."""
        documents = len(offsets) - 1
        starts = offsets[:-1] + np.arange(documents, dtype=np.int64)
        tokens = np.empty(len(ids) + documents, self.dtype)
        is_id = np.ones(len(tokens), bool)
        is_id[starts] = False
        tokens[is_id] = ids
        tokens[starts] = self.end_of_text
        return tokens, starts

    def _check(self, ids: np.ndarray, offsets: np.ndarray, sources: list[str]) -> None:
        if not ids.size:
            return
        if ids.max() >= self.vocab_size:
            at = int(ids.argmax())
            raise DataError(
                f"The encoder gave id {ids[at]} for a document of source "
                f"{_source_at(at, offsets, sources)!r}, but the vocabulary has {self.vocab_size:,} "
                "ids; encode with the tokenizer that vocab_size was taken from."
            )
        ends = ids == self.end_of_text
        if ends.any():
            raise DataError(
                f"The encoder gave the end-of-text id {self.end_of_text} inside a document of "
                f"source {_source_at(int(ends.argmax()), offsets, sources)!r}, where it would cut "
                "the document in two; encode without special tokens."
            )


def _source_at(position: int, offsets: np.ndarray, sources: list[str]) -> str:
    return sources[int(np.searchsorted(offsets, position, side="right")) - 1]


def encode_pieces(
    jobs: Iterable[Job], encoding: Encoding, *, workers: int, processes: bool
) -> Generator[tuple[Piece, Encoded]]:
    """Each piece with its tokens, in the order of `jobs`.

    `workers` threads do the work, or as many processes where the encoder keeps Python's lock.
    Begins no piece that would bring the text at work, or waiting to be fetched, above
    MEMORY_PER_WORKER for each worker, unless nothing else is at work.
    """
    with _pool(encoding, workers, processes) as pool:
        call = _encode_in_process if processes else encoding
        waiting: deque[tuple[Piece, Future[Encoded]]] = deque()
        held = 0
        try:
            for job in jobs:
                while waiting and held + job.piece.size > workers * MEMORY_PER_WORKER:
                    held -= waiting[0][0].size
                    yield _first(waiting)
                waiting.append((job.piece, pool.submit(call, job)))
                held += job.piece.size
            while waiting:
                yield _first(waiting)
        except BrokenProcessPool as error:
            raise DataError(
                "a process that encodes documents ended early. In a script of your own, put the "
                "call under `if __name__ == '__main__':`, as each process runs the script's "
                "beginning; otherwise the memory may not have sufficed: free some and start again"
            ) from error
        finally:
            pool.shutdown(cancel_futures=True)


def _first(waiting: deque[tuple[Piece, Future[Encoded]]]) -> tuple[Piece, Encoded]:
    piece, future = waiting.popleft()
    return piece, future.result()


def _pool(encoding: Encoding, workers: int, processes: bool) -> Executor:
    if not processes:
        return ThreadPoolExecutor(workers, "encode")
    # Spawned, not forked: a fork of a process with threads (torch, pyarrow) may hang.
    spawn = multiprocessing.get_context("spawn")
    return ProcessPoolExecutor(workers, spawn, initializer=_begin_process, initargs=(encoding,))


_OF_THIS_PROCESS: list[Encoding] = []


def _begin_process(encoding: Encoding) -> None:
    """Keeps the encoding for all pieces; the process ends with its parent, however that ends."""
    _OF_THIS_PROCESS[:] = [encoding]
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl-C goes to all; the parent tells of it
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)


def _encode_in_process(job: Job) -> Encoded:
    return _OF_THIS_PROCESS[0](job)
