"""SentencePiece's files, `.model`: read (types unigram and BPE), and written (unigram).

A file is one message of Protocol Buffers. The numbers of its fields are below; those that are not
named have to do with training or with testing and are passed over.
"""

import re
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path

from textus.errors import DataError
from textus.store import write_file
from textus.tokenizer.bpe.model import Merges, Pair
from textus.tokenizer.character_map import CharacterMap
from textus.tokenizer.definition import Definition, Model
from textus.tokenizer.formats import protobuf as wire
from textus.tokenizer.formats.contents import read_bytes
from textus.tokenizer.sentencepiece import SPACE_SYMBOL, SentencePieceNormalizer
from textus.tokenizer.split.patterns import PatternSplitter
from textus.tokenizer.unigram.model import UNKNOWN_PENALTY, Unigram

_PIECES, _TRAINER, _NORMALIZER = 1, 2, 3
_PIECE, _SCORE, _TYPE = 1, 2, 3
_MODEL_TYPE, _SUFFIX_SPACES, _BYTE_FALLBACK, _UNK_ID, _BOS_ID, _EOS_ID = 3, 24, 35, 40, 41, 42
_VOCAB_SIZE, _PAD_ID = 4, 43
_NAME, _CHARACTER_MAP, _DUMMY_PREFIX, _EXTRA_SPACES, _ESCAPE = 1, 2, 3, 4, 5
_UNIGRAM, _BPE = 1, 2
_NONE = (1 << 64) - 1  # -1 as an unsigned number of 64 bits


class PieceType(IntEnum):
    """What a piece is for."""

    NORMAL = 1
    UNKNOWN = 2
    CONTROL = 3
    USER_DEFINED = 4
    UNUSED = 5
    BYTE = 6


@dataclass(frozen=True, kw_only=True)
class Piece:
    """One entry of a file; its id is its place."""

    text: str
    score: float = 0.0
    type: int = PieceType.NORMAL


Settings = Mapping[int, wire.Value]


def read_sentencepiece(file: Path) -> Definition:
    """Reads a file; its ids are those of SentencePiece for every text.

    Raises DataError where it is missing, broken, or of a kind that Textus does not read (types word
    and char; spaces at the end of words).
    """
    content = read_bytes(file)
    try:
        return parse_sentencepiece(content)
    except (DataError, TypeError, ValueError, struct.error) as error:
        raise DataError(
            f"{file} is no model of SentencePiece that Textus reads: {error}. "
            "Copy it from where it is whole."
        ) from error


def parse_sentencepiece(content: bytes) -> Definition:
    """The definition in the bytes of a file; see `read_sentencepiece`."""
    fields = list(wire.read_fields(content))
    pieces = [_parse_piece(value) for number, value in fields if number == _PIECES]
    trainer = _last_values(fields, _TRAINER)
    spec = _last_values(fields, _NORMALIZER)
    if trainer.get(_SUFFIX_SPACES):
        raise DataError("it puts spaces at the end of words")
    if not pieces:
        raise DataError("it has no pieces")
    normalizer = _normalizer(spec, pieces)
    type_ = trainer.get(_MODEL_TYPE, _UNIGRAM)
    if type_ not in (_UNIGRAM, _BPE):
        raise DataError(f"its type is {type_}, neither unigram ({_UNIGRAM}) nor BPE ({_BPE})")
    model = (_unigram if type_ == _UNIGRAM else _merges)(pieces, normalizer.escape_whitespaces)
    special = {
        piece.text: id_
        for id_, piece in enumerate(pieces)
        if piece.type in (PieceType.UNKNOWN, PieceType.CONTROL)
    }
    end = trainer.get(_EOS_ID, 2)
    return Definition(
        tokens=tuple(map(_token, pieces)),
        model=model,
        splitter=PatternSplitter(pattern=_pattern(model, normalizer)),
        normalizer=normalizer,
        special_tokens=special,
        end_of_text=next((name for name, id_ in special.items() if id_ == end), None),
        drops_first_space=normalizer.add_dummy_prefix,
    )


def write_sentencepiece(definition: Definition, file: Path) -> None:
    """Writes a unigram tokenizer over characters as a file for SentencePiece.

    SentencePiece then yields the same ids, but for a "▁" in the text, which it takes for a space,
    and for cuts so close that single and double precision differ. Raises DataError for other
    tokenizers.
    """
    model = definition.model
    if not isinstance(model, Unigram) or not model.characters:
        raise DataError(
            "SentencePiece's files hold unigram models over characters only; train one with "
            "alphabet='characters', or save as tokenizer.json."
        )
    if model.unknown is None or definition.normalizer is not None:
        raise DataError(
            "SentencePiece needs an unknown token and has no room for a normalizer of another "
            "kind; train with normalizer='none'."
        )
    pieces = b"".join(
        wire.write_bytes(_PIECES, _write_piece(piece)) for piece in _pieces(definition, model)
    )
    trainer, normalizer = _write_trainer(definition, model), _write_normalizer()
    write_file(
        file,
        pieces + wire.write_bytes(_TRAINER, trainer) + wire.write_bytes(_NORMALIZER, normalizer),
    )


def _last_values(fields: Sequence[tuple[int, wire.Value]], number: int) -> Settings:
    """The fields of the message that is field `number`, the last of each number."""
    values: dict[int, wire.Value] = {}
    for found, value in fields:
        if found == number:
            values.update(wire.read_fields(_bytes(value)))
    return values


def _bytes(value: wire.Value) -> bytes:
    if not isinstance(value, bytes):
        raise DataError(f"there is the number {value} where bytes should be")
    return value


def _parse_piece(message: wire.Value) -> Piece:
    values = dict(wire.read_fields(_bytes(message)))
    text = _bytes(values.get(_PIECE, b"")).decode()
    if not text:
        raise DataError("it has an empty piece")
    score = wire.to_float(_bytes(values.get(_SCORE, bytes(4))))
    return Piece(text=text, score=score, type=int(values.get(_TYPE, PieceType.NORMAL)))


def _normalizer(spec: Settings, pieces: Sequence[Piece]) -> SentencePieceNormalizer:
    block = _bytes(spec.get(_CHARACTER_MAP, b""))
    symbols = [piece.text for piece in pieces if piece.type == PieceType.USER_DEFINED]
    return SentencePieceNormalizer(
        character_map=CharacterMap(block=block) if block else None,
        add_dummy_prefix=bool(spec.get(_DUMMY_PREFIX, 1)),
        remove_extra_whitespaces=bool(spec.get(_EXTRA_SPACES, 1)),
        escape_whitespaces=bool(spec.get(_ESCAPE, 1)),
        symbols=tuple(sorted(symbols, key=len, reverse=True)),
    )


def _token(piece: Piece) -> bytes:
    """What a piece stands for in the text."""
    if piece.type == PieceType.BYTE:
        return bytes([_byte(piece.text)])
    if piece.type in (PieceType.CONTROL, PieceType.UNKNOWN):
        return piece.text.encode()
    return piece.text.replace(SPACE_SYMBOL, " ").encode()


def _byte(text: str) -> int:
    if not (len(text) == 6 and text.startswith("<0x") and text.endswith(">")):
        raise DataError(f"the byte piece {text!r} does not look like '<0x41>'")
    return int(text[3:5], 16)


def _ids(pieces: Sequence[Piece], escaped: bool, *types: PieceType) -> dict[bytes, int]:
    """The ids of the pieces of some types by their bytes in the normalized text.

    With `escaped`, a piece that holds a true space matches nothing there, and so is left out.
    """
    return {
        (piece.text.replace(SPACE_SYMBOL, " ") if escaped else piece.text).encode(): id_
        for id_, piece in enumerate(pieces)
        if piece.type in types and not (escaped and " " in piece.text)
    }


def _byte_ids(pieces: Sequence[Piece]) -> tuple[int, ...] | None:
    ids = {_byte(p.text): id_ for id_, p in enumerate(pieces) if p.type == PieceType.BYTE}
    if not ids:
        return None
    if len(ids) < 256:
        raise DataError(f"it has pieces for {len(ids)} of the 256 bytes")
    return tuple(ids[byte] for byte in range(256))


def _unknown(pieces: Sequence[Piece]) -> int:
    ids = [id_ for id_, piece in enumerate(pieces) if piece.type == PieceType.UNKNOWN]
    if len(ids) != 1:
        raise DataError(f"it has {len(ids)} unknown tokens; there must be one")
    return ids[0]


def _unigram(pieces: Sequence[Piece], escaped: bool) -> Unigram:
    normal = [piece.score for piece in pieces if piece.type == PieceType.NORMAL]
    highest, lowest = max(normal, default=0.0), min(normal, default=0.0)

    def score(piece: Piece) -> float:
        if piece.type != PieceType.USER_DEFINED:
            return piece.score
        # likelier than any other spelling of as many bytes
        return _single(len(piece.text.encode()) * highest) - 0.1

    return Unigram(
        ids=_ids(pieces, escaped, PieceType.NORMAL, PieceType.USER_DEFINED),
        scores=tuple(map(score, pieces)),
        characters=True,
        byte_ids=_byte_ids(pieces),
        unknown=_unknown(pieces),
        unknown_score=_single(lowest - UNKNOWN_PENALTY),
        single_precision=True,
    )


def _single(number: float) -> float:
    """`number` rounded to single precision."""
    return struct.unpack("<f", struct.pack("<f", number))[0]


def _merges(pieces: Sequence[Piece], escaped: bool) -> Merges:
    if any(piece.type == PieceType.UNUSED for piece in pieces):
        raise DataError("its type is BPE and it has unused pieces")
    ids = _ids(pieces, escaped, PieceType.NORMAL)
    order = sorted(ids, key=lambda piece: -pieces[ids[piece]].score)
    return Merges(
        ids=ids,
        merges=tuple(pair for piece in order for pair in _pairs(piece, ids)),
        characters=True,
        byte_ids=_byte_ids(pieces),
        unknown=_unknown(pieces),
        leftmost=True,
        symbols=_ids(pieces, escaped, PieceType.USER_DEFINED),
    )


def _pairs(piece: bytes, ids: Mapping[bytes, int]) -> list[Pair]:
    """Every way to make `piece` of two others."""
    cuts = ((piece[:i], piece[i:]) for i in range(1, len(piece)))
    return [(ids[left], ids[right]) for left, right in cuts if left in ids and right in ids]


def _pattern(model: Model, normalizer: SentencePieceNormalizer) -> str:
    """Words that no piece crosses. A unigram model adds up scores in single precision from the
    beginning of the text on, which decides between close cuts, so its text stays whole."""
    if not isinstance(model, Merges):
        return "none"
    symbol = "|".join(re.escape(name) for name in normalizer.symbols)
    spaces_lead = all(b" " not in piece.lstrip(b" ") for piece in model.ids)
    if not symbol:
        return r" *[^ ]+| +" if spaces_lead else "none"
    other = f"(?!{symbol})"
    if not spaces_lead:
        return f"{symbol}|(?:{other}[\\s\\S])+"
    return f"{symbol}|(?:{other} )+(?:{other}[^ ])*|(?:{other}[^ ])+"


def _pieces(definition: Definition, model: Unigram) -> list[Piece]:
    """The pieces of a definition, in the order of their ids."""
    pieces = [
        Piece(text=token.decode(errors="replace"), type=PieceType.CONTROL)
        for token in definition.tokens
    ]
    for token, id_ in model.ids.items():
        text = token.decode().replace(" ", SPACE_SYMBOL)
        pieces[id_] = Piece(text=text, score=model.scores[id_])
    for byte, id_ in enumerate(model.byte_ids or ()):
        pieces[id_] = Piece(text=f"<0x{byte:02X}>", type=PieceType.BYTE)
    if model.unknown is not None:
        pieces[model.unknown] = Piece(
            text=definition.tokens[model.unknown].decode(), type=PieceType.UNKNOWN
        )
    return pieces


def _write_piece(piece: Piece) -> bytes:
    return (
        wire.write_bytes(_PIECE, piece.text.encode())
        + wire.write_float(_SCORE, piece.score)
        + wire.write_varint(_TYPE, piece.type)
    )


def _write_trainer(definition: Definition, model: Unigram) -> bytes:
    end = definition.special_tokens.get(definition.end_of_text or "", _NONE)
    return b"".join(
        wire.write_varint(number, value)
        for number, value in (
            (_MODEL_TYPE, _UNIGRAM),
            (_VOCAB_SIZE, len(definition.tokens)),
            (_BYTE_FALLBACK, int(model.byte_ids is not None)),
            (_UNK_ID, _NONE if model.unknown is None else model.unknown),
            (_BOS_ID, _NONE),
            (_EOS_ID, end),
            (_PAD_ID, _NONE),
        )
    )


def _write_normalizer() -> bytes:
    """Nothing is changed but that spaces are written "▁"."""
    return (
        wire.write_bytes(_NAME, b"identity")
        + wire.write_varint(_DUMMY_PREFIX, 0)
        + wire.write_varint(_EXTRA_SPACES, 0)
        + wire.write_varint(_ESCAPE, 1)
    )
