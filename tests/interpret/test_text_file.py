"""Files in blocks: the ids are those of the whole text."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from textus.errors import DataError
from textus.interpret import text_file
from textus.interpret.text_file import TextFile, encode_file
from textus.tokenizer.bpe.model import Merges
from textus.tokenizer.definition import Definition
from textus.tokenizer.normalize import Composed, Lowercased, Prefixed, chain
from textus.tokenizer.split.patterns import PatternSplitter
from textus.tokenizer.tokenizer import Tokenizer

BYTES = tuple(bytes([byte]) for byte in range(256))
JOINED = (b"th", b"the", b" the", b"\n\n", b"  ", b"   ", "é".encode())
MERGES = ((b"t", b"h"), (b"th", b"e"), (b" ", b"the"), (b"\n", b"\n"), (b" ", b" "), (b"  ", b" "))
SNIPPETS = ["the", " ", "  ", "\n", "\n\n", " \n ", "\t", "7", "12345", ".", "é", "e\u0301", "日本"]
TEXTS = st.lists(st.sampled_from([*SNIPPETS, "<x y>"]), max_size=120).map("".join)


def make(pattern: str, **options) -> Tokenizer:
    tokens = (*BYTES, *JOINED, b"<x y>")
    ids = {token: id_ for id_, token in enumerate(tokens)}
    merges = tuple((ids[left], ids[right]) for left, right in MERGES)
    model = Merges(ids=ids, merges=(*merges, (0xC3, 0xA9)))
    splitter = PatternSplitter(pattern=pattern)
    return Tokenizer(Definition(tokens=tokens, model=model, splitter=splitter, **options))


ADDED = {"added_tokens": {"<x y>": len(BYTES) + len(JOINED)}}
TOKENIZERS = [
    *(make(pattern) for pattern in ("gpt2", "cl100k", "o200k", "digits", "spaces", "none")),
    make(r"\w+|\W"),
    make("llama3", **ADDED),
    make("gpt2", normalizer=chain(Composed(), Lowercased())),
    *(
        make("spaces", normalizer=Prefixed(scheme=scheme), drops_first_space=True, **more)
        for scheme in ("always", "missing", "first")
        for more in ({}, ADDED)
    ),
]


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Callable[[bytes], TextFile]:
    path = tmp_path_factory.mktemp("texts") / "own.txt"

    def file(data: bytes) -> TextFile:
        path.write_bytes(data)
        return TextFile(name="own", path=path)

    return file


@pytest.fixture(scope="module", autouse=True)
def _small_blocks():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(text_file, "BLOCK", 40)
        patch.setattr(text_file, "_CONTEXT", 25)
        yield


@pytest.mark.parametrize("tokenizer", TOKENIZERS)
def test_ids_of_blocks_are_those_of_the_whole_text(file, tokenizer: Tokenizer):
    @settings(max_examples=60)
    @given(TEXTS)
    def check(text: str):
        blocks = list(encode_file(tokenizer, file(text.encode())))
        assert "".join(block.text for block in blocks) == text
        ids = [id_ for block in blocks for id_ in block.ids.tolist()]
        assert ids == tokenizer.encode(text)
        assert b"".join(block.returned for block in blocks) == tokenizer.decode_bytes(ids)
        words = [word for block in blocks for word in block.text.split()]
        assert words == text.split()

    check()


@pytest.mark.parametrize("tokenizer", TOKENIZERS[:5])
def test_a_long_text_comes_in_blocks(file, tokenizer: Tokenizer):
    blocks = list(encode_file(tokenizer, file("the thin 日本 the.\n".encode() * 200)))
    assert len(blocks) > 20
    assert max(len(block.text) for block in blocks) < 200


def test_a_text_that_cannot_be_cut_is_one_block(file):
    (block,) = encode_file(make("none"), file(b"the the " * 100))
    assert block.ids.dtype == np.uint32
    assert block.text == "the the " * 100


@given(st.text(min_size=10), st.sampled_from([b"\xff", b"\xc3", b"\xe6\x97"]), st.text())
def test_what_is_not_utf8_is_found_where_it_stands(file, before: str, wrong: bytes, after: str):
    data = before.encode() + wrong + after.encode()
    with pytest.raises(UnicodeDecodeError) as expected:
        data.decode()
    with pytest.raises(DataError, match=rf"not UTF-8 \(at byte {expected.value.start:,}\)"):
        file(data).check()


def test_white_space_alone_is_no_text(file):
    with pytest.raises(DataError, match="has no text"):
        file(b" \n" * 60).check()
    file(b" \n" * 60 + b".").check()
