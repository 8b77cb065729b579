"""Settings of the model's two ends: ids to vectors, and vectors to logits."""

from dataclasses import dataclass

from textus.errors import RecipeError
from textus.model.config.checks import check_above_zero


@dataclass(frozen=True, kw_only=True)
class EmbeddingConfig:
    """Ids to vectors."""

    scale: float = 1.0
    """What vectors are multiplied by (Gemma: the root of model_dim)."""
    norm: bool = False
    """Vectors are normalised, without learned weights, before the first layer."""
    ngram_rows: tuple[int, ...] = ()
    """Rows of tables of hashed pairs of tokens, of hashed triples and so on, added to the
    embedding."""
    values: bool = False
    """Each layer's attention, which must be grouped, adds vectors of the ids to its values, from a
    table of its own (value embeddings; Zhou et al. 2024, and the public speed-runs)."""
    skip: bool = False
    """Each layer reads a learned blend of the stream and the embedding."""
    smear: bool = False
    """Each token's embedding takes up some of the one before, through a learned gate."""

    def __post_init__(self) -> None:
        check_above_zero(self, "scale")
        if any(rows < 1 for rows in self.ngram_rows):
            raise RecipeError(f"ngram_rows={self.ngram_rows} must each be at least 1")

    @property
    def lookback(self) -> int:
        """How many ids before a token its vector is made of, too."""
        return len(self.ngram_rows) + self.smear


@dataclass(frozen=True, kw_only=True)
class HeadConfig:
    """Vectors to logits."""

    tied: bool = False
    """The head is the embedding matrix (Press and Wolf 2017)."""
    bias: bool = False
    """Each logit has a bias (GPT-J)."""
    softcap: float | None = None
    """Logits become softcap * tanh(logits / softcap) (Gemma 2)."""

    def __post_init__(self) -> None:
        check_above_zero(self, "softcap")
