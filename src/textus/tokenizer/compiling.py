"""Around the first call of kernels, which compiles them; numba keeps them on disk from then on.

Loading what is on disk takes a fraction of a second, compiling takes some seconds.
"""

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Timer

from textus.progress import Progress

_LOADED = 1.0  # seconds after which it can be no loading


@contextmanager
def compiling(kernels: str, progress: Progress) -> Iterator[None]:
    """Around the first call of kernels: if that takes long, `progress` hears what it waits for.

    Garbage is not collected meanwhile: the compiler's many small objects are still in use, and
    looking through them again and again takes about a tenth of the time.
    """
    text = f"compiling the kernels of {kernels}, once on this machine"
    timer = Timer(_LOADED, progress, [0, None, text])
    timer.daemon = True
    timer.start()
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        timer.cancel()
        if collecting:
            gc.enable()
