"""How a model knows the order of tokens: what turns queries and keys, and what is added to x.

A kind of position that works inside attention makes, from the positions of a batch, an object whose
`place(q, k)` puts them where they belong; all layers of one kind share it.
"""

import math
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor, nn

from textus.model.config import (
    AttentionConfig,
    LatentConfig,
    LinearScaling,
    Llama3Scaling,
    NTKScaling,
    PositionConfig,
    RotaryConfig,
    YarnScaling,
)


class Placing(Protocol):
    """Puts queries and keys at their positions."""

    def place(self, q_BTHD: Tensor, k_BSKD: Tensor) -> tuple[Tensor, Tensor]:
        """Both placed; a value may be added to the end of each head."""
        ...


@dataclass(frozen=True, eq=False)
class Rope:
    """Cosines and sines of a batch's positions, each (..., seq, 1, turned), float32."""

    cos: Tensor
    sin: Tensor
    halves: bool

    def place(self, q_BTHD: Tensor, k_BSKD: Tensor) -> tuple[Tensor, Tensor]:
        """Turns the pairs of each head by its position's angle."""
        return self.turn(q_BTHD), self.turn(k_BSKD)

    def turn(self, x: Tensor) -> Tensor:
        """x is (batch, seq, heads, head_dim); the values behind the first `turned` stay."""
        turned = self.cos.size(-1)
        if turned < x.size(-1):
            rest = x[..., turned:]
            return torch.cat((self.turn(x[..., :turned]), rest), dim=-1)
        if self.halves:
            first, second = x.chunk(2, dim=-1)
            across = torch.cat((-second, first), dim=-1)
        else:
            across = torch.stack((-x[..., 1::2], x[..., ::2]), dim=-1).flatten(-2)
        return (x * self.cos + across * self.sin).to(x.dtype)


class Rotary(nn.Module):
    """Rotary positions (Su et al. 2021): a query and a key meet at an angle that is their
    distance."""

    def __init__(self, config: RotaryConfig, head_dim: int):
        super().__init__()
        self.config, self.turned = config, head_dim
        self.register_buffer("frequencies", torch.empty(head_dim // 2), persistent=False)
        self.compute()

    def compute(self) -> None:
        """Fills the buffer, which no file holds."""
        frequencies, self.gain = rotary_frequencies(self.config, self.turned)
        self.get_buffer("frequencies").copy_(frequencies)

    def forward(self, positions: Tensor) -> Rope:
        """positions is (seq,) or (batch, seq)."""
        angles = positions.float()[..., None] * self.get_buffer("frequencies")
        halves = self.config.pairs == "halves"
        angles = torch.cat((angles, angles), -1) if halves else angles.repeat_interleave(2, -1)
        angles = angles[..., None, :]
        return Rope(angles.cos() * self.gain, angles.sin() * self.gain, halves)


def rotary_frequencies(config: RotaryConfig, turned: int) -> tuple[Tensor, float]:
    """How far each of turned / 2 pairs turns from one position to the next, in radians, float32;
    and what cosines and sines are multiplied by."""
    scaling, theta = config.scaling, config.theta
    if isinstance(scaling, NTKScaling):
        theta *= scaling.factor ** (turned / (turned - 2))
    frequencies = theta ** -(torch.arange(0, turned, 2, dtype=torch.float32) / turned)
    if isinstance(scaling, LinearScaling):
        return frequencies / scaling.factor, 1.0
    if isinstance(scaling, Llama3Scaling):
        turns = scaling.original_seq_len * frequencies / (2 * math.pi)
        low, high = scaling.low_frequency, scaling.high_frequency
        kept = ((turns - low) / (high - low)).clamp(0, 1)
        return frequencies * (kept + (1 - kept) / scaling.factor), 1.0
    if isinstance(scaling, YarnScaling):
        kept = _yarn_ramp(scaling, theta, turned)
        gain = scaling.attention_factor or 0.1 * math.log(scaling.factor) + 1
        return frequencies * (kept + (1 - kept) / scaling.factor), gain
    return frequencies, 1.0


def _yarn_ramp(scaling: YarnScaling, theta: float, turned: int) -> Tensor:
    """1 for the pairs that turn as before, 0 for those that are stretched, (turned / 2,)."""

    def pair_with(turns: float) -> float:
        wavelength = scaling.original_seq_len / (turns * 2 * math.pi)
        return turned * math.log(wavelength) / (2 * math.log(theta))

    first, last = pair_with(scaling.beta_fast), pair_with(scaling.beta_slow)
    if scaling.truncate:
        first, last = math.floor(first), math.ceil(last)
    first, last = max(first, 0), min(last, turned - 1)
    pairs = torch.arange(turned // 2, dtype=torch.float32)
    return 1 - ((pairs - first) / max(last - first, 1e-3)).clamp(0, 1)


@dataclass(frozen=True, eq=False)
class Slopes:
    """ALiBi's: a score falls by the head's slope with each token between.

    The sum slope * j over a key's position j does it, as what all keys share falls out of the
    softmax. It is taken into the product of query and key, whose last values are slope and j.
    """

    slopes: Tensor
    """(heads, 1), divided by what scores are multiplied by."""
    positions: Tensor
    """(..., seq)"""

    def place(self, q_BTHD: Tensor, k_BSKD: Tensor) -> tuple[Tensor, Tensor]:
        """Both with one more value in each head."""
        slopes = self.slopes.to(q_BTHD.dtype).expand(*q_BTHD.shape[:-1], 1)
        places = self.positions[..., None, None].to(k_BSKD.dtype).expand(*k_BSKD.shape[:-1], 1)
        return torch.cat((q_BTHD, slopes), dim=-1), torch.cat((k_BSKD, places), dim=-1)


class Alibi(nn.Module):
    """Attention with linear biases (Press et al. 2022)."""

    def __init__(self, num_heads: int, scale: float):
        super().__init__()
        self.num_heads, self.scale = num_heads, scale
        self.register_buffer("slopes", torch.empty(num_heads, 1), persistent=False)
        self.compute()

    def compute(self) -> None:
        """Fills the buffer, which no file holds."""
        slopes = torch.tensor(alibi_slopes(self.num_heads))[:, None]
        self.get_buffer("slopes").copy_(slopes / self.scale)

    def forward(self, positions: Tensor) -> Slopes:
        """positions is (seq,) or (batch, seq)."""
        return Slopes(self.get_buffer("slopes"), positions)


def alibi_slopes(num_heads: int) -> list[float]:
    """2 ** (-8 i / n) for head i = 1, ..., n; where n is no power of two, those of the power below
    and then every other one of the power above."""
    power = 1 << (num_heads.bit_length() - 1)
    slopes = [2 ** (-8 * (i + 1) / power) for i in range(power)]
    between = [2 ** (-4 * (i + 1) / power) for i in range(0, 2 * power, 2)]
    return (slopes + between)[:num_heads]


class Sinusoidal(nn.Module):
    """Fixed sines and cosines (Vaswani et al. 2017, section 3.5): all sines, then all cosines."""

    def __init__(self, model_dim: int):
        super().__init__()
        self.model_dim = model_dim

    def forward(self, positions: Tensor) -> Tensor:
        """positions is (..., seq); returns (..., seq, model_dim), float32."""
        pairs = torch.arange((self.model_dim + 1) // 2, device=positions.device)
        angles = positions.float()[..., None] * 10_000.0 ** (-2 * pairs / self.model_dim)
        return torch.cat((angles.sin(), angles.cos()), dim=-1)[..., : self.model_dim]


def query_width(attention: AttentionConfig, position: PositionConfig) -> int:
    """How many values of a query turn, where positions are rotary."""
    assert isinstance(position, RotaryConfig)
    if isinstance(attention, LatentConfig):
        return attention.rope_dim
    return position.turned(attention.head_dim)  # pyrefly: ignore[missing-attribute]
