import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from textus.model.attention import attend_plainly
from textus.model.config import StridedReach
from textus.model.sparse import reach_mask
from textus.model.strided import FusedStrided


def _inputs(rows: int, stride: int, heads: int) -> tuple[Tensor, Tensor, Tensor]:
    """Queries, keys and values (2, rows, stride, heads, 5) that ask for gradients."""
    generator = torch.Generator().manual_seed(rows * stride)
    shape = (2, rows, stride, heads, 5)
    q, k, v = (torch.randn(shape, generator=generator, requires_grad=True) for _ in range(3))
    return q, k, v


def _plainly(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    stride, places = q.size(2), torch.arange(q.size(1) * q.size(2))
    mask = reach_mask(StridedReach(stride=stride), places, places)
    q, k, v = (x.flatten(1, 2) for x in (q, k, v))
    return attend_plainly(q, k, v, mask, scale=0.4).unflatten(1, (-1, stride))


@given(st.integers(2, 5), st.integers(1, 5), st.integers(1, 3))
@settings(max_examples=40)
def test_the_pieces_together_are_attention_under_a_dense_mask(rows: int, stride: int, heads: int):
    inputs = _inputs(rows, stride, heads)
    result, expected = FusedStrided.apply(*inputs, 0.4), _plainly(*inputs)
    torch.testing.assert_close(result, expected, rtol=1e-5, atol=1e-5)
    weights = torch.linspace(-1, 1, result.numel()).view(result.shape)
    ours, theirs = (torch.autograd.grad(x, inputs, weights) for x in (result, expected))
    torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float64])
def test_results_and_gradients_have_the_type_of_the_queries(dtype: torch.dtype):
    exact = _inputs(3, 4, 2)
    inputs = [x.detach().to(dtype).requires_grad_() for x in exact]
    result, expected = FusedStrided.apply(*inputs, 0.4), _plainly(*exact)
    assert result.dtype == dtype
    torch.testing.assert_close(result.float(), expected, rtol=0.03, atol=0.03)
    ours = torch.autograd.grad(result.sum(), inputs)
    theirs = torch.autograd.grad(expected.sum(), exact)
    for found, wanted in zip(ours, theirs, strict=True):
        torch.testing.assert_close(found.float(), wanted, rtol=0.05, atol=0.05)
