"""The learnt pieces, and how they cut a word: `LongestMatch.encode_word`."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from textus.errors import DataError
from textus.tokenizer.bert import WHITE_SPACE
from textus.tokenizer.ids import check_model_ids

if TYPE_CHECKING:
    from textus.tokenizer.wordpiece.kernels import LongestMatchTables

SPACES = tuple(chr(code_point).encode() for code_point in sorted(WHITE_SPACE))
"""Every white space in UTF-8."""


@dataclass(frozen=True, kw_only=True)
class LongestMatch:
    """WordPiece (Devlin et al. 2019): the longest piece that fits, again and again.

    There are two forms. Where bytes are the alphabet (`unknown` is None), every byte has a piece of
    either kind, and every word can be spelt. In BERT's form a word that cannot be spelt, or is too
    long, becomes one unknown token, and white space becomes nothing. Raises DataError for pieces or
    settings that fit neither.
    """

    initial: Mapping[bytes, int]
    """Ids of the pieces that begin a word."""

    continuation: Mapping[bytes, int]
    """Ids of the pieces that go on with a word; files write a prefix, such as "##", before them."""

    unknown: int | None = None
    """The id of a word that cannot be spelt; None where every word can be."""

    max_word_chars: int | None = None
    """A word of more characters is unknown; None: there is no limit."""

    def __post_init__(self) -> None:
        check_model_ids(self.initial.values(), unknown=self.unknown)
        check_model_ids(self.continuation.values())
        limit = self.max_word_chars
        if limit is not None and (type(limit) is not int or not 0 <= limit < 1 << 63):
            raise DataError(f"max_word_chars={limit} is no number from 0 to 2**63 - 1")
        if self.unknown is not None:
            return
        if self.max_word_chars is not None:
            raise DataError(
                f"max_word_chars={self.max_word_chars} needs the id of an unknown token for words "
                "that are longer; give `unknown` too, or no limit."
            )
        for kind, pieces in (("initial", self.initial), ("continuation", self.continuation)):
            missing = [byte for byte in range(256) if bytes([byte]) not in pieces]
            if missing:
                raise DataError(
                    f"the vocabulary has no {kind} piece for the bytes {missing[:8]}, and no "
                    "unknown token to stand in"
                )

    @cached_property
    def longest_piece(self) -> int:
        """Length of the longest piece in bytes."""
        return max(map(len, (*self.initial, *self.continuation)), default=0)

    def encode_word(self, word: bytes, /) -> list[int]:
        """The ids of a word in UTF-8."""
        if self.unknown is not None and word.startswith(SPACES):
            return []
        if self.max_word_chars is not None and num_chars(word) > self.max_word_chars:
            return self._unknown_word()
        ids: list[int] = []
        start = 0
        while start < len(word):
            pieces = self.continuation if start else self.initial
            end = min(len(word), start + self.longest_piece)
            while end > start and word[start:end] not in pieces:
                end -= 1
            if end == start:
                return self._unknown_word()
            ids.append(pieces[word[start:end]])
            start = end
        return ids

    def spelling_ids(self) -> Collection[int]:
        """Every id that words are spelt with, that is all but `unknown`."""
        return {*self.initial.values(), *self.continuation.values()} - {self.unknown}

    def tables(self) -> "LongestMatchTables":
        """What the kernel needs to cut words as `encode_word` does."""
        from textus.tokenizer.wordpiece.kernels import tables

        return tables(self)

    def _unknown_word(self) -> list[int]:
        assert self.unknown is not None  # the bytes form can spell every word
        return [self.unknown]


def num_chars(word: bytes) -> int:
    """How many characters a word in UTF-8 has: its bytes other than 0b10xxxxxx."""
    return sum(byte & 0xC0 != 0x80 for byte in word)
