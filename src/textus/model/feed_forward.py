"""Position-wise feed-forward layers: each token is transformed by itself."""

import torch.nn.functional as F
from torch import Tensor, nn

from textus.model.config import ModelConfig


class SwiGLU(nn.Module):
    """down(silu(gate(x)) * up(x)) (Shazeer 2020)."""

    def __init__(self, config: ModelConfig):
        super().__init__()
        self.gate = nn.Linear(config.model_dim, config.hidden_dim, bias=config.bias)
        self.up = nn.Linear(config.model_dim, config.hidden_dim, bias=config.bias)
        self.down = nn.Linear(config.hidden_dim, config.model_dim, bias=config.bias)

    def forward(self, x: Tensor) -> Tensor:
        """x is (batch, seq, model_dim), and so is the result."""
        return self.down(F.silu(self.gate(x)) * self.up(x))


class GELU(nn.Module):
    """down(gelu(up(x))), with GPT-2's tanh approximation (Hendrycks and Gimpel 2016)."""

    def __init__(self, config: ModelConfig):
        super().__init__()
        self.up = nn.Linear(config.model_dim, config.hidden_dim, bias=config.bias)
        self.down = nn.Linear(config.hidden_dim, config.model_dim, bias=config.bias)

    def forward(self, x: Tensor) -> Tensor:
        """x is (batch, seq, model_dim), and so is the result."""
        return self.down(F.gelu(self.up(x), approximate="tanh"))


FEED_FORWARDS: dict[str, type[SwiGLU] | type[GELU]] = {"swiglu": SwiGLU, "gelu": GELU}
