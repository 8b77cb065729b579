import math
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from textus.model.config import ExpertsConfig
from textus.model.experts import Experts, Routing, grouped_linear, mix_plainly

VARIANTS: dict[str, dict[str, Any]] = {
    "softmax": {},
    "one": {"experts_per_token": 1},
    "all": {"experts_per_token": 6},
    "as they are": {"normalize": False, "route_scale": 0.7},
    "sigmoid": {"routing": "sigmoid", "route_scale": 2.5},
    "biased picks": {"balance": "bias"},
    "groups": {"num_groups": 3, "groups_per_token": 2, "routing": "sigmoid", "balance": "bias"},
    "groups of one": {"num_groups": 6, "groups_per_token": 3},
    "shared": {"shared_hidden_dim": 9, "activation": "gelu"},
    "clamped": {"bias": True, "clamp": 0.7, "shared_hidden_dim": 3},
}


def _layer(randomise, **settings: Any) -> Experts:
    sizes: dict[str, Any] = {"num_experts": 6, "experts_per_token": 2, "hidden_dim": 7}
    layer = Experts(ExpertsConfig(**(sizes | settings)), 5)
    randomise(layer, std=1.0)
    return layer


@pytest.fixture(params=list(VARIANTS))
def layer(request: pytest.FixtureRequest, randomise) -> Experts:
    return _layer(randomise, **VARIANTS[request.param])


def _correction(layer: Experts) -> Tensor:
    """The biases that pick."""
    assert layer.correction is not None
    return layer.correction.detach()


def _loss(routing: Routing) -> Tensor:
    """The auxiliary loss of what was watched."""
    loss = routing.take_loss()
    assert loss is not None
    return loss


def _with_gradients(result: Tensor, inputs: list[Tensor]) -> list[Tensor | None]:
    weights = torch.linspace(-1, 1, result.numel()).view(result.shape)
    return [result, *torch.autograd.grad(result, inputs, weights, allow_unused=True)]


def test_value_and_gradients_equal_the_plain_twin(layer: Experts):
    x = torch.randn(3, 4, 5, requires_grad=True)
    inputs = [x, *(p for p in layer.parameters() if p.requires_grad)]
    result = _with_gradients(layer(x), inputs)
    plain = _with_gradients(mix_plainly(layer, x.view(12, 5)).view(3, 4, 5), inputs)
    for one, other in zip(result, plain, strict=True):
        if other is not None:  # a router whose one weight is always 1
            torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)
        else:
            assert one is None or one.abs().max() < 1e-5


def test_each_token_is_transformed_by_itself(layer: Experts):
    x = torch.randn(2, 5, 5)
    alone = torch.stack([layer(x[:, t : t + 1])[:, 0] for t in range(5)], dim=1)
    torch.testing.assert_close(layer(x), alone, rtol=1e-5, atol=1e-5)


def test_every_parameter_matters(layer: Experts):
    x = torch.randn(40, 1, 5)
    before = layer(x)
    for name, parameter in layer.named_parameters():
        saved = parameter.detach().clone()
        with torch.no_grad():
            parameter.add_(torch.randn(parameter.shape))
            assert not layer(x).allclose(before, atol=1e-3), name
            parameter.copy_(saved)


def test_no_token_is_dropped_where_all_want_one_expert(randomise):
    layer = _layer(randomise, balance="bias", experts_per_token=1)
    _correction(layer).copy_(torch.tensor([0, 0, 9, 0, 0, 0]))
    x = torch.randn(1, 50, 5)
    with Routing(layer) as routing:
        result = layer(x)
    assert routing.counts.tolist() == [0, 0, 50, 0, 0, 0]
    torch.testing.assert_close(result, mix_plainly(layer, x[0])[None], rtol=1e-4, atol=1e-5)


@given(
    counts=st.lists(st.integers(0, 5), min_size=1, max_size=6),
    inputs=st.integers(1, 9),
    outputs=st.integers(1, 9),
)
@settings(max_examples=40)
def test_each_row_meets_its_own_experts_matrix(counts: list[int], inputs: int, outputs: int):
    generator = torch.Generator().manual_seed(inputs)
    x = torch.randn(sum(counts), inputs, generator=generator, requires_grad=True)
    weight = torch.randn(len(counts), outputs, inputs, generator=generator, requires_grad=True)
    owners = torch.tensor([e for e, n in enumerate(counts) for _ in range(n)], dtype=torch.int64)
    expected = (weight[owners] @ x[..., None])[..., 0]
    result = grouped_linear(x, weight, torch.tensor(counts))
    torch.testing.assert_close(
        _with_gradients(result, [x, weight]),
        _with_gradients(expected, [x, weight]),
        rtol=1e-4,
        atol=1e-5,
    )


def test_only_the_gradients_asked_for_are_computed():
    x, weight, counts = torch.randn(5, 3), torch.randn(2, 4, 3), torch.tensor([2, 3])
    for which in (x, weight):
        which.requires_grad_()
        grouped_linear(x, weight, counts).sum().backward()
        assert which.grad is not None
        which.requires_grad_(False)
    assert not grouped_linear(x, weight, counts).requires_grad


def _even(layer: Experts) -> None:
    """Makes the router blind: all scores are equal."""
    with torch.no_grad():
        layer.router.weight.zero_()


@pytest.mark.parametrize("routing", ["softmax", "sigmoid"])
@pytest.mark.parametrize("per_token", [1, 2, 5])
def test_auxiliary_loss_is_one_for_even_scores(routing: str, per_token: int, randomise):
    layer = _layer(randomise, routing=routing, experts_per_token=per_token, balance_weight=0.5)
    _even(layer)
    with Routing(layer) as watch:
        layer(torch.randn(2, 6, 5))
    assert _loss(watch).item() == pytest.approx(0.5)
    assert watch.take_loss() is None


def test_auxiliary_loss_is_its_formula(randomise):
    layer = _layer(randomise, balance_weight=1.0)
    x = torch.randn(9, 5)
    with Routing(layer) as routing:
        layer(x[None])
    scores = (x @ layer.router.weight.T).softmax(-1)
    picked = scores.topk(2).indices
    share = torch.stack([(picked == e).float().sum() / 18 for e in range(6)])
    expected = 6 * sum(share[e] * scores[:, e].sum() / 9 for e in range(6))
    torch.testing.assert_close(_loss(routing), expected)


def test_following_the_auxiliary_loss_evens_the_load(randomise):
    layer = _layer(randomise, num_experts=4, balance_weight=1.0)
    x, routing = torch.randn(1, 400, 5) + 0.5, Routing(layer)
    loads = []
    for _ in range(150):
        routing.counts.zero_()
        with routing:
            layer(x)
        (gradient,) = torch.autograd.grad(_loss(routing), layer.router.weight)
        with torch.no_grad():
            layer.router.weight.sub_(gradient)
        loads.append(routing.counts.tolist())
    assert max(loads[0]) > 1.4 * 200
    assert max(loads[-1]) < 1.2 * 200


def test_biases_move_against_the_load_by_their_weight(randomise):
    layer = _layer(randomise, balance="bias", balance_weight=0.25, num_experts=4)
    before = _correction(layer).clone()
    routing = Routing(layer)
    routing.counts.copy_(torch.tensor([10, 0, 6, 4]))  # 5 on average
    routing.balance()
    moved = 0.25 * torch.tensor([-1.0, 1.0, -1.0, 1.0])
    torch.testing.assert_close(_correction(layer), before + moved)
    routing.counts.fill_(7)
    routing.balance()
    torch.testing.assert_close(_correction(layer), before + moved)


def test_biases_even_the_load(randomise):
    layer = _layer(randomise, balance="bias", balance_weight=0.01, routing="sigmoid")
    x, routing = torch.randn(1, 300, 5) + 0.5, Routing(layer)
    entropies = []
    for _ in range(200):
        routing.counts.zero_()
        with routing:
            layer(x)
        routing.balance()
        entropies.append(routing.statistics()["routing_entropy"])
    assert entropies[0] < 0.95
    assert entropies[-1] > 0.995


def test_biases_pick_but_do_not_weigh(randomise):
    layer = _layer(randomise, balance="bias", experts_per_token=6)
    x = torch.randn(1, 9, 5)
    before = layer(x)
    _correction(layer).add_(torch.randn(6))
    torch.testing.assert_close(layer(x), before, rtol=1e-5, atol=1e-5)


def test_statistics_are_counted_by_hand(randomise):
    layers = torch.nn.ModuleDict(
        {"a": _layer(randomise, num_experts=4), "b": _layer(randomise, num_experts=2)}
    )
    routing = Routing(layers)
    assert list(routing.layers) == ["a", "b"]
    routing.counts.copy_(torch.tensor([5, 5, 0, 0, 8, 0]))
    shares = routing.shares()
    assert shares["a"].tolist() == [0.5, 0.5, 0, 0]
    assert shares["b"].tolist() == [1, 0]
    assert routing.statistics() == {
        "routing_entropy": pytest.approx((math.log(2) / math.log(4) + 0) / 2),
        "busiest_expert": pytest.approx(2.0),
        "idle_experts": 3.0,
    }
    assert Routing(torch.nn.Linear(2, 2)).statistics() == {}


def test_passes_count_where_they_are_watched_alone(randomise):
    layer = _layer(randomise)
    routing = Routing(layer)
    layer(torch.randn(1, 7, 5))
    assert routing.counts.sum() == 0
    with routing:
        layer(torch.randn(1, 7, 5))
        layer(torch.randn(1, 3, 5))
    layer(torch.randn(1, 7, 5))
    assert routing.counts.sum() == 2 * 10


@pytest.mark.parametrize("settings", [{}, {"routing": "sigmoid"}, {"balance": "bias"}])
def test_activation_checkpointing_changes_nothing(settings: dict[str, Any], randomise):
    """What is computed anew is not counted anew, and the auxiliary loss has its gradient."""
    layer = _layer(randomise, balance_weight=1.0, **settings)
    x = torch.randn(2, 6, 5, requires_grad=True)
    found = []
    for run in (layer, lambda y: checkpoint(layer, y, use_reentrant=False)):
        routing = Routing(layer)
        with routing:
            result = run(x).square().sum()
        balance = routing.take_loss()
        (result if balance is None else result + balance).backward()
        inputs = [x, *(p for p in layer.parameters() if p.requires_grad)]
        found.append([routing.counts, *(i.grad.clone() for i in inputs if i.grad is not None)])
        x.grad = None
        layer.zero_grad()
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other)


def test_evaluation_has_no_auxiliary_loss(randomise):
    layer = _layer(randomise).eval()
    with Routing(layer) as routing:
        layer(torch.randn(1, 4, 5))
    assert routing.take_loss() is None
    assert routing.counts.sum() == 8


def test_result_has_the_type_of_the_weights(randomise):
    layer = _layer(randomise, shared_hidden_dim=3, bias=True).to(torch.bfloat16)
    assert layer(torch.randn(1, 4, 5, dtype=torch.bfloat16)).dtype == torch.bfloat16
