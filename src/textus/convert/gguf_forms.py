"""What llama.cpp computes for each of its architectures, in Textus's own settings.

A form reads the settings of a model from a GGUF file's keys. Where that gives back the settings of
the model that is exported, llama.cpp computes the same; where not, the differences say why it
cannot be exported. The keys are those of llama.cpp's own package `gguf`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from textus.convert.settings import Settings, with_layers
from textus.recipe import merge

Fields = Mapping[str, Any]
"""Keys of a file without the architecture's name before them: "attention.head_count"."""

LLAMA3_SCALING = "textus.rope_llama3"
"""Our own key: factor, original_seq_len, low_frequency and high_frequency, which llama.cpp has as
the tensor `rope_freqs` of the divisors that they make."""

BLOCK = {"attention_norm": "attn_norm", "feed_forward_norm": "ffn_norm"}
OUTPUT = {
    "attention_output_norm": "post_attention_norm",
    "feed_forward_output_norm": "post_ffw_norm",
}


class Biases(NamedTuple):
    """Which linear layers have biases."""

    attention: str
    """As `attention.bias` of our settings."""
    feed_forward: bool
    head: bool


@dataclass(frozen=True, kw_only=True)
class Form:
    """One architecture of llama.cpp."""

    name: str
    """As in `general.architecture`."""
    read: Callable[[Fields, Biases], Settings]
    """A file's keys -> the settings of the model that llama.cpp runs."""
    attention_bias: tuple[str, ...] = ("none",)
    """The kinds of bias that it has room for, the smallest first."""
    feed_forward_bias: tuple[bool, ...] = (False,)
    head_bias: tuple[bool, ...] = (False,)
    head: Literal["either", "own", "tied"] = "either"
    """Whether the head is a matrix of its own, the embedding's, or both will do."""
    fused: bool = False
    """Query, key and value are one matrix."""
    fused_gate: bool = False
    """Gate and up are one matrix."""
    norms: Mapping[str, str] | None = None
    """A block's norms, ours -> theirs; BLOCK if not set."""


def _sizes(keys: Fields, norm: str = "rms") -> Settings:
    eps = "attention.layer_norm_rms_epsilon" if norm == "rms" else "attention.layer_norm_epsilon"
    return {
        "vocab_size": keys["vocab_size"],
        "max_seq_len": keys["context_length"],
        "num_layers": keys["block_count"],
        "model_dim": keys["embedding_length"],
        "norm": {"kind": norm, "eps": keys[eps]},
        "arrangement": "pre",
    }


def _grouped(keys: Fields, bias: str, **more: Any) -> Settings:
    heads = keys["attention.head_count"]
    return {
        "kind": "grouped",
        "num_heads": heads,
        "num_kv_heads": keys.get("attention.head_count_kv", heads),
        "head_dim": keys.get("attention.key_length", keys["embedding_length"] // heads),
        "bias": bias,
        "qk_norm": "none",
    } | more


def _square(keys: Fields, bias: str, **more: Any) -> Settings:
    """Attention whose heads together are as wide as the stream."""
    return _grouped(keys, bias, **more) | {
        "head_dim": keys["embedding_length"] // keys["attention.head_count"]
    }


def _rotary(keys: Fields, pairs: str = "halves") -> Settings:
    heads = keys["attention.head_count"]
    head_dim = keys.get("attention.key_length", keys["embedding_length"] // heads)
    turned = keys.get("rope.dimension_count", head_dim)
    position = {
        "kind": "rotary",
        "theta": keys.get("rope.freq_base", 10_000.0),
        "fraction": turned / head_dim,
        "pairs": pairs,
    }
    return position | _scaling(keys)


def _scaling(keys: Fields) -> Settings:
    kind = keys.get("rope.scaling.type", "none")
    if kind == "none":
        return {}
    scaling = {"kind": kind, "factor": keys["rope.scaling.factor"]}
    if kind == "yarn":
        scaling |= {
            "original_seq_len": keys["rope.scaling.original_context_length"],
            "beta_fast": keys["rope.scaling.yarn_beta_fast"],
            "beta_slow": keys["rope.scaling.yarn_beta_slow"],
            "attention_factor": keys["textus.yarn_gain"],
        }
    return {"scaling": scaling}


def _llama3_scaling(keys: Fields) -> Settings:
    if LLAMA3_SCALING not in keys:
        return {}
    names = ("factor", "original_seq_len", "low_frequency", "high_frequency")
    values = dict(zip(names, keys[LLAMA3_SCALING], strict=True))
    values["original_seq_len"] = int(values["original_seq_len"])
    return {"scaling": {"kind": "llama3"} | values}


def _gated(keys: Fields, activation: str = "silu", bias: bool = False) -> Settings:
    return {
        "kind": "gated",
        "hidden_dim": keys["feed_forward_length"],
        "activation": activation,
        "bias": bias,
    }


def _plain(keys: Fields) -> Settings:
    return {
        "kind": "plain",
        "hidden_dim": keys["feed_forward_length"],
        "activation": "gelu_tanh",
        "bias": True,
    }


def _experts(keys: Fields, **more: Any) -> Settings:
    return {
        "kind": "experts",
        "num_experts": keys["expert_count"],
        "experts_per_token": keys["expert_used_count"],
        "hidden_dim": keys["expert_feed_forward_length"],
        "activation": "silu",
        "routing": "softmax",
        "normalize": True,
        "balance": "none",
    } | more


def _sliding(keys: Fields, period: int, local: Settings | None = None) -> Callable[..., Settings]:
    """Settings with every `period`-th layer full and the others sliding, at positions `local`."""
    window = keys.get("attention.sliding_window", 0)
    period = keys.get("attention.sliding_window_pattern", period)

    def spread(common: Settings) -> Settings:
        if not window:
            return common
        reach = {"kind": "sliding", "window": window}
        sliding = {"reach": reach, "position": local or common["position"]}
        full = {"reach": {"kind": "full"}, "position": common["position"]}
        layers = [sliding if i % period < period - 1 else full for i in range(common["num_layers"])]
        return with_layers(common, layers)

    return spread


def _gpt2(keys: Fields, biases: Biases) -> Settings:
    return _sizes(keys, "layer") | {
        "position": {"kind": "learned"},
        "attention": _square(keys, biases.attention),
        "feed_forward": _plain(keys),
    }


def _llama(keys: Fields, biases: Biases) -> Settings:
    hidden = {"expert_feed_forward_length": keys["feed_forward_length"]}
    mixed = "expert_count" in keys
    position = _rotary(keys, "neighbours") | {"fraction": 1.0} | _llama3_scaling(keys)
    return _sizes(keys) | {
        "position": position,
        "attention": _grouped(keys, biases.attention),
        "feed_forward": _experts({**keys, **hidden})
        if mixed
        else _gated(keys, bias=biases.feed_forward),
    }


def _qwen(keys: Fields, biases: Biases) -> Settings:
    return _sizes(keys) | {
        "position": _rotary(keys),
        "attention": _grouped(keys, biases.attention),
        "feed_forward": _gated(keys),
    }


def _qwen3(keys: Fields, biases: Biases) -> Settings:
    return merge(_qwen(keys, biases), {"attention": {"qk_norm": "head"}})


def _qwen3_moe(keys: Fields, biases: Biases) -> Settings:
    return _qwen3(keys, biases) | {"feed_forward": _experts(keys)}


def _gemma(keys: Fields, biases: Biases) -> Settings:
    return _qwen(keys, biases) | {
        "embedding": {"scale": keys["embedding_length"] ** 0.5},
        "feed_forward": _gated(keys, "gelu_tanh"),
        "head": {"tied": True},
    }


def _gemma2(keys: Fields, biases: Biases) -> Settings:
    scale = _gemma_scale(keys, 46)
    softcap = keys.get("attn_logit_softcapping", 50.0)
    common = _sizes(keys) | {
        "embedding": {"scale": keys["embedding_length"] ** 0.5},
        "position": _rotary(keys),
        "attention": _grouped(keys, biases.attention, softcap=softcap, **scale),
        "feed_forward": _gated(keys, "gelu_tanh"),
        "arrangement": "sandwich",
        "head": {"tied": True, "softcap": keys.get("final_logit_softcapping", 30.0)},
    }
    return _sliding({"attention.sliding_window": 4096, **keys}, 2)(common)


def _gemma3(keys: Fields, biases: Biases) -> Settings:
    scale, softcap = _gemma_scale(keys, 62), keys.get("final_logit_softcapping")
    local = {**_rotary(keys), "theta": keys.get("rope.freq_base_swa", 10_000.0), "scaling": None}
    common = _sizes(keys) | {
        "embedding": {"scale": keys["embedding_length"] ** 0.5},
        "position": _rotary(keys),
        "attention": _grouped(keys, biases.attention, qk_norm="head", **scale),
        "feed_forward": _gated(keys, "gelu_tanh"),
        "arrangement": "sandwich",
        "head": {"tied": True} | ({"softcap": softcap} if softcap else {}),
    }
    return _sliding(keys, 6, local)(common)


def _gemma_scale(keys: Fields, layers: int) -> Settings:
    """The largest models are told by their number of layers: theirs follows the stream's width."""
    if keys["block_count"] != layers:
        return {}
    return {"scale": (keys["embedding_length"] / keys["attention.head_count"]) ** -0.5}


def _phi3(keys: Fields, biases: Biases) -> Settings:
    return _qwen(keys, biases) | {"attention": _square(keys, biases.attention)}


def _olmo2(keys: Fields, biases: Biases) -> Settings:
    common = _sizes(keys) | {
        "position": _rotary(keys),
        "attention": _square(keys, biases.attention, qk_norm="whole"),
        "feed_forward": _gated(keys),
        "arrangement": "output",
    }
    return _sliding(keys, 4, {**_rotary(keys), "scaling": None})(common)


def _gptneox(keys: Fields, biases: Biases) -> Settings:
    return _sizes(keys, "layer") | {
        "position": _rotary(keys),
        "attention": _square(keys, biases.attention),
        "feed_forward": _plain(keys),
        "arrangement": "parallel" if keys.get("use_parallel_residual", True) else "pre",
    }


def _phi2(keys: Fields, biases: Biases) -> Settings:
    return _gptneox(keys, biases) | {"arrangement": "shared", "head": {"bias": True}}


def _gpt_oss(keys: Fields, biases: Biases) -> Settings:
    common = _sizes(keys) | {
        "position": _rotary(keys) | {"fraction": 1.0},
        "attention": _grouped(keys, biases.attention, sinks=True),
        "feed_forward": _experts(keys, bias=True, clamp=7.0),
    }
    return _sliding(keys, 2)(common)


_LITE = (26, 27)
"""Numbers of layers by which llama.cpp tells the models without a latent of queries."""


def _deepseek2(keys: Fields, biases: Biases) -> Settings:
    heads, rope = keys["attention.head_count"], keys.get("rope.dimension_count", 0)
    lite = "none" if keys["block_count"] in _LITE else None
    attention = {
        "kind": "latent",
        "num_heads": heads,
        "head_dim": keys["attention.key_length_mla"] - rope,
        "rope_dim": rope,
        "value_dim": keys["attention.value_length_mla"],
        "kv_rank": keys["attention.kv_lora_rank"],
        "query_rank": keys.get("attention.q_lora_rank", lite or keys["embedding_length"] // 2),
    }
    hidden = keys["expert_feed_forward_length"]
    experts = _experts(
        keys,
        shared_hidden_dim=hidden * keys["expert_shared_count"],
        routing={1: "softmax", 2: "sigmoid"}[keys["expert_gating_func"]],
        normalize=keys["expert_weights_norm"],
        route_scale=keys["expert_weights_scale"],
        num_groups=keys.get("expert_group_count", 1),
        groups_per_token=keys.get("expert_group_used_count", 1),
        balance="bias",
    )
    position = {"kind": "rotary", "theta": keys["rope.freq_base"], "pairs": "neighbours"}
    common = _sizes(keys) | {"attention": attention, "position": position, "feed_forward": experts}
    dense, count = keys["leading_dense_block_count"], keys["block_count"]
    kinds = [_gated(keys) if i < dense else experts for i in range(count)]
    return with_layers(common, [{"feed_forward": kind} for kind in kinds])


ALL = ("all",)
SANDWICH = BLOCK | OUTPUT

FORMS: tuple[Form, ...] = (
    Form(name="qwen3", read=_qwen3),
    Form(name="qwen2", read=_qwen, attention_bias=("input",)),
    Form(
        name="llama",
        read=_llama,
        attention_bias=("none", "input", "output", "all"),
        feed_forward_bias=(False, True),
    ),
    Form(name="qwen3moe", read=_qwen3_moe),
    Form(name="phi3", read=_phi3, fused=True, fused_gate=True),
    Form(name="olmo2", read=_olmo2, head="own", norms=OUTPUT),
    Form(name="gemma", read=_gemma, head="tied"),
    Form(name="gemma2", read=_gemma2, head="tied", norms=SANDWICH),
    Form(name="gemma3", read=_gemma3, head="tied", norms=SANDWICH),
    Form(
        name="gpt-oss",
        read=_gpt_oss,
        attention_bias=ALL,
        feed_forward_bias=(True,),
        head="own",
        norms={"attention_norm": "attn_norm", "feed_forward_norm": "post_attention_norm"},
    ),
    Form(name="deepseek2", read=_deepseek2),
    Form(name="gpt2", read=_gpt2, attention_bias=ALL, feed_forward_bias=(True,), fused=True),
    Form(
        name="gptneox",
        read=_gptneox,
        attention_bias=ALL,
        feed_forward_bias=(True,),
        head="own",
        fused=True,
    ),
    Form(
        name="phi2",
        read=_phi2,
        attention_bias=ALL,
        feed_forward_bias=(True,),
        head_bias=(True,),
        head="own",
        fused=True,
        norms={"attention_norm": "attn_norm"},
    ),
)
"""Of two that compute the same, the first is taken."""
