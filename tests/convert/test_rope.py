from typing import Any

import pytest

from textus.convert.rope import read_rope, write_rope
from textus.errors import ConvertError
from textus.model.config import (
    LearnedConfig,
    LinearScaling,
    Llama3Scaling,
    NTKScaling,
    RotaryConfig,
    YarnScaling,
)
from textus.recipe import build

POSITIONS = {
    "plain": RotaryConfig(theta=500.0),
    "a part": RotaryConfig(fraction=0.25),
    "linear": RotaryConfig(scaling=LinearScaling(factor=2.0)),
    "llama3": RotaryConfig(scaling=Llama3Scaling(factor=8.0, low_frequency=2.0)),
    "yarn": RotaryConfig(scaling=YarnScaling(original_seq_len=64, beta_fast=9.0, truncate=False)),
    "yarn, loud": RotaryConfig(scaling=YarnScaling(attention_factor=1.3)),
}


@pytest.mark.parametrize("name", POSITIONS)
def test_what_is_written_is_read_back(name: str):
    position = POSITIONS[name]
    theirs = write_rope(position) | {"max_position_embeddings": 99}
    assert build(type(position), {k: v for k, v in read_rope(theirs).items() if k != "kind"}) == (
        position
    )


def test_every_kind_of_scaling_keeps_its_name_in_old_files():
    """As Llama 3.1 and Qwen2.5 have it, on which transformers 4 and 5 agree."""
    old = {"factor": 8.0, "original_max_position_embeddings": 8192, "type": "yarn"}
    found = read_rope({"rope_theta": 1e6, "rope_scaling": old})
    assert found["theta"] == 1e6
    assert found["scaling"] == {"kind": "yarn", "factor": 8.0, "original_seq_len": 8192}


def test_a_table_for_each_type_of_layer_is_looked_into():
    tables = {
        "full_attention": {"rope_type": "linear", "rope_theta": 9.0, "factor": 8.0},
        "sliding_attention": {"rope_type": "default", "rope_theta": 5.0},
    }
    found = [read_rope({"rope_parameters": tables}, of=kind) for kind in tables]
    assert [f["theta"] for f in found] == [9.0, 5.0]
    assert ["scaling" in f for f in found] == [True, False]


def test_the_length_trained_at_is_the_whole_one_where_it_is_not_said():
    theirs = {"max_position_embeddings": 77, "rope_scaling": {"rope_type": "yarn", "factor": 2.0}}
    assert read_rope(theirs)["scaling"]["original_seq_len"] == 77


@pytest.mark.parametrize(
    ("scaling", "message"),
    [
        ({"rope_type": "dynamic", "factor": 2.0}, "scaled by 'dynamic', which has no counterpart"),
        ({"type": "su", "long_factor": [1.0]}, "scaled by 'su'"),
        ({"rope_type": "linear", "factor": 2.0, "odd": 3}, "{'odd': 3} of scaled rotary positions"),
    ],
)
def test_what_has_no_counterpart_is_named(scaling: dict[str, Any], message: str):
    with pytest.raises(ConvertError, match=message):
        read_rope({"rope_scaling": scaling})


@pytest.mark.parametrize(
    ("position", "message"),
    [
        (RotaryConfig(pairs="neighbours"), "position.pairs: neighbours -> halves"),
        (
            RotaryConfig(scaling=NTKScaling()),
            "position.scaling.kind: ntk -> linear, yarn or llama3",
        ),
        (LearnedConfig(), "position.kind: learned -> rotary"),
    ],
)
def test_what_cannot_be_written_is_named(position: Any, message: str):
    with pytest.raises(ConvertError, match=message):
        write_rope(position)
