r"""Cuts text into words; tokens never cross from one word into the next.

    >>> PatternSplitter(pattern="llama3").split("It's 12345 words.\n\n  Yes")
    ['It', "'s", ' ', '123', '45', ' words', '.\n\n', ' ', ' Yes']

A pattern is a regular expression whose matches, one behind the other, are the words. The named
ones are cut here by the pinned classes of Unicode 16, in plain Python; `kernels.py` does the same,
compiled. Any other pattern is a user's own and is left to the package `regex`.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from itertools import accumulate, chain, pairwise
from typing import Any

from textus.errors import RecipeError
from textus.plugins import did_you_mean
from textus.tokenizer.split.unicode_classes import class_of

_CONTRACTION = "(?i:'s|'t|'re|'ve|'m|'ll|'d)"
_UPPER = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]"
_LOWER = r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"
_BEFORE = rf"{_CONTRACTION}|[^\r\n\p{{L}}\p{{N}}]?\p{{L}}+|"
_BEHIND = r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"

PATTERNS = {
    "gpt2": r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+",
    "cl100k": r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s++(?![\s\S])|\s*[\r\n]|\s+(?!\S)|\s",
    "o200k": rf"[^\r\n\p{{L}}\p{{N}}]?{_UPPER}*{_LOWER}+{_CONTRACTION}?"
    rf"|[^\r\n\p{{L}}\p{{N}}]?{_UPPER}+{_LOWER}*{_CONTRACTION}?|\p{{N}}{{1,3}}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+",
    "llama3": _BEFORE + r"\p{N}{1,3}" + _BEHIND,
    "qwen2": _BEFORE + r"\p{N}" + _BEHIND,
    "digits": _BEFORE + r"\p{N}{1,3}(?=(?:\p{N}{3})*(?!\p{N}))" + _BEHIND,
    "superbpe": r"\p{N}(?:(?!(?:[0-9]{3})+(?![0-9]))\p{N})*|[^\p{N}]+",
    "spaces": r" *[^ \n]+| +|\n+",
    "none": r"[\s\S]+",
}
r"""Patterns by name, as other tools read them (Oniguruma, the `regex` module).

gpt2, o200k, llama3 and qwen2 are as published (by OpenAI, Meta and Alibaba). So is cl100k, in the
later form in which white space at the end of the text is one word, newlines or not; its `\s++$` is
written so that `$` means the same everywhere, and quantifiers that are possessive only for speed
are plain. digits is llama3 with numbers cut in threes from the right, "1234567" as 1, 234, 567.
superbpe is what llama.cpp runs under that name: text is cut only around numbers, and ASCII digits
in threes from the right. Other tools take quadratic time for the last two on long runs of digits.
spaces cuts before every run of spaces and around newlines, as SentencePiece does, so that no piece,
wherever it stands, can reach from one word into the next. none leaves the text whole.
"""


class _StandIns(dict[int, int]):
    """Maps a code point to one that the patterns below treat alike; filled as they are met."""

    def __missing__(self, code_point: int) -> int:
        self[code_point] = stand_in = ord(_stand_in(code_point))
        return stand_in


def _stand_in(code_point: int) -> str:
    if code_point < 0x80 or code_point == 0x17F:  # U+017F, the long s, is an "s" if case is ignored
        return chr(code_point)
    return {"u": "A", "l": "a", "o": "ª", "m": "\u0300", "n": "²", "w": "\t", "x": "!"}[
        class_of(code_point)
    ]


_STAND_INS = _StandIns()

# The named patterns over ASCII and the stand-ins, for `re`. Possessive quantifiers stand where
# giving back could never lead to a match.
_L, _N = "A-Za-zſª", "0-9²"
_SHORT = "'(?:[sdmtſSDMT]|[lL][lL]|[vV][eE]|[rR][eE])"
_CAPITAL, _SMALL = "[A-Zª\u0300]", "[a-zſª\u0300]"
_WORD, _SIGNS, _SPACE = (
    f"[^\r\n{_L}{_N}]?[{_L}]++",
    rf" ?[^\s{_L}{_N}]++[\r\n]*+",
    r"\s*[\r\n]+|\s+(?!\S)|\s+",
)
_SOURCES = {
    "gpt2": rf"'(?:[sdmt]|ll|ve|re)| ?[{_L}]++| ?[{_N}]++| ?[^\s{_L}{_N}]++|\s+(?!\S)|\s+",
    "cl100k": rf"{_SHORT}|{_WORD}|[{_N}]{{1,3}}+|{_SIGNS}|\s++\Z|{_SPACE}",
    "o200k": rf"[^\r\n{_L}{_N}]?{_CAPITAL}*{_SMALL}++(?:{_SHORT})?"
    rf"|[^\r\n{_L}{_N}]?{_CAPITAL}++{_SMALL}*+(?:{_SHORT})?"
    rf"|[{_N}]{{1,3}}+| ?[^\s{_L}{_N}]++[\r\n/]*+|{_SPACE}",
    "llama3": rf"{_SHORT}|{_WORD}|[{_N}]{{1,3}}+|{_SIGNS}|{_SPACE}",
    "qwen2": rf"{_SHORT}|{_WORD}|[{_N}]|{_SIGNS}|{_SPACE}",
    "digits": rf"{_SHORT}|{_WORD}|[{_N}]++|{_SIGNS}|{_SPACE}",
    "superbpe": f"[{_N}]++|[^{_N}]++",
    "spaces": r" *[^ \n]+| +|\n+",
    "none": r"(?s:.+)",
}


@dataclass(frozen=True, kw_only=True)
class PatternSplitter:
    """Cuts text into words by a named pattern or by a regular expression of the user's own.

    What lies between two matches of a user's expression is a word too (Hugging Face's behaviour
    "Isolated"), and empty matches are ignored. Classes such as \\p{L} are then those of the
    installed package `regex`, and an expression that backtracks without end is not stopped.
    Raises RecipeError for what is neither a name nor a regular expression.
    """

    pattern: str = "llama3"

    def __post_init__(self) -> None:
        check_pattern(self.pattern)

    def split(self, text: str, /) -> list[str]:
        """The words of `text` in order; joined they are the text again."""
        if self.pattern not in PATTERNS:
            return _split_by_expression(self.pattern, text)
        if text.isascii():
            return _split_stand_ins(self.pattern, text)
        lengths = map(len, _split_stand_ins(self.pattern, text.translate(_STAND_INS)))
        return [text[start:end] for start, end in pairwise(accumulate(lengths, initial=0))]


def _split_stand_ins(name: str, text: str) -> list[str]:
    words = re.compile(_SOURCES[name], re.ASCII).findall(text)
    threes = _THREES.get(name)
    return words if threes is None else list(chain.from_iterable(map(threes, words)))


def _threes(word: str) -> list[str]:
    """A number as threes from the right, "12345" as "12" and "345"; other words as they are."""
    if len(word) <= 3 or not _is_number(word):
        return [word]
    first = (len(word) - 1) % 3 + 1
    return [word[:first], *(word[i : i + 3] for i in range(first, len(word), 3))]


def _threes_of_digits(word: str) -> list[str]:
    """Like `_threes`, but counting ASCII digits alone; other numbers join what is before them."""
    return "".join(_marked(word)).split("\0") if _is_number(word) else [word]


def _marked(number: str) -> Iterator[str]:
    """The number in parts, with "\\0" where it is cut: before each three of its digits' runs."""
    for run in re.finditer("[0-9]++|²++", number):
        parts = _threes(run[0]) if run[0][0] != "²" else [run[0]]
        if run.start() > 0 and run[0][0] != "²" and len(run[0]) % 3 == 0:
            yield "\0"
        yield "\0".join(parts)


def _is_number(word: str) -> bool:
    return word[0] in "0123456789²"


_THREES: dict[str, Callable[[str], list[str]]] = {
    "digits": _threes,
    "superbpe": _threes_of_digits,
}


def _split_by_expression(pattern: str, text: str) -> list[str]:
    edges = {0, len(text)}
    for match in _compile(pattern).finditer(text):
        if match.start() < match.end():
            edges.update(match.span())
    return [text[start:end] for start, end in pairwise(sorted(edges))]


@cache
def _compile(pattern: str) -> Any:
    import regex  # pyrefly: ignore[untyped-import]

    return regex.compile(pattern)


def check_pattern(pattern: str) -> None:
    """RecipeError unless `pattern` is a known name or a regular expression."""
    if pattern in PATTERNS:
        return
    if re.fullmatch(r"[\w-]*", pattern):  # a name: as an expression it would find only itself
        raise RecipeError(
            f"unknown pattern {pattern!r}{did_you_mean(pattern, PATTERNS)}; give a name or a "
            "regular expression."
        )
    import regex  # pyrefly: ignore[untyped-import]

    try:
        _compile(pattern)
    except regex.error as error:
        raise RecipeError(f"the pattern {pattern!r} is no regular expression: {error}") from error


def splits_into_several(text: str) -> bool:
    """Whether every named pattern that cuts off punctuation cuts `text` into at least two."""
    names = set(PATTERNS) - {"superbpe", "spaces", "none"}
    return all(len(PatternSplitter(pattern=name).split(text)) > 1 for name in names)
