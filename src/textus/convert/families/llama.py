"""LLaMA, and what most families after it share: names of tensors, and settings."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from textus.convert.family import Family
from textus.convert.rope import read_rope, write_rope
from textus.convert.settings import (
    Settings,
    expect,
    part,
    read_gated,
    read_heads,
    read_reach,
    read_sizes,
    write_gated,
    write_heads,
    write_sizes,
    write_window,
)
from textus.convert.weights import Rule, same
from textus.errors import ConvertError
from textus.model.config import (
    AttentionConfig,
    FeedForwardConfig,
    GatedConfig,
    GroupedConfig,
    ModelConfig,
)

FeedForwardRules = Callable[[FeedForwardConfig, str, str], Iterator[Rule]]
AttentionRules = Callable[[AttentionConfig, str, str], Iterator[Rule]]

NORMS = {
    "pre": {
        "attention_norm": "input_layernorm",
        "feed_forward_norm": "post_attention_layernorm",
    },
    "sandwich": {
        "attention_norm": "input_layernorm",
        "attention_output_norm": "post_attention_layernorm",
        "feed_forward_norm": "pre_feedforward_layernorm",
        "feed_forward_output_norm": "post_feedforward_layernorm",
    },
    "output": {
        "attention_output_norm": "post_attention_layernorm",
        "feed_forward_output_norm": "post_feedforward_layernorm",
    },
}
"""A block's norms, by arrangement."""


def gated_rules(layer: FeedForwardConfig, ours: str, theirs: str) -> Iterator[Rule]:
    """`ours` and `theirs` are what the names of the block's tensors begin with."""
    for kind in (
        ("weight", "bias") if part(layer, GatedConfig, "feed_forward").bias else ("weight",)
    ):
        for name in ("gate", "up", "down"):
            yield same(f"{ours}feed_forward.{name}.{kind}", f"{theirs}mlp.{name}_proj.{kind}")


def grouped_rules(attention: AttentionConfig, ours: str, theirs: str) -> Iterator[Rule]:
    """Queries, keys, values and result, each a tensor of its own."""
    grouped = part(attention, GroupedConfig, "attention")
    for name in ("query", "key", "value", "output"):
        prefix = f"{ours}attention.{name}", f"{theirs}self_attn.{name[0]}_proj"
        yield same(f"{prefix[0]}.weight", f"{prefix[1]}.weight")
        if grouped.bias in ("all", "output" if name == "output" else "input"):
            yield same(f"{prefix[0]}.bias", f"{prefix[1]}.bias")
    if grouped.qk_norm != "none":
        for name in ("query", "key"):
            norm = f"{ours}attention.{name}_norm.weight"
            yield same(norm, f"{theirs}self_attn.{name[0]}_norm.weight")


def llama_rules(
    config: ModelConfig,
    attention: AttentionRules = grouped_rules,
    feed_forward: FeedForwardRules = gated_rules,
) -> Iterator[Rule]:
    """The tensors of a whole model, in LLaMA's names."""
    yield same("embedding.weight", "model.embed_tokens.weight")
    for i in range(config.num_layers):
        yield from block_rules(
            config, i, f"blocks.{i}.", f"model.layers.{i}.", attention, feed_forward
        )
    yield same("norm.weight", "model.norm.weight")
    if not config.head.tied:
        yield same("head.weight", "lm_head.weight")


def block_rules(
    config: ModelConfig,
    layer: int,
    ours: str,
    theirs: str,
    attention: AttentionRules = grouped_rules,
    feed_forward: FeedForwardRules = gated_rules,
) -> Iterator[Rule]:
    """The tensors of a block that is made like layer number `layer`."""
    for name, their_name in NORMS[config.arrangement].items():
        yield same(f"{ours}{name}.weight", f"{theirs}{their_name}.weight")
    yield from attention(config.layers[layer].attention, ours, theirs)
    yield from feed_forward(config.layers[layer].feed_forward, ours, theirs)


def _read_llama(theirs: Mapping[str, Any]) -> Settings:
    expect(theirs, "pretraining_tp", 1, None)  # others compute the same, cut into more products
    return {
        "architecture": "llama",
        **read_sizes(theirs),
        "position": read_rope(theirs),
        "attention": read_heads(theirs)
        | {"bias": "all" if theirs.get("attention_bias") else "none"},
        "feed_forward": read_gated(theirs) | {"bias": bool(theirs.get("mlp_bias"))},
    }


def _write_llama(config: ModelConfig) -> Settings:
    layer = config.layers[0]
    attention = part(layer.attention, GroupedConfig, "attention")
    gated = part(layer.feed_forward, GatedConfig, "feed_forward")
    if config.model_dim % attention.num_heads:
        raise ConvertError(
            f"model_dim={config.model_dim} is not a multiple of num_heads={attention.num_heads}"
        )
    return {
        **write_sizes(config),
        **write_rope(layer.position),
        **write_heads(config),
        **write_gated(gated),
        "attention_bias": attention.bias == "all",
        "mlp_bias": gated.bias,
    }


def _read_mistral(theirs: Mapping[str, Any]) -> Settings:
    return {
        "architecture": "mistral",
        **read_sizes(theirs),
        "position": read_rope(theirs),
        "attention": read_heads(theirs),
        "reach": read_reach(theirs.get("sliding_window", 4096)),
        "feed_forward": read_gated(theirs),
    }


def _write_mistral(config: ModelConfig) -> Settings:
    layer = config.layers[0]
    return {
        **write_sizes(config),
        **write_rope(layer.position),
        **write_heads(config),
        **write_gated(layer.feed_forward),
        "sliding_window": write_window(config),
    }


LLAMA = Family(
    model_type="llama",
    architecture="LlamaForCausalLM",
    read=_read_llama,
    write=_write_llama,
    rules=llama_rules,
    ignored=(r".*\.rotary_emb\.inv_freq",),
)
MISTRAL = Family(
    model_type="mistral",
    architecture="MistralForCausalLM",
    read=_read_mistral,
    write=_write_mistral,
    rules=llama_rules,
)
