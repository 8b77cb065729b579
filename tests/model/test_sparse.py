import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from textus.model import sparse
from textus.model.attention import attend, attend_plainly
from textus.model.config import BandedReach, FullReach, ReachConfig, SlidingReach, StridedReach
from textus.model.sparse import reach_mask

REACHES = st.one_of(
    st.just(FullReach()),
    st.builds(SlidingReach, window=st.integers(1, 6)),
    st.builds(BandedReach, block=st.integers(1, 4)),
    st.builds(StridedReach, stride=st.integers(1, 5)),
)
DRAWN: dict[ReachConfig, str] = {
    SlidingReach(window=2): """
    x.....
    xx....
    .xx...
    ..xx..
    ...xx.
    ....xx
    """,
    BandedReach(block=2): """
    x.....
    xx....
    xxx...
    xxxx..
    ..xxx.
    ..xxxx
    """,
    StridedReach(stride=3): """
    x.....
    xx....
    xxx...
    xxxx..
    .xxxx.
    ..xxxx
    """,
    StridedReach(stride=2): """
    x.....
    xx....
    xxx...
    .xxx..
    x.xxx.
    .x.xxx
    """,
}


@pytest.mark.parametrize("reach", DRAWN, ids=str)
def test_reaches_are_as_drawn(reach: ReachConfig):
    rows = DRAWN[reach].split()
    expected = torch.tensor([[c == "x" for c in row] for row in rows])
    assert reach_mask(reach, torch.arange(6), torch.arange(6)).equal(expected)


def _inputs(seq: int, kv_heads: int, group: int, value_dim: int) -> list[Tensor]:
    """Queries, keys, values and sinks that ask for gradients."""
    heads = kv_heads * group
    shapes = [(2, seq, heads, 5), (2, seq, kv_heads, 5), (2, seq, kv_heads, value_dim), (heads,)]
    generator = torch.Generator().manual_seed(seq)
    return [torch.randn(shape, generator=generator, requires_grad=True) for shape in shapes]


def _dense(reach: ReachConfig, seq: int) -> Tensor:
    return reach_mask(reach, torch.arange(seq), torch.arange(seq))


def _assert_equal_with_gradients(result: Tensor, expected: Tensor, inputs: list[Tensor]) -> None:
    torch.testing.assert_close(result, expected, rtol=1e-5, atol=1e-5)
    weights = torch.linspace(-1, 1, result.numel()).view(result.shape)
    ours, theirs = (torch.autograd.grad(x, inputs, weights) for x in (result, expected))
    torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5)


@given(
    REACHES,
    st.integers(1, 15),
    st.tuples(st.integers(1, 2), st.integers(1, 2), st.sampled_from([5, 3])),
    st.sampled_from([None, 0.7]),
    st.booleans(),
)
@settings(max_examples=120)
def test_every_reach_equals_its_dense_mask(
    reach: ReachConfig, seq: int, sizes: tuple[int, int, int], softcap: float | None, sinks: bool
):
    q, k, v, scores = _inputs(seq, *sizes)
    looked_nowhere = scores if sinks else None
    result = attend(q, k, v, scale=0.3, reach=reach, softcap=softcap, sinks=looked_nowhere)
    mask = _dense(reach, seq)
    expected = attend_plainly(q, k, v, mask, scale=0.3, softcap=softcap, sinks=looked_nowhere)
    _assert_equal_with_gradients(result, expected, [q, k, v, *([scores] if sinks else [])])


def test_softcapped_scores_of_a_long_row_come_in_chunks(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sparse, "_CHUNK", 4)
    q, k, v, _ = _inputs(11, 2, 2, 5)
    expected = attend_plainly(q, k, v, _dense(FullReach(), 11), softcap=0.5)
    _assert_equal_with_gradients(attend(q, k, v, softcap=0.5), expected, [q, k, v])


@given(REACHES, st.integers(2, 6))
@settings(max_examples=30)
def test_several_new_tokens_are_the_last_of_those_kept(reach: ReachConfig, new: int):
    q, k, v, sinks = _inputs(9, 2, 2, 5)
    whole = attend(q, k, v, reach=reach, sinks=sinks)
    result = attend(q[:, -new:], k, v, reach=reach, sinks=sinks)
    torch.testing.assert_close(result, whole[:, -new:], rtol=1e-5, atol=1e-5)


@given(REACHES)
@settings(max_examples=20)
def test_a_mask_narrows_the_reach(reach: ReachConfig):
    q, k, v, _ = _inputs(8, 2, 1, 5)
    mask = (torch.rand(2, 1, 8, 8) < 0.5) | torch.eye(8).bool()
    expected = attend_plainly(q, k, v, mask & _dense(reach, 8), softcap=2.0)
    result = attend(q, k, v, mask, reach=reach, softcap=2.0)
    torch.testing.assert_close(result, expected, rtol=1e-5, atol=1e-5)
