"""How the tokens of a vocabulary are written in a file."""

from collections.abc import Sequence
from typing import Literal

from textus.tokenizer.formats.byte_level import all_to_bytes, to_bytes, to_characters

Spelling = Literal["byte level", "underlined", "plain"]
"""byte level: each byte as a visible character, as in GPT-2. underlined: as text, with "▁" for a
space, as in SentencePiece. plain: as text."""

UNDERLINE = "▁"


def spell(token: bytes, spelling: Spelling) -> str:
    """What stands in the file for a token; UnicodeDecodeError if it is no text but should be."""
    if spelling == "byte level":
        return to_characters(token)
    text = token.decode()
    return text.replace(" ", UNDERLINE) if spelling == "underlined" else text


def parse(spelt: str, spelling: Spelling) -> bytes:
    """The inverse of `spell`; KeyError for a character that stands for no byte."""
    if spelling == "byte level":
        return to_bytes(spelt)
    return (spelt.replace(UNDERLINE, " ") if spelling == "underlined" else spelt).encode()


def parse_all(spelt: Sequence[str], spelling: Spelling) -> list[bytes]:
    """`parse` of each of many tokens."""
    if spelling == "byte level":
        return all_to_bytes(spelt)
    return [parse(each, spelling) for each in spelt]


def byte_name(byte: int) -> str:
    """The name of the token that stands for a byte where tokens are text: `byte_name(10)` is
    "<0x0A>"."""
    return f"<0x{byte:02X}>"


BYTE_NAMES = {byte_name(byte): byte for byte in range(256)}
