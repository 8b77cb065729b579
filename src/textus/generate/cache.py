"""Keys and values that were computed once, for a number of sequences side by side.

The room is allocated once. Sequences stand in rows, each from slot 0 on; rows may be filled to
different lengths. Slot t of a row belongs to the token at position t of what that row's model input
is at the moment.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from textus.model.config import ModelConfig

Index = tuple[slice | Tensor, slice | Tensor]


@dataclass(frozen=True, eq=False)
class LayerSlots:
    """Where in one layer's cache the next keys and values go: the model's `LayerCache`."""

    keys: Tensor
    """(rows, capacity, num_kv_heads, head_dim)"""
    values: Tensor
    new: Index
    """Where the new ones are put."""
    seen: Index
    """What the new tokens may look at, themselves included."""

    def extend(self, k_BTKD: Tensor, v_BTKD: Tensor) -> tuple[Tensor, Tensor]:
        """Stores the new keys and values; returns all so far, each (B, longest, K, D)."""
        self.keys[self.new] = k_BTKD
        self.values[self.new] = v_BTKD
        return self.keys[self.seen], self.values[self.seen]


class Cache:
    """Room for the keys and values of `rows` sequences of up to `capacity` tokens, in every layer.

    It takes 2 * num_layers * rows * capacity * num_kv_heads * head_dim numbers.
    """

    def __init__(
        self,
        config: ModelConfig,
        *,
        rows: int,
        capacity: int,
        dtype: torch.dtype,
        device: torch.device,
    ):
        shape = (2, config.num_layers, rows, capacity, config.num_kv_heads, config.head_dim)
        # Zeros, because a masked slot still enters the sum of values, with weight 0: garbage could
        # be NaN.
        self.keys, self.values = torch.zeros(shape, dtype=dtype, device=device)

    def start_of(self, row: int, count: int) -> list[LayerSlots]:
        """The first `count` slots of one row, to read that many tokens at once without a mask."""
        place = (slice(row, row + 1), slice(count))
        return self._layers(place, place)

    def next_of(self, lengths: Sequence[int]) -> tuple[list[LayerSlots], Tensor | None]:
        """The slots of one new token for each of the first len(lengths) rows, filled so far to
        `lengths`.

        Beside them comes the mask (batch, 1, 1, longest) that the model needs, None where all are
        equally long.
        """
        rows, longest = len(lengths), max(lengths) + 1
        seen = (slice(rows), slice(longest))
        if min(lengths) + 1 == longest:
            return self._layers((slice(rows), slice(longest - 1, longest)), seen), None
        device = self.keys.device
        ends = torch.tensor(lengths, device=device)[:, None]
        new = (torch.arange(rows, device=device)[:, None], ends)
        mask = torch.arange(longest, device=device) <= ends
        return self._layers(new, seen), mask[:, None, None, :]

    def copy_row(self, source: int, target: int) -> None:
        """Overwrites the row `target` with the row `source`."""
        self.keys[:, target] = self.keys[:, source]
        self.values[:, target] = self.values[:, source]

    def _layers(self, new: Index, seen: Index) -> list[LayerSlots]:
        return [
            LayerSlots(keys, values, new, seen)
            for keys, values in zip(self.keys, self.values, strict=True)
        ]
