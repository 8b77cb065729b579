from hypothesis import given
from hypothesis import strategies as st


def test_streamed_text_is_the_decoded_text(tokenizer):
    @given(st.lists(st.integers(0, tokenizer.vocab_size - 1)))
    def check(ids):
        stream = tokenizer.stream()
        streamed = [stream.push(id_) for id_ in ids]
        assert "".join([*streamed, stream.flush()]) == tokenizer.decode(ids)

    check()


def test_streamed_bytes_are_the_decoded_bytes(tokenizer):
    """Single bytes make every kind of broken UTF-8; all ids would rarely do."""
    ids = tokenizer.definition.model.ids
    parts = st.sampled_from(
        ["é".encode(), "日".encode(), "👍".encode(), b"a", b"\xff", b"\xed\xa0"]
    )

    @given(st.lists(parts.flatmap(lambda part: st.integers(1, len(part)).map(lambda n: part[:n]))))
    def check(chunks):
        stream = tokenizer.stream()
        text = "".join(stream.push(ids[bytes([byte])]) for byte in b"".join(chunks))
        assert text + stream.flush() == b"".join(chunks).decode(errors="replace")

    check()


def test_no_half_character_is_ever_emitted(tokenizer):
    text = "naïve 日本 👩‍👩‍👧 ẹ́"
    ids = tokenizer.definition.model.ids
    stream = tokenizer.stream()
    emitted = [stream.push(ids[bytes([byte])]) for byte in text.encode()]
    assert "\ufffd" not in "".join(emitted)
    assert [part for part in emitted if part] == list(text)
    assert stream.flush() == ""


def test_unfinished_character_appears_at_the_end(tokenizer):
    stream = tokenizer.stream()
    first_byte = tokenizer.definition.model.ids[b"\xf0"]
    assert stream.push(first_byte) == ""
    assert stream.flush() == "\ufffd"
