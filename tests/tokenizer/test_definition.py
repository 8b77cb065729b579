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
        ({"ids": {b"ab": -1}}, "include -1; they are numbers from 0 on"),
        ({"ids": {b"ab": 2.0}}, r"include 2\.0, which is no whole number"),
        ({"ids": {b"ab": False}}, "include False, which is no whole number"),
        ({"ids": {b"ab": 2}}, "not each given once: 2 is there"),
        ({"ids": {b"ab": 1 << 31}}, "include 2147483648, outside"),
        ({"ids": {b"ab": 10**100}}, "a number of 333 bits, outside"),
        ({"symbols": {b"ab": "7"}}, "include '7', which is no whole number"),
        ({"byte_ids": (1, 2)}, "2 tokens stand for bytes; there must be 256"),
        ({"byte_ids": (-1, *range(1, 256))}, "ids of bytes include -1"),
        ({"unknown": -1}, "ids of unknown tokens include -1"),
    ],
)
def test_merges_that_cannot_encode_every_text_are_refused(tokenizer, change, reason):
    model = tokenizer.definition.model
    if len(change.get("ids", {})) == 1 and b"a" not in change["ids"]:
        change = {"ids": {**model.ids, **change["ids"]}}
    with pytest.raises(DataError, match=reason):
        dataclasses.replace(model, **change)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"special_tokens": {"<|endoftext|>": 3000}}, "outside the vocabulary of 3000"),
        ({"special_tokens": {"<|endoftext|>": 10**12}}, "include 1000000000000, outside"),
        ({"special_tokens": {"<|endoftext|>": 0, "x": True}}, "include True, .* no whole number"),
        ({"special_tokens": {"<|endoftext|>": 0, "x": 0}}, "not each given once: 0 is there"),
        ({"special_tokens": {"<|endoftext|>": 9}}, "tokens .*endoftext.* also pieces of words"),
        ({"tokens": (b"a",) * 2999}, "the model has the id 2999, outside the vocabulary of 2999"),
        ({"chat_template": 5}, "chat template 5 is no text"),
        ({"added_tokens": {"x": -1}}, "include -1; they are numbers from 0 on"),
        ({"added_tokens": {"": 5}}, "empty name"),
        ({"added_tokens": {"<|user|>": 5}}, "both special and added"),
        ({"end_of_text": "<|nobody|>"}, "'<.nobody.>' is no special token"),
    ],
)
def test_definition_that_contradicts_itself_is_refused(tokenizer, change, reason):
    with pytest.raises(DataError, match=reason):
        dataclasses.replace(tokenizer.definition, **change)
