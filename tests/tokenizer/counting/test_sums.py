from collections.abc import Sequence

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from textus.tokenizer.counting.sums import Frequent
from textus.tokenizer.counting.word_counts import Counted


def counted(counts: Sequence[tuple[bytes, int]]) -> Counted:
    return Counted(
        np.frombuffer(b"".join(word for word, _ in counts), np.uint8),
        np.array([len(word) for word, _ in counts], np.int64),
        np.array([n for _, n in counts], np.int64),
    )


def size(words: dict[bytes, int]) -> int:
    return sum(16 * len(word) + 16 for word in words)


# threads begin anew each time
@given(st.dictionaries(st.binary(min_size=1, max_size=9), st.integers(1, 5)), st.data())
def test_words_of_one_count_stay_or_go_together(counts, data):
    memory = data.draw(st.integers(0, 2 * size(counts)))
    frequent, rest = Frequent(memory), list(counts.items())
    frequent.add(counted([]))
    while rest:
        number = data.draw(st.integers(1, len(rest)))
        frequent.add(counted(rest[:number]))
        rest = rest[number:]
    words = frequent.word_counts(threads=1)
    kept = dict(words.items())
    lowest = min(kept.values(), default=6)
    assert kept == {word: n for word, n in counts.items() if n >= lowest}
    assert size(kept) <= memory
    fewest_left_out = max((n for word, n in counts.items() if word not in kept), default=None)
    if fewest_left_out is not None:
        assert size({word: n for word, n in counts.items() if n >= fewest_left_out}) > memory
    assert words.words_left_out == len(counts) - len(kept)
    assert words.occurrences_left_out == sum(counts.values()) - sum(kept.values())
