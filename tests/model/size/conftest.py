import weakref
from collections.abc import Callable
from typing import Any, get_args

import pytest
from hypothesis import strategies as st
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from textus.model.config import (
    AlibiConfig,
    Arrangement,
    AttentionConfig,
    BandedReach,
    EmbeddingConfig,
    ExpertsConfig,
    FeedForwardConfig,
    FullReach,
    GatedConfig,
    GroupedConfig,
    HeadConfig,
    LatentConfig,
    LayerConfig,
    LayerNormConfig,
    LearnedConfig,
    ModelConfig,
    NoPositionConfig,
    PlainConfig,
    PositionConfig,
    RMSNormConfig,
    RotaryConfig,
    SinusoidalConfig,
    SlidingReach,
    StridedReach,
)
from textus.model.config.feed_forward import Activation

Configs = Callable[..., st.SearchStrategy[ModelConfig]]


def _grouped(draw: st.DrawFn) -> GroupedConfig:
    kv_heads, size = draw(st.integers(1, 3)), draw(st.integers(1, 3))
    group = draw(st.integers(2 if kv_heads == 1 else 1, 3))
    return GroupedConfig(
        num_heads=kv_heads * group,
        num_kv_heads=kv_heads,
        head_dim=4 * size,
        qk_norm=draw(st.sampled_from(["none", "head", "whole"])),
        bias=draw(st.sampled_from(["none", "input", "output", "all"])),
        softcap=draw(st.sampled_from([None, None, 20.0])),
        sinks=draw(st.booleans()),
    )


def _latent(draw: st.DrawFn) -> LatentConfig:
    return LatentConfig(
        num_heads=draw(st.integers(2, 3)),
        head_dim=draw(st.integers(1, 8)),
        rope_dim=2 * draw(st.integers(1, 3)),
        value_dim=draw(st.integers(2, 12)),
        kv_rank=draw(st.integers(1, 9)),
        query_rank=draw(st.sampled_from([None, 7])),
        bias=draw(st.booleans()),
    )


def _feed_forward(draw: st.DrawFn) -> FeedForwardConfig:
    kind = draw(st.sampled_from([PlainConfig, GatedConfig, ExpertsConfig]))
    settings: dict[str, Any] = {
        "hidden_dim": draw(st.integers(1, 40)),
        "bias": draw(st.booleans()),
        "activation": draw(st.sampled_from(get_args(Activation))),
    }
    if kind is ExpertsConfig:
        settings |= {
            "num_experts": draw(st.integers(3, 6)),
            "experts_per_token": draw(st.integers(1, 3)),
            "shared_hidden_dim": draw(st.sampled_from([0, 9])),
            "clamp": draw(st.sampled_from([None, 5.0])),
            "routing": draw(st.sampled_from(["softmax", "sigmoid"])),
            "normalize": draw(st.booleans()),
            "balance": draw(st.sampled_from(["none", "loss", "bias"])),
        }
    return kind(**settings)


REACHES = (
    FullReach(),
    FullReach(),
    SlidingReach(window=5),
    BandedReach(block=3),
    StridedReach(stride=4),
)
INSIDE = (RotaryConfig(), RotaryConfig(fraction=0.5), AlibiConfig(), NoPositionConfig())
ADDED = (LearnedConfig(), SinusoidalConfig())
NORMS = (
    RMSNormConfig(),
    RMSNormConfig(learned=False),
    LayerNormConfig(),
    LayerNormConfig(bias=False),
    LayerNormConfig(learned=False),
)


@st.composite
def _configs(draw: st.DrawFn, **settings: Any) -> ModelConfig:
    """Any combination of parts, at sizes that are built in no time; `settings` are fixed."""
    attention: AttentionConfig = draw(st.sampled_from([_grouped, _grouped, _latent]))(draw)
    places: tuple[PositionConfig, ...] = (*INSIDE, *ADDED)
    if isinstance(attention, LatentConfig):
        places = INSIDE[:1]
    reaches, further = st.sampled_from(REACHES), st.booleans()
    entries = [LayerConfig()]
    if draw(further):
        entries.append(LayerConfig(reach=draw(reaches), feed_forward=_feed_forward(draw)))
    embedding = EmbeddingConfig(
        scale=draw(st.sampled_from([1.0, 3.0])),
        norm=draw(st.booleans()),
        ngram_rows=draw(st.sampled_from([(), (), (7,), (7, 5)])),
        values=draw(st.booleans()) and isinstance(attention, GroupedConfig),
        skip=draw(st.booleans()),
        smear=draw(st.booleans()),
    )
    drawn: dict[str, Any] = {
        "embedding": embedding,
        "vocab_size": draw(st.integers(1, 40)),
        "max_seq_len": draw(st.integers(20, 24)),
        "num_layers": draw(st.integers(1, 3)),
        "model_dim": draw(st.integers(1, 24)),
        "attention": attention,
        "feed_forward": _feed_forward(draw),
        "reach": draw(reaches),
        "position": draw(st.sampled_from(places)),
        "pattern": tuple(entries),
        "norm": draw(st.sampled_from(NORMS)),
        "head": HeadConfig(tied=draw(st.booleans()), bias=draw(st.booleans())),
        "arrangement": draw(st.sampled_from(get_args(Arrangement))),
        "predict_ahead": draw(st.integers(0, 2)),
    }
    return ModelConfig(**(drawn | settings))


@pytest.fixture(scope="session")
def configs() -> Configs:
    return _configs


class Live(TorchDispatchMode):
    """Follows the bytes of all storages that exist, and the most there ever were."""

    def __init__(self) -> None:
        super().__init__()
        self.now = self.peak = 0
        self.seen = weakref.WeakSet()

    def add(self, tensor: Tensor) -> None:
        storage = tensor.untyped_storage()
        if storage not in self.seen:
            self.seen.add(storage)
            self._count(storage.nbytes())
            weakref.finalize(storage, self._count, -storage.nbytes())

    def _count(self, size: int) -> None:
        self.now += size
        self.peak = max(self.peak, self.now)

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        for leaf in tree_leaves(result):
            if isinstance(leaf, Tensor):
                self.add(leaf)
        return result


@pytest.fixture(scope="session")
def make_live() -> type[Live]:
    return Live
