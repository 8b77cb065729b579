"""The learnt merges, and how they cut a word: `Merges.encode_word`."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from textus.errors import DataError
from textus.tokenizer.bpe.merge import merge_word

Pair = tuple[int, int]


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
    """Whether a word starts out as characters, and as bytes only where a character is no token
    (SentencePiece's BPE); else as bytes."""

    def __post_init__(self) -> None:
        missing = [byte for byte in range(256) if bytes([byte]) not in self.ids]
        if missing and not self.characters:
            raise DataError(f"the vocabulary has no token for the bytes {missing[:8]}")
        assert self.ranks is not None  # raises DataError where a merge has no token

    @cached_property
    def ranks(self) -> dict[Pair, tuple[int, int]]:
        """For each pair of ids its rank, the lower the earlier, and the id of the joined token."""
        tokens = {id_: token for token, id_ in self.ids.items()}
        ranks: dict[Pair, tuple[int, int]] = {}
        for rank, (left, right) in enumerate(self.merges):
            joined = self.ids.get(tokens[left] + tokens[right])
            if joined is None:
                raise DataError(
                    f"the vocabulary has no token for the merge of {tokens[left]!r} "
                    f"and {tokens[right]!r}"
                )
            ranks[left, right] = (rank, joined)
        return ranks

    def encode_word(self, word: bytes, /) -> list[int]:
        """The ids of a word in UTF-8."""
        if self.whole_words and (whole := self.ids.get(word)) is not None:
            return [whole]
        ids = self.ids
        return merge_word([ids[word[i : i + 1]] for i in range(len(word))], self.ranks)
