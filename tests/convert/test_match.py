from typing import Any

import pytest

from textus.convert.catalogue import FAMILIES
from textus.convert.match import differences, match_family, read_config
from textus.errors import ConvertError
from textus.model.config import ModelConfig
from textus.model.presets import make_config


def small(architecture: str, **settings: Any) -> ModelConfig:
    sizes = {"vocab_size": 61, "max_seq_len": 32, "num_layers": 2, "model_dim": 32}
    return make_config(architecture, **sizes | {"attention": {"num_heads": 2}} | settings)


@pytest.mark.parametrize("architecture", ["llama", "llama3", "mistral", "qwen2", "qwen3", "olmo2"])
def test_presets_are_said_by_their_own_family(architecture: str):
    config = small(architecture)
    family, theirs = match_family(config)
    assert family.model_type == architecture.rstrip("3" if architecture == "llama3" else "")
    assert differences(config, read_config(family, theirs)) == []


def test_another_family_says_it_where_its_own_cannot():
    config = small("qwen3", attention={"num_heads": 2, "qk_norm": "none"})
    assert match_family(config)[0].model_type == "llama"
    config = small("llama", attention={"num_heads": 2, "bias": "input"})
    assert match_family(config)[0].model_type == "qwen2"


def test_what_stands_in_the_way_is_named():
    config = small("qwen3", head={"softcap": 15.0}, norm={"learned": False})
    with pytest.raises(ConvertError) as refused:
        match_family(config)
    assert "The nearest is qwen3" in str(refused.value)
    assert "head.softcap: 15.0 -> not set" in str(refused.value)
    assert "norm.learned: False -> True" in str(refused.value)


def test_a_kind_of_part_that_no_family_has_is_named():
    config = small("qwen3", position="alibi")
    with pytest.raises(ConvertError, match=r"position\.kind: alibi -> rotary"):
        match_family(config)


def test_layers_count_and_not_how_their_pattern_is_written():
    entry = {"reach": {"kind": "sliding", "window": 8}}
    one = small("llama", pattern=[{"count": 1} | entry, {"count": 1}])
    other = small("llama", **entry, pattern=[{"count": 1}, {"count": 1, "reach": "full"}])
    assert one != other
    assert differences(one, other) == []
    assert differences(one, small("llama")) != []


def test_what_training_alone_reads_does_not_count():
    one = small("qwen3", initialisation="normal", attention={"num_heads": 2, "scale": 64**-0.5})
    assert differences(one, small("qwen3")) == []
    balanced = small("mixtral", feed_forward={"balance_weight": 0.5})
    assert differences(balanced, small("mixtral", feed_forward={"balance": "none"})) == []
    assert differences(balanced, small("mixtral", feed_forward={"balance": "bias"})) != []


def test_families_are_found_by_their_own_name():
    assert all(name == family.model_type for name, family in FAMILIES.items())


def test_layers_that_differ_are_numbered():
    with pytest.raises(ConvertError) as refused:
        match_family(small("gpt3", num_layers=4, attention={"num_heads": 1, "head_dim": 32}))
    assert "reach.kind: banded -> full (layers 1, 3)" in str(refused.value)
    assert "reach.block" not in str(refused.value)
