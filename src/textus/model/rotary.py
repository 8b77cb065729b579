"""Rotary position embedding (Su et al. 2021): a query and a key meet at an angle that is their
distance."""

import torch
from torch import Tensor, nn

Rope = tuple[Tensor, Tensor]


class Rotary(nn.Module):
    """Cosines and sines by position. The halves of a head form the pairs, as in LLaMA and Qwen."""

    def __init__(self, head_dim: int, theta: float):
        super().__init__()
        exponents = torch.arange(0, head_dim, 2, dtype=torch.float32) / head_dim
        self.register_buffer("frequencies", theta**-exponents, persistent=False)

    def forward(self, positions: Tensor) -> Rope:
        """positions is (..., seq); returns cos and sin, each (..., seq, 1, head_dim), float32."""
        angles = positions.float()[..., None] * self.get_buffer("frequencies")
        angles = torch.cat((angles, angles), dim=-1)[..., None, :]
        return angles.cos(), angles.sin()


def rotate(x: Tensor, rope: Rope) -> Tensor:
    """Turns each pair of x by its position's angle. x is (batch, seq, heads, head_dim)."""
    cos, sin = rope
    first, second = x.chunk(2, dim=-1)
    turned = torch.cat((-second, first), dim=-1)
    return (x * cos + turned * sin).to(x.dtype)
