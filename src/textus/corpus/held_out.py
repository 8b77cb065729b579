"""Chooses what is held out of training, by the hash of its content.

The choice depends on neither the order of the documents nor chance, and changes little when
documents are added.
"""

import hashlib
from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from textus.corpus.batches import Row
from textus.corpus.config import CorpusConfig
from textus.corpus.pieces import cut

# Whole documents are held out where so many of average size fill the share: then no document
# is in both parts, and the choice is still varied. With fewer, pieces of documents are.
WHOLE_DOCUMENTS = 10

# As many pieces fill the share of a source at least, so that it is not measured in one place only.
FEWEST_PIECES = 4

# A source gives at least this much (or a tenth of it, if it is that small) to be measured on.
LEAST_BYTES = 2_000


class Piece(NamedTuple):
    """A part of a text, and the hash that decides for it."""

    key: int
    text: str


@dataclass(frozen=True)
class Cutting:
    """How the texts of one source are cut."""

    budget: int
    """Bytes to hold out, at most."""
    piece_bytes: int | None
    """Size of pieces; None where documents stay whole."""

    @classmethod
    def of(cls, config: CorpusConfig, *, documents: int, total: int) -> "Cutting":
        """The cutting for a source of so many documents with `total` bytes.

        Pieces are smaller in a source of which the budget would hold only a few.
        """
        budget = max(1, int(config.held_out * total), min(LEAST_BYTES, total // 10))
        if documents * budget >= WHOLE_DOCUMENTS * total:
            return cls(budget, None)
        return cls(budget, min(config.piece_bytes, max(1, budget // FEWEST_PIECES)))


def cut_rows(
    rows: Iterable[Row], cuttings: dict[str, Cutting]
) -> Iterator[tuple[Row, list[Piece]]]:
    """Each row with its pieces; joined they are the row's text.

    Where documents stay whole, a row that continues a document follows the key of its first row.
    """
    last, key = None, 0
    for row in rows:
        piece_bytes = cuttings[row.source].piece_bytes
        if piece_bytes is not None:
            yield row, [Piece(_hash(text), text) for text in cut(row.text, piece_bytes)]
            continue
        if row.document != last:
            last, key = row.document, _hash(row.text)
        yield row, [Piece(key, row.text)] if row.text else []


def _hash(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little")


@dataclass
class _Sizes:
    """Keys and sizes of a source's pieces: all that is remembered of them, 16 bytes each."""

    keys: "array[int]" = field(default_factory=lambda: array("Q"))
    sizes: "array[int]" = field(default_factory=lambda: array("Q"))


def choose_held_out(
    cut: Iterable[tuple[Row, list[Piece]]], cuttings: dict[str, Cutting]
) -> set[int]:
    """The keys of the pieces to hold out, for all sources together.

    A piece that stands in two places, or in two sources, is held out in both or in neither.
    """
    sources = {name: _Sizes() for name in cuttings}
    for row, pieces in cut:
        for piece in pieces:
            sources[row.source].keys.append(piece.key)
            sources[row.source].sizes.append(len(piece.text.encode()))
    chosen: set[int] = set()
    for name, found in sources.items():
        keys = np.frombuffer(found.keys, np.uint64)
        sizes = np.frombuffer(found.sizes, np.uint64)
        chosen |= lowest_keys(keys, sizes, cuttings[name].budget)
    return chosen


def lowest_keys(keys: np.ndarray, sizes: np.ndarray, budget: int) -> set[int]:
    """The lowest keys whose sizes, equal keys taken together, add up to at most `budget`.

    Those above the budget by themselves are passed over. At least one is chosen (the smallest, if
    none fits), unless there is only one.
    """
    unique, which = np.unique(keys, return_inverse=True)
    if len(unique) < 2:
        return set()
    totals = np.zeros(len(unique), np.int64)
    np.add.at(totals, which, sizes.astype(np.int64))
    fitting = totals <= budget
    if not fitting.any():
        return {int(unique[np.argmin(totals)])}
    within = np.cumsum(totals[fitting]) <= budget
    return {int(key) for key in unique[fitting][within]}
