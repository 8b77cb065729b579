"""BPE-dropout (Provilkov et al. 2020): a word is cut another way each time."""

from collections.abc import Mapping, Sequence
from heapq import heapify, heappop, heappush
from itertools import pairwise
from random import Random

from textus.tokenizer.bpe.model import Merges

_GONE = -1


def cut_with_dropout(model: Merges, word: bytes, *, dropout: float, random: Random) -> list[int]:
    """The ids of a word, each merge skipped with probability `dropout`; without dropout those of
    `model.encode_word`, with it words that are tokens are cut as well."""
    if dropout == 0:
        return model.encode_word(word)
    return model.cut(
        word, lambda start: merge_with_dropout(start, model.ranks, dropout=dropout, random=random)
    )


def merge_with_dropout(
    ids: Sequence[int],
    merges: Mapping[tuple[int, int], tuple[int, int]],
    *,
    dropout: float,
    random: Random,
) -> list[int]:
    """Joins neighbours as `merge_word` does, but skips each merge with probability `dropout`.

    As in Hugging Face's `BPE(dropout=...)`: whenever a merge is due, it is skipped with this
    probability, and comes back as soon as another merge is tried. With dropout 0 the result is that
    of `merge_word`, with 1 no merge is made. Takes O(n log n) for n ids on average for a dropout
    well below 1.
    """
    symbols = list(ids)
    end = len(symbols)
    following = list(range(1, end + 1))
    preceding = list(range(-1, end - 1))
    heap = [(merges[pair][0], i) for i, pair in enumerate(pairwise(symbols)) if pair in merges]
    heapify(heap)
    skipped: list[tuple[int, int]] = []
    while heap:
        due = heappop(heap)
        if random.random() < dropout:
            skipped.append(due)
            continue
        for again in skipped:
            heappush(heap, again)
        skipped.clear()
        left = due[1]
        right = following[left]
        found = merges.get((symbols[left], symbols[right])) if right < end else None
        if found is None or found[0] != due[0]:
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
