"""What a model is, as numbers and names: enough to build it, to count it and to load it again.

Each part has a small class of settings, in a file of its own; `kind` picks among siblings.

model.py         ModelConfig: the whole; LayerConfig: one layer of a repeating pattern
attention.py     grouped or latent attention
reach.py         which earlier tokens a layer looks at: full, sliding, banded, strided
position.py      rotary, learned, sinusoidal, alibi, none
feed_forward.py  plain, gated, experts
norm.py          rms, layer
embedding.py     ids to vectors, and vectors to logits
"""

from textus.model.config.attention import AttentionConfig, GroupedConfig, LatentConfig
from textus.model.config.embedding import EmbeddingConfig, HeadConfig
from textus.model.config.feed_forward import (
    ExpertsConfig,
    FeedForwardConfig,
    GatedConfig,
    PlainConfig,
)
from textus.model.config.model import Arrangement, Layer, LayerConfig, ModelConfig
from textus.model.config.norm import LayerNormConfig, NormConfig, RMSNormConfig
from textus.model.config.position import (
    AlibiConfig,
    LearnedConfig,
    LinearScaling,
    Llama3Scaling,
    NoPositionConfig,
    NTKScaling,
    PositionConfig,
    RotaryConfig,
    ScalingConfig,
    SinusoidalConfig,
    YarnScaling,
)
from textus.model.config.reach import (
    BandedReach,
    FullReach,
    ReachConfig,
    SlidingReach,
    StridedReach,
)

__all__ = [
    "AlibiConfig",
    "Arrangement",
    "AttentionConfig",
    "BandedReach",
    "EmbeddingConfig",
    "ExpertsConfig",
    "FeedForwardConfig",
    "FullReach",
    "GatedConfig",
    "GroupedConfig",
    "HeadConfig",
    "LatentConfig",
    "Layer",
    "LayerConfig",
    "LayerNormConfig",
    "LearnedConfig",
    "LinearScaling",
    "Llama3Scaling",
    "ModelConfig",
    "NTKScaling",
    "NoPositionConfig",
    "NormConfig",
    "PlainConfig",
    "PositionConfig",
    "RMSNormConfig",
    "ReachConfig",
    "RotaryConfig",
    "ScalingConfig",
    "SinusoidalConfig",
    "SlidingReach",
    "StridedReach",
    "YarnScaling",
]
