"""Random cuts of a text, for training: each time another one, the same for the same seed."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain
from numbers import Integral
from typing import Any

import numpy as np

from textus.errors import DataError
from textus.tokenizer.bpe.dropout import cut_with_dropout
from textus.tokenizer.bpe.model import Merges
from textus.tokenizer.definition import Definition
from textus.tokenizer.draws import Draws, key_of, threshold_of
from textus.tokenizer.kinds import kind_of
from textus.tokenizer.ordinary import ENGINE_CHARACTERS, LOADED_ENGINE_CHARACTERS
from textus.tokenizer.split.compiled import is_compiled
from textus.tokenizer.unigram.model import Unigram
from textus.tokenizer.unigram.sampling import Weights, sample_word, weights_of


@dataclass(frozen=True, kw_only=True)
class Sampling:
    """How cuts are drawn; see `Tokenizer.encode_sampled`."""

    seed: int
    dropout: float = 0.0
    alpha: float = 0.0

    def __post_init__(self) -> None:
        if not isinstance(self.seed, Integral):
            raise DataError(f"seed={self.seed!r} is no whole number; give one.")
        if not 0 <= self.dropout <= 1:
            raise DataError(f"dropout={self.dropout} must be from 0 to 1.")
        if not 0 <= self.alpha < math.inf:
            raise DataError(f"alpha={self.alpha} must be 0 or more; 0.1 to 0.5 is usual.")


class Sampler:
    """Cuts normalized texts at random by the model of a definition.

    The cut of a text depends on it, the definition and the settings alone. Much text is cut by
    kernels where there are such for splitter and model, on several threads; else by plain Python.
    """

    def __init__(self, definition: Definition):
        self._definition = definition
        self._weights = lru_cache(maxsize=4)(self._new_weights)
        self._engine = lru_cache(maxsize=4)(self._new_engine)

    def encode(self, text: str, how: Sampling) -> list[int]:
        """The ids of a random cut."""
        return self.encode_batch([text], how, threads=1)[0].tolist()

    def encode_batch(
        self, texts: Sequence[str], how: Sampling, *, threads: int | None
    ) -> tuple[np.ndarray, np.ndarray]:
        """The ids of all texts, uint32, and the offsets between which each text's lie, int64.

        Raises DataError where the settings are for another model.
        """
        self._check(how)
        if self._is_compiled(how) and self._engine_pays(sum(map(len, texts))):
            keys = [key_of(text, seed=how.seed) for text in texts]
            engine = self._engine(how.dropout, how.alpha)
            return engine.sample_batch([text.encode() for text in texts], keys, threads=threads)
        rows = [self.plain_ids(text, how) for text in texts]
        offsets = np.cumsum([0, *map(len, rows)], dtype=np.int64)
        ids = np.fromiter(chain.from_iterable(rows), dtype=np.uint32, count=int(offsets[-1]))
        return ids, offsets

    def plain_ids(self, text: str, how: Sampling) -> list[int]:
        """The ids of a random cut, in plain Python."""
        model = self._definition.model
        draws = Draws(key_of(text, seed=how.seed))
        ids: list[int] = []
        for word in self._definition.splitter.split(text):
            if isinstance(model, Unigram):
                ids += sample_word(model, word.encode(), self._weights(how.alpha), draws)
            elif isinstance(model, Merges):
                ids += cut_with_dropout(model, word.encode(), dropout=how.dropout, draws=draws)
        return ids

    def _check(self, how: Sampling) -> None:
        model = self._definition.model
        if isinstance(model, Merges) and not how.alpha:
            return
        if isinstance(model, Unigram) and not how.dropout:
            return
        raise DataError(
            f"encode_sampled with dropout={how.dropout} and alpha={how.alpha} is not for a "
            f"tokenizer of the kind {kind_of(model)}; give dropout for bpe and alpha for unigram."
        )

    def _is_compiled(self, how: Sampling) -> bool:
        """Whether there are kernels: those of BPE begin with bytes, and leave out merges."""
        if not is_compiled(self._definition.splitter):
            return False
        model = self._definition.model
        return isinstance(model, Unigram) or (
            isinstance(model, Merges) and not model.characters and how.dropout > 0
        )

    def _engine_pays(self, num_characters: int) -> bool:
        loaded = self._engine.cache_info().currsize > 0
        return num_characters >= (LOADED_ENGINE_CHARACTERS if loaded else ENGINE_CHARACTERS)

    def _new_weights(self, alpha: float) -> Weights:
        model = self._definition.model
        assert isinstance(model, Unigram)
        return weights_of(model, alpha=alpha)

    def _new_engine(self, dropout: float, alpha: float) -> Any:
        from textus.tokenizer.engine.sampling import SamplingEngine  # imports numba

        model: Any = self._definition.model
        if isinstance(model, Unigram):
            from textus.tokenizer.unigram.sampling_kernels import SamplingTables

            tables = SamplingTables(model.tables(), *self._weights(alpha), state=_NO_STATE)
        else:
            from textus.tokenizer.bpe.dropout_kernels import DropoutTables

            tables = DropoutTables(model.tables(), threshold_of(dropout), state=_NO_STATE)
        return SamplingEngine(self._definition.splitter, tables)


_NO_STATE = np.zeros(1, dtype=np.uint64)
