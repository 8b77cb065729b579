"""What autograd keeps from a forward pass for its backward pass, in float32.

Counted part by part, as the parts are written: a linear layer keeps what it reads, a product both
its factors. What several parts read is kept once, and counted where it comes from.
"""

from collections.abc import Sequence
from dataclasses import replace

from textus.model.config import (
    AlibiConfig,
    AttentionConfig,
    ExpertsConfig,
    FeedForwardConfig,
    GatedConfig,
    GroupedConfig,
    LatentConfig,
    Layer,
    LearnedConfig,
    ModelConfig,
    NormConfig,
    PlainConfig,
    PositionConfig,
    RMSNormConfig,
    RotaryConfig,
)
from textus.model.size.attending import Heads, kept_by_attending

BYTES = 4
"""Of a float32 value."""
ID_VALUES = 2
"""An int64 id takes the room of two values."""


def activation_memory(config: ModelConfig, *, rows: int, seq_len: int) -> int:
    """Bytes that autograd keeps of `rows` rows, weights not counted.

    Of rows that are told as one document each. Undivided rows take up to 7 % less; so do shorter
    documents where the reach is not full, and up to 15 % less with softcapped scores.
    """
    tokens, dim = rows * seq_len, config.model_dim
    kept = ID_VALUES * tokens + _kept_of_positions(config.layers, seq_len)
    kept += ID_VALUES * seq_len if isinstance(config.position, LearnedConfig) else 0
    kept += tokens * _kept_by_embedding(config)
    kept += sum(_kept_by_layer(layer, config, rows, seq_len) for layer in config.layers)
    kept += tokens * _kept_at_end(config)
    for _ in range(config.predict_ahead):
        joined = 2 * dim + 2 * (dim + _kept_by_norm(config.norm, dim))
        kept += tokens * (ID_VALUES + joined + _kept_at_end(config))
        kept += _kept_of_positions(config.layers[-1:], seq_len)
        kept += _kept_by_layer(config.layers[-1], config, rows, seq_len)
    return BYTES * kept


def _kept_by_embedding(config: ModelConfig) -> int:
    """Values a token: rows of n-grams; what smear and the norm read; the stream before each layer's
    blend, and what is blended into it, which the first stream is."""
    options, dim = config.embedding, config.model_dim
    kept = ID_VALUES * len(options.ngram_rows)
    if options.smear:
        kept += 2 * dim + 3
    if options.norm:
        kept += dim + _kept_by_norm(replace(config.norm, learned=False), dim)
    if options.skip:
        kept += config.num_layers * dim
    return kept


def _kept_of_positions(layers: Sequence[Layer], seq_len: int) -> int:
    """Cosines and sines, one table for all layers that turn alike."""
    kinds = {
        (layer.position, _turned(layer.attention, layer.position))
        for layer in layers
        if isinstance(layer.position, RotaryConfig)
    }
    return sum(2 * seq_len * turned for _, turned in kinds)


def _turned(attention: AttentionConfig, position: PositionConfig) -> int:
    if isinstance(attention, LatentConfig):
        return attention.rope_dim
    assert isinstance(attention, GroupedConfig)
    assert isinstance(position, RotaryConfig)
    return position.turned(attention.head_dim)


def _kept_by_layer(layer: Layer, config: ModelConfig, rows: int, seq_len: int) -> int:
    attention, tokens = layer.attention, rows * seq_len
    if isinstance(attention, LatentConfig):
        heads, before, result = _latent(attention, config.norm)
    else:
        assert isinstance(attention, GroupedConfig)
        heads, before, result = _grouped(attention, layer.position, config.norm)
    inside = _kept_by_feed_forward(layer.feed_forward, config.model_dim)
    each = _kept_by_block(config) + before + result + inside
    attended = kept_by_attending(layer.reach, heads, rows=rows, seq_len=seq_len)
    return tokens * each + attended


def _kept_by_block(config: ModelConfig) -> int:
    """Values a token: the stream where a part or a norm reads it, and norms' results that a part
    reads. A post-norm block's last result is the next one's stream."""
    dim = config.model_dim
    norm = _kept_by_norm(config.norm, dim)
    if config.arrangement == "sandwich":
        return 2 * (3 * dim + 2 * norm)
    if config.arrangement == "parallel":
        return 3 * dim + 2 * norm
    if config.arrangement == "shared":
        return 2 * dim + norm
    return 2 * (2 * dim + norm)


def _kept_at_end(config: ModelConfig) -> int:
    """Values a token, for the final norm, which post-norm models lack."""
    dim = config.model_dim
    return 0 if config.arrangement == "post" else dim + _kept_by_norm(config.norm, dim)


def _kept_by_norm(norm: NormConfig, dim: int) -> int:
    """Values a vector, beside what it reads and gives: LayerNorm's two moments, RMSNorm's scale,
    and the scaled vector where a weight follows."""
    if not isinstance(norm, RMSNormConfig):
        return 2
    return 1 + dim if norm.learned else 1


Parts = tuple[Heads, int, int]
"""How heads meet, and values a token: kept on the way there, and of the joined result."""


def _grouped(attention: GroupedConfig, position: PositionConfig, norm: NormConfig) -> Parts:
    dim = attention.head_dim
    extra = isinstance(position, AlibiConfig)  # it takes a value more in each query and key
    heads = Heads(
        queries=attention.num_heads,
        keys=attention.num_kv_heads,
        width=dim + extra,
        value_width=dim,
        softcap=attention.softcap is not None,
        sinks=attention.sinks,
    )
    before = 0
    for count in (heads.queries, heads.keys):
        if attention.qk_norm == "head":
            before += count * (dim + _kept_by_norm(norm, dim))
        elif attention.qk_norm == "whole":
            before += count * dim + _kept_by_norm(norm, count * dim)
    return heads, before, heads.queries * dim


def _latent(attention: LatentConfig, norm: NormConfig) -> Parts:
    width = attention.head_dim + attention.rope_dim
    heads = Heads(
        queries=attention.num_heads,
        keys=attention.num_heads,
        width=width,
        value_width=max(width, attention.value_dim),
    )
    ranks = [attention.kv_rank]
    if attention.query_rank is not None:
        ranks.append(attention.query_rank)
    before = sum(2 * rank + _kept_by_norm(norm, rank) for rank in ranks)
    return heads, before, attention.num_heads * attention.value_dim


def _kept_by_feed_forward(layer: FeedForwardConfig, model_dim: int) -> int:
    """Values a token, beside what the layer reads."""
    if isinstance(layer, ExpertsConfig):
        return _kept_by_experts(layer, model_dim)
    assert isinstance(layer, PlainConfig | GatedConfig)
    if isinstance(layer, GatedConfig):
        return _kept_by_gated(layer.hidden_dim, layer)
    return layer.hidden_dim * _kept_by_activation(layer)


def _kept_by_activation(layer: PlainConfig | GatedConfig | ExpertsConfig) -> int:
    """What it reads and what it gives; relu's slope is told by what it gives."""
    return 1 if layer.activation == "relu" else 2


def _kept_by_gated(hidden_dim: int, layer: GatedConfig | ExpertsConfig) -> int:
    """With the values that meet the gate, and their product."""
    return hidden_dim * (_kept_by_activation(layer) + 2)


def _kept_by_experts(layer: ExpertsConfig, model_dim: int) -> int:
    """Values a token: the router's scores and picks, what is sent to experts and comes back, and
    what they keep inside."""
    picked = layer.experts_per_token
    routing = layer.num_experts + 3 * ID_VALUES * picked + picked
    if layer.normalize:
        routing += picked + 1
    if layer.bias:
        routing += 3 * ID_VALUES * picked
    inside = 7 * layer.hidden_dim if layer.clamp else _kept_by_gated(layer.hidden_dim, layer)
    shared = _kept_by_gated(layer.shared_hidden_dim, layer)
    return routing + picked * (2 * model_dim + inside) + shared
