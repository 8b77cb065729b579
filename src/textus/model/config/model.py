"""The whole model's settings."""

from dataclasses import dataclass, field
from typing import Literal

from textus.errors import RecipeError
from textus.model.config.attention import AttentionConfig, GroupedConfig, LatentConfig
from textus.model.config.checks import check_at_least
from textus.model.config.embedding import EmbeddingConfig, HeadConfig
from textus.model.config.feed_forward import FeedForwardConfig, GatedConfig
from textus.model.config.norm import NormConfig, RMSNormConfig
from textus.model.config.position import (
    LearnedConfig,
    NTKScaling,
    PositionConfig,
    RotaryConfig,
    SinusoidalConfig,
)
from textus.model.config.reach import FullReach, ReachConfig

Arrangement = Literal["pre", "post", "sandwich", "output", "parallel", "shared"]


@dataclass(frozen=True, kw_only=True)
class LayerConfig:
    """One entry of a repeating pattern; parts that are not set are the model's."""

    count: int = 1
    """Layers of this form, one behind another."""
    attention: AttentionConfig | None = None
    """In place of model.attention."""
    reach: ReachConfig | None = None
    """In place of model.reach."""
    position: PositionConfig | None = None
    """In place of model.position, where neither is added to the embedding."""
    feed_forward: FeedForwardConfig | None = None
    """In place of model.feed_forward."""

    def __post_init__(self) -> None:
        check_at_least(1, self, "count")


@dataclass(frozen=True, kw_only=True)
class Layer:
    """The parts of one layer, every one of them settled."""

    attention: AttentionConfig
    reach: ReachConfig
    position: PositionConfig
    feed_forward: FeedForwardConfig


@dataclass(frozen=True, kw_only=True)
class ModelConfig:
    """A decoder-only transformer. The defaults are the smallest modern model, in Qwen3's form."""

    architecture: str = "qwen3"
    """Preset that the parts below come from unless they are set."""
    vocab_size: int = 8192
    """Rows of the embedding: every id must be below it."""
    max_seq_len: int = 512
    """Longest sequence, in tokens, that the model is meant for."""
    num_layers: int = 4
    """Transformer blocks."""
    model_dim: int = 256
    """Width of the residual stream."""
    embedding: EmbeddingConfig = field(default_factory=EmbeddingConfig)
    """Ids to vectors."""
    position: PositionConfig = field(default_factory=RotaryConfig)
    """How the model knows the order of tokens."""
    attention: AttentionConfig = field(default_factory=GroupedConfig)
    """How tokens look at one another."""
    reach: ReachConfig = field(default_factory=FullReach)
    """Which earlier tokens they look at."""
    feed_forward: FeedForwardConfig = field(default_factory=GatedConfig)
    """How each token is transformed by itself."""
    pattern: tuple[LayerConfig, ...] = ()
    """Layers whose parts differ from those above, repeated from the first layer to the last."""
    norm: NormConfig = field(default_factory=RMSNormConfig)
    """How vectors are normalised."""
    arrangement: Arrangement = "pre"
    """Where a block's norms stand: before each part (pre), behind the sums (post: GPT), before and
    behind each part (sandwich: Gemma 2), behind each part (output: OLMo 2); or both parts side by
    side, with two norms (parallel: GPT-NeoX) or one (shared: GPT-J)."""
    head: HeadConfig = field(default_factory=HeadConfig)
    """Vectors to logits."""
    predict_ahead: int = 0
    """Further tokens that training predicts from each position, by a block each (DeepSeek-V3)."""
    initialisation: Literal["modern", "normal"] = "modern"
    """modern: each layer begins as the identity and the head with a uniform guess; normal: GPT-2's
    normal of deviation 0.02."""

    def __post_init__(self) -> None:
        check_at_least(1, self, "vocab_size", "max_seq_len", "num_layers", "model_dim")
        check_at_least(0, self, "predict_ahead")
        for layer in set(self.layers):
            self._check_layer(layer)

    @property
    def layers(self) -> tuple[Layer, ...]:
        """The parts of each layer, first to last."""
        pattern = [entry for entry in self.pattern or (LayerConfig(),) for _ in range(entry.count)]
        return tuple(self._layer(pattern[i % len(pattern)]) for i in range(self.num_layers))

    def _layer(self, entry: LayerConfig) -> Layer:
        return Layer(
            attention=entry.attention or self.attention,
            reach=entry.reach or self.reach,
            position=entry.position or self.position,
            feed_forward=entry.feed_forward or self.feed_forward,
        )

    def _check_layer(self, layer: Layer) -> None:
        attention, position = layer.attention, layer.position
        added = (LearnedConfig, SinusoidalConfig)
        if position != self.position and isinstance(position, added):
            raise RecipeError(
                "a layer of the pattern cannot have positions that are added to the embedding; "
                "set model.position to them"
            )
        if isinstance(attention, LatentConfig) and not isinstance(position, RotaryConfig):
            raise RecipeError("latent attention needs rotary positions: set position to rotary")
        if isinstance(position, RotaryConfig):
            _check_turned(attention, position)
        if self.embedding.values and not isinstance(attention, GroupedConfig):
            raise RecipeError("embedding.values needs grouped attention")


def _check_turned(attention: AttentionConfig, position: RotaryConfig) -> None:
    """Raises RecipeError unless the values of a head that turn are pairs."""
    if isinstance(attention, LatentConfig):
        if position.fraction != 1:
            raise RecipeError(
                f"fraction={position.fraction} is not for latent attention, whose rope_dim says "
                "what turns; leave it at 1"
            )
        turned = attention.rope_dim
    elif isinstance(attention, GroupedConfig):
        turned = position.turned(attention.head_dim)
        if turned % 2 or not turned:
            raise RecipeError(
                f"head_dim={attention.head_dim} must be even for rotary positions"
                if position.fraction == 1
                else f"fraction={position.fraction} of head_dim={attention.head_dim} is "
                f"{turned} values, which must be an even number above 0"
            )
    else:
        return
    if isinstance(position.scaling, NTKScaling) and turned < 4:
        raise RecipeError(f"ntk scaling needs at least 4 values of a head that turn, not {turned}")
