"""Settings of attention."""

from dataclasses import dataclass
from typing import Literal

from textus.errors import RecipeError
from textus.model.config.checks import check_above_zero, check_at_least


@dataclass(frozen=True, kw_only=True)
class AttentionConfig:
    """Base of the kinds of attention."""

    default_kind = "grouped"

    num_heads: int = 4
    """Query heads."""
    scale: float | None = None
    """What scores are multiplied by; 1 / sqrt(width of a query) if not set."""

    @classmethod
    def variants(cls) -> dict[str, type]:
        return {"grouped": GroupedConfig, "latent": LatentConfig}

    def __post_init__(self) -> None:
        check_at_least(1, self, "num_heads")
        check_above_zero(self, "scale")


@dataclass(frozen=True, kw_only=True)
class GroupedConfig(AttentionConfig):
    """Multi-head attention (Vaswani et al. 2017); with fewer key and value heads than query heads
    grouped (Ainslie et al. 2023), with one multi-query (Shazeer 2019)."""

    num_kv_heads: int = 4
    """Key and value heads; fewer than num_heads means that queries share them."""
    head_dim: int = 64
    """Width of one head."""
    bias: Literal["none", "input", "output", "all"] = "none"
    """Which linear layers have a bias: those of queries, keys and values (input), that of the
    result (output)."""
    qk_norm: Literal["none", "head", "whole"] = "head"
    """Normalise queries and keys with learned weights: head by head (Qwen3) or over all heads
    together (OLMo 2)."""
    softcap: float | None = None
    """Scores become softcap * tanh(scores / softcap) (Gemma 2)."""
    sinks: bool = False
    """Each head has a learned score for looking nowhere (gpt-oss)."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_at_least(1, self, "num_kv_heads", "head_dim")
        check_above_zero(self, "softcap")
        if self.num_heads % self.num_kv_heads:
            fitting = [n for n in range(1, self.num_heads + 1) if self.num_heads % n == 0]
            raise RecipeError(
                f"num_heads={self.num_heads} is not a multiple of "
                f"num_kv_heads={self.num_kv_heads}; "
                f"use one of {', '.join(map(str, fitting))}"
            )


@dataclass(frozen=True, kw_only=True)
class LatentConfig(AttentionConfig):
    """Keys and values are expanded from one short vector a token, which is all the cache keeps
    (DeepSeek-AI 2024, "DeepSeek-V2", section 2.1)."""

    head_dim: int = 64
    """Width of a head's query and key without the part that tells positions."""
    rope_dim: int = 32
    """Width of the part that tells positions; all heads share its keys."""
    value_dim: int = 64
    """Width of a head's value."""
    kv_rank: int = 128
    """Width of the vector that keys and values come from."""
    query_rank: int | None = None
    """Width of the vector that queries come from; not set: they come from the stream itself."""
    bias: bool = False
    """The layers down to the latents, and that of the result, have a bias."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_at_least(1, self, "head_dim", "rope_dim", "value_dim", "kv_rank")
        check_above_zero(self, "query_rank")
        if self.rope_dim % 2:
            raise RecipeError(f"rope_dim={self.rope_dim} must be even")
