import subprocess
import sys
from typing import Any

import pytest

from textus.errors import RecipeError
from textus.model.config import (
    AttentionConfig,
    BandedReach,
    EmbeddingConfig,
    ExpertsConfig,
    FullReach,
    GatedConfig,
    GroupedConfig,
    HeadConfig,
    LatentConfig,
    LayerConfig,
    LayerNormConfig,
    LearnedConfig,
    LinearScaling,
    Llama3Scaling,
    ModelConfig,
    NoPositionConfig,
    NTKScaling,
    PlainConfig,
    PositionConfig,
    RMSNormConfig,
    RotaryConfig,
    SinusoidalConfig,
    SlidingReach,
    StridedReach,
    YarnScaling,
)
from textus.model.presets import make_config


@pytest.mark.parametrize(
    ("cls", "settings", "message"),
    [
        (ModelConfig, {"num_layers": 0}, "num_layers=0 must be at least 1"),
        (ModelConfig, {"vocab_size": -5}, "vocab_size=-5 must be at least 1"),
        (ModelConfig, {"max_seq_len": 0}, "max_seq_len=0 must be at least 1"),
        (ModelConfig, {"model_dim": 0}, "model_dim=0 must be at least 1"),
        (ModelConfig, {"predict_ahead": -1}, "predict_ahead=-1 must be at least 0"),
        (LayerConfig, {"count": 0}, "count=0 must be at least 1"),
        (GroupedConfig, {"num_heads": 0}, "num_heads=0 must be at least 1"),
        (GroupedConfig, {"num_kv_heads": 0}, "num_kv_heads=0 must be at least 1"),
        (GroupedConfig, {"head_dim": 0}, "head_dim=0 must be at least 1"),
        (GroupedConfig, {"scale": 0.0}, "scale=0.0 must be above 0"),
        (GroupedConfig, {"softcap": -1.0}, "softcap=-1.0 must be above 0"),
        (
            GroupedConfig,
            {"num_heads": 6, "num_kv_heads": 4},
            "num_heads=6 is not a multiple of num_kv_heads=4; use one of 1, 2, 3, 6",
        ),
        (LatentConfig, {"value_dim": 0}, "value_dim=0 must be at least 1"),
        (LatentConfig, {"kv_rank": 0}, "kv_rank=0 must be at least 1"),
        (LatentConfig, {"query_rank": 0}, "query_rank=0 must be above 0"),
        (LatentConfig, {"rope_dim": 5}, "rope_dim=5 must be even"),
        (SlidingReach, {"window": 0}, "window=0 must be at least 1"),
        (BandedReach, {"block": 0}, "block=0 must be at least 1"),
        (StridedReach, {"stride": 0}, "stride=0 must be at least 1"),
        (RotaryConfig, {"theta": -1.0}, "theta=-1.0 must be above 0"),
        (RotaryConfig, {"fraction": 0.0}, "fraction=0.0 must be above 0"),
        (RotaryConfig, {"fraction": 1.5}, "fraction=1.5 must be at most 1"),
        (LinearScaling, {"factor": 0.5}, "factor=0.5 must be at least 1"),
        (YarnScaling, {"original_seq_len": 0}, "original_seq_len=0 must be at least 1"),
        (YarnScaling, {"attention_factor": 0.0}, "attention_factor=0.0 must be above 0"),
        (
            YarnScaling,
            {"beta_fast": 1.0, "beta_slow": 2.0},
            "beta_fast=1.0 must be above beta_slow=2.0",
        ),
        (
            Llama3Scaling,
            {"low_frequency": 4.0, "high_frequency": 4.0},
            "high_frequency=4.0 must be above low_frequency=4.0",
        ),
        (PlainConfig, {"hidden_dim": 0}, "hidden_dim=0 must be at least 1"),
        (GatedConfig, {"hidden_dim": 0}, "hidden_dim=0 must be at least 1"),
        (ExpertsConfig, {"num_experts": 0}, "num_experts=0 must be at least 1"),
        (ExpertsConfig, {"shared_hidden_dim": -1}, "shared_hidden_dim=-1 must be at least 0"),
        (ExpertsConfig, {"clamp": 0.0}, "clamp=0.0 must be above 0"),
        (
            ExpertsConfig,
            {"num_groups": 3},
            "num_experts=8 is not a multiple of num_groups=3",
        ),
        (
            ExpertsConfig,
            {"num_groups": 2, "groups_per_token": 3},
            "groups_per_token=3 is above num_groups=2",
        ),
        (
            ExpertsConfig,
            {"num_groups": 4, "experts_per_token": 3},
            "experts_per_token=3 is above the 2 experts that a token can be sent to",
        ),
        (RMSNormConfig, {"eps": 0.0}, "eps=0.0 must be above 0"),
        (LayerNormConfig, {"eps": -1e-5}, "eps=-1e-05 must be above 0"),
        (EmbeddingConfig, {"scale": 0.0}, "scale=0.0 must be above 0"),
        (EmbeddingConfig, {"ngram_rows": (5, 0)}, r"ngram_rows=\(5, 0\) must each be at least 1"),
        (HeadConfig, {"softcap": 0.0}, "softcap=0.0 must be above 0"),
    ],
)
def test_impossible_settings_are_refused(cls: type, settings: dict[str, Any], message: str):
    with pytest.raises(RecipeError, match=message):
        cls(**settings)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"attention": GroupedConfig(head_dim=7)}, "head_dim=7 must be even for rotary"),
        (
            {"position": RotaryConfig(fraction=0.3), "attention": GroupedConfig(head_dim=10)},
            "fraction=0.3 of head_dim=10 is 3 values, which must be an even number above 0",
        ),
        (
            {"position": RotaryConfig(fraction=0.1), "attention": GroupedConfig(head_dim=8)},
            "fraction=0.1 of head_dim=8 is 0 values",
        ),
        (
            {
                "position": RotaryConfig(scaling=NTKScaling()),
                "attention": GroupedConfig(head_dim=2),
            },
            "ntk scaling needs at least 4 values of a head that turn, not 2",
        ),
        (
            {"position": RotaryConfig(fraction=0.5), "attention": LatentConfig()},
            "fraction=0.5 is not for latent attention, whose rope_dim says what turns",
        ),
        (
            {"attention": LatentConfig(), "position": LearnedConfig()},
            "latent attention needs rotary positions",
        ),
        (
            {"attention": LatentConfig(), "embedding": EmbeddingConfig(values=True)},
            r"embedding\.values needs grouped attention",
        ),
        *(
            (
                {"pattern": (LayerConfig(), LayerConfig(position=position))},
                "a layer of the pattern cannot have positions that are added to the embedding",
            )
            for position in (LearnedConfig(), SinusoidalConfig())
        ),
        (
            {"pattern": (LayerConfig(), LayerConfig(attention=GroupedConfig(head_dim=3)))},
            "head_dim=3 must be even",
        ),
    ],
)
def test_parts_that_do_not_go_together_are_refused(settings: dict[str, Any], message: str):
    with pytest.raises(RecipeError, match=message):
        ModelConfig(**settings)


def test_odd_heads_are_fine_without_rotation():
    heads = GroupedConfig(head_dim=7)
    for position in (LearnedConfig(), NoPositionConfig()):
        assert ModelConfig(attention=heads, position=position).attention == heads


def test_a_layer_that_is_never_reached_need_not_fit():
    odd = LayerConfig(attention=GroupedConfig(head_dim=7))
    assert len(ModelConfig(num_layers=1, pattern=(LayerConfig(), odd)).layers) == 1


def test_without_a_pattern_all_layers_are_the_models_own():
    config = ModelConfig(num_layers=3)
    assert len(config.layers) == 3
    [layer] = set(config.layers)
    assert (layer.attention, layer.reach) == (config.attention, config.reach)
    assert (layer.position, layer.feed_forward) == (config.position, config.feed_forward)


def test_a_pattern_repeats_to_the_last_layer():
    near, wide = SlidingReach(window=4), PlainConfig(hidden_dim=9)
    config = ModelConfig(
        num_layers=8,
        pattern=(LayerConfig(count=2, reach=near), LayerConfig(feed_forward=wide)),
    )
    assert [layer.reach == near for layer in config.layers] == [1, 1, 0, 1, 1, 0, 1, 1]
    assert [layer.feed_forward == wide for layer in config.layers] == [0, 0, 1, 0, 0, 1, 0, 0]
    assert config.layers[2].reach == FullReach()
    assert all(layer.position == config.position for layer in config.layers)


def test_a_part_of_a_pattern_takes_the_place_of_the_models():
    heads: AttentionConfig = GroupedConfig(num_heads=2, num_kv_heads=1, head_dim=8)
    slow: PositionConfig = RotaryConfig(theta=1e6)
    config = ModelConfig(num_layers=2, pattern=(LayerConfig(attention=heads, position=slow),))
    assert {(layer.attention, layer.position) for layer in config.layers} == {(heads, slow)}


def test_a_pattern_is_written_as_a_list_of_tables():
    config = make_config(
        num_layers=3,
        pattern=[{"count": 2, "reach": {"kind": "sliding", "window": 8}}, {"position": "none"}],
    )
    assert [layer.reach for layer in config.layers[:2]] == 2 * [SlidingReach(window=8)]
    assert config.layers[2].position == NoPositionConfig()


def test_settings_are_read_without_torch():
    code = (
        "import sys, textus.model.config, textus.model.presets; assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
