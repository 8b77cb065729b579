from math import prod

import pytest
import torch

from textus.generate.cache import Cache
from textus.model.attention import remembered
from textus.model.embedding import NOTHING
from textus.model.presets import PRESETS

SLIDING = {"kind": "sliding", "window": 5}
BANDED = {"kind": "banded", "block": 3}
STRIDED = {"kind": "strided", "stride": 4}
MODELS = {name: (name, {}) for name in PRESETS} | {
    "alibi": ("qwen3", {"position": {"kind": "alibi"}}),
    "turned in part": ("qwen3", {"position": {"fraction": 0.5, "pairs": "neighbours"}}),
    "normed whole": ("qwen3", {"attention": {"qk_norm": "whole", "bias": "input"}}),
    "sliding": ("qwen3", {"reach": SLIDING}),
    "banded": ("qwen3", {"reach": BANDED}),
    "strided": ("qwen3", {"reach": STRIDED}),
    "sliding alibi": ("qwen3", {"reach": SLIDING, "position": {"kind": "alibi"}}),
    "banded alibi": ("qwen3", {"reach": BANDED, "position": {"kind": "alibi"}}),
    "sliding latent": ("deepseek_v3", {"reach": SLIDING}),
    "banded sinks": ("gpt_oss", {"pattern": [{"reach": BANDED}, {"reach": STRIDED}]}),
    "enriched": (
        "qwen3",
        {"embedding": {"norm": True, "ngram_rows": [61, 53], "smear": True, "scale": 3.0}},
    ),
    "pairs of tokens": ("gpt2", {"embedding": {"ngram_rows": [61], "values": True}}),
    "one token seen": ("gpt2", {"reach": {"kind": "sliding", "window": 1}}),
}


@pytest.fixture(params=list(MODELS))
def model(request, small_config, random_model):
    architecture, settings = MODELS[request.param]
    return random_model(small_config(architecture, **settings), std=0.1)


def cache_for(model, rows, capacity=32):
    weight = model.embedding.weight
    return Cache(
        model.config, rows=rows, capacity=capacity, dtype=weight.dtype, device=weight.device
    )


def before(model, ids, row, end):
    """The ids before the one at `end` in a row, as many as its vector is made of."""
    count = model.config.embedding.lookback
    known = ids[row, max(0, end - count) : end].tolist()
    return torch.tensor([[NOTHING] * (count - len(known)) + known], dtype=torch.int64)


def step(model, ids, t, slots):
    """Logits of the one token at t of the one row."""
    preceding = before(model, ids, 0, t) if model.config.embedding.lookback else None
    positions = torch.tensor([[t]])
    return model(ids[:, t : t + 1], positions=positions, cache=slots, preceding=preceding)


def random_ids(*shape):
    return torch.randint(0, 97, shape, generator=torch.Generator().manual_seed(5))


@pytest.mark.parametrize("prompt", [1, 7, 13])
@torch.inference_mode()
def test_cached_decode_equals_full_forward(model, prompt):
    ids = random_ids(1, 20)
    cache = cache_for(model, 1, capacity=20)
    logits = [model(ids[:, :prompt], cache=cache.start_of(0, prompt))]
    logits += [step(model, ids, t, cache.next_of([t])) for t in range(prompt, 20)]
    torch.testing.assert_close(torch.cat(logits, 1), model(ids), rtol=1e-5, atol=1e-5)


@torch.inference_mode()
def test_rows_of_different_lengths_decode_as_each_alone(model):
    lengths, steps = [3, 14, 1], 6
    ids = random_ids(3, 20)
    cache = cache_for(model, 3)
    for row, length in enumerate(lengths):
        model(ids[row : row + 1, :length], cache=cache.start_of(row, length))
    for number in range(steps):
        ends = [length + number for length in lengths]
        new = torch.stack([ids[row, end : end + 1] for row, end in enumerate(ends)])
        positions = torch.tensor(ends)[:, None]
        preceding = torch.cat([before(model, ids, row, end) for row, end in enumerate(ends)])
        cached = cache.next_of(ends)
        logits = model(new, positions=positions, cache=cached, preceding=preceding)
        for row, end in enumerate(ends):
            alone = model(ids[row : row + 1, : end + 1])[0, -1]
            torch.testing.assert_close(logits[row, 0], alone, rtol=1e-5, atol=1e-5)


@torch.inference_mode()
def test_a_row_can_be_filled_anew_and_moved(model):
    ids, other = random_ids(1, 12), random_ids(1, 30)[:, 12:]
    cache = cache_for(model, 3)
    model(other, cache=cache.start_of(2, 18))
    model(ids[:, :2], cache=cache.start_of(2, 2))
    cache.copy_row(2, 0)
    logits = [step(model, ids, t, cache.next_of([t])) for t in range(2, 12)]
    torch.testing.assert_close(logits[-1][0, -1], model(ids)[0, -1], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("reach", "slots"), [(SLIDING, 5), (BANDED, 6), (STRIDED, 20), ({"kind": "full"}, 20)]
)
def test_memory_follows_the_reach(small_config, random_model, reach, slots):
    model = random_model(small_config("qwen3", reach=reach))
    shapes = [kept.shape for layer in cache_for(model, 3, capacity=20).layers for kept in layer]
    keys, values = remembered(model.config.layers[0])
    assert shapes == 2 * [(3, slots, *keys), (3, slots, *values)]
    few = cache_for(model, 3, capacity=4).layers[0]
    assert [prod(kept.shape[:2]) for kept in few] == [12, 12]  # no more than the texts are long


def test_only_what_hides_something_has_a_mask(small_config, random_model):
    pattern = [{}, {"reach": SLIDING}, {"reach": BANDED}, {"reach": STRIDED}]
    model = random_model(small_config("qwen3", num_layers=4, pattern=pattern))
    cache = cache_for(model, 2)
    assert [slots.mask is None for slots in cache.next_of([2, 2])] == [True] * 4
    assert [slots.mask is None for slots in cache.next_of([9, 9])] == [True, True, False, False]
    assert [slots.mask is None for slots in cache.next_of([9, 8])] == [False, True, False, False]
    mask = cache.next_of([9, 8])[0].mask
    assert mask is not None
    assert mask.sum(dim=-1).flatten().tolist() == [10, 9]
