"""Logits -> the next token.

Each filter maps logits (..., vocab_size) to logits of the same shape, those of excluded tokens set
to -inf. They are applied in the order of Hugging Face's generate: temperature, top-k, top-p, min-p,
each seeing what the one before has left. llama.cpp has the same order but for the temperature,
which it applies last: at a temperature other than 1, top-p and min-p let other tokens through
there. Here they judge the probabilities that are drawn from.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from textus.generate.config import SampleConfig

FIRST_LOOK = 1024
"""So many of the likeliest tokens top-p looks at first: to sort all is slow and seldom needed."""


def sample(logits: Tensor, config: SampleConfig, draws: Sequence[float]) -> list[int]:
    """One id for each row of `logits` (rows, vocab_size); `draws` has a number in [0, 1) for each.

    The ids are those of an ordinary draw from the filtered distribution when the draws are uniform.
    A row's id depends on its own logits and its own draw only.
    """
    if config.temperature == 0:
        return logits.argmax(-1).tolist()
    return pick(filter_logits(logits.float(), config).softmax(-1), draws)


def filter_logits(logits: Tensor, config: SampleConfig) -> Tensor:
    """All filters that `config` asks for, in order; the most likely token always stays."""
    # The highest becomes 0 first, so that dividing by a tiny temperature cannot overflow.
    logits = (logits - logits.amax(-1, keepdim=True)) / config.temperature
    if config.top_k is not None:
        logits = keep_top_k(logits, config.top_k)
    if config.top_p is not None and config.top_p < 1:
        logits = keep_top_p(logits, config.top_p)
    if config.min_p is not None:
        logits = keep_min_p(logits, config.min_p)
    return logits


def keep_top_k(logits: Tensor, k: int) -> Tensor:
    """Keeps the `k` highest logits, and any that equal the lowest of them."""
    lowest = logits.topk(min(k, logits.size(-1))).values[..., -1:]
    return _keep(logits, lowest)


def keep_top_p(logits: Tensor, p: float) -> Tensor:
    """Keeps the fewest likeliest tokens that together reach `p`, and any as likely as the last."""
    total = logits.logsumexp(-1, keepdim=True)
    values, before = _descend(logits, total, min(FIRST_LOOK, logits.size(-1)))
    if bool((before[..., -1] < p).any()):
        values, before = _descend(logits, total, logits.size(-1))
    needed = values.masked_fill(before >= p, float("inf"))
    return _keep(logits, needed.amin(-1, keepdim=True))


def keep_min_p(logits: Tensor, p: float) -> Tensor:
    """Keeps tokens whose probability is at least `p` times that of the most likely one."""
    highest = logits.amax(-1, keepdim=True)
    return _keep(logits, highest + torch.tensor(p, dtype=logits.dtype).log().to(logits.device))


def pick(probabilities: Tensor, draws: Sequence[float]) -> list[int]:
    """The first id of each row at which the running sum of `probabilities` (rows, vocab_size)
    reaches 1 - draw.

    The sum is taken on the CPU in float64: in float32 it would swallow the rare tokens, and not
    every accelerator has float64.
    """
    reached = probabilities.cpu().cumsum(-1, dtype=torch.float64)
    # 1 - draw is above 0 and at most 1, so that a token of probability 0 can never be the first to
    # reach it.
    wanted = reached[:, -1:] * (1 - torch.tensor(draws, dtype=torch.float64)[:, None])
    return torch.searchsorted(reached, wanted)[:, 0].tolist()


def _descend(logits: Tensor, total: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """The `count` highest logits in order, and the probability of all before each of them."""
    values = logits.topk(count).values
    probabilities = (values - total).exp()
    return values, probabilities.cumsum(-1) - probabilities


def _keep(logits: Tensor, lowest: Tensor) -> Tensor:
    return logits.masked_fill(logits < lowest, float("-inf"))
