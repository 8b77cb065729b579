"""Pieces with probabilities, and the likeliest cut of a word: `Unigram.encode_word` (Kudo 2018)."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from struct import Struct
from typing import TYPE_CHECKING

from textus.errors import DataError
from textus.tokenizer.ids import check_model_ids

if TYPE_CHECKING:
    from textus.tokenizer.unigram.kernels import UnigramTables

UNKNOWN_PENALTY = 10.0
"""How far below the lowest score SentencePiece puts a character that is no piece."""

_LARGEST_SCORE = 1e30
"""So much less than single precision holds that no sum of scores overflows."""

_UNKNOWN = -1
_SINGLE = Struct("f")
_CHARACTER_LENGTHS = (1,) * 12 + (2, 2, 3, 4)

Edge = tuple[int, int, int]


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
        if b"" in self.ids:
            raise DataError("the vocabulary has an empty piece")
        check_model_ids(self.ids.values(), byte_ids=self.byte_ids, unknown=self.unknown)
        if max(self.ids.values(), default=-1) >= len(self.scores):
            raise DataError(
                f"a piece has the id {max(self.ids.values())}, and there are {len(self.scores)} "
                "scores"
            )
        _check_scores(self.scores)
        _check_scores([self.unknown_score])

    @cached_property
    def max_length(self) -> int:
        """Bytes of the longest piece."""
        return max(map(len, self.ids), default=0)

    @property
    def rounded(self) -> Callable[[float], float]:
        """What is done to each sum of scores."""
        return _to_single if self.single_precision else float

    def encode_word(self, word: bytes, /) -> list[int]:
        """The ids of the likeliest cut of a word in UTF-8."""
        size = len(word)
        rounded = self.rounded
        best = [0.0] * (size + 1)
        last: list[Edge | None] = [None] * (size + 1)
        for edge in self._edges(word):
            start, end, id_ = edge
            score = rounded(best[start] + self.score(id_))
            if last[end] is None or score > best[end]:
                best[end], last[end] = score, edge
        cut: list[Edge] = []
        while (edge := last[size]) is not None:
            cut.append(edge)
            size = edge[0]
        return self.spell(word, cut[::-1])

    def edges_by_start(self, word: bytes) -> list[list[Edge]]:
        """For each place of a word the pieces that begin there, by their end; none where no
        character begins."""
        edges: list[list[Edge]] = [[] for _ in word]
        for edge in self._edges(word):
            edges[edge[0]].append(edge)
        return edges

    def spelling_ids(self) -> Collection[int]:
        """Every id that words are spelt with, that is all but `unknown`."""
        return {*self.ids.values(), *(self.byte_ids or ())} - {self.unknown}

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

    def score(self, id_: int) -> float:
        """The score of an edge."""
        return self.unknown_score if id_ == _UNKNOWN else self.scores[id_]

    def spell(self, word: bytes, cut: list[Edge]) -> list[int]:
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


def _check_scores(scores: Sequence[object]) -> None:
    """DataError unless they are numbers that can be added up."""
    for score in scores:
        if not isinstance(score, float | int) or not abs(score) <= _LARGEST_SCORE:
            raise DataError(f"the score {score!r:.80} is no number from -1e30 to 1e30")


def character_length(lead: int) -> int:
    """Bytes of the character that begins with the byte `lead`: `character_length(0xC3)` is 2."""
    return _CHARACTER_LENGTHS[lead >> 4]


def _to_single(number: float) -> float:
    """The nearest number in single precision."""
    return _SINGLE.unpack(_SINGLE.pack(number))[0]
