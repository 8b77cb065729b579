"""The learnt merges, and how they cut a word: `Merges.encode_word`."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

from textus.errors import DataError
from textus.tokenizer.bpe.merge import merge_word
from textus.tokenizer.ids import check_model_ids

Pair = tuple[int, int]

_BYTES = ("utf-8", "surrogateescape")  # bytes that are no UTF-8 count as characters


@dataclass(frozen=True, kw_only=True)
class Merges:
    """Byte-pair encoding: joins neighbours in the order in which their pairs were learnt.

    Raises DataError unless every word can be spelt and every merge has a token.
    """

    ids: Mapping[bytes, int]
    """The id of every ordinary token by its bytes."""

    merges: tuple[Pair, ...]
    """Pairs of ids in the order in which they were learnt, which is that of their application."""

    whole_words: bool = False
    """Whether a word that is a token is that token, whatever the merges would make of it (Hugging
    Face's `ignore_merges`)."""

    characters: bool = False
    """Whether a word starts out as characters (SentencePiece's BPE), else as bytes."""

    byte_ids: tuple[int, ...] | None = None
    """With `characters`, the ids of the 256 bytes in order, which spell a character that is no
    token; they are not in `ids`."""

    unknown: int | None = None
    """With `characters` and without `byte_ids`, the id of a run of characters that are no
    tokens."""

    leftmost: bool = False
    """Whether of pairs that make the same token the leftmost in the word is joined first, as
    SentencePiece does, else the one that was learnt first."""

    symbols: Mapping[bytes, int] = field(default_factory=dict)
    """Ids of words that are tokens as a whole and are never looked into."""

    def __post_init__(self) -> None:
        missing = [byte for byte in range(256) if bytes([byte]) not in self.ids]
        if missing and not self.characters:
            raise DataError(f"the vocabulary has no token for the bytes {missing[:8]}")
        if self.characters and self.byte_ids is None and self.unknown is None:
            raise DataError(
                "the vocabulary has no token for a character that is no token; give byte_ids or "
                "unknown"
            )
        pieces = [*self.ids.values(), *self.symbols.values()]
        check_model_ids(pieces, byte_ids=self.byte_ids, unknown=self.unknown)
        known = set(self.ids.values())
        if lost := [pair for pair in self.merges if not known.issuperset(pair)]:
            raise DataError(f"the merge {lost[0]} is of ids that are no tokens")
        _ = self.joined  # raises DataError where a merge has no token

    @cached_property
    def joined(self) -> list[int]:
        """The id of the token that each merge makes."""
        ids, tokens = self.ids, {id_: token for token, id_ in self.ids.items()}
        made = [ids.get(tokens[left] + tokens[right], -1) for left, right in self.merges]
        if -1 in made:
            left, right = self.merges[made.index(-1)]
            raise DataError(
                f"the vocabulary has no token for the merge of {tokens[left]!r} "
                f"and {tokens[right]!r}"
            )
        return made

    @cached_property
    def ranks(self) -> dict[Pair, tuple[int, int]]:
        """For each pair of ids its rank, the lower the earlier, and the id of the joined token."""
        ranks: list[int] = list(range(len(self.merges)))
        if self.leftmost:
            first: dict[int, int] = {}
            ranks = [first.setdefault(id_, rank) for rank, id_ in enumerate(self.joined)]
        return dict(zip(self.merges, zip(ranks, self.joined, strict=True), strict=True))

    def tables(self) -> NamedTuple:
        """What the kernels need to cut words as `encode_word` does."""
        from textus.tokenizer.bpe.kernels import tables  # imports numba

        return tables(self)

    def encode_word(self, word: bytes, /) -> list[int]:
        """The ids of a word in UTF-8."""
        if (symbol := self.symbols.get(word)) is not None:
            return [symbol]
        if self.whole_words and (whole := self.ids.get(word)) is not None:
            return [whole]
        return self.cut(word, lambda start: merge_word(start, self.ranks))

    def spelling_ids(self) -> Collection[int]:
        """Every id that words are spelt with, that is all but `unknown`."""
        spelling = {*self.ids.values(), *(self.byte_ids or ()), *self.symbols.values()}
        return spelling - {self.unknown}

    def cut(self, word: bytes, join: Callable[[list[int]], list[int]], /) -> list[int]:
        """The ids of a word: `join` is given the ids that it starts out as, and joins some."""
        ids = self.ids
        if not self.characters:
            return join([ids[word[i : i + 1]] for i in range(len(word))])
        # Characters that are no tokens are numbers below -1, which no merge has.
        parts = [part.encode(*_BYTES) for part in word.decode(*_BYTES)]
        start = [ids.get(part, -2 - i) for i, part in enumerate(parts)]
        cut: list[int] = []
        fused = False
        for id_ in join(start):
            if id_ >= 0:
                cut.append(id_)
            elif self.byte_ids is not None:
                cut += [self.byte_ids[byte] for byte in parts[-2 - id_]]
            elif self.unknown is not None and not fused:
                cut.append(self.unknown)
            fused = id_ < 0
        return cut
