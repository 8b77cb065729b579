"""Learns a tokenizer from documents, by the algorithm that the settings name."""

from collections.abc import Callable, Iterable

from textus.errors import RecipeError
from textus.progress import Progress, silent
from textus.tokenizer.bpe.train import make_bytes, train_bpe
from textus.tokenizer.config import (
    BPEConfig,
    BytesConfig,
    TokenizerConfig,
    UnigramConfig,
    WordPieceConfig,
)
from textus.tokenizer.definition import Definition
from textus.tokenizer.texts import check_texts
from textus.tokenizer.tokenizer import Tokenizer
from textus.tokenizer.unigram.train import train_unigram
from textus.tokenizer.wordpiece.train import train_wordpiece

TRAINERS: dict[type, Callable[..., Definition]] = {
    BPEConfig: train_bpe,
    BytesConfig: make_bytes,
    WordPieceConfig: train_wordpiece,
    UnigramConfig: train_unigram,
}
"""The trainer of each algorithm, by the class of its settings."""


def train_tokenizer(
    texts: Iterable[str], config: TokenizerConfig, *, progress: Progress = silent
) -> Tokenizer:
    """Learns a tokenizer from documents, which are gone through once.

    Where `texts` yield too few pieces, its `vocab_size` stays below `config.vocab_size`. Raises
    DataError when there is no text at all, or a single one is given in place of several.
    """
    check_texts(texts)
    trainer = TRAINERS.get(type(config))
    if trainer is None:
        names = [name for name, cls in TokenizerConfig.variants().items() if cls in TRAINERS]
        raise RecipeError(f"there is no trainer for {type(config).__name__}; use one of {names}")
    return Tokenizer(trainer(texts, config, progress=progress))
