"""OpenAI's open mixtures of 2025."""

from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor

from textus.convert.families.llama import grouped_rules, llama_rules
from textus.convert.family import Family
from textus.convert.rope import read_rope, write_rope
from textus.convert.settings import (
    Settings,
    expect,
    part,
    pattern_of,
    read_heads,
    read_reach,
    read_sizes,
    write_heads,
    write_layer_types,
    write_sizes,
    write_window,
)
from textus.convert.weights import Rule, same
from textus.model.config import (
    AttentionConfig,
    ExpertsConfig,
    FeedForwardConfig,
    GroupedConfig,
    ModelConfig,
)


def _read(theirs: Mapping[str, Any]) -> Settings:
    expect(theirs, "quantization_config", None)  # the published files hold 4-bit blocks
    expect(theirs, "swiglu_alpha", 1.702)
    for said_elsewhere in ("experts_per_token", "hidden_act", "initial_context_length"):
        theirs.get(said_elsewhere)
    slides = _slides(theirs)
    sliding = read_reach(theirs.get("sliding_window", 128))
    return {
        "architecture": "gpt_oss",
        **read_sizes(theirs, eps=1e-5),
        "position": {"scaling": None} | read_rope(theirs, theta=150_000.0),
        "attention": read_heads(theirs)
        | {"bias": "all" if theirs.get("attention_bias", True) else "none", "sinks": True},
        "reach": sliding if all(slides) else {"kind": "full"},
        "feed_forward": _read_experts(theirs),
        "pattern": pattern_of([{"reach": sliding} if here else {} for here in slides]),
    }


def _slides(theirs: Mapping[str, Any]) -> list[bool]:
    """Whether each layer has a window; if nothing is said, the first and every other one."""
    types = theirs.get("layer_types")
    if types is not None:
        return [kind == "sliding_attention" for kind in types]
    return [i % 2 == 0 for i in range(theirs["num_hidden_layers"])]


def _read_experts(theirs: Mapping[str, Any]) -> Settings:
    return {
        "kind": "experts",
        "num_experts": theirs["num_local_experts"],
        "experts_per_token": theirs.get("num_experts_per_tok", 4),
        "hidden_dim": theirs["intermediate_size"],
        "bias": True,
        "clamp": theirs.get("swiglu_limit", 7.0),
        "routing": "softmax",
        "normalize": True,
    }


def _write(config: ModelConfig) -> Settings:
    layer = config.layers[0]
    experts = part(layer.feed_forward, ExpertsConfig, "feed_forward")
    rope = write_rope(config.position)
    if rope["rope_scaling"] is None:  # which transformers 5 takes for gpt-oss' own scaling
        rope["rope_scaling"] = {"rope_type": "default"}
    return {
        **write_sizes(config),
        **write_heads(config),
        **rope,
        "attention_bias": part(layer.attention, GroupedConfig, "attention").bias == "all",
        "sliding_window": write_window(config),
        "layer_types": write_layer_types(config),
        "num_local_experts": experts.num_experts,
        "num_experts_per_tok": experts.experts_per_token,
        "intermediate_size": experts.hidden_dim,
        "swiglu_limit": experts.clamp,
    }


def _attention_rules(attention: AttentionConfig, ours: str, theirs: str) -> Iterator[Rule]:
    yield from grouped_rules(attention, ours, theirs)
    yield same(f"{ours}attention.sinks", f"{theirs}self_attn.sinks")


def _expert_rules(layer: FeedForwardConfig, ours: str, theirs: str) -> Iterator[Rule]:
    """Their matrices are (experts, inputs, outputs), with gates and values in turn."""
    ours, theirs = f"{ours}feed_forward.", f"{theirs}mlp."
    yield same(f"{ours}router.weight", f"{theirs}router.weight")
    yield same(f"{ours}router.bias", f"{theirs}router.bias")
    yield Rule(
        ours=(f"{ours}gate.weight", f"{ours}up.weight"),
        theirs=(f"{theirs}experts.gate_up_proj",),
        to_ours=lambda tensors: _turned(_apart(tensors)),
        to_theirs=lambda tensors: _woven(_turned(tensors)),
    )
    yield Rule(
        ours=(f"{ours}gate.bias", f"{ours}up.bias"),
        theirs=(f"{theirs}experts.gate_up_proj_bias",),
        to_ours=_apart,
        to_theirs=_woven,
    )
    yield Rule(
        ours=(f"{ours}down.weight",),
        theirs=(f"{theirs}experts.down_proj",),
        to_ours=_turned,
        to_theirs=_turned,
    )
    yield same(f"{ours}down.bias", f"{theirs}experts.down_proj_bias")


def _apart(tensors: list[Tensor]) -> list[Tensor]:
    return [tensors[0][..., ::2], tensors[0][..., 1::2]]


def _woven(tensors: list[Tensor]) -> list[Tensor]:
    return [torch.stack(tensors, dim=-1).flatten(-2)]


def _turned(tensors: list[Tensor]) -> list[Tensor]:
    return [tensor.mT for tensor in tensors]


def _rules(config: ModelConfig) -> Iterator[Rule]:
    yield from llama_rules(config, _attention_rules, _expert_rules)


GPT_OSS = Family(
    model_type="gpt_oss",
    architecture="GptOssForCausalLM",
    read=_read,
    write=_write,
    rules=_rules,
)
