"""Tokens as people can read them, white space and broken characters included."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import NamedTuple

from textus.tokenizer.tokenizer import Tokenizer

_MARKS = {" ": "·", "\n": "↵", "\t": "→", "\r": "␍", "\u00a0": "⍽"}
_RUN = 4  # from so many equal characters on, a list of tokens gives their number instead

LONGEST, FIRST_MERGES, PASSAGE_CHARACTERS = 40, 40, 700


class Part(NamedTuple):
    """A stretch of a token; a mark stands for what has no glyph of its own."""

    text: str
    mark: bool = False


@dataclass(frozen=True, kw_only=True)
class Piece:
    """A token in a text."""

    id: int
    parts: tuple[Part, ...]

    @property
    def breakable(self) -> bool:
        """Whether a line may end before it: the mark that stands for its space allows no break."""
        return self.parts[0].text.startswith(_MARKS[" "])


@dataclass(frozen=True, kw_only=True)
class TokenizerView:
    """A tokenizer, by example."""

    vocab_size: int
    special: tuple[str, ...]
    longest: tuple[tuple[Part, ...], ...]
    """The longest tokens, by bytes."""
    merges: tuple[tuple[tuple[Part, ...], tuple[Part, ...]], ...]
    """The pairs that were joined first."""
    passage: tuple[Piece, ...]
    """The beginning of a text, cut into tokens."""


def view_tokenizer(tokenizer: Tokenizer, text: str) -> TokenizerView:
    """What there is to see in a tokenizer, and how it cuts the beginning of `text`."""
    special = tokenizer.definition.special_ids()
    ordinary = [t for id_, t in enumerate(tokenizer.definition.tokens) if id_ not in special]
    ordinary.sort(key=lambda token: (-len(token), token))
    return TokenizerView(
        vocab_size=tokenizer.vocab_size,
        special=tuple(tokenizer.special_tokens),
        longest=tuple(show_shortened(token) for token in ordinary[:LONGEST]),
        merges=tuple(
            (show_shortened(left), show_shortened(right))
            for left, right in tokenizer.merges[:FIRST_MERGES]
        ),
        passage=tuple(
            Piece(id=id_, parts=show(tokenizer.token_bytes(id_)))
            for id_ in tokenizer.encode(passage(text))
        ),
    )


def passage(text: str) -> str:
    """The beginning of a text, up to the end of a line or of a word."""
    start = text.lstrip()[: PASSAGE_CHARACTERS + 1]
    if len(start) <= PASSAGE_CHARACTERS:
        return start
    for end in ("\n", " "):
        place = start.rfind(end, PASSAGE_CHARACTERS // 2)
        if place >= 0:
            return start[:place].rstrip()
    return start[:PASSAGE_CHARACTERS]


def show(token: bytes) -> tuple[Part, ...]:
    """A token for a running text: newlines are marked, and then break the line once."""
    return tuple(_parts(token, after_newlines="\n"))


def show_shortened(token: bytes) -> tuple[Part, ...]:
    """A token for a list: `=` 64 times over is one character and a number."""
    return tuple(_parts(token, after_newlines="", run=_RUN))


def _parts(token: bytes, *, after_newlines: str, run: int | None = None) -> Iterator[Part]:
    try:
        text = token.decode()
    except UnicodeDecodeError:  # a piece of a character
        yield Part(" ".join(f"{byte:02X}" for byte in token), mark=True)
        return
    for character, same in groupby(text):
        length = len(list(same))
        mark = character in _MARKS or not character.isprintable()
        glyph = _MARKS.get(character, f"U+{ord(character):04X}" if mark else character)
        if run and length >= run:
            yield Part(glyph, mark)
            yield Part(f"×{length}", mark=True)
        else:
            yield Part(glyph * length + (after_newlines if character == "\n" else ""), mark)
