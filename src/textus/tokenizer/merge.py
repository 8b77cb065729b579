"""Applies learnt merges to words, each distinct word once as far as memory allows."""

from collections.abc import Mapping, Sequence
from heapq import heapify, heappop, heappush
from itertools import pairwise

from textus.tokenizer.vocabulary import Vocabulary

_GONE = -1
_MAX_WORDS = 1 << 17
_MAX_CACHED_LENGTH = 64


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


class WordIds(dict[str, list[int]]):
    """The ids of words, worked out when first asked for and kept.

    Memory is bounded: long words are not kept, and when too many are, all are
    forgotten.
    """

    def __init__(self, vocabulary: Vocabulary):
        super().__init__()
        self._vocabulary = vocabulary
        self._merges = vocabulary.ranked_merges()
        ids = vocabulary.ordinary_ids()
        self._id_of_byte = [ids[bytes([byte])] for byte in range(256)]

    def __missing__(self, word: str) -> list[int]:
        symbols = [self._id_of_byte[byte] for byte in word.encode()]
        ids = merge_word(symbols, self._merges)
        if len(word) <= _MAX_CACHED_LENGTH:
            if len(self) >= _MAX_WORDS:
                self.clear()
            self[word] = ids
        return ids

    def __reduce__(self) -> tuple[type["WordIds"], tuple[Vocabulary]]:
        return WordIds, (
            self._vocabulary,
        )  # the words kept so far need not travel to other processes
