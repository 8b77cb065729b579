import dataclasses
import pickle
import subprocess
import sys
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer as HuggingFaceTokenizer

from textus.errors import DataError
from textus.text_array import TextArray
from textus.tokenizer.normalize import Composed, Prefixed
from textus.tokenizer.ordinary import ENGINE_CHARACTERS
from textus.tokenizer.tokenizer import Tokenizer

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


def test_forbidden_names_are_errors_that_say_where(tokenizer):
    text = "a <|user|> b <|endoftext|>"
    with pytest.raises(DataError, match=r"'<.user.>' at character 2.*allowed_special"):
        tokenizer.encode(text, disallowed_special="all")
    with pytest.raises(DataError, match=r"'<.endoftext.>' at character 13"):
        tokenizer.encode(text, allowed_special=["<|user|>"], disallowed_special="all")
    with pytest.raises(DataError, match=r"'<.user.>' at character 2"):
        tokenizer.encode(text, disallowed_special=["<|user|>"])
    everything = tokenizer.encode(text, allowed_special="all", disallowed_special="all")
    assert everything == tokenizer.encode(text, allowed_special="all")


def test_added_tokens_are_always_found_the_longest_first(tokenizer):
    names = {"<t>": 3000, "<t>x": 3001, "  ": 3002}
    definition = dataclasses.replace(
        tokenizer.definition,
        tokens=(*tokenizer.definition.tokens, *map(str.encode, names)),
        added_tokens=names,
    )
    added = Tokenizer(definition)
    text = "a<t>b<t>x  <t><|user|>"
    expected = [3000, *tokenizer.encode("b"), 3001, 3002, 3000]
    expected = [*tokenizer.encode("a"), *expected, *tokenizer.encode("<|user|>")]
    assert added.encode(text) == expected
    assert added.decode(expected) == text
    batch = added.encode_batch(["", text, "a", "<t>"])
    assert [row.tolist() for row in batch] == [[], expected, tokenizer.encode("a"), [3000]]
    assert {row.dtype for row in batch} == {np.dtype(np.uint32)}


def test_offsets_name_the_characters_of_each_token(tokenizer, scripts):
    for text in [*scripts, "", "a<|user|>b"]:
        ids, offsets = tokenizer.encode_with_offsets(text, allowed_special="all")
        assert ids == tokenizer.encode(text, allowed_special="all")
        assert offsets.shape == (len(ids), 2)
        for id_, (start, end) in zip(ids, offsets, strict=True):
            assert tokenizer.token_bytes(id_) in text[start:end].encode()
        covered = {place for start, end in offsets for place in range(start, end)}
        assert covered == set(range(len(text)))


def test_no_name_spans_a_barrier(tokenizer):
    text = "<|user|><|user|>"
    special = tokenizer.special_tokens["<|user|>"]
    for barrier, found in [(0, 2), (3, 1), (7, 1), (8, 2), (15, 1), (16, 2)]:
        ids, _ = tokenizer.encode_with_offsets(text, allowed_special="all", barriers=[barrier])
        assert ids.count(special) == found
        assert tokenizer.decode(ids) == text


def test_engine_and_plain_python_agree(tokenizer, corpus):
    text = "".join(corpus[:1] + corpus[-15:])
    assert len(text) > ENGINE_CHARACTERS
    encode_word = tokenizer.definition.model.encode_word
    words = map(str.encode, tokenizer.definition.splitter.split(text))
    plain = [id_ for word in words for id_ in encode_word(word)]
    assert Tokenizer(tokenizer.definition).encode(text) == plain


def test_joined_batch_holds_the_ids_between_offsets(tokenizer, scripts):
    ids, offsets = tokenizer.encode_joined(scripts, threads=1)
    assert offsets.dtype == np.int64
    assert [ids[a:b].tolist() for a, b in pairwise(offsets)] == [
        tokenizer.encode(text) for text in scripts
    ]
    assert [len(part) for part in tokenizer.encode_joined([])] == [0, 1]


def test_sampled_cuts_are_other_cuts_of_the_same_text(tokenizer, scripts):
    text = " ".join(scripts)
    cuts = [tokenizer.encode_sampled(text, seed=seed, dropout=0.3) for seed in (1, 1, 2)]
    assert cuts[0] == cuts[1] != cuts[2]
    assert {tokenizer.decode(cut) for cut in cuts} == {text}
    assert tokenizer.encode_sampled(text, seed=1) == tokenizer.encode(text)
    everything_dropped = tokenizer.encode_sampled(text, seed=1, dropout=1.0)
    assert len(everything_dropped) == len(text.encode())
    with pytest.raises(DataError, match=r"alpha=0\.5 is not for .* bpe"):
        tokenizer.encode_sampled(text, seed=1, alpha=0.5)


def test_ids_of_sampled_cuts_are_as_many_as_hugging_faces(tokenizer, corpus, tmp_path):
    """About as many: there, merges that are no longer possible are drawn for, too, and give those
    that were skipped another chance, which the paper's algorithm does not."""
    tokenizer.save(tmp_path)
    theirs = HuggingFaceTokenizer.from_file(str(tmp_path / "tokenizer.json"))
    theirs.model.dropout = 0.1
    text = corpus[0][:30_000]
    ours = len(tokenizer.encode_sampled(text, seed=3, dropout=0.1))
    assert 1 <= ours / len(theirs.encode(text).ids) < 1.1
    assert ours > 1.1 * len(tokenizer.encode(text))


def test_first_space_is_dropped_where_it_belongs_to_the_spelling(tokenizer):
    definition = dataclasses.replace(
        tokenizer.definition, drops_first_space=True, normalizer=Prefixed(scheme="always")
    )
    prefixed = Tokenizer(definition)
    ids = prefixed.encode("return  x")
    assert prefixed.pieces("return  x")[0] == b" return"
    assert prefixed.decode(ids) == "return  x"
    stream = prefixed.stream()
    assert "".join([*map(stream.push, ids), stream.flush()]) == "return  x"


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


@pytest.mark.parametrize("texts", [[], ["a"], ["a" * 30_000]])
@pytest.mark.parametrize("threads", [0, -1])
def test_fewer_threads_than_one_are_refused_whatever_the_batch(tokenizer, texts, threads):
    with pytest.raises(DataError, match=f"threads={threads} is below 1; use 1 or more"):
        tokenizer.encode_batch(texts, threads=threads)


def test_pieces_are_the_bytes_in_order(tokenizer):
    assert tokenizer.pieces("def return") == [b"def", b" return"]
    assert b"".join(tokenizer.pieces("naïve ✓")) == "naïve ✓".encode()


@pytest.mark.parametrize("run", ["a", " ", "\n", "é", "^", "0", "👍", "\x00"])
def test_a_million_repeats_are_encoded(tokenizer, run):
    text = run * 1_000_000
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


@pytest.mark.parametrize("repeats", [1, 400])
def test_texts_in_an_array_have_the_ids_that_strings_have(tokenizer, scripts, repeats):
    """With and without what needs strings, in plain Python and by the engine."""
    plain = tokenizer.definition
    special = " ".join(plain.special_tokens)
    texts = [*scripts, "", special, "<t> e\u0301 <t>"] * repeats
    added = dataclasses.replace(plain, tokens=(*plain.tokens, b"<t>"), added_tokens={"<t>": 3000})
    composed = dataclasses.replace(plain, normalizer=Composed())
    for definition in (plain, added, composed):
        one = Tokenizer(definition)
        ids, offsets = one.encode_array(TextArray.of(texts))
        expected, places = one.encode_joined(texts)
        assert ids.tolist() == expected.tolist()
        assert offsets.tolist() == places.tolist()
        assert not set(ids.tolist()) & set(plain.special_tokens.values())


def test_tokenizers_of_one_definition_are_equal_and_say_what_they_are(tokenizer):
    same = Tokenizer(tokenizer.definition)
    other = Tokenizer(dataclasses.replace(tokenizer.definition, end_of_text="<|user|>"))
    assert same == tokenizer != other
    assert len({same, tokenizer, other}) == 2
    assert tokenizer != tokenizer.definition
    assert repr(tokenizer) == "Tokenizer(kind='bpe', vocab_size=3000, pattern='llama3')"
