"""The merges that ranks stand for, compiled: the fast twin of `tiktoken_ranks.last_merge`."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numba import njit

from textus.tokenizer.bpe.tokens import find_token, token_table
from textus.tokenizer.native import INNER, UNCOUNTED

_NEVER = 1 << 62


def last_merges(tokens: Sequence[bytes], ranks: Sequence[int]) -> np.ndarray:
    """The last merge of each token as a pair of ranks, int64 (num_tokens, 2); -1 where it has
    none. Ranks are numbers below 2**32."""
    table = token_table(tokens, np.array(ranks, dtype=np.int64))
    merges = np.full((len(tokens), 2), -1, dtype=np.int64)
    byte_pairs = np.full(1 << 16, _NEVER, dtype=np.int64)
    edges, joined = np.empty((2, table.longest + 1), dtype=np.int64)
    _find_merges(table, merges, byte_pairs, edges, joined)
    return merges


@njit(cache=True, **UNCOUNTED)
def _find_merges(table: Any, merges: Any, byte_pairs: Any, edges: Any, joined: Any) -> None:
    """Fills `merges`; the other arrays are room."""
    for i in range(len(merges)):
        start = table.starts[i]
        if table.starts[i + 1] - start == 2:
            pair = table.data[start] * 256 + table.data[start + 1]
            byte_pairs[pair] = np.int64(table.values[i])
    for i in range(len(merges)):
        start, end = table.starts[i], table.starts[i + 1]
        if end - start > 1 and _join(table, start, end, byte_pairs, edges, joined):
            left = find_token(table, table.data, start, edges[1])
            right = find_token(table, table.data, edges[1], end)
            if left >= 0 and right >= 0:
                merges[i, 0], merges[i, 1] = left, right


@njit(**UNCOUNTED, **INNER)
def _join(table: Any, start: Any, end: Any, byte_pairs: Any, edges: Any, joined: Any) -> Any:
    """Joins the bytes from `start` to `end` until two parts are left, and says whether that is
    possible.

    Part k lies between edges[k] and edges[k + 1]; joined[k] is the rank of it and the next.
    """
    n = end - start
    for k in range(n + 1):
        edges[k] = start + k
    for k in range(n - 1):
        joined[k] = byte_pairs[table.data[start + k] * 256 + table.data[start + k + 1]]
    while n > 2:
        lowest = 0
        for k in range(1, n - 1):
            if joined[k] < joined[lowest]:
                lowest = k
        if joined[lowest] == _NEVER:
            return False
        for k in range(lowest + 1, n):
            edges[k] = edges[k + 1]
            joined[k - 1] = joined[k]  # the last one is of no use
        n -= 1
        for k in range(lowest - 1 if lowest else 0, min(lowest + 1, n - 1)):
            rank = find_token(table, table.data, edges[k], edges[k + 2])
            joined[k] = rank if rank >= 0 else _NEVER
    return True
