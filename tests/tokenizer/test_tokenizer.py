import pickle
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from textus.errors import DataError

TEXTS = st.text(st.characters(exclude_categories=["Cs"]))


def test_every_text_comes_back(tokenizer, scripts):
    @given(TEXTS | st.lists(st.sampled_from(scripts)).map(" ".join))
    def check(text):
        assert tokenizer.decode(tokenizer.encode(text)) == text

    check()


def test_surrogates_come_back_as_replacement_characters(tokenizer):
    assert tokenizer.decode(tokenizer.encode("a\ud800b")) == "a\ufffdb"


def test_any_ids_have_bytes(tokenizer):
    ids = list(range(tokenizer.vocab_size))
    assert tokenizer.decode_bytes(ids) == b"".join(map(tokenizer.token_bytes, ids))
    assert tokenizer.decode(ids[::-1])
    assert tokenizer.decode(np.array(ids, dtype=np.uint32)) == tokenizer.decode(ids)


@pytest.mark.parametrize("id_", [-1, 3000])
def test_id_outside_the_vocabulary_is_an_error(tokenizer, id_):
    with pytest.raises(DataError, match=rf"{id_} is not .* 0 to 2999"):
        tokenizer.decode([5, id_])


def test_special_tokens_are_never_produced_from_text(tokenizer):
    special = set(tokenizer.special_tokens.values())
    text = "a<|endoftext|><|user|>b"
    assert not special & set(tokenizer.encode(text))
    assert tokenizer.decode(tokenizer.encode(text)) == text
    only_one = tokenizer.encode(text, allowed_special=["<|user|>"])
    assert special & set(only_one) == {tokenizer.special_tokens["<|user|>"]}
    assert special <= set(tokenizer.encode(text, allowed_special="all"))


def test_special_tokens_cut_the_text(tokenizer):
    before, after = tokenizer.encode("one "), tokenizer.encode(" two")
    ids = tokenizer.encode("one <|endoftext|> two", allowed_special="all")
    assert ids == [*before, tokenizer.end_of_text, *after]
    assert tokenizer.decode(ids) == "one <|endoftext|> two"


@pytest.mark.parametrize("names", [["<|nobody|>"], "<|user|>"])
def test_unknown_special_token_is_an_error(tokenizer, names):
    with pytest.raises(DataError, match=r"allowed_special names .*<\|endoftext\|>"):
        tokenizer.encode("text", allowed_special=names)


def test_end_of_text_is_the_first_special_token(tokenizer):
    assert tokenizer.special_tokens == {"<|endoftext|>": 0, "<|user|>": 1}
    assert tokenizer.end_of_text == 0


def test_byte_lengths_add_up_to_the_bytes_of_the_text(tokenizer, scripts):
    lengths = tokenizer.byte_lengths()
    assert lengths.dtype == np.int32
    assert lengths.shape == (tokenizer.vocab_size,)
    for text in scripts:
        ids = tokenizer.encode(text + "<|endoftext|>", allowed_special="all")
        assert lengths[ids].sum() == len(text.encode())


def test_batch_is_each_text_by_itself(tokenizer, scripts):
    batch = tokenizer.encode_batch(iter([*scripts, ""]))
    assert [ids.tolist() for ids in batch] == [tokenizer.encode(text) for text in [*scripts, ""]]
    assert {ids.dtype for ids in batch} == {np.dtype(np.uint32)}


def test_pieces_are_the_bytes_in_order(tokenizer):
    assert tokenizer.pieces("def return") == [b"def", b" return"]
    assert b"".join(tokenizer.pieces("naïve ✓")) == "naïve ✓".encode()


@pytest.mark.parametrize("run", ["a", " ", "\n", "é", "ab", "=", "0", "日"])
def test_long_runs_are_encoded(tokenizer, run):
    text = run * (100_000 // len(run))
    assert tokenizer.decode(tokenizer.encode(text)) == text


def test_tokenizer_travels_to_other_processes(tokenizer):
    copy = pickle.loads(pickle.dumps(tokenizer))
    assert copy.encode("return self.value") == tokenizer.encode("return self.value")


def test_importing_the_tokenizer_imports_neither_torch_nor_hugging_face():
    code = (
        "import sys, textus.tokenizer.tokenizer, textus.tokenizer.train;"
        "sys.exit(bool({'torch', 'numba', 'tokenizers', 'transformers'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
