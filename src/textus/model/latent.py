"""Latent attention: keys and values live in one short vector a token.

Shapes are named by suffix: B batch, T query positions, S key positions, H heads, D head_dim, R
rope_dim, V value_dim, C kv_rank.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from textus.model.attention import Context, Documents, Mask, attend, attention_scale
from textus.model.config import LatentConfig, NormConfig, ReachConfig
from textus.model.norm import make_norm
from textus.model.sparse import reach_mask


class LatentAttention(nn.Module):
    """Multi-head latent attention (DeepSeek-AI 2024, "DeepSeek-V2", section 2.1).

    A head's query and key have a part that tells positions, whose key all heads share, and a part
    that does not, which is expanded from the latent, as the value is.
    """

    def __init__(self, config: LatentConfig, reach: ReachConfig, norm: NormConfig, model_dim: int):
        super().__init__()
        heads, bias = config.num_heads, config.bias
        self.query_down = self.query_norm = None
        if config.query_rank is not None:
            self.query_down = nn.Linear(model_dim, config.query_rank, bias=bias)
            self.query_norm = make_norm(norm, config.query_rank)
        query_width = heads * (config.head_dim + config.rope_dim)
        self.query = nn.Linear(config.query_rank or model_dim, query_width, bias=False)
        self.latent = nn.Linear(model_dim, config.kv_rank, bias=bias)
        self.latent_norm = make_norm(norm, config.kv_rank)
        self.rope_key = nn.Linear(model_dim, config.rope_dim, bias=bias)
        self.key = nn.Linear(config.kv_rank, heads * config.head_dim, bias=False)
        self.value = nn.Linear(config.kv_rank, heads * config.value_dim, bias=False)
        self.output = nn.Linear(heads * config.value_dim, model_dim, bias=bias)
        self.config, self.reach, self.scale = config, reach, attention_scale(config)

    def forward(self, x: Tensor, context: Context) -> Tensor:
        """x is (batch, seq, model_dim), and so is the result."""
        parts = (self.config.head_dim, self.config.rope_dim)
        q_BTHD, q_BTHR = self._queries(x).unflatten(-1, (-1, sum(parts))).split(parts, dim=-1)
        c_BS1C = self.latent_norm(self.latent(x))[..., None, :]
        k_BS1R = self.rope_key(x)[..., None, :]
        if context.placing is not None:
            q_BTHR, k_BS1R = context.placing.place(q_BTHR, k_BS1R)
        mask = context.mask
        if context.cache is not None:
            k_BS1R, c_BS1C, mask = context.cache.extend(k_BS1R, c_BS1C)
        alone = c_BS1C.size(1) == x.size(1)  # nothing was there before
        attend_with = self._expand if alone else self._absorb
        return self.output(attend_with(q_BTHD, q_BTHR, c_BS1C, k_BS1R, mask).flatten(-2))

    def _queries(self, x: Tensor) -> Tensor:
        if self.query_down is None or self.query_norm is None:
            return self.query(x)
        return self.query(self.query_norm(self.query_down(x)))

    def _expand(
        self, q_BTHD: Tensor, q_BTHR: Tensor, c_BS1C: Tensor, k_BS1R: Tensor, mask: Mask
    ) -> Tensor:
        """Every head's keys and values are made from the latents, (B, T, H, V): the least work
        where there are as many queries as keys."""
        k_BSHD = self.key(c_BS1C).unflatten(-1, (-1, self.config.head_dim)).squeeze(2)
        v_BSHV = self.value(c_BS1C).unflatten(-1, (-1, self.config.value_dim)).squeeze(2)
        q = torch.cat((q_BTHD, q_BTHR), dim=-1)
        k = torch.cat((k_BSHD, k_BS1R.expand(*k_BSHD.shape[:-1], -1)), dim=-1)
        # torch's fused kernel wants one width: without this, 3 times slower forward at 1,024 tokens
        # and a matrix of T by S scores a head.
        v = F.pad(v_BSHV, (0, max(0, k.size(-1) - v_BSHV.size(-1))))
        mixed = attend(q, k, v, mask, scale=self.scale, reach=self.reach)
        return mixed[..., : self.config.value_dim]

    def _absorb(
        self, q_BTHD: Tensor, q_BTHR: Tensor, c_BS1C: Tensor, k_BS1R: Tensor, mask: Mask
    ) -> Tensor:
        """Queries meet the latents themselves, (B, T, H, V): the expansion of keys is taken into
        the query and that of values into the result, so that a new token's memory is that of one
        key head, whatever the number of heads."""
        assert not isinstance(mask, Documents)
        key_HDC = self.key.weight.unflatten(0, (-1, self.config.head_dim))
        value_HVC = self.value.weight.unflatten(0, (-1, self.config.value_dim))
        q_BTHC = torch.einsum("bthd,hdc->bthc", q_BTHD * self.scale, key_HDC)
        # Not torch's fused attention: it would copy the latents for every head.
        c_BSC, k_BSR = c_BS1C.squeeze(2), k_BS1R.squeeze(2)
        scores_BTHS = torch.einsum("bthc,bsc->bths", q_BTHC, c_BSC)
        scores_BTHS += torch.einsum("bthr,bsr->bths", q_BTHR * self.scale, k_BSR)
        seen = self._seen(mask, q_BTHD.size(1), c_BSC.size(1), c_BSC.device)
        if seen is not None:
            scores_BTHS = scores_BTHS.masked_fill(~seen, float("-inf"))
        weights_BTHS = scores_BTHS.softmax(-1, torch.float32).to(c_BSC.dtype)
        mixed_BTHC = torch.einsum("bths,bsc->bthc", weights_BTHS, c_BSC)
        return torch.einsum("bthc,hvc->bthv", mixed_BTHC, value_HVC)

    def _seen(
        self, mask: Tensor | None, queries: int, keys: int, device: torch.device
    ) -> Tensor | None:
        """What the last tokens look at, bool, to go with (B, T, H, S); None: all. A single new one
        looks at all that it is given: a cache shows what the reach lets it see."""
        seen = None if mask is None else mask.transpose(1, 2)
        if queries == 1:
            return seen
        positions = torch.arange(keys, device=device)
        reached = reach_mask(self.reach, positions[keys - queries :], positions)[:, None, :]
        return reached if seen is None else seen & reached


def attend_latent_plainly(layer: LatentAttention, x: Tensor, context: Context) -> Tensor:
    """The slow, obvious twin of `LatentAttention.forward`: head by head, from the equations.

    context.mask is dense, (batch, 1, seq, seq).
    """
    config, mixed = layer.config, []
    assert isinstance(context.mask, Tensor)
    latent = layer.latent_norm(layer.latent(x))
    for head in range(config.num_heads):
        width = config.head_dim + config.rope_dim
        q = layer._queries(x)[..., head * width : (head + 1) * width]
        q, q_rope = q[..., : config.head_dim], q[..., config.head_dim :]
        k, k_rope = latent @ _rows(layer.key, head, config.head_dim).T, layer.rope_key(x)
        v = latent @ _rows(layer.value, head, config.value_dim).T
        if context.placing is not None:
            q_rope, k_rope = context.placing.place(q_rope[:, :, None], k_rope[:, :, None])
            q_rope, k_rope = q_rope[:, :, 0], k_rope[:, :, 0]
        scores = (q @ k.mT + q_rope @ k_rope.mT) * layer.scale
        mixed.append(scores.masked_fill(~context.mask[:, 0], float("-inf")).softmax(-1) @ v)
    return layer.output(torch.cat(mixed, dim=-1))


def _rows(linear: nn.Linear, head: int, width: int) -> Tensor:
    return linear.weight[head * width : (head + 1) * width]
