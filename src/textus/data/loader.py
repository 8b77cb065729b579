"""The batches of each training step, for each process, from any step on."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from textus.data.batch import Batch, packed_batch
from textus.data.mixture import Mixture, shares
from textus.data.order import SourceRows
from textus.data.shards import TokenSet
from textus.errors import DataError, RecipeError


@dataclass(frozen=True, kw_only=True)
class Drawn:
    """What one source has given so far: its share of the rows beside the one asked, and epochs."""

    source: str
    asked: float
    share: float
    rows: int
    tokens: int
    epochs: float


class Loader:
    """Yields without end, for each optimizer step, this process's micro-batches.

    Row i of a run is the same row however many rows a step has and however many processes share it:
    it depends on the shards, `weights`, `seed` and `seq_len` only. Each step takes the next
    `rows_per_step` rows, and each process a consecutive part of them, in order of rank; where they
    do not divide evenly, some get a row less, and with more processes than rows some get none (an
    empty list).
    """

    def __init__(
        self,
        tokens: TokenSet,
        *,
        seq_len: int,
        rows_per_step: int,
        seed: int,
        weights: Mapping[str, float] | None = None,
        rank: int = 0,
        world_size: int = 1,
        micro_rows: int | None = None,
    ):
        """`micro_rows`: rows in one batch at most (None: no limit); `weights`: None is by size."""
        if rows_per_step < 1:
            raise RecipeError(f"rows_per_step={rows_per_step} is too small; use at least 1.")
        if micro_rows is not None and micro_rows < 1:
            raise RecipeError(f"micro_rows={micro_rows} is too small; use at least 1.")
        self.seq_len, self.seed, self.rows_per_step = seq_len, seed, rows_per_step
        self.rank, self.world_size = rank, world_size
        self.micro_rows = micro_rows or rows_per_step
        self._tokens = tokens
        self._mixture = Mixture(shares(tokens, weights))
        self._rows = {
            name: SourceRows(
                tokens.sources[name], seq_len=seq_len, seed=seed, end_of_text=tokens.end_of_text
            )
            for name in self._mixture.shares
        }

    def __iter__(self) -> "Loader":
        return self

    def __next__(self) -> list[Batch]:
        step = self._mixture.deal(self.rows_per_step)
        begin = self.rows_per_step * self.rank // self.world_size
        end = self.rows_per_step * (self.rank + 1) // self.world_size
        return [
            self._batch(step[first : min(first + self.micro_rows, end)])
            for first in range(begin, end, self.micro_rows)
        ]

    def _batch(self, dealt: list[tuple[str, int]]) -> Batch:
        rows = np.empty((len(dealt), self.seq_len + 1), np.int64)
        for out, (source, row) in zip(rows, dealt, strict=True):
            self._rows[source].read(row, out)
        return packed_batch(rows, self._tokens.end_of_text, tuple(source for source, _ in dealt))

    def drawn(self) -> list[Drawn]:
        """What all processes together have drawn so far, per source."""
        total = self._mixture.rows or 1
        return [
            Drawn(
                source=name,
                asked=self._mixture.shares[name],
                share=rows / total,
                rows=rows,
                tokens=rows * self.seq_len,
                epochs=rows * self.seq_len / self._tokens.sources[name].total,
            )
            for name, rows in self._mixture.drawn.items()
        ]

    def state(self) -> dict[str, Any]:
        """Where the loader stands, as JSON: the next step is the first that was not yet given out.

        The same in every process, and good for any rank, world_size, micro_rows and rows_per_step.
        """
        return {"rows": dict(self._mixture.drawn), "data": self._fingerprint()}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Continues exactly where the loader that gave `state` stood.

        Raises DataError, naming the differences, if that one had other data, weights, seed or
        seq_len.
        """
        saved, present = _flat(state["data"]), _flat(self._fingerprint())
        differences = [
            f"{key} was {saved.get(key, 'absent')}, now {present.get(key, 'absent')}"
            for key in sorted(saved.keys() | present.keys())
            if saved.get(key) != present.get(key)
        ]
        if differences:
            raise DataError(
                f"The run that is to go on was fed with other data: {'; '.join(differences)}. "
                "Continue with the same data and settings, or start a new run."
            )
        self._mixture.drawn.update(state["rows"])

    def _fingerprint(self) -> dict[str, Any]:
        """All that the order of rows depends on."""
        sources = {
            name: {"share": share, "tokens": source.total, "digest": source.digest}
            for name, share in self._mixture.shares.items()
            for source in [self._tokens.sources[name]]
        }
        return {"seq_len": self.seq_len, "seed": self.seed, "sources": sources}


def _flat(fingerprint: Mapping[str, Any]) -> dict[str, Any]:
    """The fingerprint as one level of readable keys."""
    flat = {key: value for key, value in fingerprint.items() if key != "sources"}
    for name, source in fingerprint["sources"].items():
        flat |= {f"{key} of source {name!r}": value for key, value in source.items()}
    return flat
