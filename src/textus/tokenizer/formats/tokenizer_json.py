"""A vocabulary as the two files that Hugging Face's `tokenizers` and `transformers` load.

tokenizer.json holds everything; tokenizer_config.json tells `AutoTokenizer` its class and which
token ends a text. Only what is read here is promised: a tokenizer.json of another kind (WordPiece,
a normaliser, another pattern) is refused rather than read half.
"""

import json
from pathlib import Path
from typing import Any

from textus.errors import DataError
from textus.tokenizer.bpe.model import Merges
from textus.tokenizer.definition import Definition
from textus.tokenizer.formats.byte_level import to_bytes, to_characters
from textus.tokenizer.split.patterns import LLAMA3, PatternSplitter

TOKENIZER_FILE = "tokenizer.json"
CONFIG_FILE = "tokenizer_config.json"

_PRE_TOKENIZER = {
    "type": "Sequence",
    "pretokenizers": [
        {
            "type": "Split",
            "pattern": {"Regex": LLAMA3},
            "behavior": "Isolated",
            "invert": False,
        },
        {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False},
    ],
}
_BYTE_LEVEL = {
    "type": "ByteLevel",
    "add_prefix_space": True,
    "trim_offsets": True,
    "use_regex": True,
}
_MODEL = {
    "type": "BPE",
    "dropout": None,
    "unk_token": None,
    "continuing_subword_prefix": None,
    "end_of_word_suffix": None,
    "fuse_unk": False,
    "byte_fallback": False,
    "ignore_merges": False,
}
_ADDED_TOKEN = {
    "single_word": False,
    "lstrip": False,
    "rstrip": False,
    "normalized": False,
    "special": True,
}


def write_tokenizer(definition: Definition, folder: Path) -> None:
    """Writes tokenizer.json and tokenizer_config.json into `folder`."""
    _write_json(folder / TOKENIZER_FILE, tokenizer_json(definition))
    _write_json(folder / CONFIG_FILE, config_json(definition))


def tokenizer_json(definition: Definition) -> dict[str, Any]:
    """The content of tokenizer.json."""
    special = definition.special_tokens
    model = definition.model
    assert isinstance(model, Merges)
    spellings = [to_characters(token) for token in definition.tokens]
    for name, id_ in special.items():
        spellings[id_] = name
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [
            {"id": id_, "content": name, **_ADDED_TOKEN}
            for name, id_ in sorted(special.items(), key=lambda item: item[1])
        ],
        "normalizer": None,
        "pre_tokenizer": _PRE_TOKENIZER,
        "post_processor": None,
        "decoder": _BYTE_LEVEL,
        "model": {
            **_MODEL,
            "vocab": {spelling: id_ for id_, spelling in enumerate(spellings)},
            "merges": [f"{spellings[left]} {spellings[right]}" for left, right in model.merges],
        },
    }


def config_json(definition: Definition) -> dict[str, Any]:
    """The content of tokenizer_config.json."""
    end_of_text = definition.end_of_text
    return {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "bos_token": end_of_text,
        "eos_token": end_of_text,
        "clean_up_tokenization_spaces": False,
    }


def read_tokenizer(folder: Path) -> Definition:
    """Reads the two files; DataError names the one that is missing, broken or of another kind."""
    content, config = _read_json(folder / TOKENIZER_FILE), _read_json(folder / CONFIG_FILE)
    try:
        _check_kind(content)
        return _parse(content, end_of_text=config["eos_token"])
    except (DataError, KeyError, IndexError, TypeError, ValueError, AttributeError) as error:
        reason = f"there is no {error}" if isinstance(error, KeyError) else error
        raise DataError(
            f"{folder / TOKENIZER_FILE}, with {CONFIG_FILE} beside it, is no tokenizer that Textus "
            f"reads: {reason}. Copy both from where they are whole, or train the tokenizer anew."
        ) from error


def _check_kind(content: dict[str, Any]) -> None:
    for key, wanted in (
        ("normalizer", None),
        ("pre_tokenizer", _PRE_TOKENIZER),
        ("post_processor", None),
    ):
        if content[key] != wanted:
            raise DataError(f"its {key} is of another kind")
    model = content["model"]
    if model["type"] != "BPE":
        raise DataError(f"its model is {model['type']!r}, not 'BPE'")
    if options := [key for key in _MODEL if key != "type" and model.get(key)]:
        raise DataError(f"its model sets {options}")
    for token in content["added_tokens"]:
        if {key: token[key] for key in _ADDED_TOKEN} != _ADDED_TOKEN:
            raise DataError(f"its added token {token['content']!r} is of another kind")


def _parse(content: dict[str, Any], *, end_of_text: str) -> Definition:
    special = {token["content"]: token["id"] for token in content["added_tokens"]}
    special = {end_of_text: special[end_of_text], **special}
    ids: dict[str, int] = {**content["model"]["vocab"], **special}
    spellings = sorted(ids, key=ids.__getitem__)
    if [ids[spelling] for spelling in spellings] != list(range(len(ids))):
        raise DataError("its ids are not the numbers from 0 on, each once")
    pairs = [
        merge.split(" ") if isinstance(merge, str) else merge
        for merge in content["model"]["merges"]
    ]
    tokens = tuple(
        spelling.encode() if spelling in special else to_bytes(spelling) for spelling in spellings
    )
    special_ids = set(special.values())
    ordinary = {token: id_ for id_, token in enumerate(tokens) if id_ not in special_ids}
    return Definition(
        tokens=tokens,
        model=Merges(ids=ordinary, merges=tuple((ids[left], ids[right]) for left, right in pairs)),
        splitter=PatternSplitter(pattern="llama3"),
        special_tokens=special,
        end_of_text=end_of_text,
    )


def _write_json(file: Path, content: dict[str, Any]) -> None:
    text = json.dumps(content, ensure_ascii=False, indent=2)
    file.write_text(text + "\n", encoding="utf-8", newline="\n")


def _read_json(file: Path) -> dict[str, Any]:
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise DataError(
            f"{file} does not exist; give the folder of a trained tokenizer, which holds "
            f"{TOKENIZER_FILE} and {CONFIG_FILE}."
        ) from None
    except ValueError as error:
        raise DataError(
            f"{file} is not JSON ({error}); copy it from where it is whole, or train the tokenizer "
            "anew."
        ) from error
    if not isinstance(content, dict):
        raise DataError(f"{file} does not hold a JSON object; train the tokenizer anew.")
    return content
