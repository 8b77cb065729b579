import os
from collections import Counter
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from textus.errors import DataError
from textus.tokenizer.counting import count as module
from textus.tokenizer.counting.count import count_documents, count_words
from textus.tokenizer.normalize import Composed
from textus.tokenizer.split.patterns import PATTERNS, PatternSplitter

DOCUMENTS = [f"document {i} of many, {'long ' * (i % 50)}" for i in range(400)]
PLENTY = 10**9
SPLITTER = PatternSplitter()


def counted(documents: list[str], pattern: str = "llama3") -> Counter[bytes]:
    split = PatternSplitter(pattern=pattern).split
    return Counter(word.encode() for document in documents for word in split(document))


def count(documents: Iterable[str], training_bytes: int | None = None) -> Counter[bytes]:
    words = count_words(documents, SPLITTER, training_bytes=training_bytes, memory=PLENTY)
    return Counter(dict(words.items()))


def num_bytes(counts: Counter[bytes]) -> int:
    return sum(len(word) * count for word, count in counts.items())


def test_counts_are_those_of_every_document_by_itself(scripts):
    assert count(DOCUMENTS + scripts) == counted(DOCUMENTS + scripts)


@pytest.mark.parametrize("pattern", [*PATTERNS, r"[a-z]+|[^a-z]+"])
def test_each_pattern_is_counted_alike_with_and_without_kernels(pattern, scripts):
    splitter = PatternSplitter(pattern=pattern)
    documents = [text.encode() for text in scripts + DOCUMENTS]
    words = count_documents(documents, splitter, memory=PLENTY, plain=True)
    assert dict(words.items()) == counted(scripts + DOCUMENTS, pattern)
    if pattern in PATTERNS:
        compiled = count_documents(documents, splitter, memory=PLENTY, plain=False)
        assert list(compiled.items()) == list(words.items())


# compiling takes seconds, the first time
@given(st.lists(st.text(st.sampled_from("ab'1 \n\x00é\u3000漢") | st.characters(codec="utf-8"))))
def test_compiled_and_plain_counting_agree(texts):
    documents = [text.encode() for text in texts]
    plain = count_documents(documents, SPLITTER, memory=PLENTY, plain=True)
    compiled = count_documents(documents, SPLITTER, memory=PLENTY, plain=False, threads=2)
    assert list(compiled.items()) == list(plain.items())


@pytest.mark.parametrize("threads", [0, -2])
@pytest.mark.parametrize("plain", [True, None])
def test_fewer_threads_than_one_are_refused(threads, plain):
    with pytest.raises(DataError, match=f"threads={threads} is below 1"):
        count_documents([b"a"], SPLITTER, memory=PLENTY, threads=threads, plain=plain)


def test_long_words_and_long_documents_are_counted():
    word = b"a" * 100_000
    documents = [word + b" " + word, b"", b"b" * 15, b"b" * 16, b"b" * 17, word]
    words = count_documents(documents, SPLITTER, memory=PLENTY, plain=False)
    expected = {word: 2, b" " + word: 1, b"b" * 15: 1, b"b" * 16: 1, b"b" * 17: 1}
    assert dict(words.items()) == expected


@pytest.mark.parametrize("threads", [1, 2, 3, 4])
def test_threads_and_order_do_not_matter(threads, monkeypatch):
    monkeypatch.setattr(module, "_BATCH", 500)
    documents = [text.encode() for text in DOCUMENTS]
    expected = count_documents(documents, SPLITTER, memory=PLENTY, plain=True)
    words = count_documents(
        reversed(documents), SPLITTER, memory=PLENTY, plain=False, threads=threads
    )
    assert list(words.items()) == list(expected.items())


def numbered_words(n: int) -> list[str]:
    """Documents in which word number i occurs 1 + i % 7 times."""
    letters = str.maketrans("0123456789", "ghijklmnop")
    return [f" w{i:x}x".translate(letters) * (1 + i % 7) for i in range(n)]


@pytest.mark.parametrize("plain", [True, False])
def test_rarest_words_are_left_out_where_memory_is_short(plain, monkeypatch, tmp_path):
    monkeypatch.setattr(module, "_BATCH", 20_000)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    documents = numbered_words(20_000)
    everything = counted(documents)
    memory = sum(16 * len(word) + 16 for word, n in everything.items() if n >= 4)
    words = count_documents(
        map(str.encode, documents), SPLITTER, memory=memory, plain=plain, threads=2
    )
    assert dict(words.items()) == {word: n for word, n in everything.items() if n >= 4}
    rare = [n for n in everything.values() if n < 4]
    assert (words.words_left_out, words.occurrences_left_out) == (len(rare), sum(rare))
    assert not os.listdir(tmp_path)


@pytest.mark.parametrize("plain", [True, False])
def test_spilling_changes_nothing_while_memory_holds_the_words(plain, monkeypatch):
    monkeypatch.setattr(module, "_BATCH", 20_000)
    runs = count_runs(monkeypatch)
    documents = 12 * numbered_words(10_000)
    words = count_documents(
        map(str.encode, documents), SPLITTER, memory=2_000_000, plain=plain, threads=8
    )
    assert len(runs) > 2
    assert dict(words.items()) == counted(documents)


def count_runs(monkeypatch) -> list[int]:
    """What holds the number of words of each run that is written from now on."""
    sizes: list[int] = []
    add = module.Runs.add

    def add_and_note(runs, parted):
        sizes.append(parted.num_words())
        add(runs, parted)

    monkeypatch.setattr(module.Runs, "add", add_and_note)
    return sizes


def test_tables_hold_no_more_words_than_memory_allows(monkeypatch):
    sizes = count_runs(monkeypatch)
    one_document = "".join(numbered_words(100_000)).encode()
    for threads in (1, 4):
        sizes.clear()
        count_documents([one_document], SPLITTER, memory=5_000_000, plain=False, threads=threads)
        assert max(sizes) * threads < 5_000_000 / 24


@given(
    st.lists(st.sampled_from(["a", "é", "Ж", "漢", "\u0301", "1", "'s", " ", "\n", "!", "\u3000"])),
    st.sampled_from(sorted(PATTERNS)),
    st.integers(1, 20),
)
def test_words_of_a_long_document_do_not_depend_on_where_it_is_cut(signs, pattern, size):
    text = "".join(signs).encode()
    splitter = PatternSplitter(pattern=pattern)
    expected = count_documents([text], splitter, memory=PLENTY, plain=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_BATCH", size)
        words = count_documents([text], splitter, memory=PLENTY, plain=False, threads=2)
    assert list(words.items()) == list(expected.items())


def test_temporary_files_are_removed_on_an_error(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))

    def documents():
        yield "a" * 10
        raise KeyboardInterrupt

    for training_bytes in (None, 100):
        with pytest.raises(KeyboardInterrupt):
            count(documents(), training_bytes=training_bytes)
    assert not os.listdir(tmp_path)


def test_normalizer_comes_before_the_splitter():
    words = count_words(
        ["e\u0301"], SPLITTER, training_bytes=None, memory=PLENTY, normalizer=Composed()
    )
    assert dict(words.items()) == {"\u00e9".encode(): 1}


def test_lone_surrogates_become_replacement_characters():
    assert count(["a\ud800"]) == counted(["a\ufffd"])


def test_whole_text_is_counted_when_it_fits():
    size = sum(map(len, DOCUMENTS))
    assert count(DOCUMENTS, training_bytes=size) == counted(DOCUMENTS)
    assert count(DOCUMENTS, training_bytes=size - 1) != counted(DOCUMENTS)


def test_sample_does_not_depend_on_the_order_of_documents():
    for limit in (1, 1000, 10_000):
        forward = count(DOCUMENTS, training_bytes=limit)
        assert forward == count(DOCUMENTS[::-1], training_bytes=limit)


def test_sample_fills_most_of_the_limit_and_stays_below_it():
    for limit in (5000, 10_000, 30_000):
        assert 0.6 * limit < num_bytes(count(DOCUMENTS, training_bytes=limit)) <= limit


def test_sample_holds_a_document_even_when_none_fits():
    assert count(["a long document", ""], training_bytes=1) == counted(["a long document"])


def test_progress_reports_bytes_read():
    seen: list[int] = []
    count_words(
        ["one", "zwölf"],
        SPLITTER,
        training_bytes=None,
        memory=PLENTY,
        progress=lambda done, total, text: seen.append(done),
    )
    assert seen == [3, 9]
