from typing import Any

import pytest
import torch

from textus.model.config import GatedConfig, ModelConfig, PlainConfig
from textus.model.feed_forward import Gated, Plain, make_feed_forward


def _gelu(x):
    return x * (1 + torch.erf(x / 2**0.5)) / 2


def _gelu_tanh(x):
    return x / 2 * (1 + ((2 / torch.pi) ** 0.5 * (x + 0.044715 * x**3)).tanh())


FORMULAS = {
    "gelu": _gelu,
    "gelu_tanh": _gelu_tanh,
    "relu": lambda x: x.clamp(min=0),
    "relu2": lambda x: x.clamp(min=0) ** 2,
    "silu": lambda x: x / (1 + (-x).exp()),
}


def test_each_token_is_transformed_by_itself(config: ModelConfig):
    layer = make_feed_forward(config.feed_forward, config.model_dim)
    x = torch.randn(2, 5, config.model_dim)
    alone = torch.stack([layer(x[:, t : t + 1])[:, 0] for t in range(5)], dim=1)
    torch.testing.assert_close(layer(x), alone, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("activation", FORMULAS)
@pytest.mark.parametrize("bias", [True, False])
def test_layers_are_their_formulas(activation: str, bias: bool, randomise):
    settings: dict[str, Any] = {"hidden_dim": 7, "activation": activation, "bias": bias}
    plain, gated = Plain(PlainConfig(**settings), 5), Gated(GatedConfig(**settings), 5)
    x, act = torch.randn(3, 2, 5), FORMULAS[activation]
    for layer in (plain, gated):
        randomise(layer, std=1.0)
        assert all((part.bias is not None) == bias for part in layer.children())
    torch.testing.assert_close(plain(x), plain.down(act(plain.up(x))), rtol=1e-5, atol=1e-5)
    expected = gated.down(act(gated.gate(x)) * gated.up(x))
    torch.testing.assert_close(gated(x), expected, rtol=1e-5, atol=1e-5)
