"""The normalizer of a tokenizer.json."""

import base64
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

from textus.errors import DataError
from textus.tokenizer.bert import BertNormalizer
from textus.tokenizer.character_map import CharacterMap
from textus.tokenizer.definition import Normalizer
from textus.tokenizer.formats.hugging_face.fields import flag, steps, text
from textus.tokenizer.formats.hugging_face.spelling import UNDERLINE
from textus.tokenizer.normalize import (
    Composed,
    Lowercased,
    Prefixed,
    Replaced,
    SingleSpaces,
    Stripped,
    UnicodeForm,
    WithoutAccents,
)
from textus.tokenizer.sentencepiece import SentencePieceNormalizer

UNDERLINES_ARE_SPACES = Replaced(old=UNDERLINE, new=" ")
"""In files that spell spaces as "▁" there is no difference between the two."""

Json = Mapping[str, Any]


def read_normalizer(content: Json | None) -> list[Normalizer]:
    """The normalizers in order; DataError names one that is unknown.

    A space that a file writes as "▁" is a space here: what puts "▁" in its place is read as
    `UNDERLINES_ARE_SPACES`.
    """
    return [_read(step) for step in steps(content, "normalizers")]


def write_normalizer(parts: list[Normalizer]) -> dict[str, Any] | None:
    """The inverse of `read_normalizer`; DataError for a normalizer that has no place in the
    file."""
    written = [_written(part) for part in parts]
    if not written:
        return None
    return written[0] if len(written) == 1 else {"type": "Sequence", "normalizers": written}


def _read(content: Json) -> Normalizer:
    kind = content["type"]
    if kind not in _READERS:
        raise DataError(f"its normalizer {kind!r} is unknown")
    return _READERS[kind](content)


def _read_replace(content: Json) -> Normalizer:
    pattern, new = content["pattern"], text(content, "content")
    if pattern == {"Regex": " {2,}"} and new in (" ", UNDERLINE):
        return SingleSpaces(words=False)
    if "String" not in pattern:
        raise DataError(f"its normalizer replaces the pattern {pattern}, which is unknown")
    old = text(pattern, "String")
    if not old:
        raise DataError("its normalizer replaces nothing, the empty text")
    return UNDERLINES_ARE_SPACES if (old, new) == (" ", UNDERLINE) else Replaced(old=old, new=new)


def _read_prepend(content: Json) -> Normalizer:
    if content["prepend"] != UNDERLINE:
        raise DataError(f"its normalizer puts {content['prepend']!r} before the text")
    return Prefixed(scheme="always")


def _read_precompiled(content: Json) -> Normalizer:
    """SentencePiece's table. It is applied as SentencePiece does, to the longest sequence; Hugging
    Face's library looks up whole grapheme clusters first, which seldom differs."""
    table = text(content, "precompiled_charsmap")
    return CharacterMap(block=base64.b64decode(table, validate=True))


def _read_bert(content: Json) -> Normalizer:
    settings = {key: value for key, value in content.items() if key != "type"}
    for name, value in settings.items():
        if name != "strip_accents" or value is not None:
            flag(settings, name)
    return BertNormalizer(**settings)


_READERS: dict[str, Callable[[Json], Normalizer]] = {
    "NFC": lambda _: Composed(),
    "NFD": lambda _: UnicodeForm(form="NFD"),
    "NFKC": lambda _: UnicodeForm(form="NFKC"),
    "NFKD": lambda _: UnicodeForm(form="NFKD"),
    "Lowercase": lambda _: Lowercased(),
    "StripAccents": lambda _: WithoutAccents(),
    "Strip": lambda content: Stripped(
        left=flag(content, "strip_left"), right=flag(content, "strip_right")
    ),
    "Replace": _read_replace,
    "Prepend": _read_prepend,
    "Precompiled": _read_precompiled,
    "BertNormalizer": _read_bert,
}


def _written(part: Normalizer) -> dict[str, Any]:
    match part:
        case Composed():
            return {"type": "NFC"}
        case UnicodeForm(form=form):
            return {"type": form}
        case Lowercased():
            return {"type": "Lowercase"}
        case WithoutAccents():
            return {"type": "StripAccents"}
        case Stripped(left=left, right=right):
            return {"type": "Strip", "strip_left": left, "strip_right": right}
        case SingleSpaces(words=False):
            return {"type": "Replace", "pattern": {"Regex": " {2,}"}, "content": " "}
        case Replaced(old=old, new=new):
            if part == UNDERLINES_ARE_SPACES:
                old, new = new, old
            return {"type": "Replace", "pattern": {"String": old}, "content": new}
        case Prefixed(scheme="always"):
            return {"type": "Prepend", "prepend": UNDERLINE}
        case CharacterMap(block=block):
            table = base64.b64encode(block).decode()
            return {"type": "Precompiled", "precompiled_charsmap": table}
        case BertNormalizer():
            return {"type": "BertNormalizer", **asdict(part)}
        case SentencePieceNormalizer():
            raise DataError(
                "the normalizer of a SentencePiece model has no place in a tokenizer.json: Hugging "
                "Face's library applies its table of characters to grapheme clusters and adds up "
                "scores in double precision, which gives other ids. Keep the .model file."
            )
        case _:
            raise DataError(f"the normalizer {part} has no place in a tokenizer.json")
