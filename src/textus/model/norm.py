"""RMSNorm and LayerNorm."""

import torch
from torch import Tensor, nn

from textus.model.config import ModelConfig


class RMSNorm(nn.Module):
    """Scales a vector to root-mean-square 1, then by a learned weight (Zhang and Sennrich 2019)."""

    def __init__(self, dim: int, eps: float):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(dim))
        self.eps = eps

    def forward(self, x: Tensor) -> Tensor:
        """x is (..., dim) and so is the result, in x's dtype; the mean is taken in float32."""
        # Written out because torch 2.13's rms_norm has no quick backward on CPUs.
        scale = torch.rsqrt(x.float().square().mean(-1, keepdim=True) + self.eps)
        return x * scale.to(x.dtype) * self.weight


def make_norm(config: ModelConfig, dim: int) -> nn.Module:
    """The norm that the configuration names, for vectors of length `dim`."""
    if config.norm == "rms":
        return RMSNorm(dim, config.norm_eps)
    return nn.LayerNorm(dim, config.norm_eps)
