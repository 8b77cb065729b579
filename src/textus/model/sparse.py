"""Attention whose work follows what each token looks at, not the square of the row; and attention
whose scores are changed before the softmax.

All functions take q (B, T, H, D) and k, v (B, T, K, D) of whole rows and give (B, T, H, D). A
sliding or banded row is cut into chunks of queries; each chunk meets the few chunks of keys that it
reaches in one call of torch's fused attention. The twin of all is `attend_plainly` under the
pattern's dense mask.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from textus.model.config import BandedReach, FullReach, ReachConfig, SlidingReach, StridedReach
from textus.model.strided import FusedStrided

_CHUNK = 512
"""Queries whose scores exist at a time where they are written out."""


@dataclass(frozen=True, eq=False)
class Scoring:
    """How queries and keys become weights."""

    scale: float
    softcap: float | None = None
    """Scores become softcap * tanh(scores / softcap) (Gemma 2)."""
    sinks: Tensor | None = None
    """(H,): the score, in each head, of looking nowhere (gpt-oss)."""


def attend_sparsely(
    q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None, reach: ReachConfig, scoring: Scoring
) -> Tensor:
    """Attention within `reach`, as `attend` has it.

    One new token looks at all that it is given: a cache keeps and shows what the reach lets it see.
    """
    seq, keys = q.size(1), k.size(1)
    if mask is None and seq == keys:
        return _attend_whole_rows(q, k, v, reach, scoring)
    if seq == 1:
        seen = mask if mask is not None else q.new_ones((), dtype=torch.bool)
    else:
        positions = torch.arange(keys, device=q.device)
        seen = reach_mask(reach, positions[keys - seq :], positions)
        seen = seen if mask is None else seen & mask
    return attend_explicitly(q, k, v, seen, scoring)


def _attend_whole_rows(
    q: Tensor, k: Tensor, v: Tensor, reach: ReachConfig, scoring: Scoring
) -> Tensor:
    seq = q.size(1)
    if isinstance(reach, StridedReach) and seq > reach.stride:
        return _attend_strided(q, k, v, reach.stride, scoring)
    if isinstance(reach, SlidingReach) and seq > reach.window:
        return _attend_chunks(q, k, v, reach.window, scoring, sliding=True)
    if isinstance(reach, BandedReach) and seq > 2 * reach.block:
        return _attend_chunks(q, k, v, reach.block, scoring, sliding=False)
    return _attend_causally(q, k, v, scoring)


def reach_mask(reach: ReachConfig, queries: Tensor, keys: Tensor) -> Tensor:
    """Which keys the queries reach, bool, from their positions (..., T) and (..., S)."""
    i, j = queries[..., :, None], keys[..., None, :]
    seen = j <= i
    if isinstance(reach, SlidingReach):
        return seen & (i - j < reach.window)
    if isinstance(reach, BandedReach):
        return seen & (i // reach.block - j // reach.block <= 1)
    if isinstance(reach, StridedReach):
        return seen & ((i - j < reach.stride) | ((i - j) % reach.stride == 0))
    assert isinstance(reach, FullReach)
    return seen


def attend_explicitly(q: Tensor, k: Tensor, v: Tensor, mask: Tensor, scoring: Scoring) -> Tensor:
    """Attention with its scores written out.

    mask is bool, and broadcasts to (B, H, T, S): True where a query may look.
    """
    groups = q.size(2) // k.size(2)
    k, v = (x.repeat_interleave(groups, dim=2) if groups > 1 else x for x in (k, v))
    scores = torch.einsum("bthd,bshd->bhts", q * scoring.scale, k)
    scores = _softcapped(scores, scoring).masked_fill(~mask, float("-inf"))
    return torch.einsum("bhts,bshd->bthd", _weights(scores, scoring).to(v.dtype), v)


def _softcapped(scores: Tensor, scoring: Scoring) -> Tensor:
    cap = scoring.softcap
    return scores if cap is None else cap * torch.tanh(scores / cap)


def _weights(scores: Tensor, scoring: Scoring) -> Tensor:
    """Softmax of (B, H, ..., S) in float32; what a sink draws is left out of the result."""
    if scoring.sinks is None:
        return scores.softmax(-1, torch.float32)
    sinks = scoring.sinks.view(-1, *[1] * (scores.dim() - 2)).expand(*scores.shape[:-1], 1)
    return torch.cat((scores, sinks), dim=-1).softmax(-1, torch.float32)[..., :-1]


def _fused(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None, scoring: Scoring) -> Tensor:
    """torch's attention, causal without a mask."""
    if scoring.sinks is not None:
        return _fused_with_sinks(q, k, v, mask, scoring)
    mixed = F.scaled_dot_product_attention(
        *(x.transpose(1, 2) for x in (q, k, v)),
        attn_mask=mask,
        is_causal=mask is None,
        scale=scoring.scale,
        enable_gqa=q.size(2) != k.size(2),
    )
    return mixed.transpose(1, 2)


def _fused_with_sinks(
    q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None, scoring: Scoring
) -> Tensor:
    """A sink is one more key, before all others, of value 0, whose score is the product of values
    that stand behind those of each head: the sink's score in the query, 1 in this key alone."""
    assert scoring.sinks is not None
    score = (scoring.sinks / scoring.scale)[:, None].to(q.dtype).expand(*q.shape[:-1], 1)
    q = torch.cat((q, score), dim=-1)
    key = F.pad(k.new_ones(*k[:, :1].shape[:-1], 1), (k.size(-1), 0))
    k = torch.cat((key, F.pad(k, (0, 1))), dim=1)
    v = F.pad(v, (0, 1, 0, 0, 1, 0))
    plain = Scoring(scale=scoring.scale)
    if mask is None:  # causal: a query before all others keeps the rest in step
        return _fused(F.pad(q, (0, 0, 0, 0, 1, 0)), k, v, None, plain)[:, 1:, :, :-1]
    return _fused(q, k, v, F.pad(mask, (1, 0), value=True), plain)[..., :-1]


def _attend_causally(q: Tensor, k: Tensor, v: Tensor, scoring: Scoring) -> Tensor:
    """Full attention; softcapped scores exist for one chunk of queries at a time, in the backward
    pass too."""
    if scoring.softcap is None:
        return _fused(q, k, v, None, scoring)
    parts = []
    positions = torch.arange(q.size(1), device=q.device)
    for start in range(0, q.size(1), _CHUNK):
        end = min(start + _CHUNK, q.size(1))
        mask = reach_mask(FullReach(), positions[start:end], positions[:end])
        inputs = (q[:, start:end], k[:, :end], v[:, :end], mask, scoring)
        parts.append(checkpoint(attend_explicitly, *inputs, use_reentrant=False))
    return torch.cat(parts, dim=1)


def _attend_chunks(
    q: Tensor, k: Tensor, v: Tensor, size: int, scoring: Scoring, *, sliding: bool
) -> Tensor:
    """Chunks of `size` queries, each over its own keys and those of the chunk before."""
    batch, seq = q.shape[:2]
    first = _attend_causally(q[:, :size], k[:, :size], v[:, :size], scoring)
    missing = -seq % size
    q, k, v = (F.pad(x, (0, 0, 0, 0, 0, missing)) if missing else x for x in (q, k, v))
    count = q.size(1) // size - 1

    def chunks(x: Tensor, start: int) -> Tensor:
        part = x[:, start : start + count * size]
        return part.reshape(batch * count, size, *x.shape[2:])

    k_pairs, v_pairs = (torch.cat((chunks(x, 0), chunks(x, size)), dim=1) for x in (k, v))
    positions = torch.arange(2 * size, device=q.device)
    reach: ReachConfig = SlidingReach(window=size) if sliding else FullReach()
    mask = reach_mask(reach, positions[size:], positions)
    attend = _fused if scoring.softcap is None else attend_explicitly
    rest = attend(chunks(q, size), k_pairs, v_pairs, mask, scoring)
    rest = rest.reshape(batch, count * size, *rest.shape[2:])
    return torch.cat((first, rest), dim=1)[:, :seq]


def _attend_strided(q: Tensor, k: Tensor, v: Tensor, stride: int, scoring: Scoring) -> Tensor:
    """Rows of `stride` tokens: each token meets the last `stride` ones, in its own row and the one
    before, and those in its column above; one softmax goes over both."""
    batch, seq, heads, _ = q.shape
    groups = heads // k.size(2)
    k, v = (x.repeat_interleave(groups, dim=2) if groups > 1 else x for x in (k, v))
    missing = -seq % stride
    q, k, v = (F.pad(x, (0, 0, 0, 0, 0, missing)) if missing else x for x in (q, k, v))
    q, k, v = (x.reshape(batch, -1, stride, heads, x.size(-1)) for x in (q, k, v))
    plain = scoring.softcap is None and scoring.sinks is None
    if plain and q.device.type == "cpu" and q.shape == v.shape:
        mixed = FusedStrided.apply(q, k, v, scoring.scale)
    else:
        mixed = _strided_explicitly(q, k, v, scoring)
    return mixed.reshape(batch, -1, heads, v.size(-1))[:, :seq]


def _strided_explicitly(q: Tensor, k: Tensor, v: Tensor, scoring: Scoring) -> Tensor:
    """q, k, v and the result are (B, rows, stride, H, D); all scores are written out."""
    rows, stride = q.shape[1:3]
    k_pairs, v_pairs = (_with_row_before(x) for x in (k, v))
    q = q * scoring.scale
    near = torch.einsum("brchd,brehd->bhrce", q, k_pairs)
    above = torch.einsum("brchd,bschd->bhrcs", q, k)
    scores = _softcapped(torch.cat((near, above), dim=-1), scoring)
    weights = _weights(scores + _strided_bias(rows, stride, scores), scoring).to(v.dtype)
    near, above = weights.split((2 * stride, rows), dim=-1)
    mixed = torch.einsum("bhrce,brehd->brchd", near, v_pairs)
    return mixed + torch.einsum("bhrcs,bschd->brchd", above, v)


def _with_row_before(x: Tensor) -> Tensor:
    """(B, rows, stride, H, D) to (B, rows, 2 stride, H, D); zeros stand before the first row."""
    before = F.pad(x, (0, 0, 0, 0, 0, 0, 1, 0))[:, :-1]
    return torch.cat((before, x), dim=2)


def _strided_bias(rows: int, stride: int, like: Tensor) -> Tensor:
    """0 where a token may look and -inf elsewhere, (rows, stride, 2 stride + rows)."""
    places = torch.arange(2 * stride, device=like.device)
    near = reach_mask(SlidingReach(window=stride), places[stride:], places)
    near = near.expand(rows, -1, -1).clone()
    near[0, :, :stride] = False  # there is no row before the first
    above = torch.ones(rows, rows, dtype=torch.bool, device=like.device).tril(-1)
    seen = torch.cat((near, above[:, None].expand(-1, stride, -1)), dim=-1)
    zeros = torch.zeros(seen.shape, dtype=like.dtype, device=like.device)
    return zeros.masked_fill(~seen, float("-inf"))
