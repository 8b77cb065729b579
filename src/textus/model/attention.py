"""Grouped-query attention: over a whole row, inside documents, or over a cache.

Shapes are named by suffix: B batch, T query positions, S key positions, H heads, K key/value heads,
D head_dim.
"""

from dataclasses import dataclass
from itertools import groupby
from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from textus.model.config import ModelConfig
from textus.model.norm import make_norm
from textus.model.rotary import Rope, rotate


@dataclass(frozen=True)
class Documents:
    """Which tokens see one another: runs of a batch laid end to end, each causal in itself.

    The lengths add up to batch * seq, and no run crosses from one row into the next.
    """

    lengths: tuple[int, ...]

    def dense(self, batch: int, seq: int) -> Tensor:
        """The same as a mask (batch, 1, seq, seq), True where a query may look."""
        ids = torch.repeat_interleave(torch.arange(len(self.lengths)), torch.tensor(self.lengths))
        ids = ids.view(batch, 1, seq)
        return (ids[..., :, None] == ids[..., None, :]) & torch.ones(seq, seq).bool().tril()


Mask = Documents | Tensor | None
"""None: every token sees those before it. A bool tensor (batch, 1, T, S): True where a query may
look."""


class LayerCache(Protocol):
    """What one attention layer needs of a cache."""

    def extend(self, k_BTKD: Tensor, v_BTKD: Tensor) -> tuple[Tensor, Tensor]:
        """Stores the new keys and values; returns all of them so far, each (B, S, K, D)."""
        ...


class Attention(nn.Module):
    """Multi-head attention with grouped queries (Vaswani et al. 2017; Ainslie et al. 2023)."""

    def __init__(self, config: ModelConfig):
        super().__init__()
        self.head_dim = config.head_dim
        width, kv_width = config.num_heads * config.head_dim, config.num_kv_heads * config.head_dim
        self.query = nn.Linear(config.model_dim, width, bias=config.bias)
        self.key = nn.Linear(config.model_dim, kv_width, bias=config.bias)
        self.value = nn.Linear(config.model_dim, kv_width, bias=config.bias)
        self.output = nn.Linear(width, config.model_dim, bias=config.bias)
        self.query_norm = make_norm(config, config.head_dim) if config.qk_norm else nn.Identity()
        self.key_norm = make_norm(config, config.head_dim) if config.qk_norm else nn.Identity()

    def forward(
        self, x: Tensor, rope: Rope | None, mask: Mask = None, cache: LayerCache | None = None
    ) -> Tensor:
        """x is (batch, seq, model_dim), and so is the result."""
        heads = (*x.shape[:-1], -1, self.head_dim)
        q_BTHD = self.query_norm(self.query(x).view(heads))
        k_BSKD = self.key_norm(self.key(x).view(heads))
        v_BSKD = self.value(x).view(heads)
        if rope is not None:
            q_BTHD, k_BSKD = rotate(q_BTHD, rope), rotate(k_BSKD, rope)
        if cache is not None:
            k_BSKD, v_BSKD = cache.extend(k_BSKD, v_BSKD)
        mixed_BTHD = attend(q_BTHD, k_BSKD, v_BSKD, mask)
        return self.output(mixed_BTHD.flatten(-2))


def attend(q_BTHD: Tensor, k_BSKD: Tensor, v_BSKD: Tensor, mask: Mask = None) -> Tensor:
    """Scaled dot-product attention (Vaswani et al. 2017, eq. 1), causal unless masked otherwise.

    Returns (B, T, H, D) in q's dtype. Without a mask the queries are the last T of S tokens.
    """
    if isinstance(mask, Documents):
        return attend_documents(q_BTHD, k_BSKD, v_BSKD, mask)
    q, k, v = q_BTHD.transpose(1, 2), k_BSKD.transpose(1, 2), v_BSKD.transpose(1, 2)
    causal = mask is None and q.size(2) == k.size(2)
    if mask is None and not causal and q.size(2) > 1:
        # torch aligns a causal mask with the first key; ours are the last tokens of a longer text.
        mask = q.new_ones(q.size(2), k.size(2), dtype=torch.bool).tril(k.size(2) - q.size(2))
    grouped = q.size(1) != k.size(1)
    mixed = F.scaled_dot_product_attention(
        q, k, v, attn_mask=mask, is_causal=causal, enable_gqa=grouped
    )
    return mixed.transpose(1, 2)


def attend_documents(q: Tensor, k: Tensor, v: Tensor, documents: Documents) -> Tensor:
    """`attend` for each document by itself; neighbours of equal length share one call.

    Work and memory follow the documents' lengths; no mask of the row's square is made.
    """
    flat = [x.reshape(-1, *x.shape[2:]) for x in (q, k, v)]
    mixed, start = [], 0
    for length, run in groupby(documents.lengths):
        count = len(list(run))
        pieces = (x[start : start + count * length].view(count, length, *x.shape[1:]) for x in flat)
        mixed.append(attend(*pieces).reshape(count * length, *q.shape[2:]))
        start += count * length
    return torch.cat(mixed).view(q.shape)


def attend_plainly(q_BTHD: Tensor, k_BSKD: Tensor, v_BSKD: Tensor, mask: Tensor) -> Tensor:
    """The slow, obvious twin of `attend`, straight from the equation, with a dense mask."""
    groups = q_BTHD.size(2) // k_BSKD.size(2)
    k_BSHD, v_BSHD = (x.repeat_interleave(groups, dim=2) for x in (k_BSKD, v_BSKD))
    scores = torch.einsum("bthd,bshd->bhts", q_BTHD, k_BSHD) / q_BTHD.size(-1) ** 0.5
    weights = scores.masked_fill(~mask, float("-inf")).softmax(dim=-1)
    return torch.einsum("bhts,bshd->bthd", weights, v_BSHD)
