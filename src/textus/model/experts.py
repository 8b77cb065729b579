"""Mixtures of experts: a router sends each token through a few of many gated layers.

No expert is ever too full: tokens are sorted by expert, and each expert's matrices meet the run of
rows that is theirs. Shapes are named by suffix: N tokens, K experts of a token, P their N * K
pairs, E experts, D model_dim, H hidden_dim, I and O a linear layer's inputs and outputs.
"""

import math
from collections.abc import Iterator
from typing import Any, Self

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from textus.model.config import ExpertsConfig, GatedConfig
from textus.model.feed_forward import ACTIVATIONS, Gated


class Experts(nn.Module):
    """A mixture of gated experts (Shazeer et al. 2017; DeepSeek-AI 2024, "DeepSeek-V3", 2.1.2)."""

    def __init__(self, config: ExpertsConfig, model_dim: int):
        super().__init__()
        experts, hidden = config.num_experts, config.hidden_dim
        self.router = nn.Linear(model_dim, experts, bias=config.bias)
        self.gate = ExpertLinear(experts, model_dim, hidden, bias=config.bias)
        self.up = ExpertLinear(experts, model_dim, hidden, bias=config.bias)
        self.down = ExpertLinear(experts, hidden, model_dim, bias=config.bias)
        self.shared = self.correction = None
        if config.shared_hidden_dim:
            shared = GatedConfig(
                hidden_dim=config.shared_hidden_dim, activation=config.activation, bias=config.bias
            )
            self.shared = Gated(shared, model_dim)
        if config.balance == "bias":  # state rather than weight: `Routing.balance` moves it
            self.correction = nn.Parameter(torch.zeros(experts), requires_grad=False)
        self.activation = ACTIVATIONS[config.activation]
        self.config = config
        self.routing: Routing | None = None

    def forward(self, x: Tensor) -> Tensor:
        """x is (batch, seq, model_dim), and so is the result."""
        x_ND = x.reshape(-1, x.size(-1))
        scores_NE = self.scores(x_ND)
        picks_NK = self.pick(scores_NE)
        counts_E = torch.bincount(picks_NK.flatten(), minlength=self.config.num_experts)
        mixed_ND = self._mix(x_ND, picks_NK, self.weigh(scores_NE, picks_NK), counts_E)
        if self.training and self.config.balance == "loss":
            # Computed where nobody watches, too: a pass that is repeated for activation
            # checkpointing must save the same tensors as the first one.
            loss = self._balance_loss(scores_NE, counts_E)
        else:
            loss = None
        if self.routing is not None:
            self.routing.note(self, counts_E, loss)
        if self.shared is not None:
            mixed_ND = mixed_ND + self.shared(x_ND)
        return mixed_ND.view_as(x)

    def scores(self, x_ND: Tensor) -> Tensor:
        """How well each expert suits each token, (N, E); in float32, which routing needs to be
        stable (Fedus et al. 2022, section 2.4)."""
        bias = None if self.router.bias is None else self.router.bias.float()
        logits_NE = F.linear(x_ND.float(), self.router.weight.float(), bias)
        return (
            logits_NE.softmax(dim=-1) if self.config.routing == "softmax" else logits_NE.sigmoid()
        )

    def pick(self, scores_NE: Tensor) -> Tensor:
        """The experts of each token, (N, K), in no order."""
        wanted_NE = scores_NE.detach()
        if self.correction is not None:
            wanted_NE = wanted_NE + self.correction
        if self.config.num_groups > 1:
            wanted_NE = self._best_groups(wanted_NE)
        return wanted_NE.topk(self.config.experts_per_token, dim=-1, sorted=False).indices

    def _best_groups(self, wanted_NE: Tensor) -> Tensor:
        """-inf in the groups that a token is not sent to: those whose two best experts together
        are worse than the other groups' (DeepSeek-V3, section 2.1.2)."""
        grouped = wanted_NE.unflatten(-1, (self.config.num_groups, -1))
        worth = grouped.topk(min(2, grouped.size(-1)), dim=-1).values.sum(-1)
        best = worth.topk(self.config.groups_per_token, dim=-1, sorted=False).indices
        closed = torch.ones_like(worth, dtype=torch.bool).scatter(-1, best, False)
        return grouped.masked_fill(closed[..., None], -math.inf).flatten(-2)

    def weigh(self, scores_NE: Tensor, picks_NK: Tensor) -> Tensor:
        """What each expert's result is multiplied by, (N, K)."""
        weights_NK = scores_NE.gather(-1, picks_NK)
        if self.config.normalize:
            weights_NK = weights_NK / (weights_NK.sum(dim=-1, keepdim=True) + 1e-20)
        return weights_NK * self.config.route_scale

    def _mix(self, x_ND: Tensor, picks_NK: Tensor, weights_NK: Tensor, counts_E: Tensor) -> Tensor:
        """The weighted sum of each token's experts, (N, D)."""
        order_P = picks_NK.flatten().argsort(stable=True)
        sent_PD = x_ND.index_select(0, order_P // picks_NK.size(1))
        hidden_PH = self._gated(self.gate(sent_PD, counts_E), self.up(sent_PD, counts_E))
        done_PD = self.down(hidden_PH, counts_E)
        done_NKD = done_PD.index_select(0, order_P.argsort()).view(*picks_NK.shape, -1)
        return torch.bmm(weights_NK[:, None, :].to(x_ND.dtype), done_NKD).squeeze(1)

    def _gated(self, gate: Tensor, up: Tensor) -> Tensor:
        bound = self.config.clamp
        if bound is None:
            return self.activation(gate) * up
        gate = gate.clamp(max=bound)
        return gate * torch.sigmoid(1.702 * gate) * (up.clamp(-bound, bound) + 1)

    def _balance_loss(self, scores_NE: Tensor, counts_E: Tensor) -> Tensor:
        """E times the sum over experts of share * mean score (Fedus et al. 2022, eqs. 4 to 6).

        The share is that of all N * K picks and the scores add up to 1 over the experts, so that 1
        is perfect balance whatever K is.
        """
        if self.config.routing == "sigmoid":  # as in DeepSeek-V3, eq. 19
            scores_NE = scores_NE / (scores_NE.sum(dim=-1, keepdim=True) + 1e-20)
        share_E = counts_E / counts_E.sum().clamp(min=1)
        return self.config.num_experts * (share_E * scores_NE.mean(dim=0)).sum()


class ExpertLinear(nn.Module):
    """One linear layer for each expert: weight is (E, O, I), bias (E, O)."""

    def __init__(self, num_experts: int, inputs: int, outputs: int, *, bias: bool):
        super().__init__()
        bound = inputs**-0.5  # torch's own for a linear layer
        weight = torch.empty(num_experts, outputs, inputs).uniform_(-bound, bound)
        self.weight = nn.Parameter(weight)
        self.bias = None
        if bias:
            self.bias = nn.Parameter(torch.empty(num_experts, outputs).uniform_(-bound, bound))

    def forward(self, x_PI: Tensor, counts_E: Tensor) -> Tensor:
        """x holds counts[0] rows of the first expert, then those of the next. Returns (P, O)."""
        y_PO = grouped_linear(x_PI, self.weight, counts_E)
        if self.bias is None:
            return y_PO
        return y_PO + self.bias.repeat_interleave(counts_E, dim=0, output_size=x_PI.size(0))


def grouped_linear(x_PI: Tensor, weight_EOI: Tensor, counts_E: Tensor) -> Tensor:
    """Rows times the transposed matrix of the expert that they belong to, (P, O).

    The first counts[0] rows belong to the first expert, the following ones to the next.
    """
    return _GroupedLinear.apply(x_PI, weight_EOI, counts_E.tolist())


class _GroupedLinear(torch.autograd.Function):
    """Written out because autograd would gather the experts' gradients into new tensors: results
    and gradients are made here in the places where they belong."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, counts: list[int]) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.counts = counts
        y = x.new_empty(x.size(0), weight.size(1))
        for e, rows in _runs(counts):
            torch.mm(x[rows], weight[e].T, out=y[rows])
        return y

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Tensor) -> Any:
        (grad,), (x, weight) = grad_outputs, ctx.saved_tensors
        grad_x = torch.empty_like(x) if ctx.needs_input_grad[0] else None
        grad_weight = torch.zeros_like(weight) if ctx.needs_input_grad[1] else None
        for e, rows in _runs(ctx.counts):
            if grad_x is not None:
                torch.mm(grad[rows], weight[e], out=grad_x[rows])
            if grad_weight is not None:
                torch.mm(grad[rows].T, x[rows], out=grad_weight[e])
        return grad_x, grad_weight, None


def _runs(counts: list[int]) -> Iterator[tuple[int, slice]]:
    """The experts that have rows, and which."""
    start = 0
    for e, count in enumerate(counts):
        if count:
            yield e, slice(start, start + count)
        start += count


class Routing:
    """Watches a model's experts: what each is given, and the loss that makes it even.

    Forward passes inside `with routing:` count; what is computed anew in a backward pass, outside,
    does not.
    """

    def __init__(self, model: nn.Module):
        self.layers = {n: layer for n, layer in model.named_modules() if isinstance(layer, Experts)}
        sizes = [layer.config.num_experts for layer in self.layers.values()]
        device = next(model.parameters()).device
        self.counts = torch.zeros(sum(sizes), dtype=torch.int64, device=device)
        """Tokens that each expert was given, layer behind layer: processes add theirs up here."""
        self._counts_of = dict(zip(self.layers.values(), self.counts.split(sizes), strict=True))
        self._losses: list[Tensor] = []

    def __enter__(self) -> Self:
        for layer in self.layers.values():
            layer.routing = self
        return self

    def __exit__(self, *error: object) -> None:
        for layer in self.layers.values():
            layer.routing = None

    def note(self, layer: Experts, counts_E: Tensor, loss: Tensor | None) -> None:
        """A layer reports one of its passes."""
        self._counts_of[layer] += counts_E
        if loss is not None:
            self._losses.append(layer.config.balance_weight * loss)

    def take_loss(self) -> Tensor | None:
        """The sum of the auxiliary losses since it was taken last, each times its weight; None
        where there are none."""
        losses, self._losses = self._losses, []
        return torch.stack(losses).sum() if losses else None

    def shares(self) -> dict[str, Tensor]:
        """Each layer's name and the share of its tokens that each expert was given, (E,)."""
        return {
            name: self._counts_of[layer] / self._counts_of[layer].sum().clamp(min=1)
            for name, layer in self.layers.items()
        }

    def statistics(self) -> dict[str, float]:
        """How even the load was, as metrics; empty for a model without experts.

        `routing_entropy` is that of the shares, 1 where all are equal and 0 where one expert takes
        all, over the layers' mean; `busiest_expert` the largest share of all, in units of an even
        one; `idle_experts` how many were given nothing.
        """
        shares = list(self.shares().values())
        if not shares:
            return {}
        entropies = [torch.special.entr(s).sum().item() / math.log(max(2, len(s))) for s in shares]
        return {
            "routing_entropy": sum(entropies) / len(entropies),
            "busiest_expert": max(len(s) * s.max().item() for s in shares),
            "idle_experts": float((self.counts == 0).sum().item()),
        }

    @torch.no_grad()
    def balance(self) -> None:
        """Moves the biases that pick: up for experts that were given less than the mean, down for
        those that were given more, by `balance_weight` (Wang et al. 2024, algorithm 1)."""
        for layer, counts_E in self._counts_of.items():
            if layer.correction is not None:
                lack_E = (counts_E.sum() - layer.config.num_experts * counts_E).sign()
                layer.correction.add_(lack_E, alpha=layer.config.balance_weight)


def mix_plainly(layer: Experts, x_ND: Tensor) -> Tensor:
    """The slow, obvious twin of `Experts.forward`: token by token, expert by expert."""
    return torch.stack([_mix_token(layer, x_D) for x_D in x_ND])


def _mix_token(layer: Experts, x_D: Tensor) -> Tensor:
    config = layer.config
    logits = x_D @ layer.router.weight.T + (0 if layer.router.bias is None else layer.router.bias)
    sigmoid = config.routing == "sigmoid"
    scores = 1 / (1 + (-logits).exp()) if sigmoid else logits.exp() / logits.exp().sum()
    wanted = (scores if layer.correction is None else scores + layer.correction).tolist()
    size = config.num_experts // config.num_groups
    groups = [range(g * size, g * size + size) for g in range(config.num_groups)]
    groups.sort(key=lambda group: -sum(sorted(wanted[e] for e in group)[-2:]))
    offered = [e for group in groups[: config.groups_per_token] for e in group]
    picks = sorted(offered, key=lambda e: -wanted[e])[: config.experts_per_token]
    total = sum(scores[e] for e in picks) if config.normalize else 1
    mixed = sum(scores[e] / total * config.route_scale * _expert(layer, e, x_D) for e in picks)
    assert isinstance(mixed, Tensor)
    return mixed if layer.shared is None else mixed + layer.shared(x_D)


def _expert(layer: Experts, e: int, x_D: Tensor) -> Tensor:
    def linear(part: ExpertLinear, x: Tensor) -> Tensor:
        return part.weight[e] @ x + (0 if part.bias is None else part.bias[e])

    gate, up, bound = linear(layer.gate, x_D), linear(layer.up, x_D), layer.config.clamp
    if bound is None:
        return linear(layer.down, layer.activation(gate) * up)
    gate, up = gate.minimum(torch.tensor(bound)), up.clamp(-bound, bound)
    return linear(layer.down, (up + 1) * gate / (1 + (-1.702 * gate).exp()))
