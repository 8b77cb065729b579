"""Token shards: documents as flat files of 16- or 32-bit ids, read back through memory maps.

Each document is stored as the end-of-text id followed by its own ids, `E d1 d2 ... dn`, so that in
a stream of documents E is both the end of one and the beginning of the next. A document never spans
two files.

    FOLDER/SPLIT/index.json                 dtype, end_of_text; per source shards, tokens, bytes ...
    FOLDER/SPLIT/SOURCE-00000.bin           the ids, little-endian, nothing else
    FOLDER/SPLIT/SOURCE-00000.starts.npy    int64, where in the file each document starts
"""

import bisect
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from textus.errors import DataError

INDEX = "index.json"


@dataclass(frozen=True, kw_only=True)
class Shard:
    """One file of a source; `tokens` counts the end-of-text ids too."""

    file: str
    tokens: int
    documents: int


@dataclass(frozen=True, kw_only=True)
class SourceCounts:
    """What was written for one source: `bytes` of text in UTF-8; `digest` identifies the ids."""

    shards: tuple[Shard, ...]
    tokens: int
    documents: int
    bytes: int
    digest: str


def token_dtype(vocab_size: int) -> np.dtype:
    """The narrowest of uint16 and uint32 that holds every id below `vocab_size`, little-endian."""
    return np.dtype("<u2" if vocab_size <= 1 << 16 else "<u4")


class SourceTokens:
    """One source's documents, laid end to end over its shards.

    `starts` (int64, one per document) says where in that row of tokens each document's end-of-text
    id stands.
    """

    def __init__(
        self,
        name: str,
        shards: Sequence[np.ndarray],
        starts: Sequence[np.ndarray],
        *,
        bytes: int,
        digest: str,
    ):
        """`shards` are the ids of each file, `starts` the document starts within each file."""
        self.name, self.bytes, self.digest = name, bytes, digest
        self._shards = list(shards)
        self._offsets = [0, *np.cumsum([len(shard) for shard in shards]).tolist()]
        parts = zip(starts, self._offsets, strict=False)
        self.starts: np.ndarray = np.concatenate([part + offset for part, offset in parts])
        self.total: int = self._offsets[-1]

    @property
    def documents(self) -> int:
        return len(self.starts)

    def tokens(self, start: int, length: int) -> np.ndarray:
        """Ids (length,) from position `start` on, read-only: a view where they lie in one file."""
        shard = bisect.bisect_right(self._offsets, start) - 1
        inside = start - self._offsets[shard]
        piece = self._shards[shard][inside : inside + length]
        if len(piece) == length:
            return piece
        return np.concatenate([piece, self.tokens(start + len(piece), length - len(piece))])

    def document(self, number: int) -> np.ndarray:
        """Ids of one document, beginning with its end-of-text id."""
        start = int(self.starts[number])
        end = int(self.starts[number + 1]) if number + 1 < self.documents else self.total
        return self.tokens(start, end - start)


@dataclass(frozen=True, kw_only=True)
class TokenSet:
    """A split's sources by name (in order of name)."""

    sources: dict[str, SourceTokens]
    end_of_text: int
    vocab_size: int


def open_shards(folder: Path, split: str) -> TokenSet:
    """Opens what `write_shards` wrote; the ids stay on disk until they are read.

    Raises DataError naming the file that is missing, of another size than the index says, or not
    what it should be.
    """
    path = folder / split / INDEX
    index = read_index(path)
    try:
        dtype = np.dtype(index["dtype"]).newbyteorder("<")
        end_of_text = int(index["end_of_text"])
        sources = {
            name: _open_source(path.parent, name, entry, dtype, end_of_text)
            for name, entry in sorted(index["sources"].items())
        }
        return TokenSet(
            sources=sources, end_of_text=end_of_text, vocab_size=int(index["vocab_size"])
        )
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise DataError(f"{path} is damaged ({error!r}); make the token shards again.") from error


def starts_file(ids: Path) -> Path:
    """Where the document starts of the shard file `ids` stand."""
    return ids.with_suffix(".starts.npy")


def read_index(path: Path) -> dict[str, Any]:
    """The index of a split as it stands on disk; DataError where it is missing or no JSON."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise DataError(f"{path} is missing; make the token shards first.") from error
    except ValueError as error:
        raise DataError(f"{path} is damaged ({error}); make the token shards again.") from error


def _open_source(
    folder: Path, name: str, entry: dict[str, Any], dtype: np.dtype, end_of_text: int
) -> SourceTokens:
    shards, starts = [], []
    for record in entry["shards"]:
        shard = Shard(**record)
        ids = _map_ids(folder / shard.file, shard, dtype)
        begins = _read_starts(folder / shard.file, shard)
        if ids[begins[0]] != end_of_text or ids[begins[-1]] != end_of_text:
            raise DataError(
                f"{folder / shard.file} is damaged: its documents do not begin with the "
                f"end-of-text id {end_of_text}; make the token shards again."
            )
        shards.append(ids)
        starts.append(begins)
    return SourceTokens(name, shards, starts, bytes=entry["bytes"], digest=entry["digest"])


def _map_ids(path: Path, shard: Shard, dtype: np.dtype) -> np.ndarray:
    if not path.is_file():
        raise DataError(f"{path} is missing; make the token shards again.")
    size, expected = path.stat().st_size, shard.tokens * dtype.itemsize
    if size != expected or not size:
        raise DataError(
            f"{path} has {size:,} bytes where the index says {expected:,}; "
            "make the token shards again."
        )
    # A plain array on top of the map: slicing np.memmap itself costs much more.
    return np.asarray(np.memmap(path, dtype=dtype, mode="r"))


def _read_starts(ids_path: Path, shard: Shard) -> np.ndarray:
    """Document starts (int64) of the shard whose ids are in `ids_path`."""
    path = starts_file(ids_path)
    if not path.is_file():
        raise DataError(f"{path} is missing; make the token shards again.")
    try:
        starts = np.load(path, allow_pickle=False)
    except (ValueError, EOFError) as error:
        raise DataError(f"{path} is damaged ({error}); make the token shards again.") from error
    sound = starts.shape == (shard.documents,) and starts.dtype == np.int64 and len(starts) > 0
    if not sound or starts[0] != 0 or starts[-1] >= shard.tokens or (np.diff(starts) < 1).any():
        raise DataError(
            f"{path} is damaged: it does not hold the starts of {shard.documents:,} documents "
            f"within {shard.tokens:,} tokens; make the token shards again."
        )
    return starts
