from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from textus.convert.settings import (
    ACTIVATIONS,
    THEIR_ACTIVATIONS,
    Asked,
    expect,
    part,
    pattern_of,
    read_activation,
)
from textus.errors import ConvertError
from textus.model.config import FullReach, SlidingReach


def test_what_was_not_asked_for_is_known():
    asked = Asked({"a": 1, "b": None, "c": 3, "use_cache": True, "x_dropout": 0.1, "_odd": 1})
    assert (asked["a"], asked.get("b", 7), asked.get("d", 7)) == (1, None, 7)
    assert asked.unread() == {"c": 3}
    assert "c" in asked
    assert asked.unread() == {}


def test_a_setting_that_must_be_there_is_named():
    with pytest.raises(ConvertError, match=r"config\.json does not say hidden_size"):
        Asked({})["hidden_size"]


def test_a_value_without_counterpart_is_named():
    expect({"scoring": "sigmoid"}, "scoring", "sigmoid")
    expect({}, "scoring", "sigmoid")
    with pytest.raises(ConvertError, match=r"says scoring = 'softmax', .* only 'sigmoid' has"):
        expect({"scoring": "softmax"}, "scoring", "sigmoid")


def test_activations_go_there_and_back():
    for ours, theirs in THEIR_ACTIVATIONS.items():
        assert ACTIVATIONS[theirs] == ours
    with pytest.raises(ConvertError, match=r"activation is 'mish', .* known are gelu, gelu_new"):
        read_activation("mish")


def test_a_part_of_another_kind_is_named():
    assert part(FullReach(), FullReach, "reach") == FullReach()
    with pytest.raises(ConvertError, match=r"reach\.kind: full -> sliding"):
        part(FullReach(), SlidingReach, "reach")


@given(st.lists(st.sampled_from("ab"), min_size=1, max_size=9))
def test_a_pattern_repeated_gives_the_layers(kinds: list[str]):
    layers = [{"reach": kind} for kind in kinds]
    pattern = pattern_of(layers)
    written = [{"reach": entry["reach"]} for entry in pattern for _ in range(entry["count"])]
    period = written or layers[:1]
    assert [period[i % len(period)] for i in range(len(layers))] == layers
    assert all(a["reach"] != b["reach"] for a, b in pairwise(pattern))


def test_a_pattern_is_the_shortest():
    layers = [{"reach": kind} for kind in "aabaab"]
    assert pattern_of(layers) == [{"count": 2, "reach": "a"}, {"count": 1, "reach": "b"}]
    assert pattern_of(layers[:2]) == []
