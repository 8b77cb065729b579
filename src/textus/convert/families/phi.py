"""Phi-3 and Phi-4-mini: LLaMA with joined matrices."""

from collections.abc import Iterator, Mapping
from typing import Any

from textus.convert.families.llama import llama_rules
from textus.convert.family import Family
from textus.convert.rope import read_rope, rope_table, write_rope
from textus.convert.settings import (
    Settings,
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
from textus.convert.weights import Rule, joined, same
from textus.errors import ConvertError
from textus.model.config import (
    AttentionConfig,
    FeedForwardConfig,
    GatedConfig,
    GroupedConfig,
    ModelConfig,
)


def _attention_rules(attention: AttentionConfig, ours: str, theirs: str) -> Iterator[Rule]:
    grouped = part(attention, GroupedConfig, "attention")
    heads = (grouped.num_heads, grouped.num_kv_heads, grouped.num_kv_heads)
    names = [f"{ours}attention.{name}.weight" for name in ("query", "key", "value")]
    sizes = [count * grouped.head_dim for count in heads]
    yield joined(names, f"{theirs}self_attn.qkv_proj.weight", sizes)
    yield same(f"{ours}attention.output.weight", f"{theirs}self_attn.o_proj.weight")


def _feed_forward_rules(layer: FeedForwardConfig, ours: str, theirs: str) -> Iterator[Rule]:
    hidden = part(layer, GatedConfig, "feed_forward").hidden_dim
    names = [f"{ours}feed_forward.{name}.weight" for name in ("gate", "up")]
    yield joined(names, f"{theirs}mlp.gate_up_proj.weight", [hidden, hidden])
    yield same(f"{ours}feed_forward.down.weight", f"{theirs}mlp.down_proj.weight")


def _rules(config: ModelConfig) -> Iterator[Rule]:
    return llama_rules(config, _attention_rules, _feed_forward_rules)


def _read(theirs: Mapping[str, Any]) -> Settings:
    table = rope_table(theirs)
    kind = table.get("rope_type", table.get("type", "default"))
    if kind != "default":
        raise ConvertError(
            f"config.json says that rotary positions are scaled by {kind!r} (LongRoPE), which has "
            "no counterpart here; the models of Phi-3 for 4,096 tokens are not scaled"
        )
    theirs.get("original_max_position_embeddings")  # of LongRoPE, and without it of nothing
    return {
        "architecture": "phi3",
        **read_sizes(theirs, eps=1e-5),
        "position": read_rope(theirs),
        "attention": read_heads(theirs),
        "reach": read_reach(theirs.get("sliding_window")),
        "feed_forward": read_gated(theirs),
    }


def _write(config: ModelConfig) -> Settings:
    layer = config.layers[0]
    return {
        **write_sizes(config),
        **write_rope(layer.position),
        **write_heads(config),
        **write_gated(layer.feed_forward),
        "original_max_position_embeddings": config.max_seq_len,
        "sliding_window": write_window(config),
    }


PHI3 = Family(
    model_type="phi3",
    architecture="Phi3ForCausalLM",
    read=_read,
    write=_write,
    rules=_rules,
)
