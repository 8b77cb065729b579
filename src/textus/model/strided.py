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
        mask = _near_mask(q)
        first, first_sums = _forward(
            *(_as_rows(x[:, :1]) for x in (q, k, v)), is_causal=True, scale=scale
        )
        near, near_sums = _forward(
            _as_rows(q[:, 1:]), _as_pairs(k), _as_pairs(v), attn_mask=mask, scale=scale
        )
        above, above_sums = _forward(
            _as_columns(q[:, 1:]),
            *(_as_columns(x[:, :-1]) for x in (k, v)),
            is_causal=True,
            scale=scale,
        )
        later = q[:, 1:].shape
        near, near_sums = _from_rows(near, later), _from_rows(near_sums[..., None], later)
        above, above_sums = _from_columns(above, later), _from_columns(above_sums[..., None], later)
        sums = torch.logaddexp(near_sums, above_sums)
        joint = near * (near_sums - sums).exp() + above * (above_sums - sums).exp()
        mixed = torch.cat((_from_rows(first, q[:, :1].shape), joint), dim=1)
        sums = torch.cat((_from_rows(first_sums[..., None], q[:, :1].shape), sums), dim=1)
        ctx.save_for_backward(q, k, v, mixed, sums)
        ctx.scale = scale
        return mixed

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        (gradient,) = gradients
        q, k, v, mixed, sums = ctx.saved_tensors
        dq, dk, dv = (torch.zeros_like(x) for x in (q, k, v))
        how = {"dropout_p": 0.0, "scale": ctx.scale}

        def parts(layout: Any, rows: slice) -> list[Tensor]:
            return [layout(x[:, rows]) for x in (mixed, sums)]

        out, lse = parts(_as_rows, slice(1))
        found = _backward(
            *(_as_rows(x[:, :1]) for x in (gradient, q, k, v)),
            out,
            lse[..., 0],
            is_causal=True,
            **how,
        )
        for total, part in zip((dq, dk, dv), found, strict=True):
            total[:, :1] += _from_rows(part, total[:, :1].shape)

        out, lse = parts(_as_rows, slice(1, None))
        found = _backward(
            *(_as_rows(x[:, 1:]) for x in (gradient, q)), _as_pairs(k), _as_pairs(v), out, lse[..., 0],
            is_causal=False, attn_mask=_near_mask(q), **how,
        )  # fmt: skip
        dq[:, 1:] += _from_rows(found[0], dq[:, 1:].shape)
        for total, part in zip((dk, dv), found[1:], strict=True):
            before, own = part.chunk(2, dim=2)
            total[:, :-1] += _from_rows(before, total[:, 1:].shape)
            total[:, 1:] += _from_rows(own, total[:, 1:].shape)

        out, lse = parts(_as_columns, slice(1, None))
        found = _backward(
            *(_as_columns(x[:, 1:]) for x in (gradient, q)), *(_as_columns(x[:, :-1]) for x in (k, v)),
            out, lse[..., 0], is_causal=True, **how,
        )  # fmt: skip
        dq[:, 1:] += _from_columns(found[0], dq[:, 1:].shape)
        for total, part in zip((dk, dv), found[1:], strict=True):
            total[:, :-1] += _from_columns(part, total[:, :-1].shape)
        return dq, dk, dv, None


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
