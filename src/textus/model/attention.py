"""Grouped-query attention: over a whole row, inside documents, or over a cache.

Shapes are named by suffix: B batch, T query positions, S key positions, H heads, K key/value heads,
D head_dim.
"""

from dataclasses import dataclass
from itertools import groupby
from typing import Any, NamedTuple, Protocol

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from textus.model.config import (
    AlibiConfig,
    AttentionConfig,
    FullReach,
    GroupedConfig,
    LatentConfig,
    Layer,
    NormConfig,
    ReachConfig,
)
from textus.model.norm import make_norm
from textus.model.position import Placing
from textus.model.sparse import Scoring, attend_sparsely

FULL = FullReach()


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

    def extend(self, k_BTKD: Tensor, v_BTKD: Tensor) -> tuple[Tensor, Tensor, Mask]:
        """Stores what the new tokens are to be remembered by; returns what they may look at, each
        (B, S, ...), themselves included, and which of it (None: all, in causal order)."""
        ...


class Context(NamedTuple):
    """What attention reads beside x."""

    placing: Placing | None = None
    """Where queries and keys stand, for positions that work inside attention."""
    mask: Mask = None
    cache: LayerCache | None = None
    values: Tensor | None = None
    """(batch, seq, kv heads * head_dim), added to the values."""


class GroupedAttention(nn.Module):
    """Multi-head attention with grouped queries (Vaswani et al. 2017; Ainslie et al. 2023)."""

    def __init__(self, config: GroupedConfig, reach: ReachConfig, norm: NormConfig, model_dim: int):
        super().__init__()
        width, kv_width = config.num_heads * config.head_dim, config.num_kv_heads * config.head_dim
        inputs, outputs = config.bias in ("input", "all"), config.bias in ("output", "all")
        self.query = nn.Linear(model_dim, width, bias=inputs)
        self.key = nn.Linear(model_dim, kv_width, bias=inputs)
        self.value = nn.Linear(model_dim, kv_width, bias=inputs)
        self.output = nn.Linear(width, model_dim, bias=outputs)
        if config.qk_norm != "none":
            by_head = config.qk_norm == "head"
            self.query_norm = make_norm(norm, config.head_dim if by_head else width)
            self.key_norm = make_norm(norm, config.head_dim if by_head else kv_width)
        self.sinks = nn.Parameter(torch.zeros(config.num_heads)) if config.sinks else None
        self.config, self.reach, self.scale = config, reach, attention_scale(config)

    def forward(self, x: Tensor, context: Context) -> Tensor:
        """x is (batch, seq, model_dim), and so is the result."""
        heads = (*x.shape[:-1], -1, self.config.head_dim)
        q, k, v = self.query(x), self.key(x), self.value(x)
        if self.config.qk_norm == "whole":
            q, k = self.query_norm(q), self.key_norm(k)
        if context.values is not None:
            v = v + context.values.to(v.dtype)
        q_BTHD, k_BSKD, v_BSKD = q.view(heads), k.view(heads), v.view(heads)
        if self.config.qk_norm == "head":
            q_BTHD, k_BSKD = self.query_norm(q_BTHD), self.key_norm(k_BSKD)
        if context.placing is not None:
            q_BTHD, k_BSKD = context.placing.place(q_BTHD, k_BSKD)
        mask = context.mask
        if context.cache is not None:
            k_BSKD, v_BSKD, mask = context.cache.extend(k_BSKD, v_BSKD)
        mixed_BTHD = attend(
            q_BTHD,
            k_BSKD,
            v_BSKD,
            mask,
            scale=self.scale,
            reach=self.reach,
            softcap=self.config.softcap,
            sinks=self.sinks,
        )
        return self.output(mixed_BTHD.flatten(-2))


def attention_scale(config: AttentionConfig) -> float:
    """What scores are multiplied by."""
    if config.scale is not None:
        return config.scale
    if isinstance(config, LatentConfig):
        return (config.head_dim + config.rope_dim) ** -0.5
    assert isinstance(config, GroupedConfig)
    return config.head_dim**-0.5


def make_attention(layer: Layer, norm: NormConfig, model_dim: int) -> nn.Module:
    """The attention that a layer's configuration names."""
    if isinstance(layer.attention, GroupedConfig):
        return GroupedAttention(layer.attention, layer.reach, norm, model_dim)
    from textus.model.latent import LatentAttention

    assert isinstance(layer.attention, LatentConfig)
    return LatentAttention(layer.attention, layer.reach, norm, model_dim)


def remembered(layer: Layer) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The shapes of what a cache keeps of one token in a layer: keys and values, or latents."""
    attention = layer.attention
    if isinstance(attention, LatentConfig):
        return (1, attention.rope_dim), (1, attention.kv_rank)
    assert isinstance(attention, GroupedConfig)
    extra = isinstance(layer.position, AlibiConfig)  # it takes a value more in each key
    heads = attention.num_kv_heads
    return (heads, attention.head_dim + extra), (heads, attention.head_dim)


def attend(
    q_BTHD: Tensor,
    k_BSKD: Tensor,
    v_BSKD: Tensor,
    mask: Mask = None,
    *,
    scale: float | None = None,
    reach: ReachConfig = FULL,
    softcap: float | None = None,
    sinks: Tensor | None = None,
) -> Tensor:
    """Scaled dot-product attention (Vaswani et al. 2017, eq. 1), causal unless masked otherwise.

    Returns (B, T, H, D) in q's dtype. Without a mask the queries are the last T of S tokens.
    """
    if isinstance(mask, Documents):
        how = {"scale": scale, "reach": reach, "softcap": softcap, "sinks": sinks}
        return attend_documents(q_BTHD, k_BSKD, v_BSKD, mask, **how)
    if reach != FULL or softcap is not None or sinks is not None:
        scoring = Scoring(scale or q_BTHD.size(-1) ** -0.5, softcap, sinks)
        return attend_sparsely(q_BTHD, k_BSKD, v_BSKD, mask, reach, scoring)
    q, k, v = q_BTHD.transpose(1, 2), k_BSKD.transpose(1, 2), v_BSKD.transpose(1, 2)
    causal = mask is None and q.size(2) == k.size(2)
    if mask is None and not causal and q.size(2) > 1:
        # torch aligns a causal mask with the first key; ours are the last tokens of a longer text.
        mask = q.new_ones(q.size(2), k.size(2), dtype=torch.bool).tril(k.size(2) - q.size(2))
    grouped = q.size(1) != k.size(1)
    mixed = F.scaled_dot_product_attention(
        q, k, v, attn_mask=mask, is_causal=causal, scale=scale, enable_gqa=grouped
    )
    return mixed.transpose(1, 2)


def attend_documents(q: Tensor, k: Tensor, v: Tensor, documents: Documents, **how: Any) -> Tensor:
    """`attend` for each document by itself; neighbours of equal length share one call.

    Work and memory follow the documents' lengths; no mask of the row's square is made.
    """
    flat = [x.reshape(-1, *x.shape[2:]) for x in (q, k, v)]
    mixed, start = [], 0
    for length, run in groupby(documents.lengths):
        count = len(list(run))
        pieces = (x[start : start + count * length].view(count, length, *x.shape[1:]) for x in flat)
        mixed.append(attend(*pieces, **how).reshape(count * length, *q.shape[2:-1], -1))
        start += count * length
    return torch.cat(mixed).view(*q.shape[:-1], -1)


def attend_plainly(
    q_BTHD: Tensor,
    k_BSKD: Tensor,
    v_BSKD: Tensor,
    mask: Tensor,
    *,
    scale: float | None = None,
    softcap: float | None = None,
    sinks: Tensor | None = None,
) -> Tensor:
    """The slow, obvious twin of `attend`, straight from the equations, with a dense mask."""
    groups = q_BTHD.size(2) // k_BSKD.size(2)
    k_BSHD, v_BSHD = (x.repeat_interleave(groups, dim=2) for x in (k_BSKD, v_BSKD))
    scores = torch.einsum("bthd,bshd->bhts", q_BTHD, k_BSHD) * (scale or q_BTHD.size(-1) ** -0.5)
    if softcap is not None:
        scores = softcap * torch.tanh(scores / softcap)
    exps = scores.masked_fill(~mask, float("-inf")).exp()
    sums = exps.sum(dim=-1, keepdim=True)
    if sinks is not None:
        sums = sums + sinks.exp()[:, None, None]
    return torch.einsum("bhts,bshd->bthd", exps / sums, v_BSHD)
