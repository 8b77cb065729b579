"""tokenizer_config.json: which special tokens begin, end and fill up a text, and how a chat is
written."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from textus.errors import DataError
from textus.tokenizer.chat import default_template
from textus.tokenizer.definition import Definition

_ROLES = (
    "bos_token",
    "eos_token",
    "unk_token",
    "pad_token",
    "sep_token",
    "cls_token",
    "mask_token",
)


def config_json(definition: Definition) -> dict[str, Any]:
    """The content of tokenizer_config.json for Hugging Face's `AutoTokenizer`.

    The token that ends a document also begins the next one, unless another does.
    """
    end_of_text = definition.end_of_text
    return {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "bos_token": end_of_text,
        "eos_token": end_of_text,
        **definition.token_roles,
        "clean_up_tokenization_spaces": False,
        "chat_template": definition.chat_template or default_template(definition),
    }


def read_config(config: Mapping[str, Any], definition: Definition) -> Definition:
    """`definition` with what the file adds; DataError where that contradicts it.

    Other roles than the end of the text may name tokens that the vocabulary lacks, which Hugging
    Face's library would add to it; they are left out.
    """
    roles = {role: _name(config.get(role)) for role in _ROLES}
    end_of_text = roles.pop("eos_token")
    known = {role: name for role, name in roles.items() if name in definition.special_tokens}
    if known.get("bos_token") == end_of_text:
        known.pop("bos_token", None)
    definition = dataclasses.replace(definition, token_roles=known, end_of_text=end_of_text)
    template = _template(config.get("chat_template"))
    if template == default_template(definition):
        template = None
    return dataclasses.replace(definition, chat_template=template)


def _name(entry: Any) -> str | None:
    """A token is given by its name, or as an object that has it."""
    return entry["content"] if isinstance(entry, dict) else entry


def _template(entry: Any) -> str | None:
    """The chat template, of several that which is called "default"."""
    if isinstance(entry, list):
        named = {each["name"]: each["template"] for each in entry}
        if "default" not in named:
            raise DataError(f"its chat templates are {list(named)}, none of them 'default'")
        return named["default"]
    return entry
