"""Cuts words by merges, compiled: the fast twin of `Merges.encode_word`."""

from itertools import chain
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numba import njit

from textus.errors import DataError
from textus.tokenizer.bpe.characters import character_length, is_character
from textus.tokenizer.bpe.tokens import TokenTable, find_token, token_table
from textus.tokenizer.engine.cutting import cuts
from textus.tokenizer.native import COUNTED, INNER, UNCOUNTED, leading_zeros, least16, trailing_zeros

if TYPE_CHECKING:
    from textus.tokenizer.bpe.model import Merges

_BITS = 21
_LIMIT = (1 << _BITS) - 1
_BUCKET = 4  # pairs that stand side by side, half a cache line
_SHORT = 64  # symbols that are merged by looking through all ranks; more: by a heap

_U = np.uint64
_ONE, _TWO = _U(1), _U(2)
_M1 = _U(0x9E3779B97F4A7C15)
_EMPTY = ~_U(0)
_RANK = _U(_LIMIT)
_NONE = np.uint32(0xFFFFFFFF)
_PLACE_BITS = _U(40)
_PLACE = _U((1 << 40) - 1)


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


class MergeTables(NamedTuple):
    """What cuts words that start out as bytes."""

    pairs: PairTable
    byte_symbols: np.ndarray
    """uint32 (256,)"""
    byte_ranks: np.ndarray
    """uint32 (256, 256), flat: the rank of two bytes, all ones where they have none."""
    words: TokenTable
    """Ids of the words that are tokens whatever the merges would make of them."""


class CharacterTables(NamedTuple):
    """What cuts words that start out as characters."""

    pairs: PairTable
    characters: TokenTable
    """Symbols of the characters that are tokens."""
    byte_ids: np.ndarray
    """uint32 (256,): ids that spell other characters; empty where `unknown` stands for them."""
    unknown: int
    words: TokenTable
    """As in MergeTables."""


def tables(model: "Merges") -> MergeTables | CharacterTables:
    """The tables of `model`; DataError where it has more than two million merges."""
    if model.characters:
        return _character_tables(model)
    single = [model.ids[bytes([byte])] for byte in range(256)]
    pairs, symbols = _pair_table(model, single)
    byte_symbols = symbols.astype(np.uint32)
    byte_ranks = np.empty(1 << 16, dtype=np.uint32)
    _fill_byte_ranks(byte_symbols, pairs, byte_ranks)
    return MergeTables(pairs, byte_symbols, byte_ranks, _whole_words(model))


def _character_tables(model: "Merges") -> CharacterTables:
    characters = {token: id_ for token, id_ in model.ids.items() if is_character(token)}
    pairs, symbols = _pair_table(model, list(characters.values()))
    return CharacterTables(
        pairs=pairs,
        characters=token_table(list(characters), symbols),
        byte_ids=np.array(model.byte_ids or (), dtype=np.uint32),
        unknown=-1 if model.unknown is None else model.unknown,
        words=_whole_words(model),
    )


def _whole_words(model: "Merges") -> TokenTable:
    ids = {**model.ids, **model.symbols} if model.whole_words else model.symbols
    return token_table(list(ids), np.fromiter(ids.values(), np.int64, len(ids)))


def _pair_table(model: "Merges", single: list[int]) -> tuple[PairTable, np.ndarray]:
    """The merges, and the symbols of the ids in `single`, which words start out as."""
    ranks = model.ranks
    pairs = np.fromiter(chain.from_iterable(ranks), np.int64, 2 * len(ranks))
    found = np.fromiter(chain.from_iterable(ranks.values()), np.int64, 2 * len(ranks))
    rank, made = found[0::2], found[1::2]
    top = int(rank.max(initial=-1)) + 1
    by_rank = np.full(top, -1)
    by_rank[rank] = made
    ids, symbols = _number(by_rank, np.concatenate((single, pairs)))
    if max(len(ids), top) >= _LIMIT:
        raise DataError(
            f"{top} merges of {len(ids)} tokens are more than the {_LIMIT - 1} that Textus can "
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


@njit(cache=True, **UNCOUNTED)
def _fill_byte_ranks(symbols: Any, pairs: Any, out: Any) -> None:
    for left in range(256):
        for right in range(256):
            out[left * 256 + right] = _rank(symbols[left], symbols[right], pairs)


@njit(**UNCOUNTED, **INNER)
def _rank(left: Any, right: Any, pairs: Any) -> Any:
    """The rank of a pair of symbols, or _NONE."""
    key = (_U(left) << _U(_BITS)) | _U(right)
    slots = pairs.slots
    place = ((key * _M1) >> _U(pairs.shift)) * _U(_BUCKET)
    while True:
        found = _EMPTY
        for i in range(_BUCKET):
            slot = slots[place + _U(i)]
            found = slot if slot >> _U(_BITS) == key else found
        if (found != _EMPTY) | (slots[place + _U(_BUCKET - 1)] == _EMPTY):
            return _NONE if found == _EMPTY else np.uint32(found & _RANK)
        place = (place + _U(_BUCKET)) & _U(len(slots) - 1)


@cuts(MergeTables)
@njit(cache=True, **UNCOUNTED)
def cut_word(data: Any, start: Any, end: Any, tables: Any, scratch: Any, out: Any, at: Any) -> Any:
    """Appends the ids of the word data[start:end] to `out`; returns the place behind the last."""
    whole = find_token(tables.words, data, start, end)
    n = end - start
    if whole >= 0:
        out[at] = whole
        at += 1
    elif n <= _SHORT:
        room = scratch.view(np.uint32)
        at = _merge_short(data, start, n, tables, room[:_SHORT], room[_SHORT:], out, at)
    else:
        at = _merge_long(data, start, n, tables, out, at)
    return at


@njit(**UNCOUNTED, **INNER)
def _start(data: Any, start: Any, n: Any, tables: Any, symbols: Any, ranks: Any) -> None:
    """The symbols of `n` bytes, and the ranks of each with the next."""
    left = data[_U(start)]
    symbols[_U(0)] = tables.byte_symbols[_U(left)]
    for i in range(1, n):
        right = data[_U(start + i)]
        symbols[_U(i)] = tables.byte_symbols[_U(right)]
        ranks[_U(i - 1)] = tables.byte_ranks[(_U(left) << _U(8)) | _U(right)]
        left = right
    ranks[_U(n - 1)] = _NONE


@njit(**UNCOUNTED, **INNER)
def _entry(rank: Any, place: Any) -> Any:
    """A rank and, in six bits, the place where it stands; _NONE where there is none."""
    return rank if rank == _NONE else (rank << np.uint32(6)) | np.uint32(place)


@njit(**UNCOUNTED, **INNER)
def _merge_short(
    data: Any, start: Any, n: Any, tables: Any, symbols: Any, ranks: Any, out: Any, at: Any
) -> Any:
    """Merges up to 64 symbols; the smallest rank, with its place, is found by comparing all.

    The symbols that are left are the bits of `alive`.
    """
    pairs = tables.pairs
    _start(data, start, n, tables, symbols, ranks)
    for i in range(n):
        ranks[_U(i)] = _entry(ranks[_U(i)], i)
    width = (n + 15) & ~15
    for i in range(n, width):
        ranks[_U(i)] = _NONE
    alive = _EMPTY >> _U(64 - n)
    while True:
        best = least16(ranks, 0)
        for i in range(16, width, 16):
            best = min(best, least16(ranks, i))
        if best == _NONE:
            break
        place, rank = _U(best) & _U(63), _U(best) >> _U(6)
        symbol = np.uint32(rank) + np.uint32(pairs.first)
        if pairs.first < 0:
            symbol = pairs.joined[rank]
        behind = alive & ~((_TWO << place) - _ONE)
        right = trailing_zeros(behind)
        alive &= ~(_ONE << right)
        ranks[right] = _NONE
        ranks[place] = _NONE
        symbols[place] = symbol
        behind &= behind - _ONE
        ahead = alive & ((_ONE << place) - _ONE)
        if behind:
            other = symbols[trailing_zeros(behind)]
            ranks[place] = _entry(_rank(symbol, other, pairs), place)
        if ahead:
            left = _U(63) - leading_zeros(ahead)
            ranks[left] = _entry(_rank(symbols[left], symbol, pairs), left)
    while alive:
        out[_U(at)] = pairs.ids[_U(symbols[trailing_zeros(alive)])]
        at += 1
        alive &= alive - _ONE
    return at


@njit(**COUNTED, **INNER)
def _merge_long(data: Any, start: Any, n: Any, tables: Any, out: Any, at: Any) -> Any:
    """Merges any number of symbols."""
    symbols, ranks = np.empty(n, dtype=np.uint32), np.empty(n, dtype=np.uint32)
    following = np.empty(n, dtype=np.int64)
    _start(data, start, n, tables, symbols, ranks)
    merge_by_heap(symbols, ranks, following, tables.pairs)
    place = 0
    while place < n:
        out[at] = tables.pairs.ids[symbols[place]]
        at += 1
        place = following[place]
    return at


@cuts(CharacterTables)
@njit(cache=True, **UNCOUNTED)
def cut_characters(
    data: Any, start: Any, end: Any, tables: Any, scratch: Any, out: Any, at: Any
) -> Any:
    """The same for words that start out as characters."""
    whole = find_token(tables.words, data, start, end)
    if whole >= 0:
        out[at] = whole
        at += 1
    else:
        at = _merge_characters(data, start, end, tables, out, at)
    return at


@njit(**COUNTED, **INNER)
def _merge_characters(data: Any, start: Any, end: Any, tables: Any, out: Any, at: Any) -> Any:
    pairs = tables.pairs
    places = np.empty(end - start + 1, dtype=np.int64)
    symbols = np.empty(end - start, dtype=np.uint32)
    n = 0
    while start < end:
        places[n] = start
        start += character_length(data, start, end)
        symbol = find_token(tables.characters, data, places[n], start)
        symbols[n] = symbol if symbol >= 0 else _LIMIT
        n += 1
    places[n] = end
    ranks = np.full(n, _NONE)
    for i in range(n - 1):
        ranks[i] = _rank(symbols[i], symbols[i + 1], pairs)
    following = np.empty(n, dtype=np.int64)
    merge_by_heap(symbols[:n], ranks, following, pairs)
    place = 0
    fused = False
    while place < n:
        known = symbols[place] != _LIMIT
        if known:
            out[at] = pairs.ids[symbols[place]]
            at += 1
        elif len(tables.byte_ids):
            for i in range(places[place], places[place + 1]):
                out[at] = tables.byte_ids[data[i]]
                at += 1
        elif not fused:
            out[at] = tables.unknown
            at += 1
        fused = not known
        place = following[place]
    return at


@njit(**COUNTED, **INNER)
def merge_by_heap(symbols: Any, ranks: Any, following: Any, pairs: Any) -> None:
    """Merges n symbols, given the rank of each with the next, in O(n log n).

    What is left is at place 0, following[0] and so on until n. The pairs form a heap of (rank,
    place); an entry whose pair has changed since is skipped.
    """
    n = len(symbols)
    preceding = np.empty(n, dtype=np.int64)
    heap = np.empty(2 * n, dtype=np.uint64)  # each merge takes one entry off and adds two at most
    size = 0
    for i in range(n):
        following[i], preceding[i] = i + 1, i - 1
        size = _push(heap, size, ranks[i], i)
    while size:
        best = heap[0]
        size -= 1
        _sift_down(heap, size, heap[size])
        place = np.int64(best & _PLACE)
        rank = np.uint32(best >> _PLACE_BITS)
        if ranks[place] != rank:
            continue
        right = following[place]
        after, before = following[right], preceding[place]
        symbols[place] = pairs.joined[rank]
        ranks[right] = ranks[place] = _NONE
        following[place] = after
        if after < n:
            preceding[after] = place
            ranks[place] = _rank(symbols[place], symbols[after], pairs)
            size = _push(heap, size, ranks[place], place)
        if before >= 0:
            ranks[before] = _rank(symbols[before], symbols[place], pairs)
            size = _push(heap, size, ranks[before], before)


@njit(**UNCOUNTED, **INNER)
def _push(heap: Any, size: Any, rank: Any, place: Any) -> Any:
    """Adds a pair to the heap if it has a rank; returns the new size."""
    if rank == _NONE:
        return size
    entry = (_U(rank) << _PLACE_BITS) | _U(place)
    child = size
    while child > 0 and heap[(child - 1) >> 1] > entry:
        heap[child] = heap[(child - 1) >> 1]
        child = (child - 1) >> 1
    heap[child] = entry
    return size + 1


@njit(**UNCOUNTED, **INNER)
def _sift_down(heap: Any, size: Any, entry: Any) -> None:
    """Puts `entry` into the heap in place of its first one."""
    place = 0
    child = 1
    while child < size:
        if child + 1 < size and heap[child + 1] < heap[child]:
            child += 1
        if heap[child] >= entry:
            break
        heap[place] = heap[child]
        place = child
        child = 2 * place + 1
    heap[place] = entry
