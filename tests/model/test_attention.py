from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from textus.model.attention import (
    Context,
    Documents,
    GroupedAttention,
    attend,
    attend_documents,
    attend_plainly,
    make_attention,
)
from textus.model.config import (
    BandedReach,
    FullReach,
    GroupedConfig,
    ModelConfig,
    ReachConfig,
    RMSNormConfig,
    SlidingReach,
    StridedReach,
)

Inputs = tuple[Tensor, Tensor, Tensor]


def _inputs(rows: int, seq: int, kv_heads: int, group: int, dim: int = 6) -> Inputs:
    """Queries, keys and values that ask for gradients."""
    generator = torch.Generator().manual_seed(rows * seq)
    heads = (kv_heads * group, kv_heads, kv_heads)
    q, k, v = (
        torch.randn(rows, seq, count, dim, generator=generator, requires_grad=True)
        for count in heads
    )
    return q, k, v


def _with_gradients(result: Tensor, inputs: Inputs) -> list[Tensor]:
    weights = torch.linspace(-1, 1, result.numel()).view(result.shape)
    return [result, *torch.autograd.grad(result, inputs, weights)]


def _causal(rows: int, seq: int) -> Tensor:
    return torch.ones(seq, seq).bool().tril().expand(rows, 1, seq, seq)


@st.composite
def tilings(draw: st.DrawFn) -> tuple[int, int, Documents]:
    """Rows, their length, and documents that fill each of them."""
    rows, seq = draw(st.integers(1, 4)), draw(st.integers(1, 9))
    lengths: list[int] = []
    for _ in range(rows):
        cuts = sorted(draw(st.sets(st.integers(1, seq - 1)))) if seq > 1 else []
        lengths += [b - a for a, b in zip([0, *cuts], [*cuts, seq], strict=True)]
    return rows, seq, Documents(tuple(lengths))


@given(tilings(), st.integers(1, 3), st.integers(1, 3))
@settings(max_examples=40)
def test_attention_inside_documents_equals_a_dense_mask(
    tiling: tuple[int, int, Documents], kv_heads: int, group: int
):
    rows, seq, documents = tiling
    inputs = _inputs(rows, seq, kv_heads, group)
    mixed = _with_gradients(attend_documents(*inputs, documents), inputs)
    expected = _with_gradients(attend_plainly(*inputs, documents.dense(rows, seq)), inputs)
    torch.testing.assert_close(mixed, expected, rtol=1e-5, atol=1e-5)


@given(st.integers(1, 3), st.integers(1, 9), st.integers(1, 3), st.integers(1, 3))
@settings(max_examples=30)
def test_attend_equals_its_plain_twin(rows: int, seq: int, kv_heads: int, group: int):
    inputs = _inputs(rows, seq, kv_heads, group)
    expected = _with_gradients(attend_plainly(*inputs, _causal(rows, seq)), inputs)
    for mask in (None, _causal(rows, seq), Documents((seq,) * rows)):
        result = _with_gradients(attend(*inputs, mask), inputs)
        torch.testing.assert_close(result, expected, rtol=1e-5, atol=1e-5)


def test_attend_takes_any_mask():
    inputs = _inputs(3, 7, 2, 2)
    mask = torch.rand(3, 1, 7, 7) < 0.5
    mask |= torch.eye(7).bool()  # a query that sees nothing has no mean
    expected = _with_gradients(attend_plainly(*inputs, mask), inputs)
    result = _with_gradients(attend(*inputs, mask), inputs)
    torch.testing.assert_close(result, expected, rtol=1e-5, atol=1e-5)


@given(st.integers(1, 9), st.integers(0, 5))
@settings(max_examples=30)
def test_without_a_mask_queries_are_the_last_tokens(earlier: int, new: int):
    q, k, v = _inputs(2, earlier + new + 1, 2, 2)
    expected = attend(q, k, v)[:, earlier:]
    torch.testing.assert_close(attend(q[:, earlier:], k, v), expected, rtol=1e-5, atol=1e-5)


def test_one_new_token_sees_all_before_it():
    q, k, v = _inputs(2, 5, 2, 2)
    whole = attend(q, k, v)
    torch.testing.assert_close(attend(q[:, -1:], k, v), whole[:, -1:])


@pytest.mark.parametrize(
    "reach", [SlidingReach(window=3), BandedReach(block=2), StridedReach(stride=2)]
)
def test_a_document_is_attended_to_as_if_alone(reach: ReachConfig):
    """Its blocks and strides begin with it, not with its row."""
    inputs = _inputs(1, 12, 2, 1)
    parts = [attend(*(x[:, a:b] for x in inputs), reach=reach) for a, b in ((0, 5), (5, 12))]
    together = attend(*inputs, Documents((5, 7)), reach=reach)
    torch.testing.assert_close(together, torch.cat(parts, dim=1), rtol=1e-5, atol=1e-5)
    assert not together.allclose(attend(*inputs, Documents((5, 7))), atol=1e-2)


def test_dense_mask_of_documents_is_drawn_by_hand():
    drawn = """
    x...  x...
    xx..  .x..
    ..x.  .xx.
    ..xx  .xxx
    """
    rows = [line.split() for line in drawn.split("\n") if line.strip()]
    expected = torch.tensor([[[c == "x" for c in line[row]] for line in rows] for row in (0, 1)])
    assert Documents((2, 2, 1, 3)).dense(2, 4).equal(expected[:, None])


class _Cache:
    """The simplest cache: all so far, joined."""

    def __init__(self) -> None:
        self.held: list[tuple[Tensor, Tensor]] = []

    def extend(self, k_BTKD: Tensor, v_BTKD: Tensor) -> tuple[Tensor, Tensor, None]:
        self.held.append((k_BTKD, v_BTKD))
        keys, values = zip(*self.held, strict=True)
        return torch.cat(keys, dim=1), torch.cat(values, dim=1), None


def test_attention_over_a_cache_equals_the_whole(config: ModelConfig):
    layer = make_attention(config.layers[0], config.norm, config.model_dim)
    x = torch.randn(2, 6, config.model_dim)
    cache = _Cache()
    with torch.no_grad():
        whole = layer(x, Context())
        steps = [layer(x[:, :3], Context(cache=cache))]
        steps += [layer(x[:, t : t + 1], Context(cache=cache)) for t in range(3, 6)]
    torch.testing.assert_close(torch.cat(steps, dim=1), whole, rtol=1e-5, atol=1e-5)


def _grouped(randomise, **settings: Any) -> GroupedAttention:
    """Of heads (4 over 2, 6 wide) on a stream 10 wide, with learned values of every kind."""
    config = GroupedConfig(num_heads=4, num_kv_heads=2, head_dim=6, **settings)
    layer = GroupedAttention(config, FullReach(), RMSNormConfig(eps=0.1), 10)
    randomise(layer)
    return layer


def _plainly(layer: GroupedAttention, x: Tensor, **how: Any) -> Tensor:
    """The layer without norms, from its matrices."""
    q, k, v = (m(x).unflatten(-1, (-1, 6)) for m in (layer.query, layer.key, layer.value))
    return layer.output(attend_plainly(q, k, v, _causal(*x.shape[:2]), **how).flatten(-2))


def test_settings_of_scores_reach_them(randomise):
    x = torch.randn(2, 5, 10)
    usual = _grouped(randomise, qk_norm="none")(x, Context())
    for name, value in (("scale", 0.7), ("softcap", 0.3), ("sinks", True)):
        layer = _grouped(randomise, qk_norm="none", **{name: value})
        expected = _plainly(layer, x, **{name: layer.sinks if name == "sinks" else value})
        result = layer(x, Context())
        torch.testing.assert_close(result, expected, rtol=1e-5, atol=1e-5)
        assert not result.allclose(usual, atol=1e-4)


def test_norms_of_queries_and_keys_are_by_head_or_over_all(randomise):
    x = torch.randn(2, 5, 10)
    for kind in ("head", "whole"):
        layer = _grouped(randomise, qk_norm=kind)
        q_and_k = []
        for projected, norm in (
            (layer.query(x), layer.query_norm),
            (layer.key(x), layer.key_norm),
        ):
            parts = projected.split(6, dim=-1) if kind == "head" else [projected]
            roots = [(part.square().mean(-1, keepdim=True) + 0.1).sqrt() for part in parts]
            normed = [part / root * norm.weight for part, root in zip(parts, roots, strict=True)]
            q_and_k.append(torch.cat(normed, dim=-1).unflatten(-1, (-1, 6)))
        q, k = q_and_k
        v = layer.value(x).unflatten(-1, (-1, 6))
        expected = layer.output(attend_plainly(q, k, v, _causal(2, 5)).flatten(-2))
        torch.testing.assert_close(layer(x, Context()), expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("bias", "biased"),
    [
        ("none", set()),
        ("input", {"query", "key", "value"}),
        ("output", {"output"}),
        ("all", {"query", "key", "value", "output"}),
    ],
)
def test_biases_are_where_they_are_asked_for(bias: str, biased: set[str], randomise):
    layer = _grouped(randomise, bias=bias)
    names = {n.removesuffix(".bias") for n, _ in layer.named_parameters() if n.endswith(".bias")}
    assert names == biased


def test_given_values_are_added_to_the_layers_own(randomise):
    layer, x, extra = _grouped(randomise), torch.randn(2, 5, 10), torch.randn(2, 5, 12)
    own = layer.value.weight.clone()
    result = layer(x, Context(values=extra))
    with torch.no_grad():
        layer.value.weight.zero_()
        alone = layer(x, Context(values=extra))
        layer.value.weight.copy_(own)
    torch.testing.assert_close(result, alone + layer(x, Context()), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float64])
def test_result_has_the_type_of_the_queries(dtype: torch.dtype):
    q, k, v = (x.to(dtype) for x in _inputs(1, 4, 1, 2))
    assert attend(q, k, v).dtype == dtype
    assert attend(q, k, v, Documents((1, 3))).dtype == dtype
