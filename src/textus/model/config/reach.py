"""Which earlier tokens a layer looks at. The work follows the reach, not the square of the row."""

from dataclasses import dataclass

from textus.model.config.checks import check_at_least


@dataclass(frozen=True, kw_only=True)
class ReachConfig:
    """Base of the kinds of reach. Token i sees token j <= i where the pattern says so."""

    default_kind = "full"

    @classmethod
    def variants(cls) -> dict[str, type]:
        return {
            "full": FullReach,
            "sliding": SlidingReach,
            "banded": BandedReach,
            "strided": StridedReach,
        }

    def kept(self, seq_len: int) -> int:
        """How many tokens of a text of `seq_len` a cache must hold at a time: all, where a later
        token may look at any of them."""
        return seq_len


@dataclass(frozen=True, kw_only=True)
class FullReach(ReachConfig):
    """Every token up to itself."""


@dataclass(frozen=True, kw_only=True)
class SlidingReach(ReachConfig):
    """The last `window` tokens, itself among them (Beltagy et al. 2020; Jiang et al. 2023)."""

    window: int = 512
    """Tokens seen: i - j < window."""

    def __post_init__(self) -> None:
        check_at_least(1, self, "window")

    def kept(self, seq_len: int) -> int:
        """The last `window` tokens."""
        return min(self.window, seq_len)


@dataclass(frozen=True, kw_only=True)
class BandedReach(ReachConfig):
    """The token's own block and the one before: the locally banded layers of GPT-3 (Child et al.
    2019; Brown et al. 2020), whose blocks no mask cuts off."""

    block: int = 128
    """Tokens in a block: i // block - j // block <= 1."""

    def __post_init__(self) -> None:
        check_at_least(1, self, "block")

    def kept(self, seq_len: int) -> int:
        """The last two blocks."""
        return min(2 * self.block, seq_len)


@dataclass(frozen=True, kw_only=True)
class StridedReach(ReachConfig):
    """The last `stride` tokens, and every stride-th one before (Child et al. 2019)."""

    stride: int = 128
    """i - j < stride, or i - j is a multiple of it; about the root of the row's length is best."""

    def __post_init__(self) -> None:
        check_at_least(1, self, "stride")
