"""A tokenizer as the keys of a GGUF file."""

from enum import IntEnum
from typing import Any

from textus.errors import ConvertError
from textus.tokenizer.bpe.model import Merges
from textus.tokenizer.definition import Definition
from textus.tokenizer.formats.byte_level import to_characters
from textus.tokenizer.sentencepiece import SPACE_SYMBOL, SentencePieceNormalizer
from textus.tokenizer.split.patterns import PATTERNS, PatternSplitter

Keys = dict[str, Any]


class Type(IntEnum):
    """What a token is for."""

    NORMAL = 1
    UNKNOWN = 2
    CONTROL = 3
    USER_DEFINED = 4
    UNUSED = 5
    BYTE = 6


PRETOKENIZERS = {
    "gpt2": "gpt-2",
    "llama3": "dbrx",
    "qwen2": "qwen2",
    "o200k": "granite-embed-multi-97m",
    "superbpe": "superbpe",
}
"""Our patterns -> the names under which llama.cpp cuts text the same way.

Found by comparing ids. What differs: characters that are new in Unicode 16, which llama.cpp's
tables lack; and with llama3, qwen2 and o200k a long s (U+017F) behind an apostrophe, which its
patterns do not take for an s.
"""
_NO_MERGE = "\u4e00 \u4e00"
"""llama.cpp wants at least one; no byte is spelt with this character."""
WHOLE_WORDS = {"llama3": "llama-bpe"}
"""Those that take a word which is a token as that token, whatever the merges make of it."""


def tokenizer_keys(definition: Definition, vocab_size: int) -> Keys:
    """The keys below `tokenizer.` of a tokenizer for a model of `vocab_size` rows.

    Raises ConvertError for a tokenizer that llama.cpp has no counterpart for.
    """
    sentences = isinstance(definition.normalizer, SentencePieceNormalizer)
    keys = (_sentencepiece_keys if sentences else _bpe_keys)(definition, vocab_size)
    end = definition.special_tokens[_end_of_text(definition)]
    keys |= {
        "ggml.bos_token_id": end,  # every document begins behind the end of another one
        "ggml.eos_token_id": end,
        "ggml.add_bos_token": True,
        "ggml.add_eos_token": False,
    }
    keys |= _role_keys(definition, end)
    if definition.chat_template is not None:
        keys["chat_template"] = definition.chat_template
    return keys


def _end_of_text(definition: Definition) -> str:
    if definition.end_of_text is None:
        raise ConvertError(
            "the tokenizer has no token that ends a document, which llama.cpp needs to begin one; "
            f"name one of {list(definition.special_tokens)[:16]} as end_of_text in its definition"
        )
    return definition.end_of_text


def _role_keys(definition: Definition, end: int) -> Keys:
    ids = {role: definition.special_tokens.get(n) for role, n in definition.token_roles.items()}
    keys: Keys = {}
    if (turn := ids.get("eos_token")) is not None and turn != end:
        keys["ggml.eot_token_id"] = turn
    if (pad := ids.get("pad_token")) is not None:
        keys["ggml.padding_token_id"] = pad
    return keys


def _bpe_keys(definition: Definition, vocab_size: int) -> Keys:
    model = definition.model
    if not isinstance(model, Merges) or model.characters:
        raise ConvertError(
            f"llama.cpp has no exact counterpart for a tokenizer of the kind "
            f"{type(model).__name__}; it has one for byte-level BPE (tokenizer.kind = bpe)"
        )
    return {
        "ggml.model": "gpt2",
        "ggml.pre": _pretokenizer(definition, model),
        **_token_keys(definition, vocab_size),
        "ggml.merges": [_spell_merge(definition, pair) for pair in model.merges] or [_NO_MERGE],
    }


def _pretokenizer(definition: Definition, model: Merges) -> str:
    splitter = definition.splitter
    pattern = splitter.pattern if isinstance(splitter, PatternSplitter) else None
    names = WHOLE_WORDS if model.whole_words else PRETOKENIZERS
    if definition.normalizer is not None:
        raise ConvertError(
            f"llama.cpp's BPE does not change text before it is cut, and this tokenizer does "
            f"({type(definition.normalizer).__name__}); train one with tokenizer.normalizer = none"
        )
    if pattern not in names:
        shown = repr(pattern) if pattern in PATTERNS else "of its own"
        raise ConvertError(
            f"llama.cpp has no pattern that cuts text as this tokenizer's ({shown}) does; "
            f"it has one for tokenizer.pattern = {', '.join(names)}"
        )
    if model.symbols or model.leftmost:
        raise ConvertError("llama.cpp's BPE has no whole words that are never looked into")
    return names[pattern]


def _sentencepiece_keys(definition: Definition, vocab_size: int) -> Keys:
    """SentencePiece's BPE, as LLaMA and LLaMA 2 have it."""
    model, normalizer = definition.model, definition.normalizer
    assert isinstance(normalizer, SentencePieceNormalizer)
    if not isinstance(model, Merges) or model.byte_ids is None or not model.leftmost:
        raise ConvertError(
            "llama.cpp has an exact counterpart of SentencePiece's tokenizers only for type BPE "
            "with tokens for single bytes"
        )
    if (
        normalizer.character_map is not None
        or normalizer.remove_extra_whitespaces
        or not normalizer.escape_whitespaces
    ):
        raise ConvertError(
            "llama.cpp's counterpart of SentencePiece's BPE does not change text before it is cut, "
            "and this tokenizer does (it replaces characters or tidies spaces); train one with "
            "normalization_rule_name = identity and remove_extra_whitespaces = false"
        )
    if normalizer.add_dummy_prefix and (model.symbols or definition.added_tokens):
        raise ConvertError(
            "llama.cpp puts a space behind each token that text is searched for by name, and this "
            "tokenizer only at the beginning; train one with add_dummy_prefix = false, or without "
            "user_defined_symbols"
        )
    return {
        "ggml.model": "llama",
        "ggml.pre": "default",
        **_token_keys(definition, vocab_size),
        "ggml.scores": _scores(definition, model, vocab_size),
        "ggml.add_space_prefix": normalizer.add_dummy_prefix,
    } | ({} if model.unknown is None else {"ggml.unknown_token_id": model.unknown})


def _scores(definition: Definition, model: Merges, vocab_size: int) -> list[float]:
    """The later a token is made, the lower; what is never made of others has none."""
    scores = [0.0] * vocab_size
    for rank, id_ in model.ranks.values():
        scores[id_] = min(scores[id_], -1.0 - rank)
    for token, id_ in model.ids.items():
        if scores[id_] == 0 and len(token.decode(errors="replace")) > 1:
            raise ConvertError(
                f"the token {token.decode(errors='replace')!r} is made of no two others, which "
                "llama.cpp cannot be told"
            )
    return scores


def _token_keys(definition: Definition, vocab_size: int) -> Keys:
    """Spelling and type of each id; rows of the model beyond the tokenizer's ids are unused."""
    if len(definition.tokens) > vocab_size:
        raise ConvertError(
            f"the tokenizer has {len(definition.tokens)} tokens and the model rows for "
            f"{vocab_size} only"
        )
    entries = [_entry(definition, id_) for id_ in range(len(definition.tokens))]
    unused = range(len(entries), vocab_size)
    entries += [(f"[unused {id_}]", Type.UNUSED) for id_ in unused]
    spellings = [spelling for spelling, _ in entries]
    _check_distinct(spellings)
    return {"ggml.tokens": spellings, "ggml.token_type": [int(kind) for _, kind in entries]}


def _entry(definition: Definition, id_: int) -> tuple[str, Type]:
    """How an id is spelt in the file, and what it is for."""
    model, token = definition.model, definition.tokens[id_]
    assert isinstance(model, Merges)
    for names, kind in (
        (definition.special_tokens, Type.CONTROL),
        (definition.added_tokens, Type.USER_DEFINED),
    ):
        if id_ in names.values():
            name = next(name for name, known in names.items() if known == id_)
            return name, Type.UNKNOWN if id_ == model.unknown else kind
    if model.byte_ids is not None and id_ in model.byte_ids:
        return f"<0x{token[0]:02X}>", Type.BYTE
    if model.symbols.get(token) == id_:
        return _spell(token, model), Type.USER_DEFINED
    if model.ids.get(token) == id_:
        return _spell(token, model), Type.NORMAL
    return f"[unused {id_}]", Type.UNUSED


def _spell(token: bytes, model: Merges) -> str:
    if not model.characters:
        return to_characters(token)
    return token.decode(errors="replace").replace(" ", SPACE_SYMBOL)


def _check_distinct(spellings: list[str]) -> None:
    seen: set[str] = set()
    for spelling in spellings:
        if spelling in seen:
            raise ConvertError(
                f"two tokens are spelt {spelling!r}, which llama.cpp cannot tell apart"
            )
        seen.add(spelling)


def _spell_merge(definition: Definition, pair: tuple[int, int]) -> str:
    return " ".join(to_characters(definition.tokens[id_]) for id_ in pair)
