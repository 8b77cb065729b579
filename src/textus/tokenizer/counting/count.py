"""Counts the words of a corpus, or of a sample of it, in one pass and in bounded memory."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from functools import partial
from itertools import chain
from typing import Protocol

from textus.cores import usable_cores
from textus.progress import Progress, silent
from textus.tokenizer.compiling import compiling
from textus.tokenizer.counting.parts import Parted
from textus.tokenizer.counting.pieces import is_cuttable, pieces
from textus.tokenizer.counting.runs import Runs
from textus.tokenizer.counting.sample import Sample, draw_sample, encoded
from textus.tokenizer.counting.sums import sum_words
from textus.tokenizer.counting.word_counts import Counted, WordCounts
from textus.tokenizer.definition import Normalizer, Splitter
from textus.tokenizer.split.compiled import cutter_for, is_compiled
from textus.tokenizer.threads import check_threads

_BATCH = 1_000_000  # bytes of documents that a thread counts at once
_SMALL = 1_000_000  # bytes of text up to which plain Python is soon done


class Table(Protocol):
    """What words are counted in: `PlainTable`, or `CompiledTable`, which imports numba."""

    def add_documents(self, documents: Sequence[bytes], /) -> None: ...

    def add_counted(self, words: Counted, /) -> None: ...

    def parted(self) -> Parted: ...


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

    Where all words together take more than `memory` bytes, by `word_memory`, the rarest are left
    out, all of one count together; so the result depends on the documents alone, neither on their
    order nor on the number of threads (None: as many as there are processors). Counting itself
    takes no more than `memory`, beyond the documents at hand, a few megabytes for each thread: what
    its tables have no room for waits on disk.

    plain: without compiled code; None: where there is little text or the pattern has no name.
    progress: hears of compiling only.
    """
    check_threads(threads)
    documents = iter(documents)
    if plain is None:
        beginning = _take(documents, _SMALL)
        plain = not is_compiled(splitter) or sum(map(len, beginning)) < _SMALL
        documents = chain(beginning, documents)
    threads = 1 if plain else threads or usable_cores()
    new_table = _plain_table(splitter) if plain else _compiled_table(splitter, progress)
    if not plain and is_cuttable(splitter):
        documents = chain.from_iterable(pieces(document, _BATCH) for document in documents)
    with Runs() as runs:
        tables = [new_table(memory=memory // threads, spill=runs.add) for _ in range(threads)]
        _fill_tables(tables, _batches(documents))
        counted = _all_parted(tables)
        if runs.all():
            while counted:
                runs.add(counted.pop())
        sources = runs.all() or counted
        return sum_words(sources, new_table, memory=memory, threads=threads)


def _fill_tables(tables: Sequence[Table], batches: Iterable[list[bytes]]) -> None:
    """Counts batches, each thread into a table of its own."""
    free, busy = list(tables), dict[Future[None], Table]()
    with ThreadPoolExecutor(len(tables)) as pool:
        for batch in batches:
            if not free:
                for future in wait(busy, return_when=FIRST_COMPLETED).done:
                    future.result()
                    free.append(busy.pop(future))
            table = free.pop()
            busy[pool.submit(table.add_documents, batch)] = table
        for future in busy:
            future.result()


def _all_parted(tables: list[Table]) -> list[Parted]:
    """What the tables have counted; they are gone afterwards."""
    with ThreadPoolExecutor(len(tables)) as pool:
        counted = list(pool.map(lambda table: table.parted(), tables))
    tables.clear()
    return counted


def _plain_table(splitter: Splitter) -> Callable[..., Table]:
    from textus.tokenizer.counting.plain import PlainTable

    return partial(PlainTable, splitter)


def _compiled_table(splitter: Splitter, progress: Progress) -> Callable[..., Table]:
    with compiling("counting words", progress):
        from textus.tokenizer.counting.compiled import CompiledTable

        cutter = cutter_for(splitter)
        CompiledTable(cutter).add_documents([b"a"])
    return partial(CompiledTable, cutter)


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
