"""Says that kernels are being compiled, when they are: numba keeps them on disk for the next time.

Loading what is on disk takes a fraction of a second, compiling takes some seconds.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Timer

from textus.progress import Progress

_LOADED = 1.0  # seconds after which it can be no loading


@contextmanager
def compiling(kernels: str, progress: Progress) -> Iterator[None]:
    """Around the first call of kernels: if that takes long, `progress` hears what it waits for."""
    text = f"compiling the kernels of {kernels}, once on this machine"
    timer = Timer(_LOADED, progress, [0, None, text])
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
