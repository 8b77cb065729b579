"""What autograd keeps of attention itself: of queries, keys and values put into their places."""

from dataclasses import dataclass, replace

from textus.model.config import BandedReach, ReachConfig, SlidingReach, StridedReach

SOFTCAPPED_CHUNK = 512
"""Queries that meet their keys at a time, where all of a long row's scores would be too many."""


@dataclass(frozen=True, kw_only=True)
class Heads:
    """The shapes of queries, keys and values, and what becomes of their scores."""

    queries: int
    """Heads of queries, and of the result."""
    keys: int
    """Heads of keys and of values."""
    width: int
    """Of a query and a key."""
    value_width: int
    softcap: bool = False
    sinks: bool = False

    @property
    def inputs(self) -> int:
        """Values a token: queries, keys and values."""
        return self.queries * self.width + self.keys * (self.width + self.value_width)

    @property
    def fused(self) -> bool:
        """Whether torch's fused attention takes them; it wants one width."""
        return self.width == self.value_width

    def with_sink(self) -> "Heads":
        """As they are put together with sinks, which take one value more of each."""
        wider = {"width": self.width + 1, "value_width": self.value_width + 1}
        return replace(self, sinks=False, **wider)


def kept_by_attending(reach: ReachConfig, heads: Heads, *, rows: int, seq_len: int) -> int:
    """Values that are kept of `rows` rows, inputs included; not the result as it is handed on."""
    if isinstance(reach, StridedReach) and seq_len > reach.stride:
        return rows * _strided(heads, seq_len, reach.stride)
    if isinstance(reach, SlidingReach) and seq_len > reach.window:
        return _chunks(heads, rows, seq_len, reach.window)
    if isinstance(reach, BandedReach) and seq_len > 2 * reach.block:
        return _chunks(heads, rows, seq_len, reach.block)
    return _causal(heads, rows, seq_len)


def _causal(heads: Heads, rows: int, seq_len: int) -> int:
    if heads.softcap:  # the rest is computed anew
        return rows * seq_len * heads.inputs + _causal_masks(seq_len) // 4
    if heads.sinks:
        return rows * _one_call(heads.with_sink(), seq_len + 1, seq_len + 1)
    return rows * _one_call(heads, seq_len, seq_len)


def _causal_masks(seq_len: int) -> int:
    """Bytes of one mask for each chunk of queries."""
    starts = range(0, seq_len, SOFTCAPPED_CHUNK)
    ends = [(start, min(start + SOFTCAPPED_CHUNK, seq_len)) for start in starts]
    return sum((end - start) * end for start, end in ends)


def _one_call(heads: Heads, queries: int, keys: int) -> int:
    """Values that torch's attention keeps of one row: with the fused one inputs, result and a
    number for each query; else inputs, each query head with its own, and all scores' weights."""
    if heads.fused:
        given = heads.keys * keys * (heads.width + heads.value_width)
        return given + heads.queries * queries * (heads.width + heads.value_width + 1)
    given = queries * heads.width + keys * (heads.width + heads.value_width)
    return heads.queries * (given + queries * keys)


def _chunks(heads: Heads, rows: int, seq_len: int, size: int) -> int:
    """A first chunk by itself, then chunks that meet their own keys and those of the one before."""
    later = -(-seq_len // size) - 1
    kept = _causal(heads, rows, size)
    views = heads.softcap or (heads.fused and not heads.sinks)
    if views:  # the first chunk keeps all that it is a part of
        kept += rows * (seq_len - size) * heads.inputs
    if views and not heads.softcap and later == 1:  # so does the other one's query
        copied = 2 * size if seq_len % size else 0
        kept += rows * (copied - size) * heads.queries * heads.width
    if heads.softcap:
        return kept + rows * later * _written_out(heads, size, 2 * size)
    keys = 2 * size + heads.sinks
    mask = size * keys if heads.fused else 0
    heads = heads.with_sink() if heads.sinks else heads
    return kept + rows * later * _one_call(heads, size, keys) + mask


def _written_out(heads: Heads, queries: int, keys: int) -> int:
    """Values that softcapped scores keep in one row, in steps of plain torch."""
    given = queries * heads.width + keys * (heads.width + heads.value_width)
    return heads.queries * (given + queries * _kept_of_scores(heads, keys))


def _kept_of_scores(heads: Heads, keys: int) -> int:
    """Values for one query of a head: weights, a sink's among them, and the cap's tanh."""
    return keys * (1 + heads.softcap) + heads.sinks


def _strided(heads: Heads, seq_len: int, stride: int) -> int:
    """Of one row, laid out as rows of `stride`; every query head has its own keys and values."""
    layers = -(-seq_len // stride)
    tokens = layers * stride
    if heads.fused and not heads.softcap and not heads.sinks:
        return heads.queries * tokens * (2 * heads.width + 2 * heads.value_width + 1)
    seen = 2 * stride + layers
    # The near keys and the column above are met one after the other, each time as copies; near
    # keys lie twice, with their own row and with the next.
    given = 5 * heads.width + 3 * heads.value_width
    weights = _kept_of_scores(heads, seen) + seen  # and copies of them, cut in two
    return heads.queries * tokens * (given + weights)
