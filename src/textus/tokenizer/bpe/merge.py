"""Applies learnt merges to a word."""

from collections.abc import Mapping, Sequence
from heapq import heapify, heappop, heappush
from itertools import pairwise

_GONE = -1


def merge_word(ids: Sequence[int], merges: Mapping[tuple[int, int], tuple[int, int]]) -> list[int]:
    """Joins neighbours, always the pair with the lowest rank and of equals the leftmost, until
    none is left.

    `merges` maps a pair of ids to (rank, id of the joined token). Takes O(n log n) for n ids: the
    symbols form a linked list, the pairs a heap; a heap entry whose pair has changed since is
    skipped.
    """
    symbols = list(ids)
    end = len(symbols)
    following = list(range(1, end + 1))
    preceding = list(range(-1, end - 1))
    heap = [
        (merges[pair][0], left) for left, pair in enumerate(pairwise(symbols)) if pair in merges
    ]
    heapify(heap)
    while heap:
        rank, left = heappop(heap)
        right = following[left]
        found = merges.get((symbols[left], symbols[right])) if right < end else None
        if found is None or found[0] != rank:
            continue
        symbols[left], symbols[right] = found[1], _GONE
        before, after = preceding[left], following[right]
        following[left] = after
        if after < end:
            preceding[after] = left
            if new := merges.get((symbols[left], symbols[after])):
                heappush(heap, (new[0], left))
        if before >= 0 and (new := merges.get((symbols[before], symbols[left]))):
            heappush(heap, (new[0], before))
    return [symbol for symbol in symbols if symbol != _GONE]
