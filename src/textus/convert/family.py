"""A family: the models that one architecture of Hugging Face's transformers loads."""

from collections.abc import Callable, Iterator, Mapping, Set
from dataclasses import dataclass
from typing import Any

from textus.convert.settings import Settings
from textus.convert.weights import Rule
from textus.model.config import ModelConfig


def _as_read(settings: Settings, names: Set[str]) -> Settings:
    return settings


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
    can say it; ConvertError names a part that it cannot."""
    rules: Callable[[ModelConfig], Iterator[Rule]]
    """All tensors; a tied head is left out."""
    base: str = "model."
    """What names of tensors begin with, and in some checkpoints do not."""
    head: str = "lm_head.weight"
    """The head's tensor, which some checkpoints hold although it is tied."""
    ignored: tuple[str, ...] = ()
    """Regular expressions of whole names of tensors that hold nothing of their own: masks,
    frequencies."""
    settle: Callable[[Settings, Set[str]], Settings] = _as_read
    """What the tensors' names say of the settings beyond what `read` found."""
