import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from textus.tokenizer.counting.word_counts import Counted, WordCounts


@pytest.mark.parametrize("threads", [1, 2])
# threads begin anew each time
@given(
    st.dictionaries(
        st.text("ab\0", min_size=1, max_size=20).map(str.encode)
        | st.binary(min_size=1, max_size=40),
        st.integers(1, 3) | st.integers(1, 2**40),
    )
)
def test_arrays_are_sorted_alike_from_any_order(threads, counts):
    words = list(counts)
    arrays = Counted(
        np.frombuffer(b"".join(words), np.uint8),
        np.array([len(word) for word in words], np.int64),
        np.array([counts[word] for word in words], np.int64),
    )
    expected = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    assert list(WordCounts.sorted(arrays, threads=threads).items()) == expected
    assert list(WordCounts.of(counts).items()) == expected
