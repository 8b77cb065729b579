import pickle

from hypothesis import given
from hypothesis import strategies as st

from textus.tokenizer import word_ids
from textus.tokenizer.bpe import reference
from textus.tokenizer.bpe.merge import merge_word
from textus.tokenizer.word_ids import WordIds

SYMBOLS = st.lists(st.integers(0, 2), max_size=60)


@st.composite
def ranked_merges(draw):
    """Merges over three symbols, each pair of ids known so far at most once."""
    merges = {}
    for rank in range(draw(st.integers(0, 12))):
        known = st.integers(0, 2 + rank)
        pair = draw(st.tuples(known, known).filter(lambda pair: pair not in merges))
        merges[pair] = (rank, 3 + rank)
    return merges


@given(SYMBOLS, ranked_merges())
def test_heap_merges_as_the_obvious_loop_does(symbols, merges):
    assert merge_word(symbols, merges) == reference.merge_word(symbols, merges)


def test_lowest_rank_goes_first_even_where_another_order_joins_more():
    assert merge_word([0, 1, 2], {(1, 2): (0, 3), (0, 1): (1, 4), (4, 2): (2, 5)}) == [0, 3]


def test_overlapping_pairs_are_joined_from_the_left():
    assert merge_word([7, 7, 7], {(7, 7): (0, 8)}) == [8, 7]


def test_cache_forgets_rather_than_grows(tokenizer, monkeypatch):
    monkeypatch.setattr(word_ids, "_MAX_WORDS", 10)
    words = WordIds(tokenizer.definition.model)
    ids = {str(i): words[str(i)] for i in range(100)}
    assert len(words) <= 10
    assert all(words[word] == found for word, found in ids.items())
    assert words["x" * 1000]
    assert "x" * 1000 not in words


def test_cache_is_not_sent_to_other_processes(tokenizer):
    words = WordIds(tokenizer.definition.model)
    ids = words[" pickle"]
    copy = pickle.loads(pickle.dumps(words))
    assert len(copy) == 0
    assert copy[" pickle"] == ids
