import math
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from textus.model.attention import attend
from textus.model.config import (
    LinearScaling,
    Llama3Scaling,
    NTKScaling,
    RotaryConfig,
    ScalingConfig,
    YarnScaling,
)
from textus.model.position import Alibi, Rotary, Sinusoidal, alibi_slopes, rotary_frequencies

PAIRS = pytest.mark.parametrize("pairs", ["halves", "neighbours"])


def _turn(x: Tensor, positions: Tensor, **how: Any) -> Tensor:
    """x (batch, seq, heads, head_dim) as a query at these positions."""
    config = RotaryConfig(**how)
    return Rotary(config, config.turned(x.size(-1)))(positions).place(x, x)[0]


@PAIRS
@given(st.integers(0, 500), st.integers(0, 500), st.integers(0, 500))
@settings(max_examples=30)
def test_scores_depend_on_distance_alone(pairs: str, query: int, key: int, shift: int):
    q, k = torch.randn(2, 1, 1, 1, 8).unbind()

    def score(a: int, b: int) -> float:
        turned = [_turn(x, torch.tensor([p]), pairs=pairs) for x, p in ((q, a), (k, b))]
        return float((turned[0] * turned[1]).sum())

    assert score(query, key) == pytest.approx(score(query + shift, key + shift), abs=1e-3)


@PAIRS
def test_rotation_keeps_lengths_and_leaves_position_0_alone(pairs: str):
    x = torch.randn(2, 5, 3, 8)
    turned = _turn(x, torch.arange(5), pairs=pairs)
    torch.testing.assert_close(turned.norm(dim=-1), x.norm(dim=-1))
    assert turned[:, 0].equal(x[:, 0])
    assert not turned[:, 1].allclose(x[:, 1])


def test_queries_and_keys_turn_alike():
    q, k = torch.randn(2, 5, 4, 8), torch.randn(2, 5, 2, 8)
    placed = Rotary(RotaryConfig(), 8)(torch.arange(5)).place(q, k)
    assert placed[0].equal(_turn(q, torch.arange(5)))
    assert placed[1].equal(_turn(k, torch.arange(5)))


@PAIRS
def test_each_pair_turns_as_a_complex_number(pairs: str):
    """Halves: the first and second half of a head are the real and imaginary parts."""
    x, theta = torch.randn(1, 7, 2, 6), 100.0
    parts = (x[..., :3], x[..., 3:]) if pairs == "halves" else (x[..., ::2], x[..., 1::2])
    angles = torch.arange(7)[:, None] * theta ** -(torch.arange(3) / 3)
    turned = torch.complex(*parts) * torch.polar(torch.ones(7, 3), angles)[:, None]
    if pairs == "halves":
        expected = torch.cat((turned.real, turned.imag), dim=-1)
    else:
        expected = torch.view_as_real(turned).flatten(-2)
    result = _turn(x, torch.arange(7), theta=theta, pairs=pairs)
    torch.testing.assert_close(result, expected, rtol=1e-5, atol=1e-5)


@PAIRS
def test_what_does_not_turn_stays_as_it_is(pairs: str):
    x, positions = torch.randn(2, 5, 3, 16), torch.arange(5)
    turned = _turn(x, positions, pairs=pairs, fraction=0.25)
    assert turned[..., 4:].equal(x[..., 4:])
    assert turned[..., :4].equal(_turn(x[..., :4], positions, pairs=pairs))


def test_rows_may_have_positions_of_their_own():
    x, positions = torch.randn(2, 3, 1, 4), torch.tensor([[0, 1, 2], [5, 6, 7]])
    together = _turn(x, positions)
    for row in range(2):
        assert together[row : row + 1].equal(_turn(x[row : row + 1], positions[row]))


def test_half_precision_comes_back_in_its_type():
    assert _turn(torch.randn(1, 3, 1, 4).bfloat16(), torch.arange(3)).dtype == torch.bfloat16


def _their_frequencies(
    theta: float, head_dim: int, seq_len: int | None = None, **parameters: Any
) -> tuple[Tensor, float]:
    transformers = pytest.importorskip("transformers")
    from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS

    config = transformers.LlamaConfig(
        hidden_size=2 * head_dim,
        num_attention_heads=2,
        head_dim=head_dim,
        max_position_embeddings=1000,
        rope_parameters={"rope_theta": theta} | parameters,
    )
    return ROPE_INIT_FUNCTIONS[parameters["rope_type"]](config, None, seq_len)


SCALINGS = [
    (LinearScaling(factor=3.0), {"rope_type": "linear", "factor": 3.0}),
    (
        YarnScaling(factor=8.0, original_seq_len=512),
        {"rope_type": "yarn", "factor": 8.0, "original_max_position_embeddings": 512},
    ),
    (
        YarnScaling(
            factor=1.5,
            original_seq_len=4096,
            beta_fast=20.0,
            beta_slow=2.0,
            attention_factor=1.25,
            truncate=False,
        ),
        {
            "rope_type": "yarn",
            "factor": 1.5,
            "original_max_position_embeddings": 4096,
            "beta_fast": 20.0,
            "beta_slow": 2.0,
            "attention_factor": 1.25,
            "truncate": False,
        },
    ),
    (
        Llama3Scaling(factor=8.0, original_seq_len=512),
        {
            "rope_type": "llama3",
            "factor": 8.0,
            "original_max_position_embeddings": 512,
            "low_freq_factor": 1.0,
            "high_freq_factor": 4.0,
        },
    ),
    (
        Llama3Scaling(factor=32.0, original_seq_len=8192, low_frequency=2.0, high_frequency=10.0),
        {
            "rope_type": "llama3",
            "factor": 32.0,
            "original_max_position_embeddings": 8192,
            "low_freq_factor": 2.0,
            "high_freq_factor": 10.0,
        },
    ),
]


@pytest.mark.parametrize(("scaling", "theirs"), SCALINGS, ids=lambda value: type(value).__name__)
@pytest.mark.parametrize(("theta", "head_dim"), [(10_000.0, 64), (500_000.0, 128), (10_000.0, 6)])
def test_scaled_frequencies_equal_transformers(
    scaling: ScalingConfig, theirs: dict[str, Any], theta: float, head_dim: int
):
    config = RotaryConfig(theta=theta, scaling=scaling)
    frequencies, gain = rotary_frequencies(config, head_dim)
    expected, expected_gain = _their_frequencies(theta, head_dim, **theirs)
    torch.testing.assert_close(frequencies, expected, rtol=1e-5, atol=0.0)
    assert gain == pytest.approx(expected_gain)
    unscaled, _ = rotary_frequencies(RotaryConfig(theta=theta), head_dim)
    assert not frequencies.allclose(unscaled, rtol=1e-3, atol=0.0)


@pytest.mark.parametrize("factor", [1.0, 2.0, 8.0])
def test_ntk_scaling_equals_transformers_at_the_longest_row(factor: float):
    """Theirs grows with the row's length; ours is that of rows `factor` times as long."""
    scaling = NTKScaling(factor=factor)
    frequencies, gain = rotary_frequencies(RotaryConfig(theta=5e5, scaling=scaling), 64)
    theirs = {"rope_type": "dynamic", "factor": 1.0}
    expected, expected_gain = _their_frequencies(5e5, 64, int(1000 * factor), **theirs)
    torch.testing.assert_close(frequencies, expected, rtol=1e-5, atol=0.0)
    assert gain == expected_gain == 1.0


def test_the_gain_of_scaling_reaches_queries_and_keys():
    scaling = YarnScaling(factor=4.0, original_seq_len=64)
    x = torch.randn(1, 3, 1, 8)
    turned = _turn(x, torch.arange(3), scaling=scaling)
    gain = 0.1 * math.log(4) + 1
    torch.testing.assert_close(turned.norm(dim=-1), gain * x.norm(dim=-1))


@pytest.mark.parametrize("num_heads", [1, 2, 3, 4, 6, 8, 12, 25])
def test_alibi_slopes_equal_transformers(num_heads: int):
    bloom = pytest.importorskip("transformers.models.bloom.modeling_bloom")
    theirs = bloom.build_alibi_tensor(torch.ones(1, 2), num_heads, torch.float32)
    torch.testing.assert_close(torch.tensor(alibi_slopes(num_heads)), theirs[:, 0, 1])


@pytest.mark.parametrize(("heads", "kv_heads"), [(1, 1), (3, 3), (4, 2), (6, 2)])
@pytest.mark.parametrize("scale", [1.0, 0.3])
def test_alibi_equals_a_dense_bias(heads: int, kv_heads: int, scale: float):
    q, k, v = (torch.randn(2, 7, n, 5) for n in (heads, kv_heads, kv_heads))
    placed_q, placed_k = Alibi(heads, scale)(torch.arange(7)).place(q, k)
    result = attend(placed_q, placed_k, v, scale=scale)
    k, v = (x.repeat_interleave(heads // kv_heads, dim=2) for x in (k, v))
    distances = (torch.arange(7)[:, None] - torch.arange(7)).float()
    biases = -torch.tensor(alibi_slopes(heads))[:, None, None] * distances
    scores = torch.einsum("bthd,bshd->bhts", q, k) * scale + biases
    weights = scores.masked_fill(distances < 0, float("-inf")).softmax(dim=-1)
    expected = torch.einsum("bhts,bshd->bthd", weights, v)
    torch.testing.assert_close(result, expected, rtol=1e-5, atol=1e-5)


def test_alibi_knows_distances_alone():
    q, k, v = (torch.randn(1, 7, 3, 5) for _ in range(3))
    placings = [Alibi(3, 1.0)(torch.arange(7) + shift) for shift in (0, 50)]
    near, far = (attend(*placing.place(q, k), v_BSKD=v) for placing in placings)
    torch.testing.assert_close(near, far, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("dim", [1, 2, 7, 8])
def test_sinusoidal_positions_are_their_formula(dim: int):
    half = (dim + 1) // 2
    positions = torch.tensor([[0, 1, 5], [2, 900, 3]])
    result = Sinusoidal(dim)(positions)
    for i in range(dim):
        wave = math.sin if i < half else math.cos
        expected = [
            [wave(p / 10_000 ** (2 * (i % half) / dim)) for p in row] for row in positions.tolist()
        ]
        torch.testing.assert_close(result[..., i], torch.tensor(expected), rtol=1e-4, atol=1e-4)
