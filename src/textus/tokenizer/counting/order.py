"""The order of counted words: the most frequent first, equally frequent ones by their bytes.

Numbers of 32 bits are sorted beside the place that they stand at, in one array of 64 bits, which is
far faster than sorting places by numbers; from the last bytes to the first, and then the counts.
"""

from concurrent.futures import ThreadPoolExecutor

import numpy as np

_GROUPS = 4  # of words by count for each thread, to be sorted by themselves
_AT_ONCE = 1 << 14  # words whose bytes are looked at together
_LOW = np.uint64(2**32 - 1)
_HALF = np.uint64(32)


def order_of(
    data: np.ndarray, lengths: np.ndarray, counts: np.ndarray, *, threads: int
) -> np.ndarray:
    """The numbers of the words in order; their bytes lie end to end in `data`."""
    offsets = offsets_of(lengths)
    padded = np.concatenate([data, np.zeros(16, np.uint8)])
    step = max(1, counts.size // (_GROUPS * threads))
    borders = np.unique(np.sort(counts)[::step])
    group = np.searchsorted(borders, counts, side="right").astype(np.uint16)

    def order_group(number: int) -> np.ndarray:
        return _order(padded, offsets, counts, np.flatnonzero(group == number))

    with ThreadPoolExecutor(threads) as pool:  # rare words, of which there are many, first
        ordered = list(pool.map(order_group, range(borders.size + 1)))
    return np.concatenate(ordered[::-1])


def offsets_of(lengths: np.ndarray) -> np.ndarray:
    """Where words of these lengths begin that lie end to end, and where the last one ends."""
    return np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths, dtype=np.int64)])


def _order(
    padded: np.ndarray, offsets: np.ndarray, counts: np.ndarray, numbers: np.ndarray
) -> np.ndarray:
    """The words of these numbers in order.

    Their first 16 bytes are compared as numbers, zeros where a word has ended; of words that are
    equal so far the shorter ones go first, and those that are still longer are sorted beforehand.
    """
    starts, ends = offsets[numbers], offsets[numbers + 1]
    lengths = ends - starts
    order = np.argsort(np.minimum(lengths, 17).astype(np.uint8), kind="stable")
    num_short = int(np.count_nonzero(lengths <= 16))
    long_words = order[num_short:]
    bounds = zip(starts[long_words].tolist(), ends[long_words].tolist(), strict=True)
    words = [padded[start:end].tobytes() for start, end in bounds]
    order[num_short:] = long_words[sorted(range(len(words)), key=words.__getitem__)]
    for skip in (8, 0):
        eight = _eight_bytes(padded, starts + skip, lengths - skip)
        order = _sort_by(eight & _LOW, order)
        order = _sort_by(eight >> _HALF, order)
    rarity = (counts[numbers].max(initial=0) - counts[numbers]).astype(np.uint64)
    order = _sort_by(rarity & _LOW, order)
    return numbers[_sort_by(rarity >> _HALF, order)]


def _sort_by(keys: np.ndarray, order: np.ndarray) -> np.ndarray:
    """`order` sorted by keys (uint64, below 2^32), what is equal as it was."""
    if not keys.any():
        return order
    beside = (keys[order] << _HALF) | np.arange(order.size, dtype=np.uint64)
    beside.sort()
    return order[(beside & _LOW).view(np.int64)]


def _eight_bytes(padded: np.ndarray, starts: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """Up to `lengths` bytes from each start as one number, the first byte the weightiest."""
    windows = np.lib.stride_tricks.sliding_window_view(padded, 8)
    numbers = np.zeros(starts.size, np.uint64)
    for first in range(0, starts.size, _AT_ONCE):
        some = slice(first, first + _AT_ONCE)
        eight = windows[np.minimum(starts[some], len(windows) - 1)].view(">u8").ravel()
        unused = (8 * np.clip(8 - lengths[some], 0, 7)).astype(np.uint64)
        shifted = eight.astype(np.uint64) >> unused << unused
        numbers[some] = np.where(lengths[some] > 0, shifted, np.uint64(0))
    return numbers
