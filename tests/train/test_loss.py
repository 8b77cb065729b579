from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from textus.train.loss import IGNORED, linear_cross_entropy, linear_cross_entropy_plainly


def _inputs(
    shape: tuple[int, ...], dim: int, vocab: int, ignored: float, dtype: torch.dtype
) -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(dim * vocab)
    hidden = torch.randn(*shape, dim, generator=generator, dtype=dtype, requires_grad=True)
    weight = torch.randn(vocab, dim, generator=generator, dtype=dtype, requires_grad=True)
    targets = torch.randint(vocab, shape, generator=generator)
    return (
        hidden,
        weight,
        targets.masked_fill(torch.rand(shape, generator=generator) < ignored, IGNORED),
    )


@given(
    tokens=st.integers(1, 9),
    vocab=st.integers(1, 12),
    chunk=st.integers(1, 12),
    softcap=st.sampled_from([None, 0.5, 3.0, 100.0]),
    with_bias=st.booleans(),
)
@settings(max_examples=40)
def test_bias_and_softcap_are_those_of_the_plain_twin(
    tokens: int, vocab: int, chunk: int, softcap: float | None, with_bias: bool
):
    hidden, weight, targets = _inputs((tokens,), 4, vocab, 0.3, torch.float64)
    bias = torch.linspace(-2, 2, vocab, dtype=torch.float64, requires_grad=True)
    head = {"bias": bias if with_bias else None, "softcap": softcap, "scale": 0.3}
    inputs = (hidden, weight, bias) if with_bias else (hidden, weight)
    plain = linear_cross_entropy_plainly(hidden, weight, targets, **head)
    loss = linear_cross_entropy(hidden, weight, targets, chunk=chunk, **head)
    torch.testing.assert_close(loss, plain, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(
        torch.autograd.grad(loss, inputs),
        torch.autograd.grad(plain, inputs),
        rtol=1e-5,
        atol=1e-6,
    )


@given(
    shape=st.lists(st.integers(1, 9), min_size=1, max_size=2).map(tuple),
    dim=st.integers(1, 8),
    vocab=st.integers(1, 12),
    chunk=st.integers(1, 100),
    ignored=st.sampled_from([0.0, 0.4, 1.0]),
    scale=st.floats(1e-3, 10),
    factor=st.floats(-10, 10),
)
@settings(max_examples=50)
def test_value_and_gradients_equal_the_plain_twin(
    shape: tuple[int, ...],
    dim: int,
    vocab: int,
    chunk: int,
    ignored: float,
    scale: float,
    factor: float,
):
    hidden, weight, targets = _inputs(shape, dim, vocab, ignored, torch.float64)
    plain = linear_cross_entropy_plainly(hidden, weight, targets, scale=scale)
    loss = linear_cross_entropy(hidden, weight, targets, scale=scale, chunk=chunk)
    assert loss.dtype == torch.float32
    torch.testing.assert_close(loss, plain, rtol=1e-5, atol=1e-5 * scale)
    torch.testing.assert_close(
        torch.autograd.grad(loss * factor, (hidden, weight)),
        torch.autograd.grad(plain * factor, (hidden, weight)),
        rtol=1e-5,  # the twin's logits are float32
        atol=1e-6 * scale * (1 + abs(factor)),
    )


def test_gradients_are_the_slopes_of_the_loss():
    """Exact to float64, against differences of a loss written out here."""
    hidden, weight, targets = _inputs((5,), 3, 7, 0.3, torch.float64)
    kept = targets != IGNORED

    def loss(h: Tensor, w: Tensor) -> float:
        logits = h[kept] @ w.T
        right = logits.gather(1, targets[kept, None])[:, 0]
        return 0.25 * float((logits.logsumexp(1) - right).sum())

    got = torch.autograd.grad(
        linear_cross_entropy(hidden, weight, targets, scale=0.25, chunk=2), (hidden, weight)
    )
    inputs, step = [hidden.detach(), weight.detach()], 1e-6
    for which, gradient in enumerate(got):
        slopes = torch.zeros_like(gradient)
        for i in range(slopes.numel()):
            ends = []
            for sign in (1, -1):
                moved = [x.clone() for x in inputs]
                moved[which].view(-1)[i] += sign * step
                ends.append(loss(moved[0], moved[1]))
            slopes.view(-1)[i] = (ends[0] - ends[1]) / (2 * step)
        torch.testing.assert_close(gradient, slopes, rtol=1e-7, atol=1e-8)


@pytest.mark.parametrize("which", ["hidden", "weight", "none"])
def test_only_the_gradients_asked_for_are_computed(which: str):
    hidden, weight, targets = _inputs((6,), 4, 9, 0.0, torch.float32)
    expected = linear_cross_entropy_plainly(hidden, weight, targets)
    wanted = torch.autograd.grad(expected, (hidden, weight))
    hidden.requires_grad_(which == "hidden")
    weight.requires_grad_(which == "weight")
    loss = linear_cross_entropy(hidden, weight, targets, chunk=4)
    torch.testing.assert_close(loss, expected)
    if which == "none":
        assert not loss.requires_grad
        return
    loss.backward()
    assert (hidden.grad is None) == (which == "weight")
    assert (weight.grad is None) == (which == "hidden")
    got, index = (hidden, 0) if which == "hidden" else (weight, 1)
    torch.testing.assert_close(got.grad, wanted[index])


def test_huge_logits_stay_finite():
    hidden, weight, targets = _inputs((4,), 3, 5, 0.0, torch.float32)
    loss = linear_cross_entropy(1e4 * hidden, weight, targets)
    assert loss.isfinite()
    for gradient in torch.autograd.grad(loss, (hidden, weight)):
        assert gradient.isfinite().all()


def test_inputs_are_left_as_they_were():
    hidden, weight, targets = _inputs((7,), 3, 5, 0.5, torch.float32)
    before = [x.detach().clone() for x in (hidden, weight, targets)]
    linear_cross_entropy(hidden, weight, targets, chunk=3).backward()
    for old, new in zip(before, (hidden, weight, targets), strict=True):
        assert old.equal(new.detach())


def test_a_second_backward_pass_is_refused():
    """The gradients are scaled where they lie, so a silent second pass would scale them twice."""
    hidden, weight, targets = _inputs((4,), 3, 5, 0.0, torch.float32)
    loss = linear_cross_entropy(hidden, weight, targets)
    (2 * loss).backward(retain_graph=True)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        loss.backward()


class _Largest(TorchDispatchMode):
    """Notes the size of the largest tensor that any operation returns."""

    numel = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        sizes = [x.untyped_storage().size() for x in tree_leaves(result) if isinstance(x, Tensor)]
        self.numel = max(self.numel, *(size // 4 for size in sizes), 0)
        return result


def test_no_tensor_of_tokens_by_vocabulary_exists():
    tokens, dim, vocab, chunk = 512, 8, 600, 64
    inputs = _inputs((tokens,), dim, vocab, 0.1, torch.float32)
    with _Largest() as plain:
        linear_cross_entropy_plainly(*inputs).backward()
    assert plain.numel == tokens * vocab
    with _Largest() as chunked:
        linear_cross_entropy(*inputs, chunk=chunk).backward()
    assert chunked.numel == chunk * vocab
