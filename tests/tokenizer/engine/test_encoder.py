import dataclasses
import pickle
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from textus.errors import DataError
from textus.text_array import TextArray
from textus.tokenizer import compiling
from textus.tokenizer.bpe.model import Merges
from textus.tokenizer.definition import Definition
from textus.tokenizer.engine import encoder as encoder_module
from textus.tokenizer.engine.encoder import Encoder, tell_terminal
from textus.tokenizer.engine.table import new_table
from textus.tokenizer.split.patterns import PatternSplitter

SNIPPETS = st.sampled_from(
    [
        "the",
        " ",
        "  ",
        "\n",
        "'s",
        "'ſ",
        "1234",
        "é",
        "語",
        "日本語の文章",
        "👩‍👩‍👧",
        "\0",
        "def",
        "=" * 40,
    ]
)
TEXTS = st.lists(st.one_of(SNIPPETS, st.text(max_size=40)), max_size=30).map("".join)


def twin(definition, text):
    """The ids of a text as the slow, obvious parts of its definition give them."""
    text = text.encode(errors="replace").decode()
    words = definition.splitter.split(text)
    return [id_ for word in words for id_ in definition.model.encode_word(word.encode())]


def encode(encoder, text):
    return encoder.encode(text.encode(errors="replace")).tolist()


@pytest.fixture(scope="module")
def definition(tokenizer):
    return tokenizer.definition


@pytest.fixture(scope="module")
def encoder(definition):
    encoder = Encoder(definition)
    encoder.encode(b"compiles the kernels")
    return encoder


@pytest.fixture(scope="module")
def encoder_of_words(definition):
    """One whose texts are cut in Python."""
    splitter = PatternSplitter(pattern=r"\w+|\W")
    return Encoder(dataclasses.replace(definition, splitter=splitter))


@pytest.fixture
def tiny_table(monkeypatch):
    """Tables of four sets, so that nearly every word takes another's place, and ids for few long
    words."""
    monkeypatch.setattr(
        encoder_module, "new_table", lambda: new_table(short_bits=2, long_bits=2, ring=128)
    )


@given(TEXTS)
def test_ids_are_those_of_the_twin(definition, encoder, text):
    assert encode(encoder, text) == twin(definition, text)


@pytest.mark.parametrize("pattern", ["gpt2", "cl100k", "o200k", "none", r"\w+|\W"])
def test_ids_are_those_of_the_twin_for_every_splitter(definition, corpus, pattern):
    definition = dataclasses.replace(definition, splitter=PatternSplitter(pattern=pattern))
    encoder = Encoder(definition)
    for text in corpus[-15:]:
        assert encode(encoder, text) == twin(definition, text)


def test_ids_do_not_depend_on_what_the_table_has_room_for(definition, corpus, tiny_table):
    encoder = Encoder(definition)
    for text in corpus:
        assert encode(encoder, text) == twin(definition, text)


def test_words_of_every_length_come_back_from_the_table(definition, encoder):
    words = ["x" * n for n in range(1, 70)] + [" qzj" * n for n in range(1, 17)]
    for word in words * 2:
        assert encode(encoder, word) == twin(definition, word)


def test_words_of_every_length_move_over_to_the_second_slot(definition, tiny_table):
    encoder = Encoder(definition)
    words = [
        "".join(chr(33 + (i * j) % 90) for i in range(n)) for n in range(1, 33) for j in (1, 7)
    ]
    splitter = PatternSplitter(pattern="none")
    definition = dataclasses.replace(definition, splitter=splitter)
    encoder = Encoder(definition)
    batch = [word.encode() for word in words * 3]
    ids, offsets = encoder.encode_batch(batch, threads=1)
    for i, text in enumerate(batch):
        assert ids[offsets[i] : offsets[i + 1]].tolist() == twin(definition, text.decode())


@pytest.mark.parametrize("unit", ["a", "^", " ", "\n", "👍", "日本", "=-", "9"])
def test_a_million_repeats_are_encoded(definition, encoder, unit):
    count = 1_000_000
    ids = encoder.encode((unit * count).encode())
    tokens = definition.tokens
    assert sum(len(tokens[id_]) for id_ in ids.tolist()) == count * len(unit.encode())
    assert encode(encoder, unit * 300) == twin(definition, unit * 300)


@pytest.mark.parametrize("threads", [1, 2, 3, 4, None])
def test_batch_is_its_texts_for_any_number_of_threads(encoder, corpus, monkeypatch, threads):
    monkeypatch.setattr(encoder_module, "_GROUP", 1000)
    texts = [b"", *(text.encode() for text in corpus), b"", b"a\0b", b""]
    ids, offsets = encoder.encode_batch(texts, threads=threads)
    assert (ids.dtype, offsets.dtype, len(offsets)) == (np.uint32, np.int64, len(texts) + 1)
    for i, text in enumerate(texts):
        assert np.array_equal(ids[offsets[i] : offsets[i + 1]], encoder.encode(text))


def test_several_threads_share_one_encoder(definition, corpus):
    encoder = Encoder(definition)
    expected = [twin(definition, text) for text in corpus]
    with ThreadPoolExecutor(4) as pool:
        for _ in range(3):
            assert list(pool.map(lambda text: encode(encoder, text), corpus)) == expected


@pytest.mark.parametrize("texts", [[], [b""], [b"", b"", b""]])
def test_nothing_has_no_ids(encoder, texts):
    ids, offsets = encoder.encode_batch(texts)
    assert len(ids) == 0
    assert offsets.tolist() == [0] * (len(texts) + 1)


@settings(max_examples=50)
@given(st.text(max_size=20), st.integers(0, 60))
def test_truncated_character_at_the_end_is_not_read_past(definition, encoder, text, cut):
    data = (text + "語👩é").encode()[: -1 - cut % 4] + b"\xf0"
    alone = encoder.encode(data)
    ids, offsets = encoder.encode_batch([data, b"\x9f\x91\x8d next"])
    assert np.array_equal(ids[: offsets[1]], alone)
    assert b"".join(definition.tokens[id_] for id_ in alone.tolist()) == data


def test_fewer_than_one_thread_is_refused(encoder):
    with pytest.raises(DataError, match="threads=0"):
        encoder.encode_batch([b"a"], threads=0)


def test_encoder_travels_to_other_processes(encoder, corpus):
    copy = pickle.loads(pickle.dumps(encoder))
    assert encode(copy, corpus[0]) == encode(encoder, corpus[0])


@pytest.mark.parametrize(("seconds", "times"), [(60, 0), (0, 1)])
def test_an_encoder_that_is_long_in_the_making_says_so(
    definition, encoder, monkeypatch, seconds, times
):
    said = []
    monkeypatch.setattr(compiling, "_LOADED", seconds)
    Encoder(definition, progress=lambda done, total, text: said.append(text))
    assert said == times * ["compiling the kernels of encoding, once on this machine"]


@pytest.mark.parametrize("terminal", [True, False])
def test_only_a_terminal_is_told(capsys, monkeypatch, terminal):
    monkeypatch.setattr("sys.stderr.isatty", lambda: terminal)
    tell_terminal(0, None, "one moment")
    assert capsys.readouterr().err == terminal * "textus: one moment\n"


def merges(ids, pairs, **options):
    return Merges(ids=ids, merges=tuple(pairs), **options)


def text_definition(model):
    tokens = {id_: token for token, id_ in model.ids.items()}
    return Definition(
        tokens=tuple(tokens.get(id_, b"") for id_ in range(max(tokens) + 1)),
        model=model,
        splitter=PatternSplitter(pattern="none"),
    )


def test_a_word_that_is_a_token_is_cut_unless_whole_words_are_kept():
    ids = {bytes([byte]): byte for byte in range(256)} | {b"ab": 256, b"bc": 257, b"abc": 258}
    ids[b"unreachable by any merge"] = 259
    for whole_words in (False, True):
        pairs = [(ord("b"), ord("c")), (ord("a"), ord("b")), (256, ord("c"))]
        definition = text_definition(merges(ids, pairs, whole_words=whole_words))
        encoder = Encoder(definition)
        for text in ("abc", "unreachable by any merge", "unreachable by any merges", "ab"):
            assert encode(encoder, text) == twin(definition, text)
        assert (len(encode(encoder, "abc")) == 1) == whole_words


CHARACTERS = ["a", "b", " ", "é", "語", "ab", "é語", " a", "aé", "ab a"]


# the first example compiles the kernels
@pytest.mark.parametrize("spelt", [True, False])
@pytest.mark.parametrize("leftmost", [True, False])
@given(text=st.lists(st.sampled_from([*"ab é語", "x", "👍", "\0"]), max_size=90).map("".join))
def test_words_of_characters_are_those_of_the_twin(spelt, leftmost, text):
    ids = {piece.encode(): 300 + i for i, piece in enumerate(CHARACTERS)}
    number = {piece: 300 + i for i, piece in enumerate(CHARACTERS)}
    joins = [("é", "語"), ("a", "b"), (" ", "a"), ("a", "é"), ("ab", " a")]
    model = merges(
        ids,
        [(number[left], number[right]) for left, right in joins],
        characters=True,
        leftmost=leftmost,
        byte_ids=tuple(range(256)) if spelt else None,
        unknown=None if spelt else 7,
        symbols={b"x": 9},
    )
    definition = text_definition(model)
    assert encode(Encoder(definition), text) == twin(definition, text)


@given(TEXTS, st.lists(TEXTS, max_size=6), TEXTS, st.integers(1, 200))
def test_texts_in_one_array_have_the_ids_that_they_have_apart(
    encoder, encoder_of_words, before, texts, after, group
):
    """Whatever lies around them, and in whatever groups they are encoded."""
    array = TextArray.of([before, *texts, after])
    for some in (encoder, encoder_of_words):
        expected, places = some.encode_batch([text.encode() for text in texts], threads=1)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(encoder_module, "_GROUP", group)
            ids, offsets = some.encode_buffer(array.data, array.offsets[1:-1])
        assert (ids.dtype, offsets.dtype) == (np.uint32, np.int64)
        assert ids.tolist() == expected.tolist()
        assert offsets.tolist() == places.tolist()
