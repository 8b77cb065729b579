"""What a model is, as numbers and names: enough to build it, to count it and to load it again."""

from dataclasses import dataclass
from typing import Literal

from textus.errors import RecipeError


@dataclass(frozen=True, kw_only=True)
class ModelConfig:
    """A decoder-only transformer. The defaults are the smallest modern model, in Qwen3's form."""

    architecture: str = "qwen3"
    """Preset that the parts below come from unless they are set: qwen3 or gpt2."""
    vocab_size: int = 8192
    """Rows of the embedding: every id must be below it."""
    max_seq_len: int = 512
    """Longest sequence, in tokens, that the model is meant for."""
    num_layers: int = 4
    """Transformer blocks."""
    model_dim: int = 256
    """Width of the residual stream."""
    num_heads: int = 4
    """Query heads of each attention layer."""
    num_kv_heads: int = 4
    """Key and value heads; fewer than num_heads means that queries share them (Ainslie et al.
    2023)."""
    head_dim: int = 64
    """Width of one head."""
    hidden_dim: int = 704
    """Width of the feed-forward layer."""
    position: Literal["rotary", "learned"] = "rotary"
    """How the model knows the order of tokens: rotary (Su et al. 2021) or learned vectors (GPT)."""
    rope_theta: float = 10_000.0
    """Base of the rotary wavelengths."""
    norm: Literal["rms", "layer"] = "rms"
    """RMSNorm (Zhang and Sennrich 2019) or LayerNorm with bias (Ba et al. 2016)."""
    norm_eps: float = 1e-6
    """Added to the variance before its root is taken."""
    feed_forward: Literal["swiglu", "gelu"] = "swiglu"
    """SwiGLU (Shazeer 2020) or two layers around a tanh-approximated GELU (GPT-2)."""
    qk_norm: bool = True
    """Normalise queries and keys, head by head, with learned weights (Dehghani et al. 2023)."""
    bias: bool = False
    """Linear layers have a bias."""
    tied_embeddings: bool = False
    """The output layer is the embedding matrix (Press and Wolf 2017)."""

    def __post_init__(self) -> None:
        for name in (
            *("vocab_size", "max_seq_len", "num_layers", "model_dim", "num_heads"),
            *("num_kv_heads", "head_dim", "hidden_dim"),
        ):
            if getattr(self, name) < 1:
                raise RecipeError(f"{name}={getattr(self, name)} must be at least 1")
        if self.num_heads % self.num_kv_heads:
            fitting = [n for n in range(1, self.num_heads + 1) if self.num_heads % n == 0]
            raise RecipeError(
                f"num_heads={self.num_heads} is not a multiple of "
                f"num_kv_heads={self.num_kv_heads}; "
                f"use one of {', '.join(map(str, fitting))}"
            )
        if self.position == "rotary" and self.head_dim % 2:
            raise RecipeError(f"head_dim={self.head_dim} must be even for rotary positions")
        if self.norm_eps <= 0 or self.rope_theta <= 0:
            raise RecipeError("norm_eps and rope_theta must be above 0")
