"""Position-wise feed-forward layers: each token is transformed by itself."""

from collections.abc import Callable
from functools import partial

import torch.nn.functional as F
from torch import Tensor, nn

from textus.model.config import ExpertsConfig, FeedForwardConfig, GatedConfig, PlainConfig


def _relu_squared(x: Tensor) -> Tensor:
    return F.relu(x).square()


ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "gelu": F.gelu,
    "gelu_tanh": partial(F.gelu, approximate="tanh"),
    "relu": F.relu,
    "relu2": _relu_squared,
    "silu": F.silu,
}


class Plain(nn.Module):
    """down(activation(up(x))) (Vaswani et al. 2017, section 3.3)."""

    def __init__(self, config: PlainConfig, model_dim: int):
        super().__init__()
        self.up = nn.Linear(model_dim, config.hidden_dim, bias=config.bias)
        self.down = nn.Linear(config.hidden_dim, model_dim, bias=config.bias)
        self.activation = ACTIVATIONS[config.activation]

    def forward(self, x: Tensor) -> Tensor:
        """x is (batch, seq, model_dim), and so is the result."""
        return self.down(self.activation(self.up(x)))


class Gated(nn.Module):
    """down(activation(gate(x)) * up(x)) (Shazeer 2020)."""

    def __init__(self, config: GatedConfig, model_dim: int):
        super().__init__()
        self.gate = nn.Linear(model_dim, config.hidden_dim, bias=config.bias)
        self.up = nn.Linear(model_dim, config.hidden_dim, bias=config.bias)
        self.down = nn.Linear(config.hidden_dim, model_dim, bias=config.bias)
        self.activation = ACTIVATIONS[config.activation]

    def forward(self, x: Tensor) -> Tensor:
        """x is (batch, seq, model_dim), and so is the result."""
        return self.down(self.activation(self.gate(x)) * self.up(x))


def make_feed_forward(config: FeedForwardConfig, model_dim: int) -> nn.Module:
    """The layer that the configuration names."""
    if isinstance(config, PlainConfig):
        return Plain(config, model_dim)
    if isinstance(config, GatedConfig):
        return Gated(config, model_dim)
    from textus.model.experts import Experts

    assert isinstance(config, ExpertsConfig)
    return Experts(config, model_dim)
