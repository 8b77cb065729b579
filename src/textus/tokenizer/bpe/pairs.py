"""Merges as a table of pairs, for kernels: the rank of two neighbours."""

from itertools import chain
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numba import njit

from textus.errors import DataError
from textus.tokenizer.native import INNER, UNCOUNTED, prefetch

if TYPE_CHECKING:
    from textus.tokenizer.bpe.model import Merges

_BITS = 21
LIMIT = (1 << _BITS) - 1
"""Symbols and ranks are below it."""

_BUCKET = 4  # pairs that stand side by side, half a cache line

_U = np.uint64
_ONE = _U(1)
_M1 = _U(0x9E3779B97F4A7C15)
_EMPTY = ~_U(0)
_RANK = _U(LIMIT)
NO_PAIR = ~_U(0) >> _U(64 - 2 * _BITS)
"""The key of no pair: its symbols would be LIMIT."""

NO_RANK = np.uint32(0xFFFFFFFF)
"""The rank of a pair that has none."""


class PairTable(NamedTuple):
    """Merges as the kernels read them.

    The ids that take part are numbered through as symbols, so that a pair and its rank fit into
    eight bytes.
    """

    slots: np.ndarray
    """uint64 (buckets, 4), flat, a hash table: left symbol, right symbol and rank in 21 bits each;
    all ones: free. A pair stands in the first bucket with room from its own on."""
    shift: int
    """64 less the logarithm of the number of buckets."""
    first: int
    """The symbol that rank 0 makes where rank r makes symbol first + r; else -1."""
    joined: np.ndarray
    """uint32: the symbol that each rank makes."""
    ids: np.ndarray
    """uint32: the id of each symbol."""


def pair_table(model: "Merges", single: list[int]) -> tuple[PairTable, np.ndarray]:
    """The merges, and the symbols of the ids in `single`, which words start out as."""
    ranks = model.ranks
    pairs = np.fromiter(chain.from_iterable(ranks), np.int64, 2 * len(ranks))
    found = np.fromiter(chain.from_iterable(ranks.values()), np.int64, 2 * len(ranks))
    rank, made = found[0::2], found[1::2]
    top = int(rank.max(initial=-1)) + 1
    by_rank = np.full(top, -1)
    by_rank[rank] = made
    ids, symbols = _number(by_rank, np.concatenate((single, pairs)))
    if max(len(ids), top) >= LIMIT:
        raise DataError(
            f"{top} merges of {len(ids)} tokens are more than the {LIMIT - 1} that Textus can "
            "apply; use a smaller vocabulary."
        )
    first = len(ids) - top
    simple = np.array_equal(ids[first:], by_rank)
    keys = symbols[top + len(single) :].astype(np.uint64).reshape(-1, 2)
    packed = (keys[:, 0] << _U(2 * _BITS)) | (keys[:, 1] << _U(_BITS)) | rank.astype(np.uint64)
    bits = max(2, (2 * len(ranks) // _BUCKET).bit_length())
    slots = np.full(_BUCKET << bits, _EMPTY, dtype=np.uint64)
    _fill_pairs(packed, slots, 64 - bits)
    table = PairTable(
        slots=slots,
        shift=64 - bits,
        first=first if simple else -1,
        joined=symbols[:top].astype(np.uint32),
        ids=ids.astype(np.uint32),
    )
    return table, symbols[top : top + len(single)]


def _number(made: np.ndarray, others: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Numbers ids through: (the id of each symbol, the symbol of each id in `made` and `others`).

    Those of `made` come last, in their order, unless an id is there twice.
    """
    all_ids = np.concatenate((made, others))
    ids, first_at, index = np.unique(all_ids, return_index=True, return_inverse=True)
    order = np.argsort(np.where(first_at < len(made), first_at + len(all_ids), first_at))
    symbol = np.empty(len(ids), dtype=np.int64)
    symbol[order] = np.arange(len(ids))
    return ids[order], symbol[index]


@njit(cache=True, **UNCOUNTED)
def _fill_pairs(packed: Any, slots: Any, shift: Any) -> None:
    mask = _U(len(slots) - 1)
    for pair in packed:
        place = (((pair >> _U(_BITS)) * _M1) >> _U(shift)) * _U(_BUCKET)
        while slots[place] != _EMPTY:
            place = (place + _ONE) & mask
        slots[place] = pair


@njit(**UNCOUNTED, **INNER)
def pair_key(left: Any, right: Any) -> Any:
    """Two symbols as one number."""
    return (_U(left) << _U(_BITS)) | _U(right)


@njit(**UNCOUNTED, **INNER)
def _bucket(key: Any, pairs: Any) -> Any:
    return ((key * _M1) >> _U(pairs.shift)) * _U(_BUCKET)


@njit(**UNCOUNTED, **INNER)
def prefetch_pair(key: Any, pairs: Any) -> None:
    """Asks for what `rank_of_key` will read."""
    prefetch(pairs.slots, np.int64(_bucket(key, pairs)))


@njit(**UNCOUNTED, **INNER)
def rank_of_key(key: Any, pairs: Any) -> Any:
    """The rank of a pair, given its `pair_key`, or NO_RANK."""
    slots = pairs.slots
    place = _bucket(key, pairs)
    while True:
        found = _EMPTY
        for i in range(_BUCKET):
            slot = slots[place + _U(i)]
            found = slot if slot >> _U(_BITS) == key else found
        if (found != _EMPTY) | (slots[place + _U(_BUCKET - 1)] == _EMPTY):
            return NO_RANK if found == _EMPTY else np.uint32(found & _RANK)
        place = (place + _U(_BUCKET)) & _U(len(slots) - 1)


@njit(**UNCOUNTED, **INNER)
def rank_of(left: Any, right: Any, pairs: Any) -> Any:
    """The rank of a pair of symbols, or NO_RANK."""
    return rank_of_key(pair_key(left, right), pairs)


@njit(**UNCOUNTED, **INNER)
def packed_rank(rank: Any, place: Any) -> Any:
    """A rank and, in six bits, the place where it stands; NO_RANK where there is none."""
    return rank if rank == NO_RANK else (rank << np.uint32(6)) | np.uint32(place)


def byte_ranks(pairs: PairTable, symbols: np.ndarray) -> np.ndarray:
    """The ranks of pairs of bytes, whose symbols are given."""
    bytes_ = np.full(len(pairs.ids), -1)
    bytes_[symbols] = np.arange(256)
    slots = pairs.slots[pairs.slots != _EMPTY]
    left = bytes_[slots >> _U(2 * _BITS)]
    right = bytes_[(slots >> _U(_BITS)) & _RANK]
    of_bytes = (left >= 0) & (right >= 0)
    ranks = np.full(1 << 16, NO_RANK)
    ranks[(left * 256 + right)[of_bytes]] = (slots & _RANK)[of_bytes]
    return ranks
