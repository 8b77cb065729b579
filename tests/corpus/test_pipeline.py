import subprocess
import sys
from dataclasses import dataclass

import pytest

from textus.corpus.batches import Row, Verdict, pack, reject, texts, with_text
from textus.corpus.config import ExactDedup, FixText, Length, MapStep
from textus.corpus.pipeline import LARGE_INPUT_BYTES, choose_workers, run_steps
from textus.errors import DataError


@dataclass(frozen=True, kw_only=True)
class Banned(MapStep):
    """A step as a user would write one."""

    word: str

    def apply(self, batch):
        verdicts = [Verdict("banned", self.word) if self.word in t else None for t in texts(batch)]
        return reject(batch, verdicts)


@dataclass(frozen=True, kw_only=True)
class Upper(MapStep):
    def apply(self, batch):
        return with_text(batch, [text.upper() for text in texts(batch)])


@dataclass(frozen=True, kw_only=True)
class Loses(MapStep):
    def apply(self, batch):
        return batch.slice(1)


def batches(*groups):
    rows = iter(range(1, 1000))
    for group in groups:
        yield from pack(Row("s", "f", n, n, text) for n, text in zip(rows, group, strict=False))


def run(steps, groups, workers=1):
    """The kept texts, and of each step the texts it dropped."""
    dropped = {}

    def note(index, batch):
        dropped.setdefault(index, []).extend(texts(batch))

    stream = run_steps(steps, batches(*groups), on_rejected=note, workers=workers)
    return [text for batch in stream for text in texts(batch)], dropped


def test_steps_run_in_the_order_of_the_recipe():
    groups = [["ab", "b"], ["c"]]
    assert run([Banned(word="b"), Upper()], groups) == (["C"], {0: ["ab", "b"]})
    assert run([Upper(), Banned(word="b")], groups) == (["AB", "B", "C"], {})
    assert run([], groups) == (["ab", "b", "c"], {})


def test_a_barrier_sees_what_earlier_steps_kept():
    groups = [["a", "A"], ["b", "a"]]
    assert run([ExactDedup()], groups) == (["a", "A", "b"], {0: ["a"]})
    assert run([Upper(), ExactDedup()], groups) == (["A", "B"], {1: ["A", "A"]})
    assert run([ExactDedup(), Upper(), ExactDedup()], groups) == (["A", "B"], {0: ["a"], 2: ["A"]})


def test_rows_that_vanish_without_a_reason_are_refused():
    with pytest.raises(DataError, match="Loses returned 1 rows for 2"):
        run([Loses()], [["a", "b"]])


def test_the_result_does_not_depend_on_the_number_of_workers():
    groups = [[f"text {n * m % 7} &amp;" for m in range(20)] + ["", "x"] for n in range(20)]
    steps = [FixText(), Length(min_chars=2), ExactDedup(), Length(min_chars=7, max_chars=7)]
    assert run(steps, groups, workers=2) == run(steps, groups)


def test_a_script_that_workers_run_again_is_told_how_to_begin(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        "from textus.corpus.batches import Row, pack\n"
        "from textus.corpus.config import FixText\n"
        "from textus.corpus.pipeline import run_steps\n"
        "rows = pack([Row('s', 'f', 1, 1, 'text')])\n"
        "list(run_steps([FixText()], rows, on_rejected=print, workers=2))\n"
    )
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, timeout=60)
    assert done.returncode
    last = done.stderr.splitlines()[-1]
    assert "DataError" in last
    assert "put the call under `if __name__ == '__main__':`" in last


def test_small_inputs_stay_in_one_process():
    assert choose_workers(LARGE_INPUT_BYTES - 1, None) == 1
    assert choose_workers(LARGE_INPUT_BYTES, None) >= 1
    assert choose_workers(0, 3) == 3


def test_batches_are_bounded_in_bytes_and_rows():
    big = [b.num_rows for b in pack(Row("s", "f", 1, n, "x" * 500_000) for n in range(10))]
    assert big == [5, 5]
    small = [b.num_rows for b in pack(Row("s", "f", 1, n, "x") for n in range(10_000))]
    assert small == [4096, 4096, 1808]
