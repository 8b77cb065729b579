r"""Cuts text into words; merges never cross from one word into the next.

    >>> split_words("It's 12345 words.\n\n  Yes")
    ['It', "'s", ' ', '123', '45', ' words', '.\n\n', ' ', ' Yes']

The pattern is the one of Llama 3, of the family of tiktoken's cl100k: contractions; a word with at
most one other character before it, usually a space; up to three digits; punctuation; newlines;
other white space, the last of which stays with the word behind it.
"""

import re
from dataclasses import dataclass
from itertools import accumulate, pairwise

from textus.errors import RecipeError
from textus.plugins import did_you_mean
from textus.tokenizer.split.unicode_classes import WHITE_SPACE, is_letter, is_number

LLAMA3 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
PATTERNS = {"llama3": LLAMA3, "none": ""}
"""Patterns by name, as other tools read them (Oniguruma, the `regex` module, llama.cpp)."""

# The same for ASCII, where `re` is enough. Possessive quantifiers stand where giving
# back could never lead to a match.
_ASCII_PATTERN = re.compile(
    r"'(?:[sdmtSDMT]|[lL][lL]|[vV][eE]|[rR][eE])|[^\r\nA-Za-z0-9]?[A-Za-z]++|[0-9]{1,3}+"
    r"| ?[^\sA-Za-z0-9]++[\r\n]*+|\s*[\r\n]+|\s+(?!\S)|\s+",
    re.ASCII,
)

_LONG_S = 0x17F  # folds to "s" when case is ignored, so that "'ſ" is a contraction too


class _AsciiStandIns(dict[int, int]):
    """Maps a code point to an ASCII one that PATTERN treats alike; filled as they are met."""

    def __missing__(self, code_point: int) -> int:
        self[code_point] = stand_in = ord(_stand_in(code_point))
        return stand_in


def _stand_in(code_point: int) -> str:
    if code_point < 0x80:
        return chr(code_point)
    if code_point == _LONG_S:
        return "s"
    if code_point in WHITE_SPACE:
        return "\t"
    if is_letter(code_point):
        return "a"
    return "0" if is_number(code_point) else "!"


_STAND_INS = _AsciiStandIns()


def split_words(text: str) -> list[str]:
    """The words of `text` in order; joined they are the text again."""
    if text.isascii():
        return _ASCII_PATTERN.findall(text)
    lengths = map(len, _ASCII_PATTERN.findall(text.translate(_STAND_INS)))
    return [text[start:end] for start, end in pairwise(accumulate(lengths, initial=0))]


@dataclass(frozen=True, kw_only=True)
class PatternSplitter:
    """Cuts text into words by a named pattern or by a regular expression."""

    pattern: str = "llama3"

    def split(self, text: str, /) -> list[str]:
        """The words of `text` in order; joined they are the text again."""
        if self.pattern == "none":
            return [text] if text else []
        return split_words(text)


def check_pattern(pattern: str) -> None:
    """RecipeError unless `pattern` is a known name or a regular expression."""
    if pattern not in PATTERNS:
        raise RecipeError(f"unknown pattern {pattern!r}{did_you_mean(pattern, PATTERNS)}")


def splits_into_several(text: str) -> bool:
    """Whether every named pattern cuts `text` into at least two words."""
    return len(split_words(text)) > 1
