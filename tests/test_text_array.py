import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from textus.text_array import TextArray

texts = st.lists(st.text(max_size=5), max_size=6)


@given(texts)
def test_strings_come_back(texts: list[str]):
    array = TextArray.of(texts)
    assert list(array) == texts
    assert len(array) == len(texts)
    assert array.sizes.tolist() == [len(text.encode()) for text in texts]


@given(texts, texts, texts, st.data())
def test_those_that_are_selected_are_left(before, texts, after, data):
    """What lies before and behind, as in a part of a larger array, belongs to no text."""
    whole = TextArray.of([*before, *texts, *after])
    part = TextArray(whole.data, whole.offsets[len(before) : len(before) + len(texts) + 1])
    assert list(part) == texts
    wanted = data.draw(st.lists(st.booleans(), min_size=len(texts), max_size=len(texts)))
    selected = part.select(np.array(wanted, dtype=bool))
    assert list(selected) == [t for t, want in zip(texts, wanted, strict=True) if want]
