"""BERT's way from text to words (Devlin et al. 2019): cleaning, lower-casing, punctuation apart.

It loses case, accents and white space, so it is there for vocabularies that were made for it.
"""

import re
import string
import unicodedata
from dataclasses import dataclass
from functools import cache
from itertools import accumulate, pairwise

from textus.tokenizer.bert_tables import CONTROLS, MARKS, PUNCTUATION
from textus.tokenizer.split.unicode_classes import class_runs


def _white_space() -> frozenset[int]:
    classes, lengths = class_runs()
    runs = zip(classes, lengths, accumulate(lengths), strict=True)
    return frozenset(i for kind, n, end in runs if kind == "w" for i in range(end - n, end))


WHITE_SPACE = _white_space()
"""Code points with the property White_Space."""

_IDEOGRAPHS = (
    (0x4E00, 0x9FFF),
    (0x3400, 0x4DBF),
    (0x20000, 0x2A6DF),
    (0x2A700, 0x2B73F),
    (0x2B740, 0x2B81F),
    (0x2B820, 0x2CEAF),
    (0xF900, 0xFAFF),
    (0x2F800, 0x2FA1F),
)
"""The ranges that google-research/bert sets off. Hugging Face's library begins the sixth one at
U+2B920, so that it joins the 256 rare characters before."""

_REPLACEMENT = 0xFFFD
_BMP_END = 0xFFFF
_BEYOND_BMP = re.compile("[\U00010000-\U0010ffff]")
_COMBINING_END = 0x20000
"""Behind all characters with a combining class."""


@dataclass(frozen=True, kw_only=True)
class BertNormalizer:
    """Cleans, sets off Chinese characters, strips accents, lower-cases, each if asked for.

    The steps and their order are those of Hugging Face's normalizer of this name. Lower-casing goes
    by characters: a capital sigma becomes "σ" even at the end of a word.
    """

    clean_text: bool = True
    """Drops control characters, private ones and U+FFFD, and makes all white space spaces."""

    handle_chinese_chars: bool = True
    """Puts a space before and after each CJK ideograph."""

    strip_accents: bool | None = None
    """Takes characters apart (Unicode's form D) and drops the marks; None: if `lowercase` is."""

    lowercase: bool = True

    def __call__(self, text: str, /) -> str:
        if not text.isascii() and _reordered().search(text):
            return self.step_by_step(text)
        return text.translate(_characters(self))

    def step_by_step(self, text: str) -> str:
        """The normalized text, one step after another; slow."""
        if self.clean_text:
            kept = (c for c in text if ord(c) not in _dropped())
            text = "".join(" " if ord(c) in WHITE_SPACE else c for c in kept)
        if self.handle_chinese_chars:
            text = "".join(f" {c} " if _is_ideograph(ord(c)) else c for c in text)
        if self.lowercase if self.strip_accents is None else self.strip_accents:
            apart = unicodedata.normalize("NFD", text)
            text = "".join(c for c in apart if ord(c) not in _marks())
        return "".join(map(str.lower, text)) if self.lowercase else text


class _Characters(dict[int, str]):
    """What a normalizer makes of each character, filled as they are met.

    Characters can be taken one by one, as marks are only put in order where a text is taken apart
    and marks of some width meet others.
    """

    def __init__(self, normalizer: BertNormalizer):
        super().__init__()
        self._normalizer = normalizer

    def __missing__(self, code_point: int) -> str:
        self[code_point] = made = self._normalizer.step_by_step(chr(code_point))
        return made


@cache
def _characters(normalizer: BertNormalizer) -> _Characters:
    return _Characters(normalizer)


@dataclass(frozen=True, kw_only=True)
class BertSplitter:
    """Cuts text into runs of white space, single punctuation characters and runs of all else."""

    def split(self, text: str, /) -> list[str]:
        """The words of `text` in order; joined they are the text again."""
        plain = text if text.isascii() else _BEYOND_BMP.sub(_stand_in, text)
        words = _word_pattern().findall(plain)
        if plain is text:
            return words
        ends = accumulate(map(len, words), initial=0)
        return [text[start:end] for start, end in pairwise(ends)]


@cache
def _dropped() -> frozenset[int]:
    """What cleaning drops: control characters but tab and the line ends, and two more."""
    return frozenset([*_code_points(CONTROLS), 0, _REPLACEMENT]) - set(map(ord, "\t\n\r"))


@cache
def _marks() -> frozenset[int]:
    return frozenset(_code_points(MARKS))


@cache
def _reordered() -> re.Pattern[str]:
    """Characters that stay and have a combining class, by which Unicode puts marks in order."""
    every = map(chr, range(_COMBINING_END))
    found = [c for c in every if unicodedata.combining(c) and ord(c) not in _marks()]
    return re.compile(f"[{''.join(found)}]")


def _is_ideograph(code_point: int) -> bool:
    return any(first <= code_point <= last for first, last in _IDEOGRAPHS)


def _stand_in(character: re.Match[str]) -> str:
    """A character of ASCII that is split in the same way."""
    return "!" if ord(character[0]) in _punctuation() else "a"


@cache
def _punctuation() -> frozenset[int]:
    return frozenset([*map(ord, string.punctuation), *_code_points(PUNCTUATION)])


@cache
def _word_pattern() -> re.Pattern[str]:
    """Of characters in the Basic Multilingual Plane, for which `re` has fast tables."""
    marks = "".join(re.escape(chr(i)) for i in sorted(_punctuation()) if i <= _BMP_END)
    spaces = "".join(map(chr, sorted(WHITE_SPACE)))
    return re.compile(f"[{marks}]|[{spaces}]+|[^{marks}{spaces}]+")


def _code_points(ranges: str) -> list[int]:
    """The code points of a table: of "9 b-d" they are 9, 11, 12, 13."""
    edges = [[int(edge, 16) for edge in item.split("-")] for item in ranges.split()]
    return [i for item in edges for i in range(item[0], item[-1] + 1)]
