"""The Recipe: every part's own settings in one tree."""

from dataclasses import dataclass, field
from typing import Literal

from textus.corpus.config import CorpusConfig
from textus.data.config import DataConfig
from textus.errors import RecipeError
from textus.generate.config import SampleConfig
from textus.model.config import ModelConfig
from textus.tokenizer.config import BPEConfig, TokenizerConfig
from textus.train.config import TrainConfig

LARGEST_SEED = 2**63 - 1


TOKENS_PER_PARAMETER = (
    20  # Hoffmann et al. 2022: about the best use of a given amount of arithmetic
)
TOKENS_PER_STEP = 8192
TOKENS_PER_PASS = 8192


@dataclass(frozen=True, kw_only=True)
class SamplesConfig:
    """Texts that the finished model writes, for the report and for a person's eyes."""

    prompts: tuple[str, ...] = ("",)
    """Beginnings to go on from; an empty one lets the model begin a document."""
    settings: SampleConfig = field(default_factory=SampleConfig)
    """How the next token is picked."""


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """Everything that decides a run."""

    seed: int = 1
    """Decides every random draw: initial weights, order of documents, samples."""
    depth: int = 4
    """The one dial: layers, width, batch and training length follow from it unless they are set."""
    device: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    """What to compute on; auto takes the first of cuda, mps, cpu that works."""
    corpus: CorpusConfig
    """Raw documents in, kept documents out."""
    tokenizer: TokenizerConfig = field(default_factory=BPEConfig)
    """Text to ids."""
    data: DataConfig = field(default_factory=DataConfig)
    """Ids to rows."""
    model: ModelConfig = field(default_factory=ModelConfig)
    """Rows to logits."""
    train: TrainConfig = field(default_factory=TrainConfig)
    """Logits to a trained model."""
    samples: SamplesConfig = field(default_factory=SamplesConfig)
    """A trained model to text."""

    def __post_init__(self) -> None:
        if not 0 <= self.seed <= LARGEST_SEED:
            raise RecipeError(f"seed={self.seed} must be from 0 to {LARGEST_SEED}")
        if self.depth < 1:
            raise RecipeError(f"depth={self.depth} must be at least 1")
        if self.data.seq_len > self.model.max_seq_len:
            raise RecipeError(
                f"data.seq_len={self.data.seq_len} is above model.max_seq_len="
                f"{self.model.max_seq_len}; lower the one or raise the other"
            )
