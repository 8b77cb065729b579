from typing import Literal

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from textus.data.batch import Batch
from textus.generate.cache import Cache
from textus.model.config import ModelConfig
from textus.model.experts import Routing
from textus.model.size import cache_memory, training_memory
from textus.model.transformer import Transformer
from textus.train.config import AdamWConfig, MuonConfig, OptimizerConfig
from textus.train.objective import batch_losses
from textus.train.optimizer import make_optimizers

Name = Literal["muon", "adamw"]
OPTIMIZERS: dict[Name, OptimizerConfig] = {"muon": MuonConfig(), "adamw": AdamWConfig()}


@pytest.mark.parametrize("name", ["muon", "adamw"])
def test_weights_gradients_and_optimizer_are_as_large_as_computed(config: ModelConfig, name: Name):
    model = Transformer(config)
    optimizers = make_optimizers(model, OPTIMIZERS[name])
    for parameter in model.parameters():  # an expert that nothing is sent to has no gradient else
        parameter.grad = torch.zeros_like(parameter) if parameter.requires_grad else None
    for each in optimizers:
        each.step()
    states = [v for each in optimizers for s in each.state.values() for v in s.values()]
    memory = training_memory(config, rows=1, seq_len=3, optimizer=name, loss_chunk=8)
    assert memory["weights"] == sum(p.nbytes for p in model.parameters())
    gradients = [p.grad.nbytes for p in model.parameters() if p.grad is not None]
    assert memory["gradients"] == sum(gradients)
    assert memory["optimizer"] == sum(v.nbytes for v in states if v.dim())  # not step counters


@pytest.mark.parametrize("name", ["muon", "adamw"])
@pytest.mark.parametrize(
    ("architecture", "passes"),
    [("qwen3", 1), ("qwen3", 2), ("gpt2", 1), ("gemma2", 2), ("mixtral", 1), ("deepseek_v3", 1)],
)
def test_memory_of_a_step_is_its_peak_or_a_little_more(
    small_config, make_live, architecture: str, passes: int, name: Name
):
    config = small_config(architecture, vocab_size=700, num_layers=3)
    peak = _peak_of_a_step(config, make_live, OPTIMIZERS[name], passes=passes)
    parts = training_memory(
        config, rows=8, seq_len=32, optimizer=name, loss_chunk=64, passes=passes
    )
    assert 0.995 * peak <= sum(parts.values()) <= 1.14 * peak


def _peak_of_a_step(
    config: ModelConfig, make_live, optimizer: OptimizerConfig, *, passes: int
) -> int:
    model = Transformer(config)
    optimizers, routing = make_optimizers(model, optimizer), Routing(model)
    tokens = torch.randint(config.vocab_size, (8, 32))
    batch = Batch(tokens=tokens, targets=tokens, segments=torch.full((8,), 32))
    with make_live() as live:
        for parameter in model.parameters():
            live.add(parameter)
        for _ in range(2):  # the second has optimizer states from its beginning
            for _ in range(passes):
                losses = batch_losses(model, batch, routing, scale=1.0, chunk=64)
                losses.total(0.3).backward()
                del losses
            for each in optimizers:
                each.step()
                each.zero_grad()
    return live.peak


def _check_cache(config: ModelConfig, rows: int, capacity: int) -> None:
    cache = Cache(
        config, rows=rows, capacity=capacity, dtype=torch.float32, device=torch.device("cpu")
    )
    held = sum(kept.nbytes for layer in cache.layers for kept in layer)
    assert cache_memory(config, rows, capacity) == held


@pytest.mark.parametrize("capacity", [2, 11, 32])
def test_cache_of_every_preset_is_as_large_as_computed(config: ModelConfig, capacity: int):
    _check_cache(config, 3, capacity)


@given(st.data(), st.integers(1, 30))
@settings(max_examples=40)
def test_cache_is_as_large_as_computed(configs, data: st.DataObject, capacity: int):
    _check_cache(data.draw(configs()), 2, capacity)


def test_cache_of_a_sliding_layer_does_not_grow_beyond_its_window(small_config):
    config = small_config("mistral", reach={"kind": "sliding", "window": 8})
    assert cache_memory(config, 1, 1_000_000) == cache_memory(config, 1, 8)
