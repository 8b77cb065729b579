"""What training makes small: the losses of a batch, and what they add up to."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from textus.data.batch import IGNORED, Batch
from textus.model.ahead import targets_ahead
from textus.model.attention import Documents
from textus.model.experts import Routing
from textus.model.transformer import Transformer
from textus.train.loss import linear_cross_entropy


class Losses(NamedTuple):
    """A micro-batch's share of a step's losses; the shares of all add up to the step's."""

    next: Tensor
    """-log p of the next token, in nats per token."""
    ahead: Tensor
    """The same for the tokens beyond it, the mean over how far beyond."""
    balance: Tensor
    """The auxiliary loss of the experts' routers, times its weight."""

    def total(self, ahead_weight: float) -> Tensor:
        """What gradients are taken of."""
        return self.next + ahead_weight * self.ahead + self.balance


def batch_losses(
    model: Transformer, batch: Batch, routing: Routing, *, scale: float, chunk: int
) -> Losses:
    """The losses of a batch on the model's device; `scale` is 1 / targets of the whole step.

    `routing` counts what the experts are given. The auxiliary loss is that of the batch by itself,
    weighed by its share of the step's targets: how a step is cut into micro-batches changes it a
    little, and nothing else.
    """
    segments = None if batch.segments is None else batch.segments.tolist()
    documents = None if segments is None else Documents(tuple(segments))
    with routing:
        hidden = model.hidden_states(batch.tokens, mask=documents)
        further = model.ahead_states(batch.tokens, hidden, documents)
    balance = routing.take_loss()
    share = scale * (batch.targets != IGNORED).sum()
    how = {"scale": scale, "chunk": chunk}
    return Losses(
        next=head_cross_entropy(model, hidden, batch.targets, **how),
        ahead=_ahead_loss(model, further, batch.targets, segments, **how),
        balance=hidden.new_zeros(()) if balance is None else share * balance,
    )


def _ahead_loss(
    model: Transformer,
    states: Sequence[Tensor],
    targets: Tensor,
    segments: Sequence[int] | None,
    **how: Any,
) -> Tensor:
    """The mean over distances of the cross-entropy (DeepSeek-V3, section 2.2, eqs. 24 and 25)."""
    loss = targets.new_zeros((), dtype=torch.float32)
    for step, hidden in enumerate(states, start=1):
        wanted = targets_ahead(targets, step, segments, IGNORED)
        loss = loss + head_cross_entropy(model, hidden, wanted, **how) / len(states)
    return loss


def head_cross_entropy(model: Transformer, hidden: Tensor, targets: Tensor, **how: Any) -> Tensor:
    """`linear_cross_entropy` through the model's head."""
    head, softcap = model.head, model.config.head.softcap
    return linear_cross_entropy(
        hidden, head.weight, targets, bias=head.bias, softcap=softcap, **how
    )
