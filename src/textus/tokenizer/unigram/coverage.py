"""Which characters become pieces, and what is left of the words without the others."""

import numpy as np

from textus.tokenizer.counting.word_counts import WordCounts

NEVER_COVERED = (0x0, 0x2581)
"""NUL and "▁", which SentencePiece's files cannot hold as themselves."""

_NUM_CODE_POINTS = 0x110000


def covered_segments(words: WordCounts, *, coverage: float, max_characters: int) -> WordCounts:
    """The stretches of `words` between characters that are not covered.

    Covered are the most frequent characters, until they make up `coverage` of the text; no more
    than `max_characters`, and never those of NEVER_COVERED.
    """
    code_points = _code_points(words.data)
    leads = np.flatnonzero(words.data & 0xC0 != 0x80)
    word_of = np.searchsorted(words.offsets, leads, side="right") - 1
    covered = _covered(code_points, words.counts[word_of], coverage, max_characters)[code_points]

    first_of_word = np.diff(word_of, prepend=-1) > 0
    begins = covered & (first_of_word | ~np.roll(covered, 1))
    sizes = np.diff(leads, append=len(words.data))
    starts = np.cumsum(np.where(covered, sizes, 0)) - sizes
    return WordCounts(
        data=words.data[np.repeat(covered, sizes)],
        offsets=np.append(starts[begins], sizes[covered].sum()).astype(np.int64),
        counts=words.counts[word_of[begins]],
    )


def _code_points(data: np.ndarray) -> np.ndarray:
    text = data.tobytes().decode()
    return np.frombuffer(text.encode("utf-32-le"), dtype=np.uint32)


def _covered(
    code_points: np.ndarray, counts: np.ndarray, coverage: float, max_characters: int
) -> np.ndarray:
    """Whether each code point is covered, bool (0x110000,)."""
    totals = np.bincount(code_points, weights=counts, minlength=_NUM_CODE_POINTS)
    needed = coverage * totals.sum()
    totals[list(NEVER_COVERED)] = 0
    order = np.argsort(-totals, kind="stable")[: np.count_nonzero(totals)]
    before = np.cumsum(totals[order]) - totals[order]
    covered = np.zeros(_NUM_CODE_POINTS, dtype=bool)
    covered[order[before < needed][:max_characters]] = True
    return covered
