"""A model's settings as the keys of a GGUF file."""

import math
from typing import Any

from textus.convert.gguf_forms import LLAMA3_SCALING
from textus.model.config import (
    ExpertsConfig,
    FullReach,
    GroupedConfig,
    LatentConfig,
    Layer,
    LayerNormConfig,
    LinearScaling,
    Llama3Scaling,
    ModelConfig,
    NTKScaling,
    RotaryConfig,
    ScalingConfig,
    SlidingReach,
    YarnScaling,
)
from textus.model.position import query_width

Keys = dict[str, Any]
GATING = {"softmax": 1, "sigmoid": 2}


def keys_of(config: ModelConfig) -> Keys:
    """What llama.cpp is told of a model, by key without the architecture's name before it.

    Not all of it is read for every architecture; what is not, makes no difference.
    """
    full = next((layer for layer in config.layers if layer.reach == FullReach()), config.layers[0])
    layer_norm = isinstance(config.norm, LayerNormConfig)
    keys: Keys = {
        "context_length": config.max_seq_len,
        "embedding_length": config.model_dim,
        "block_count": config.num_layers,
        "vocab_size": config.vocab_size,
        f"attention.layer_norm_{'' if layer_norm else 'rms_'}epsilon": config.norm.eps,
    }
    keys |= _attention_keys(full) | _rotary_keys(full) | _sliding_keys(config)
    keys |= _feed_forward_keys(config)
    if config.head.softcap is not None:
        keys["final_logit_softcapping"] = config.head.softcap
    keys["use_parallel_residual"] = config.arrangement == "parallel"
    return keys


def _attention_keys(layer: Layer) -> Keys:
    attention = layer.attention
    if isinstance(attention, LatentConfig):
        return _latent_keys(attention)
    assert isinstance(attention, GroupedConfig)
    keys: Keys = {
        "attention.head_count": attention.num_heads,
        "attention.head_count_kv": attention.num_kv_heads,
        "attention.key_length": attention.head_dim,
        "attention.value_length": attention.head_dim,
    }
    if attention.softcap is not None:
        keys["attn_logit_softcapping"] = attention.softcap
    return keys


def _latent_keys(attention: LatentConfig) -> Keys:
    """As one key head that all query heads share, which is how llama.cpp runs it."""
    keys = {
        "attention.head_count": attention.num_heads,
        "attention.head_count_kv": 1,
        "attention.key_length": attention.kv_rank + attention.rope_dim,
        "attention.value_length": attention.kv_rank,
        "attention.key_length_mla": attention.head_dim + attention.rope_dim,
        "attention.value_length_mla": attention.value_dim,
        "attention.kv_lora_rank": attention.kv_rank,
    }
    if attention.query_rank is not None:
        keys["attention.q_lora_rank"] = attention.query_rank
    return keys


def _rotary_keys(layer: Layer) -> Keys:
    position = layer.position
    if not isinstance(position, RotaryConfig):
        return {}
    turned = query_width(layer.attention, position)
    return {
        "rope.dimension_count": turned,
        "rope.freq_base": settled_theta(position, turned),
    } | _scaling_keys(position.scaling)


def settled_theta(position: RotaryConfig, turned: int) -> float:
    """The base of the wavelengths with what NTK scaling makes of it."""
    scaling = position.scaling
    if not isinstance(scaling, NTKScaling):
        return position.theta
    return position.theta * scaling.factor ** (turned / (turned - 2))


def yarn_gain(scaling: YarnScaling) -> float:
    """What cosines and sines are multiplied by."""
    return scaling.attention_factor or 0.1 * math.log(scaling.factor) + 1


def _scaling_keys(scaling: ScalingConfig | None) -> Keys:
    if isinstance(scaling, LinearScaling):
        return {"rope.scaling.type": "linear", "rope.scaling.factor": scaling.factor}
    if isinstance(scaling, Llama3Scaling):
        values = (scaling.factor, float(scaling.original_seq_len))
        return {LLAMA3_SCALING: [*values, scaling.low_frequency, scaling.high_frequency]}
    if not isinstance(scaling, YarnScaling):
        return {}
    gain = yarn_gain(scaling)
    return {
        "rope.scaling.type": "yarn",
        "rope.scaling.factor": scaling.factor,
        "rope.scaling.original_context_length": scaling.original_seq_len,
        "rope.scaling.yarn_beta_fast": scaling.beta_fast,
        "rope.scaling.yarn_beta_slow": scaling.beta_slow,
        # llama.cpp itself multiplies by YaRN's usual gain
        "rope.scaling.attn_factor": gain / (0.1 * math.log(scaling.factor) + 1),
        "textus.yarn_gain": gain,
    }


def _sliding_keys(config: ModelConfig) -> Keys:
    sliding = [layer for layer in config.layers if isinstance(layer.reach, SlidingReach)]
    if not sliding:
        return {}
    reach, position = sliding[0].reach, sliding[0].position
    assert isinstance(reach, SlidingReach)
    full = [i for i, layer in enumerate(config.layers) if layer.reach == FullReach()]
    keys: Keys = {
        "attention.sliding_window": reach.window,
        "attention.sliding_window_pattern": (full or [config.num_layers])[0] + 1,
    }
    if isinstance(position, RotaryConfig):
        turned = query_width(sliding[0].attention, position)
        keys["rope.freq_base_swa"] = settled_theta(position, turned)
    return keys


def _feed_forward_keys(config: ModelConfig) -> Keys:
    layers: list[Any] = [layer.feed_forward for layer in config.layers]
    dense = [layer for layer in layers if not isinstance(layer, ExpertsConfig)]
    keys: Keys = {"feed_forward_length": (dense or layers)[0].hidden_dim}
    experts = next((layer for layer in layers if isinstance(layer, ExpertsConfig)), None)
    if experts is None:
        return keys
    keys |= {
        "expert_count": experts.num_experts,
        "expert_used_count": experts.experts_per_token,
        "expert_feed_forward_length": experts.hidden_dim,
        "expert_gating_func": GATING[experts.routing],
        "expert_weights_norm": experts.normalize,
        "expert_weights_scale": experts.route_scale,
        "leading_dense_block_count": _leading_dense(layers),
    }
    if experts.num_groups > 1:
        keys["expert_group_count"] = experts.num_groups
        keys["expert_group_used_count"] = experts.groups_per_token
    if experts.shared_hidden_dim:
        keys["expert_shared_count"] = max(1, experts.shared_hidden_dim // experts.hidden_dim)
    return keys


def _leading_dense(layers: list[Any]) -> int:
    return next(i for i, layer in enumerate(layers) if isinstance(layer, ExpertsConfig))
