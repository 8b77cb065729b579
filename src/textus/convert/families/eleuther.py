"""EleutherAI's GPT-Neo, GPT-J, and GPT-NeoX, of which Pythia is one."""

from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor

from textus.convert.families.gpt import (
    OPENAI,
    QKV,
    Names,
    head_rules,
    layer_rules,
    read_common,
    write_common,
)
from textus.convert.family import Family
from textus.convert.rope import read_rope, rope_table, write_rope
from textus.convert.settings import (
    Settings,
    part,
    pattern_of,
    read_activation,
    read_reach,
    write_window,
)
from textus.convert.weights import Rule, same
from textus.model.config import GroupedConfig, ModelConfig, RotaryConfig, SlidingReach
from textus.model.config.position import fraction_of

_NEO = Names(
    max_seq_len="max_position_embeddings",
    num_layers="num_layers",
    model_dim="hidden_size",
    num_heads="num_heads",
    hidden_dim="intermediate_size",
    activation="activation_function",
    eps="layer_norm_epsilon",
)
_NEOX = Names(
    max_seq_len="max_position_embeddings",
    num_layers="num_hidden_layers",
    model_dim="hidden_size",
    num_heads="num_attention_heads",
    hidden_dim="intermediate_size",
    activation="hidden_act",
    eps="layer_norm_eps",
)


def _read_gpt_neo(theirs: Mapping[str, Any]) -> Settings:
    settings = read_common(theirs, _NEO)
    count = settings["num_layers"]
    groups = theirs.get("attention_types") or [[["global", "local"], count // 2]]
    kinds = [kind for group, times in groups for _ in range(times) for kind in group]
    theirs.get("attention_layers")  # the same, written out
    window = theirs.get("window_size", 256)
    reaches = [read_reach(window if kind == "local" else None) for kind in kinds]
    alike = all(reach == reaches[0] for reach in reaches)
    settings["attention"] |= {"bias": "output", "scale": 1.0}
    return settings | {
        "architecture": "gpt_neo",
        "reach": reaches[0] if alike else {"kind": "full"},
        "pattern": pattern_of([{"reach": r} if r["kind"] != "full" else {} for r in reaches]),
    }


def _write_gpt_neo(config: ModelConfig) -> Settings:
    kinds = ["local" if isinstance(r.reach, SlidingReach) else "global" for r in config.layers]
    return write_common(config, _NEO) | {
        "attention_types": [[kinds, 1]],
        "window_size": write_window(config) or 256,
    }


def _read_gptj(theirs: Mapping[str, Any]) -> Settings:
    settings = read_common(theirs, OPENAI)
    settings["attention"]["bias"] = "none"
    share = fraction_of(theirs.get("rotary_dim", 64), settings["attention"]["head_dim"])
    return settings | {
        "architecture": "gptj",
        "position": {"kind": "rotary", "fraction": share, "pairs": "neighbours"},
        "arrangement": "shared",
        "head": {"tied": theirs.get("tie_word_embeddings", False), "bias": True},
    }


def _write_gptj(config: ModelConfig) -> Settings:
    rotary = part(config.position, RotaryConfig, "position")
    attention = part(config.attention, GroupedConfig, "attention")
    return write_common(config, OPENAI) | {"rotary_dim": rotary.turned(attention.head_dim)}


def _read_gpt_neox(theirs: Mapping[str, Any]) -> Settings:
    settings = read_common(theirs, _NEOX)
    settings["attention"]["bias"] = "all" if theirs.get("attention_bias", True) else "none"
    settings["feed_forward"]["activation"] = read_activation(theirs.get("hidden_act", "gelu"))
    position = read_rope(theirs, theta=theirs.get("rotary_emb_base", 10_000.0))
    share = rope_table(theirs).get("partial_rotary_factor") or theirs.get("rotary_pct", 0.25)
    return settings | {
        "architecture": "gpt_neox",
        "position": position | {"fraction": share},
        "arrangement": "parallel" if theirs.get("use_parallel_residual", True) else "pre",
        "head": {"tied": theirs.get("tie_word_embeddings", False)},
    }


def _write_gpt_neox(config: ModelConfig) -> Settings:
    rotary = part(config.position, RotaryConfig, "position")
    scaling = write_rope(rotary)["rope_scaling"]
    attention = part(config.attention, GroupedConfig, "attention")
    return write_common(config, _NEOX) | {
        "rotary_pct": rotary.fraction,
        "rotary_emb_base": rotary.theta,
        "rope_scaling": scaling,
        "attention_bias": attention.bias == "all",
        "use_parallel_residual": config.arrangement == "parallel",
    }


def _gpt_neo_rules(config: ModelConfig) -> Iterator[Rule]:
    yield same("embedding.weight", "transformer.wte.weight")
    yield same("position.weight", "transformer.wpe.weight")
    for i in range(config.num_layers):
        ours, theirs = f"blocks.{i}.", f"transformer.h.{i}."
        for name in QKV:
            path = f"{theirs}attn.attention.{name[0]}_proj.weight"
            yield same(f"{ours}attention.{name}.weight", path)
        yield from layer_rules(f"{ours}attention.output", f"{theirs}attn.attention.out_proj")
        yield from layer_rules(f"{ours}feed_forward.up", f"{theirs}mlp.c_fc")
        yield from layer_rules(f"{ours}feed_forward.down", f"{theirs}mlp.c_proj")
        yield from layer_rules(f"{ours}attention_norm", f"{theirs}ln_1")
        yield from layer_rules(f"{ours}feed_forward_norm", f"{theirs}ln_2")
    yield from layer_rules("norm", "transformer.ln_f")
    yield from head_rules(config, "lm_head")


def _gptj_rules(config: ModelConfig) -> Iterator[Rule]:
    yield same("embedding.weight", "transformer.wte.weight")
    for i in range(config.num_layers):
        ours, theirs = f"blocks.{i}.", f"transformer.h.{i}."
        for name in QKV:
            yield same(f"{ours}attention.{name}.weight", f"{theirs}attn.{name[0]}_proj.weight")
        yield same(f"{ours}attention.output.weight", f"{theirs}attn.out_proj.weight")
        yield from layer_rules(f"{ours}feed_forward.up", f"{theirs}mlp.fc_in")
        yield from layer_rules(f"{ours}feed_forward.down", f"{theirs}mlp.fc_out")
        yield from layer_rules(f"{ours}attention_norm", f"{theirs}ln_1")
    yield from layer_rules("norm", "transformer.ln_f")
    yield from head_rules(config, "lm_head")


def _gpt_neox_rules(config: ModelConfig) -> Iterator[Rule]:
    attention = part(config.attention, GroupedConfig, "attention")
    yield same("embedding.weight", "gpt_neox.embed_in.weight")
    for i in range(config.num_layers):
        ours, theirs = f"blocks.{i}.", f"gpt_neox.layers.{i}."
        for kind in ("weight", "bias") if attention.bias == "all" else ("weight",):
            names = tuple(f"{ours}attention.{name}.{kind}" for name in QKV)
            yield _by_heads(names, f"{theirs}attention.query_key_value.{kind}", attention.num_heads)
            yield same(f"{ours}attention.output.{kind}", f"{theirs}attention.dense.{kind}")
        yield from layer_rules(f"{ours}feed_forward.up", f"{theirs}mlp.dense_h_to_4h")
        yield from layer_rules(f"{ours}feed_forward.down", f"{theirs}mlp.dense_4h_to_h")
        yield from layer_rules(f"{ours}attention_norm", f"{theirs}input_layernorm")
        yield from layer_rules(f"{ours}feed_forward_norm", f"{theirs}post_attention_layernorm")
    yield from layer_rules("norm", "gpt_neox.final_layer_norm")
    yield from head_rules(config, "embed_out")


def _by_heads(ours: tuple[str, ...], theirs: str, heads: int) -> Rule:
    """Ours that they hold as one: the first head's rows of each, then the second head's."""

    def cut(tensors: list[Tensor]) -> list[Tensor]:
        parts = tensors[0].unflatten(0, (heads, len(ours), -1)).unbind(1)
        return [part.flatten(0, 1) for part in parts]

    def join(tensors: list[Tensor]) -> list[Tensor]:
        return [torch.stack([t.unflatten(0, (heads, -1)) for t in tensors], 1).flatten(0, 2)]

    return Rule(ours=ours, theirs=(theirs,), to_ours=cut, to_theirs=join)


GPT_NEO = Family(
    model_type="gpt_neo",
    architecture="GPTNeoForCausalLM",
    read=_read_gpt_neo,
    write=_write_gpt_neo,
    rules=_gpt_neo_rules,
    base="transformer.",
    ignored=(r".*\.attn\.attention\.(masked_)?bias",),
)
GPTJ = Family(
    model_type="gptj",
    architecture="GPTJForCausalLM",
    read=_read_gptj,
    write=_write_gptj,
    rules=_gptj_rules,
    base="transformer.",
    ignored=(r".*\.attn\.((masked_)?bias|embed_positions)",),
)
GPT_NEOX = Family(
    model_type="gpt_neox",
    architecture="GPTNeoXForCausalLM",
    read=_read_gpt_neox,
    write=_write_gpt_neox,
    rules=_gpt_neox_rules,
    base="gpt_neox.",
    head="embed_out.weight",
    ignored=(r".*\.attention\.((masked_)?bias|rotary_emb\.inv_freq)",),
)
