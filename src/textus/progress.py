"""How long work says where it stands, without knowing who listens."""

import time
from typing import Protocol


class Progress(Protocol):
    """Called as work goes on; `total` is None where the end is not known beforehand."""

    def __call__(self, done: int, total: int | None, text: str) -> None: ...


def silent(done: int, total: int | None, text: str) -> None:
    """The listener that does nothing."""


class Speed:
    """Bytes per second since it was made: what the text of a progress line tells."""

    def __init__(self, done: int = 0):
        """`done`: bytes that were done before, in another run."""
        self.before, self.began = done, time.perf_counter()

    def text(self, done: int) -> str:
        """The mean speed up to `done` bytes: "132.5 MB/s"."""
        seconds = time.perf_counter() - self.began
        return f"{(done - self.before) / max(seconds, 1e-9) / 1e6:,.1f} MB/s"
