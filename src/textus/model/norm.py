"""RMSNorm and LayerNorm."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from textus.model.config import LayerNormConfig, NormConfig, RMSNormConfig


class RMSNorm(nn.Module):
    """Scales a vector to root-mean-square 1, then by a learned weight (Zhang and Sennrich 2019)."""

    def __init__(self, config: RMSNormConfig, dim: int):
        super().__init__()
        self.eps, self.offset = config.eps, 1.0 if config.around_one else 0.0
        self.weight = nn.Parameter(torch.ones(dim) - self.offset) if config.learned else None

    def forward(self, x: Tensor) -> Tensor:
        """x is (..., dim) and so is the result, in x's dtype; the mean is taken in float32."""
        # Written out because torch 2.13's rms_norm has no quick backward on CPUs.
        scale = torch.rsqrt(x.float().square().mean(-1, keepdim=True) + self.eps)
        x = x * scale.to(x.dtype)
        if self.weight is None:
            return x
        return x * (self.weight + self.offset if self.offset else self.weight)


class LayerNorm(nn.Module):
    """Moves and scales a vector to mean 0 and variance 1, then by a learned weight and bias (Ba et
    al. 2016)."""

    def __init__(self, config: LayerNormConfig, dim: int):
        super().__init__()
        self.eps = config.eps
        self.weight = nn.Parameter(torch.ones(dim)) if config.learned else None
        self.bias = nn.Parameter(torch.zeros(dim)) if config.learned and config.bias else None

    def forward(self, x: Tensor) -> Tensor:
        """x is (..., dim) and so is the result."""
        return F.layer_norm(x, x.shape[-1:], self.weight, self.bias, self.eps)


def make_norm(config: NormConfig, dim: int) -> nn.Module:
    """The norm that the configuration names, for vectors of length `dim`."""
    if isinstance(config, RMSNormConfig):
        return RMSNorm(config, dim)
    assert isinstance(config, LayerNormConfig)
    return LayerNorm(config, dim)
