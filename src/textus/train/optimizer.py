"""Muon for the blocks' matrices, AdamW for the rest."""

from collections import defaultdict
from collections.abc import Iterable
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.optim import AdamW, Optimizer

from textus.train.config import AdamWConfig, MuonConfig, OptimizerConfig

# Odd polynomials that carry singular values to 1 the fastest, each the best after the ones before
# it (Amsel et al. 2025, "The Polar Express", table of 5 steps).
_POLAR_EXPRESS = (
    (8.28721201814563, -23.595886519098837, 17.300387312530933),
    (4.107059111542203, -2.9478499167379106, 0.5448431082926601),
    (3.9486908534822946, -2.908902115962949, 0.5518191394370137),
    (3.3184196573706015, -2.488488024314874, 0.51004894012372),
    (2.300652019954817, -1.6689039845747493, 0.4188073119525673),
)

TABLES = ("embedding.weight", "enriching.ngrams.", "value_tables.")
"""How the names of what ids are looked up in begin."""


def orthogonalise(matrices: Tensor, steps: int = 5) -> Tensor:
    """The nearest (semi-)orthogonal matrix to each of (n, rows, columns), by Newton-Schulz steps.

    After 5 steps singular values lie between 0.87 and 1.13 where they were above a five-hundredth
    of the Frobenius norm; smaller ones end lower. Only matrix products are used.
    """
    tall = matrices.size(-2) > matrices.size(-1)
    x = matrices.mT if tall else matrices
    # The margin keeps the largest singular value below 1, where the polynomials are made for.
    x = x / (torch.linalg.matrix_norm(x, keepdim=True) * 1.02 + 1e-7)
    for a, b, c in _POLAR_EXPRESS[:steps]:
        gram = x @ x.mT
        x = torch.baddbmm(x, torch.baddbmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return x.mT if tall else x


class Muon(Optimizer):
    """Momentum whose update is made orthogonal: all directions move alike (Jordan et al. 2024).

    Takes matrices, and batches of them (experts), each of which is made orthogonal by itself. Those
    of one shape are worked on together. The update is scaled by sqrt(max(1, rows / columns)), which
    makes the learning rate one of spectral norm for any shape.
    """

    def __init__(
        self,
        parameters: Iterable[Tensor],
        *,
        lr: float,
        momentum: float = 0.95,
        weight_decay: float = 0.0,
        steps: int = 5,
    ):
        super().__init__(
            parameters,
            {"lr": lr, "momentum": momentum, "weight_decay": weight_decay, "steps": steps},
        )

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # pyrefly: ignore[bad-override]
        """One update of every parameter that has a gradient."""
        for group in self.param_groups:
            shapes = defaultdict(list)
            for parameter in group["params"]:
                if parameter.grad is not None:
                    shapes[parameter.shape].append(parameter)
            for parameters in shapes.values():
                self._step_shape(parameters, group)

    def _step_shape(self, parameters: list[Tensor], group: dict[str, Any]) -> None:
        for p in parameters:
            if not self.state[p]:
                self.state[p]["momentum"] = torch.zeros_like(p)
        momenta = [self.state[p]["momentum"] for p in parameters]
        gradients = [cast(Tensor, p.grad) for p in parameters]
        torch._foreach_lerp_(momenta, gradients, 1 - group["momentum"])
        ahead = torch._foreach_lerp(gradients, momenta, group["momentum"])  # Nesterov's look ahead
        shape = parameters[0].shape
        rows, columns = shape[-2:]
        matrices = torch.stack(ahead).view(-1, rows, columns)
        updates = orthogonalise(matrices, group["steps"]).reshape(-1, *shape)
        torch._foreach_mul_(parameters, 1 - group["lr"] * group["weight_decay"])
        torch._foreach_add_(
            parameters, list(updates.unbind()), alpha=-group["lr"] * max(1, rows / columns) ** 0.5
        )


def make_optimizers(model: nn.Module, config: OptimizerConfig) -> list[Optimizer]:
    """The optimizers for a model; together they hold every parameter that is trained once.

    Each group remembers its peak learning rate as `peak`, of which a schedule takes its share.
    """
    named = {name: p for name, p in model.named_parameters() if p.requires_grad}
    made: list[Optimizer]
    if isinstance(config, MuonConfig):
        made = _muon_and_adam(named, config)
    else:
        assert isinstance(config, AdamWConfig)
        decayed = [p for n, p in named.items() if _is_matrix(n, p)]
        vectors = [p for n, p in named.items() if not _is_matrix(n, p)]
        made = [_adam(config, {"params": decayed}, {"params": vectors, "weight_decay": 0.0})]
    for optimizer in made:
        for group in optimizer.param_groups:
            group["peak"] = group["lr"]
    return made


def _is_matrix(name: str, parameter: Tensor) -> bool:
    """Or a batch of matrices; the biases of experts are a batch of vectors."""
    return parameter.dim() >= 2 and not name.endswith("bias")


def _muon_and_adam(named: dict[str, nn.Parameter], config: MuonConfig) -> list[Optimizer]:
    inside = ("blocks.", "ahead.")
    matrices = {n: p for n, p in named.items() if n.startswith(inside) and _is_matrix(n, p)}
    tied = "head.weight" not in named
    tables = {} if tied else {n: p for n, p in named.items() if n.startswith(TABLES)}
    others = [p for n, p in named.items() if n not in matrices and n not in tables]
    muon = Muon(
        matrices.values(),
        lr=config.learning_rate,
        momentum=config.momentum,
        weight_decay=config.weight_decay,
        steps=config.newton_schulz_steps,
    )
    adam = _adam(
        config,
        {"params": others, "weight_decay": 0.0},
        {
            "params": list(tables.values()),
            "weight_decay": 0.0,
            "lr": config.embedding_learning_rate,
        },
    )
    return [muon, adam]


def _adam(config: AdamWConfig | MuonConfig, *groups: dict[str, Any]) -> AdamW:
    muon = isinstance(config, MuonConfig)
    return AdamW(
        [group for group in groups if group["params"]],
        lr=config.adam_learning_rate if muon else config.learning_rate,
        betas=(config.beta1, config.beta2),
        eps=config.eps,
        weight_decay=config.weight_decay,
        fused=True,
    )
