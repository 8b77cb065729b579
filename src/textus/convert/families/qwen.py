"""Qwen2, Qwen3 and Qwen3's mixtures of experts."""

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
    read_reach,
    read_sizes,
    with_layers,
    write_gated,
    write_heads,
    write_layer_types,
    write_sizes,
    write_window,
)
from textus.model.config import GroupedConfig, ModelConfig


def _read_common(theirs: Mapping[str, Any]) -> Settings:
    return {
        **read_sizes(theirs),
        "position": read_rope(theirs),
        "feed_forward": read_gated(theirs),
    }


def _read_reaches(theirs: Mapping[str, Any]) -> list[Settings]:
    """Each layer's; where windows are not switched off as a whole, the last layers slide."""
    count, switched = theirs["num_hidden_layers"], theirs.get("use_sliding_window", False)
    window, full = theirs.get("sliding_window", 4096), theirs.get("max_window_layers", 28)
    types = theirs.get("layer_types")
    slides = (
        [t == "sliding_attention" for t in types] if types else [i >= full for i in range(count)]
    )
    return [{"reach": read_reach(window if switched and here else None)} for here in slides]


def _write_common(config: ModelConfig) -> Settings:
    window, types = write_window(config), write_layer_types(config)
    return {
        **write_sizes(config),
        **write_rope(config.layers[0].position),
        **write_heads(config),
        **write_gated(config.layers[0].feed_forward),
        "use_sliding_window": window is not None,
        "sliding_window": window,
        "max_window_layers": types.index("sliding_attention") if window else config.num_layers,
        "layer_types": types,
    }


def _read_qwen2(theirs: Mapping[str, Any]) -> Settings:
    attention = read_heads(theirs) | {"bias": "input"}
    settings = {"architecture": "qwen2", **_read_common(theirs), "attention": attention}
    return with_layers(settings, _read_reaches(theirs))


def _read_qwen3(theirs: Mapping[str, Any]) -> Settings:
    attention = _read_qwen3_attention(theirs)
    settings = {"architecture": "qwen3", **_read_common(theirs), "attention": attention}
    return with_layers(settings, _read_reaches(theirs))


def _read_qwen3_attention(theirs: Mapping[str, Any]) -> Settings:
    bias = "all" if theirs.get("attention_bias") else "none"
    return read_heads(theirs) | {"bias": bias, "qk_norm": "head"}


def _write_qwen3(config: ModelConfig) -> Settings:
    attention = part(config.layers[0].attention, GroupedConfig, "attention")
    return _write_common(config) | {"attention_bias": attention.bias == "all"}


QWEN2 = Family(
    model_type="qwen2",
    architecture="Qwen2ForCausalLM",
    read=_read_qwen2,
    write=_write_common,
    rules=llama_rules,
)
QWEN3 = Family(
    model_type="qwen3",
    architecture="Qwen3ForCausalLM",
    read=_read_qwen3,
    write=_write_qwen3,
    rules=llama_rules,
)
