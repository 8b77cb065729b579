"""OLMo 2: norms behind the parts, and over all heads together."""

from collections.abc import Mapping
from typing import Any

from textus.convert.families.llama import llama_rules
from textus.convert.family import Family
from textus.convert.rope import read_rope, write_rope
from textus.convert.settings import (
    Settings,
    part,
    read_gated,
    read_heads,
    read_sizes,
    write_gated,
    write_heads,
    write_sizes,
)
from textus.model.config import GroupedConfig, ModelConfig


def _read(theirs: Mapping[str, Any]) -> Settings:
    bias = "all" if theirs.get("attention_bias") else "none"
    return {
        "architecture": "olmo2",
        **read_sizes(theirs, eps=1e-5),
        "position": read_rope(theirs),
        "attention": read_heads(theirs) | {"bias": bias, "qk_norm": "whole"},
        "feed_forward": read_gated(theirs),
        "arrangement": "output",
    }


def _write(config: ModelConfig) -> Settings:
    layer = config.layers[0]
    return {
        **write_sizes(config),
        **write_rope(layer.position),
        **write_heads(config),
        **write_gated(layer.feed_forward),
        "attention_bias": part(layer.attention, GroupedConfig, "attention").bias == "all",
    }


OLMO2 = Family(
    model_type="olmo2",
    architecture="Olmo2ForCausalLM",
    read=_read,
    write=_write,
    rules=llama_rules,
)
