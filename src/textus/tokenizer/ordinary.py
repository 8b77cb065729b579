"""Ordinary text to ids, without special or added tokens: by the engine where that pays."""

from collections.abc import Sequence
from itertools import chain
from typing import Any

import numpy as np

from textus.text_array import TextArray
from textus.tokenizer.definition import Definition
from textus.tokenizer.word_ids import WordIds

ENGINE_CHARACTERS = 20_000
"""From this size on, loading the engine costs less than encoding in plain Python."""

LOADED_ENGINE_CHARACTERS = 200
"""The same once the engine is loaded; a call of it costs some microseconds."""


class OrdinaryText:
    """Encodes normalized text; both ways give the same ids.

    The engine, compiled by numba, is made when a call first brings text enough. Short texts are
    encoded in plain Python, so that a program that has no other need for numba never waits for it.
    """

    def __init__(self, definition: Definition):
        self._definition = definition
        self._word_ids = WordIds(definition.model)
        self._engine: Any = None

    def prepare(self, num_characters: int) -> None:
        """Makes the engine where so much text is to come: what normalizes the text first may be
        compiled together with it."""
        if self._engine_pays(num_characters):
            self._made_engine()

    def encode(self, text: str) -> list[int]:
        """The ids of one text."""
        if self._engine_pays(len(text)):
            return self._made_engine().encode(text.encode()).tolist()
        words = self._definition.splitter.split(text)
        return list(chain.from_iterable(map(self._word_ids.__getitem__, words)))

    def encode_batch(
        self, texts: Sequence[str], *, threads: int | None
    ) -> tuple[np.ndarray, np.ndarray]:
        """The ids of all texts, uint32, and the len(texts) + 1 offsets, int64, between which each
        text's ids lie; by `threads` threads, None: one for each core."""
        if self._engine_pays(sum(map(len, texts))):
            return self._made_engine().encode_batch([t.encode() for t in texts], threads=threads)
        rows = [self.encode(text) for text in texts]
        offsets = np.cumsum([0, *map(len, rows)], dtype=np.int64)
        ids = np.fromiter(chain.from_iterable(rows), dtype=np.uint32, count=int(offsets[-1]))
        return ids, offsets

    def encode_array(self, texts: TextArray) -> tuple[np.ndarray, np.ndarray]:
        """As `encode_batch`, by the thread that calls."""
        if self._engine_pays(len(texts.data)):
            return self._made_engine().encode_buffer(texts.data, texts.offsets)
        return self.encode_batch(list(texts), threads=1)

    def _engine_pays(self, num_characters: int) -> bool:
        loaded = self._engine is not None
        return num_characters >= (LOADED_ENGINE_CHARACTERS if loaded else ENGINE_CHARACTERS)

    def _made_engine(self) -> Any:
        if self._engine is None:
            from textus.tokenizer.engine.encoder import Encoder  # imports numba

            self._engine = Encoder(self._definition)
        return self._engine
