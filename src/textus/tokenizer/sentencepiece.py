"""What SentencePiece does to a text before it is cut."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from textus.tokenizer.character_map import CharacterMap

SPACE_SYMBOL = "▁"
"""How SentencePiece writes a space."""


@dataclass(frozen=True, kw_only=True)
class SentencePieceNormalizer:
    """Replaces characters, tidies spaces and puts one in front, as a SentencePiece model says.

    What comes out has spaces where SentencePiece has "▁" (U+2581), also for a "▁" of the text: the
    two are one for SentencePiece.
    """

    character_map: CharacterMap | None = None
    """The table of characters to replace."""

    add_dummy_prefix: bool = True
    """Whether a space is put before the text, so that its first word is like all others."""

    remove_extra_whitespaces: bool = True
    """Whether spaces at the ends go, and of several in a row all but one."""

    escape_whitespaces: bool = True
    """Whether "▁" stands for a space; else both stay themselves."""

    symbols: tuple[str, ...] = ()
    """Symbols that stay as they are, the longest first."""

    def __call__(self, text: str, /) -> str:
        chunks = list(self._chunks(text))
        if self.remove_extra_whitespaces:
            while chunks and chunks[0] == " ":
                del chunks[0]
        if not chunks:
            return ""
        kept = self._tidied(chunks) if self.remove_extra_whitespaces else chunks
        result = " " * self.add_dummy_prefix + "".join(kept)
        if self.escape_whitespaces:
            result = result.replace(SPACE_SYMBOL, " ")
        return result.rstrip(" ") if self.remove_extra_whitespaces else result

    def _chunks(self, text: str) -> Iterator[str]:
        """What takes the place of each symbol, sequence or character of `text`."""
        start = 0
        while start < len(text):
            if symbol := self._symbol.match(text, start) if self._symbol else None:
                yield symbol.group()
                start = symbol.end()
            elif self.character_map:
                length, chunk = self.character_map.longest(text, start)
                yield chunk
                start += length
            else:
                yield text[start]
                start += 1

    @cached_property
    def _symbol(self) -> re.Pattern[str] | None:
        return re.compile("|".join(map(re.escape, self.symbols))) if self.symbols else None

    @staticmethod
    def _tidied(chunks: list[str]) -> Iterator[str]:
        """Without spaces that follow a space; also a chunk that is left empty counts as what it
        was before."""
        after_space = True
        for chunk in chunks:
            kept = chunk.lstrip(" ") if after_space else chunk
            if kept:
                after_space = kept.endswith(" ")
                yield kept
