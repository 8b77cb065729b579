"""Cuts words at random, each cut as often as it is likely (subword regularisation, Kudo 2018).

Drawn exactly, without listing cuts: how likely each rest of a word is, all its cuts together, is
summed from its end to its beginning, and then pieces are drawn from left to right. These sums are
pairs of a float from 0.5 to 1 and a power of two, as a long word's are less than any float.
"""

import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from textus.tokenizer.draws import DRAW_BITS, Draws
from textus.tokenizer.unigram.model import Edge, Unigram

UNIT = 2.0**-DRAW_BITS
"""What makes a draw a float below 1."""

SPAN = 60
"""A cut that is 2**60 times less likely than another one is never drawn."""

_LARGEST = 1 << 40
"""Bound of the exponents of pieces: no sum of them overflows."""


class Weights(NamedTuple):
    """Probabilities of pieces to a power, each number times two to the power of its exponent."""

    numbers: np.ndarray
    """float64 (number of tokens + 1,), by id, from 0.5 to 1; the last is for a character that is
    no piece."""
    exponents: np.ndarray
    """int64, the same for the exponents."""


class Rests(NamedTuple):
    """How likely the rest of a word is from each place on; 1 at its end."""

    numbers: list[float]
    exponents: list[int]


def scaled(number: float, exponent: int) -> float:
    """A number of a sum times two to a power, which is 2 at most for what is part of the sum; 0
    where the sum is 2**60 times as large."""
    return math.ldexp(number, exponent) if -SPAN < exponent <= 2 else 0.0


def weights_of(model: Unigram, *, alpha: float) -> Weights:
    """The probabilities of the pieces to the power `alpha`."""
    scores = np.array([*model.scores, model.unknown_score])
    logarithms = np.clip(alpha / math.log(2) * scores, -_LARGEST, _LARGEST)
    exponents = np.floor(logarithms) + 1
    return Weights(np.exp2(logarithms - exponents), exponents.astype(np.int64))


def sample_word(model: Unigram, word: bytes, weights: Weights, draws: Draws) -> list[int]:
    """The ids of a cut drawn with a probability proportional to the product of its weights."""
    edges = model.edges_by_start(word)
    rests = _rests(edges, weights, size=len(word))
    cut: list[Edge] = []
    place = 0
    while place < len(word):
        cut.append(_draw(edges[place], weights, rests, draws))
        place = cut[-1][1]
    return model.spell(word, cut)


def _rests(edges: Sequence[Sequence[Edge]], weights: Weights, *, size: int) -> Rests:
    rests = Rests([0.0] * (size + 1), [0] * (size + 1))
    rests.numbers[size], rests.exponents[size] = 0.5, 1
    for place in reversed(range(size)):
        total, highest = 0.0, 0
        for number, exponent in _terms(edges[place], weights, rests):
            if total == 0.0:
                total, highest = number, exponent
            elif exponent > highest:
                total, highest = scaled(total, highest - exponent) + number, exponent
            else:
                total += scaled(number, exponent - highest)
        total, shift = math.frexp(total)
        rests.numbers[place], rests.exponents[place] = total, highest + shift
    return rests


def _terms(edges: Sequence[Edge], weights: Weights, rests: Rests) -> Iterable[tuple[float, int]]:
    """For each piece how likely it is together with the rest behind it."""
    for _, end, id_ in edges:
        number = float(weights.numbers[id_]) * rests.numbers[end]
        yield number, int(weights.exponents[id_]) + rests.exponents[end]


def _draw(edges: Sequence[Edge], weights: Weights, rests: Rests, draws: Draws) -> Edge:
    """One of the pieces that begin at a place."""
    place, drawn = edges[0][0], edges[0]
    left = draws.next() * UNIT * rests.numbers[place]
    terms = _terms(edges, weights, rests)
    for edge, (number, exponent) in zip(edges, terms, strict=True):
        share = scaled(number, exponent - rests.exponents[place])
        if share > 0.0:
            drawn = edge
        left -= share
        if left < 0.0:
            break
    return drawn
