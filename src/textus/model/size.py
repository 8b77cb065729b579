"""Parameters, FLOPs and memory of a model, computed from its configuration alone.

Memory is that of float32 training on a CPU: what tensors hold, without the allocator's own share.
Tests compare each number with a model that was really built and run.
"""

from dataclasses import dataclass
from typing import Literal

from textus.model.config import ModelConfig

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
    vectors: int
    """Weights and biases of norms, and biases of linear layers."""
    head: int
    """The output layer; 0 where it is tied to the embedding."""

    @property
    def total(self) -> int:
        """All of them."""
        return self.embedding + self.position + self.matrices + self.vectors + self.head


def count_parameters(config: ModelConfig) -> ParameterCount:
    """The parameters of `Transformer(config)`."""
    embedding = config.vocab_size * config.model_dim
    shapes = _linear_shapes(config)
    norms = config.num_layers * (2 * _norm(config, config.model_dim) + _qk_norms(config))
    biases = config.num_layers * sum(outputs for _, outputs in shapes) if config.bias else 0
    return ParameterCount(
        embedding=embedding,
        position=config.max_seq_len * config.model_dim if config.position == "learned" else 0,
        matrices=config.num_layers * sum(inputs * outputs for inputs, outputs in shapes),
        vectors=norms + biases + _norm(config, config.model_dim),
        head=0 if config.tied_embeddings else embedding,
    )


def _linear_shapes(config: ModelConfig) -> list[tuple[int, int]]:
    """(inputs, outputs) of each linear layer of one block."""
    dim, hidden = config.model_dim, config.hidden_dim
    width, kv_width = config.num_heads * config.head_dim, config.num_kv_heads * config.head_dim
    attention = [(dim, width), (dim, kv_width), (dim, kv_width), (width, dim)]
    ups = 2 if config.feed_forward == "swiglu" else 1  # the gate is a second one
    return [*attention, *[(dim, hidden)] * ups, (hidden, dim)]


def _norm(config: ModelConfig, dim: int) -> int:
    return dim if config.norm == "rms" else 2 * dim


def _qk_norms(config: ModelConfig) -> int:
    return 2 * _norm(config, config.head_dim) if config.qk_norm else 0


def flops_per_token(config: ModelConfig, seq_len: int, *, backward: bool) -> int:
    """Floating-point operations for one token of a row of `seq_len`, averaged over the row.

    The convention: a multiply-add is two; matrix products alone count, the head's among them and
    the embedding's lookup not; attention is causal, so a query meets (seq_len + 1) / 2 keys on
    average (twice: scores, and sums of values). The backward pass takes two products for each one
    of the forward pass, whatever is computed anew; with `backward` the result is that of both
    passes.
    """
    products = count_parameters(config).matrices + config.vocab_size * config.model_dim
    attention = config.num_layers * config.num_heads * config.head_dim * (seq_len + 1)
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
    norm = dim + _kept_by_norm(config, dim)  # with the residual stream, which it reads
    layer = 2 * (norm + dim) + _kept_by_attention(config) + _kept_by_feed_forward(config)
    ids = ID_BYTES * tokens
    if config.position == "rotary":
        positions = BYTES * 2 * seq_len * config.head_dim
    else:
        positions = ID_BYTES * seq_len
    return BYTES * tokens * (config.num_layers * layer + norm) + ids + positions


def _kept_by_norm(config: ModelConfig, dim: int) -> int:
    """Values a vector, beside what it reads: RMSNorm's scale and scaled vector, LayerNorm's two
    moments."""
    return 1 + dim if config.norm == "rms" else 2


def _kept_by_attention(config: ModelConfig) -> int:
    """Values a token, beside what it reads: queries, keys and values, projected and attended to.

    The result is kept twice, for each document and joined, and with it the sum of each head's
    weights.
    """
    width, kv_width = config.num_heads * config.head_dim, config.num_kv_heads * config.head_dim
    kept = width + 2 * kv_width + 2 * width + config.num_heads
    if config.qk_norm:
        heads = config.num_heads + config.num_kv_heads
        kept += heads * (config.head_dim + _kept_by_norm(config, config.head_dim))
    return kept


def _kept_by_feed_forward(config: ModelConfig) -> int:
    """Values a token: SwiGLU keeps gate, silu(gate), up and their product, GELU what it reads and
    gives."""
    return (4 if config.feed_forward == "swiglu" else 2) * config.hidden_dim


def _loss_memory(config: ModelConfig, tokens: int, chunk: int) -> int:
    """Bytes of a chunk's logits, of a copy while they are summed, and of hidden states and their
    gradient."""
    logits = 2 * min(chunk, tokens) * config.vocab_size
    return BYTES * (logits + 2 * tokens * config.model_dim)


def cache_memory(config: ModelConfig, rows: int, seq_len: int) -> int:
    """Bytes of keys and values that generation keeps for `rows` texts of up to `seq_len` tokens."""
    width = config.num_kv_heads * config.head_dim
    return BYTES * 2 * config.num_layers * rows * seq_len * width
