import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from textus.corpus.pieces import cut
from textus.corpus.readers import blocks

TEXTS = st.text(st.sampled_from("ab \n\n#é語😀\r\t"), max_size=400)


@given(TEXTS, st.integers(1, 60))
def test_the_pieces_joined_are_the_text(text, piece_bytes):
    assert "".join(cut(text, piece_bytes)) == text


@given(TEXTS, st.integers(16, 60))
def test_pieces_are_of_the_size_asked_for(text, piece_bytes):
    sizes = [len(piece.encode()) for piece in cut(text, piece_bytes)]
    assert all(piece_bytes // 2 <= size <= piece_bytes + 3 for size in sizes[:-1])
    assert all(0 < size <= piece_bytes * 3 // 2 for size in sizes[-1:])


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("aaaa\n## one\nbb\n\n# two\ncc\n### three\n" + "d" * 40, "aaaa\n## one\nbb\n\n"),
        ("aaaa\nbbbb bb bb\n\ncc cc\ndd\n" + "e" * 60, "aaaa\nbbbb bb bb\n\n"),
        ("aaaa bbbb bbb bb\ncc cc cc" + "e" * 60, "aaaa bbbb bbb bb\n"),
        ("aaaa bbbb bbb bb cc" + "e" * 60, "aaaa bbbb bbb bb "),
        ("é" * 60, "é" * 14),
    ],
    ids=["heading", "paragraph", "line", "word", "character"],
)
def test_a_text_is_cut_where_a_reader_would_pause(text, first):
    assert cut(text, 29)[0] == first


def test_a_short_text_is_one_piece_and_no_text_is_none():
    assert cut("short", 100) == ["short"]
    assert cut("", 100) == []


@given(st.binary(max_size=200) | TEXTS.map(str.encode), st.integers(8, 64))
def test_blocks_joined_are_the_stream_and_none_is_too_large(data, size):
    parts = list(blocks(io.BytesIO(data), size))
    assert b"".join(parts) == data
    assert all(len(part) <= size for part in parts)


@given(TEXTS, st.integers(8, 64))
def test_blocks_never_split_a_character(text, size):
    assert "".join(part.decode() for part in blocks(io.BytesIO(text.encode()), size)) == text
