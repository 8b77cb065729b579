"""Keys and values that were computed once, for a number of sequences side by side.

The room is allocated once: each layer has as many slots a row as its reach lets later tokens look
back on. A full or strided layer has one for each token of the longest text, a sliding one `window`,
a banded one two blocks. The token at position t of what its row's model input is at the moment
stands in slot t modulo their number, in place of one that nobody can see any more. Rows may be
filled to different lengths.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from textus.model.attention import remembered
from textus.model.config import FullReach, ModelConfig, ReachConfig, SlidingReach
from textus.model.sparse import reach_mask

Index = tuple[slice | Tensor, slice | Tensor]


@dataclass(frozen=True, eq=False)
class FirstSlots:
    """Where in one layer's cache a text's beginning goes: a `LayerCache` of the model's.

    Its tokens look at one another, wherever they stand; what later ones can see of it is kept.
    """

    keys: Tensor
    """(rows, slots, ...): what the layer's attention remembers a token by."""
    values: Tensor
    new: Index
    """Where the last ones are put."""

    def extend(self, k_BTKD: Tensor, v_BTKD: Tensor) -> tuple[Tensor, Tensor, None]:
        """Stores as many of the last keys and values as there are slots for; returns all."""
        kept = self.keys.size(1)
        self.keys[self.new] = k_BTKD[:, -kept:]
        self.values[self.new] = v_BTKD[:, -kept:]
        return k_BTKD, v_BTKD, None


@dataclass(frozen=True, eq=False)
class NextSlots:
    """Where in one layer's cache one more token of each row goes: a `LayerCache` of the model's."""

    keys: Tensor
    """(rows, slots, ...): what the layer's attention remembers a token by."""
    values: Tensor
    new: Index
    """Where the new ones are put."""
    seen: Index
    """What the new tokens may look at, themselves included."""
    mask: Tensor | None
    """(batch, 1, 1, seen): which of it they do look at; None for all."""

    def extend(self, k_BTKD: Tensor, v_BTKD: Tensor) -> tuple[Tensor, Tensor, Tensor | None]:
        """Stores the new keys and values; returns those in `seen`, each (B, seen, ...), and the
        mask. They are in no order: each key tells its own position."""
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
        self.reaches = [layer.reach for layer in config.layers]
        self.layers = [
            tuple(
                torch.zeros(rows, layer.reach.kept(capacity), *shape, dtype=dtype, device=device)
                for shape in remembered(layer)
            )
            for layer in config.layers
        ]

    def start_of(self, row: int, count: int) -> list[FirstSlots]:
        """The places of the first `count` tokens of one row, to be read at once."""
        return [
            FirstSlots(keys, values, (slice(row, row + 1), _last_slots(count, keys.size(1))))
            for keys, values in self.layers
        ]

    def next_of(self, lengths: Sequence[int]) -> list[NextSlots]:
        """The places of one new token for each of the first len(lengths) rows, filled so far to
        `lengths`."""
        places: dict[tuple[ReachConfig, int], tuple[Index, Index, Tensor | None]] = {}
        slots = []
        for reach, (keys, values) in zip(self.reaches, self.layers, strict=True):
            if (kind := (reach, keys.size(1))) not in places:
                places[kind] = self._next_places(*kind, lengths)
            slots.append(NextSlots(keys, values, *places[kind]))
        return slots

    def copy_row(self, source: int, target: int) -> None:
        """Overwrites the row `target` with the row `source`."""
        for layer in self.layers:
            for kept in layer:
                kept[target] = kept[source]

    def _next_places(
        self, reach: ReachConfig, count: int, lengths: Sequence[int]
    ) -> tuple[Index, Index, Tensor | None]:
        """`new`, `seen` and `mask` of a layer with `count` slots."""
        rows, filled = slice(len(lengths)), min(max(lengths) + 1, count)
        seen, mask = (rows, slice(filled)), _seen_slots(reach, count, filled, lengths)
        mask = None if mask is None else mask.to(self.device)
        if min(lengths) == max(lengths):
            slot = lengths[0] % count
            return (rows, slice(slot, slot + 1)), seen, mask
        ends = torch.tensor(lengths, device=self.device)[:, None]
        return (torch.arange(len(lengths), device=self.device)[:, None], ends % count), seen, mask


def _last_slots(length: int, count: int) -> slice | Tensor:
    """The slots, of `count`, of the last tokens of a text of `length`."""
    return slice(length) if length <= count else torch.arange(length - count, length) % count


def _seen_slots(
    reach: ReachConfig, count: int, filled: int, lengths: Sequence[int]
) -> Tensor | None:
    """Which of the first `filled` slots, of `count`, the tokens at positions `lengths` look at,
    (batch, 1, 1, filled); None for all."""
    if isinstance(reach, FullReach | SlidingReach) and min(lengths) + 1 >= filled:
        return None  # quick, as it is the usual case: these keep only what the next token sees
    ends = torch.tensor(lengths)[:, None]
    held = ends - (ends - torch.arange(filled)) % count  # the last position that stands there
    mask = (held >= 0) & reach_mask(reach, ends, held)[:, 0]
    return None if mask.all() else mask[:, None, None, :]
