"""Bits per byte of a fixed part of the held-out text: quick enough to follow training by.

Rows do not overlap, so that their first tokens have little to go by and the number lies a little
above that of `textus.evaluate.bits_per_byte`; it is for comparing the steps of a run.
"""

import math
from collections.abc import Callable

import numpy as np
import torch

from textus.data.batch import IGNORED
from textus.data.held_out import held_out_batches
from textus.data.shards import TokenSet
from textus.evaluate.bits_per_byte import token_nats
from textus.model.transformer import Transformer

HELD_OUT = "held_out_bits_per_byte"


def held_out_evaluator(
    tokens: TokenSet, byte_lengths: np.ndarray, *, seq_len: int, rows: int, max_rows: int
) -> Callable[[Transformer], dict[str, float]]:
    """A function from a model to {HELD_OUT: bits per byte} over the same rows each time.

    At most about `max_rows` rows of `seq_len` tokens, spread over all sources, are read once and
    kept; `rows` of them are evaluated at a time. byte_lengths is as for `evaluate_documents`.
    """
    lengths = torch.from_numpy(np.array(byte_lengths, dtype=np.int64))
    batches = list(held_out_batches(tokens, seq_len=seq_len, rows=rows, max_rows=max_rows))

    def evaluate(model: Transformer) -> dict[str, float]:
        place = model.head.weight.device
        nats, size = 0.0, 0
        for batch in batches:
            targets = batch.targets.where(batch.targets != IGNORED, tokens.end_of_text)
            sizes = lengths[targets]
            parts = (x.to(place) for x in (batch.tokens, targets, sizes > 0))
            nats += float(token_nats(model, *parts).cpu().double().sum())
            size += int(sizes.sum())
        return {HELD_OUT: nats / math.log(2) / size}

    return evaluate
