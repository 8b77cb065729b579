"""The model of a tokenizer.json, that is its vocabulary and how a word is cut."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from textus.errors import DataError
from textus.tokenizer.bpe.model import Merges
from textus.tokenizer.definition import Definition, Model
from textus.tokenizer.formats.hugging_face.fields import flag
from textus.tokenizer.formats.hugging_face.spelling import (
    BYTE_NAMES,
    Spelling,
    byte_name,
    parse,
    parse_all,
    spell,
)
from textus.tokenizer.formats.hugging_face.tokens import Names
from textus.tokenizer.ids import check_ids
from textus.tokenizer.unigram.model import UNKNOWN_PENALTY, Unigram
from textus.tokenizer.wordpiece.model import LongestMatch

Json = Mapping[str, Any]

BERT_PREFIX = "##"
BYTES_PREFIX = "‿"
"""What a piece that goes on with a word begins with, where pieces are bytes: none of the characters
that stand for bytes."""

NEVER = -1000.0
"""The score in a file of a Unigram token that no text yields: Hugging Face's library takes every
entry of the vocabulary for a piece."""

_NO_LIMIT = 2**63 - 1


class Vocabulary(NamedTuple):
    """The bytes of each id, and the model that yields the ids."""

    tokens: tuple[bytes, ...]
    model: Model


def read_model(content: Json, *, names: Names, spelling: Spelling) -> Vocabulary:
    """Reads a model; DataError for one of another kind, or with settings that are unknown."""
    kind = content.get("type")
    if kind not in _READERS:
        raise DataError(f"its model is {kind!r}, which is none of {list(_READERS)}")
    return _READERS[kind](content, names, spelling)


def write_model(definition: Definition, spelling: Spelling) -> dict[str, Any]:
    """The inverse of `read_model`; DataError for a model that has no place in the file."""
    match definition.model:
        case Merges() as model:
            return _write_bpe(definition, model, spelling)
        case LongestMatch() as model:
            return _write_wordpiece(definition, model)
        case Unigram() as model:
            return _write_unigram(definition, model, spelling)
        case model:
            raise DataError(f"a model of the kind {type(model).__name__} has no place in the file")


def _read_bpe(content: Json, names: Names, spelling: Spelling) -> Vocabulary:
    _refuse(content, "dropout", "continuing_subword_prefix", "end_of_word_suffix")
    characters = spelling != "byte level"
    vocab: Mapping[str, int] = content["vocab"]
    pairs = _pairs(content["merges"])
    made = names.ids.keys() & set(map("".join, pairs))
    if mixed := sorted(made & names.special.keys()):
        raise DataError(f"its special token {mixed[0]!r} is also made by a merge")
    fallback = flag(content, "byte_fallback", False) and characters
    tokens = _tokens(vocab, names, spelling, fallback=fallback)
    shadowed = names.ids.keys() - made
    ids = {
        tokens[id_]: id_
        for spelt, id_ in vocab.items()
        if spelt not in shadowed and not (fallback and spelt in BYTE_NAMES)
    }
    unknown = content.get("unk_token")
    if characters and not fallback and unknown is not None and not flag(content, "fuse_unk", False):
        raise DataError("its model has an unk_token and does not set fuse_unk")
    model = Merges(
        ids=ids,
        merges=tuple((vocab[left], vocab[right]) for left, right in pairs),
        whole_words=flag(content, "ignore_merges", False),
        characters=characters,
        byte_ids=_byte_ids(vocab) if fallback else None,
        unknown=vocab[unknown] if characters and not fallback and unknown is not None else None,
    )
    return Vocabulary(tokens, model)


def _write_bpe(definition: Definition, model: Merges, spelling: Spelling) -> dict[str, Any]:
    if model.leftmost or model.symbols:
        raise DataError(
            "merges in the manner of SentencePiece, where all pairs that make one token count the "
            "same, have no place in a tokenizer.json; keep the .model file"
        )
    spellings = _spellings(definition, spelling, model.byte_ids)
    spaced = any(" " in spelt for spelt in spellings.values())
    pairs = [(spellings[left], spellings[right]) for left, right in model.merges]
    return {
        "type": "BPE",
        "dropout": None,
        "unk_token": None if model.unknown is None else spellings[model.unknown],
        "continuing_subword_prefix": None,
        "end_of_word_suffix": None,
        "fuse_unk": model.characters,
        "byte_fallback": model.byte_ids is not None,
        "ignore_merges": model.whole_words,
        "vocab": _by_spelling(spellings),
        "merges": [list(pair) if spaced else " ".join(pair) for pair in pairs],
    }


def _read_wordpiece(content: Json, names: Names, spelling: Spelling) -> Vocabulary:
    vocab: Mapping[str, int] = content["vocab"]
    prefix = content["continuing_subword_prefix"]
    in_bytes = spelling == "byte level"
    if prefix != (BYTES_PREFIX if in_bytes else BERT_PREFIX):
        raise DataError(f"its model's continuing_subword_prefix is {prefix!r}, which is unknown")
    initial: dict[bytes, int] = {}
    continuation: dict[bytes, int] = {}
    joint = b"" if in_bytes else b" "
    filled = list(_tokens(vocab, names, "plain"))
    for spelt, id_ in vocab.items():
        if spelt in names.ids:
            continue
        if spelt.startswith(prefix) and spelt != prefix:
            piece = parse(spelt.removeprefix(prefix), spelling)
            continuation[piece] = id_
            filled[id_] = piece
        else:
            piece = parse(spelt, spelling)
            initial[piece] = id_
            filled[id_] = joint + piece
    model = LongestMatch(
        initial=initial,
        continuation=continuation,
        unknown=None if in_bytes else vocab[content["unk_token"]],
        max_word_chars=None if in_bytes else content["max_input_chars_per_word"],
    )
    return Vocabulary(tuple(filled), model)


def _write_wordpiece(definition: Definition, model: LongestMatch) -> dict[str, Any]:
    in_bytes = model.unknown is None
    prefix = BYTES_PREFIX if in_bytes else BERT_PREFIX
    spelling: Spelling = "byte level" if in_bytes else "plain"
    spellings = _name_spellings(definition)
    spellings |= {id_: spell(piece, spelling) for piece, id_ in model.initial.items()}
    spellings |= {id_: prefix + spell(p, spelling) for p, id_ in model.continuation.items()}
    unknown = min(spellings) if model.unknown is None else model.unknown
    limit = model.max_word_chars
    return {
        "type": "WordPiece",
        "unk_token": spellings[unknown],  # required; where words are bytes nothing is unknown
        "continuing_subword_prefix": prefix,
        "max_input_chars_per_word": _NO_LIMIT if limit is None else limit,
        "vocab": _by_spelling(spellings),
    }


def _read_unigram(content: Json, names: Names, spelling: Spelling) -> Vocabulary:
    entries: list[tuple[str, float]] = content["vocab"]
    vocab = {spelt: id_ for id_, (spelt, _) in enumerate(entries)}
    if len(vocab) < len(entries):
        raise DataError("its vocabulary holds a piece twice")
    fallback = flag(content, "byte_fallback", False)
    unknown = content.get("unk_id")
    no_pieces = names.ids.keys() | (BYTE_NAMES.keys() if fallback else set())
    if unknown is not None:
        check_ids([unknown], what="its unk_id", size=len(entries))
        no_pieces |= {entries[unknown][0]}
    tokens = _tokens(vocab, names, spelling, fallback=fallback)
    pieces = {spelt: id_ for spelt, id_ in vocab.items() if spelt not in no_pieces}
    scores = [0.0] * len(tokens)
    for id_ in pieces.values():
        scores[id_] = entries[id_][1]
    characters = spelling != "byte level"
    lowest = min((score for _, score in entries), default=0.0)
    model = Unigram(
        ids={tokens[id_]: id_ for id_ in pieces.values()},
        scores=tuple(scores),
        characters=characters,
        byte_ids=_byte_ids(vocab) if fallback else None,
        unknown=unknown,
        unknown_score=lowest - UNKNOWN_PENALTY if characters else 0.0,
    )
    return Vocabulary(tokens, model)


def _write_unigram(definition: Definition, model: Unigram, spelling: Spelling) -> dict[str, Any]:
    spellings = _spellings(definition, spelling, model.byte_ids)
    pieces = set(model.ids.values())
    no_piece = _score_of_no_piece(model)
    _by_spelling(spellings)  # refuses two of one spelling
    return {
        "type": "Unigram",
        "unk_id": model.unknown,
        "byte_fallback": model.byte_ids is not None,
        "vocab": [
            [spellings[id_], model.scores[id_] if id_ in pieces else no_piece]
            for id_ in range(len(definition.tokens))
        ],
    }


def _score_of_no_piece(model: Unigram) -> float:
    """A score such that the lowest one in the file yields `unknown_score`, as the library reckons:
    a trained model's is made for NEVER, a published one's for its lowest piece."""
    lowest = min((model.scores[id_] for id_ in model.ids.values()), default=0.0)
    for score in (NEVER, lowest, model.unknown_score + UNKNOWN_PENALTY):
        if not model.characters or min(lowest, score) - UNKNOWN_PENALTY == model.unknown_score:
            return score
    raise DataError(f"the unknown_score {model.unknown_score} has no place in the file")


_READERS: dict[str, Callable[[Json, Names, Spelling], Vocabulary]] = {
    "BPE": _read_bpe,
    "WordPiece": _read_wordpiece,
    "Unigram": _read_unigram,
}


def _refuse(content: Json, *settings: str) -> None:
    if given := [setting for setting in settings if content.get(setting)]:
        raise DataError(f"its model sets {given}")


def _tokens(
    vocab: Mapping[str, int],
    names: Names,
    spelling: Spelling,
    *,
    fallback: bool = False,
) -> tuple[bytes, ...]:
    """The bytes of each id; none for an id that no token has."""
    named = names.ids
    ids = {**vocab, **named}
    if moved := [name for name in named if vocab.get(name, named[name]) != named[name]]:
        raise DataError(f"its added token {moved[0]!r} has another id in the vocabulary")
    check_ids(ids.values(), what="its ids")
    tokens = [b""] * (max(ids.values(), default=-1) + 1)
    byte_names = BYTE_NAMES if fallback else {}
    for name, byte in byte_names.items():
        if name in ids:
            tokens[ids[name]] = bytes([byte])
    for name, id_ in named.items():
        tokens[id_] = name.encode()
    texts = [spelt for spelt in ids if spelt not in named and spelt not in byte_names]
    for spelt, token in zip(texts, parse_all(texts, spelling), strict=True):
        tokens[ids[spelt]] = token
    return tuple(tokens)


def _pairs(merges: Sequence[str | Sequence[str]]) -> list[tuple[str, ...]]:
    """The parts of each merge, which files have in a list or with a space between them."""
    pairs = [tuple(m.split(" ") if isinstance(m, str) else m) for m in merges]
    if wrong := [pair for pair in pairs if len(pair) != 2]:
        raise DataError(f"its merge {' '.join(wrong[0])!r} is no pair")
    return pairs


def _byte_ids(vocab: Mapping[str, int]) -> tuple[int, ...]:
    missing = [name for name in BYTE_NAMES if name not in vocab]
    if missing:
        raise DataError(f"its model sets byte_fallback and has no token {missing[0]}")
    return tuple(vocab[name] for name in BYTE_NAMES)


def _name_spellings(definition: Definition) -> dict[int, str]:
    named = (definition.special_tokens, definition.added_tokens)
    return {id_: name for names in named for name, id_ in names.items()}


def _spellings(
    definition: Definition, spelling: Spelling, byte_ids: Iterable[int] | None
) -> dict[int, str]:
    """What stands in the file for each id that a token has."""
    spellings = _name_spellings(definition)
    spellings |= {id_: byte_name(byte) for byte, id_ in enumerate(byte_ids or ())}
    for id_, token in enumerate(definition.tokens):
        if token and id_ not in spellings:
            spellings[id_] = spell(token, spelling)
    return spellings


def _by_spelling(spellings: Mapping[int, str]) -> dict[str, int]:
    vocab = {spelt: id_ for id_, spelt in sorted(spellings.items())}
    if len(vocab) < len(spellings):
        twice = next(s for id_, s in spellings.items() if vocab[s] != id_)
        raise DataError(f"two of the tokens are both spelt {twice!r} in the file")
    return vocab
