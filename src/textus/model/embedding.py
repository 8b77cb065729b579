"""What an embedding takes from the tokens before it: hashed n-grams and smear."""

from dataclasses import replace
from itertools import accumulate

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from textus.errors import RecipeError
from textus.model.attention import Documents, Mask
from textus.model.config import EmbeddingConfig, GroupedConfig, ModelConfig
from textus.model.norm import make_norm

NOTHING = -1
"""Stands for the id of a token where a text has not begun."""
MODULUS = 2**31 - 1
MULTIPLIER = 950_706_376
"""A multiplier that spreads well modulo 2^31 - 1 (Fishman and Moore 1986)."""


class Enriching(nn.Module):
    """Adds to each token's vector those of the n-grams that end there, then some of the vector
    before; and normalises it."""

    def __init__(self, config: ModelConfig):
        super().__init__()
        options, dim = config.embedding, config.model_dim
        self.rows = options.ngram_rows
        self.ngrams = nn.ModuleList(nn.Embedding(rows, dim) for rows in options.ngram_rows)
        self.smear = Smear(dim) if options.smear else None
        norm = replace(config.norm, learned=False)
        self.norm = make_norm(norm, dim) if options.norm else nn.Identity()

    def forward(self, x: Tensor, ids: Tensor | None, mask: Mask) -> Tensor:
        """x is (batch, seq, model_dim), and so is the result; ids are (batch, seq).

        NOTHING stands before a text's first token. mask is of the last tokens, or all; a token
        takes nothing from one before that it may not look at.
        """
        if ids is None:  # of given vectors, which no n-gram is made of
            ids = torch.zeros(x.shape[:2], dtype=torch.int64, device=x.device)
        before = [ids]
        for _ in range(max(len(self.ngrams), self.smear is not None)):
            before.append(previous(before[-1], mask))
        for number, (table, rows) in enumerate(zip(self.ngrams, self.rows, strict=True), start=2):
            x = x + table(hash_rows(before[:number], rows))
        if self.smear is not None:
            x = self.smear(x, before[1] != NOTHING)
        return self.norm(x)


class Smear(nn.Module):
    """Each vector takes up some of the one before: x + strength * sigmoid(weight . x) * before."""

    def __init__(self, dim: int):
        super().__init__()
        self.weight = nn.Parameter(torch.empty(dim))
        self.strength = nn.Parameter(torch.zeros(1))

    def forward(self, x: Tensor, follows: Tensor) -> Tensor:
        """x is (batch, seq, dim), and so is the result; follows, bool (batch, seq), says where
        there is a vector before."""
        gate = self.strength * torch.sigmoid(x @ self.weight) * follows.to(x.dtype)
        return x + gate[..., None] * F.pad(x[:, :-1], (0, 0, 1, 0))


def make_enriching(config: ModelConfig) -> Enriching | None:
    """What the configuration wants of it; None where that is nothing."""
    options = config.embedding
    return Enriching(config) if options.lookback or options.norm else None


def make_value_tables(config: ModelConfig) -> nn.ModuleList:
    """For each layer a table of the vectors that its attention adds to its values; or none."""
    tables = nn.ModuleList()
    for layer in config.layers if config.embedding.values else ():
        assert isinstance(layer.attention, GroupedConfig)
        width = layer.attention.num_kv_heads * layer.attention.head_dim
        tables.append(nn.Embedding(config.vocab_size, width))
    return tables


def check_embeddings(config: EmbeddingConfig) -> None:
    """Raises RecipeError where a model cannot read embeddings in place of ids."""
    for name in ("ngram_rows", "values"):
        if getattr(config, name):
            raise RecipeError(
                f"this model's embedding.{name}={getattr(config, name)} needs the ids of the "
                "tokens: give it tokens, not embeddings"
            )


def previous(ids: Tensor, mask: Mask) -> Tensor:
    """For each token of ids, (batch, seq), the one before it in its text, or NOTHING."""
    before = F.pad(ids[:, :-1], (1, 0), value=NOTHING)
    return before if mask is None else before.masked_fill(_beginnings(mask, ids), NOTHING)


def _beginnings(mask: Documents | Tensor, ids: Tensor) -> Tensor:
    """Where texts begin, bool (batch, seq): with each document, or where a token may not look at
    the one before."""
    if isinstance(mask, Documents):
        rows = ids.size(0)
        begins = torch.zeros(sum(mask.lengths), dtype=torch.bool, device=ids.device)
        starts = list(accumulate(mask.lengths, initial=0))[:-1]
        begins[torch.tensor(starts, device=ids.device)] = True
        begins = begins.view(rows, -1)
    else:
        queries, keys = mask.shape[-2:]
        begins = ~mask[:, 0].diagonal(keys - queries - 1, dim1=-2, dim2=-1)
    return F.pad(begins, (ids.size(1) - begins.size(1), 0))


def hash_rows(ids: list[Tensor], rows: int) -> Tensor:
    """The row of a table of `rows` for each n-gram, in the shape of each of the n tensors of ids.

    h = (h + id + 2) * MULTIPLIER mod 2^31 - 1 over the ids, from h = 0; the row is h mod rows. No
    product is beyond 63 bits, so that every device computes the same.
    """
    hashed = torch.zeros_like(ids[0])
    for each in ids:
        hashed = (hashed + each + 2) * MULTIPLIER % MODULUS
    return hashed % rows
