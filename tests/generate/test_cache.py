import pytest
import torch

from textus.generate.cache import Cache
from textus.model.presets import PRESETS

MODELS = {name: (name, {}) for name in PRESETS} | {
    "alibi": ("qwen3", {"position": {"kind": "alibi"}}),
    "turned in part": ("qwen3", {"position": {"fraction": 0.5, "pairs": "neighbours"}}),
    "normed whole": ("qwen3", {"attention": {"qk_norm": "whole", "bias": "input"}}),
}


@pytest.fixture(params=list(MODELS))
def model(request, small_config, random_model):
    architecture, settings = MODELS[request.param]
    return random_model(small_config(architecture, **settings))


def cache_for(model, rows, capacity=32):
    weight = model.embedding.weight
    return Cache(
        model.config, rows=rows, capacity=capacity, dtype=weight.dtype, device=weight.device
    )


def random_ids(*shape):
    return torch.randint(0, 97, shape, generator=torch.Generator().manual_seed(5))


@torch.inference_mode()
def test_cached_decode_equals_full_forward(model):
    ids = random_ids(1, 20)
    cache = cache_for(model, 1, capacity=20)
    logits = [model(ids[:, :7], cache=cache.start_of(0, 7))]
    for t in range(7, 20):
        slots = cache.next_of([t])
        assert all(layer.mask is None for layer in slots)
        logits.append(model(ids[:, t : t + 1], positions=torch.tensor([[t]]), cache=slots))
    torch.testing.assert_close(torch.cat(logits, 1), model(ids), rtol=1e-5, atol=1e-5)


@torch.inference_mode()
def test_rows_of_different_lengths_decode_as_each_alone(model):
    lengths, steps = [3, 9, 1], 5
    ids = random_ids(3, 20)
    cache = cache_for(model, 3)
    for row, length in enumerate(lengths):
        model(ids[row : row + 1, :length], cache=cache.start_of(row, length))
    for step in range(steps):
        ends = [length + step for length in lengths]
        slots = cache.next_of(ends)
        assert all(layer.mask is not None for layer in slots)
        new = torch.stack([ids[row, end : end + 1] for row, end in enumerate(ends)])
        logits = model(new, positions=torch.tensor(ends)[:, None], cache=slots)
        for row, end in enumerate(ends):
            alone = model(ids[row : row + 1, : end + 1])[0, -1]
            torch.testing.assert_close(logits[row, 0], alone, rtol=1e-5, atol=1e-5)


@torch.inference_mode()
def test_a_row_can_be_filled_anew_and_moved(model):
    ids, other = random_ids(1, 12), random_ids(1, 30)[:, 12:]
    cache = cache_for(model, 3)
    model(other, cache=cache.start_of(2, 18))
    model(ids[:, :11], cache=cache.start_of(2, 11))
    cache.copy_row(2, 0)
    slots = cache.next_of([11])
    logits = model(ids[:, 11:], positions=torch.tensor([[11]]), cache=slots)
    torch.testing.assert_close(logits[0, -1], model(ids)[0, -1], rtol=1e-5, atol=1e-5)
