import dataclasses

import pytest

from textus.errors import DataError


def test_ranks_follow_the_order_of_merges(tokenizer):
    model = tokenizer.definition.model
    tokens = tokenizer.definition.tokens
    for rank, (left, right) in enumerate(model.merges):
        assert model.ranks[left, right] == (rank, model.ids[tokens[left] + tokens[right]])


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"merges": ((2, 3), (2, 2999))}, "no token for the merge"),
        ({"ids": {b"a": 2}}, "no token for the bytes"),
    ],
)
def test_merges_that_cannot_encode_every_text_are_refused(tokenizer, change, reason):
    with pytest.raises(DataError, match=reason):
        dataclasses.replace(tokenizer.definition.model, **change)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"special_tokens": {"<|endoftext|>": 3000}}, "outside the vocabulary of 3000"),
        ({"added_tokens": {"x": -1}}, "id -1 of the added token 'x' is outside"),
        ({"added_tokens": {"": 5}}, "empty name"),
        ({"added_tokens": {"<|user|>": 5}}, "both special and added"),
        ({"end_of_text": "<|nobody|>"}, "'<.nobody.>' is no special token"),
    ],
)
def test_definition_that_contradicts_itself_is_refused(tokenizer, change, reason):
    with pytest.raises(DataError, match=reason):
        dataclasses.replace(tokenizer.definition, **change)
