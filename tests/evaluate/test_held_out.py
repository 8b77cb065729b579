import numpy as np
import pytest

from textus.corpus.documents import Document, DocumentWriter, document_groups
from textus.data.held_out import iterate_documents
from textus.data.shard_writer import write_shards
from textus.data.shards import open_shards
from textus.evaluate.bits_per_byte import evaluate_documents
from textus.evaluate.held_out import HELD_OUT, held_out_evaluator

TEXTS = [
    ("plays", "abcdefgh, said the letters. " * 9),
    ("plays", "short"),
    ("poems", "Größe und 🙂 in einem Satz. " * 5),
]


@pytest.fixture
def held_out(tmp_path, tokenizer):
    with DocumentWriter(tmp_path, "held_out") as writer:
        for source, text in TEXTS:
            writer.write(Document(source, "file", text))
    write_shards(
        document_groups(tmp_path, "held_out"),
        tmp_path,
        encode=tokenizer.encode_joined,
        end_of_text=tokenizer.end_of_text,
        vocab_size=tokenizer.vocab_size,
        shard_tokens=1000,
        split="held_out",
    )
    return open_shards(tmp_path, "held_out")


def test_all_rows_give_the_bits_of_windows_that_do_not_overlap(model, tokenizer, held_out):
    lengths = tokenizer.byte_lengths()
    quick = held_out_evaluator(held_out, lengths, seq_len=16, rows=3, max_rows=1000)
    exact = []
    for source, ids in iterate_documents(held_out):  # without moving the last window back
        cuts = range(0, len(ids) - 1, 16)
        exact += [
            evaluate_documents(model, [(source, ids[cut : cut + 17])], lengths, seq_len=16).total
            for cut in cuts
        ]
    size = sum(len(text.encode()) for _, text in TEXTS)
    assert sum(score.bytes for score in exact) == size
    bits = sum(score.nats for score in exact) / np.log(2) / size
    assert quick(model) == {HELD_OUT: pytest.approx(bits, rel=1e-6)}


def test_the_same_rows_are_evaluated_each_time_whatever_their_batching(model, tokenizer, held_out):
    lengths = tokenizer.byte_lengths()
    settings = {"seq_len": 16, "max_rows": 6}
    one = held_out_evaluator(held_out, lengths, rows=1, **settings)
    many = held_out_evaluator(held_out, lengths, rows=50, **settings)
    everything = held_out_evaluator(held_out, lengths, rows=50, seq_len=16, max_rows=1000)
    assert one(model) == one(model)
    assert one(model)[HELD_OUT] == pytest.approx(many(model)[HELD_OUT], rel=1e-6)
    assert one(model) != everything(model)
