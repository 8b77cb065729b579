import torch

from textus.model.config import ModelConfig
from textus.model.feed_forward import FEED_FORWARDS, GELU, SwiGLU


def test_each_token_is_transformed_by_itself(config: ModelConfig):
    layer, x = FEED_FORWARDS[config.feed_forward](config), torch.randn(2, 5, config.model_dim)
    alone = torch.stack([layer(x[:, t]) for t in range(5)], dim=1)
    torch.testing.assert_close(layer(x), alone, rtol=1e-5, atol=1e-6)


def test_swiglu_is_its_formula(small_config):
    layer, x = SwiGLU(small_config("qwen3")), torch.randn(3, 40)
    gate, up = x @ layer.gate.weight.T, x @ layer.up.weight.T
    expected = (gate / (1 + (-gate).exp()) * up) @ layer.down.weight.T
    torch.testing.assert_close(layer(x), expected, rtol=1e-5, atol=1e-6)


def test_gelu_is_its_formula(small_config):
    layer, x = GELU(small_config("gpt2")), torch.randn(3, 40)
    up = layer.up(x)
    inner = (2 / torch.pi) ** 0.5 * (up + 0.044715 * up**3)
    torch.testing.assert_close(layer(x), layer.down(up / 2 * (1 + inner.tanh())))
