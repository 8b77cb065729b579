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

IGNORE = -100


def linear_cross_entropy(
    hidden: Tensor, weight: Tensor, targets: Tensor, *, scale: float = 1.0, chunk: int = 256
) -> Tensor:
    """Sum over tokens of -log p(target), in nats, times `scale`, for logits = hidden @ weight.T.

    hidden is (..., model_dim), weight (vocab_size, model_dim), targets (...) of ids, or IGNORE for
    tokens that do not count. With scale = 1 / tokens this is the mean. Returns a float32 scalar.
    """
    flat = hidden.reshape(-1, hidden.size(-1))
    return _LinearCrossEntropy.apply(flat, weight, targets.reshape(-1), scale, chunk)


def linear_cross_entropy_plainly(
    hidden: Tensor, weight: Tensor, targets: Tensor, *, scale: float = 1.0
) -> Tensor:
    """The slow, obvious twin of `linear_cross_entropy`: all logits at once."""
    logits = (hidden @ weight.T).flatten(0, -2).float()
    return F.cross_entropy(logits, targets.flatten(), ignore_index=IGNORE, reduction="sum") * scale


class _LinearCrossEntropy(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, hidden: Tensor, weight: Tensor, targets: Tensor, scale: float, chunk: int
    ) -> Tensor:
        need_hidden, need_weight = ctx.needs_input_grad[:2]
        grad_hidden = torch.empty_like(hidden) if need_hidden else None
        grad_weight = torch.zeros_like(weight) if need_weight else None
        loss = hidden.new_zeros((), dtype=torch.float32)
        for rows in torch.arange(hidden.size(0), device=hidden.device).split(chunk):
            part = slice(int(rows[0]), int(rows[-1]) + 1)
            logits = hidden[part] @ weight.T
            loss += _nats(logits, targets[part])
            if need_hidden or need_weight:
                _gradient_in_place(logits, targets[part], scale)
            if grad_hidden is not None:
                torch.mm(logits, weight, out=grad_hidden[part])
            if grad_weight is not None:
                grad_weight.addmm_(logits.T, hidden[part])
        ctx.save_for_backward(grad_hidden, grad_weight)
        return loss * scale

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Tensor) -> Any:
        (grad,) = grad_outputs
        grad_hidden, grad_weight = ctx.saved_tensors
        return (
            grad_hidden.mul_(grad) if grad_hidden is not None else None,
            grad_weight.mul_(grad) if grad_weight is not None else None,
            *(None, None, None),
        )


def _nats(logits: Tensor, targets: Tensor) -> Tensor:
    """Turns logits into log-probabilities in place; returns the sum of the targets', negated."""
    logits -= logits.logsumexp(-1, keepdim=True)
    return F.nll_loss(logits, targets, ignore_index=IGNORE, reduction="sum").float()


def _gradient_in_place(log_probabilities: Tensor, targets: Tensor, scale: float) -> None:
    """(softmax - one-hot) * scale, and 0 for ignored tokens."""
    counted = targets != IGNORE
    gradient = log_probabilities.exp_()
    index = targets.where(counted, 0)[:, None]
    gradient.scatter_add_(1, index, -torch.ones_like(index, dtype=gradient.dtype))
    gradient *= (counted * scale).to(gradient.dtype)[:, None]
