"""Words as rows of symbols: pieces of one byte or character, with which training begins."""

from dataclasses import dataclass

import numpy as np

from textus.tokenizer.bert import WHITE_SPACE
from textus.tokenizer.counting.word_counts import WordCounts
from textus.tokenizer.formats.byte_level import BYTES_IN_ID_ORDER

_NUM_CODE_POINTS = 0x110000
_NO_SYMBOL = -1


@dataclass(frozen=True, kw_only=True, eq=False)
class Spelling:
    """Words spelt in symbols, those that begin a word other than those that go on with it."""

    symbols: np.ndarray
    """int32: all words end to end, in ids from 0 on."""

    offsets: np.ndarray
    """int64, one more than words: word i is symbols[offsets[i] : offsets[i + 1]], never empty."""

    counts: np.ndarray
    """int64: how often each word occurs, the most frequent first."""

    initial: tuple[bytes, ...]
    """The symbols with the first ids, which begin words."""

    continuation: tuple[bytes, ...]
    """The symbols with the next ids, which go on with words."""

    def rows(self) -> list[tuple[list[int], int]]:
        """The symbols and the count of each word, for the twins of the trainers."""
        symbols, offsets = self.symbols.tolist(), self.offsets.tolist()
        return [
            (symbols[offsets[i] : offsets[i + 1]], count)
            for i, count in enumerate(self.counts.tolist())
        ]


def spell_bytes(words: WordCounts) -> Spelling:
    """Spells words in bytes; all 256 are symbols of either kind, whether they occur or not."""
    symbol_of = np.empty(256, dtype=np.int32)
    symbol_of[list(BYTES_IN_ID_ORDER)] = np.arange(256)
    symbols = symbol_of[words.data] + np.int32(256)
    symbols[words.offsets[:-1]] -= 256
    every = tuple(bytes([byte]) for byte in BYTES_IN_ID_ORDER)
    return Spelling(
        symbols=symbols,
        offsets=words.offsets,
        counts=words.counts,
        initial=every,
        continuation=every,
    )


def spell_characters(words: WordCounts, *, limit: int) -> Spelling:
    """Spells words in characters; words of white space are left out.

    The `limit` most frequent characters (of equally frequent ones the first of Unicode) are symbols
    that begin words, and those of them that occur further back also symbols that go on with words,
    both in the order of Unicode. Other characters are left out of the words.
    """
    points = np.frombuffer(words.data.tobytes().decode().encode("utf-32-le"), dtype=np.uint32)
    lengths = _lengths_in_characters(words)
    first = np.cumsum(lengths) - lengths
    kept = ~np.isin(points[first], list(WHITE_SPACE))
    points, lengths, counts = points[np.repeat(kept, lengths)], lengths[kept], words.counts[kept]
    word = np.repeat(np.arange(len(lengths)), lengths)
    begins = np.zeros(len(points), dtype=bool)
    begins[np.cumsum(lengths) - lengths] = True
    alphabet = _most_frequent(points, counts[word], limit)
    initial = _ids_of(alphabet, start=0)
    later = np.intersect1d(points[~begins], alphabet)
    continuation = _ids_of(later, start=len(alphabet))
    symbols = np.where(begins, initial[points], continuation[points])
    known = symbols != _NO_SYMBOL
    lengths = np.bincount(word[known], minlength=len(lengths))
    return Spelling(
        symbols=symbols[known],
        offsets=np.concatenate([[0], np.cumsum(lengths[lengths > 0])]).astype(np.int64),
        counts=counts[lengths > 0],
        initial=_in_utf8(alphabet),
        continuation=_in_utf8(later),
    )


def _lengths_in_characters(words: WordCounts) -> np.ndarray:
    """How many characters each word has."""
    begins_character = words.data & 0xC0 != 0x80
    return np.add.reduceat(begins_character, words.offsets[:-1], dtype=np.int64)


def _most_frequent(points: np.ndarray, counts: np.ndarray, limit: int) -> np.ndarray:
    """The code points that are found most often, in the order of Unicode."""
    totals = np.zeros(_NUM_CODE_POINTS, dtype=np.int64)
    np.add.at(totals, points, counts)
    found = np.flatnonzero(totals)
    return np.sort(found[np.argsort(-totals[found], kind="stable")[:limit]])


def _ids_of(points: np.ndarray, *, start: int) -> np.ndarray:
    """For every code point its id, from `start` on; -1 for those not among `points`."""
    ids = np.full(_NUM_CODE_POINTS, _NO_SYMBOL, dtype=np.int32)
    ids[points] = np.arange(start, start + len(points))
    return ids


def _in_utf8(points: np.ndarray) -> tuple[bytes, ...]:
    return tuple(chr(point).encode() for point in points.tolist())
