"""Cuts words by merges, compiled: the fast twin of `Merges.encode_word`."""

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numba import njit

from textus.tokenizer.bpe.characters import character_length, is_character
from textus.tokenizer.bpe.lanes import LANES, cut_lanes
from textus.tokenizer.bpe.pairs import (
    LIMIT,
    NO_RANK,
    PairTable,
    byte_ranks,
    packed_rank,
    pair_table,
    rank_of,
)
from textus.tokenizer.bpe.tokens import TokenTable, find_token, token_table
from textus.tokenizer.engine.cutting import cuts, cuts_many
from textus.tokenizer.native import (
    COUNTED,
    INNER,
    UNCOUNTED,
    leading_zeros,
    least16,
    trailing_zeros,
)

if TYPE_CHECKING:
    from textus.tokenizer.bpe.model import Merges

_SHORT = 64  # symbols that are merged by looking through all ranks; more: by a heap

_U = np.uint64
_ONE, _TWO = _U(1), _U(2)
_ALL = ~_U(0)
_PLACE_BITS = _U(40)
_PLACE = _U((1 << 40) - 1)


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
    pairs, symbols = pair_table(model, single)
    byte_symbols = symbols.astype(np.uint32)
    return MergeTables(pairs, byte_symbols, byte_ranks(pairs, symbols), _whole_words(model))


def _character_tables(model: "Merges") -> CharacterTables:
    characters = {token: id_ for token, id_ in model.ids.items() if is_character(token)}
    pairs, symbols = pair_table(model, list(characters.values()))
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


@cuts(MergeTables)
@njit(cache=True, **UNCOUNTED, **INNER)
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


@cuts_many(MergeTables)
@njit(cache=True, **UNCOUNTED, **INNER)
def cut_short_words(
    data: Any, words: Any, num: Any, tables: Any, scratch: Any, out: Any, counts: Any
) -> Any:
    """`cut_word` for `num` words of at most 15 bytes at once; returns `num`."""
    for first in range(0, num, LANES):
        cut_lanes(data, words, first, min(LANES, num - first), tables, scratch, out, counts)
    return num


@njit(**UNCOUNTED, **INNER)
def start_symbols(data: Any, start: Any, n: Any, tables: Any, symbols: Any, ranks: Any) -> None:
    """The symbols of `n` bytes, and the ranks of each with the next."""
    left = data[_U(start)]
    symbols[_U(0)] = tables.byte_symbols[_U(left)]
    for i in range(1, n):
        right = data[_U(start + i)]
        symbols[_U(i)] = tables.byte_symbols[_U(right)]
        ranks[_U(i - 1)] = tables.byte_ranks[(_U(left) << _U(8)) | _U(right)]
        left = right
    ranks[_U(n - 1)] = NO_RANK


@njit(**UNCOUNTED, **INNER)
def _merge_short(
    data: Any, start: Any, n: Any, tables: Any, symbols: Any, ranks: Any, out: Any, at: Any
) -> Any:
    """Merges up to 64 symbols; the smallest rank, with its place, is found by comparing all.

    The symbols that are left are the bits of `alive`.
    """
    pairs = tables.pairs
    start_symbols(data, start, n, tables, symbols, ranks)
    for i in range(n):
        ranks[_U(i)] = packed_rank(ranks[_U(i)], i)
    width = (n + 15) & ~15
    for i in range(n, width):
        ranks[_U(i)] = NO_RANK
    alive = _ALL >> _U(64 - n)
    while True:
        best = least16(ranks, 0)
        for i in range(16, width, 16):
            best = min(best, least16(ranks, i))
        if best == NO_RANK:
            break
        place, rank = _U(best) & _U(63), _U(best) >> _U(6)
        symbol = np.uint32(rank) + np.uint32(pairs.first)
        if pairs.first < 0:
            symbol = pairs.joined[rank]
        behind = alive & ~((_TWO << place) - _ONE)
        right = trailing_zeros(behind)
        alive &= ~(_ONE << right)
        ranks[right] = NO_RANK
        ranks[place] = NO_RANK
        symbols[place] = symbol
        behind &= behind - _ONE
        ahead = alive & ((_ONE << place) - _ONE)
        if behind:
            other = symbols[trailing_zeros(behind)]
            ranks[place] = packed_rank(rank_of(symbol, other, pairs), place)
        if ahead:
            left = _U(63) - leading_zeros(ahead)
            ranks[left] = packed_rank(rank_of(symbols[left], symbol, pairs), left)
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
    start_symbols(data, start, n, tables, symbols, ranks)
    merge_by_heap(symbols, ranks, following, tables.pairs)
    place = 0
    while place < n:
        out[at] = tables.pairs.ids[symbols[place]]
        at += 1
        place = following[place]
    return at


@cuts(CharacterTables)
@njit(cache=True, **UNCOUNTED, **INNER)
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
        symbols[n] = symbol if symbol >= 0 else LIMIT
        n += 1
    places[n] = end
    ranks = np.full(n, NO_RANK)
    for i in range(n - 1):
        ranks[i] = rank_of(symbols[i], symbols[i + 1], pairs)
    following = np.empty(n, dtype=np.int64)
    merge_by_heap(symbols[:n], ranks, following, pairs)
    place = 0
    fused = False
    while place < n:
        known = symbols[place] != LIMIT
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
    size = np.int64(0)
    for i in range(n):
        following[i], preceding[i] = i + 1, i - 1
        size = push(heap, size, ranks[i], i)
    while size:
        best = heap[0]
        size -= 1
        sift_down(heap, size, heap[size])
        place = np.int64(best & _PLACE)
        rank = np.uint32(best >> _PLACE_BITS)
        if ranks[place] != rank:
            continue
        right = following[place]
        after, before = following[right], preceding[place]
        symbols[place] = pairs.joined[rank]
        ranks[right] = ranks[place] = NO_RANK
        following[place] = after
        if after < n:
            preceding[after] = place
            ranks[place] = rank_of(symbols[place], symbols[after], pairs)
            size = push(heap, size, ranks[place], place)
        if before >= 0:
            ranks[before] = rank_of(symbols[before], symbols[place], pairs)
            size = push(heap, size, ranks[before], before)


@njit(**UNCOUNTED, **INNER)
def push(heap: Any, size: Any, rank: Any, place: Any) -> Any:
    """Adds a pair to the heap if it has a rank; returns the new size."""
    if rank == NO_RANK:
        return size
    entry = (_U(rank) << _PLACE_BITS) | _U(place)
    child = size
    while child > 0 and heap[(child - 1) >> 1] > entry:
        heap[child] = heap[(child - 1) >> 1]
        child = (child - 1) >> 1
    heap[child] = entry
    return size + 1


@njit(**UNCOUNTED, **INNER)
def sift_down(heap: Any, size: Any, entry: Any) -> None:
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
