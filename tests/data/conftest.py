"""Token sets in memory whose ids are all different, and documents to be written as shards."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from textus.data.shard_writer import write_shards
from textus.data.shards import SourceCounts, SourceTokens, TokenSet
from textus.text_array import TextArray

MakeTokens = Callable[..., TokenSet]


def _make_tokens(shards_by_source: dict[str, list[list[int]]]) -> TokenSet:
    """Per source the lengths of its documents (without end-of-text, id 0), shard by shard."""
    sources, following = {}, 1
    for name, shards in sorted(shards_by_source.items()):
        ids, starts = [], []
        for lengths in shards:
            flat: list[int] = []
            starts.append(np.array([sum(lengths[:i]) + i for i in range(len(lengths))]))
            for length in lengths:
                flat += [0, *range(following, following + length)]
                following += length
            ids.append(np.array(flat, dtype="<u4"))
        sources[name] = SourceTokens(name, ids, starts, bytes=following, digest=f"{shards}")
    return TokenSet(sources=sources, end_of_text=0, vocab_size=following)


@pytest.fixture(scope="session")
def make_tokens() -> MakeTokens:
    return _make_tokens


@dataclass
class Documents:
    """A piece of (source, text) pairs, as the shard writer takes them, that counts its reads."""

    pairs: Sequence[tuple[str, str]]
    reads: int = 0

    @property
    def size(self) -> int:
        return sum(len(text.encode()) for _, text in self.pairs)

    def sources(self) -> list[str]:
        return [source for source, _ in self.pairs]

    def read(self) -> tuple[list[str], TextArray]:
        self.reads += 1
        return self.sources(), TextArray.of(text for _, text in self.pairs)


@pytest.fixture(scope="session")
def piece() -> type[Documents]:
    return Documents


END = 9


def encode_digits(texts: TextArray) -> tuple[np.ndarray, np.ndarray]:
    """Digits 0 to 8 as ids; all other characters must be ASCII."""
    ids = np.frombuffer("".join(texts).encode(), np.uint8).astype(np.uint32) - ord("0")
    return ids, np.cumsum([0, *map(len, texts)], dtype=np.int64)


@pytest.fixture(scope="session")
def encode() -> Callable[..., Any]:
    return encode_digits


Write = Callable[..., dict[str, SourceCounts]]


@pytest.fixture(scope="session")
def write() -> Write:
    """Writes pairs of source and text, or pieces, as the split `train`; END is end-of-text."""

    def write(out: Path, documents: Sequence[Any], **options: Any) -> dict[str, SourceCounts]:
        whole = all(isinstance(document, tuple) for document in documents)
        pieces = [Documents(documents)] if whole and documents else documents
        settings: dict[str, Any] = {"encode": encode_digits, "vocab_size": 10, "shard_tokens": 8}
        settings |= options
        return write_shards(pieces, out, split="train", end_of_text=END, **settings)

    return write
