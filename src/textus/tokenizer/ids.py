"""The numbers of tokens: what they must be for a vocabulary to hold them."""

from collections import Counter
from collections.abc import Collection, Sequence

from textus.errors import DataError

MAX_SIZE = 1 << 31
"""Kernels hold ids in 32 bits, one of them for the sign."""

_SPARE = 1000


def check_ids(ids: Collection[object], *, what: str, size: int | None = None) -> None:
    """DataError, which calls them `what`, unless `ids` are distinct whole numbers below `size`.

    With `size` None they make the vocabulary themselves, which is as large as the highest of them:
    some may be left free, but not so many that one wrong number takes up the memory.
    """
    if set(map(type, ids)) - {int}:
        wrong = next(id_ for id_ in ids if type(id_) is not int)
        raise DataError(f"{what} include {_shown(wrong)}, which is no whole number")
    numbers = list(map(int, ids))  # type: ignore[arg-type]
    lowest, highest = min(numbers, default=0), max(numbers, default=-1)
    if lowest < 0:
        raise DataError(f"{what} include {_shown(lowest)}; they are numbers from 0 on")
    if size is not None and highest >= size:
        raise DataError(
            f"{what} include {_shown(highest)}, outside the vocabulary of {size} tokens"
        )
    if size is None and highest >= 2 * len(ids) + _SPARE:
        raise DataError(f"{what} are {len(ids)} and go up to {_shown(highest)}")
    if len(set(numbers)) < len(numbers):
        raise DataError(
            f"{what} are not each given once: {Counter(numbers).most_common(1)[0][0]} is there "
            "several times"
        )


def check_model_ids(
    ids: Collection[int],
    *,
    byte_ids: Sequence[int] | None = None,
    unknown: int | None = None,
) -> None:
    """DataError unless a model's ids are distinct numbers that kernels can hold, as are those of
    the 256 bytes, if it has them, and that of what it does not know."""
    check_ids(ids, what="the ids of the model's tokens", size=MAX_SIZE)
    if byte_ids is not None:
        if len(byte_ids) != 256:
            raise DataError(f"{len(byte_ids)} tokens stand for bytes; there must be 256")
        check_ids(byte_ids, what="the ids of bytes", size=MAX_SIZE)
    if unknown is not None:
        check_ids([unknown], what="the ids of unknown tokens", size=MAX_SIZE)


def _shown(value: object) -> str:
    """A value as a message names it, however long it is."""
    if isinstance(value, int) and value.bit_length() > 256:
        return f"a number of {value.bit_length()} bits"
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:80]}..."
