"""What the model is given: inputs, targets and document boundaries, as tensors."""

from dataclasses import dataclass

import numpy as np
import torch

IGNORED = -100
"""The target of a position that predicts nothing and counts in no loss (torch's own default)."""


@dataclass(frozen=True, eq=False)
class Batch:
    """Rows of tokens, and for each position the token that follows it.

    tokens    (rows, seq_len) int64.
    targets   (rows, seq_len) int64, IGNORED where nothing is to be predicted.
    segments  (count,) int32, or None. Lengths, in order, of the stretches within which attention
              stays; they tile the flattened (rows * seq_len) tokens. A segment begins at an
              end-of-text token or at the start of a row. None: every row is one segment.
    sources   the name of the source of each row, or empty.
    """

    tokens: torch.Tensor
    targets: torch.Tensor
    segments: torch.Tensor | None = None
    sources: tuple[str, ...] = ()


def packed_batch(rows: np.ndarray, end_of_text: int, sources: tuple[str, ...]) -> Batch:
    """A batch of `rows`, int64 (rows, seq_len + 1): the inputs and the token that follows."""
    inputs = np.ascontiguousarray(rows[:, :-1])
    return Batch(
        tokens=torch.from_numpy(inputs),
        targets=torch.from_numpy(np.ascontiguousarray(rows[:, 1:])),
        segments=_segments(inputs, end_of_text),
        sources=sources,
    )


def _segments(inputs: np.ndarray, end_of_text: int) -> torch.Tensor | None:
    """Segment lengths (count,) int32 of `inputs` (rows, seq_len); None where each row is one."""
    begins = inputs == end_of_text
    begins[:, 0] = True
    positions = np.flatnonzero(begins)
    if len(positions) == len(inputs):
        return None
    return torch.from_numpy(np.diff(positions, append=inputs.size).astype(np.int32))
