"""Settings of normalisation."""

from dataclasses import dataclass

from textus.model.config.checks import check_above_zero


@dataclass(frozen=True, kw_only=True)
class NormConfig:
    """Base of the kinds of norm."""

    default_kind = "rms"

    eps: float = 1e-6
    """Added to the variance before its root is taken."""
    learned: bool = True
    """Each value has a learned weight."""

    @classmethod
    def variants(cls) -> dict[str, type]:
        return {"rms": RMSNormConfig, "layer": LayerNormConfig}

    def __post_init__(self) -> None:
        check_above_zero(self, "eps")


@dataclass(frozen=True, kw_only=True)
class RMSNormConfig(NormConfig):
    """Root-mean-square norm (Zhang and Sennrich 2019)."""

    around_one: bool = False
    """The weight is what is added to 1 (Gemma), so that decay draws it to 1."""


@dataclass(frozen=True, kw_only=True)
class LayerNormConfig(NormConfig):
    """Mean 0 and variance 1 (Ba et al. 2016)."""

    bias: bool = True
    """Each value has a learned bias, too."""
