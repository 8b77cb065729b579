"""The pieces that training begins with: the most telling repeated substrings of the words."""

from typing import Any

import numpy as np

from textus.tokenizer.counting.word_counts import WordCounts
from textus.tokenizer.unigram.pieces import Pieces

MAX_SEEDS = 1_000_000
"""As many as SentencePiece begins with."""


def find_seeds(words: WordCounts, *, max_length: int, characters: bool) -> Pieces:
    """Single units, and the substrings of at most `max_length` units with the largest product of
    length and occurrences.

    Only substrings count that cannot be made longer to either side without occurring less often:
    of others the longer one always does better.
    """
    from textus.tokenizer.unigram import seed_kernels as kernels

    places, lengths, lefts = kernels.find_places(words.data, words.offsets, max_length, characters)
    order = _suffix_order(words.data, places, lengths)
    weights = np.repeat(words.counts, np.diff(words.offsets))[places[order]]
    units = kernels.first_units(words.data, places[order], characters)
    shared = kernels.shared_lengths(words.data, places[order], lengths[order], characters)
    found = kernels.repeated_substrings(
        shared, lengths[order], lefts[order], weights, units, int(lengths.max())
    )
    found = _select(found, units)
    parents, deepest = kernels.nest(found[:, 1], found[:, 2], len(order))
    deepest_at = np.full(len(words.data), -1, dtype=np.int32)
    deepest_at[places[order]] = deepest
    counts = found[:, 3].astype(np.float64) * found[:, 0]
    return Pieces(
        lengths=found[:, 0].copy(),
        places=places[order][found[:, 1]],
        parents=parents,
        deepest=deepest_at,
        required=found[:, 0] == units[found[:, 1]],
        scores=np.log(counts / counts.sum()),
    )


def _suffix_order(data: np.ndarray, places: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """The order of the suffixes: by their bytes, seven at a time, where those before are equal."""
    from textus.tokenizer.unigram.seed_kernels import KEY_BYTES, suffix_keys

    keys = suffix_keys(data, places, lengths, 0)
    order = np.argsort(keys, kind="stable")
    keys = keys[order]
    slots = np.arange(len(order))
    groups = np.zeros(len(order), dtype=np.int64)
    depth = 0
    while True:
        # the slots of suffixes that go on and are equal to a neighbour so far, group by group
        same = (keys[1:] == keys[:-1]) & (groups[1:] == groups[:-1])
        groups = np.concatenate([[0], np.cumsum(~same)])
        goes_on = keys & np.uint64(255) == KEY_BYTES
        open_ = goes_on & (np.append(same, False) | np.insert(same, 0, False))
        if not open_.any():
            return order
        depth += KEY_BYTES
        slots, groups = slots[open_], groups[open_]
        members = order[slots]
        keys = suffix_keys(data, places[members], lengths[members], depth)
        within = np.lexsort((keys, groups))
        order[slots] = members[within]
        keys = keys[within]


def _select(found: Any, units: np.ndarray) -> Any:
    """The single units and the best others, sorted by first suffix and length."""
    required = found[:, 0] == units[found[:, 1]]
    others = np.flatnonzero(~required)
    if len(others) > MAX_SEEDS:
        worth = found[others, 0] * found[others, 3]
        others = others[np.argsort(-worth, kind="stable")[:MAX_SEEDS]]
    chosen = np.concatenate([np.flatnonzero(required), others])
    return found[chosen][np.lexsort((found[chosen, 0], found[chosen, 1]))]
