"""DeepSeek-V3: latent attention, experts, and modules that predict further ahead."""

from collections.abc import Iterator, Mapping, Set
from typing import Any

import torch
from torch import Tensor

from textus.convert.families.experts import experts_rules, first_experts
from textus.convert.families.llama import block_rules, llama_rules
from textus.convert.family import Family
from textus.convert.rope import read_rope, rope_table, write_rope, yarn_growth
from textus.convert.settings import (
    THEIR_ACTIVATIONS,
    Settings,
    expect,
    part,
    read_activation,
    read_gated,
    read_sizes,
    with_layers,
    write_sizes,
)
from textus.convert.weights import Rule, joined, same
from textus.errors import ConvertError
from textus.model.config import (
    AttentionConfig,
    ExpertsConfig,
    FeedForwardConfig,
    GatedConfig,
    LatentConfig,
    ModelConfig,
    RotaryConfig,
    YarnScaling,
)

NORM_EPS = 1e-6  # of the norms inside attention, whatever the file says of the others


def _attention_rules(attention: AttentionConfig, ours: str, theirs: str) -> Iterator[Rule]:
    latent = part(attention, LatentConfig, "attention")
    ours, theirs = f"{ours}attention.", f"{theirs}self_attn."
    kinds = ("weight", "bias") if latent.bias else ("weight",)
    if latent.query_rank is None:
        yield same(f"{ours}query.weight", f"{theirs}q_proj.weight")
    else:
        yield from (same(f"{ours}query_down.{k}", f"{theirs}q_a_proj.{k}") for k in kinds)
        yield same(f"{ours}query_norm.weight", f"{theirs}q_a_layernorm.weight")
        yield same(f"{ours}query.weight", f"{theirs}q_b_proj.weight")
    for kind in kinds:
        names = [f"{ours}{name}.{kind}" for name in ("latent", "rope_key")]
        sizes = [latent.kv_rank, latent.rope_dim]
        yield joined(names, f"{theirs}kv_a_proj_with_mqa.{kind}", sizes)
    yield same(f"{ours}latent_norm.weight", f"{theirs}kv_a_layernorm.weight")
    yield _expansions(latent, ours, theirs)
    yield from (same(f"{ours}output.{k}", f"{theirs}o_proj.{k}") for k in kinds)


def _expansions(latent: LatentConfig, ours: str, theirs: str) -> Rule:
    """Of keys and values, which lie head by head in one matrix."""

    def split(tensors: list[Tensor]) -> list[Tensor]:
        heads = tensors[0].unflatten(0, (latent.num_heads, -1))
        parts = heads.split((latent.head_dim, latent.value_dim), dim=1)
        return [part.flatten(0, 1) for part in parts]

    def join(tensors: list[Tensor]) -> list[Tensor]:
        heads = [tensor.unflatten(0, (latent.num_heads, -1)) for tensor in tensors]
        return [torch.cat(heads, dim=1).flatten(0, 1)]

    return Rule(
        ours=(f"{ours}key.weight", f"{ours}value.weight"),
        theirs=(f"{theirs}kv_b_proj.weight",),
        to_ours=split,
        to_theirs=join,
    )


def _feed_forward_rules(layer: FeedForwardConfig, ours: str, theirs: str) -> Iterator[Rule]:
    yield from experts_rules(layer, ours, theirs)
    if not isinstance(layer, ExpertsConfig):
        return
    bias = f"{theirs}mlp.gate.e_score_correction_bias"
    yield same(f"{ours}feed_forward.correction", bias)
    for name in ("gate", "up", "down") if layer.shared_hidden_dim else ():
        shared = f"{theirs}mlp.shared_experts.{name}_proj.weight"
        yield same(f"{ours}feed_forward.shared.{name}.weight", shared)


def _rules(config: ModelConfig) -> Iterator[Rule]:
    yield from llama_rules(config, _attention_rules, _feed_forward_rules)
    names = {"hidden_norm": "hnorm", "embedding_norm": "enorm", "join": "eh_proj"}
    names |= {"norm": "shared_head.norm"}
    for step in range(config.predict_ahead):
        ours, theirs = f"ahead.{step}.", f"model.layers.{config.num_layers + step}."
        for name, their_name in names.items():
            yield same(f"{ours}{name}.weight", f"{theirs}{their_name}.weight")
        yield from block_rules(
            config, -1, f"{ours}block.", theirs, _attention_rules, _feed_forward_rules
        )


def _read(theirs: Mapping[str, Any]) -> Settings:
    expect(theirs, "rms_norm_eps", NORM_EPS)
    expect(theirs, "pretraining_tp", 1, None)
    expect(theirs, "moe_layer_freq", 1)
    expect(theirs, "scoring_func", "sigmoid")
    expect(theirs, "topk_method", "noaux_tc")
    expect(theirs, "num_key_value_heads", theirs["num_attention_heads"], None)
    theirs.get("head_dim"), theirs.get("qk_head_dim")  # what transformers works out and saves
    interleaved = theirs.get("rope_interleave", True)
    settings = {
        "architecture": "deepseek_v3",
        **read_sizes(theirs),
        "position": read_rope(theirs) | {"pairs": "neighbours" if interleaved else "halves"},
        "attention": _read_attention(theirs),
        "predict_ahead": _read_ahead(theirs),
    }
    dense, count = theirs.get("first_k_dense_replace", 3), theirs["num_hidden_layers"]
    gated, experts = read_gated(theirs), _read_experts(theirs)
    layers = [{"feed_forward": gated if i < dense else experts} for i in range(count)]
    return with_layers(settings, layers)


def _read_attention(theirs: Mapping[str, Any]) -> Settings:
    attention: Settings = {
        "kind": "latent",
        "num_heads": theirs["num_attention_heads"],
        "head_dim": theirs.get("qk_nope_head_dim", 128),
        "rope_dim": theirs.get("qk_rope_head_dim", 64),
        "value_dim": theirs.get("v_head_dim", 128),
        "kv_rank": theirs.get("kv_lora_rank", 512),
        "bias": bool(theirs.get("attention_bias", False)),
    }
    rank = theirs.get("q_lora_rank", 1536)
    attention |= {} if rank is None else {"query_rank": rank}
    table = rope_table(theirs)
    weight = table.get("mscale_all_dim")
    if table.get("rope_type", table.get("type")) != "yarn" or not weight:
        return attention
    width = attention["head_dim"] + attention["rope_dim"]
    return attention | {"scale": width**-0.5 * yarn_growth(table["factor"], weight) ** 2}


def _read_experts(theirs: Mapping[str, Any]) -> Settings:
    hidden = theirs.get("moe_intermediate_size", 2048)
    return {
        "kind": "experts",
        "num_experts": theirs.get("n_routed_experts", 256),
        "experts_per_token": theirs.get("num_experts_per_tok", 8),
        "hidden_dim": hidden,
        "shared_hidden_dim": hidden * (theirs.get("n_shared_experts", 1) or 0),
        "activation": read_activation(theirs.get("hidden_act", "silu")),
        "routing": "sigmoid",
        "normalize": bool(theirs.get("norm_topk_prob", True)),
        "route_scale": theirs.get("routed_scaling_factor", 2.5),
        "num_groups": theirs.get("n_group", 8) or 1,
        "groups_per_token": theirs.get("topk_group", 4) or 1,
        "balance": "bias",
        "balance_weight": 0.001,
    }


def _read_ahead(theirs: Mapping[str, Any]) -> int:
    return theirs.get("num_nextn_predict_layers", theirs.get("num_mtp_layers", 1)) or 0


def _settle(settings: Settings, names: Set[str]) -> Settings:
    """transformers says in config.json that there are modules ahead, and does not save them."""
    first = settings["num_layers"]
    there = [
        step
        for step in range(settings["predict_ahead"])
        if f"model.layers.{first + step}.eh_proj.weight" in names
    ]
    return settings | {"predict_ahead": len(there)}


def _write(config: ModelConfig) -> Settings:
    if config.norm.eps != NORM_EPS:
        raise ConvertError(f"norm.eps: {config.norm.eps} -> {NORM_EPS}")
    position = part(config.layers[0].position, RotaryConfig, "position")
    rope = write_rope(position, pairs=position.pairs)
    dense = [layer.feed_forward for layer in config.layers if not _has_experts(layer.feed_forward)]
    experts = first_experts(config)
    return {
        **write_sizes(config),
        **_with_scale(config, rope),
        "rope_interleave": position.pairs == "neighbours",
        **_write_attention(config),
        **_write_experts(experts),
        "first_k_dense_replace": len(dense),
        "intermediate_size": (
            part(dense[0], GatedConfig, "feed_forward").hidden_dim if dense else experts.hidden_dim
        ),
        "num_nextn_predict_layers": config.predict_ahead,
    }


def _has_experts(layer: FeedForwardConfig) -> bool:
    return isinstance(layer, ExpertsConfig)


def _write_attention(config: ModelConfig) -> Settings:
    latent = part(config.layers[0].attention, LatentConfig, "attention")
    return {
        "num_attention_heads": latent.num_heads,
        "num_key_value_heads": latent.num_heads,
        "qk_nope_head_dim": latent.head_dim,
        "qk_rope_head_dim": latent.rope_dim,
        "v_head_dim": latent.value_dim,
        "kv_lora_rank": latent.kv_rank,
        "q_lora_rank": latent.query_rank,
        "attention_bias": latent.bias,
    }


def _write_experts(experts: ExpertsConfig) -> Settings:
    return {
        "n_routed_experts": experts.num_experts,
        "num_experts_per_tok": experts.experts_per_token,
        "moe_intermediate_size": experts.hidden_dim,
        "n_shared_experts": experts.shared_hidden_dim // experts.hidden_dim,
        "hidden_act": THEIR_ACTIVATIONS[experts.activation],
        "norm_topk_prob": experts.normalize,
        "routed_scaling_factor": experts.route_scale,
        "n_group": experts.num_groups,
        "topk_group": experts.groups_per_token,
        "scoring_func": "sigmoid",
        "topk_method": "noaux_tc",
    }


def _with_scale(config: ModelConfig, rope: Settings) -> Settings:
    """A scale of scores is said as the weight of YaRN's growth, and cannot be said without it."""
    latent = part(config.layers[0].attention, LatentConfig, "attention")
    scaling = getattr(config.layers[0].position, "scaling", None)
    if latent.scale is None or not isinstance(scaling, YarnScaling) or scaling.factor <= 1:
        return rope
    growth = (latent.scale * (latent.head_dim + latent.rope_dim) ** 0.5) ** 0.5
    weight = (growth - 1) / (yarn_growth(scaling.factor) - 1)
    return rope | {"rope_scaling": rope["rope_scaling"] | {"mscale_all_dim": round(weight, 9)}}


DEEPSEEK_V3 = Family(
    model_type="deepseek_v3",
    architecture="DeepseekV3ForCausalLM",
    read=_read,
    write=_write,
    rules=_rules,
    settle=_settle,
    ignored=(
        r"model\.layers\.\d+\.(embed_tokens|shared_head\.head)\.weight",
        r".*rotary_emb\.inv_freq",
    ),
)
