"""Random numbers that depend on a text and a seed alone: the same in plain Python and in kernels.

The generator is splitmix64 (Steele, Lea and Flood 2014): a counter that goes on by a constant, and
a function that scrambles it. The kernels' twin is `next_draw` in `sampling_kernels`.
"""

from hashlib import blake2b

DRAW_BITS = 53
"""Bits of a draw: as many as a float holds exactly."""

STEP, FIRST_FACTOR, SECOND_FACTOR = 0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB
_ALL = (1 << 64) - 1


class Draws:
    """A row of random whole numbers below 2**53, which a key of 64 bits decides."""

    def __init__(self, key: int):
        self._state = key

    def next(self) -> int:
        """The next number."""
        self._state = (self._state + STEP) & _ALL
        mixed = self._state
        mixed = ((mixed ^ (mixed >> 30)) * FIRST_FACTOR) & _ALL
        mixed = ((mixed ^ (mixed >> 27)) * SECOND_FACTOR) & _ALL
        return (mixed ^ (mixed >> 31)) >> (64 - DRAW_BITS)


def key_of(text: str, *, seed: int) -> int:
    """The key for a text: texts are cut independently of one another, whatever their order."""
    digest = blake2b(f"{seed}\0{text}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little")


def threshold_of(probability: float) -> int:
    """The number that a draw is below with this probability."""
    return int(probability * (1 << DRAW_BITS))
