"""Keys and values that were computed once, for a number of sequences side by side.

The room is allocated once. Sequences stand in rows, each from slot 0 on; rows may be filled to
different lengths. Slot t of a row belongs to the token at position t of what that row's model input
is at the moment.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from textus.model.attention import remembered
from textus.model.config import ModelConfig

Index = tuple[slice | Tensor, slice | Tensor]


@dataclass(frozen=True, eq=False)
class LayerSlots:
    """Where in one layer's cache the next keys and values go: the model's `LayerCache`."""

    keys: Tensor
    """(rows, capacity, ...): what the layer's attention remembers a token by."""
    values: Tensor
    new: Index
    """Where the new ones are put."""
    seen: Index
    """What the new tokens may look at, themselves included."""
    mask: Tensor | None
    """(batch, 1, 1, longest): which of it is there; None where all is."""

    def extend(self, k_BTKD: Tensor, v_BTKD: Tensor) -> tuple[Tensor, Tensor, Tensor | None]:
        """Stores the new keys and values; returns all so far, each (B, longest, ...), and which of
        them are there."""
        self.keys[self.new] = k_BTKD
        self.values[self.new] = v_BTKD
        return self.keys[self.seen], self.values[self.seen], self.mask


class Cache:
    """Room for what every layer remembers of `rows` sequences of up to `capacity` tokens."""

    def __init__(
        self,
        config: ModelConfig,
        *,
        rows: int,
        capacity: int,
        dtype: torch.dtype,
        device: torch.device,
    ):
        # Zeros, because a masked slot still enters the sum of values, with weight 0: garbage could
        # be NaN.
        self.device = device
        self.layers = [
            tuple(
                torch.zeros(rows, capacity, *shape, dtype=dtype, device=device)
                for shape in remembered(layer)
            )
            for layer in config.layers
        ]

    def start_of(self, row: int, count: int) -> list[LayerSlots]:
        """The first `count` slots of one row, to read that many tokens at once without a mask."""
        place = (slice(row, row + 1), slice(count))
        return self._slots(place, place)

    def next_of(self, lengths: Sequence[int]) -> list[LayerSlots]:
        """The slots of one new token for each of the first len(lengths) rows, filled so far to
        `lengths`."""
        rows, longest = len(lengths), max(lengths) + 1
        seen = (slice(rows), slice(longest))
        if min(lengths) + 1 == longest:
            return self._slots((slice(rows), slice(longest - 1, longest)), seen)
        ends = torch.tensor(lengths, device=self.device)[:, None]
        new = (torch.arange(rows, device=self.device)[:, None], ends)
        mask = torch.arange(longest, device=self.device) <= ends
        return self._slots(new, seen, mask[:, None, None, :])

    def copy_row(self, source: int, target: int) -> None:
        """Overwrites the row `target` with the row `source`."""
        for layer in self.layers:
            for kept in layer:
                kept[target] = kept[source]

    def _slots(self, new: Index, seen: Index, mask: Tensor | None = None) -> list[LayerSlots]:
        return [LayerSlots(keys, values, new, seen, mask) for keys, values in self.layers]
