"""How many threads a caller may ask for."""

from textus.errors import DataError


def check_threads(threads: int | None) -> None:
    """DataError for fewer than one thread; None means one for each core."""
    if threads is not None and threads < 1:
        raise DataError(f"threads={threads} is below 1; use 1 or more, or None for all cores.")
