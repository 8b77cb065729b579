"""Token shards: documents as flat files of 16- or 32-bit ids, read back through memory maps.

Each document is stored as the end-of-text id followed by its own ids, `E d1 d2 ... dn`, so that in
a stream of documents E is both the end of one and the beginning of the next. A document never spans
two files.

    FOLDER/SPLIT/index.json                 dtype, end_of_text; per source shards, tokens, bytes ...
    FOLDER/SPLIT/SOURCE-00000.bin           the ids, little-endian, nothing else
    FOLDER/SPLIT/SOURCE-00000.starts.npy    int64, where in the file each document starts
"""

import bisect
import hashlib
import json
import re
from array import array
from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from textus.errors import DataError
from textus.progress import Progress, silent

Ids = Sequence[int] | np.ndarray
"""One document's token ids."""

BATCH_CHARACTERS = 1 << 20
"""The encoder is handed about this much text at once, so that it may use several cores."""

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


def write_shards(
    documents: Iterable[tuple[str, str]],
    out: Path,
    *,
    encode: Callable[[list[str]], Iterable[Ids]],
    end_of_text: int,
    vocab_size: int,
    shard_tokens: int,
    split: str,
    progress: Progress = silent,
) -> dict[str, SourceCounts]:
    """Encodes documents and writes them under `out/split`, which must not exist yet.

    `documents` gives (source name, text); it is read once, about a megabyte of text at a time.
    `encode` takes a list of texts and returns the ids of each, in order, without special tokens.
    Returns the counts per source, by name. Raises DataError when there is no document, or when the
    encoder's ids do not fit the vocabulary.
    """
    if not 0 <= end_of_text < vocab_size:
        raise DataError(f"end_of_text={end_of_text} is outside the vocabulary of {vocab_size} ids.")
    folder = out / split
    folder.mkdir(parents=True)
    writer = _SplitWriter(
        folder, end_of_text=end_of_text, vocab_size=vocab_size, shard_tokens=shard_tokens
    )
    done = 0
    with closing(writer):
        for group in _groups(documents):
            encoded = encode([text for _, text in group])
            for (source, text), ids in zip(group, encoded, strict=True):
                writer.add(source, ids, len(text.encode()))
            done += len(group)
            progress(done, None, f"encoding {group[-1][0]}")
    if not done:
        raise DataError(
            f"The {split} split has no documents; add sources, or drop less from the corpus."
        )
    return writer.write_index()


def _groups(documents: Iterable[tuple[str, str]]) -> Iterator[list[tuple[str, str]]]:
    """Consecutive documents, at least BATCH_CHARACTERS together (the last group may be shorter)."""
    group: list[tuple[str, str]] = []
    size = 0
    for document in documents:
        group.append(document)
        size += len(document[1])
        if size >= BATCH_CHARACTERS:
            yield group
            group, size = [], 0
    if group:
        yield group


def _file_stem(source: str, used: Container[str]) -> str:
    """A name that any file system takes, different from those `used`."""
    plain = re.sub(r"[^a-z0-9._-]+", "_", source.lower()).strip("._-")[:60] or "source"
    stem, number = plain, 2
    while stem in used:
        stem, number = f"{plain}-{number}", number + 1
    return stem


class _SplitWriter:
    """Writes each source's documents to the source's own files, and the index over them."""

    def __init__(self, folder: Path, *, end_of_text: int, vocab_size: int, shard_tokens: int):
        self.folder, self.end_of_text, self.vocab_size = folder, end_of_text, vocab_size
        self.shard_tokens = shard_tokens
        self.sources: dict[str, _SourceWriter] = {}

    def add(self, source: str, ids: Ids, text_bytes: int) -> None:
        if source not in self.sources:
            used = [writer.stem for writer in self.sources.values()]
            self.sources[source] = _SourceWriter(
                self.folder, _file_stem(source, used), self.shard_tokens
            )
        document = np.empty(1 + len(ids), token_dtype(self.vocab_size))
        document[0] = self.end_of_text
        document[1:] = self._checked(ids, source)
        self.sources[source].add(document, text_bytes)

    def _checked(self, ids: Ids, source: str) -> np.ndarray:
        """`ids` as int64 (n,), or DataError where one does not belong into a document."""
        checked = np.asarray(ids, dtype=np.int64)
        wrong = checked[(checked < 0) | (checked >= self.vocab_size)]
        if wrong.size:
            raise DataError(
                f"The encoder gave id {wrong[0]} for a document of source {source!r}, but the "
                f"vocabulary has {self.vocab_size:,} ids; encode with the tokenizer that "
                "vocab_size was taken from."
            )
        if (checked == self.end_of_text).any():
            raise DataError(
                f"The encoder gave the end-of-text id {self.end_of_text} inside a document of "
                f"source {source!r}, where it would cut the document in two; encode without "
                "special tokens."
            )
        return checked

    def close(self) -> None:
        for writer in self.sources.values():
            writer.close_shard()

    def write_index(self) -> dict[str, SourceCounts]:
        counts = {source: self.sources[source].counts() for source in sorted(self.sources)}
        index = {
            "dtype": token_dtype(self.vocab_size).name,
            "end_of_text": self.end_of_text,
            "vocab_size": self.vocab_size,
            "sources": {source: asdict(count) for source, count in counts.items()},
        }
        text = json.dumps(index, indent=1, ensure_ascii=False)
        (self.folder / INDEX).write_text(text + "\n", encoding="utf-8")
        return counts


class _SourceWriter:
    """Appends one source's documents to its shard files."""

    def __init__(self, folder: Path, stem: str, shard_tokens: int):
        self.folder, self.stem, self.shard_tokens = folder, stem, shard_tokens
        self.shards: list[Shard] = []
        self.text_bytes = 0
        self.hash = hashlib.blake2b(digest_size=16)
        self.file: BinaryIO | None = None
        self.starts = array("q")
        self.tokens = 0

    def add(self, document: np.ndarray, text_bytes: int) -> None:
        if self.file and self.tokens + len(document) > self.shard_tokens:
            self.close_shard()
        if not self.file:
            self.file = (self.folder / f"{self._name()}.bin").open("xb")
        data = document.tobytes()
        self.file.write(data)
        self.hash.update(data)
        self.starts.append(self.tokens)
        self.tokens += len(document)
        self.text_bytes += text_bytes

    def close_shard(self) -> None:
        """Ends the current shard; the next document begins another. Does nothing between shards."""
        if not self.file:
            return
        self.file.close()
        name = self._name()
        np.save(self.folder / f"{name}.starts.npy", np.array(self.starts, dtype="<i8"))
        self.shards.append(
            Shard(file=f"{name}.bin", tokens=self.tokens, documents=len(self.starts))
        )
        self.file, self.starts, self.tokens = None, array("q"), 0

    def counts(self) -> SourceCounts:
        return SourceCounts(
            shards=tuple(self.shards),
            tokens=sum(shard.tokens for shard in self.shards),
            documents=sum(shard.documents for shard in self.shards),
            bytes=self.text_bytes,
            digest=self.hash.hexdigest(),
        )

    def _name(self) -> str:
        return f"{self.stem}-{len(self.shards):05d}"


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
    index = _read_index(path)
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


def _read_index(path: Path) -> dict[str, Any]:
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
    path = ids_path.with_suffix(".starts.npy")
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
