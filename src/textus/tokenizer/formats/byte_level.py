"""How vocabulary files spell bytes: one visible character each (Radford et al. 2019, GPT-2).

Bytes that are printable in Latin-1 stand for themselves; the others take the characters from
U+0100 on, so that a space is written "Ġ" (U+0120) and a newline "Ċ" (U+010A).
"""

from collections.abc import Sequence
from itertools import accumulate, pairwise

_PRINTABLE = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
_OTHERS = [byte for byte in range(256) if byte not in _PRINTABLE]

BYTES_IN_ID_ORDER = bytes(_PRINTABLE + _OTHERS)
"""The 256 bytes ordered by their characters, which is the order of their ids."""

_CHARACTERS = [*map(chr, _PRINTABLE), *(chr(0x100 + i) for i in range(len(_OTHERS)))]
_CHARACTER_OF = dict(zip(BYTES_IN_ID_ORDER, _CHARACTERS, strict=True))
_BYTE_OF = {character: byte for byte, character in _CHARACTER_OF.items()}
_LATIN_1 = {ord(character): byte for character, byte in _BYTE_OF.items()}


def to_characters(token: bytes) -> str:
    """The spelling of a token in a file: `to_characters(b" the")` is "Ġthe"."""
    return "".join(map(_CHARACTER_OF.__getitem__, token))


def to_bytes(spelling: str) -> bytes:
    """The inverse of `to_characters`; KeyError for a character that stands for no byte."""
    return bytes(map(_BYTE_OF.__getitem__, spelling))


def all_to_bytes(spellings: Sequence[str]) -> list[bytes]:
    """`to_bytes` of each of many spellings, several times as fast as one by one."""
    joined = "".join(spellings)
    if unknown := set(joined) - _BYTE_OF.keys():
        raise KeyError(min(unknown))
    data = joined.translate(_LATIN_1).encode("latin-1")
    edges = accumulate(map(len, spellings), initial=0)
    return [data[start:end] for start, end in pairwise(edges)]
