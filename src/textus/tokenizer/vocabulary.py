"""What training learns and files hold: the tokens, the merges, the special tokens."""

from collections.abc import Mapping
from dataclasses import dataclass

from textus.errors import DataError
from textus.tokenizer.byte_level import to_characters


@dataclass(frozen=True, kw_only=True)
class Vocabulary:
    """A byte-level BPE vocabulary; raises DataError unless it can encode every text."""

    tokens: tuple[bytes, ...]
    """The bytes of each token, by id; for a special token its name in UTF-8."""

    merges: tuple[tuple[int, int], ...]
    """Pairs of ids in the order in which they were learnt, which is that of their application."""

    special_tokens: Mapping[str, int]
    """Ids of the special tokens by name; the first one is the end of text."""

    def __post_init__(self) -> None:
        if not self.special_tokens:
            raise DataError("the vocabulary has no special token to end a text with")
        ids = self.ordinary_ids()
        if len(ids) + len(self.special_tokens) != len(self.tokens):
            raise DataError("two ids of the vocabulary stand for the same bytes")
        missing = [byte for byte in range(256) if bytes([byte]) not in ids]
        if missing:
            raise DataError(f"the vocabulary has no token for the bytes {missing[:8]}")
        if clash := self.special_tokens.keys() & {to_characters(token) for token in ids}:
            raise DataError(f"the special tokens {sorted(clash)} are spelt like ordinary tokens")
        for left, right in self.merges:
            if self.tokens[left] + self.tokens[right] not in ids:
                raise DataError(
                    f"the vocabulary has no token for the merge of {self.tokens[left]!r} "
                    f"and {self.tokens[right]!r}"
                )

    def ordinary_ids(self) -> dict[bytes, int]:
        """The id of every token but the special ones."""
        special = set(self.special_tokens.values())
        return {token: id_ for id_, token in enumerate(self.tokens) if id_ not in special}

    def ranked_merges(self) -> dict[tuple[int, int], tuple[int, int]]:
        """For each pair of ids its rank, the lower the earlier, and the id of the joined token."""
        ids = self.ordinary_ids()
        return {
            pair: (rank, ids[self.tokens[pair[0]] + self.tokens[pair[1]]])
            for rank, pair in enumerate(self.merges)
        }
