"""Files of other tools' tokenizers, each compared with Hugging Face's library."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer as HuggingFaceTokenizer

from textus.tokenizer.tokenizer import Tokenizer

EDGES = [
    "",
    " ",
    "  ",
    "a",
    " a",
    "  a  b ",
    "▁a ▁▁ b",
    "\n\n x\n",
    "a\tb",
    "<s>",
    "Ünïcödé ẹ́ e\u0301\u0323",
    "the ``unreachable'' reachable only as a word",
    "ABC İstanbul ǅ",
    "漢字とカナ",
    "👩‍👩‍👧‍👦",
    "x" * 120,
    "\x00\x7f",
]
TEXTS = st.text(st.sampled_from("ab eéE\u0301\u0323 ▁\n\t.日1👍`<>tool[]x"), max_size=12)


@pytest.fixture(scope="module")
def ours(published, tmp_path_factory):
    file = tmp_path_factory.mktemp("published") / "tokenizer.json"
    published.save(str(file))
    return Tokenizer.load(file)


def encode(tokenizer: HuggingFaceTokenizer, text: str) -> list[int]:
    return tokenizer.encode(text, add_special_tokens=False).ids


def test_ids_are_hugging_faces(published, ours, scripts):
    @settings(max_examples=60)
    @given(TEXTS)
    def check(text):
        assert ours.encode(text, allowed_special="all") == encode(published, text)

    check()
    for text in [*EDGES, *scripts]:
        assert ours.encode(text, allowed_special="all") == encode(published, text), text


def test_names_in_text_are_found_as_hugging_face_finds_them(published, ours):
    names = [*ours.special_tokens, *ours.definition.added_tokens]
    for text in [f"a {name} b{name}{name}  c" for name in names]:
        assert ours.encode(text, allowed_special="all") == encode(published, text), text


def test_decoded_text_is_hugging_faces(published, ours, scripts):
    for text in [*EDGES, *scripts]:
        ids = ours.encode(text)
        assert ours.decode(ids) == published.decode(ids, skip_special_tokens=False), text


def test_written_file_is_the_same_tokenizer(published, ours, scripts, tmp_path):
    ours.save(tmp_path)
    assert Tokenizer.load(tmp_path).definition == ours.definition
    theirs = HuggingFaceTokenizer.from_file(str(tmp_path / "tokenizer.json"))
    for text in [*EDGES, *scripts]:
        ids = ours.encode(text, allowed_special="all")
        assert encode(theirs, text) == ids, text
        assert theirs.decode(ids, skip_special_tokens=False) == ours.decode(ids), text


def test_offsets_are_hugging_faces(published, ours, scripts):
    """Up to the stated rules: a space that was put in has no characters, one that was replaced its
    own, and where a normalizer joined characters, or left some out, all of them count."""
    for text in scripts:
        ids, offsets = ours.encode_with_offsets(text)
        theirs = np.array(published.encode(text, add_special_tokens=False).offsets)
        if ours.definition.normalizer is None:
            np.testing.assert_array_equal(offsets, theirs, err_msg=text)
        there = np.array([ours.token_bytes(id_) != b" " for id_ in ids])
        assert ids == encode(published, text)
        assert (offsets[there, 0] <= theirs[there, 0]).all()
        assert (offsets[there, 1] >= theirs[there, 1]).all()
