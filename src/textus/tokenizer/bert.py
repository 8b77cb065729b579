"""BERT's way from text to words (Devlin et al. 2019): cleaning, lower-casing, punctuation apart.

It loses case, accents and white space, so it is there for vocabularies that were made for it.
"""

import re
from dataclasses import dataclass
from functools import cache
from itertools import accumulate, pairwise
from typing import Any

from textus.tokenizer.bert_characters import (
    WHITE_SPACE,
    dropped,
    is_ideograph,
    lowered,
    marks,
    punctuation,
    reordered,
    taken_apart,
)

_BMP_END = 0xFFFF
_BEYOND_BMP = re.compile("[\U00010000-\U0010ffff]")
_FEWEST_CHARACTERS = 200
"""From this size on, calling the kernels costs less than normalizing in plain Python."""


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

    @property
    def strips(self) -> bool:
        """Whether accents are stripped."""
        return self.lowercase if self.strip_accents is None else self.strip_accents

    def __call__(self, text: str, /) -> str:
        if _loaded and len(text) >= _FEWEST_CHARACTERS:
            return _loaded[0].normalize_text(self, text)
        return self.by_characters(text)

    def by_characters(self, text: str) -> str:
        """The normalized text, in plain Python."""
        if not text.isascii() and _reordered().search(text):
            return self.step_by_step(text)
        return text.translate(_characters(self))

    def step_by_step(self, text: str) -> str:
        """The normalized text, one step after another; slow."""
        if self.clean_text:
            kept = (c for c in text if ord(c) not in dropped())
            text = "".join(" " if ord(c) in WHITE_SPACE else c for c in kept)
        if self.handle_chinese_chars:
            text = "".join(f" {c} " if is_ideograph(ord(c)) else c for c in text)
        if self.strips:
            text = "".join(c for c in taken_apart(text) if ord(c) not in marks())
        return lowered(text) if self.lowercase else text


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


_loaded: list[Any] = []


def load_kernels() -> Any:
    """The module with the compiled twin, which normalizes longer texts from now on."""
    from textus.tokenizer import bert_kernels

    if not _loaded:
        bert_kernels.normalize_text(BertNormalizer(), "a")  # compiles, or loads from disk
        _loaded.append(bert_kernels)
    return bert_kernels


@cache
def _reordered() -> re.Pattern[str]:
    return re.compile(f"[{''.join(map(chr, sorted(reordered())))}]")


def _stand_in(character: re.Match[str]) -> str:
    """A character of ASCII that is split in the same way."""
    return "!" if ord(character[0]) in punctuation() else "a"


@cache
def _word_pattern() -> re.Pattern[str]:
    """Of characters in the Basic Multilingual Plane, for which `re` has fast tables."""
    marks = "".join(re.escape(chr(i)) for i in sorted(punctuation()) if i <= _BMP_END)
    spaces = "".join(map(chr, sorted(WHITE_SPACE)))
    return re.compile(f"[{marks}]|[{spaces}]+|[^{marks}{spaces}]+")
