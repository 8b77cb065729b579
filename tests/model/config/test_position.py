import pytest

from textus.model.config.position import RotaryConfig, fraction_of


@pytest.mark.parametrize("head_dim", range(2, 130))
def test_what_turns_is_the_number_that_the_fraction_was_made_of(head_dim: int):
    """47 * (12 / 47) and its like fall short."""
    for turned in range(2, head_dim + 1):
        assert RotaryConfig(fraction=fraction_of(turned, head_dim)).turned(head_dim) == turned
