import dataclasses

import pytest

from textus.errors import DataError


def test_ranks_follow_the_order_of_merges(tokenizer):
    vocabulary = tokenizer.vocabulary
    ids, ranked = vocabulary.ordinary_ids(), vocabulary.ranked_merges()
    for rank, (left, right) in enumerate(vocabulary.merges):
        joined = vocabulary.tokens[left] + vocabulary.tokens[right]
        assert ranked[left, right] == (rank, ids[joined])


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"special_tokens": {}}, "no special token"),
        ({"merges": ((2, 3), (2, 2999))}, "no token for the merge"),
        ({"special_tokens": {"<|endoftext|>": 0, "<|user|>": 50}}, "no token for the bytes"),
    ],
)
def test_vocabulary_that_cannot_encode_every_text_is_refused(tokenizer, change, reason):
    with pytest.raises(DataError, match=reason):
        dataclasses.replace(tokenizer.vocabulary, **change)


def test_two_ids_for_the_same_bytes_are_refused(tokenizer):
    tokens = (*tokenizer.vocabulary.tokens, b"a")
    with pytest.raises(DataError, match="same bytes"):
        dataclasses.replace(tokenizer.vocabulary, tokens=tokens)


def test_special_token_spelt_like_an_ordinary_one_is_refused(tokenizer):
    with pytest.raises(DataError, match=r"'Ġreturn'.*spelt like"):
        dataclasses.replace(
            tokenizer.vocabulary,
            tokens=("Ġreturn".encode(), *tokenizer.vocabulary.tokens[1:]),
            special_tokens={"Ġreturn": 0, "<|user|>": 1},
        )
