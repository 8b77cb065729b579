"""Writes token shards, and goes on behind the last finished one where it was interrupted.

The index is written anew whenever a shard is finished, so it always lists the finished shards and
no others. What is resumed is read through and compared with the digest in it.
"""

import hashlib
import os
import re
from collections.abc import Callable, Container, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import BinaryIO

import numpy as np

from textus.data.encoding import Encode, Encoded, Encoding, Job, Piece, encode_pieces
from textus.data.shards import (
    INDEX,
    Shard,
    SourceCounts,
    SourceTokens,
    open_shards,
    read_index,
    starts_file,
    token_dtype,
)
from textus.errors import DataError
from textus.progress import Progress, Speed, silent
from textus.store import write_json
from textus.text import count_of

BLOCK_TOKENS = 1 << 22
"""Tokens read at once when finished shards are verified."""


def write_shards(
    pieces: Sequence[Piece],
    out: Path,
    *,
    encode: Encode,
    end_of_text: int,
    vocab_size: int,
    shard_tokens: int,
    split: str,
    workers: int = 1,
    processes: bool = False,
    progress: Progress = silent,
    say: Callable[[str], None] = lambda text: None,
) -> dict[str, SourceCounts]:
    """Encodes documents and writes them under `out/split`; returns the counts per source, by name.

    The folder may hold what an interrupted call with the same arguments left: its finished shards
    stay as they are. The files do not depend on `workers`, the number of threads, or, where
    `encode` keeps Python's lock and can be pickled, of `processes`. Raises DataError when there is
    no document, or when the encoder's ids do not fit the vocabulary.
    """
    if not 0 <= end_of_text < vocab_size:
        raise DataError(f"end_of_text={end_of_text} is outside the vocabulary of {vocab_size} ids.")
    dtype = token_dtype(vocab_size)
    encoding = Encoding(encode=encode, end_of_text=end_of_text, vocab_size=vocab_size, dtype=dtype)
    writer = SplitWriter(
        out / split, end_of_text=end_of_text, vocab_size=vocab_size, shard_tokens=shard_tokens
    )
    jobs, done = _behind(writer.resume(say), pieces)
    total, speed = sum(piece.size for piece in pieces), Speed(done)
    results = encode_pieces(jobs, encoding, workers=workers, processes=processes)
    with closing(writer), closing(results):
        for piece, encoded in results:
            writer.add(encoded)
            done += piece.size
            if encoded.runs:
                progress(done, total, f"encoding {encoded.runs[-1][0]}, {speed.text(done)}")
        return writer.finish()


def _behind(finished: Mapping[str, int], pieces: Sequence[Piece]) -> tuple[list[Job], int]:
    """The pieces without the first so many documents of each source, and the bytes of those that
    fall away whole."""
    left = {source: count for source, count in finished.items() if count}
    jobs, skipped = [], 0
    for piece in pieces:
        if not left:
            jobs.append(Job(piece))
            continue
        wanted = _wanted(piece.sources(), left)
        if wanted.any():
            jobs.append(Job(piece, wanted))
        else:
            skipped += piece.size
    return jobs, skipped


def _wanted(sources: list[str], left: dict[str, int]) -> np.ndarray:
    """(documents,) bool: False for those in `left`, which counts down to nothing."""
    wanted = np.ones(len(sources), bool)
    for number, source in enumerate(sources):
        if source in left:
            wanted[number] = False
            left[source] -= 1
            if not left[source]:
                del left[source]
    return wanted


class SplitWriter:
    """Writes each source's documents to the source's own files, and the index over them."""

    def __init__(self, folder: Path, *, end_of_text: int, vocab_size: int, shard_tokens: int):
        self.folder, self.end_of_text, self.vocab_size = folder, end_of_text, vocab_size
        self.shard_tokens = shard_tokens
        self.sources: dict[str, SourceWriter] = {}
        folder.mkdir(parents=True, exist_ok=True)

    def resume(self, say: Callable[[str], None]) -> dict[str, int]:
        """Takes over the finished shards that are in the folder and removes all other files;
        returns how many documents of each source are in them."""
        if (self.folder / INDEX).is_file():
            try:
                self.sources = self._taken_over()
            except DataError as error:
                say(f"the token shards are made from the beginning: {error}")
        kept = [shard.file for writer in self.sources.values() for shard in writer.shards]
        names = {INDEX, *kept, *(starts_file(Path(name)).name for name in kept)} if kept else set()
        for file in self.folder.iterdir():
            if file.name not in names:
                file.unlink()
        if kept:
            tokens = sum(writer.finished.tokens for writer in self.sources.values())
            say(f"resumed behind {count_of(len(kept), 'finished shard')} of {tokens:,} tokens")
        return {source: writer.finished.documents for source, writer in self.sources.items()}

    def _taken_over(self) -> dict[str, "SourceWriter"]:
        """A writer for each source with finished shards; DataError where these are damaged."""
        index = read_index(self.folder / INDEX)["sources"]
        opened = open_shards(self.folder.parent, self.folder.name)
        found = {}
        for name, source in opened.sources.items():
            shards = tuple(Shard(**record) for record in index[name]["shards"])
            stem = shards[0].file.rpartition("-")[0]
            found[name] = SourceWriter(self.folder, stem, self.shard_tokens, self._write_index)
            found[name].take_over(source, shards, opened.end_of_text)
        return found

    def add(self, encoded: Encoded) -> None:
        """Appends the documents to the shards of their sources."""
        ends = np.append(encoded.starts[1:], len(encoded.tokens))
        first = 0
        for source, count in encoded.runs:
            documents, begin = slice(first, first + count), int(encoded.starts[first])
            self._source(source).add(
                encoded.tokens[begin : ends[first + count - 1]],
                ends[documents] - begin,
                encoded.sizes[documents],
            )
            first += count

    def finish(self) -> dict[str, SourceCounts]:
        """Ends the open shards and returns the counts by source; DataError where there are none."""
        if not self.sources:
            raise DataError(
                f"The {self.folder.name} split has no documents; add sources, or drop less from "
                "the corpus."
            )
        for writer in self.sources.values():
            writer.end_shard()
        return self._counts()

    def close(self) -> None:
        """Lets go of the files; a shard that is not finished stays unfinished."""
        for writer in self.sources.values():
            if writer.file:
                writer.file.close()

    def _source(self, name: str) -> "SourceWriter":
        if name not in self.sources:
            stem = _file_stem(name, [writer.stem for writer in self.sources.values()])
            self.sources[name] = SourceWriter(
                self.folder, stem, self.shard_tokens, self._write_index
            )
        return self.sources[name]

    def _counts(self) -> dict[str, SourceCounts]:
        return {
            name: self.sources[name].finished
            for name in sorted(self.sources)
            if self.sources[name].shards
        }

    def _write_index(self) -> None:
        index = {
            "dtype": token_dtype(self.vocab_size).name,
            "end_of_text": self.end_of_text,
            "vocab_size": self.vocab_size,
            "sources": {name: asdict(counts) for name, counts in self._counts().items()},
        }
        write_json(self.folder / INDEX, index)


class SourceWriter:
    """Appends one source's documents to its shard files."""

    def __init__(self, folder: Path, stem: str, shard_tokens: int, on_shard: Callable[[], None]):
        """`on_shard` is called when a shard is finished and safe on disk."""
        self.folder, self.stem, self.shard_tokens = folder, stem, shard_tokens
        self.on_shard = on_shard
        self.shards: list[Shard] = []
        self.finished = SourceCounts(shards=(), tokens=0, documents=0, bytes=0, digest="")
        """All up to the end of the last finished shard."""
        self.hash = hashlib.blake2b(digest_size=16)
        self.file: BinaryIO | None = None
        self.ends: list[np.ndarray] = []
        self.tokens = self.bytes = 0  # of the open shard

    def take_over(self, source: SourceTokens, shards: tuple[Shard, ...], end_of_text: int) -> None:
        """Goes on behind the shards, which are read through; DataError where they are damaged."""
        for begin in range(0, source.total, BLOCK_TOKENS):
            end = min(begin + BLOCK_TOKENS, source.total)
            ids = source.tokens(begin, end - begin)
            self.hash.update(ids.data)
            first, last = np.searchsorted(source.starts, [begin, end])
            starts = begin + np.flatnonzero(ids == end_of_text)
            if not np.array_equal(starts, source.starts[first:last]):
                raise DataError(f"the documents of source {source.name!r} do not begin as noted.")
        if self.hash.hexdigest() != source.digest:
            raise DataError(f"the ids of source {source.name!r} differ from their checksum.")
        self.shards = list(shards)
        self.finished = SourceCounts(
            shards=shards,
            tokens=source.total,
            documents=source.documents,
            bytes=source.bytes,
            digest=source.digest,
        )

    def add(self, tokens: np.ndarray, ends: np.ndarray, sizes: np.ndarray) -> None:
        """Appends documents: their ids end to end, where each ends, and the bytes of its text."""
        done = written = 0
        while done < len(ends):
            room = self.shard_tokens - self.tokens
            fitting = int(np.searchsorted(ends, written + room, side="right")) - done
            if fitting < 1 and self.file:
                self.end_shard()
                continue
            documents = slice(done, done + max(fitting, 1))
            done, end = documents.stop, int(ends[documents][-1])
            self._append(
                tokens[written:end], ends[documents] - written, int(sizes[documents].sum())
            )
            written = end

    def _append(self, tokens: np.ndarray, ends: np.ndarray, size: int) -> None:
        if not self.file:
            self.file = (self.folder / f"{self._name()}.bin").open("wb")
        self.file.write(tokens.data)
        self.hash.update(tokens.data)
        self.ends.append(ends + self.tokens)
        self.tokens += len(tokens)
        self.bytes += size

    def end_shard(self) -> None:
        """Ends the current shard; the next document begins another. Does nothing between shards."""
        if not self.file:
            return
        _close_synced(self.file)
        ids = Path(self.file.name)
        starts = np.concatenate([[0], *self.ends])[:-1]
        with starts_file(ids).open("wb") as file:
            np.save(file, starts.astype("<i8"))
            _close_synced(file)
        before = self.finished
        self.shards.append(Shard(file=ids.name, tokens=self.tokens, documents=len(starts)))
        self.finished = SourceCounts(
            shards=tuple(self.shards),
            tokens=before.tokens + self.tokens,
            documents=before.documents + len(starts),
            bytes=before.bytes + self.bytes,
            digest=self.hash.hexdigest(),
        )
        self.file, self.ends, self.tokens, self.bytes = None, [], 0, 0
        self.on_shard()

    def _name(self) -> str:
        return f"{self.stem}-{len(self.shards):05d}"


def _close_synced(file: BinaryIO) -> None:
    """Closes a file whose content is on the disk, not on its way there."""
    file.flush()
    os.fsync(file.fileno())
    file.close()


def _file_stem(source: str, used: Container[str]) -> str:
    """A name that any file system takes, different from those `used`."""
    plain = re.sub(r"[^a-z0-9._-]+", "_", source.lower()).strip("._-")[:60] or "source"
    stem, number = plain, 2
    while stem in used:
        stem, number = f"{plain}-{number}", number + 1
    return stem
