"""Gemma, beside what tests/parity says of every family."""

import pytest

from textus.convert.families.gemma import GEMMA, GEMMA2, GEMMA3
from textus.convert.match import differences, read_config
from textus.errors import ConvertError
from textus.model.config import FullReach, LinearScaling, RotaryConfig, SlidingReach
from textus.model.presets import make_config

TWO_B = {"vocab_size": 256000, "hidden_size": 2048, "intermediate_size": 16384}
TWO_B |= {"num_hidden_layers": 18, "num_attention_heads": 8, "num_key_value_heads": 1}
TWO_B |= {"head_dim": 256, "max_position_embeddings": 8192, "rope_theta": 10000.0}
TWO_B |= {"hidden_act": "gelu", "hidden_activation": None, "rms_norm_eps": 1e-6}
SECOND = {"vocab_size": 256000, "hidden_size": 2304, "intermediate_size": 9216}
SECOND |= {"num_hidden_layers": 26, "num_attention_heads": 8, "num_key_value_heads": 4}
SECOND |= {"head_dim": 256, "max_position_embeddings": 8192, "query_pre_attn_scalar": 256}
SECOND |= {"hidden_act": "gelu_pytorch_tanh", "hidden_activation": "gelu_pytorch_tanh"}
SECOND |= {"attn_logit_softcapping": 50.0, "final_logit_softcapping": 30.0}
SECOND |= {"sliding_window": 4096, "rope_theta": 10000.0, "cache_implementation": "hybrid"}
THIRD = {"vocab_size": 262144, "hidden_size": 1152, "intermediate_size": 6912}
THIRD |= {"num_hidden_layers": 26, "num_attention_heads": 4, "num_key_value_heads": 1}
THIRD |= {"head_dim": 256, "max_position_embeddings": 32768, "query_pre_attn_scalar": 256}
THIRD |= {"hidden_activation": "gelu_pytorch_tanh", "sliding_window": 1024}
THIRD |= {"sliding_window_pattern": 6, "rope_theta": 1000000, "rope_local_base_freq": 10000}
THIRD |= {"rope_scaling": None, "attn_logit_softcapping": None, "final_logit_softcapping": None}


def test_presets_at_the_published_sizes_are_the_published_models():
    sizes = {"vocab_size": 256000, "max_seq_len": 8192, "num_layers": 18, "model_dim": 2048}
    heads = {"num_heads": 8, "num_kv_heads": 1, "head_dim": 256}
    assert (
        differences(make_config("gemma", **sizes, attention=heads), read_config(GEMMA, TWO_B)) == []
    )
    sizes = {"vocab_size": 256000, "max_seq_len": 8192, "num_layers": 26, "model_dim": 2304}
    heads = {"num_heads": 8, "head_dim": 256}
    second = make_config("gemma2", **sizes, attention=heads)
    assert differences(second, read_config(GEMMA2, SECOND)) == []
    sizes = {"vocab_size": 262144, "max_seq_len": 32768, "num_layers": 26, "model_dim": 1152}
    heads = {"num_heads": 4, "num_kv_heads": 1, "head_dim": 256}
    third = make_config("gemma3", **sizes, attention=heads)
    assert differences(third, read_config(GEMMA3, THIRD)) == []


def test_each_sixth_layer_sees_all_with_slow_positions():
    layers = read_config(GEMMA3, THIRD | {"rope_scaling": {"rope_type": "linear", "factor": 8.0}})
    local = (SlidingReach(window=1024), RotaryConfig(theta=10_000.0))
    whole = (FullReach(), RotaryConfig(theta=1e6, scaling=LinearScaling(factor=8.0)))
    expected = [whole if (i + 1) % 6 == 0 else local for i in range(26)]
    assert [(layer.reach, layer.position) for layer in layers.layers] == expected


def test_all_layers_may_be_of_one_type():
    types = ["sliding_attention"] * 26
    config = read_config(GEMMA3, THIRD | {"layer_types": types})
    assert {layer.reach for layer in config.layers} == {SlidingReach(window=1024)}
    assert {layer.position for layer in config.layers} == {RotaryConfig(theta=10_000.0)}
    config = read_config(GEMMA2, SECOND | {"layer_types": ["full_attention"] * 26})
    assert {layer.reach for layer in config.layers} == {FullReach()}


def test_the_exact_gelu_is_not_what_gemma_calls_gelu():
    exact = make_config("gemma", model_dim=64, feed_forward={"activation": "gelu"})
    with pytest.raises(ConvertError, match="gelu_tanh"):
        GEMMA.write(exact)


def test_looking_ahead_is_refused():
    with pytest.raises(ConvertError, match="use_bidirectional_attention"):
        GEMMA3.read(THIRD | {"use_bidirectional_attention": True})


def test_what_scores_are_multiplied_by_is_said_by_its_inverse_square():
    divided = make_config("gemma2", model_dim=64, attention={"scale": 144**-0.5})
    assert GEMMA2.write(divided)["query_pre_attn_scalar"] == 144
    with pytest.raises(ConvertError, match=r"scale=0\.3"):
        GEMMA2.write(make_config("gemma2", model_dim=64, attention={"scale": 0.3}))


def test_scaled_positions_of_layers_with_a_window_are_refused():
    scaled = {"kind": "rotary", "scaling": {"kind": "linear", "factor": 2.0}}
    pattern = [{"reach": {"kind": "sliding", "window": 8}, "position": scaled}, {}]
    with pytest.raises(ConvertError, match="layers with a window"):
        GEMMA3.write(make_config("gemma3", model_dim=64, pattern=pattern))
