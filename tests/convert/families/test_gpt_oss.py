"""gpt-oss, beside what tests/parity says of every family."""

import pytest

from textus.convert.families.gpt_oss import GPT_OSS
from textus.convert.match import differences, match_family, read_config
from textus.errors import ConvertError
from textus.model.presets import make_config

YARN = {"rope_type": "yarn", "factor": 32.0, "beta_fast": 32.0, "beta_slow": 1.0}
YARN |= {"truncate": False, "original_max_position_embeddings": 4096}
TWENTY_B = {"vocab_size": 201088, "hidden_size": 2880, "intermediate_size": 2880}
TWENTY_B |= {"num_hidden_layers": 24, "num_attention_heads": 64, "num_key_value_heads": 8}
TWENTY_B |= {"head_dim": 64, "num_local_experts": 32, "num_experts_per_tok": 4}
TWENTY_B |= {"experts_per_token": 4, "sliding_window": 128, "max_position_embeddings": 131072}
TWENTY_B |= {"initial_context_length": 4096, "attention_bias": True, "swiglu_limit": 7.0}
TWENTY_B |= {"rms_norm_eps": 1e-5, "rope_theta": 150000, "rope_scaling": YARN}
TWENTY_B |= {"tie_word_embeddings": False, "hidden_act": "silu"}


def test_the_preset_at_the_published_size_is_the_published_model():
    sizes = {"vocab_size": 201088, "max_seq_len": 131072, "num_layers": 24, "model_dim": 2880}
    preset = make_config("gpt_oss", **sizes, attention={"num_heads": 64})
    assert differences(preset, read_config(GPT_OSS, TWENTY_B)) == []


def test_four_bit_blocks_are_refused():
    with pytest.raises(ConvertError, match="quantization_config"):
        GPT_OSS.read(TWENTY_B | {"quantization_config": {"quant_method": "mxfp4"}})


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"attention": {"sinks": False}}, "attention.sinks"),
        ({"feed_forward": {"bias": False}}, "feed_forward.bias"),
        ({"feed_forward": {"normalize": False}}, "feed_forward.normalize"),
    ],
)
def test_what_it_cannot_say_is_named(settings: dict[str, dict[str, bool]], named: str):
    with pytest.raises(ConvertError, match=named):
        match_family(make_config("gpt_oss", num_layers=2, model_dim=64, **settings))


def test_positions_that_are_not_scaled_are_said_to_be_so():
    """Where nothing is said, transformers 5 takes those of the published models."""
    transformers = pytest.importorskip("transformers")
    theirs = GPT_OSS.write(make_config("gpt_oss", position={"theta": 500.0}))
    config = transformers.GptOssConfig(**theirs)
    assert config.rope_parameters == {"rope_type": "default", "rope_theta": 500.0}
