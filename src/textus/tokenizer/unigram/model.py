"""Pieces with probabilities, and the likeliest cut of a word: `Unigram.encode_word` (Kudo 2018)."""

import math
from bisect import bisect
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from random import Random
from struct import Struct
from typing import TYPE_CHECKING, NamedTuple

from textus.errors import DataError

if TYPE_CHECKING:
    from textus.tokenizer.unigram.kernels import UnigramTables

UNKNOWN_PENALTY = 10.0
"""How far below the lowest score SentencePiece puts a character that is no piece."""

_UNKNOWN = -1
_SINGLE = Struct("f")
_CHARACTER_LENGTHS = (1,) * 12 + (2, 2, 3, 4)

Edge = tuple[int, int, int]


class Arrivals(NamedTuple):
    """The pieces that end at one place of a word, for drawing cuts."""

    shares: list[float]
    """How likely a cut up to there ends in one of the pieces so far, ascending to 1."""
    edges: list[Edge]


@dataclass(frozen=True, kw_only=True)
class Unigram:
    """The unigram language model: a word is cut so that the product of probabilities is largest.

    Of equally likely cuts the one whose last piece is longest wins, and so on towards the front, as
    in SentencePiece. Raises DataError unless every word can be spelt.
    """

    ids: Mapping[bytes, int]
    """The id of every piece by its bytes; special tokens and those of unknown bytes are none."""

    scores: tuple[float, ...]
    """Natural logarithm of each token's probability, by id; 0 for tokens that are no pieces."""

    characters: bool = False
    """Whether a word is a row of characters, which no piece cuts; else a row of bytes."""

    byte_ids: tuple[int, ...] | None = None
    """The ids of the 256 bytes in order, which spell the characters that are no pieces."""

    unknown: int | None = None
    """The id that stands for a run of characters that are no pieces, where there are no
    `byte_ids`."""

    unknown_score: float = 0.0
    """What a character that is no piece counts; SentencePiece takes the lowest score less 10."""

    single_precision: bool = False
    """Whether scores are summed in float32, as SentencePiece does, or in float64, as Hugging Face
    does: it decides between cuts that are almost equally likely."""

    def __post_init__(self) -> None:
        missing = [byte for byte in range(256) if bytes([byte]) not in self.ids]
        if missing and not self.characters:
            raise DataError(f"the vocabulary has no piece for the bytes {missing[:8]}")
        if self.characters and self.unknown is None and self.byte_ids is None:
            raise DataError(
                "the vocabulary has no token for a character that is no piece; "
                "give the ids of the 256 bytes or an unknown token"
            )
        if self.byte_ids is not None and len(self.byte_ids) != 256:
            raise DataError(f"{len(self.byte_ids)} tokens stand for bytes; there must be 256")
        if b"" in self.ids:
            raise DataError("the vocabulary has an empty piece")

    @cached_property
    def max_length(self) -> int:
        """Bytes of the longest piece."""
        return max(map(len, self.ids), default=0)

    def encode_word(self, word: bytes, /) -> list[int]:
        """The ids of the likeliest cut of a word in UTF-8."""
        size = len(word)
        rounded = _to_single if self.single_precision else float
        best = [0.0] * (size + 1)
        last: list[Edge | None] = [None] * (size + 1)
        for edge in self._edges(word):
            start, end, id_ = edge
            score = rounded(best[start] + self._score(id_))
            if last[end] is None or score > best[end]:
                best[end], last[end] = score, edge
        cut: list[Edge] = []
        while (edge := last[size]) is not None:
            cut.append(edge)
            size = edge[0]
        return self._spell(word, cut[::-1])

    def sample_word(self, word: bytes, /, *, alpha: float, random: Random) -> list[int]:
        """The ids of a cut drawn at random with probability proportional to that of the cut to the
        power `alpha` (subword regularisation, Kudo 2018).

        Draws exactly, without listing cuts: filters forwards and samples backwards.
        """
        return self.draw(word, self.arrivals(word, alpha=alpha), random)

    def arrivals(self, word: bytes, /, *, alpha: float) -> list[Arrivals]:
        """What `draw` needs of a word: for each place in it the pieces that end there, with the
        shares of the cuts up to there that end in each, added up."""
        size = len(word)
        total = [0.0] + [-math.inf] * size
        arriving: list[list[tuple[float, Edge]]] = [[] for _ in range(size + 1)]
        for edge in self._edges(word):
            start, end, id_ = edge
            weight = total[start] + alpha * self._score(id_)
            total[end] = _log_add(total[end], weight)
            arriving[end].append((weight, edge))
        return [
            Arrivals(
                shares=list(accumulate(math.exp(weight - total[end]) for weight, _ in rows)),
                edges=[edge for _, edge in rows],
            )
            for end, rows in enumerate(arriving)
        ]

    def draw(self, word: bytes, arrivals: Sequence[Arrivals], random: Random, /) -> list[int]:
        """The ids of a cut drawn at random, as in `sample_word`."""
        cut: list[Edge] = []
        end = len(word)
        while end:
            shares, edges = arrivals[end]
            i = bisect(shares, random.random() * shares[-1], hi=len(shares) - 1)
            cut.append(edges[i])
            end = edges[i][0]
        return self._spell(word, cut[::-1])

    def tables(self) -> "UnigramTables":
        """What the kernel needs to cut words as `encode_word` does."""
        from textus.tokenizer.unigram.kernels import tables

        return tables(self)

    def _edges(self, word: bytes) -> Iterator[Edge]:
        """Every piece in the word as (start, end, id), by start, then end; id -1 for a character
        that is no piece."""
        start, size = 0, len(word)
        while start < size:
            step = min(character_length(word[start]), size - start) if self.characters else 1
            known = False
            for end in range(start + 1, min(start + self.max_length, size) + 1):
                id_ = self.ids.get(word[start:end])
                if id_ is not None:
                    known |= end == start + step
                    yield start, end, id_
            if not known:
                yield start, start + step, _UNKNOWN
            start += step

    def _score(self, id_: int) -> float:
        return self.unknown_score if id_ == _UNKNOWN else self.scores[id_]

    def _spell(self, word: bytes, cut: list[Edge]) -> list[int]:
        """The ids of a cut: unknown characters in bytes, or each run of them as one token."""
        ids: list[int] = []
        previous = None
        for start, end, id_ in cut:
            if id_ != _UNKNOWN:
                ids.append(id_)
            elif self.byte_ids is not None:
                ids += [self.byte_ids[byte] for byte in word[start:end]]
            elif self.unknown is not None and previous != _UNKNOWN:
                ids.append(self.unknown)
            previous = id_
        return ids


def character_length(lead: int) -> int:
    """Bytes of the character that begins with the byte `lead`: `character_length(0xC3)` is 2."""
    return _CHARACTER_LENGTHS[lead >> 4]


def _to_single(number: float) -> float:
    """The nearest number in single precision."""
    return _SINGLE.unpack(_SINGLE.pack(number))[0]


def _log_add(x: float, y: float) -> float:
    """log(exp(x) + exp(y)), where y is finite."""
    low, high = min(x, y), max(x, y)
    return high + math.log1p(math.exp(low - high))
