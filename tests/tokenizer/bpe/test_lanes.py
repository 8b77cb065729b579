import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numba import njit

from textus.tokenizer.bpe.kernels import cut_short_words, tables
from textus.tokenizer.bpe.lanes import IDS, LANES

WORDS = st.lists(
    st.one_of(
        st.text(min_size=1, max_size=15).map(lambda text: text.encode(errors="replace")[:15]),
        st.text("eth aniro", min_size=1, max_size=15).map(str.encode),
        st.binary(min_size=1, max_size=15),
    ),
    max_size=2 * LANES,
)


@njit(cache=True)
def _cut_short_words(*arguments):
    return cut_short_words(*arguments)


@pytest.fixture(scope="module", params=[False, True], ids=["merges", "whole words"])
def model(tokenizer, request):
    return dataclasses.replace(tokenizer.definition.model, whole_words=request.param)


@pytest.fixture(scope="module")
def cut_together(model):
    """Cuts words by the kernel; `simple` False: as if tokens were not numbered by their ranks."""
    merge_tables = tables(model)
    joined = merge_tables._replace(pairs=merge_tables.pairs._replace(first=-1))

    def cut(words, *, simple=True):
        data = np.frombuffer(b"".join([*words, b"behind" * 6]), dtype=np.uint8)
        ends = np.cumsum([0, *map(len, words)])
        out, counts = np.empty(IDS * (len(words) + 1), np.uint32), np.empty(len(words), np.int64)
        places = np.stack((ends[:-1], ends[1:]), axis=1).ravel()
        scratch = np.full(4096, 77, dtype=np.uint64)
        chosen = merge_tables if simple else joined
        _cut_short_words(data, places, len(words), chosen, scratch, out, counts)
        return [out[IDS * i : IDS * i + count].tolist() for i, count in enumerate(counts)]

    return cut


@pytest.fixture(scope="module")
def cut_alone(model):
    return lambda words: [model.encode_word(word) for word in words]


@given(WORDS, st.booleans())
def test_words_cut_together_have_the_ids_of_each_alone(cut_together, cut_alone, words, simple):
    assert cut_together(words, simple=simple) == cut_alone(words)
