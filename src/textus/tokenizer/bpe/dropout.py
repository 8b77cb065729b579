"""BPE-dropout (Provilkov et al. 2020): a word is cut another way each time."""

from collections.abc import Mapping, Sequence
from heapq import heapify, heappop, heappush
from itertools import pairwise

from textus.tokenizer.bpe.model import Merges
from textus.tokenizer.draws import Draws, threshold_of

_GONE = -1


def cut_with_dropout(model: Merges, word: bytes, *, dropout: float, draws: Draws) -> list[int]:
    """The ids of a word, each merge skipped with probability `dropout`; without dropout those of
    `model.encode_word`, with it words that are tokens are cut as well."""
    if dropout == 0:
        return model.encode_word(word)
    return model.cut(
        word, lambda start: merge_with_dropout(start, model.ranks, dropout=dropout, draws=draws)
    )


def merge_with_dropout(
    ids: Sequence[int],
    merges: Mapping[tuple[int, int], tuple[int, int]],
    *,
    dropout: float,
    draws: Draws,
) -> list[int]:
    """Joins neighbours as `merge_word` does, but skips each merge with probability `dropout`.

    Before each merge the pairs that have one are gone through in order, as in the paper's algorithm
    1, and each is skipped with this probability; the first that is not is merged, and where all are
    skipped, no more is. With dropout 0 the result is that of `merge_word`, with 1 no merge is made.
    Takes O(n log n) for n ids on average for a dropout well below 1.
    """
    threshold = threshold_of(dropout)
    symbols = list(ids)
    end = len(symbols)
    following = list(range(1, end + 1))
    preceding = list(range(-1, end - 1))
    heap = [(merges[pair][0], i) for i, pair in enumerate(pairwise(symbols)) if pair in merges]
    heapify(heap)
    skipped: list[tuple[int, int]] = []
    while heap:
        due = heappop(heap)
        left = due[1]
        right = following[left]
        found = merges.get((symbols[left], symbols[right])) if right < end else None
        if found is None or found[0] != due[0]:
            continue  # the pair has changed since
        if draws.next() < threshold:
            skipped.append(due)
            continue
        for again in skipped:
            heappush(heap, again)
        skipped.clear()
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
