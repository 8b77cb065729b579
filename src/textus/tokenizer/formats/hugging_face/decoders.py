"""How a tokenizer.json turns tokens back into text."""

from collections.abc import Mapping
from typing import Any

from textus.errors import DataError
from textus.tokenizer.formats.hugging_face.fields import steps
from textus.tokenizer.formats.hugging_face.models import BERT_PREFIX, BYTES_PREFIX
from textus.tokenizer.formats.hugging_face.spelling import UNDERLINE, Spelling

Json = Mapping[str, Any]

_BYTE_LEVEL = {
    "type": "ByteLevel",
    "add_prefix_space": True,
    "trim_offsets": True,
    "use_regex": True,
}
_DROP_SPACE = {"type": "Strip", "content": " ", "start": 1, "stop": 0}


def read_decoder(content: Json | None, spelling: Spelling) -> bool:
    """Whether a space at the very beginning of the text is dropped; DataError for a decoder that
    does not undo the spelling.

    What BERT's decoder tidies up (`cleanup`) is not done here, so that the pieces remain the text.
    """
    found = steps(content, "decoders")
    kinds = [step["type"] for step in found]
    plain = [step for step in found if step["type"] not in ("ByteFallback", "Fuse")]
    if spelling == "byte level":
        if kinds == ["ByteLevel"] or (
            kinds == ["Replace", "ByteLevel"] and _replaces(found[0], BYTES_PREFIX, "")
        ):
            return False
    elif kinds == ["WordPiece"] and found[0]["prefix"] == BERT_PREFIX:
        return True
    elif [step["type"] for step in plain] == ["Metaspace"]:
        return plain[0].get("prepend_scheme", "always") != "never"
    elif not plain or _replaces(plain[0], UNDERLINE, " "):
        if plain[1:] == [_DROP_SPACE]:
            return True
        if not plain[1:]:
            return False
    raise DataError(f"its decoder is of another kind, {' and '.join(kinds) or 'none'}")


def write_decoder(kind: str, spelling: Spelling, *, drops_first_space: bool) -> dict[str, Any]:
    """The decoder for a model of a `kind`, named as in the file."""
    if spelling == "byte level":
        if kind == "WordPiece":
            return _sequence(_replace(BYTES_PREFIX, ""), _BYTE_LEVEL)
        return _BYTE_LEVEL
    if kind == "WordPiece":
        return {"type": "WordPiece", "prefix": BERT_PREFIX, "cleanup": False}
    underlines = [_replace(UNDERLINE, " ")] if spelling == "underlined" else []
    drop = [_DROP_SPACE] if drops_first_space else []
    return _sequence(*underlines, {"type": "ByteFallback"}, {"type": "Fuse"}, *drop)


def _sequence(*decoders: Json) -> dict[str, Any]:
    return {"type": "Sequence", "decoders": list(decoders)}


def _replace(old: str, new: str) -> dict[str, Any]:
    return {"type": "Replace", "pattern": {"String": old}, "content": new}


def _replaces(step: Json, old: str, new: str) -> bool:
    return dict(step) == _replace(old, new)
