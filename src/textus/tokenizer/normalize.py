"""What happens to a text before it is cut into words, and which characters come from which.

A normalizer is called with each stretch of ordinary text, that is with what lies between special
and added tokens.
"""

import re
import unicodedata
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal, NamedTuple

import numpy as np

from textus.tokenizer.definition import Normalizer
from textus.tokenizer.special import is_white_space


@dataclass(frozen=True, kw_only=True)
class Composed:
    """Unicode's form C: a letter and its accents become one character where there is one.

    Characters that Unicode has defined keep their form in all later versions (UAX 15), so the
    table of the Python at hand decides only characters that it does not know.
    """

    def __call__(self, text: str, /) -> str:
        return unicodedata.normalize("NFC", text)


@dataclass(frozen=True, kw_only=True)
class UnicodeForm:
    """Another of Unicode's forms: D and KD take characters apart, KC and KD replace variants such
    as ligatures by what they are made of."""

    form: Literal["NFD", "NFKC", "NFKD"]

    def __call__(self, text: str, /) -> str:
        return unicodedata.normalize(self.form, text)


@dataclass(frozen=True, kw_only=True)
class Lowercased:
    """Small letters for capital ones, each character by itself."""

    def __call__(self, text: str, /) -> str:
        return "".join(map(str.lower, text))


@dataclass(frozen=True, kw_only=True)
class WithoutAccents:
    """Leaves out marks (categories Mn, Mc, Me); a form that takes characters apart goes before."""

    def __call__(self, text: str, /) -> str:
        return "".join(c for c in text if not unicodedata.category(c).startswith("M"))


@dataclass(frozen=True, kw_only=True)
class Stripped:
    """Leaves out white space at the beginning or the end of a text."""

    left: bool
    right: bool

    def __call__(self, text: str, /) -> str:
        spaces = "".join(filter(is_white_space, set(text)))
        text = text.lstrip(spaces) if self.left else text
        return text.rstrip(spaces) if self.right else text


@dataclass(frozen=True, kw_only=True)
class SingleSpaces:
    """One space for several; with `words` one for all white space between words, and none at the
    ends."""

    words: bool

    def __call__(self, text: str, /) -> str:
        if not self.words:
            return re.sub(" {2,}", " ", text)
        spaced = "".join(" " if is_white_space(character) else character for character in text)
        return " ".join(filter(None, spaced.split(" ")))


@dataclass(frozen=True, kw_only=True)
class Replaced:
    """Puts `new` in the place of `old`; SentencePiece's "▁" becomes the space that it stands
    for."""

    old: str
    new: str

    def __call__(self, text: str, /) -> str:
        return text.replace(self.old, self.new)


@dataclass(frozen=True, kw_only=True)
class Prefixed:
    """Puts a space before the text, so that its first word is spelt like all others.

    always: before each stretch of text; missing: unless it begins with one; first: as missing, but
    only where no special or added token stands before it.
    """

    scheme: Literal["always", "missing", "first"]

    def __call__(self, text: str, /) -> str:
        if not text or (self.scheme != "always" and text.startswith(" ")):
            return text
        return " " + text


@dataclass(frozen=True, kw_only=True)
class Chain:
    """Several normalizers, one after another."""

    parts: tuple[Normalizer, ...]

    def __call__(self, text: str, /) -> str:
        for part in self.parts:
            text = part(text)
        return text


def chain(*parts: Normalizer | None) -> Normalizer | None:
    """One normalizer that does what all of them do in order; None: nothing."""
    flat: list[Normalizer] = []
    for part in parts:
        if part is not None:
            flat += part.parts if isinstance(part, Chain) else [part]
    return flat[0] if len(flat) == 1 else Chain(parts=tuple(flat)) if flat else None


def parts_of(normalizer: Normalizer | None) -> tuple[Normalizer, ...]:
    """The normalizers that are applied in order; empty for None."""
    if normalizer is None:
        return ()
    return normalizer.parts if isinstance(normalizer, Chain) else (normalizer,)


def after_token(normalizer: Normalizer | None) -> Normalizer | None:
    """What happens to text that stands behind a special or added token."""
    return chain(*(part for part in parts_of(normalizer) if part != Prefixed(scheme="first")))


class Alignment(NamedTuple):
    """A normalized text, and where in the original each of its characters comes from."""

    text: str
    starts: np.ndarray
    """int64 (characters of `text`,): the first original character."""
    ends: np.ndarray
    """int64 (characters of `text`,): the one after the last; equal to the start where a character
    was put in."""


def align(normalizer: Normalizer | None, text: str) -> Alignment:
    """Normalizes `text` and finds out which characters come from which.

    A character together with the marks that go with it is changed as one: whatever it becomes
    comes from all of it. Where a normalizer does not work character by character, the part of the
    text that it changed comes as a whole from the part that it replaced.
    """
    starts = np.arange(len(text))
    aligned = Alignment(text, starts, starts + 1)
    for part in parts_of(normalizer):
        aligned = _chained(aligned, _align_part(part, aligned.text))
    return aligned


def _chained(first: Alignment, second: Alignment) -> Alignment:
    """The alignment of `second`, whose original is the text of `first`, to the original's
    original."""
    # What is put in before a character comes from its start, at the end from the end.
    starts = np.append(first.starts, first.ends[-1:] if len(first.ends) else 0)[second.starts]
    ends = np.append(0, first.ends)[second.ends]
    return Alignment(second.text, starts, np.maximum(starts, ends))


def _align_part(normalizer: Normalizer, text: str) -> Alignment:
    changed = normalizer(text)
    same = _common_prefix(text, changed)
    tail = _common_prefix(text[same:][::-1], changed[same:][::-1])
    middle = text[same : len(text) - tail]
    groups = _groups(middle)
    targets = [normalizer(group) for group in groups]
    if "".join(targets) != changed[same : len(changed) - tail]:
        groups, targets = [middle], [changed[same : len(changed) - tail]]
    sizes = np.array([1] * same + [len(group) for group in groups] + [1] * tail, dtype=np.int64)
    counts = np.array([1] * same + [len(new) for new in targets] + [1] * tail, dtype=np.int64)
    ends = np.cumsum(sizes)
    return Alignment(changed, np.repeat(ends - sizes, counts), np.repeat(ends, counts))


def _groups(text: str) -> list[str]:
    """Cuts a text into characters with the marks that go with them, or compose with them."""
    starts: list[int] = []
    composed = ""  # the group so far, or its last character
    for i, character in enumerate(text):
        both = unicodedata.normalize("NFC", composed + character)
        if i == 0 or not (unicodedata.combining(character) or len(both) <= len(composed)):
            starts.append(i)
            composed = character
        else:
            composed = both[-1:]
    return [text[a:b] for a, b in pairwise([*starts, len(text)])]


def _common_prefix(a: str, b: str) -> int:
    """How many characters two texts begin with in common."""
    low, high = 0, min(len(a), len(b))
    while low < high:
        half = (low + high + 1) // 2
        if a[low:half] == b[low:half]:
            low = half
        else:
            high = half - 1
    return low
