"""What a preset is told about the model's size, and the widths that follow."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Sizes:
    """The dials that presets derive their own sizes from."""

    model_dim: int
    num_layers: int
    num_heads: int
    head_dim: int
    max_seq_len: int


def round_up(value: float, multiple: int) -> int:
    """The smallest multiple of `multiple` that is not below `value`."""
    return -int(-value // multiple) * multiple


def gated_hidden(model_dim: int) -> int:
    """8/3 of the width, so that three matrices hold what two of four times the width would
    (Shazeer 2020)."""
    return round_up(8 * model_dim / 3, 64)


def shared_heads(num_heads: int, most: int = 2) -> int:
    """Key and value heads: the fewest that `most` or fewer query heads each can share."""
    sharing = max(n for n in range(1, most + 1) if num_heads % n == 0)
    return num_heads // sharing


def own_window(own: int, sizes: Sizes, *, share: int) -> int:
    """A reach of `own` tokens, but at most one in `share` of the longest text, so that short texts
    show what it is."""
    return max(1, min(own, sizes.max_seq_len // share))
