"""Parameters, FLOPs and memory of a model, computed from its configuration alone.

Memory is that of float32 training on a CPU: what tensors hold, without the allocator's own share.
Tests compare each number with a model that was really built and run.
"""

from dataclasses import dataclass
from typing import Literal

from textus.model.config import (
    AttentionConfig,
    FeedForwardConfig,
    GatedConfig,
    GroupedConfig,
    LayerNormConfig,
    LearnedConfig,
    ModelConfig,
    NormConfig,
    PlainConfig,
    RMSNormConfig,
    RotaryConfig,
)

BYTES = 4
"""Of a float32 value."""
ID_BYTES = 8
"""Of a token id, int64."""


@dataclass(frozen=True, kw_only=True)
class ParameterCount:
    """Parameters by their part in the model."""

    embedding: int
    """A vector for each id; with tied embeddings it is the head too, and counted here alone."""
    position: int
    """A vector for each position, where positions are learned."""
    matrices: int
    """The blocks' linear layers without their biases: what Muon trains."""
    active_matrices: int
    """Those that one token goes through: of experts only the ones that it is sent to."""
    vectors: int
    """Weights and biases of norms, and biases of linear layers."""
    head: int
    """The output layer; 0 where it is tied to the embedding."""

    @property
    def total(self) -> int:
        """All of them."""
        return self.embedding + self.position + self.matrices + self.vectors + self.head

    @property
    def active(self) -> int:
        """Those that one token needs."""
        return self.total - self.matrices + self.active_matrices


@dataclass(frozen=True, kw_only=True)
class _Count:
    """What one part of a block has."""

    matrices: int
    vectors: int
    active: int

    def __add__(self, other: "_Count") -> "_Count":
        return _Count(
            matrices=self.matrices + other.matrices,
            vectors=self.vectors + other.vectors,
            active=self.active + other.active,
        )


def count_parameters(config: ModelConfig) -> ParameterCount:
    """The parameters of `Transformer(config)`."""
    embedding = config.vocab_size * config.model_dim
    norm = _norm(config.norm, config.model_dim)
    blocks = _Count(matrices=0, vectors=0, active=0)
    for layer in config.layers:
        blocks += _attention(layer.attention, config) + _feed_forward(layer.feed_forward, config)
    learned = isinstance(config.position, LearnedConfig)
    final = 0 if config.arrangement == "post" else norm
    norms = config.num_layers * NORMS_OF_A_BLOCK[config.arrangement] * norm + final
    return ParameterCount(
        embedding=embedding,
        position=config.max_seq_len * config.model_dim if learned else 0,
        matrices=blocks.matrices,
        active_matrices=blocks.active,
        vectors=norms + blocks.vectors + (config.vocab_size if config.head.bias else 0),
        head=0 if config.head.tied else embedding,
    )


NORMS_OF_A_BLOCK = {"pre": 2, "post": 2, "sandwich": 4, "output": 2, "parallel": 2, "shared": 1}


def _norm(norm: NormConfig, dim: int) -> int:
    if not norm.learned:
        return 0
    return 2 * dim if isinstance(norm, LayerNormConfig) and norm.bias else dim


def _attention(attention: AttentionConfig, config: ModelConfig) -> _Count:
    assert isinstance(attention, GroupedConfig)
    width, kv_width = _widths(attention)
    matrices = 2 * config.model_dim * (width + kv_width)
    vectors = attention.num_heads if attention.sinks else 0
    if attention.bias in ("input", "all"):
        vectors += width + 2 * kv_width
    if attention.bias in ("output", "all"):
        vectors += config.model_dim
    if attention.qk_norm != "none":
        dims = (width, kv_width) if attention.qk_norm == "whole" else 2 * (attention.head_dim,)
        vectors += sum(_norm(config.norm, dim) for dim in dims)
    return _Count(matrices=matrices, vectors=vectors, active=matrices)


def _widths(attention: GroupedConfig) -> tuple[int, int]:
    """Of all queries, and of all keys."""
    return attention.num_heads * attention.head_dim, attention.num_kv_heads * attention.head_dim


def _feed_forward(layer: FeedForwardConfig, config: ModelConfig) -> _Count:
    assert isinstance(layer, PlainConfig | GatedConfig)
    ups = 2 if isinstance(layer, GatedConfig) else 1
    matrices = (ups + 1) * config.model_dim * layer.hidden_dim
    vectors = ups * layer.hidden_dim + config.model_dim if layer.bias else 0
    return _Count(matrices=matrices, vectors=vectors, active=matrices)


def flops_per_token(config: ModelConfig, seq_len: int, *, backward: bool) -> int:
    """Floating-point operations for one token of a row of `seq_len`, averaged over the row.

    The convention: a multiply-add is two; matrix products alone count, the head's among them and
    the embedding's lookup not; attention is causal, so a query meets (seq_len + 1) / 2 keys on
    average (twice: scores, and sums of values). The backward pass takes two products for each one
    of the forward pass, whatever is computed anew; with `backward` the result is that of both
    passes.
    """
    products = count_parameters(config).active_matrices + config.vocab_size * config.model_dim
    attention = sum(
        layer.attention.num_heads * layer.attention.head_dim * (seq_len + 1)
        for layer in config.layers
        if isinstance(layer.attention, GroupedConfig)
    )
    forward = 2 * products + 2 * attention
    return 3 * forward if backward else forward


def training_memory(
    config: ModelConfig,
    *,
    rows: int,
    seq_len: int,
    optimizer: Literal["muon", "adamw"],
    loss_chunk: int,
) -> dict[str, int]:
    """Bytes that training holds, by purpose, for `rows` sequences in one pass.

    They do not all exist at one time (the optimizer's work begins when the activations are gone),
    so their sum is a little above the real peak.
    """
    count = count_parameters(config)
    momenta = count.total + (count.total - count.matrices if optimizer == "muon" else count.total)
    return {
        "weights": BYTES * count.total,
        "gradients": BYTES * count.total,
        "optimizer": BYTES * momenta,
        "activations": activation_memory(config, rows=rows, seq_len=seq_len),
        "loss": _loss_memory(config, rows * seq_len, loss_chunk),
    }


def activation_memory(config: ModelConfig, *, rows: int, seq_len: int) -> int:
    """Bytes that autograd keeps from `hidden_states` for its backward pass, weights not counted.

    Of rows of several documents each; a row of one document takes a few percent less.
    """
    tokens, dim = rows * seq_len, config.model_dim
    norm = dim + _kept_by_norm(config.norm, dim)  # with the residual stream, which it reads
    layers = sum(
        2 * (norm + dim)
        + _kept_by_attention(layer.attention, config.norm)
        + _kept_by_feed_forward(layer.feed_forward)
        for layer in config.layers
    )
    ids = ID_BYTES * tokens
    if isinstance(config.position, RotaryConfig) and isinstance(config.attention, GroupedConfig):
        positions = BYTES * 2 * seq_len * config.attention.head_dim
    else:
        positions = ID_BYTES * seq_len
    return BYTES * tokens * (layers + norm) + ids + positions


def _kept_by_norm(norm: NormConfig, dim: int) -> int:
    """Values a vector, beside what it reads: RMSNorm's scale and scaled vector, LayerNorm's two
    moments."""
    return 1 + dim if isinstance(norm, RMSNormConfig) else 2


def _kept_by_attention(attention: AttentionConfig, norm: NormConfig) -> int:
    """Values a token, beside what it reads: queries, keys and values, projected and attended to.

    The result is kept twice, for each document and joined, and with it the sum of each head's
    weights.
    """
    assert isinstance(attention, GroupedConfig)
    width, kv_width = _widths(attention)
    kept = width + 2 * kv_width + 2 * width + attention.num_heads
    if attention.qk_norm == "head":
        heads = attention.num_heads + attention.num_kv_heads
        kept += heads * (attention.head_dim + _kept_by_norm(norm, attention.head_dim))
    return kept


def _kept_by_feed_forward(layer: FeedForwardConfig) -> int:
    """Values a token: a gated layer keeps gate, its activation, up and their product, a plain one
    what its activation reads and gives."""
    assert isinstance(layer, PlainConfig | GatedConfig)
    return (4 if isinstance(layer, GatedConfig) else 2) * layer.hidden_dim


def _loss_memory(config: ModelConfig, tokens: int, chunk: int) -> int:
    """Bytes of a chunk's logits, of a copy while they are summed, and of hidden states and their
    gradient."""
    logits = 2 * min(chunk, tokens) * config.vocab_size
    return BYTES * (logits + 2 * tokens * config.model_dim)


def cache_memory(config: ModelConfig, rows: int, seq_len: int) -> int:
    """Bytes of keys and values that generation keeps for `rows` texts of up to `seq_len` tokens."""
    widths = (
        2 * layer.attention.num_kv_heads * layer.attention.head_dim
        for layer in config.layers
        if isinstance(layer.attention, GroupedConfig)
    )
    return BYTES * rows * seq_len * sum(widths)
