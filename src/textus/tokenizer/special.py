"""Names of tokens in a text: where they stand, and what lies between them.

Special tokens are looked for only where the caller names them; added tokens always.
"""

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from textus.errors import DataError

Allowed = Literal["all"] | Collection[str]


@dataclass(frozen=True, kw_only=True)
class NameRule:
    """What may stand around the name of a token, as Hugging Face's `AddedToken` has it."""

    lstrip: bool = False
    """Whether white space before the name belongs to the token."""

    rstrip: bool = False
    """Whether white space behind the name belongs to the token."""

    single_word: bool = False
    """Whether the name counts only where no letter, digit or mark touches it."""


class Stretch(NamedTuple):
    """A part of a text, from character `start` to before `end`; `id` None: ordinary text."""

    start: int
    end: int
    id: int | None


class NameFinder:
    """Cuts a text at the names of tokens: at each place the longest name, from left to right."""

    def __init__(self, ids: Mapping[str, int], rules: Mapping[str, NameRule]):
        self._ids = ids
        self._rules = {name: rule for name, rule in rules.items() if name in ids}
        longest_first = sorted(ids, key=len, reverse=True)
        self._pattern = re.compile("|".join(map(re.escape, longest_first))) if ids else None

    def cut(self, text: str, barriers: Sequence[int] = ()) -> Iterator[Stretch]:
        """The stretches of `text` in order, names and what lies between, none of them empty.

        `barriers`, in ascending order, are places that no name may span: barrier p lies before
        character p.
        """
        done = place = 0
        while match := self._pattern.search(text, place) if self._pattern else None:
            extent = self._extent(text, match.span(), self._rules.get(match.group()), done)
            if extent is None or _is_barred(match.span(), barriers):
                place = match.start() + 1
                continue
            start, place = extent
            if done < start:
                yield Stretch(done, start, None)
            yield Stretch(start, place, self._ids[match.group()])
            done = place
        if done < len(text):
            yield Stretch(done, len(text), None)

    def _extent(
        self, text: str, span: tuple[int, int], rule: NameRule | None, done: int
    ) -> tuple[int, int] | None:
        """Where the token begins and ends, white space around its name included; None where the
        name does not count. Up to `done` the text is taken already."""
        start, end = span
        if rule is None:
            return span
        if rule.single_word and (
            _is_word(text[start - 1 : start]) or _is_word(text[end : end + 1])
        ):
            return None
        while rule.lstrip and start > done and is_white_space(text[start - 1]):
            start -= 1
        while rule.rstrip and end < len(text) and is_white_space(text[end]):
            end += 1
        return start, end


def allowed_names(special_tokens: Mapping[str, int], allowed: Allowed) -> frozenset[str]:
    """The names that `allowed_special` asks for; DataError for one that is no special token."""
    return _named(special_tokens, allowed, "allowed_special")


def refuse_names(
    text: str, special_tokens: Mapping[str, int], disallowed: Allowed, allowed: frozenset[str]
) -> None:
    """DataError where the text holds a name that `disallowed_special` forbids.

    "all" forbids every special token that is not allowed, as in tiktoken.
    """
    names = _named(special_tokens, disallowed, "disallowed_special")
    if disallowed == "all":
        names -= allowed
    found = [(place, -len(name), name) for name in names if (place := text.find(name)) >= 0]
    if found:
        place, _, name = min(found)
        raise DataError(
            f"the text holds the name of the special token {name!r} at character {place}, which "
            "disallowed_special forbids. Name it in allowed_special to encode it as that token, or "
            "leave disallowed_special empty to encode it as ordinary text."
        )


def _named(special_tokens: Mapping[str, int], names: Allowed, option: str) -> frozenset[str]:
    if names == "all":
        return frozenset(special_tokens)
    listed = [names] if isinstance(names, str) else list(names)
    unknown = [name for name in listed if name not in special_tokens]
    if unknown or isinstance(names, str):
        what = f"{unknown[:8]}, no special tokens of this tokenizer" if unknown else repr(names)
        raise DataError(
            f'{option} names {what}; use "all" or a collection of {list(special_tokens)[:32]}.'
        )
    return frozenset(listed)


def _is_barred(span: tuple[int, int], barriers: Sequence[int]) -> bool:
    after = bisect_right(barriers, span[0])
    return after < len(barriers) and barriers[after] < span[1]


def _is_word(character: str) -> bool:
    """Whether a character, or "" beyond the ends of the text, is one of words."""
    if not character:
        return False
    category = unicodedata.category(character)
    return category[0] in "LM" or category in ("Nd", "Nl", "Pc") or character in "\u200c\u200d"


def is_white_space(character: str) -> bool:
    """Unicode's White_Space; Python counts four separators among ASCII's controls as well."""
    return character.isspace() and character not in "\x1c\x1d\x1e\x1f"
