"""Tokens by their bytes, for kernels: a hash table with all bytes beside it."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numba import njit

from textus.tokenizer.native import INNER, UNCOUNTED, load64, prefetch

_U = np.uint64
_ONE, _HIGH = _U(1), _U(0xFFFFFFFF00000000)
_M1, _M2 = _U(0x9E3779B97F4A7C15), _U(0xD6E8FEB86659FD93)


class TokenTable(NamedTuple):
    """Made by `token_table`."""

    slots: np.ndarray
    """uint64: half a hash above, the number of a token and one below; 0: free."""
    data: np.ndarray
    """uint8: the bytes of all tokens one behind another, and eight more."""
    starts: np.ndarray
    """int64 (num_tokens + 1,): where each token begins in `data`."""
    values: np.ndarray
    """uint32 (num_tokens,): what is looked up."""
    longest: int
    """Bytes of the longest token."""


def token_table(tokens: Sequence[bytes], values: np.ndarray) -> TokenTable:
    """A table of distinct tokens, none of them empty, and a number below 2**32 for each."""
    lengths = np.fromiter(map(len, tokens), np.int64, len(tokens))
    starts = np.zeros(len(tokens) + 1, dtype=np.int64)
    np.cumsum(lengths, out=starts[1:])
    data = np.frombuffer(b"".join([*tokens, bytes(8)]), dtype=np.uint8)
    slots = np.zeros(1 << max(4, (2 * len(tokens)).bit_length()), dtype=np.uint64)
    _fill(data, starts, slots)
    longest = int(lengths.max(initial=0))
    return TokenTable(slots, data, starts, values.astype(np.uint32), longest)


@njit(cache=True, **UNCOUNTED)
def _fill(data: Any, starts: Any, slots: Any) -> None:
    mask = _U(len(slots) - 1)
    for i in range(len(starts) - 1):
        hash_ = hash_token(data, starts[i], starts[i + 1])
        place = hash_ & mask
        while slots[place]:
            place = (place + _ONE) & mask
        slots[place] = (hash_ & _HIGH) | _U(i + 1)


@njit(**UNCOUNTED, **INNER)
def find_token(table: Any, data: Any, start: Any, end: Any) -> Any:
    """The value of the token data[start:end]; -1 where it is none. Eight bytes more are read."""
    if end - start > table.longest:
        return -1
    return find_hashed(table, hash_token(data, start, end), data, start, end)


@njit(**UNCOUNTED, **INNER)
def prefetch_token(table: Any, hash_: Any) -> None:
    """Asks for what `find_hashed` will read."""
    prefetch(table.slots, np.int64(hash_ & _U(len(table.slots) - 1)))


@njit(**UNCOUNTED, **INNER)
def find_hashed(table: Any, hash_: Any, data: Any, start: Any, end: Any) -> Any:
    """`find_token`, given `hash_token` of the same bytes."""
    mask = _U(len(table.slots) - 1)
    place = hash_ & mask
    while table.slots[place]:
        slot = table.slots[place]
        if slot & _HIGH == hash_ & _HIGH:
            token = np.int64(slot & ~_HIGH) - 1
            if _is_token(table, token, data, start, end):
                return np.int64(table.values[token])
        place = (place + _ONE) & mask
    return -1


@njit(**UNCOUNTED, **INNER)
def _is_token(table: Any, token: Any, data: Any, start: Any, end: Any) -> Any:
    own = table.starts[token]
    length = end - start
    if table.starts[token + 1] - own != length:
        return False
    for i in range(0, length, 8):
        differ = load64(data, start + i) ^ load64(table.data, own + i)
        if length - i < 8:
            differ &= (_ONE << _U(8 * (length - i))) - _ONE
        if differ:
            return False
    return True


@njit(**UNCOUNTED, **INNER)
def hash_token(data: Any, start: Any, end: Any) -> Any:
    """A number of 64 bits for some bytes."""
    length = end - start
    mixed = _U(length)
    for i in range(0, length, 8):
        word = load64(data, start + i)
        if length - i < 8:
            word &= (_ONE << _U(8 * (length - i))) - _ONE
        mixed = (mixed ^ word) * _M1
        mixed = (mixed ^ (mixed >> _U(29))) * _M2
    return mixed ^ (mixed >> _U(32))
