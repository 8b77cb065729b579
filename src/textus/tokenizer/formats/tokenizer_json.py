"""A tokenizer as the two files that Hugging Face's `tokenizers` and `transformers` load.

tokenizer.json holds everything that decides ids; its parts are in `hugging_face/`. A
tokenizer_config.json beside it tells which tokens begin and end a text and holds the chat template.
Three parts of a tokenizer.json are not read, by design: `truncation` and `padding`, which are
matters of a call, and the `post_processor`, which puts special tokens around a text (here they come
from text only where they are asked for).
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from textus.errors import DataError, RecipeError
from textus.store import write_json
from textus.tokenizer.bert import BertSplitter
from textus.tokenizer.definition import Definition
from textus.tokenizer.formats.chat_config import config_json, read_config
from textus.tokenizer.formats.contents import read_json, read_text
from textus.tokenizer.formats.hugging_face.decoders import read_decoder, write_decoder
from textus.tokenizer.formats.hugging_face.fields import steps
from textus.tokenizer.formats.hugging_face.models import read_model, write_model
from textus.tokenizer.formats.hugging_face.normalizers import (
    UNDERLINES_ARE_SPACES,
    read_normalizer,
    write_normalizer,
)
from textus.tokenizer.formats.hugging_face.spelling import Spelling
from textus.tokenizer.formats.hugging_face.splitters import read_splitting, write_splitting
from textus.tokenizer.formats.hugging_face.tokens import read_names, write_names
from textus.tokenizer.normalize import chain, parts_of
from textus.tokenizer.wordpiece.model import LongestMatch

TOKENIZER_FILE = "tokenizer.json"
CONFIG_FILE = "tokenizer_config.json"
TEMPLATE_FILE = "chat_template.jinja"

_POST_PROCESSORS = ("TemplateProcessing", "ByteLevel", "BertProcessing", "RobertaProcessing")


def write_tokenizer(definition: Definition, folder: Path) -> None:
    """Writes tokenizer.json and tokenizer_config.json into `folder`; DataError for a part that has
    no place in them."""
    write_json(folder / TOKENIZER_FILE, tokenizer_json(definition))
    write_json(folder / CONFIG_FILE, config_json(definition))


_BROKEN = (
    *(DataError, RecipeError, RecursionError, KeyError, IndexError, TypeError, ValueError),
    AttributeError,
)
"""What reading a file raises that is broken or of another kind."""


def read_tokenizer(file: Path) -> Definition:
    """Reads a tokenizer.json, and what stands beside it; DataError names the file that is missing,
    broken or of another kind, with the reason."""
    content = read_json(file)
    config_file = file.with_name(CONFIG_FILE)
    config = read_json(config_file) if config_file.exists() else {}
    template_file = file.with_name(TEMPLATE_FILE)
    if template_file.exists():
        config["chat_template"] = read_text(template_file)
    try:
        return read_config(config, _parse(content))
    except _BROKEN as error:
        reason = f"there is no {error}" if isinstance(error, KeyError) else error
        raise DataError(
            f"{file}, with what stands beside it, is no tokenizer that Textus reads: {reason}. "
            "Copy it from where it is whole, or train the tokenizer anew."
        ) from error


def tokenizer_json(definition: Definition) -> dict[str, Any]:
    """The content of tokenizer.json."""
    spelling = _spelling_of(definition)
    normalizers = list(parts_of(definition.normalizer))
    pre_tokenizer, normalizers = write_splitting(definition.splitter, spelling, normalizers)
    normalizer = write_normalizer(normalizers)
    model = write_model(definition, spelling)
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": write_names(definition),
        "normalizer": normalizer,
        "pre_tokenizer": pre_tokenizer,
        "post_processor": None,
        "decoder": write_decoder(
            model["type"], spelling, drops_first_space=definition.drops_first_space
        ),
        "model": model,
    }


def _parse(content: Mapping[str, Any]) -> Definition:
    normalizers = read_normalizer(content["normalizer"])
    underlined = UNDERLINES_ARE_SPACES in normalizers
    splitting = read_splitting(content["pre_tokenizer"], underlined=underlined)
    normalizers += splitting.normalizers
    _check_post_processor(content["post_processor"])
    model = content["model"]
    # BERT's unknown token comes from text, so it is an ordinary one.
    ordinary = [model["unk_token"]] if isinstance(splitting.splitter, BertSplitter) else []
    added = [entry for entry in content["added_tokens"] if entry["content"] not in ordinary]
    names = read_names(added, normalized=bool(normalizers))
    vocabulary = read_model(model, names=names, spelling=splitting.spelling)
    return Definition(
        tokens=vocabulary.tokens,
        model=vocabulary.model,
        splitter=splitting.splitter,
        normalizer=chain(*normalizers),
        special_tokens=names.special,
        added_tokens=names.added,
        name_rules=names.rules,
        drops_first_space=read_decoder(content["decoder"], splitting.spelling),
    )


def _spelling_of(definition: Definition) -> Spelling:
    model = definition.model
    if isinstance(model, LongestMatch):
        return "byte level" if model.unknown is None else "plain"
    if not getattr(model, "characters", False):
        return "byte level"
    underlined = UNDERLINES_ARE_SPACES in parts_of(definition.normalizer)
    return "underlined" if underlined else "plain"


def _check_post_processor(content: Mapping[str, Any] | None) -> None:
    for step in steps(content, "processors"):
        if step["type"] not in _POST_PROCESSORS:
            raise DataError(f"its post_processor {step['type']!r} is unknown")
