from typing import Any, get_args

import pytest

from textus.errors import RecipeError
from textus.model.config import GatedConfig, ModelConfig
from textus.model.presets import PRESETS, make_config
from textus.model.size import Equal, count_parameters, counterpart, flops_per_token

SIZES: dict[str, Any] = {"vocab_size": 2048, "num_layers": 4, "model_dim": 384, "max_seq_len": 256}


def _size(config: ModelConfig, equal: Equal) -> int:
    if equal == "parameters":
        return count_parameters(config).total
    return flops_per_token(config, 256, backward=True)


def _hidden(config: ModelConfig) -> int:
    assert isinstance(config.feed_forward, GatedConfig)
    return config.feed_forward.hidden_dim


@pytest.mark.parametrize("equal", get_args(Equal))
@pytest.mark.parametrize("architecture", PRESETS)
def test_every_preset_has_a_counterpart_of_the_default(architecture: str, equal: Equal):
    changed, base = make_config(architecture, **SIZES), make_config(**SIZES)
    found = counterpart(changed, like=base, equal=equal)
    assert _size(found.config, equal) == pytest.approx(_size(base, equal), rel=0.02)
    assert found.difference == pytest.approx(_size(found.config, equal) / _size(base, equal) - 1)


@pytest.mark.parametrize("architecture", PRESETS)
def test_a_counterpart_differs_in_widths_alone(architecture: str):
    changed = make_config(architecture, **SIZES)
    found = counterpart(changed, like=make_config(**SIZES))
    if found.dial == "hidden_dim":
        assert found.config.attention == changed.attention
        assert found.config.model_dim == changed.model_dim
    for layer, before in zip(found.config.layers, changed.layers, strict=True):
        assert (layer.reach, layer.position) == (before.reach, before.position)
        assert type(layer.feed_forward) is type(before.feed_forward)
        heads, earlier = layer.attention.num_heads, before.attention.num_heads
        assert found.config.model_dim * earlier == changed.model_dim * heads


def test_feed_forward_takes_up_a_small_change():
    base = make_config(**SIZES)
    changed = make_config(**SIZES, attention={"num_kv_heads": base.attention.num_heads})
    found = counterpart(changed, like=base)
    assert found.dial == "hidden_dim"
    assert _hidden(found.config) < _hidden(base)
    assert abs(found.difference) < 0.005


def test_the_whole_width_takes_up_a_large_change():
    base = make_config(**SIZES)
    found = counterpart(make_config("mixtral", **SIZES), like=base)
    assert found.dial == "model_dim"
    assert found.config.model_dim < base.model_dim


def test_an_equal_model_stays_as_it_is():
    base = make_config(**SIZES)
    found = counterpart(base, like=base)
    assert (found.config, found.dial, found.difference) == (base, "none", 0)


def test_an_embedding_that_grows_with_the_width_still_does():
    found = counterpart(make_config("gemma", **SIZES), like=make_config(**SIZES))
    assert found.dial == "model_dim"
    assert found.config.embedding.scale**2 == pytest.approx(found.config.model_dim)


def test_a_model_that_no_width_makes_as_small_is_refused():
    small = make_config(**(SIZES | {"num_layers": 1, "model_dim": 64, "vocab_size": 16}))
    with pytest.raises(RecipeError, match=r"no width .* change model.num_layers"):
        counterpart(make_config(**SIZES), like=small)


def test_what_cannot_be_equal_is_refused():
    base = make_config(**SIZES)
    with pytest.raises(RecipeError, match="equal='flop' should be one of parameters, flops"):
        counterpart(base, like=base, equal="flop")  # pyrefly: ignore[bad-argument-type]
