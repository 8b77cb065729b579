import copy
import math
from dataclasses import replace
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from textus.model.presets import make_config
from textus.model.transformer import Transformer
from textus.train.config import AdamWConfig, MuonConfig, OptimizerConfig
from textus.train.optimizer import Muon, make_optimizers, orthogonalise


def _model(*, tied: bool = False) -> Transformer:
    torch.manual_seed(0)
    return Transformer(
        make_config(
            vocab_size=31,
            max_seq_len=8,
            num_layers=2,
            model_dim=16,
            attention={"num_heads": 2, "num_kv_heads": 1, "head_dim": 8, "bias": "all"},
            feed_forward={"hidden_dim": 24, "bias": True},
            head={"tied": tied},
        )
    )


def _polar(matrix: Tensor) -> Tensor:
    """The nearest orthogonal matrix, from the singular value decomposition."""
    u, _, vh = torch.linalg.svd(matrix, full_matrices=False)
    return u @ vh


@given(st.integers(1, 40), st.integers(1, 40), st.floats(1e-2, 1e4))
@settings(max_examples=40)
def test_orthogonalised_matrices_are_near_the_polar_factor(rows: int, columns: int, size: float):
    matrices = size * torch.randn(3, rows, columns, generator=torch.Generator().manual_seed(rows))
    result = orthogonalise(matrices)
    assert result.shape == matrices.shape
    rank = min(rows, columns)
    for before, after in zip(matrices, result, strict=True):
        values = torch.linalg.svdvals(after)
        large = torch.linalg.svdvals(before) > 2e-3 * torch.linalg.matrix_norm(before)
        assert (values <= 1.13).all()
        assert (values.sort(descending=True).values[: int(large.sum())] >= 0.87).all()
        if large.all():
            alignment = (after * _polar(before)).sum() / (after.norm() * math.sqrt(rank))
            assert alignment > 0.99


def test_singular_directions_are_kept():
    """The result has the singular vectors of its input, in their order, whatever the values."""
    u, v = (_polar(torch.randn(12, 12)) for _ in range(2))
    values = torch.linspace(1, 0.05, 12)
    result = orthogonalise((u * values @ v)[None])[0]
    inner = u.T @ result @ v.T
    torch.testing.assert_close(inner, torch.diag(inner.diag()), atol=1e-4, rtol=0)
    assert ((inner.diag() - 1).abs() < 0.15).all()


def test_a_batch_is_worked_on_one_by_one():
    matrices = torch.randn(5, 7, 11)
    alone = torch.cat([orthogonalise(m[None]) for m in matrices])
    # The first steps enlarge small singular values a thousandfold, and their rounding with them.
    torch.testing.assert_close(orthogonalise(matrices), alone, rtol=0, atol=1e-3)


def test_a_zero_matrix_stays_zero():
    assert orthogonalise(torch.zeros(1, 4, 6)).equal(torch.zeros(1, 4, 6))


def test_muon_takes_the_steps_of_its_written_out_twin():
    rates = {"lr": 0.03, "momentum": 0.9, "weight_decay": 0.2}
    shapes = [(6, 4), (6, 4), (4, 6), (5, 5)]
    parameters = [nn.Parameter(torch.randn(shape)) for shape in shapes]
    twins = [p.detach().clone() for p in parameters]
    averages = [torch.zeros(shape) for shape in shapes]
    optimizer = Muon(parameters, **rates)
    for _ in range(3):
        for i, parameter in enumerate(parameters):
            gradient = torch.randn(shapes[i])
            parameter.grad = gradient.clone()
            averages[i] = 0.9 * averages[i] + 0.1 * gradient
            update = orthogonalise((0.1 * gradient + 0.9 * averages[i])[None])[0]
            rows, columns = shapes[i]
            twins[i] = (
                twins[i] * (1 - 0.03 * 0.2) - 0.03 * math.sqrt(max(1, rows / columns)) * update
            )
        optimizer.step()
    for parameter, twin in zip(parameters, twins, strict=True):
        torch.testing.assert_close(parameter.detach(), twin, rtol=1e-4, atol=1e-5)


def test_muon_remembers_one_momentum_for_each_matrix():
    parameters = [nn.Parameter(torch.randn(3, 5)), nn.Parameter(torch.randn(4, 2))]
    optimizer = Muon(parameters, lr=0.1)
    parameters[0].grad = torch.randn(3, 5)
    untouched = parameters[1].detach().clone()
    optimizer.step()
    assert list(optimizer.state[parameters[0]]) == ["momentum"]
    assert optimizer.state[parameters[0]]["momentum"].shape == (3, 5)
    assert not optimizer.state.get(parameters[1])
    assert parameters[1].equal(untouched)


def test_muon_goes_on_from_a_saved_state():
    parameter = nn.Parameter(torch.randn(4, 6))
    optimizer = Muon([parameter], lr=0.1)
    parameter.grad = torch.randn(4, 6)
    optimizer.step()
    copied = nn.Parameter(parameter.detach().clone())
    other = Muon([copied], lr=0.1)
    other.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    for each, holder in ((optimizer, parameter), (other, copied)):
        holder.grad = torch.ones(4, 6).tril()
        each.step()
    assert parameter.equal(copied)


@pytest.mark.parametrize("config", [MuonConfig(), AdamWConfig()])
@pytest.mark.parametrize("tied", [False, True])
def test_every_parameter_has_one_optimizer(config: OptimizerConfig, tied: bool):
    model = _model(tied=tied)
    optimizers = make_optimizers(model, config)
    held = [id(p) for o in optimizers for g in o.param_groups for p in g["params"]]
    assert sorted(held) == sorted(id(p) for p in model.parameters())
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            assert group["peak"] == group["lr"] > 0


def test_muon_takes_the_matrices_of_the_blocks_alone():
    model = _model()
    muon, adam = make_optimizers(model, MuonConfig(weight_decay=0.3))
    names = {id(p): name for name, p in model.named_parameters()}
    matrices = {names[id(p)] for g in muon.param_groups for p in g["params"]}
    assert matrices == {
        f"blocks.{i}.{part}.weight"
        for i in range(2)
        for part in (
            *("attention.query", "attention.key", "attention.value", "attention.output"),
            *("feed_forward.gate", "feed_forward.up", "feed_forward.down"),
        )
    }
    assert [g["weight_decay"] for g in muon.param_groups] == [0.3]
    assert {g["weight_decay"] for g in adam.param_groups} == {0.0}


@pytest.mark.parametrize("tied", [False, True])
def test_tables_learn_as_the_embedding_does(tied: bool):
    """Where it is the head, too, none has the embedding's own rate."""
    model = _enriched(tied=tied)
    names = {id(p): n for n, p in model.named_parameters()}
    groups = [g for o in make_optimizers(model, MuonConfig()) for g in o.param_groups]
    rates = {names[id(p)]: g["lr"] for g in groups for p in g["params"]}
    tables = {n for n in rates if "ngrams" in n or "value_tables" in n}
    assert len(tables) == 2 + 2
    expected = MuonConfig().adam_learning_rate if tied else MuonConfig().embedding_learning_rate
    assert {rates[n] for n in (*tables, "embedding.weight")} == {expected}
    blends = {n for n in rates if n.startswith(("skips.", "enriching.smear."))}
    assert len(blends) == 2 + 2
    assert {rates[n] for n in blends} == {MuonConfig().adam_learning_rate}


def test_blends_do_not_decay():
    model = _enriched()
    names = {id(p): n for n, p in model.named_parameters()}
    [adam] = make_optimizers(model, AdamWConfig(weight_decay=0.3))
    decays = {names[id(p)]: g["weight_decay"] for g in adam.param_groups for p in g["params"]}
    for name, decay in decays.items():
        assert decay == (0.0 if name.startswith(("skips.", "enriching.smear.")) else 0.3)


def _enriched(**head: bool) -> Transformer:
    options = {"values": True, "skip": True, "smear": True, "ngram_rows": [7, 5]}
    sizes: dict[str, Any] = {"vocab_size": 31, "num_layers": 2, "model_dim": 16}
    norm = {"learned": False}
    return Transformer(make_config(**sizes, embedding=options, norm=norm, head=head))


def test_adamw_spares_vectors_its_decay():
    model = _model()
    (adam,) = make_optimizers(model, AdamWConfig(weight_decay=0.3))
    for group in adam.param_groups:
        assert group["params"]
        assert {group["weight_decay"] > 0} == {p.dim() >= 2 for p in group["params"]}


def test_adamw_equals_torchs_unfused_one():
    config = AdamWConfig(learning_rate=3e-3, beta1=0.8, beta2=0.9, eps=1e-6, weight_decay=0.5)
    ours, theirs = _model(), _model()
    (adam,) = make_optimizers(ours, config)
    named = list(theirs.named_parameters())
    groups = [
        {"params": [p for _, p in named if p.dim() >= 2], "weight_decay": 0.5},
        {"params": [p for _, p in named if p.dim() < 2], "weight_decay": 0.0},
    ]
    plain = torch.optim.AdamW(
        groups, lr=3e-3, betas=(0.8, 0.9), eps=1e-6, fused=False, foreach=False
    )
    for _ in range(10):
        for mine, other in zip(ours.parameters(), theirs.parameters(), strict=True):
            mine.grad = torch.randn(mine.shape)
            other.grad = mine.grad.clone()
        adam.step()
        plain.step()
    for mine, other in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(mine, other, rtol=1e-5, atol=1e-6)


def test_each_expert_s_matrix_is_made_orthogonal_by_itself():
    """A batch of matrices moves as the same matrices, one parameter each, do."""
    whole = nn.Parameter(torch.randn(5, 6, 4))
    alone = [nn.Parameter(matrix.clone()) for matrix in whole.detach()]
    optimizers = Muon([whole], lr=0.1, weight_decay=0.2), Muon(alone, lr=0.1, weight_decay=0.2)
    for _ in range(2):
        whole.grad = torch.randn(5, 6, 4)
        for matrix, gradient in zip(alone, whole.grad, strict=True):
            matrix.grad = gradient.clone()
        for optimizer in optimizers:
            optimizer.step()
    torch.testing.assert_close(
        whole.detach(), torch.stack([p.detach() for p in alone]), rtol=1e-4, atol=1e-4
    )


@pytest.mark.parametrize("config", [MuonConfig(), AdamWConfig()])
def test_experts_have_their_optimizers(config: OptimizerConfig, mixed: Any):
    """Matrices of experts are matrices, their biases vectors, and what balances them is neither."""
    layer = replace(mixed.feed_forward, bias=True)
    model = Transformer(replace(mixed, feed_forward=layer))
    names = {id(p): name for name, p in model.named_parameters()}
    optimizers = make_optimizers(model, config)
    held = [id(p) for o in optimizers for g in o.param_groups for p in g["params"]]
    assert len(held) == len(set(held))
    missing = {name for key, name in names.items() if key not in held}
    assert missing == {
        "blocks.1.feed_forward.correction",
        "ahead.0.block.feed_forward.correction",
    }
    as_matrices = {names[id(p)] for p in optimizers[0].param_groups[0]["params"]}
    for place in ("blocks.1.", "ahead.0.block."):
        for part in ("gate", "up", "down"):
            assert f"{place}feed_forward.{part}.weight" in as_matrices
            assert f"{place}feed_forward.{part}.bias" not in as_matrices
        assert f"{place}feed_forward.router.weight" in as_matrices
    assert "ahead.0.join.weight" in as_matrices
