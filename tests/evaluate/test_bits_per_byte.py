import math

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from textus.errors import DataError, RecipeError
from textus.evaluate import bits_per_byte
from textus.evaluate.bits_per_byte import evaluate_documents, evaluate_plainly, evaluate_texts

END = 256
BYTE_LENGTHS = np.array([1] * 256 + [0] + [2] * 64)


def documents(*lengths, seed=0):
    """Random documents of so many tokens each, of two sources by turns."""
    draw = np.random.default_rng(seed)
    return [
        ("odd" if i % 2 else "even", np.concatenate([[END], draw.integers(0, 256, length)]))
        for i, length in enumerate(lengths)
    ]


def assert_same(one, other, tolerance=1e-6):
    assert one.sources.keys() == other.sources.keys()
    for name, score in one.sources.items():
        twin = other.sources[name]
        assert (score.tokens, score.bytes, score.documents) == (
            *(twin.tokens, twin.bytes, twin.documents),
        )
        assert score.nats == pytest.approx(twin.nats, rel=tolerance)


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    lengths=st.lists(st.integers(1, 12), min_size=1, max_size=4),
    seq_len=st.integers(1, 6),
    stride=st.integers(1, 6),
    rows=st.integers(1, 5),
)
def test_windows_equal_one_forward_for_each_token(model, lengths, seq_len, stride, rows):
    stride = min(stride, seq_len)
    texts = documents(*lengths)
    fast = evaluate_documents(model, texts, BYTE_LENGTHS, seq_len=seq_len, stride=stride, rows=rows)
    slow = evaluate_plainly(model, texts, BYTE_LENGTHS, seq_len=seq_len, stride=stride)
    assert_same(fast, slow, tolerance=1e-5)


def test_the_result_does_not_depend_on_rows_or_chunks(model, monkeypatch):
    texts = documents(100, 3, 64, 65, 200, 1, 30)
    results = [evaluate_documents(model, texts, BYTE_LENGTHS, rows=rows) for rows in (1, 3, 50)]
    monkeypatch.setattr(bits_per_byte, "CHUNK", 7)
    monkeypatch.setattr(bits_per_byte, "SORTED_BATCHES", 1)
    results.append(evaluate_documents(model, texts, BYTE_LENGTHS, rows=2))
    for result in results[1:]:
        assert_same(result, results[0])


def test_a_uniform_model_needs_log2_of_the_vocabulary_for_each_token(make_model, tokenizer):
    model = make_model()
    torch.nn.init.zeros_(model.head.weight)
    texts = [("a", "abcdefgh" * 30), ("b", "größer als null, 🙂")]
    result = evaluate_texts(model, tokenizer, texts)
    for name, text in texts:
        score, size = result.sources[name], len(text.encode())
        assert score.bytes == size
        assert score.tokens == len(tokenizer.encode(text))
        assert score.bits_per_byte == pytest.approx(math.log2(340) * score.tokens / size, rel=1e-6)
        assert score.perplexity == pytest.approx(340, rel=1e-5)
        assert score.nats_per_token == pytest.approx(math.log(340), rel=1e-6)


def test_the_total_is_the_sum_of_the_sources(model):
    result = evaluate_documents(model, documents(50, 100, 7), BYTE_LENGTHS)
    even, odd = result.sources["even"], result.sources["odd"]
    assert (even.tokens, odd.tokens, even.documents, odd.documents) == (57, 100, 2, 1)
    assert result.total.tokens == 157
    assert result.total.documents == 3
    assert result.total.nats == even.nats + odd.nats
    share = even.bytes / result.total.bytes
    mean = share * even.bits_per_byte + (1 - share) * odd.bits_per_byte
    assert result.total.bits_per_byte == pytest.approx(mean)


def test_special_tokens_count_neither_as_bits_nor_as_bytes(model):
    plain = [END, 5, 6, 7]
    with_special = [END, 5, 6, 7, END]
    one = evaluate_documents(model, [("a", plain)], BYTE_LENGTHS)
    two = evaluate_documents(model, [("a", with_special)], BYTE_LENGTHS)
    assert_same(one, two)
    assert one.total.tokens == 3


def test_the_end_of_text_before_a_document_is_read(model):
    [(source, ids)] = documents(20)
    with_other_start = np.concatenate([[3], ids[1:]])
    one = evaluate_documents(model, [(source, ids)], BYTE_LENGTHS)
    two = evaluate_documents(model, [(source, with_other_start)], BYTE_LENGTHS)
    assert one.total.nats != two.total.nats


def test_documents_do_not_see_one_another(model):
    first, second = documents(40, 90)
    apart = [evaluate_documents(model, [d], BYTE_LENGTHS).total.nats for d in (first, second)]
    together = evaluate_documents(model, [first, second], BYTE_LENGTHS).total.nats
    assert together == pytest.approx(sum(apart), rel=1e-6)


@pytest.mark.parametrize("length", [1, 31, 32, 33, 47, 48, 49, 300])
def test_each_token_has_half_a_window_before_it(length):
    ids = np.arange(length + 1)
    windows = list(bits_per_byte._windows([("a", ids)], seq_len=32, stride=16))
    counted = np.concatenate([window.ids[1 + window.first :] for window in windows])
    assert counted.tolist() == list(range(1, length + 1))
    for window in windows:
        assert len(window.ids) <= 33
        assert window.ids[0] == 0 or window.first >= 16


def test_no_more_than_a_chunk_of_logits_exists_at_a_time(make_model, monkeypatch):
    model, seen = make_model(), []
    nats = bits_per_byte._nats
    monkeypatch.setattr(
        bits_per_byte, "_nats", lambda logits, ids: seen.append(len(logits)) or nats(logits, ids)
    )
    monkeypatch.setattr(bits_per_byte, "CHUNK", 10)
    evaluate_documents(model, documents(200), BYTE_LENGTHS)
    assert max(seen) == 10
    assert sum(seen) == 200


def test_progress_counts_every_token(model):
    steps = []
    texts = documents(200, 100, 5)
    evaluate_documents(
        *(model, texts, BYTE_LENGTHS),
        seq_len=16,
        rows=1,
        progress=lambda done, total, text: steps.append((done, total, text)),
    )
    assert len(steps) > 1
    assert steps == sorted(steps, key=lambda step: step[0])
    assert steps[-1] == (305, None, "evaluating even")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"seq_len": 65}, "seq_len=65 .* max_seq_len=64"),
        ({"seq_len": 0}, "seq_len=0"),
        ({"seq_len": 8, "stride": 9}, "stride=9 .* seq_len=8"),
        ({"stride": 0}, "stride=0"),
    ],
)
def test_windows_that_cannot_be_are_refused(model, settings, message):
    with pytest.raises(RecipeError, match=message):
        evaluate_documents(model, documents(5), BYTE_LENGTHS, **settings)


def test_nothing_to_evaluate_is_an_error_that_names_the_source(model, tokenizer):
    with pytest.raises(DataError, match="no document"):
        evaluate_texts(model, tokenizer, [])
    with pytest.raises(DataError, match=r"empty\.txt has no text"):
        evaluate_texts(model, tokenizer, [("full.txt", "abc"), ("empty.txt", "")])


def test_a_tokenizer_larger_than_the_model_is_refused(make_model):
    with pytest.raises(DataError, match="do not belong together"):
        evaluate_documents(make_model(vocab_size=300), documents(5), BYTE_LENGTHS)
