"""How the stage `tokenize` encodes: in full or by random cuts, in threads or in processes."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from textus.cores import usable_cores
from textus.corpus.documents import DocumentGroup
from textus.recipe import Tree
from textus.run.settings import Recipe
from textus.text_array import TextArray
from textus.tokenizer.config import BPEConfig, UnigramConfig
from textus.tokenizer.split.compiled import is_compiled
from textus.tokenizer.tokenizer import Tokenizer

TEXT_FOR_PROCESSES = 4_000_000
"""Bytes of text below which starting processes takes longer than they save."""


@dataclass(frozen=True, kw_only=True)
class FullEncoder:
    """The tokenizer's own ids, by the one thread that calls."""

    tokenizer: Tokenizer

    def __call__(self, texts: TextArray) -> tuple[np.ndarray, np.ndarray]:
        """All ids, uint32, and the offsets between which each text's ids lie, int64."""
        return self.tokenizer.encode_array(texts)


@dataclass(frozen=True, kw_only=True)
class SampledEncoder:
    """A random cut of each text, which depends on the text and the seed alone."""

    tokenizer: Tokenizer
    seed: int
    dropout: float
    alpha: float

    def __call__(self, texts: TextArray) -> tuple[np.ndarray, np.ndarray]:
        """All ids, uint32, and the offsets between which each text's ids lie, int64."""
        options = {"seed": self.seed, "dropout": self.dropout, "alpha": self.alpha}
        return self.tokenizer.encode_sampled_joined(texts, **options, threads=1)


Encoder = FullEncoder | SampledEncoder


def make_encoder(tokenizer: Tokenizer, recipe: Recipe, split: str) -> Encoder:
    """What encodes the documents of a split: held-out ones always in full."""
    sampling = sampling_settings(recipe)
    if split == "held_out" or not sampling:
        return FullEncoder(tokenizer=tokenizer)
    return SampledEncoder(tokenizer=tokenizer, **sampling)


def sampling_settings(recipe: Recipe) -> Tree:
    """The settings that random cuts of training documents depend on; empty without such cuts."""
    config = recipe.tokenizer
    dropout = config.dropout if isinstance(config, BPEConfig) else 0.0
    alpha = config.sampling if isinstance(config, UnigramConfig) else 0.0
    if not dropout and not alpha:
        return {}
    return {"seed": recipe.seed, "dropout": dropout, "alpha": alpha}


def choose_workers(encoder: Encoder, groups: Sequence[DocumentGroup]) -> Tree:
    """The options of `write_shards`: a thread for each core, or a process for each where most of
    the work is done by Python, which lets one thread run at a time."""
    cores = usable_cores()
    enough = sum(group.size for group in groups) >= TEXT_FOR_PROCESSES
    return {"workers": cores, "processes": cores > 1 and enough and _runs_in_python(encoder)}


def _runs_in_python(encoder: Encoder) -> bool:
    """Whether words are cut by Python rather than by compiled code."""
    return not is_compiled(encoder.tokenizer.definition.splitter)
