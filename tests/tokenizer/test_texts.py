"""What is no text, or a single one in place of several, is refused by its type."""

import pytest

from textus.errors import DataError
from textus.tokenizer.config import BytesConfig
from textus.tokenizer.train import train_tokenizer


@pytest.mark.parametrize("single", ["hello", b"hello"])
def test_a_single_text_is_no_list_of_documents(tokenizer, single):
    calls = [
        lambda: train_tokenizer(single, BytesConfig()),
        lambda: tokenizer.encode_batch(single),
        lambda: tokenizer.encode_joined(single),
        lambda: tokenizer.encode_sampled_joined(single, seed=1),
    ]
    for call in calls:
        with pytest.raises(DataError, match=r"A single (str|bytes) .*give a list of texts"):
            call()


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        (None, "type NoneType .*give a str"),
        (b"ab", r"type bytes .*\.decode\(\)"),
        (["ab"], "type list .*encode_batch"),
    ],
)
def test_what_is_no_text_is_refused(tokenizer, wrong, reason):
    calls = [
        lambda: tokenizer.encode(wrong),
        lambda: tokenizer.encode_with_offsets(wrong),
        lambda: tokenizer.encode_sampled(wrong, seed=1),
        lambda: tokenizer.encode_nbest(wrong, 2),
        lambda: tokenizer.encode_batch(["ab", wrong]),
    ]
    for call in calls:
        with pytest.raises(DataError, match=reason):
            call()
