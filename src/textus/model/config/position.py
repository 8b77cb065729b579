"""How a model knows the order of tokens."""

from dataclasses import dataclass
from math import nextafter
from typing import Literal

from textus.errors import RecipeError
from textus.model.config.checks import check_above_zero, check_at_least


@dataclass(frozen=True, kw_only=True)
class ScalingConfig:
    """Base of the ways to carry rotary positions beyond the length that a model was trained at."""

    factor: float = 4.0
    """How many times longer texts become."""

    @classmethod
    def variants(cls) -> dict[str, type]:
        return {
            "linear": LinearScaling,
            "ntk": NTKScaling,
            "yarn": YarnScaling,
            "llama3": Llama3Scaling,
        }

    def __post_init__(self) -> None:
        check_at_least(1, self, "factor")


@dataclass(frozen=True, kw_only=True)
class LinearScaling(ScalingConfig):
    """All positions are divided by the factor (Chen et al. 2023)."""


@dataclass(frozen=True, kw_only=True)
class NTKScaling(ScalingConfig):
    """The base grows so that the slowest wave turns as under linear scaling and the fastest one as
    before: theta * factor ** (dim / (dim - 2)) (bloc97 2023, "NTK-aware scaled RoPE")."""


@dataclass(frozen=True, kw_only=True)
class YarnScaling(ScalingConfig):
    """Slow waves are stretched, fast ones are not, with a ramp between; scores grow a little (Peng
    et al. 2023, "YaRN")."""

    original_seq_len: int = 4096
    """Length that the model was trained at."""
    beta_fast: float = 32.0
    """Waves with more turns than this within original_seq_len stay as they are."""
    beta_slow: float = 1.0
    """Waves with fewer turns than this are stretched by the whole factor."""
    attention_factor: float | None = None
    """What cosines and sines are multiplied by; 0.1 ln(factor) + 1 if not set."""
    truncate: bool = True
    """The ends of the ramp are rounded to whole pairs."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_at_least(1, self, "original_seq_len")
        check_above_zero(self, "beta_fast", "beta_slow", "attention_factor")
        if self.beta_fast <= self.beta_slow:
            raise RecipeError(
                f"beta_fast={self.beta_fast} must be above beta_slow={self.beta_slow}"
            )


@dataclass(frozen=True, kw_only=True)
class Llama3Scaling(ScalingConfig):
    """Long waves are stretched, short ones are not, with a blend between (Llama 3.1)."""

    original_seq_len: int = 8192
    """Length that the model was trained at."""
    low_frequency: float = 1.0
    """Waves with fewer turns than this within original_seq_len are stretched by the factor."""
    high_frequency: float = 4.0
    """Waves with more turns than this stay as they are."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_at_least(1, self, "original_seq_len")
        check_above_zero(self, "low_frequency", "high_frequency")
        if self.high_frequency <= self.low_frequency:
            raise RecipeError(
                f"high_frequency={self.high_frequency} must be above "
                f"low_frequency={self.low_frequency}"
            )


@dataclass(frozen=True, kw_only=True)
class PositionConfig:
    """Base of the kinds of position."""

    default_kind = "rotary"

    @classmethod
    def variants(cls) -> dict[str, type]:
        return {
            "rotary": RotaryConfig,
            "learned": LearnedConfig,
            "sinusoidal": SinusoidalConfig,
            "alibi": AlibiConfig,
            "none": NoPositionConfig,
        }


@dataclass(frozen=True, kw_only=True)
class RotaryConfig(PositionConfig):
    """Pairs of a query's and a key's values turn with the position (Su et al. 2021)."""

    theta: float = 10_000.0
    """Base of the wavelengths."""
    fraction: float = 1.0
    """Share of each head that turns, from its beginning (GPT-NeoX: a quarter)."""
    pairs: Literal["halves", "neighbours"] = "halves"
    """What turns together: value i of the first half with value i of the second (LLaMA), or each
    value with the next (GPT-J, DeepSeek)."""
    scaling: ScalingConfig | None = None
    """For texts longer than those the model was trained on."""

    def __post_init__(self) -> None:
        check_above_zero(self, "theta", "fraction")
        if self.fraction > 1:
            raise RecipeError(f"fraction={self.fraction} must be at most 1")

    def turned(self, head_dim: int) -> int:
        """How many values of a head turn."""
        return int(head_dim * self.fraction)


def fraction_of(turned: int, head_dim: int) -> float:
    """The `RotaryConfig.fraction` with which `turned` values of a head turn."""
    fraction = turned / head_dim
    short = int(head_dim * fraction) < turned  # 47 * (12 / 47) is 11.999...
    return nextafter(fraction, 1.0) if short else fraction


@dataclass(frozen=True, kw_only=True)
class LearnedConfig(PositionConfig):
    """A learned vector for each of max_seq_len positions, added to the embedding (GPT)."""


@dataclass(frozen=True, kw_only=True)
class SinusoidalConfig(PositionConfig):
    """Fixed sines and cosines, added to the embedding (Vaswani et al. 2017, section 3.5)."""


@dataclass(frozen=True, kw_only=True)
class AlibiConfig(PositionConfig):
    """Scores fall with the distance, at a rate of each head's own (Press et al. 2022)."""


@dataclass(frozen=True, kw_only=True)
class NoPositionConfig(PositionConfig):
    """Only the causal order itself (Kazemnejad et al. 2023)."""
