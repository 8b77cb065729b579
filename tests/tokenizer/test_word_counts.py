from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from textus.tokenizer.split.patterns import split_words
from textus.tokenizer.word_counts import count_words

DOCUMENTS = [f"document {i} of many, {'long ' * (i % 50)}" for i in range(400)]


def counted(documents: list[str]) -> Counter[str]:
    return Counter(word for document in documents for word in split_words(document))


def num_bytes(counts: Counter[str]) -> int:
    return sum(len(word.encode()) * count for word, count in counts.items())


@given(st.lists(st.text()))
def test_counts_are_those_of_every_document_by_itself(documents):
    assert count_words(iter(documents), training_bytes=None) == counted(documents)


def test_whole_text_is_counted_when_it_fits():
    size = sum(map(len, DOCUMENTS))
    assert count_words(DOCUMENTS, training_bytes=size) == counted(DOCUMENTS)
    assert count_words(DOCUMENTS, training_bytes=size - 1) != counted(DOCUMENTS)


def test_sample_does_not_depend_on_the_order_of_documents():
    for limit in (1, 1000, 10_000):
        forward = count_words(DOCUMENTS, training_bytes=limit)
        assert forward == count_words(reversed(DOCUMENTS), training_bytes=limit)


def test_sample_fills_most_of_the_limit_and_stays_below_it():
    for limit in (5000, 10_000, 30_000):
        assert 0.6 * limit < num_bytes(count_words(DOCUMENTS, training_bytes=limit)) <= limit


def test_sample_holds_a_document_even_when_none_fits():
    assert count_words(["a long document", ""], training_bytes=1) == counted(["a long document"])


def test_progress_reports_bytes_read():
    seen: list[int] = []
    count_words(
        ["one", "zwölf"],
        training_bytes=None,
        progress=lambda done, total, text: seen.append(done),
    )
    assert seen == [3, 9]
