"""Settings of the data stage."""

from dataclasses import dataclass

from textus.errors import RecipeError


@dataclass(frozen=True, kw_only=True)
class DataConfig:
    """How documents become rows of tokens, and in which order the rows come."""

    seq_len: int = 512
    """Tokens in one row: how far back the model can look while it learns."""
    seed: int = 1
    """Decides the order of documents and rows; the same seed, the same order on any machine."""
    shard_tokens: int = 100_000_000
    """A shard file is closed before it exceeds so many tokens (a longer document has its own)."""

    def __post_init__(self):
        if self.seq_len < 1:
            raise RecipeError(f"seq_len={self.seq_len} is too short; use at least 1, such as 512.")
        if self.seed < 0:
            raise RecipeError(f"seed={self.seed} is negative; use 0 or more.")
        if self.shard_tokens < 1:
            raise RecipeError(
                f"shard_tokens={self.shard_tokens} is too small; use at least 1, "
                "such as 100_000_000."
            )
