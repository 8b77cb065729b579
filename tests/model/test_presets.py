from typing import Any

import pytest

from textus.errors import RecipeError
from textus.model.config import (
    ExpertsConfig,
    GatedConfig,
    GroupedConfig,
    LatentConfig,
    LearnedConfig,
    ModelConfig,
    PlainConfig,
    RotaryConfig,
)
from textus.model.presets import PRESETS, complete, make_config
from textus.model.presets.sizes import Sizes, own_window, round_up, shared_heads
from textus.recipe import Text, build, to_tree


@pytest.mark.parametrize("architecture", PRESETS)
@pytest.mark.parametrize(("dim", "heads"), [(64, 1), (192, 3), (256, 4), (100, 5)])
def test_presets_fit_every_width(architecture: str, dim: int, heads: int):
    config = make_config(architecture, model_dim=dim, attention={"num_heads": heads})
    assert config.architecture == architecture
    assert (config.model_dim, config.attention.num_heads) == (dim, heads)


@pytest.mark.parametrize("architecture", PRESETS)
def test_a_configuration_written_out_comes_back(architecture: str):
    config = make_config(architecture, num_layers=3)
    tree = to_tree(config)
    assert build(ModelConfig, tree) == config
    assert build(ModelConfig, complete(tree)) == config


def test_the_default_is_what_its_preset_says():
    assert make_config() == ModelConfig(
        attention=GroupedConfig(num_kv_heads=2), feed_forward=GatedConfig(hidden_dim=704)
    )


def test_what_is_set_wins_over_the_preset():
    config = make_config("gpt2", attention={"bias": "none"}, head={"tied": False})
    assert isinstance(config.attention, GroupedConfig)
    assert (config.attention.bias, config.attention.qk_norm) == ("none", "none")
    assert not config.head.tied
    assert config.position == LearnedConfig()


def test_heads_follow_from_the_width():
    assert make_config(model_dim=320).attention.num_heads == 5
    assert make_config(model_dim=320, attention={"head_dim": 32}).attention.num_heads == 10
    assert make_config(model_dim=24).attention.num_heads == 1


@pytest.mark.parametrize("value", ["latent", Text("latent"), {"kind": "latent"}])
def test_a_part_of_another_kind_begins_afresh(value: Any):
    config = make_config("gpt2", model_dim=128, attention=value, position="rotary")
    assert config.attention == LatentConfig(num_heads=2, kv_rank=32)
    assert config.position == RotaryConfig()
    other = make_config("gpt2", model_dim=128, feed_forward="gated")
    assert other.feed_forward == GatedConfig(hidden_dim=384)  # no bias, which was gpt2's
    other = make_config("qwen3", model_dim=128, feed_forward={"kind": "plain", "bias": True})
    assert other.feed_forward == PlainConfig(hidden_dim=512, bias=True)


def test_settings_of_the_presets_own_kinds_need_not_name_them():
    config = make_config("deepseek_v3", attention={"rope_dim": 8}, feed_forward={"clamp": 7.0})
    assert isinstance(config.attention, LatentConfig)
    assert isinstance(config.feed_forward, ExpertsConfig)
    assert (config.attention.rope_dim, config.feed_forward.clamp) == (8, 7.0)


def test_an_unknown_architecture_is_named():
    with pytest.raises(RecipeError, match=r"unknown model\.architecture 'gpt22'; did you mean"):
        make_config("gpt22")


def test_mistakes_name_their_place():
    with pytest.raises(RecipeError, match=r"\[model\.attention\] num_heads=3 is not a multiple"):
        make_config(attention={"num_heads": 3, "num_kv_heads": 2})
    with pytest.raises(RecipeError, match=r"model\.attention\.num_heads='x' should be a whole"):
        make_config(attention={"num_heads": "x"})


def test_round_up_reaches_the_next_multiple():
    assert [round_up(x, 64) for x in (1, 64, 64.5, 682.7)] == [64, 64, 128, 704]


def test_key_heads_are_shared_evenly():
    assert [shared_heads(n) for n in (1, 2, 3, 8)] == [1, 1, 3, 4]
    assert [shared_heads(n, 4) for n in (1, 6, 8)] == [1, 2, 2]


def test_windows_are_their_own_or_a_share_of_short_texts():
    sizes = [
        Sizes(model_dim=1, num_layers=1, num_heads=1, head_dim=1, max_seq_len=length)
        for length in (1, 512, 4096)
    ]
    assert [own_window(256, each, share=4) for each in sizes] == [1, 128, 256]
