"""Mixtures of experts whose experts are tensors of their own: Mixtral and Qwen3's."""

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

from textus.convert.families.llama import gated_rules, llama_rules
from textus.convert.family import Family
from textus.convert.rope import read_rope, write_rope
from textus.convert.settings import (
    THEIR_ACTIVATIONS,
    Settings,
    part,
    read_activation,
    read_gated,
    read_heads,
    read_reach,
    read_sizes,
    with_layers,
    write_heads,
    write_sizes,
    write_window,
)
from textus.convert.weights import Rule, same, stacked
from textus.errors import ConvertError
from textus.model.config import (
    ExpertsConfig,
    FeedForwardConfig,
    GatedConfig,
    GroupedConfig,
    ModelConfig,
)
from textus.recipe import kind_of

MIXTRAL_NAMES = {"gate": "w1", "up": "w3", "down": "w2"}
USUAL_NAMES = {"gate": "gate_proj", "up": "up_proj", "down": "down_proj"}


def experts_rules(
    layer: FeedForwardConfig,
    ours: str,
    theirs: str,
    *,
    folder: str = "mlp",
    names: Mapping[str, str] = USUAL_NAMES,
) -> Iterator[Rule]:
    """Router and experts below `folder`; a layer without experts is a gated one."""
    if not isinstance(layer, ExpertsConfig):
        yield from gated_rules(layer, ours, theirs)
        return
    yield same(f"{ours}feed_forward.router.weight", f"{theirs}{folder}.gate.weight")
    for name, their_name in names.items():
        each = [
            f"{theirs}{folder}.experts.{e}.{their_name}.weight" for e in range(layer.num_experts)
        ]
        yield stacked(f"{ours}feed_forward.{name}.weight", each)


def first_experts(config: ModelConfig) -> ExpertsConfig:
    """The settings of the first layer that has experts."""
    for layer in config.layers:
        if isinstance(layer.feed_forward, ExpertsConfig):
            return layer.feed_forward
    raise ConvertError(f"feed_forward.kind: {kind_of(config.feed_forward)} -> experts")


def _mixtral_rules(config: ModelConfig) -> Iterator[Rule]:
    rules = partial(experts_rules, folder="block_sparse_moe", names=MIXTRAL_NAMES)
    return llama_rules(config, feed_forward=rules)


def _read_mixtral(theirs: Mapping[str, Any]) -> Settings:
    return {
        "architecture": "mixtral",
        **read_sizes(theirs, eps=1e-5),
        "position": read_rope(theirs, theta=1_000_000.0),
        "attention": read_heads(theirs),
        "reach": read_reach(theirs.get("sliding_window")),
        "feed_forward": {
            "kind": "experts",
            "num_experts": theirs.get("num_local_experts", 8),
            "experts_per_token": theirs.get("num_experts_per_tok", 2),
            "hidden_dim": theirs["intermediate_size"],
            "activation": read_activation(theirs.get("hidden_act", "silu")),
            "routing": "softmax",
            "normalize": True,
        },
    }


def _write_mixtral(config: ModelConfig) -> Settings:
    experts = first_experts(config)
    return {
        **write_sizes(config),
        **write_rope(config.layers[0].position),
        **write_heads(config),
        "sliding_window": write_window(config),
        "num_local_experts": experts.num_experts,
        "num_experts_per_tok": experts.experts_per_token,
        "intermediate_size": experts.hidden_dim,
        "hidden_act": THEIR_ACTIVATIONS[experts.activation],
    }


def _qwen3_rules(config: ModelConfig) -> Iterator[Rule]:
    return llama_rules(config, feed_forward=experts_rules)


def _read_qwen3(theirs: Mapping[str, Any]) -> Settings:
    window, switched = theirs.get("sliding_window", 4096), theirs.get("use_sliding_window", False)
    bias = "all" if theirs.get("attention_bias") else "none"
    settings = {
        "architecture": "qwen3_moe",
        **read_sizes(theirs),
        "position": read_rope(theirs),
        "attention": read_heads(theirs) | {"bias": bias, "qk_norm": "head"},
        "reach": read_reach(window if switched else None),
    }
    return with_layers(settings, [{"feed_forward": layer} for layer in _read_qwen3_layers(theirs)])


def _read_qwen3_layers(theirs: Mapping[str, Any]) -> list[Settings]:
    """Experts in every step-th layer but the ones that are named as dense."""
    step, dense = theirs.get("decoder_sparse_step", 1), theirs.get("mlp_only_layers") or ()
    experts = {
        "kind": "experts",
        "num_experts": theirs.get("num_experts", theirs.get("num_local_experts", 128)),
        "experts_per_token": theirs.get("num_experts_per_tok", 8),
        "hidden_dim": theirs.get("moe_intermediate_size", 768),
        "activation": read_activation(theirs.get("hidden_act", "silu")),
        "routing": "softmax",
        "normalize": bool(theirs.get("norm_topk_prob", False)),
    }
    gated = read_gated(theirs)
    return [
        gated if i in dense or (i + 1) % step else experts
        for i in range(theirs["num_hidden_layers"])
    ]


def _write_qwen3(config: ModelConfig) -> Settings:
    attention = part(config.layers[0].attention, GroupedConfig, "attention")
    experts, window = first_experts(config), write_window(config)
    dense = {
        i: layer.feed_forward.hidden_dim
        for i, layer in enumerate(config.layers)
        if isinstance(layer.feed_forward, GatedConfig)
    }
    return {
        **write_sizes(config),
        **write_rope(config.layers[0].position),
        **write_heads(config),
        "attention_bias": attention.bias == "all",
        "use_sliding_window": window is not None,
        "sliding_window": window,
        "num_experts": experts.num_experts,
        "num_experts_per_tok": experts.experts_per_token,
        "moe_intermediate_size": experts.hidden_dim,
        "hidden_act": THEIR_ACTIVATIONS[experts.activation],
        "norm_topk_prob": experts.normalize,
        "decoder_sparse_step": 1,
        "mlp_only_layers": list(dense),
        "intermediate_size": next(iter(dense.values()), experts.hidden_dim),
    }


MIXTRAL = Family(
    model_type="mixtral",
    architecture="MixtralForCausalLM",
    read=_read_mixtral,
    write=_write_mixtral,
    rules=_mixtral_rules,
)
QWEN3_MOE = Family(
    model_type="qwen3_moe",
    architecture="Qwen3MoeForCausalLM",
    read=_read_qwen3,
    write=_write_qwen3,
    rules=_qwen3_rules,
)
