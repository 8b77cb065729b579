"""How long work says where it stands, without knowing who listens."""

from typing import Protocol


class Progress(Protocol):
    """Called as work goes on; `total` is None where the end is not known beforehand."""

    def __call__(self, done: int, total: int | None, text: str) -> None: ...


def silent(done: int, total: int | None, text: str) -> None:
    """The listener that does nothing."""
