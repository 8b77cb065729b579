import math

import pytest

from textus.convert.gguf_match import match
from textus.errors import ConvertError
from textus.model.config import RotaryConfig

FULL = {"reach": {"kind": "full"}}


@pytest.mark.parametrize(
    ("architecture", "settings", "said"),
    [
        ("gpt", {}, "'gpt2', which needs arrangement = pre instead of post"),
        ("gpt3", {}, "'gpt2', which needs reach.kind = full instead of banded"),
        ("gpt2", {"position": {"kind": "alibi"}}, "position.kind = learned instead of alibi"),
        ("gpt2", {"feed_forward": {"activation": "relu"}}, "activation = gelu instead of relu"),
        ("mistral", {}, "'llama', which needs reach.kind = full instead of sliding"),
        ("qwen3", {"embedding": {"smear": True}}, "embedding.smear = false instead of true"),
        ("qwen3", {"attention": {"scale": 0.5}}, "attention.scale = 0.288675 instead of 0.5"),
        ("gemma", {"feed_forward": {"bias": True}}, "feed_forward.bias = false instead of true"),
        ("olmo2", {"attention": {"bias": "all"}}, "attention.bias = none instead of all"),
        ("gemma2", {"head": {"tied": False}}, "head.tied = true instead of false"),
    ],
)
def test_a_model_without_counterpart_is_told_what_to_change(
    architecture: str, settings, said: str, small_config
):
    fitting = {"attention": {"num_heads": 4, "head_dim": 12}, "model_dim": 48}
    with pytest.raises(ConvertError) as refused:
        match(small_config(architecture, **fitting | settings))
    assert said in str(refused.value)


def test_a_pattern_of_layers_that_no_form_has_is_refused(small_config):
    first_full = [{"count": 1}, {"count": 1, "reach": {"kind": "sliding", "window": 8}}]
    with pytest.raises(ConvertError, match=r"reach\.kind"):
        match(small_config("gemma2", pattern=first_full))


def test_a_window_as_long_as_any_text_is_none(small_config):
    found = match(small_config("mistral", reach={"kind": "sliding", "window": 32}))
    assert found.form.name == "llama"


def test_ntk_scaling_is_taken_into_the_base(small_config):
    scaling = {"kind": "ntk", "factor": 3.0}
    found = match(small_config(position={"scaling": scaling}))
    assert isinstance(found.config.position, RotaryConfig)
    assert found.config.position.scaling is None
    assert math.isclose(found.config.position.theta, 10_000 * 3 ** (12 / 10), rel_tol=1e-6)


def test_the_form_with_the_fewest_added_zeros_is_taken(small_config):
    assert match(small_config("llama")).form.name == "llama"
    assert match(small_config("qwen2")).form.name == "qwen2"
    assert match(small_config("llama", attention={"bias": "output"})).form.name == "llama"


def test_a_missing_latent_of_queries_is_named(small_config):
    latent = {"num_heads": 4, "head_dim": 12, "query_rank": None}
    with pytest.raises(ConvertError, match=r"attention\.query_rank = 20 instead of none"):
        match(small_config("deepseek_v3", attention=latent))
