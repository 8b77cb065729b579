"""Linear layer and cross-entropy in one, without ever holding tokens x vocabulary.

The logits of 2,048 tokens over 50,000 ids take 400 MB, and plain autograd walks through them half a
dozen times. Here a few hundred tokens' logits exist at a time; the loss and both gradients are
taken from them at once, in the forward pass, and the backward pass only scales what is there (the
idea of Liger Kernel, Hsu et al. 2024).
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from textus.data.batch import IGNORED


def linear_cross_entropy(
    hidden: Tensor,
    weight: Tensor,
    targets: Tensor,
    *,
    bias: Tensor | None = None,
    softcap: float | None = None,
    scale: float = 1.0,
    chunk: int = 256,
) -> Tensor:
    """Sum over tokens of -log p(target), in nats, times `scale`, for logits = hidden @ weight.T +
    bias, drawn into [-softcap, softcap] by a tanh.

    hidden is (..., model_dim), weight (vocab_size, model_dim), targets (...) of ids, or IGNORED for
    tokens that do not count. With scale = 1 / tokens this is the mean. Returns a float32 scalar.
    """
    flat = hidden.reshape(-1, hidden.size(-1))
    return _LinearCrossEntropy.apply(flat, weight, bias, targets.reshape(-1), softcap, scale, chunk)


def linear_cross_entropy_plainly(
    hidden: Tensor,
    weight: Tensor,
    targets: Tensor,
    *,
    bias: Tensor | None = None,
    softcap: float | None = None,
    scale: float = 1.0,
) -> Tensor:
    """The slow, obvious twin of `linear_cross_entropy`: all logits at once."""
    logits = F.linear(hidden, weight, bias)
    if softcap is not None:
        logits = softcap * torch.tanh(logits / softcap)
    logits = logits.flatten(0, -2).float()
    return F.cross_entropy(logits, targets.flatten(), ignore_index=IGNORED, reduction="sum") * scale


class _LinearCrossEntropy(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        hidden: Tensor,
        weight: Tensor,
        bias: Tensor | None,
        targets: Tensor,
        softcap: float | None,
        scale: float,
        chunk: int,
    ) -> Tensor:
        need_hidden, need_weight, need_bias = ctx.needs_input_grad[:3]
        grad_hidden = torch.empty_like(hidden) if need_hidden else None
        grad_weight = torch.zeros_like(weight) if need_weight else None
        grad_bias = torch.zeros_like(bias) if bias is not None and need_bias else None
        loss = hidden.new_zeros((), dtype=torch.float32)
        for start in range(0, hidden.size(0), chunk):
            rows = slice(start, start + chunk)
            h, factor = hidden[rows], scale * (targets[rows] != IGNORED)[:, None].to(hidden.dtype)
            target = targets[rows].clamp(min=0)
            exps, sums, nats, slope = _softmax_parts(F.linear(h, weight, bias), target, softcap)
            loss += (nats.float() * factor).sum()
            # The gradient of a row's logits is factor * (exps / sums - one_hot(target)), where exps
            # and the target's one are times the cap's slopes. The row's own numbers move through
            # the products: no pass over the logits is spent on them.
            if grad_hidden is not None:
                torch.mm(exps, weight, out=grad_hidden[rows])
                grad_hidden[rows].mul_(factor / sums).sub_(factor * slope * weight[target])
            if grad_weight is not None:
                grad_weight.addmm_(exps.T, h * (factor / sums))
                grad_weight.index_add_(0, target, h * factor * slope, alpha=-1)
            if grad_bias is not None:
                grad_bias.addmv_(exps.T, (factor / sums)[:, 0])
                grad_bias.index_add_(0, target, (factor * slope)[:, 0], alpha=-1)
        ctx.save_for_backward(grad_hidden, grad_weight, grad_bias)
        return loss

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Tensor) -> Any:
        (grad,) = grad_outputs
        grads = (None if kept is None else kept.mul_(grad) for kept in ctx.saved_tensors)
        return (*grads, None, None, None, None)


def _softmax_parts(
    logits: Tensor, target: Tensor, softcap: float | None
) -> tuple[Tensor, Tensor, Tensor, Tensor | float]:
    """exp(logits - their maximum) in the logits' place, its sum, -log p(target), and the cap's
    slope at the target, 1 without a cap; with one, exps are times its slopes, and sums are not.

    logits is (rows, vocab_size), target (rows,); the others are (rows, 1).
    """
    slopes = None
    if softcap is not None:
        bent = logits.div_(softcap).tanh_()
        slopes = 1 - bent.square()
        logits = bent.mul_(softcap)
    top = logits.amax(-1, keepdim=True)
    wanted = logits.gather(-1, target[:, None]) - top
    exps = logits.sub_(top).exp_()
    sums = exps.sum(-1, keepdim=True)
    nats = sums.log() - wanted
    if slopes is None:
        return exps, sums, nats, 1.0
    return exps.mul_(slopes), sums, nats, slopes.gather(-1, target[:, None])
