"""Kernels of training: expected counts, best cuts, and what it costs to give a piece up.

All go through words as rows of bytes, place by place; the pieces that begin at a place form a chain
(`Pieces`). `nodes` is `Pieces.nodes()`, `links` its last column as integers.
"""

from typing import Any

import numpy as np
from numba import njit

_LENGTH = 0xFFFF
_SMALL, _LARGE = 1e-100, 1e100


@njit(cache=True, nogil=True)
def expect(
    offsets: Any, counts: Any, deepest: Any, nodes: Any, links: Any, reach: int, expected: Any
) -> float:
    """Adds to `expected` how often each piece occurs in the words on average over all cuts, and
    returns the logarithm of the probability of the words. `reach`: bytes of the longest piece.

    forward[i] is the probability of the word up to i, backward[i] that from i on, both summed over
    all cuts; a piece from i to j stands in the cut with probability forward[i] p backward[j] / Z,
    where Z is that of the whole word. Where forward gets too small for a float, it is scaled up for
    all places ahead; the way back undoes this at the same place.
    """
    longest = _longest(offsets)
    forward = np.empty(longest + 1)
    scaled = np.empty(longest + 1, dtype=np.bool_)
    log_likelihood = 0.0
    for word in range(len(counts)):
        start, size = offsets[word], offsets[word + 1] - offsets[word]
        for i in range(size + 1):
            forward[i] = 0.0
        forward[0] = 1.0
        scalings = _go_forward(start, size, deepest, nodes, links, reach, forward, scaled)
        log_likelihood += counts[word] * (np.log(forward[size]) + scalings * np.log(_SMALL))
        _go_back(start, size, counts[word], deepest, nodes, links, reach, forward, scaled, expected)
    return log_likelihood


@njit(cache=True, nogil=True)
def _go_forward(
    start: int,
    size: int,
    deepest: Any,
    nodes: Any,
    links: Any,
    reach: int,
    forward: Any,
    scaled: Any,
) -> int:
    """Fills `forward` and at which places it was scaled; returns how often."""
    scalings = 0
    for i in range(size):
        here = forward[i]
        scaled[i] = False
        if here == 0.0:
            continue  # within a character
        if here < _SMALL and _are_small(forward, i, min(i + reach, size) + 1):
            _scale_up(forward, i, min(i + reach, size) + 1)
            here = forward[i]
            scaled[i] = True
            scalings += 1
        piece = deepest[start + i]
        while piece >= 0:
            link = links[piece]
            forward[i + (link & _LENGTH)] += here * nodes[piece, 0]
            piece = link >> 16
    return scalings


@njit(cache=True, nogil=True)
def _go_back(
    start: int,
    size: int,
    count: float,
    deepest: Any,
    nodes: Any,
    links: Any,
    reach: int,
    forward: Any,
    scaled: Any,
    expected: Any,
) -> None:
    """Adds `count` times the expected pieces of one word; turns `forward` into backward / Z."""
    forward[size] = 1.0 / forward[size]
    for i in range(size - 1, -1, -1):
        weight = count * forward[i]
        backward = 0.0
        piece = deepest[start + i]
        while piece >= 0:
            link = links[piece]
            share = nodes[piece, 0] * forward[i + (link & _LENGTH)]
            expected[piece] += weight * share
            backward += share
            piece = link >> 16
        forward[i] = backward
        if scaled[i]:
            _scale_up(forward, i, min(i + reach, size) + 1)


@njit(cache=True, nogil=True)
def _are_small(values: Any, start: int, end: int) -> bool:
    largest = 0.0
    for i in range(start, end):
        largest = max(largest, values[i])
    return largest < _SMALL


@njit(cache=True, nogil=True)
def _scale_up(values: Any, start: int, end: int) -> None:
    for i in range(start, end):
        values[i] *= _LARGE


@njit(cache=True, nogil=True)
def _longest(offsets: Any) -> int:
    longest = 0
    for word in range(len(offsets) - 1):
        longest = max(longest, offsets[word + 1] - offsets[word])
    return longest


@njit(cache=True, nogil=True)
def count_best(offsets: Any, counts: Any, deepest: Any, nodes: Any, links: Any, used: Any) -> None:
    """Adds to `used` how often each piece occurs in the best cuts of the words."""
    longest = _longest(offsets)
    best = np.empty(longest + 1)
    last = np.empty(longest + 1, dtype=np.int64)
    for word in range(len(counts)):
        start, size = offsets[word], offsets[word + 1] - offsets[word]
        _best_cut(start, size, deepest, nodes, links, best, last, size + 1)
        place = size
        while place > 0:
            piece = last[place]
            used[piece] += counts[word]
            place -= links[piece] & _LENGTH


@njit(cache=True, nogil=True)
def _best_cut(
    start: int, size: int, deepest: Any, nodes: Any, links: Any, best: Any, last: Any, limit: int
) -> None:
    """The score of the best cut up to each place, with pieces of less than `limit` bytes, and its
    last piece."""
    for i in range(size + 1):
        best[i] = -np.inf
    best[0] = 0.0
    for i in range(size):
        here = best[i]
        if here == -np.inf:
            continue
        piece = deepest[start + i]
        while piece >= 0:
            link = links[piece]
            length = link & _LENGTH
            if length < limit and i + length <= size:
                score = here + nodes[piece, 1]
                if score > best[i + length]:
                    best[i + length] = score
                    last[i + length] = piece
            piece = link >> 16


@njit(cache=True, nogil=True)
def losses(
    first: int,
    places: Any,
    lengths: Any,
    deepest: Any,
    nodes: Any,
    links: Any,
    used: Any,
    total: float,
    longest: int,
    out: Any,
) -> None:
    """How much likelihood the best cuts lose if a piece is given up and spelt by its own best cut
    into others; -1 for pieces that are not used or do worse than those others. From `first` on,
    as many as `out` has room for."""
    best = np.empty(longest + 1)
    last = np.empty(longest + 1, dtype=np.int64)
    for k in range(len(out)):
        piece = first + k
        size, count = lengths[piece], used[piece]
        out[k] = -1.0
        if count == 0:
            continue
        _best_cut(places[piece], size, deepest, nodes, links, best, last, size)
        if best[size] == -np.inf or best[size] > nodes[piece, 1]:
            continue  # a single unit, which stays anyway; or spelt better by others
        others, place = 0, size
        while place > 0:
            place -= links[last[place]] & _LENGTH
            others += 1
        log_total = np.log(total + count * (others - 1))
        loss = np.log(count / total)
        place = size
        while place > 0:
            loss -= np.log(used[last[place]] + count) - log_total
            place -= links[last[place]] & _LENGTH
        out[k] = count * loss


@njit(cache=True, nogil=True)
def renumber(kept: Any, parents: Any) -> Any:
    """New numbers for the pieces that are kept; others get that of the nearest one that is kept
    among those they begin with, or -1."""
    numbers = np.empty(len(kept), dtype=np.int64)
    count = 0
    for piece in range(len(kept)):
        if kept[piece]:
            numbers[piece] = count
            count += 1
        elif parents[piece] >= 0:
            numbers[piece] = numbers[parents[piece]]
        else:
            numbers[piece] = -1
    return numbers
