"""Counts the words of a corpus, or of a sample of it, in one pass and in bounded memory."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from itertools import chain
from typing import Protocol

from textus.cores import usable_cores
from textus.progress import Progress, silent
from textus.tokenizer.compiling import compiling
from textus.tokenizer.counting.runs import Runs
from textus.tokenizer.counting.sample import Sample, draw_sample, encoded
from textus.tokenizer.counting.word_counts import Counted, WordCounts
from textus.tokenizer.definition import Normalizer, Splitter
from textus.tokenizer.split.patterns import PATTERNS, PatternSplitter

_BATCH = 2_000_000  # bytes of documents that a thread counts at once
_SMALL = 1_000_000  # bytes of text up to which plain Python is soon done


class Table(Protocol):
    """What words are counted in: `PlainTable`, or `CompiledTable`, which imports numba."""

    def add_documents(self, documents: Sequence[bytes], /) -> None: ...

    def add_counted(self, words: Counted, /) -> None: ...

    def num_bytes(self) -> int: ...

    def counted(self) -> Counted: ...

    def clear(self) -> None: ...


def count_words(
    texts: Iterable[str],
    splitter: Splitter,
    *,
    training_bytes: int | None,
    memory: int,
    threads: int | None = None,
    normalizer: Normalizer | None = None,
    progress: Progress = silent,
) -> WordCounts:
    """How often each word occurs in `texts`, or in some `training_bytes` bytes of them.

    The texts are gone through once. The sample holds whole texts (at least one) and depends on
    the set of texts only, not on their order; it waits on disk. The words are those of `splitter`
    on the normalized texts, compiled where its pattern has a name. The rest is as in
    `count_documents`.
    """
    if training_bytes is None:
        documents = encoded(texts, normalizer=normalizer, progress=progress)
        return count_documents(
            documents, splitter, memory=memory, threads=threads, progress=progress
        )
    with Sample(training_bytes) as sample:
        draw_sample(sample, texts, normalizer=normalizer, progress=progress)
        size = sample.num_bytes()
        documents = _reported(sample.documents(), size, progress)
        return count_documents(
            documents, splitter, memory=memory, threads=threads, progress=progress
        )


def count_documents(
    documents: Iterable[bytes],
    splitter: Splitter,
    *,
    memory: int,
    threads: int | None = None,
    plain: bool | None = None,
    progress: Progress = silent,
) -> WordCounts:
    """How often each word occurs in documents, given in UTF-8.

    The tables of all threads (None: as many as there are processors) take half of `memory` bytes
    at most; what is beyond waits on disk. Where all words together take more than `memory`, by
    `word_memory`, the rarest are left out, all of one count together; so the result depends on the
    documents alone, neither on their order nor on the number of threads.

    plain: without compiled code; None: where there is little text or the pattern has no name.
    progress: hears of compiling only.
    """
    documents = iter(documents)
    if plain is None:
        beginning = _take(documents, _SMALL)
        plain = not _has_kernel(splitter) or sum(map(len, beginning)) < _SMALL
        documents = chain(beginning, documents)
    threads = 1 if plain else threads or usable_cores()
    new_table = _plain_table(splitter) if plain else _compiled_table(splitter, progress)
    with Runs() as runs:
        tables = _fill_tables(_batches(documents), new_table, runs, threads, memory // 2)
        if not runs:
            for table in tables[1:]:
                tables[0].add_counted(table.counted())
            return WordCounts.sorted(*tables[0].counted()).within(memory)
        for table in tables:
            runs.add(table.counted())
            table.clear()
        return runs.word_counts(memory, new_table)


def _fill_tables(
    batches: Iterable[list[bytes]],
    new_table: Callable[[], Table],
    runs: Runs,
    threads: int,
    memory: int,
) -> list[Table]:
    """Counts batches, each thread into a table of its own; full tables go to `runs`."""
    tables = [new_table() for _ in range(threads)]
    free, busy = list(tables), dict[Future[None], Table]()
    with ThreadPoolExecutor(threads) as pool:
        for batch in batches:
            if not free:
                for future in wait(busy, return_when=FIRST_COMPLETED).done:
                    future.result()
                    free.append(busy.pop(future))
            table = free.pop()
            busy[pool.submit(_count_batch, table, batch, runs, memory // threads)] = table
        for future in busy:
            future.result()
    return tables


def _count_batch(table: Table, batch: list[bytes], runs: Runs, memory: int) -> None:
    table.add_documents(batch)
    if table.num_bytes() > memory:
        runs.add(table.counted())
        table.clear()


def _has_kernel(splitter: Splitter) -> bool:
    return isinstance(splitter, PatternSplitter) and splitter.pattern in PATTERNS


def _plain_table(splitter: Splitter) -> Callable[[], Table]:
    from textus.tokenizer.counting.plain import PlainTable

    return lambda: PlainTable(splitter)


def _compiled_table(splitter: Splitter, progress: Progress) -> Callable[[], Table]:
    assert isinstance(splitter, PatternSplitter)
    with compiling("counting words", progress):
        from textus.tokenizer.counting.compiled import CompiledTable
        from textus.tokenizer.split.kernels import word_cutter

        cutter = word_cutter(splitter.pattern)
        CompiledTable(cutter).add_documents([b"a"])
    return lambda: CompiledTable(cutter)


def _take(documents: Iterator[bytes], num_bytes: int) -> list[bytes]:
    """The first documents, of so many bytes together if there are as many."""
    taken, size = [], 0
    for document in documents:
        taken.append(document)
        size += len(document)
        if size >= num_bytes:
            break
    return taken


def _batches(documents: Iterator[bytes]) -> Iterator[list[bytes]]:
    while batch := _take(documents, _BATCH):
        yield batch


def _reported(documents: Iterable[bytes], total: int, progress: Progress) -> Iterator[bytes]:
    done = 0
    for document in documents:
        done += len(document)
        yield document
        progress(done, total, "counting words")
