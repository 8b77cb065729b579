import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from textus.model.config import LayerNormConfig, NormConfig, RMSNormConfig
from textus.model.norm import RMSNorm, make_norm


@given(st.integers(1, 40), st.sampled_from([1e-6, 1e-2]), st.floats(1e-3, 1e3))
@settings(max_examples=30)
def test_rms_norm_equals_torchs_own(dim: int, eps: float, size: float):
    norm = RMSNorm(RMSNormConfig(eps=eps), dim)
    x = (size * torch.randn(3, 5, dim)).requires_grad_()
    assert norm.weight is not None
    nn.init.normal_(norm.weight)
    upstream = torch.randn(3, 5, dim)
    expected = F.rms_norm(x, (dim,), norm.weight, eps)
    inputs = (x, norm.weight)
    torch.testing.assert_close(norm(x), expected, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(
        torch.autograd.grad(norm(x), inputs, upstream),
        torch.autograd.grad(expected, inputs, upstream),
        rtol=1e-4,
        atol=1e-4,
    )


def test_mean_square_of_half_precision_is_taken_in_float32():
    x = torch.full((1, 4096), 200.0, dtype=torch.float16)  # its squares sum beyond float16
    result = RMSNorm(RMSNormConfig(), 4096).half()(x)
    assert result.dtype == torch.float16
    torch.testing.assert_close(result, torch.ones_like(x))


def test_configuration_names_the_norm():
    rms = make_norm(RMSNormConfig(eps=0.5), 7)
    layer = make_norm(LayerNormConfig(eps=0.5), 7)
    x = torch.randn(2, 7)
    torch.testing.assert_close(rms(x), F.rms_norm(x, (7,), eps=0.5))
    torch.testing.assert_close(layer(x), F.layer_norm(x, (7,), eps=0.5))


def test_a_weight_around_one_is_added_to_it(randomise):
    offset, usual = (make_norm(RMSNormConfig(around_one=on), 7) for on in (True, False))
    x = torch.randn(2, 7)
    assert offset(x).equal(usual(x))  # as they begin
    randomise(offset)
    usual.load_state_dict({"weight": 1 + offset.get_parameter("weight")})
    torch.testing.assert_close(offset(x), usual(x))


@pytest.mark.parametrize("config", [RMSNormConfig(learned=False), LayerNormConfig(learned=False)])
def test_a_norm_need_not_learn(config: NormConfig):
    norm, x = make_norm(config, 7), torch.randn(2, 7)
    assert not list(norm.parameters())
    assert norm(x).equal(make_norm(type(config)(), 7)(x))


def test_layer_norm_can_do_without_its_bias(randomise):
    norm, x = make_norm(LayerNormConfig(bias=False), 7), torch.randn(2, 7)
    randomise(norm)
    [(name, weight)] = norm.named_parameters()
    assert name == "weight"
    expected = F.layer_norm(x, (7,), weight, eps=1e-6)
    torch.testing.assert_close(norm(x), expected)
