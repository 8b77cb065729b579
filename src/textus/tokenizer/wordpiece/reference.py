"""The slow, obvious twins of the two trainers, which count anew after each merge.

Words are rows of symbols: ids of pieces of one character or byte, those that begin a word other
than those that go on with it. No piece arises in two ways: where the same symbols stand between
the same borders, the same merges join them.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from fractions import Fraction
from itertools import pairwise
from typing import Any

from textus.tokenizer.bpe.reference import merge_pair

Pair = tuple[int, int]
Words = Sequence[tuple[Sequence[int], int]]
"""Symbols of each word, and how often it occurs."""


def learn_by_frequency(
    words: Words, *, first_id: int, count: int, min_frequency: int
) -> list[Pair]:
    """Merges the most frequent pair, again and again; of equals the one with the smallest ids."""

    def order(pair: Pair, pairs: Counter[Pair], _: Counter[int]) -> Any:
        return -pairs[pair], pair

    return _learn(words, first_id, count, min_frequency, order)


def learn_by_likelihood(
    words: Words, *, first_id: int, count: int, min_frequency: int
) -> list[Pair]:
    """Merges the pair that raises the likelihood of the text most, again and again.

    The score of a pair is count(ab) / (count(a) count(b)); of equal scores the more frequent pair
    wins, and then the one with the smallest ids. With the words "ab" (0, 1) once and "cb" (2, 1)
    and "cd" (2, 3) five times each, the scores are 1 / (1 6), 5 / (10 6) and 5 / (10 5): the first
    merge is (0, 1).
    """

    def order(pair: Pair, pairs: Counter[Pair], single: Counter[int]) -> Any:
        score = Fraction(pairs[pair], single[pair[0]] * single[pair[1]])
        return -score, -pairs[pair], pair

    return _learn(words, first_id, count, min_frequency, order)


def _learn(
    words: Words,
    first_id: int,
    count: int,
    min_frequency: int,
    order: Callable[[Pair, Counter[Pair], Counter[int]], Any],
) -> list[Pair]:
    words = [(list(symbols), n) for symbols, n in words]
    merges: list[Pair] = []
    while len(merges) < count:
        pairs: Counter[Pair] = _count((pairwise(symbols), n) for symbols, n in words)
        single: Counter[int] = _count((symbols, n) for symbols, n in words)
        keys = {p: order(p, pairs, single) for p, n in pairs.items() if n >= min_frequency}
        if not keys:
            break
        best = min(keys, key=keys.__getitem__)
        words = [(merge_pair(symbols, best, first_id + len(merges)), n) for symbols, n in words]
        merges.append(best)
    return merges


def _count(items: Iterable[tuple[Iterable[Any], int]]) -> Counter[Any]:
    counts: Counter[Any] = Counter()
    for found, n in items:
        for item in found:
            counts[item] += n
    return counts
