"""Strided attention by torch's fused CPU kernel, which forms no scores outside the cache.

What a token looks at falls into two pieces, each of which is plain attention in a layout of its
own: the last tokens (its row, and the row before), and its column above. The kernel gives each
piece's result and the logarithm of its sum of exponents, by which the pieces are weighed together.
Its backward pass, told the logarithm for all pieces and the joint result, gives each piece's own
gradients, as in Ring Attention (Liu et al. 2023).
"""

from typing import Any

import torch
from torch import Tensor

_forward = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu
_backward = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu_backward


class FusedStrided(torch.autograd.Function):
    """`apply(q, k, v, scale)`: all are (B, rows, stride, H, D), and so is the result."""

    @staticmethod
    def forward(ctx: Any, q: Tensor, k: Tensor, v: Tensor, scale: float) -> Tensor:
        row, later = q[:, :1], q[:, 1:]
        found = _mix(_as_rows(row), _as_rows(k[:, :1]), _as_rows(v[:, :1]), scale)
        first, first_sums = (_from_rows(x, row.shape) for x in found)
        found = _mix(_as_rows(later), _as_pairs(k), _as_pairs(v), scale, _near_mask(q))
        near, near_sums = (_from_rows(x, later.shape) for x in found)
        found = _mix(_as_columns(later), _as_columns(k[:, :-1]), _as_columns(v[:, :-1]), scale)
        above, above_sums = (_from_columns(x, later.shape) for x in found)
        sums = torch.logaddexp(near_sums, above_sums)
        joint = near * (near_sums - sums).exp() + above * (above_sums - sums).exp()
        mixed = torch.cat((first, joint.to(q.dtype)), dim=1)
        ctx.save_for_backward(q, k, v, mixed, torch.cat((first_sums, sums), dim=1))
        ctx.scale = scale
        return mixed

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        q, k, v, mixed, sums = ctx.saved_tensors
        of_queries = (*gradients, q, mixed, sums)
        later = [x[:, 1:] for x in of_queries]
        first = _unmix_rows([x[:, :1] for x in of_queries], k[:, :1], v[:, :1], ctx.scale)
        near = _unmix_near(later, k, v, ctx.scale)
        above = _unmix_above(later, k[:, :-1], v[:, :-1], ctx.scale)
        dq = torch.cat((first[0], near[0] + above[0]), dim=1)
        found = []
        for row, (before, own), column in zip(first[1:], near[1:], above[1:], strict=True):
            total = torch.cat((row, own), dim=1)
            total[:, :-1] += before + column
            found.append(total)
        return dq, *found, None


def _mix(
    q: Tensor, k: Tensor, v: Tensor, scale: float, mask: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Attention, all (N, H, T, D), causal without a mask; and the logarithms of its sums, with 1 in
    the place of D."""
    mixed, sums = _forward(q, k, v, is_causal=mask is None, attn_mask=mask, scale=scale)
    return mixed, sums[..., None]


def _unmix(
    of_queries: list[Tensor], k: Tensor, v: Tensor, scale: float, mask: Tensor | None = None
) -> tuple[Tensor, Tensor, Tensor]:
    """Gradients of q, k and v; of_queries are the result's gradient, q, and the result and the
    sums of all pieces together."""
    gradient, q, mixed, sums = of_queries
    how = {"is_causal": mask is None, "attn_mask": mask, "dropout_p": 0.0, "scale": scale}
    return _backward(gradient, q, k, v, mixed, sums[..., 0], **how)


def _unmix_rows(of_queries: list[Tensor], k: Tensor, v: Tensor, scale: float) -> list[Tensor]:
    """Of tokens within their row alone."""
    found = _unmix([_as_rows(x) for x in of_queries], _as_rows(k), _as_rows(v), scale)
    return [_from_rows(x, k.shape) for x in found]


def _unmix_near(
    of_queries: list[Tensor], k: Tensor, v: Tensor, scale: float
) -> tuple[Tensor, list[Tensor], list[Tensor]]:
    """Of tokens in their row and the one before: of keys and values, those of the row before and
    those of its own."""
    laid = [_as_rows(x) for x in of_queries]
    dq, dk, dv = _unmix(laid, _as_pairs(k), _as_pairs(v), scale, _near_mask(k))
    shape = of_queries[0].shape
    dk, dv = ([_from_rows(x, shape) for x in both.chunk(2, dim=2)] for both in (dk, dv))
    return _from_rows(dq, shape), dk, dv


def _unmix_above(of_queries: list[Tensor], k: Tensor, v: Tensor, scale: float) -> list[Tensor]:
    """Of tokens in their column above."""
    found = _unmix([_as_columns(x) for x in of_queries], _as_columns(k), _as_columns(v), scale)
    return [_from_columns(x, k.shape) for x in found]


def _near_mask(q: Tensor) -> Tensor:
    """0 for the last `stride` keys of a row and the one before, -inf elsewhere."""
    stride = q.size(2)
    i, j = torch.arange(stride, 2 * stride)[:, None], torch.arange(2 * stride)
    seen = (j <= i) & (i - j < stride)
    return torch.zeros(seen.shape, dtype=q.dtype).masked_fill(~seen, float("-inf"))


def _as_rows(x: Tensor) -> Tensor:
    """(B, rows, stride, H, D) to (B * rows, H, stride, D)."""
    return x.flatten(0, 1).transpose(1, 2)


def _from_rows(x: Tensor, shape: torch.Size) -> Tensor:
    """The way back; shape is that of the result, but for D."""
    return x.transpose(1, 2).reshape(*shape[:-1], x.size(-1))


def _as_pairs(x: Tensor) -> Tensor:
    """(B, rows, stride, H, D) to (B * (rows - 1), H, 2 stride, D): each row with the one before."""
    return _as_rows(torch.cat((x[:, :-1], x[:, 1:]), dim=2))


def _as_columns(x: Tensor) -> Tensor:
    """(B, rows, stride, H, D) to (B * stride, H, rows, D)."""
    return x.permute(0, 2, 3, 1, 4).flatten(0, 1)


def _from_columns(x: Tensor, shape: torch.Size) -> Tensor:
    """The way back; shape is that of the result, but for D."""
    batch, rows, stride, heads, _ = shape
    return x.view(batch, stride, heads, rows, -1).permute(0, 3, 1, 2, 4)
