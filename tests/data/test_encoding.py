import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from textus.data import encoding
from textus.data.encoding import Encoding, Job, encode_pieces
from textus.errors import DataError

END = 9


def encoding_of(encode, vocab_size=10):
    return Encoding(encode=encode, end_of_text=END, vocab_size=vocab_size, dtype=np.dtype("<u2"))


def test_each_document_stands_behind_an_end_of_text_id(piece, encode):
    job = Job(piece([("a", "12"), ("a", ""), ("b", ""), ("a", "345")]))
    encoded = encoding_of(encode)(job)
    assert encoded.tokens.tolist() == [END, 1, 2, END, END, END, 3, 4, 5]
    assert encoded.tokens.dtype == np.uint16
    assert encoded.starts.tolist() == [0, 3, 4, 5]
    assert encoded.runs == [("a", 2), ("b", 1), ("a", 1)]
    assert encoded.sizes.tolist() == [2, 0, 0, 3]


def test_unwanted_documents_are_not_encoded(piece, encode):
    job = Job(piece([("a", "x"), ("b", "34"), ("a", "x"), ("c", "5")]), np.array([0, 1, 0, 1]) > 0)
    encoded = encoding_of(encode)(job)
    assert encoded.tokens.tolist() == [END, 3, 4, END, 5]
    assert encoded.runs == [("b", 1), ("c", 1)]
    assert encoded.sizes.tolist() == [2, 1]


def test_an_id_outside_the_vocabulary_is_refused_with_its_source(piece):
    def wrong(texts):
        return np.array([1, 2, 70_000, 3], np.uint32), np.array([0, 2, 2, 4])

    job = Job(piece([("web", "ab"), ("empty", ""), ("books", "cd")]))
    with pytest.raises(DataError, match=r"id 70000 .*'books'.*10 ids"):
        encoding_of(wrong)(job)


def test_end_of_text_inside_a_document_is_refused_with_its_source(piece):
    def wrong(texts):
        return np.array([1, END, 3, 3], np.uint32), np.array([0, 0, 2, 4])

    job = Job(piece([("empty", ""), ("web", "ab"), ("books", "cd")]))
    with pytest.raises(DataError, match=r"end-of-text id 9 .*'web'.*special tokens"):
        encoding_of(wrong)(job)


def test_results_come_in_order_whichever_is_done_first(piece, encode):
    last_is_done = threading.Event()

    def first_waits(texts):
        if list(texts) == ["1"]:
            assert last_is_done.wait(20)
        elif list(texts) == ["3"]:
            last_is_done.set()
        return encode(texts)

    jobs = [Job(piece([("web", text)])) for text in "123"]
    results = encode_pieces(jobs, encoding_of(first_waits), workers=2, processes=False)
    assert [encoded.tokens.tolist() for _, encoded in results] == [[END, 1], [END, 2], [END, 3]]


def test_text_at_work_stays_within_its_bound_but_for_one_piece_alone(piece, encode, monkeypatch):
    monkeypatch.setattr(encoding, "MEMORY_PER_WORKER", 50)
    lock, held, most = threading.Lock(), 0, {}

    def watch(texts):
        nonlocal held
        with lock:
            (text,) = texts
            held += len(text)
            most[text] = held
        return encode(texts)

    pieces = [piece([("web", text)]) for text in ["1" * 30] * 9 + ["2" * 500] + ["3" * 30] * 9]
    results = encode_pieces(map(Job, pieces), encoding_of(watch), workers=2, processes=False)
    for done, _ in results:
        with lock:
            held -= done.size
    assert most == {"1" * 30: 90, "2" * 500: 500, "3" * 30: 90}


def test_an_error_ends_the_work_and_what_waits_is_not_begun(piece, encode):
    pieces = [piece([("web", "x" if number == 3 else "1")]) for number in range(1000)]

    def refuse(texts):
        if list(texts) == ["x"]:
            raise DataError("no digit")
        return encode(texts)

    results = encode_pieces(map(Job, pieces), encoding_of(refuse), workers=2, processes=False)
    with pytest.raises(DataError, match="no digit"):
        list(results)
    assert sum(piece.reads for piece in pieces) < 1000


def test_processes_and_threads_of_any_number_write_the_same_bytes(tmp_path):
    script = Path(__file__).with_name("workers.py")
    done = subprocess.run(
        [sys.executable, script, tmp_path], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    one, *others = done.stdout.splitlines()
    assert others == [one] * 3


def test_a_process_that_dies_is_reported(tmp_path):
    script = Path(__file__).with_name("workers.py")
    done = subprocess.run(
        [sys.executable, script, tmp_path, "die"], capture_output=True, text=True, timeout=120
    )
    assert "a process that encodes documents ended early" in done.stderr.splitlines()[-1]


def test_processes_end_with_a_parent_that_is_killed(tmp_path):
    script = Path(__file__).with_name("workers.py")
    command = [sys.executable, script, tmp_path, "orphans"]
    # The processes hold the other end of the pipe: reading it ends when the last of them has ended.
    done = subprocess.run(command, stdout=subprocess.PIPE, timeout=60)
    assert done.returncode == -9
    assert len(done.stdout.split()) > 1
