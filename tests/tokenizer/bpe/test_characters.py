import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from textus.tokenizer.bpe.characters import character_length, is_character

PIECES = st.one_of(
    st.binary(max_size=4),
    st.text(max_size=3).map(lambda text: text.encode("utf-8", "surrogatepass")),
    st.sampled_from(
        [b"\xed\xa0\x80", b"\xc0\x80", b"\xe0\x80\x80", b"\xf4\x90\x80\x80", b"\xf0\x9f"]
    ),
)


def lengths(data):
    array, found, i = np.frombuffer(data + bytes(8), np.uint8), [], 0
    while i < len(data):
        found.append(character_length(array, i, len(data)))
        i += found[-1]
    return found


# the first example compiles the kernel
@given(st.lists(PIECES, max_size=8).map(b"".join))
def test_characters_end_where_python_ends_them(data):
    text = data.decode("utf-8", "surrogateescape")
    assert lengths(data) == [len(c.encode("utf-8", "surrogateescape")) for c in text]


def test_one_character_or_stray_byte_is_a_character():
    assert [is_character(x) for x in (b"a", "語".encode(), b"\xff", b"ab", b"\xe8\xaa", b"")] == [
        *(True, True, True),
        *(False, False, False),
    ]
