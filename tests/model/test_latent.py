from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from textus.generate.cache import Cache
from textus.model.attention import Context, Documents, make_attention
from textus.model.config import FullReach, ModelConfig, ReachConfig, SlidingReach
from textus.model.latent import LatentAttention, attend_latent_plainly
from textus.model.position import Rotary, query_width
from textus.model.sparse import reach_mask

VARIANTS: dict[str, dict[str, Any]] = {
    "usual": {"query_rank": 10},
    "no query latent": {"query_rank": None},
    "biases and a scale of its own": {"bias": True, "scale": 0.3},
    "values wider than keys": {"value_dim": 19},
    "one head": {"num_heads": 1},
}
SIZES = {"kind": "latent", "num_heads": 3, "head_dim": 6, "rope_dim": 4, "value_dim": 5}


def _config(small_config, **settings: Any) -> ModelConfig:
    attention = SIZES | {"kv_rank": 7} | settings
    return small_config("deepseek_v3", num_layers=1, model_dim=20, attention=attention)


@pytest.fixture(params=list(VARIANTS))
def config(request: pytest.FixtureRequest, small_config) -> ModelConfig:
    return _config(small_config, **VARIANTS[request.param])


@pytest.fixture
def layer(config: ModelConfig, randomise) -> LatentAttention:
    made = make_attention(config.layers[0], config.norm, config.model_dim)
    assert isinstance(made, LatentAttention)
    randomise(made, std=0.4)
    return made


def _context(part: Any, positions: Tensor, **rest: Any) -> Context:
    placing = Rotary(part.position, query_width(part.attention, part.position))(positions)
    return Context(placing=placing, **rest)


def _with_gradients(result: Tensor, inputs: list[Tensor]) -> list[Tensor]:
    weights = torch.linspace(-1, 1, result.numel()).view(result.shape)
    return [result, *torch.autograd.grad(result, inputs, weights)]


@pytest.mark.parametrize("lengths", [None, (4, 5, 1, 3, 5)])
def test_value_and_gradients_equal_the_plain_twin(
    layer: LatentAttention, config: ModelConfig, lengths: tuple[int, ...] | None
):
    x, positions = torch.randn(2, 9, 20, requires_grad=True), torch.arange(9)
    mask = None if lengths is None else Documents(lengths)
    dense = Documents(lengths or (9, 9)).dense(2, 9)
    inputs = [x, *layer.parameters()]
    found = layer(x, _context(config.layers[0], positions, mask=mask))
    plain = attend_latent_plainly(layer, x, _context(config.layers[0], positions, mask=dense))
    torch.testing.assert_close(
        _with_gradients(found, inputs), _with_gradients(plain, inputs), rtol=1e-4, atol=1e-5
    )


def _cache(config: ModelConfig) -> Cache:
    return Cache(config, rows=2, capacity=9, dtype=torch.float32, device=torch.device("cpu"))


@torch.inference_mode()
def test_decoding_over_latents_equals_the_whole(layer: LatentAttention, config: ModelConfig):
    x, part, cache = torch.randn(1, 9, 20), config.layers[0], _cache(config)
    whole = layer(x, _context(part, torch.arange(9)))
    steps = [layer(x[:, :4], _context(part, torch.arange(4), cache=cache.start_of(0, 4)[0]))]
    for t in range(4, 9):
        slots = cache.next_of([t])[0]
        steps.append(layer(x[:, t : t + 1], _context(part, torch.tensor([[t]]), cache=slots)))
    torch.testing.assert_close(torch.cat(steps, dim=1), whole, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("reach", [FullReach(), SlidingReach(window=3)])
@torch.inference_mode()
def test_both_ways_give_the_same(layer: LatentAttention, reach: ReachConfig):
    """Without a mask the queries are the last tokens; one query alone looks at all it is given."""
    layer.reach = reach
    q, q_rope = (torch.randn(2, 5, layer.config.num_heads, width) for width in (6, 4))
    latent, k_rope = (torch.randn(2, 8, 1, width) for width in (7, 4))
    seen = reach_mask(reach, torch.arange(3, 8), torch.arange(8)).expand(2, 1, 5, 8)
    for mask in (None, seen):
        torch.testing.assert_close(
            layer._expand(q, q_rope, latent, k_rope, mask),
            layer._absorb(q, q_rope, latent, k_rope, mask),
            rtol=1e-5,
            atol=1e-5,
        )
    layer.reach = FullReach()
    some = (torch.rand(2, 1, 1, 8) < 0.5) | (torch.arange(8) == 0)
    for mask in (None, some):
        torch.testing.assert_close(
            layer._expand(q[:, :1], q_rope[:, :1], latent, k_rope, mask),
            layer._absorb(q[:, :1], q_rope[:, :1], latent, k_rope, mask),
            rtol=1e-5,
            atol=1e-5,
        )


class _Largest(TorchDispatchMode):
    """Notes the size of the largest tensor that any operation returns."""

    numel = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        sizes = [x.numel() for x in tree_leaves(result) if isinstance(x, Tensor)]
        self.numel = max(self.numel, *sizes, 0)
        return result


@torch.inference_mode()
def test_a_new_token_expands_no_keys(small_config, randomise):
    """Memory and work over the cache are those of one head, whatever the number of heads."""
    config = _config(small_config, num_heads=40)
    layer = make_attention(config.layers[0], config.norm, config.model_dim)
    randomise(layer)
    seen = 300
    cache = Cache(
        config, rows=1, capacity=seen, dtype=torch.float32, device=torch.device("cpu")
    ).next_of([seen - 1])
    assert [tuple(kept.shape) for kept in (cache[0].keys, cache[0].values)] == [
        (1, 300, 1, 4),
        (1, 300, 1, 7),
    ]
    context = _context(config.layers[0], torch.tensor([[seen - 1]]), cache=cache[0])
    x = torch.randn(1, 1, 20)
    with _Largest() as decoding:
        layer(x, context)
    assert decoding.numel <= 40 * seen  # the scores, one for each head and token seen


def test_a_token_never_moves_what_stands_before_it(layer: LatentAttention, config: ModelConfig):
    x, context = torch.randn(1, 7, 20), _context(config.layers[0], torch.arange(7))
    before = layer(x, context)
    for t in range(7):
        other = x.clone()
        other[:, t] += 1
        changed = (layer(other, context) - before).abs().amax(-1)[0] > 1e-6
        assert changed.tolist() == [s >= t for s in range(7)]


def test_only_distance_counts(layer: LatentAttention, config: ModelConfig):
    x = torch.randn(1, 6, 20)
    here, there, wide = (
        layer(x, _context(config.layers[0], positions))
        for positions in (torch.arange(6), torch.arange(6) + 5, 2 * torch.arange(6))
    )
    torch.testing.assert_close(here, there, rtol=1e-4, atol=1e-5)
    assert not here.allclose(wide, atol=1e-3)


@torch.inference_mode()
def test_decoding_within_a_window_equals_the_whole(small_config, random_model):
    window = {"kind": "sliding", "window": 3}
    model = random_model(small_config("deepseek_v3", reach=window), std=0.2)
    ids = torch.randint(97, (1, 9))
    cache = Cache(model.config, rows=1, capacity=9, dtype=torch.float32, device=torch.device("cpu"))
    logits = [model(ids[:, :4], cache=cache.start_of(0, 4))]
    for t in range(4, 9):
        slots = cache.next_of([t])
        logits.append(model(ids[:, t : t + 1], positions=torch.tensor([[t]]), cache=slots))
    torch.testing.assert_close(torch.cat(logits, dim=1), model(ids), rtol=1e-5, atol=1e-5)
