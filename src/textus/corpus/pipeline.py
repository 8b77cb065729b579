"""Runs a list of steps over a stream of batches, on one core or all, with the same result."""

import multiprocessing
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import AbstractContextManager, nullcontext
from itertools import groupby
from typing import NamedTuple

import pyarrow as pa

from textus.cores import usable_cores
from textus.corpus.batches import check_rows, settle
from textus.corpus.config import Barrier, MapStep, Step
from textus.errors import DataError

# Below this, starting worker processes costs more than they save: each imports pyarrow first.
LARGE_INPUT_BYTES = 64_000_000


class Outcome(NamedTuple):
    """What became of a batch: the rows that go on, and what each step (by index) dropped."""

    kept: pa.RecordBatch
    rejected: list[tuple[int, pa.RecordBatch]]


def choose_workers(input_bytes: int, wanted: int | None) -> int:
    """The number of processes for an input of this size; `wanted` decides where it is given."""
    if wanted is not None:
        return max(1, wanted)
    return 1 if input_bytes < LARGE_INPUT_BYTES else usable_cores()


def run_steps(
    steps: Sequence[Step],
    batches: Iterator[pa.RecordBatch],
    *,
    on_rejected: Callable[[int, pa.RecordBatch], None],
    workers: int = 1,
) -> Iterator[pa.RecordBatch]:
    """The rows that every step keeps, in order.

    The others go to `on_rejected` with the index of the step; each step's rejects come in order.
    Neither rows nor order depend on the number of workers, only how the steps' rejects interleave.
    """
    maps = any(isinstance(step, MapStep) for step in steps)
    with _pool(workers if maps else 1) as pool:
        for is_barrier, group in groupby(enumerate(steps), lambda s: isinstance(s[1], Barrier)):
            if is_barrier:
                for index, step in group:
                    batches = _kept(_pass_barrier(index, step, batches), on_rejected)
            else:
                batches = _kept(_map(dict(group), batches, pool, workers), on_rejected)
        try:
            yield from batches
        except BrokenProcessPool as error:
            raise DataError(
                "a worker process of the corpus ended early. In a script of your own, put the call "
                "under `if __name__ == '__main__':`, as each worker runs the script's beginning; "
                "otherwise the memory may not have sufficed: free some and start again"
            ) from error


def _pool(workers: int) -> AbstractContextManager[ProcessPoolExecutor | None]:
    if workers == 1:
        return nullcontext()
    # Spawned, not forked: a fork of a process with threads (torch, pyarrow) may hang.
    return ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn"))


def _kept(
    results: Iterable[Outcome], on_rejected: Callable[[int, pa.RecordBatch], None]
) -> Iterator[pa.RecordBatch]:
    for outcome in results:
        for index, rejected in outcome.rejected:
            on_rejected(index, rejected)
        if outcome.kept.num_rows:
            yield outcome.kept


def _pass_barrier(index: int, step: Step, batches: Iterator[pa.RecordBatch]) -> Iterator[Outcome]:
    assert isinstance(step, Barrier)
    before = after = 0

    def counted() -> Iterator[pa.RecordBatch]:
        nonlocal before
        for batch in batches:
            before += batch.num_rows
            yield batch

    for batch in step.apply_all(counted()):
        after += batch.num_rows
        kept, rejected = settle(batch)
        yield Outcome(kept, [(index, rejected)] if rejected.num_rows else [])
    check_rows(before, after, step)


def _map(
    steps: dict[int, Step],
    batches: Iterator[pa.RecordBatch],
    pool: ProcessPoolExecutor | None,
    workers: int,
) -> Iterator[Outcome]:
    if pool is None:
        for batch in batches:
            yield apply_steps(steps, batch)
        return
    waiting: deque[Future[Outcome]] = deque()
    for batch in batches:
        waiting.append(pool.submit(apply_steps, steps, batch))
        if len(waiting) > 2 * workers:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()


def apply_steps(steps: dict[int, Step], batch: pa.RecordBatch) -> Outcome:
    """One batch through neighbouring steps, each named by its index in the recipe."""
    dropped = []
    for index, step in steps.items():
        assert isinstance(step, MapStep)
        after = step.apply(batch)
        check_rows(batch.num_rows, after.num_rows, step)
        batch, rejected = settle(after)
        if rejected.num_rows:
            dropped.append((index, rejected))
    return Outcome(batch, dropped)
