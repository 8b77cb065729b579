import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from textus.model.rotary import Rotary, rotate


@given(st.integers(0, 500), st.integers(0, 500), st.integers(0, 500))
@settings(max_examples=30)
def test_scores_depend_on_distance_alone(query: int, key: int, shift: int):
    rotary = Rotary(8, 10_000.0)
    q, k = torch.randn(2, 1, 1, 1, 8).unbind()

    def score(a: int, b: int) -> float:
        turned = [rotate(x, rotary(torch.tensor([p]))) for x, p in ((q, a), (k, b))]
        return float((turned[0] * turned[1]).sum())

    assert score(query, key) == pytest.approx(score(query + shift, key + shift), abs=1e-3)


def test_rotation_keeps_lengths_and_leaves_position_0_alone():
    x = torch.randn(2, 5, 3, 8)
    turned = rotate(x, Rotary(8, 10_000.0)(torch.arange(5)))
    torch.testing.assert_close(turned.norm(dim=-1), x.norm(dim=-1))
    assert turned[:, 0].equal(x[:, 0])
    assert not turned[:, 1].allclose(x[:, 1])


def test_each_pair_turns_as_a_complex_number():
    """The first and second half of a head are the real and imaginary parts."""
    x, theta = torch.randn(1, 7, 2, 6), 100.0
    pairs = torch.complex(x[..., :3], x[..., 3:])
    angles = torch.arange(7)[:, None] * theta ** -(torch.arange(3) / 3)
    turned = pairs * torch.polar(torch.ones(7, 3), angles)[:, None]
    expected = torch.cat((turned.real, turned.imag), dim=-1)
    result = rotate(x, Rotary(6, theta)(torch.arange(7)))
    torch.testing.assert_close(result, expected, rtol=1e-5, atol=1e-5)


def test_rows_may_have_positions_of_their_own():
    rotary, x = Rotary(4, 10_000.0), torch.randn(2, 3, 1, 4)
    positions = torch.tensor([[0, 1, 2], [5, 6, 7]])
    together = rotate(x, rotary(positions))
    for row in range(2):
        alone = rotate(x[row : row + 1], rotary(positions[row]))
        assert together[row : row + 1].equal(alone)


def test_half_precision_comes_back_in_its_type():
    x = torch.randn(1, 3, 1, 4).bfloat16()
    assert rotate(x, Rotary(4, 10_000.0)(torch.arange(3))).dtype == torch.bfloat16
