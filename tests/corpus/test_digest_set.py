import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from textus.corpus import digest_set
from textus.corpus.digest_set import DigestSet

words = st.integers(0, 5) | st.just(2**64 - 1)  # few, so that many are equal or begin alike
batches = st.lists(st.lists(st.tuples(words, words), max_size=30), max_size=8)


@given(batches, st.sampled_from([1, 4, 1000]))
def test_what_is_new_is_what_a_set_says(batches, recent):
    found, seen = DigestSet(), set()
    for batch in batches:
        expected = []
        for digest in batch:
            expected.append(digest not in seen)
            seen.add(digest)
        digests = np.array(batch, dtype=np.uint64).reshape(-1, 2)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(digest_set, "_RECENT", recent)
            assert found.add(digests).tolist() == expected
