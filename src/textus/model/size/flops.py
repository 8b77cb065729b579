"""How much arithmetic a model takes."""

from textus.model.config import (
    AttentionConfig,
    BandedReach,
    ExpertsConfig,
    FeedForwardConfig,
    FullReach,
    GatedConfig,
    GroupedConfig,
    LatentConfig,
    Layer,
    ModelConfig,
    PlainConfig,
    ReachConfig,
    SlidingReach,
    StridedReach,
)
from textus.model.size.parameters import count_attention


def flops_per_token(config: ModelConfig, seq_len: int, *, backward: bool) -> int:
    """Floating-point operations for one token of a row of `seq_len`, the mean over the row.

    The convention: a multiply-add is two; matrix products alone count, the head's among them, and
    lookups in tables and what blends their vectors do not; a query meets the keys within its
    layer's reach (torch's kernels compute more where a tile is only partly in it: for sliding and
    banded layers, up to twice as much attention). With `backward` it is the work of training: the
    backward pass takes two products for each one of the forward pass, whatever is computed anew,
    and further tokens are predicted.
    """
    head = config.vocab_size * config.model_dim
    products = head + sum(_products(layer, config) for layer in config.layers)
    meetings = sum(_attended(layer, seq_len) for layer in config.layers)
    if backward:
        last, join = config.layers[-1], 2 * config.model_dim**2
        products += config.predict_ahead * (head + join + _products(last, config))
        meetings += config.predict_ahead * _attended(last, seq_len)
    return round((6 if backward else 2) * (products + meetings / seq_len))


def _products(layer: Layer, config: ModelConfig) -> int:
    """Multiply-adds that a layer's weights take for one token."""
    attention = count_attention(layer.attention, config).matrices
    return attention + _feed_forward(layer.feed_forward, config.model_dim)


def _feed_forward(layer: FeedForwardConfig, model_dim: int) -> int:
    if isinstance(layer, ExpertsConfig):
        gated = layer.shared_hidden_dim + layer.experts_per_token * layer.hidden_dim
        mixing = layer.experts_per_token  # of the experts' results
        return model_dim * (3 * gated + layer.num_experts + mixing)
    assert isinstance(layer, PlainConfig | GatedConfig)
    return (3 if isinstance(layer, GatedConfig) else 2) * model_dim * layer.hidden_dim


def _attended(layer: Layer, seq_len: int) -> int:
    """Multiply-adds of scores, and of sums of values, in a row."""
    return sum(attention_widths(layer.attention)) * count_pairs(layer.reach, seq_len)


def attention_widths(attention: AttentionConfig) -> tuple[int, int]:
    """Of all heads' queries, and of all heads' values."""
    heads = attention.num_heads
    if isinstance(attention, LatentConfig):
        width = attention.head_dim + attention.rope_dim
        return heads * width, heads * attention.value_dim
    assert isinstance(attention, GroupedConfig)
    return heads * attention.head_dim, heads * attention.head_dim


def count_pairs(reach: ReachConfig, seq_len: int) -> int:
    """How many pairs of a query and a key that it sees a row of `seq_len` tokens has."""
    if isinstance(reach, SlidingReach):
        return _sum_within(reach.window, seq_len)
    if isinstance(reach, BandedReach):
        blocks, rest = divmod(seq_len, reach.block)
        own = blocks * _sum_to(reach.block) + _sum_to(rest)
        return own + reach.block * (seq_len - min(reach.block, seq_len))
    if isinstance(reach, StridedReach):
        rows, rest = divmod(seq_len, reach.stride)
        return _sum_within(reach.stride, seq_len) + reach.stride * _sum_to(rows - 1) + rest * rows
    assert isinstance(reach, FullReach)
    return _sum_to(seq_len)


def _sum_to(n: int) -> int:
    """1 + 2 + ... + n."""
    return n * (n + 1) // 2


def _sum_within(window: int, seq_len: int) -> int:
    """The sum of min(i, window) for i from 1 to seq_len."""
    window = min(window, seq_len)
    return _sum_to(window) + (seq_len - window) * window
