from dataclasses import replace
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from textus.data.batch import IGNORED, Batch
from textus.model.experts import Routing
from textus.train.objective import Losses, batch_losses

VARIANTS: dict[str, tuple[str, dict[str, Any]]] = {
    "dense": ("qwen3", {}),
    "bias and softcap": ("qwen3", {"head": {"bias": True, "softcap": 3.0}, "predict_ahead": 1}),
    "auxiliary loss": ("mixtral", {"predict_ahead": 3}),
    "everything": ("deepseek_v3", {"predict_ahead": 2}),
}


@pytest.fixture(params=list(VARIANTS))
def model(request: pytest.FixtureRequest, small_config, random_model):
    architecture, settings = VARIANTS[request.param]
    return random_model(small_config(architecture, **settings), std=0.2)


@pytest.fixture
def batch() -> Batch:
    stream = torch.randint(97, (2, 13))
    targets = stream[:, 1:].clone()
    targets[0, 5:7] = IGNORED
    segments = torch.tensor([4, 8, 1, 11], dtype=torch.int32)
    return Batch(tokens=stream[:, :-1], targets=targets, segments=segments)


def _losses(model, batch: Batch, scale: float = 1.0) -> Losses:
    return batch_losses(model, batch, Routing(model), scale=scale, chunk=5)


def _plainly(model, batch: Batch) -> tuple[Tensor, Tensor]:
    """Document by document and token by token: the sums of -log p of next tokens, and of those
    further, for each distance."""
    nexts, aheads = [], [[] for _ in model.ahead]
    assert batch.segments is not None
    tokens, targets, start = batch.tokens.flatten(), batch.targets.flatten(), 0
    for length in batch.segments.tolist():
        ids = tokens[start : start + length]
        wanted = targets[start : start + length]
        hidden = model.hidden_states(ids[None])
        further = model.ahead_states(ids[None], hidden)
        for i in range(length):
            nexts.append(_nats(model, hidden[0, i], wanted[i]))
            for d, state in enumerate(further, start=1):
                if i + d < length:
                    aheads[d - 1].append(_nats(model, state[0, i], wanted[i + d]))
        start += length
    ahead = [torch.stack(found).sum() for found in aheads]
    return torch.stack(nexts).sum(), torch.stack(ahead).mean() if ahead else torch.zeros(())


def _nats(model, state: Tensor, target: Tensor) -> Tensor:
    if target == IGNORED:
        return torch.zeros(())
    return -F.log_softmax(model.logits(state), dim=-1)[target]


def test_losses_and_gradients_equal_the_plain_twin(model, batch: Batch):
    losses = _losses(model, batch, scale=0.1)
    nexts, ahead = _plainly(model, batch)
    torch.testing.assert_close(losses.next, 0.1 * nexts, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(losses.ahead, 0.1 * ahead, rtol=1e-5, atol=1e-5)
    trained = [p for p in model.parameters() if p.requires_grad]
    found = torch.autograd.grad(losses.next + 0.3 * losses.ahead, trained, allow_unused=True)
    plain = torch.autograd.grad(0.1 * (nexts + 0.3 * ahead), trained, allow_unused=True)
    for one, other in zip(found, plain, strict=True):
        other = torch.zeros(()) if other is None else other
        one = torch.zeros(()) if one is None else one
        torch.testing.assert_close(*torch.broadcast_tensors(one, other), rtol=1e-3, atol=1e-5)


def test_the_total_weighs_its_parts():
    parts = Losses(torch.tensor(2.0), torch.tensor(3.0), torch.tensor(0.5))
    assert parts.total(0.1).item() == pytest.approx(2 + 0.3 + 0.5)


def test_the_auxiliary_loss_counts_by_the_share_of_targets(small_config, random_model, batch):
    model = random_model(small_config("mixtral", feed_forward={"balance_weight": 0.3}), std=0.2)
    routing = Routing(model)
    with routing:
        model(batch.tokens, mask=torch.ones(12, 12).bool().tril().expand(2, 1, 12, 12))
    whole = replace(batch, segments=None)
    losses = _losses(model, whole, scale=1 / 50)
    loss = routing.take_loss()
    assert loss is not None
    assert losses.balance.item() == pytest.approx(loss.item() * 22 / 50, rel=1e-5)
    assert losses.balance.requires_grad


def test_models_without_the_parts_have_none_of_their_losses(small_config, random_model, batch):
    losses = _losses(random_model(small_config()), batch)
    assert losses.ahead == losses.balance == 0
