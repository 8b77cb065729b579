"""A family: the models that one architecture of Hugging Face's transformers loads."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from textus.convert.weights import Rule
from textus.model.config import ModelConfig

Settings = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Family:
    """How its configuration and its weights map to ours.

    Whether a model of ours is expressible in a family is not declared but tried: it is if
    `read(write(config))` gives the configuration back.
    """

    model_type: str
    """As in config.json: "llama"."""
    architecture: str
    """The class that loads it: "LlamaForCausalLM"."""
    read: Callable[[Mapping[str, Any]], Settings]
    """config.json -> our settings, nested, every part of them said; ConvertError names a value
    that has no counterpart here."""
    write: Callable[[ModelConfig], Settings]
    """Our configuration -> config.json without model_type and architectures, as far as the family
    can say it."""
    rules: Callable[[ModelConfig], Iterator[Rule]]
    """All tensors; a tied head is left out."""
    ignored: tuple[str, ...] = ()
    """Regular expressions of tensors in checkpoints that hold nothing: masks, frequencies."""
