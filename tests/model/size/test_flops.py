from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from textus.model.config import (
    BandedReach,
    FullReach,
    LatentConfig,
    ModelConfig,
    ReachConfig,
    SlidingReach,
    StridedReach,
)
from textus.model.size import flops_per_token
from textus.model.size.flops import count_pairs
from textus.model.sparse import reach_mask
from textus.model.transformer import Transformer


@pytest.mark.parametrize("seq", [1, 3, 4, 5, 7, 8, 9, 12, 31])
@pytest.mark.parametrize("size", [1, 2, 4, 40])
def test_pairs_are_those_of_the_dense_mask(seq: int, size: int):
    places = torch.arange(seq)
    for reach in (
        FullReach(),
        SlidingReach(window=size),
        BandedReach(block=size),
        StridedReach(stride=size),
    ):
        assert count_pairs(reach, seq) == reach_mask(reach, places, places).sum()


def attend_usefully(value_width: int | None) -> Callable[..., Tensor]:
    """Attention in which each query meets the keys that it sees, and no others.

    Values are as wide as that, where zeros fill them up. What keys have beyond values' width where
    it is not told tells positions (ALiBi), and is no matrix product.
    """

    def attend(
        q: Tensor,
        k: Tensor,
        v: Tensor,
        mask: None = None,
        *,
        scale: float,
        reach: ReachConfig,
        softcap: float | None = None,
        sinks: Tensor | None = None,
    ) -> Tensor:
        heads, width = q.size(2), q.size(-1) if value_width else v.size(-1)
        zeros = v.size(-1) - (value_width or v.size(-1))
        v = v[..., : v.size(-1) - zeros]
        groups = q.size(2) // k.size(2)
        k, v = (x.repeat_interleave(groups, dim=2) for x in (k, v))
        q, k, v = (x.transpose(1, 2).flatten(0, 1) for x in (q, k, v))
        places, mixed = torch.arange(q.size(1)), []
        for place, seen in enumerate(reach_mask(reach, places, places)):
            query, keys = q[:, place, None], k[:, seen]
            scores = torch.bmm(query[..., :width], keys[..., :width].mT)
            scores = scores + (query[..., width:] * keys[..., width:]).sum(-1)[:, None]
            if sinks is not None:
                scores = scores + sinks.repeat(len(q) // len(sinks))[:, None, None]
            mixed.append(torch.bmm((scale * scores).softmax(-1), v[:, seen]))
        joined = torch.cat(mixed, dim=1).unflatten(0, (-1, heads)).transpose(1, 2)
        return F.pad(joined, (0, zeros))

    return attend


def _counted(config: ModelConfig, seq: int, *, backward: bool) -> float:
    """FLOPs a token, as torch counts them."""
    model, rows = Transformer(config), 2
    tokens = torch.randint(config.vocab_size, (rows, seq))
    with FlopCounterMode(display=False) as counter:
        hidden = model.hidden_states(tokens)
        states = [hidden, *model.ahead_states(tokens, hidden)] if backward else [hidden]
        logits = [model.logits(state) for state in states]
        if backward:
            torch.stack(logits).sum().backward()
    return counter.get_total_flops() / (rows * seq)


def _patch(monkeypatch: pytest.MonkeyPatch, config: ModelConfig) -> None:
    attention = config.attention
    attend = attend_usefully(attention.value_dim if isinstance(attention, LatentConfig) else None)
    monkeypatch.setattr("textus.model.attention.attend", attend)
    monkeypatch.setattr("textus.model.latent.attend", attend)


@pytest.mark.parametrize("backward", [False, True])
def test_flops_of_every_preset_are_those_that_torch_counts(
    config: ModelConfig, backward: bool, monkeypatch: pytest.MonkeyPatch
):
    _patch(monkeypatch, config)
    counted = _counted(config, 11, backward=backward)
    assert flops_per_token(config, 11, backward=backward) == pytest.approx(counted, abs=0.5)


@given(st.data(), st.integers(2, 20))
@settings(max_examples=20)
def test_flops_are_those_that_torch_counts(configs, data: st.DataObject, seq: int):
    config = data.draw(configs())
    with pytest.MonkeyPatch.context() as monkeypatch:
        _patch(monkeypatch, config)
        for backward in (False, True):
            counted = _counted(config, seq, backward=backward)
            assert flops_per_token(config, seq, backward=backward) == pytest.approx(
                counted, abs=0.5
            )
