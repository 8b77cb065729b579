"""How many parameters a model has, part by part."""

from dataclasses import dataclass

from textus.model.config import (
    AttentionConfig,
    ExpertsConfig,
    FeedForwardConfig,
    GatedConfig,
    GroupedConfig,
    LatentConfig,
    Layer,
    LayerNormConfig,
    LearnedConfig,
    ModelConfig,
    NormConfig,
    PlainConfig,
)

NORMS_OF_A_BLOCK = {"pre": 2, "post": 2, "sandwich": 4, "output": 2, "parallel": 2, "shared": 1}
"""By the model's arrangement."""


@dataclass(frozen=True, kw_only=True)
class Count:
    """The parameters of one part."""

    matrices: int = 0
    """What Muon trains: linear layers without their biases."""
    vectors: int = 0
    """Weights and biases of norms, biases of linear layers, sinks."""
    frozen: int = 0
    """What no gradient trains: biases that keep experts busy."""
    resting: int = 0
    """How many of all these belong to experts that one token is not sent to."""

    @property
    def total(self) -> int:
        """All of them."""
        return self.matrices + self.vectors + self.frozen

    @property
    def active(self) -> int:
        """Those that one token goes through."""
        return self.total - self.resting

    def __add__(self, other: "Count") -> "Count":
        return Count(
            matrices=self.matrices + other.matrices,
            vectors=self.vectors + other.vectors,
            frozen=self.frozen + other.frozen,
            resting=self.resting + other.resting,
        )


@dataclass(frozen=True, kw_only=True)
class ParameterCount:
    """Parameters by their part in the model."""

    embedding: int
    """A vector for each id; with tied embeddings it is the head too, and counted here alone."""
    tables: int
    """What else ids are looked up in: hashed n-grams, and each layer's value embeddings."""
    blends: int
    """Of smear, and of the embedding that each layer reads anew."""
    position: int
    """A vector for each position, where positions are learned."""
    attention: Count
    """Of all layers."""
    feed_forward: Count
    """Of all layers."""
    norms: int
    """Of all layers and behind them; those inside attention are attention's."""
    ahead: Count
    """The modules that predict further tokens, which training alone needs."""
    head: int
    """The output layer; its bias alone where it is tied to the embedding."""

    @property
    def total(self) -> int:
        """All of them."""
        ends = self.embedding + self.tables + self.blends + self.position + self.norms + self.head
        return ends + (self.attention + self.feed_forward + self.ahead).total

    @property
    def active(self) -> int:
        """Those that one token needs when text is generated."""
        return self.total - self.ahead.total - (self.attention + self.feed_forward).resting

    @property
    def matrices(self) -> int:
        """Those that Muon trains."""
        return (self.attention + self.feed_forward + self.ahead).matrices

    @property
    def trained(self) -> int:
        """Those that have a gradient."""
        return self.total - (self.attention + self.feed_forward + self.ahead).frozen


def count_parameters(config: ModelConfig) -> ParameterCount:
    """The parameters of `Transformer(config)`."""
    embedding = config.vocab_size * config.model_dim
    layers, last = config.layers, config.layers[-1]
    learned = isinstance(config.position, LearnedConfig)
    bias = config.vocab_size if config.head.bias else 0
    return ParameterCount(
        embedding=embedding,
        tables=_tables(config),
        blends=_blends(config),
        position=config.max_seq_len * config.model_dim if learned else 0,
        attention=sum((count_attention(layer.attention, config) for layer in layers), Count()),
        feed_forward=sum((_feed_forward(layer.feed_forward, config) for layer in layers), Count()),
        norms=config.num_layers * _block_norms(config) + _final_norm(config),
        ahead=sum((_ahead(last, config) for _ in range(config.predict_ahead)), Count()),
        head=bias if config.head.tied else embedding + bias,
    )


def _tables(config: ModelConfig) -> int:
    values = 0
    for layer in config.layers if config.embedding.values else ():
        assert isinstance(layer.attention, GroupedConfig)
        values += layer.attention.num_kv_heads * layer.attention.head_dim
    return sum(config.embedding.ngram_rows) * config.model_dim + config.vocab_size * values


def _blends(config: ModelConfig) -> int:
    smear = config.model_dim + 1 if config.embedding.smear else 0
    return smear + (2 * config.num_layers if config.embedding.skip else 0)


def _block_norms(config: ModelConfig) -> int:
    return NORMS_OF_A_BLOCK[config.arrangement] * _norm(config.norm, config.model_dim)


def _final_norm(config: ModelConfig) -> int:
    return 0 if config.arrangement == "post" else _norm(config.norm, config.model_dim)


def _norm(norm: NormConfig, dim: int) -> int:
    if not norm.learned:
        return 0
    return 2 * dim if isinstance(norm, LayerNormConfig) and norm.bias else dim


def _linear(inputs: int, outputs: int, *, bias: bool = False) -> Count:
    return Count(matrices=inputs * outputs, vectors=outputs if bias else 0)


def _ahead(layer: Layer, config: ModelConfig) -> Count:
    """A module that predicts one token further: a block, and what joins state and embedding."""
    own = 2 * _norm(config.norm, config.model_dim) + _block_norms(config) + _final_norm(config)
    join = _linear(2 * config.model_dim, config.model_dim)
    block = count_attention(layer.attention, config) + _feed_forward(layer.feed_forward, config)
    return block + join + Count(vectors=own)


def count_attention(attention: AttentionConfig, config: ModelConfig) -> Count:
    """The parameters of one layer's attention."""
    if isinstance(attention, LatentConfig):
        return _latent(attention, config)
    assert isinstance(attention, GroupedConfig)
    width = attention.num_heads * attention.head_dim
    kv_width = attention.num_kv_heads * attention.head_dim
    inputs, outputs = attention.bias in ("input", "all"), attention.bias in ("output", "all")
    count = _linear(config.model_dim, width + 2 * kv_width, bias=inputs)
    count += _linear(width, config.model_dim, bias=outputs)
    dims = {"none": (), "head": 2 * (attention.head_dim,), "whole": (width, kv_width)}
    norms = sum(_norm(config.norm, dim) for dim in dims[attention.qk_norm])
    return count + Count(vectors=norms + (attention.num_heads if attention.sinks else 0))


def _latent(attention: LatentConfig, config: ModelConfig) -> Count:
    heads, rank, bias = attention.num_heads, attention.kv_rank, attention.bias
    width, queries = config.model_dim, heads * (attention.head_dim + attention.rope_dim)
    count = _linear(width, rank + attention.rope_dim, bias=bias)
    count += _linear(rank, heads * (attention.head_dim + attention.value_dim))
    count += _linear(heads * attention.value_dim, width, bias=bias)
    count += Count(vectors=_norm(config.norm, rank))
    if attention.query_rank is None:
        return count + _linear(width, queries)
    count += _linear(width, attention.query_rank, bias=bias)
    count += Count(vectors=_norm(config.norm, attention.query_rank))
    return count + _linear(attention.query_rank, queries)


def _feed_forward(layer: FeedForwardConfig, config: ModelConfig) -> Count:
    if isinstance(layer, ExpertsConfig):
        return _experts(layer, config)
    assert isinstance(layer, PlainConfig | GatedConfig)
    ups = 2 if isinstance(layer, GatedConfig) else 1
    up = _linear(config.model_dim, ups * layer.hidden_dim, bias=layer.bias)
    return up + _linear(layer.hidden_dim, config.model_dim, bias=layer.bias)


def _experts(layer: ExpertsConfig, config: ModelConfig) -> Count:
    one = _feed_forward(GatedConfig(hidden_dim=layer.hidden_dim, bias=layer.bias), config)
    resting = (layer.num_experts - layer.experts_per_token) * one.total
    count = _linear(config.model_dim, layer.num_experts, bias=layer.bias)
    count += sum((one for _ in range(layer.num_experts)), Count(resting=resting))
    if layer.shared_hidden_dim:
        shared = GatedConfig(hidden_dim=layer.shared_hidden_dim, bias=layer.bias)
        count += _feed_forward(shared, config)
    return count + Count(frozen=layer.num_experts if layer.balance == "bias" else 0)
