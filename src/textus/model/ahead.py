"""Multi-token prediction: from each position, tokens beyond the next one, in training alone."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from textus.model.attention import Context
from textus.model.config import ModelConfig
from textus.model.norm import make_norm


class Ahead(nn.Module):
    """One token further than the module before, whose states it reads (DeepSeek-AI 2024,
    "DeepSeek-V3", section 2.2): a block over the joined state and embedding. Embedding and head are
    the model's own."""

    def __init__(self, config: ModelConfig, block: nn.Module):
        super().__init__()
        self.hidden_norm = make_norm(config.norm, config.model_dim)
        self.embedding_norm = make_norm(config.norm, config.model_dim)
        self.join = nn.Linear(2 * config.model_dim, config.model_dim, bias=False)
        self.block = block
        normed = config.arrangement == "post"  # as at the end of the model itself
        self.norm = nn.Identity() if normed else make_norm(config.norm, config.model_dim)

    def forward(self, hidden: Tensor, embedded: Tensor, context: Context) -> Tensor:
        """What the head reads one token further, (batch, seq, model_dim).

        hidden is what it read before, and embedded the token that was then to be predicted, both
        of that shape.
        """
        normed = self.embedding_norm(embedded), self.hidden_norm(hidden)
        return self.norm(self.block(self.join(torch.cat(normed, dim=-1)), context))


def targets_ahead(
    targets: Tensor, steps: int, segments: Sequence[int] | Tensor | None, ignored: int
) -> Tensor:
    """The tokens that stand `steps` further than the targets, (rows, seq); `ignored` where the
    document, or the row, ends before.

    segments are the documents' lengths, which tile the rows; None: every row is one. Module number
    `steps` reads the token at position i + steps to predict the one after it: both must be of the
    document of position i, whose last target is the end-of-text token that follows it.
    """
    rows, seq = targets.shape
    lengths = torch.as_tensor([seq] * rows if segments is None else segments, dtype=torch.int64)
    lengths = lengths.to(targets.device)
    places = torch.arange(targets.numel(), device=targets.device)
    ends = lengths.cumsum(0).repeat_interleave(lengths, output_size=targets.numel())
    ended = (places + steps >= ends).view_as(targets)
    return targets.roll(-steps, dims=1).masked_fill(ended, ignored)
