"""GPT and GPT-2, and what EleutherAI's open models after them share with them.

GPT-3 is not among them: transformers has nothing that computes its banded layers.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from textus.convert.family import Family
from textus.convert.settings import (
    THEIR_ACTIVATIONS,
    Settings,
    expect,
    part,
    read_activation,
)
from textus.convert.weights import Rule, joined, same, then, transposed
from textus.errors import ConvertError
from textus.model.config import (
    GroupedConfig,
    LayerNormConfig,
    ModelConfig,
    PlainConfig,
)


@dataclass(frozen=True, kw_only=True)
class Names:
    """What a family's config.json calls what all of them say."""

    max_seq_len: str
    num_layers: str
    model_dim: str
    num_heads: str
    hidden_dim: str
    activation: str
    eps: str


OPENAI = Names(
    max_seq_len="n_positions",
    num_layers="n_layer",
    model_dim="n_embd",
    num_heads="n_head",
    hidden_dim="n_inner",
    activation="activation_function",
    eps="layer_norm_epsilon",
)
_FIRST_ACTIVATIONS = {"gelu": "gelu_tanh", "relu": "relu", "silu": "silu", "swish": "silu"}
"""What the code of 2018 calls gelu is its tanh approximation."""
_ELSEWHERE = (
    "gradient_checkpointing",
    "is_decoder",
    "n_ctx",
    "reorder_and_upcast_attn",
    "rotary",
    "summary_activation",
    "summary_proj_to_labels",
    "summary_type",
    "summary_use_proj",
    "task_specific_params",
)
"""Settings in these families' files that do not touch logits in exact arithmetic."""


def read_common(theirs: Mapping[str, Any], names: Names) -> Settings:
    """Settings of GPT-2 in a config.json that says them under these names."""
    for name in _ELSEWHERE:
        theirs.get(name)
    dim, heads = theirs[names.model_dim], theirs[names.num_heads]
    return {
        "vocab_size": theirs["vocab_size"],
        "max_seq_len": theirs[names.max_seq_len],
        "num_layers": theirs[names.num_layers],
        "model_dim": dim,
        "position": {"kind": "learned"},
        "attention": {
            "kind": "grouped",
            "num_heads": heads,
            "num_kv_heads": heads,
            "head_dim": dim // heads,
            "bias": "all",
            "qk_norm": "none",
        },
        "feed_forward": {
            "kind": "plain",
            "hidden_dim": theirs.get(names.hidden_dim) or 4 * dim,
            "activation": read_activation(theirs.get(names.activation, "gelu_new")),
            "bias": True,
        },
        "norm": {"kind": "layer", "eps": theirs.get(names.eps, 1e-5)},
        "arrangement": "pre",
        "head": {"tied": theirs.get("tie_word_embeddings", True)},
        "initialisation": "normal",
    }


def write_common(config: ModelConfig, names: Names) -> Settings:
    """The way back; ConvertError where heads do not add up to the width."""
    attention = part(config.layers[0].attention, GroupedConfig, "attention")
    plain = part(config.layers[0].feed_forward, PlainConfig, "feed_forward")
    width = attention.num_heads * attention.head_dim
    if width != config.model_dim:
        raise ConvertError(
            f"num_heads * head_dim is {width}, which must be model_dim, {config.model_dim}"
        )
    activation = {"gelu_tanh": "gelu_new"}.get(plain.activation)
    return {
        "vocab_size": config.vocab_size,
        names.max_seq_len: config.max_seq_len,
        names.num_layers: config.num_layers,
        names.model_dim: config.model_dim,
        names.num_heads: attention.num_heads,
        names.hidden_dim: plain.hidden_dim,
        names.activation: activation or THEIR_ACTIVATIONS[plain.activation],
        names.eps: part(config.norm, LayerNormConfig, "norm").eps,
        "tie_word_embeddings": config.head.tied,
    }


def _read_gpt(theirs: Mapping[str, Any]) -> Settings:
    name = theirs.get("afn", "gelu")
    if name not in _FIRST_ACTIVATIONS:
        raise ConvertError(
            f"config.json says that the activation is {name!r}, which has no counterpart here; "
            f"known are {', '.join(_FIRST_ACTIVATIONS)}"
        )
    settings = read_common(theirs, OPENAI)
    settings["feed_forward"]["activation"] = _FIRST_ACTIVATIONS[name]
    return settings | {"architecture": "gpt", "arrangement": "post"}


def _write_gpt(config: ModelConfig) -> Settings:
    written = write_common(config, OPENAI)
    hidden, activation = written.pop("n_inner"), written.pop("activation_function")
    if hidden != 4 * config.model_dim:
        raise ConvertError(f"hidden_dim is {hidden}, which must be {4 * config.model_dim}")
    activation = {"gelu_new": "gelu"}.get(activation, activation)
    return written | {"afn": activation}


def _read_gpt2(theirs: Mapping[str, Any]) -> Settings:
    expect(theirs, "scale_attn_weights", True)
    expect(theirs, "scale_attn_by_inverse_layer_idx", False)
    expect(theirs, "add_cross_attention", False)
    return {"architecture": "gpt2", **read_common(theirs, OPENAI)}


def _write_gpt2(config: ModelConfig) -> Settings:
    return write_common(config, OPENAI)


def layer_rules(
    ours: str, theirs: str, weight: Callable[[str, str], Rule] = same
) -> Iterator[Rule]:
    """Weight and bias of a linear layer or a norm."""
    yield weight(f"{ours}.weight", f"{theirs}.weight")
    yield same(f"{ours}.bias", f"{theirs}.bias")


def head_rules(config: ModelConfig, theirs: str) -> Iterator[Rule]:
    """The head, where it is not the embedding, and its bias."""
    if not config.head.tied:
        yield same("head.weight", f"{theirs}.weight")
    if config.head.bias:
        yield same("head.bias", f"{theirs}.bias")


QKV = ("query", "key", "value")


def _conv_rules(ours: str, theirs: str, width: int) -> Iterator[Rule]:
    """A block of GPT or GPT-2: matrices are (inputs, outputs); one gives queries, keys, values."""
    names = [f"{ours}attention.{name}" for name in QKV]
    weights = [f"{name}.weight" for name in names]
    yield then(
        joined(weights, f"{theirs}attn.c_attn.weight", [width] * 3, dim=1),
        to_ours=_turned,
        to_theirs=_turned,
    )
    yield joined([f"{name}.bias" for name in names], f"{theirs}attn.c_attn.bias", [width] * 3)
    yield from layer_rules(f"{ours}attention.output", f"{theirs}attn.c_proj", transposed)
    yield from layer_rules(f"{ours}feed_forward.up", f"{theirs}mlp.c_fc", transposed)
    yield from layer_rules(f"{ours}feed_forward.down", f"{theirs}mlp.c_proj", transposed)
    yield from layer_rules(f"{ours}attention_norm", f"{theirs}ln_1")
    yield from layer_rules(f"{ours}feed_forward_norm", f"{theirs}ln_2")


def _turned(tensors: list[Tensor]) -> list[Tensor]:
    return [tensor.T for tensor in tensors]


def _gpt_rules(config: ModelConfig) -> Iterator[Rule]:
    yield same("embedding.weight", "transformer.tokens_embed.weight")
    yield same("position.weight", "transformer.positions_embed.weight")
    for i in range(config.num_layers):
        yield from _conv_rules(f"blocks.{i}.", f"transformer.h.{i}.", config.model_dim)
    yield from head_rules(config, "lm_head")


def _gpt2_rules(config: ModelConfig) -> Iterator[Rule]:
    yield same("embedding.weight", "transformer.wte.weight")
    yield same("position.weight", "transformer.wpe.weight")
    for i in range(config.num_layers):
        yield from _conv_rules(f"blocks.{i}.", f"transformer.h.{i}.", config.model_dim)
    yield from layer_rules("norm", "transformer.ln_f")
    yield from head_rules(config, "lm_head")


GPT = Family(
    model_type="openai-gpt",
    architecture="OpenAIGPTLMHeadModel",
    read=_read_gpt,
    write=_write_gpt,
    rules=_gpt_rules,
    base="transformer.",
    ignored=(r".*\.attn\.bias", r"(.*\.)?position_ids"),
)
GPT2 = Family(
    model_type="gpt2",
    architecture="GPT2LMHeadModel",
    read=_read_gpt2,
    write=_write_gpt2,
    rules=_gpt2_rules,
    base="transformer.",
    ignored=(r".*\.attn\.(masked_)?bias",),
)
