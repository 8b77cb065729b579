"""Gemma 1 to 3: of the last, models that read text alone."""

from collections.abc import Mapping
from math import sqrt
from typing import Any

from textus.convert.families.llama import llama_rules
from textus.convert.family import Family
from textus.convert.rope import read_rope, rope_table, write_rope
from textus.convert.settings import (
    THEIR_ACTIVATIONS,
    Settings,
    expect,
    part,
    pattern_of,
    read_activation,
    read_heads,
    read_reach,
    read_sizes,
    write_heads,
    write_layer_types,
    write_sizes,
    write_window,
)
from textus.errors import ConvertError
from textus.model.config import GatedConfig, GroupedConfig, ModelConfig

_TANH = "gelu_pytorch_tanh"


def _read_common(theirs: Mapping[str, Any], activation: str) -> Settings:
    expect(theirs, "use_bidirectional_attention", False, None)
    theirs.get("cache_implementation")  # how transformers keeps keys and values
    sizes = read_sizes(theirs)
    return sizes | {
        "embedding": {"scale": sqrt(sizes["model_dim"])},
        "position": {"scaling": None} | read_rope(theirs) | {"fraction": 1.0},
        "attention": read_heads(theirs)
        | {"bias": "all" if theirs.get("attention_bias") else "none"},
        "feed_forward": {
            "kind": "gated",
            "hidden_dim": theirs["intermediate_size"],
            "activation": activation,
        },
        "norm": sizes["norm"] | {"around_one": True},
        "head": {"tied": theirs.get("tie_word_embeddings", True), "softcap": None},
    }


def _write_common(config: ModelConfig, *, activation: str) -> Settings:
    gated = part(config.layers[0].feed_forward, GatedConfig, "feed_forward")
    attention = part(config.layers[0].attention, GroupedConfig, "attention")
    return {
        **write_sizes(config),
        **write_heads(config),
        **write_rope(config.position),
        "intermediate_size": gated.hidden_dim,
        activation: THEIR_ACTIVATIONS[gated.activation],
        "attention_bias": attention.bias == "all",
    }


def _read_gemma(theirs: Mapping[str, Any]) -> Settings:
    activation = theirs.get("hidden_act", _TANH)
    expect(theirs, "hidden_activation", None, _TANH)
    if activation == "gelu":  # so say the first files of the models, and mean the approximation
        activation = _TANH
    return {"architecture": "gemma", **_read_common(theirs, read_activation(activation))}


def _write_gemma(config: ModelConfig) -> Settings:
    written = _write_common(config, activation="hidden_act")
    if written["hidden_act"] == "gelu":
        raise ConvertError("feed_forward.activation is gelu, which Gemma takes for gelu_tanh")
    return written


def _read_capped(theirs: Mapping[str, Any], attention_cap: float | None) -> Settings:
    """What Gemma 2 and 3 have in common; of the caps on scores only the default differs."""
    theirs.get("hidden_act")  # it stands beside the name that counts
    common = _read_common(theirs, read_activation(theirs.get("hidden_activation", _TANH)))
    width, divisor = common["attention"]["head_dim"], theirs.get("query_pre_attn_scalar", 256)
    common["attention"] |= {
        "scale": None if divisor == width else divisor**-0.5,
        "softcap": theirs.get("attn_logit_softcapping", attention_cap),
    }
    return common | {"arrangement": "sandwich"}


def _write_capped(config: ModelConfig) -> Settings:
    attention = part(config.layers[0].attention, GroupedConfig, "attention")
    divisor = attention.head_dim if attention.scale is None else round(attention.scale**-2)
    if attention.scale not in (None, divisor**-0.5):
        raise ConvertError(
            f"attention.scale={attention.scale} is not the root of a whole number's inverse"
        )
    return {
        **_write_common(config, activation="hidden_activation"),
        "query_pre_attn_scalar": divisor,
        "attn_logit_softcapping": attention.softcap,
        "final_logit_softcapping": config.head.softcap,
        "sliding_window": write_window(config),
        "layer_types": write_layer_types(config),
    }


def _slides(theirs: Mapping[str, Any], period: int) -> list[bool]:
    """Whether each layer has a window; if nothing is said, all do but every `period`-th one."""
    types = theirs.get("layer_types")
    if types is not None:
        return [kind == "sliding_attention" for kind in types]
    return [(i + 1) % period != 0 for i in range(theirs["num_hidden_layers"])]


def _read_gemma2(theirs: Mapping[str, Any]) -> Settings:
    settings = _read_capped(theirs, 50.0)
    settings["head"]["softcap"] = theirs.get("final_logit_softcapping", 30.0)
    sliding = {"reach": read_reach(theirs.get("sliding_window", 4096))}
    return _with_sliding({"architecture": "gemma2", **settings}, sliding, _slides(theirs, 2))


def _read_gemma3(theirs: Mapping[str, Any]) -> Settings:
    settings = _read_capped(theirs, None)
    settings["attention"]["qk_norm"] = "head"
    settings["head"]["softcap"] = theirs.get("final_logit_softcapping")
    settings["position"] |= {"scaling": None} | read_rope(
        theirs, theta=1_000_000.0, of="full_attention"
    )
    sliding = {
        "reach": read_reach(theirs.get("sliding_window", 4096)),
        "position": _read_local_rope(theirs),
    }
    slides = _slides(theirs, theirs.get("sliding_window_pattern", 6))
    return _with_sliding({"architecture": "gemma3", **settings}, sliding, slides)


def _with_sliding(settings: Settings, sliding: Settings, slides: list[bool]) -> Settings:
    """Settings of a model some of whose layers have these parts and the others the model's."""
    common = settings | {"reach": {"kind": "full"}} | (sliding if all(slides) else {})
    return common | {"pattern": pattern_of([sliding if here else {} for here in slides])}


def _read_local_rope(theirs: Mapping[str, Any]) -> Settings:
    """Positions of layers with a window; files of transformers 4 know no scaling of them."""
    of = "sliding_attention"
    if rope_table(theirs).get(of):
        return read_rope(theirs, of=of) | {"fraction": 1.0}
    return {"kind": "rotary", "theta": float(theirs.get("rope_local_base_freq", 10_000.0))}


def _write_gemma3(config: ModelConfig) -> Settings:
    types = write_layer_types(config)
    by_type = dict(zip(types, (layer.position for layer in config.layers), strict=True))
    full, sliding = (by_type.get(f"{name}_attention") for name in ("full", "sliding"))
    local = write_rope(sliding or config.position)
    if sliding and local["rope_scaling"]:
        raise ConvertError("positions of layers with a window are scaled, which has no counterpart")
    return {
        **_write_capped(config),
        **write_rope(full or config.position),
        "rope_local_base_freq": local["rope_theta"],
    }


GEMMA = Family(
    model_type="gemma",
    architecture="GemmaForCausalLM",
    read=_read_gemma,
    write=_write_gemma,
    rules=llama_rules,
    ignored=(r".*\.rotary_emb\.inv_freq",),
)
GEMMA2 = Family(
    model_type="gemma2",
    architecture="Gemma2ForCausalLM",
    read=_read_gemma2,
    write=_write_capped,
    rules=llama_rules,
)
GEMMA3 = Family(
    model_type="gemma3_text",
    architecture="Gemma3ForCausalLM",
    read=_read_gemma3,
    write=_write_gemma3,
    rules=llama_rules,
)
